//! What a run is, so that only the same run goes on from its journal.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Everything that the bits of a run depend on. Ranks, threads and memory are not among it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunKey {
    /// Version of the program, with the kernels that are registered in it.
    pub version: String,
    /// Digest of the graph: what is computed.
    pub graph: String,
    /// Digest of the description of the outputs: names, shapes, chunks, attributes, coordinates.
    pub outputs: String,
    /// Digest of the arrays that the program brought along.
    pub data: String,
    /// The files that are read.
    pub inputs: Vec<InputKey>,
}

/// A file that is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputKey {
    /// Its path.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// When it was modified last, in nanoseconds since 1970.
    pub modified_ns: i64,
}

impl RunKey {
    /// One text for all of it.
    pub fn digest(&self) -> String {
        let mut sha = Sha::default();
        sha.debug(self);
        sha.hex()
    }

    /// In what `now` is another run than this one; `None` when it is the same.
    pub fn difference(&self, now: &RunKey) -> Option<String> {
        if self.version != now.version {
            return Some(format!(
                "it was started by hyperslab {}, and this is {}",
                self.version, now.version
            ));
        }
        // The file is named whose change a user can see.
        for input in &self.inputs {
            match now.inputs.iter().find(|other| other.path == input.path) {
                None => return Some(format!("it read {}, which this run does not", input.path)),
                Some(other) if other != input => {
                    let what = match other.bytes == input.bytes {
                        true => "it was written to since".to_owned(),
                        false => format!("{} bytes then, {} now", input.bytes, other.bytes),
                    };
                    return Some(format!("its input {} has changed: {what}", input.path));
                }
                Some(_) => {}
            }
        }
        if let Some(more) = (now.inputs.iter())
            .find(|other| !self.inputs.iter().any(|input| input.path == other.path))
        {
            return Some(format!(
                "it did not read {}, which this run does",
                more.path
            ));
        }
        if self.graph != now.graph {
            return Some(
                "what is computed has changed (the script, its constants, or the program)".into(),
            );
        }
        if self.data != now.data {
            return Some("an array that the program brings along has changed".into());
        }
        if self.outputs != now.outputs {
            return Some("the outputs have changed: their names, chunks, compression, attributes or coordinates".into());
        }
        None
    }
}

/// A digest (SHA-256) of values and bytes.
#[derive(Default)]
pub struct Sha(Sha256);

impl fmt::Write for Sha {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

impl Sha {
    /// Adds the whole of a value, as its `Debug` form has it.
    pub fn debug(&mut self, value: &impl fmt::Debug) {
        // Hashing does not fail.
        let _ = fmt::write(self, format_args!("{value:?};"));
    }

    /// Adds bytes, by their length and two checksums of different polynomials: at the speed of memory.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.debug(&(
            bytes.len(),
            crc32c::crc32c(bytes),
            libdeflater::crc32(bytes),
        ));
    }

    /// The digest in hexadecimal: 32 digits.
    pub fn hex(self) -> String {
        let digest = self.0.finalize();
        digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}
