//! What a job shows of itself while it runs and when it has ended: starts the watchers on each rank, gathers what the ranks recorded,
//! writes the report and the timeline.

use super::launch::Config;
use super::session::Session;
use crate::comm::{Comm, share, verdict};
use crate::error::{Error, Fault, Result};
use crate::observe::{
    About, Dashboard, Facts, Observed, Progress, Recorder, StatusFiles, Watch, html, perfetto,
    prepare, summary,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// What rank 0 decides for all: its own environment and command line count.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Shared {
    status: Option<PathBuf>,
    spans: bool,
}

/// Everything that watches one rank; it ends with [`Watchers::end`].
pub(super) struct Watchers {
    pub(super) recorder: Arc<Recorder>,
    status: Option<StatusFiles>,
    progress: Option<Progress>,
    dashboard: Option<Dashboard>,
    pub(super) papers: Option<Papers>,
    // Last: it goes when nothing uses it any more.
    own: Option<OwnFolder>,
}

/// A status folder that was made for a dashboard alone; it goes with the job, also when that ends early.
struct OwnFolder(PathBuf);

impl Drop for OwnFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The files that are written at the end; on rank 0. They are made at once under temporary names, so that a folder that cannot be
/// written in is known before anything is computed.
pub(super) struct Papers {
    began: Instant,
    report: Option<(PathBuf, Paper)>,
    trace: Option<(PathBuf, Paper)>,
}

/// A file that appears whole.
struct Paper {
    part: PathBuf,
    file: Option<File>,
}

impl Paper {
    fn create(option: &str, path: &Path) -> Result<Self> {
        let name = path.file_name().ok_or_else(|| {
            Error::invalid(format!("{option} {}: this names no file", path.display()))
        })?;
        let part = path.with_file_name(format!(
            ".{}.{}.part",
            name.to_string_lossy(),
            std::process::id()
        ));
        let file = File::create(&part).map_err(|e| {
            Error::new(
                Fault::Output,
                format!("{option} {}: it cannot be created: {e}", path.display()),
            )
        })?;
        Ok(Paper {
            part,
            file: Some(file),
        })
    }

    fn publish(
        mut self,
        path: &Path,
        write: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        let failed = |e: std::io::Error| {
            Error::new(Fault::Output, format!("writing {}: {e}", path.display()))
        };
        let file = self.file.take();
        let file = file.ok_or_else(|| Error::internal("a report is written twice"))?;
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush().map_err(failed)?;
        std::fs::rename(&self.part, path).map_err(failed)
    }
}

impl Drop for Paper {
    fn drop(&mut self) {
        // It is gone when it was published.
        let _ = std::fs::remove_file(&self.part);
    }
}

impl Watchers {
    /// Starts what `config` asks for. Collective.
    pub(super) fn start(comm: &dyn Comm, config: &Config) -> Result<Self> {
        let dry = config.dry_ranks.is_some();
        let watch = if dry {
            Watch::default()
        } else {
            config.watch.clone()
        };
        let mut own = None;
        let shared: Shared = share(comm, || {
            let status = match (&watch.status, &watch.dashboard) {
                (Some(folder), _) => Some(absolute(folder)?),
                (None, Some(_)) => Some(absolute(Path::new(&format!(
                    ".hyperslab-status-{}",
                    std::process::id()
                )))?),
                (None, None) => None,
            };
            if let Some(folder) = &status {
                if watch.status.is_none() {
                    own = Some(OwnFolder(folder.clone()));
                }
                prepare(folder)?;
            }
            Ok(Shared {
                status,
                spans: watch.wants_spans(),
            })
        })?;
        let limits = &config.limits;
        let recorder = Recorder::new(comm.rank(), comm.host(), limits.threads, shared.spans);
        let mut watchers = Watchers {
            recorder: Arc::new(recorder),
            status: None,
            progress: None,
            dashboard: None,
            papers: None,
            own,
        };
        let status = shared.status.as_ref().map(|folder| {
            let about = About {
                job: config.job(),
                ranks: comm.size(),
                memory_bytes: limits.memory_bytes,
            };
            StatusFiles::start(folder, &watchers.recorder, about)
        });
        watchers.status = verdict(comm, status.transpose())?;
        let started = match comm.rank() {
            0 => watchers.lead(&watch, &shared, limits.memory_bytes),
            _ => Ok(()),
        };
        verdict(comm, started)?;
        Ok(watchers)
    }

    /// What only rank 0 has.
    fn lead(&mut self, watch: &Watch, shared: &Shared, memory_bytes: u64) -> Result<()> {
        if let (Some(address), Some(folder)) = (&watch.dashboard, &shared.status) {
            let dashboard = Dashboard::start(address, folder)?;
            let line = format!("dashboard: {}\n", dashboard.address());
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
            self.dashboard = Some(dashboard);
        }
        if watch.wants_facts() {
            let paper = |option: &str, path: &Option<PathBuf>| {
                let path = path.clone().map(|path| {
                    let paper = Paper::create(option, &path)?;
                    Ok::<_, Error>((path, paper))
                });
                path.transpose()
            };
            self.papers = Some(Papers {
                began: Instant::now(),
                report: paper("--report", &watch.report)?,
                trace: paper("--trace", &watch.trace)?,
            });
        }
        let folder = shared.status.clone();
        self.progress = Progress::start(watch.progress, &self.recorder, memory_bytes, folder);
        Ok(())
    }

    /// The job has ended on this rank.
    pub(super) fn end<T>(mut self, result: &Result<T>) {
        self.progress = None;
        if let Some(status) = self.status.take() {
            status.end(result.as_ref().map(|_| ()).map_err(ToString::to_string));
        }
        self.dashboard = None;
        self.own = None;
    }
}

impl Papers {
    /// Writes the report and the timeline.
    pub(super) fn publish(
        self,
        config: &Config,
        session: &Session,
        ranks: usize,
        recorder: &Recorder,
        all: &[Observed],
        error: Option<&Error>,
    ) -> Result<()> {
        let noted = session.noted();
        let hosts: BTreeSet<&str> = all.iter().map(|rank| rank.host.as_str()).collect();
        let expected = match &self.report {
            Some(_) => noted.expected(&config.limits, hosts.len()),
            None => None,
        };
        let facts = Facts {
            job: config.job(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            began_unix: recorder.began_unix(),
            elapsed_s: self.began.elapsed().as_secs_f64(),
            error: error.map(ToString::to_string),
            ranks,
            threads: config.limits.threads,
            memory_bytes: config.limits.memory_bytes,
            plan_hash: noted.hash(),
            inputs: noted.inputs,
            outputs: (session.finished().outputs.iter())
                .map(|path| path.display().to_string())
                .collect(),
            planned: noted.stages,
            expected,
        };
        if let Some((path, paper)) = self.report {
            let json = path.extension().is_some_and(|e| e == "json");
            let text = match json {
                true => summary(&facts, all, true).to_string() + "\n",
                false => html(&facts, all)?,
            };
            let failed = |e: std::io::Error| {
                Error::new(Fault::Output, format!("writing {}: {e}", path.display()))
            };
            paper.publish(&path, |out| out.write_all(text.as_bytes()).map_err(failed))?;
        }
        if let Some((path, paper)) = self.trace {
            paper.publish(&path, |out| perfetto(all, out))?;
        }
        Ok(())
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|e| Error::invalid(format!("--status {}: {e}", path.display())))
}
