//! What a machine takes for the parts of a job: a file that `hyperslab calibrate` measures once, from which plans tell times.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The version of the file: profiles of another one are measured again.
const VERSION: u32 = 1;

/// The rates of a machine: one node, or nodes that are alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Version of this record.
    pub hyperslab_machine_profile: u32,
    /// The machine, for people.
    pub machine: String,
    /// When it was measured (UTC); empty for the built-in one, which nobody measured.
    pub measured: String,
    /// Cores of a node.
    pub cores: usize,
    /// Ranks that measured the network together; with 1 the memory stands in.
    pub ranks: usize,
    /// Work that all cores of a node get done together, over that of one core alone times their number.
    pub parallel_efficiency: f64,
    /// Seconds from the start of the program to that of the driver and back at its end.
    pub start_s: f64,
    /// Seconds of a stage, however small.
    pub stage_s: f64,
    /// Seconds of a tile, however small.
    pub tile_s: f64,
    /// Files.
    pub files: FileRates,
    /// Filters of chunks.
    pub codecs: CodecRates,
    /// Memory.
    pub memory: MemoryRates,
    /// Between ranks.
    pub network: NetworkRates,
    /// Loops, on one thread.
    pub kernels: KernelRates,
}

/// Rates of files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRates {
    /// Bytes per second that one thread reads of what is in the system's memory.
    pub cached_bytes_per_s: f64,
    /// Bytes per second that a node reads of what is not.
    pub disk_bytes_per_s: f64,
    /// Bytes per second that a node writes until they are safe.
    pub write_bytes_per_s: f64,
    /// Seconds for a chunk that is a file of its own: opened and read, or made.
    /// Seconds for a chunk that is a file of its own: opened and read, or made.
    pub file_s: f64,
    /// Seconds of an output, however small: made, made safe, and given its name.
    pub save_s: f64,
}

/// What a filter takes on one thread. Time is that for the packed bytes and that for the plain ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodecRate {
    /// Nanoseconds for each packed byte, to unpack it.
    pub packed_ns: f64,
    /// Nanoseconds for each byte that comes out of it.
    pub plain_ns: f64,
    /// Nanoseconds for each plain byte, to pack it (zlib and zstd at level 1).
    pub encode_ns: f64,
}

/// Rates of filters; those that are not named take the time of zstd.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodecRates {
    /// None: bytes go from the chunk into the array.
    pub plain: CodecRate,
    /// zlib, with shuffle.
    pub deflate: CodecRate,
    /// zstd, with shuffle.
    pub zstd: CodecRate,
}

/// Rates of memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryRates {
    /// Bytes per second that one thread copies.
    pub one_bytes_per_s: f64,
    /// Bytes per second that all threads of a node copy together.
    pub all_bytes_per_s: f64,
}

/// Rates between ranks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkRates {
    /// Seconds of a small message.
    pub latency_s: f64,
    /// Bytes per second of a large one, while all ranks send.
    pub bytes_per_s: f64,
}

/// Nanoseconds of loops on one thread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelRates {
    /// A step of a program, for each byte of its elements: arithmetic, comparisons, casts.
    pub step_byte_ns: f64,
    /// A step that calls a function, for each element: exp, sin, power.
    pub function_ns: f64,
    /// An element that a fold takes: sum, mean, extremes.
    pub fold_ns: f64,
    /// An element that a fold of a statistic takes: variance, positions of extremes.
    pub statistic_ns: f64,
    /// An element that a fold into groups takes.
    pub group_ns: f64,
    /// An element that is made from its index: random numbers.
    pub generate_ns: f64,
    /// An element of a transform of 1024, along one axis.
    pub fourier_ns: f64,
    /// An element of a moving window.
    pub window_ns: f64,
    /// An element of any other operation on blocks, by the weight that its family states.
    pub weight_ns: f64,
}

impl Profile {
    /// The variable of the environment with the file, where the command line names none.
    pub const VARIABLE: &str = "HYPERSLAB_PROFILE";

