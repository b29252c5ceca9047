//! The steps of a calibration.

use super::super::args::CalibrateArgs;
use super::super::job::{fail, print};
use super::super::plan::online_cores;
use super::super::report::{Clock, utc};
use super::{files, kernels, network};
use crate::comm::{self, Fabric, launcher_rank};
use crate::config::{Limits, format_bytes};
use crate::error::{Error, Fault, Result};
use crate::plan::{CodecRates, Profile};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

pub(in super::super) fn calibrate(args: &CalibrateArgs, clock: &Clock) -> u8 {
    let leads = launcher_rank().unwrap_or(0) == 0;
    match run(args, clock, leads) {
        Ok(()) => 0,
        Err(error) => fail(leads, args.json, &error),
    }
}

fn run(args: &CalibrateArgs, clock: &Clock, leads: bool) -> Result<()> {
    let fabric = comm::detect();
    let started_s = clock.elapsed_s();
    // Before MPI starts: ranks that wait for others inside MPI keep cores busy.
    let mine = match leads {
        true => Some(alone(args)),
        false => None,
    };
    let start = Instant::now();
    comm::launch(fabric, Limits::DEFAULT_MESSAGE_BYTES, |comm| {
        let launch_s = match fabric {
            Fabric::Mpi => start.elapsed().as_secs_f64(),
            Fabric::Solo | Fabric::Threads(_) => 0.0,
        };
        let mine = comm::verdict(comm, mine.clone().transpose())?;
        let network = network::measure(comm, mine.as_ref().map(|profile| &profile.memory))?;
        let written = match mine {
            None => Ok(()),
            Some(profile) => {
                let profile = Profile {
                    ranks: comm.size(),
                    start_s: started_s + launch_s,
                    machine: machine(comm.host(), profile.cores),
                    network,
                    ..profile
                };
                finish(args, &profile, clock)
            }
        };
        comm::verdict(comm, written)
    })
}

fn machine(host: &str, cores: usize) -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = (info.lines())
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown CPU", |(_, name)| name.trim());
    format!("{host}, {cores} × {model}")
}

/// All but the network.
fn alone(args: &CalibrateArgs) -> Result<Profile> {
    let cores = online_cores();
    let mut profile = Profile::conservative(cores);
    let scratch = scratch_folder(args.dir.as_deref())?;
    let folder = Folder(scratch);
    profile.measured = utc(SystemTime::now());
    let threads = match args.threads {
        Some(0) => {
            return Err(Error::invalid("--threads 0: allowed are 1 and more"));
        }
        Some(threads) => threads,
        None => Limits::default().threads,
    };
    profile.memory = kernels::memory(threads);
    let measured = kernels::measure(threads, args.quick)?;
    profile.kernels = measured.rates;
    profile.parallel_efficiency = measured.parallel_efficiency;
    (profile.stage_s, profile.tile_s) = (measured.stage_s, measured.tile_s);
    let measured = files::measure(&folder.0, &profile, args.quick)?;
    profile.files = measured.rates;
    profile.codecs = CodecRates {
        plain: measured.plain,
        deflate: measured.deflate,
        zstd: measured.zstd,
    };
    Ok(profile)
}

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What remains is named by its folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn scratch_folder(dir: Option<&Path>) -> Result<PathBuf> {
    let dir = dir.unwrap_or(Path::new("."));
    let name = dir.join(format!(".hyperslab-calibrate-{}", std::process::id()));
    std::fs::create_dir(&name).map_err(|e| {
        Error::new(
            Fault::Output,
            format!(
                "calibrate: creating {}: {e}; --dir names a folder on the file system of the jobs",
                name.display()
            ),
        )
    })?;
    Ok(name)
}

/// Writes the profile and says what is in it.
fn finish(args: &CalibrateArgs, profile: &Profile, clock: &Clock) -> Result<()> {
    let path = (args.output.clone())
        .or_else(|| Profile::named_path(None))
        .or_else(Profile::default_path);
    let path = path.ok_or_else(|| {
        Error::new(
            Fault::Output,
            "calibrate: no place for the profile: neither $XDG_CONFIG_HOME nor $HOME is set; name one with -o FILE",
        )
    })?;
    let failed = |doing: &str, e: std::io::Error| {
        let path = path.display();
        Error::new(Fault::Output, format!("calibrate: {doing} {path}: {e}"))
    };
    let text = profile.to_json()?;
    // What cannot be read again was not measured: a machine that did something else meanwhile.
    Profile::parse(text.as_bytes())
        .map_err(|e| e.context("calibrate: what was measured makes no sense"))?;
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).map_err(|e| failed("making the folder of", e))?;
    }
    // Under its name only when it is complete.
    let mut unfinished = path.clone().into_os_string();
    unfinished.push(format!(".{}", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    std::fs::write(&unfinished, &text).map_err(|e| failed("writing", e))?;
    std::fs::rename(&unfinished, &path).map_err(|e| {
        let _ = std::fs::remove_file(&unfinished);
        failed("writing", e)
    })?;
    if args.json {
        print(text.trim_end());
    } else if !args.quiet {
        print(&shown(profile));
        print(&format!(
            "wrote {} after {:.1} s",
            path.display(),
            clock.elapsed_s()
        ));
    }
    Ok(())
}

/// The profile for people.
fn shown(profile: &Profile) -> String {
    let rate = |bytes_per_s: f64| format!("{}/s", format_bytes(bytes_per_s as u64));
    let unpacked = |ns: f64| rate(1e9 / ns.max(1e-3));
    let (files, codecs, k) = (&profile.files, &profile.codecs, &profile.kernels);
    let network = match profile.ranks {
        1 => "one rank: memory stands in for the network (measure under mpirun)".to_owned(),
        ranks => format!("{ranks} ranks"),
    };
    [
        profile.machine.clone(),
        format!(
            "files      read {} from the system's memory (a thread), {} from disk, written {}",
            rate(files.cached_bytes_per_s),
            rate(files.disk_bytes_per_s),
            rate(files.write_bytes_per_s)
        ),
        format!(
            "decode     plain {}, deflate {}, zstd {} of what comes out (a thread, half the size when packed)",
            unpacked(codecs.plain.plain_ns),
            unpacked(codecs.deflate.plain_ns + codecs.deflate.packed_ns / 2.0),
            unpacked(codecs.zstd.plain_ns + codecs.zstd.packed_ns / 2.0)
        ),
        format!(
            "encode     deflate {}, zstd {} (a thread, level 1)",
            unpacked(codecs.deflate.encode_ns),
            unpacked(codecs.zstd.encode_ns)
        ),
        format!(
            "memory     {} copied by a thread, {} by all",
            rate(profile.memory.one_bytes_per_s),
            rate(profile.memory.all_bytes_per_s)
        ),
        format!(
            "network    {:.1} µs, {}; {network}",
            profile.network.latency_s * 1e6,
            rate(profile.network.bytes_per_s)
        ),
        format!(
            "kernels    ns per element on a thread: float32 step {:.2}, function {:.1}, mean {:.1}, std {:.1}, group-by {:.1}, \
             random {:.1}, FFT of 1024 {:.1}, rolling mean {:.1}",
            4.0 * k.step_byte_ns,
            k.function_ns,
            k.fold_ns,
            k.statistic_ns,
            k.group_ns,
            k.generate_ns,
            k.fourier_ns,
            8.0 * k.window_ns
        ),
        format!(
            "all cores  {:.0} % of {} times one core",
            100.0 * profile.parallel_efficiency,
            profile.cores
        ),
    ]
    .join("\n")
}
