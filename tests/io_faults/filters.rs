//! Damaged chunks behind every registered filter: an error that names file, variable and chunk, or other values; never a panic.

use super::{data, read};
use hyperslab::io::{self, StorageIndex, VariableInfo};
use hyperslab::spec::SourceSpec;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// A copy of the file of all filters, one variable of it, and where its first chunk lies.
struct Damaged {
    _folder: tempfile::TempDir,
    path: PathBuf,
    file: File,
    spec: SourceSpec,
    index: Arc<StorageIndex>,
    at: u64,
    stored: Vec<u8>,
}

impl Damaged {
    fn new(v: &VariableInfo) -> Damaged {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        std::fs::copy(data("filters.h5"), &path).unwrap();
        let StorageIndex::Chunked {
            addresses, sizes, ..
        } = io::index(&v.source).unwrap()
        else {
            panic!("{} has no chunks", v.name);
        };
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let mut stored = vec![0; sizes[0] as usize];
        file.read_exact_at(&mut stored, addresses[0]).unwrap();
        let mut spec = v.source.clone();
        spec.file.path = path.clone();
        let index = io::index(&v.source).unwrap();
        Damaged {
            _folder: folder,
            path,
            file,
            spec,
            index: Arc::new(index),
            at: addresses[0],
            stored,
        }
    }

    /// Reads with these bytes instead of the stored ones; the error's message.
    fn read_with(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.write_all_at(bytes, self.at).unwrap();
        let modified = self.file.metadata().unwrap().modified().unwrap();
        let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
        self.spec.file.modified_ns = since.as_nanos() as i64;
        match read(&self.spec, self.index.clone()) {
            Ok(_) => Ok(()),
            Err(e) => {
                assert!(e.is_data(), "{}: {e}", self.spec.variable);
                let text = e.message().to_owned();
                for word in [
                    self.path.display().to_string(),
                    format!("variable {}", self.spec.variable),
                    format!("chunk {:?}", vec![0; self.spec.shape.len()]),
                ] {
                    assert!(text.contains(&word), "{text}");
                }
                Err(text)
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_filtered_chunk_is_named() {
    let info = io::open(&data("filters.h5"), None).unwrap();
    // The variable, a byte of its first chunk, what it becomes, and words of the error.
    for (name, at, value, words) in [
        ("zstd/alone_f8_2", 0, 0, "zstd frame is damaged"),
        ("blosc_lz4/alone_f8_2", 4, 9, "blosc header says"),
        ("blosc_lz4/alone_f8_2", 0, 77, "its blosc header is damaged"),
        ("lz4/alone_f8_2", 6, 1, "its header of lz4 says"),
        ("lz4_blocks/alone_f8_2", 11, 0, "blocks of 0 bytes"),
        ("lz4/alone_f8_2", 12, 1, "bytes early"),
        ("bzip2/alone_f8_2", 0, 0, "bzip2 stream is damaged"),
        ("long/lzf", 0, 0xff, "points outside"),
        (
            "bitshuffle_lz4/alone_f8_2",
            7,
            1,
            "its header of bitshuffle says",
        ),
        ("bitshuffle_zstd/alone_f8_2", 11, 9, "no multiple of 8"),
        ("szip_nn/alone_f8_2", 0, 1, "its header of szip says"),
    ] {
        let v = info.variables.iter().find(|v| v.name == name).unwrap();
        let mut damaged = Damaged::new(v);
        let whole = damaged.stored.clone();
        damaged.read_with(&whole).unwrap();
        let mut bytes = whole.clone();
        bytes[at] = value;
        let text = damaged.read_with(&bytes).expect_err(name);
        assert!(text.contains(words), "{name}: {text}");
    }
}

#[test]
fn a_damaged_byte_of_a_filtered_chunk_ends_in_ok_or_err() {
    let info = io::open(&data("filters.h5"), None).unwrap();
    let mut refused = 0;
    for v in info
        .variables
        .iter()
        .filter(|v| v.name.ends_with("/alone_f8_2"))
    {
        let mut damaged = Damaged::new(v);
        let whole = damaged.stored.clone();
        for at in (0..whole.len()).step_by(3) {
            for value in [0, 0xff, !whole[at], whole[at] ^ 1] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                refused += usize::from(damaged.read_with(&bytes).is_err());
            }
        }
    }
    assert!(refused > 200, "{refused}");
}