    /// A machine that was not measured: a node of a few years ago with a busy parallel file system. Rather slow, so that what is
    /// asked of Slurm by it is enough.
    pub fn conservative(cores: usize) -> Profile {
        Profile {
            hyperslab_machine_profile: VERSION,
            machine: "built-in, conservative".to_owned(),
            measured: String::new(),
            cores: cores.max(1),
            ranks: 1,
            parallel_efficiency: 0.6,
            start_s: 1.0,
            stage_s: 2e-3,
            tile_s: 50e-6,
            files: FileRates {
                cached_bytes_per_s: 2e9,
                disk_bytes_per_s: 300e6,
                write_bytes_per_s: 150e6,
                file_s: 1e-3,
                save_s: 0.1,
            },
            codecs: CodecRates {
                plain: CodecRate {
                    packed_ns: 0.0,
                    plain_ns: 0.5,
                    encode_ns: 0.5,
                },
                deflate: CodecRate {
                    packed_ns: 4.0,
                    plain_ns: 1.5,
                    encode_ns: 20.0,
                },
                zstd: CodecRate {
                    packed_ns: 1.0,
                    plain_ns: 1.5,
                    encode_ns: 6.0,
                },
            },
            memory: MemoryRates {
                one_bytes_per_s: 4e9,
                all_bytes_per_s: 12e9,
            },
            network: NetworkRates {
                latency_s: 20e-6,
                bytes_per_s: 500e6,
            },
            kernels: KernelRates {
                step_byte_ns: 0.15,
                function_ns: 10.0,
                fold_ns: 2.0,
                statistic_ns: 6.0,
                group_ns: 4.0,
                generate_ns: 6.0,
                fourier_ns: 40.0,
                window_ns: 12.0,
                weight_ns: 2.0,
            },
        }
    }

    /// True when somebody measured it.
    pub fn is_measured(&self) -> bool {
        !self.measured.is_empty()
    }

    /// The version that is written.
    pub fn version() -> u32 {
        VERSION
    }

    /// Where a profile lies when neither the command line nor the environment says: in the user's folder of settings.
    pub fn default_path() -> Option<PathBuf> {
        let of = |name: &str| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
            let path = PathBuf::from(value);
            path.is_absolute().then_some(path)
        };
        let settings = of("XDG_CONFIG_HOME").or_else(|| Some(of("HOME")?.join(".config")))?;
        Some(settings.join("hyperslab").join("machine.json"))
    }

    /// The file that `named` says, else the environment; `None` for the default one, which may be missing.
    pub fn named_path(named: Option<&Path>) -> Option<PathBuf> {
        let said = std::env::var_os(Self::VARIABLE).filter(|value| !value.is_empty());
        named.map(Path::to_owned).or(said.map(PathBuf::from))
    }

    /// The profile of a file that `named` or the environment says; else that of the default path; else the built-in one, for a node
    /// of `cores`.
    ///
    /// # Errors
    /// I/O when a file that was named, or that is there, cannot be read; data when it is no profile, or a damaged one.
    pub fn load(named: Option<&Path>, cores: usize) -> Result<Profile> {
        let (path, must) = match Self::named_path(named) {
            Some(path) => (path, true),
            None => match Self::default_path() {
                Some(path) => (path, false),
                None => return Ok(Self::conservative(cores)),
            },
        };
        match std::fs::read(&path) {
            Ok(bytes) => Self::parse(&bytes).map_err(|e| {
                let path = path.display();
                e.context(format!("reading the machine profile {path}"))
            }),
            Err(e) if !must && e.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::conservative(cores))
            }
            Err(e) => Err(Error::new(
                crate::error::Fault::Io,
                format!("reading the machine profile {}: {e}", path.display()),
            )),
        }
    }

    /// A profile from the bytes of its file.
    ///
    /// # Errors
    /// Data when they are no profile, one of another version, or hold a rate that no machine has.
    pub fn parse(bytes: &[u8]) -> Result<Profile> {
        let again = "measure it again with `hyperslab calibrate`";
        let value: serde_json::Value = serde_json::from_slice(bytes)
            .map_err(|e| Error::data(format!("it is not JSON ({e}); {again}")))?;
        match value.get("hyperslab_machine_profile") {
            None => {
                return Err(Error::data(format!(
                    "it is not a machine profile: there is no `hyperslab_machine_profile` in it; {again}"
                )));
            }
            Some(version) if version.as_u64() != Some(u64::from(VERSION)) => {
                return Err(Error::data(format!(
                    "it has version {version}, allowed is {VERSION}; {again}"
                )));
            }
            Some(_) => {}
        }
        let profile: Profile = serde_json::from_value(value.clone())
            .map_err(|e| Error::data(format!("it is damaged: {e}; {again}")))?;
        match wrong(&value, "") {
            Some(wrong) => Err(Error::data(format!("it is damaged: {wrong}; {again}"))),
            None => Ok(profile),
        }
    }

    /// The text of its file.
    ///
    /// # Errors
    /// Internal when it cannot be put into JSON.
    pub fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| Error::internal(format!("a machine profile as JSON: {e}")))?;
        Ok(text + "\n")
    }
}

/// The least and the most that a number of this name can be on any machine.
fn bounds(name: &str) -> (f64, f64) {
    let ends = |end: &str| name.ends_with(end);
    match () {
        () if ends("per_s") => (1e3, 1e13),
        () if ends("efficiency") => (1e-3, 4.0),
        () if ends("cores") || ends("ranks") => (1.0, 1e7),
        () if ends("_ns") => (0.0, 1e9),
        () if ends("_s") => (0.0, 3600.0),
        () => (0.0, 1e15),
    }
}

/// The first number that no machine has.
fn wrong(value: &serde_json::Value, name: &str) -> Option<String> {
    match value {
        serde_json::Value::Object(fields) => fields.iter().find_map(|(field, value)| {
            let name = match name {
                "" => field.clone(),
                _ => format!("{name}.{field}"),
            };
            wrong(value, &name)
        }),
        serde_json::Value::Number(number) => {
            let value = number.as_f64().unwrap_or(f64::NAN);
            let (least, most) = bounds(name);
            let fits = (least..=most).contains(&value);
            (!fits).then(|| format!("{name} is {number}, allowed are {least:?} … {most:?}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_profile_comes_back() {
        let profile = Profile::conservative(7);
        let text = profile.to_json().unwrap();
        assert_eq!(Profile::parse(text.as_bytes()).unwrap(), profile);
        assert!(!profile.is_measured());
    }

    #[test]
    fn damaged_and_foreign_profiles_are_refused_by_one_error() {
        let text = Profile::conservative(7).to_json().unwrap();
        let changed = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            let text = text.replacen(from, to, 1);
            Profile::parse(text.as_bytes()).unwrap_err().to_string()
        };
        for (from, to, says) in [
            ("{", "", "not JSON"),
            (
                "hyperslab_machine_profile",
                "wheels",
                "not a machine profile",
            ),
            (
                "\"hyperslab_machine_profile\": 1",
                "\"hyperslab_machine_profile\": 9",
                "version 9, allowed is 1",
            ),
            ("\"cores\": 7", "\"cores\": 0", "cores is 0, allowed are 1"),
            ("\"cores\": 7", "\"cores\": -7", "damaged"),
            ("\"cores\": 7,", "", "missing field `cores`"),
            (
                "\"latency_s\": 0.00002",
                "\"latency_s\": -1",
                "network.latency_s",
            ),
            (
                "\"one_bytes_per_s\": 4000000000.0",
                "\"one_bytes_per_s\": 0.0",
                "memory.one_bytes_per_s",
            ),
            ("\"stage_s\": 0.002", "\"stage_s\": 1e99", "stage_s"),
            ("\"stage_s\": 0.002", "\"stage_s\": \"fast\"", "damaged"),
        ] {
            let said = changed(from, to);
            assert!(said.contains(says), "{from} as {to}: {said}");
            assert!(said.contains("hyperslab calibrate"), "{said}");
        }
        for length in 0..text.trim_end().len() {
            assert!(Profile::parse(&text.as_bytes()[..length]).is_err());
        }
    }
}
