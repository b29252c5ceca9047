//! Starts a job: the program on rank 0, the service loop on every rank.

use super::session::{Message, Session};
use super::stop::stop;
use super::watch::Watchers;
use crate::block;
use crate::comm::{self, Comm, Fabric, Watchdog, handshake, quiet_panics};
use crate::config::{Limits, parse_duration};
use crate::error::{Error, Result};
use crate::exec::{RankState, describe_files, execute, observed};
use crate::io;
use crate::observe::{Observed, Watch};
use crate::plan::Tiling;
use crossbeam_channel::{Receiver, bounded};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the planner may do to a graph. No choice changes a value: tests compare them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rewriting {
    /// Rewrite rules, and fused passes.
    #[default]
    All,
    /// Fused passes of the graph as it was written.
    NoRules,
    /// Neither: each operation is a pass of its own, whose result is stored.
    NoFusion,
}

/// Whether a run that writes outputs keeps a journal beside the first of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Journaled {
    /// It does; a run that was interrupted is not continued, but begun anew.
    #[default]
    Anew,
    /// It does, and goes on from where the same run was interrupted; outputs that it has completed are left as they are.
    Resume,
    /// It does not, and a run that is stopped is lost.
    Off,
}

/// How a job runs.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Limits of each rank.
    pub limits: Limits,
    /// The fabric; `None` asks the environment: MPI under a launcher, else `Solo`.
    pub fabric: Option<Fabric>,
    /// Sizes of tiles; the default fits every machine.
    pub tiling: Tiling,
    /// What the planner may do; less than all of it is for comparisons.
    pub rewriting: Rewriting,
    /// Replace existing output files.
    pub overwrite: bool,
    /// Whether runs that write outputs can be continued when they are stopped.
    pub journal: Journaled,
    /// Time after which the job ends by itself, between two tiles, with [`Fault::Stopped`](crate::error::Fault); counted from the
    /// launch. A job of Slurm ends before its time limit in any case.
    pub time_limit: Option<Duration>,
    /// Ends it after so many tiles of a rank: for tests.
    pub stop_after: Option<u64>,
    /// The line for the `history` attribute of outputs; empty for the default.
    pub history: String,
    /// Plan for this many ranks instead of running.
    pub dry_ranks: Option<usize>,
    /// Keep the graphs of such a run, too.
    pub keep_graphs: bool,
    /// What is shown and kept of the job while it runs and at its end.
    pub watch: Watch,
}

impl Config {
    /// What the environment says: [`Watch::from_env`]; `HYPERSLAB_JOURNAL` (`anew`, the default, `resume` or `off`);
    /// `HYPERSLAB_TIME_LIMIT` (as [`parse_duration`]).
    ///
    /// # Errors
    /// Invalid input when a variable has no such value.
    pub fn from_env() -> Result<Self> {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let journal = match text("HYPERSLAB_JOURNAL").as_deref() {
            None | Some("anew") => Journaled::Anew,
            Some("resume") => Journaled::Resume,
            Some("off") => Journaled::Off,
            Some(other) => {
                return Err(Error::invalid(format!(
                    "HYPERSLAB_JOURNAL={other:?}: allowed are anew, resume and off"
                )));
            }
        };
        let limit = text("HYPERSLAB_TIME_LIMIT").map(|limit| parse_duration(&limit));
        let limit = limit.transpose();
        Ok(Config {
            watch: Watch::from_env()?,
            journal,
            time_limit: limit.map_err(|e| e.context("reading HYPERSLAB_TIME_LIMIT"))?,
            ..Config::default()
        })
    }

    /// What the job runs, in a line.
    pub(super) fn job(&self) -> String {
        if !self.history.is_empty() {
            return self.history.clone();
        }
        let program = std::env::args().next().unwrap_or_default();
        let name = std::path::Path::new(&program).file_name();
        name.map_or(program.clone(), |name| name.to_string_lossy().into_owned())
    }
}

/// The driver: makes lazy arrays and has them computed by all ranks.
#[derive(Clone)]
pub struct Driver {
    session: Arc<Session>,
}

impl Driver {
    /// The driver of a session.
    pub(crate) fn of(session: &Arc<Session>) -> Driver {
        Driver {
            session: session.clone(),
        }
    }

    /// What the arrays of this program share.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }
}

/// What rank 0 tells the others at the start of each request.
#[derive(serde::Serialize, serde::Deserialize)]
enum Order {
    Run,
    Describe,
    /// Tell what was recorded.
    Observe,
    End(Result<()>),
}

/// Runs `program` on rank 0 of the job that the environment asks for: under `mpirun` or `srun` all its ranks take part,
/// else this process alone. Meant as the body of `main`. Progress, status, report and timeline as [`Watch::from_env`] says.
///
/// # Errors
/// The error of the program, on rank 0. Other ranks end their process in silence and with exit code 0: one message per job.
/// (A launcher kills the whole job at the first exit code that is not 0, perhaps before rank 0 has said why.)
pub fn launch(program: impl FnOnce(&Driver) -> Result<()> + Send) -> Result<()> {
    let config = Config::from_env()?;
    match launch_with(&config, program) {
        Ok(_) => Ok(()),
        Err((true, error)) => Err(error),
        Err((false, _)) => std::process::exit(0),
    }
}

/// As [`launch`], with a configuration. Gives the program's value on rank 0, `None` on other ranks.
///
/// # Errors
/// The same error on every rank; `true` beside it on the rank that should print it.
pub fn launch_with<T: Send>(
    config: &Config,
    program: impl FnOnce(&Driver) -> Result<T> + Send,
) -> Result<Option<T>, (bool, Error)> {
    let fabric = config.fabric.unwrap_or_else(comm::detect);
    block::keep_freed_memory();
    io::allow_many_files();
    // Before MPI: see there.
    io::start();
    let program = Mutex::new(Some(program));
    let prints = Mutex::new(true);
    let result = comm::launch(fabric, config.limits.message_bytes, |comm| {
        if comm.rank() != 0 && matches!(fabric, Fabric::Mpi) {
            *prints.lock().unwrap_or_else(PoisonError::into_inner) = false;
        }
        handshake(comm, crate::kernel::registry_hash())?;
        let watchers = Watchers::start(comm, config)?;
        let state = stop(config)
            .and_then(|stop| RankState::new(&config.limits, watchers.recorder.clone(), stop));
        let mut state = comm::verdict(comm, state)?;
        let windows = comm::verdict(comm, comm::windows_from_env())?;
        comm.share_memory(windows && config.limits.window_bytes(comm.size()) > 0)?;
        let limit = comm::verdict(comm, Watchdog::limit_from_env())?;
        if comm.rank() != 0 {
            let served = serve(comm, &mut state, limit).map(|()| None);
            watchers.end(&served);
            return served;
        }
        let program = program
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let program = program.ok_or_else(|| Error::internal("the program was taken twice"))?;
        lead(comm, &mut state, limit, config, watchers, program).map(Some)
    });
    let prints = prints.into_inner().unwrap_or_else(PoisonError::into_inner);
    result.map_err(|error| (prints, error))
}

/// Rank 0: the program on a thread of its own, its requests on this one.
fn lead<T: Send>(
    comm: &dyn Comm,
    state: &mut RankState,
    limit: Option<Duration>,
    config: &Config,
    mut watchers: Watchers,
    program: impl FnOnce(&Driver) -> Result<T> + Send,
) -> Result<T> {
    let papers = watchers.papers.take();
    let (sender, requests) = bounded(0);
    let ranks = config.dry_ranks.unwrap_or(comm.size());
    let session = Arc::new(Session::new(sender.clone(), config, ranks));
    let noted = session.clone();
    let result = std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            let driver = Driver { session };
            let result = quiet_panics(|| program(&driver)).flatten();
            let ended = result.as_ref().map(|_| ()).map_err(Clone::clone);
            // The receiver only goes when the job is being torn down.
            let _ = sender.send(Message::End(ended));
            result
        });
        let served = serve_requests(comm, state, limit, &requests, papers.is_some());
        drop(requests);
        let result = thread
            .join()
            .unwrap_or_else(|_| Err(Error::internal("the program's thread panicked")));
        match served {
            Ok(all) => (result, all),
            Err(error) => (Err(error), None),
        }
    });
    let (result, all) = result;
    let recorder = watchers.recorder.clone();
    watchers.end(&result);
    let Some((papers, all)) = papers.zip(all) else {
        return result;
    };
    let failed = result.as_ref().err();
    let published = papers.publish(config, &noted, comm.size(), &recorder, &all, failed);
    // A report that cannot be written is no reason to hide why the job failed.
    result.and_then(|value| published.map(|()| value))
}

fn serve_requests(
    comm: &dyn Comm,
    state: &mut RankState,
    limit: Option<Duration>,
    requests: &Receiver<Message>,
    observes: bool,
) -> Result<Option<Vec<Observed>>> {
    loop {
        let request = requests.recv();
        match request {
            Ok(Message::Run(job, reply)) => {
                order(comm, &Order::Run)?;
                let watchdog = Watchdog::start(comm, limit);
                watchdog.stage("running a plan");
                let outcome = execute(comm, state, Some(&job));
                drop(watchdog);
                let _ = reply.send(outcome);
            }
            Ok(Message::Describe(paths, group, reply)) => {
                order(comm, &Order::Describe)?;
                let watchdog = Watchdog::start(comm, limit);
                watchdog.stage("reading the headers of files");
                let found = describe_files(comm, state, Some((&paths, group.as_deref())));
                drop(watchdog);
                let _ = reply.send(found);
            }
            Ok(Message::End(result)) => {
                let all = match observes {
                    true => {
                        order(comm, &Order::Observe)?;
                        Some(observed(comm, state)?)
                    }
                    false => None,
                };
                order(comm, &Order::End(result))?;
                return Ok(all);
            }
            Err(_) => {
                let gone = Err(Error::internal("the program is gone"));
                return order(comm, &Order::End(gone)).map(|()| None);
            }
        }
    }
}

fn order(comm: &dyn Comm, order: &Order) -> Result<()> {
    if comm.size() == 1 {
        return Ok(());
    }
    let mut bytes = postcard::to_stdvec(order)
        .map_err(|e| Error::internal(format!("encoding an order: {e}")))?;
    comm.broadcast(0, &mut bytes)
}

/// The other ranks: one order after another.
fn serve(comm: &dyn Comm, state: &mut RankState, limit: Option<Duration>) -> Result<()> {
    loop {
        let mut bytes = Vec::new();
        comm.broadcast(0, &mut bytes)?;
        let order: Order = postcard::from_bytes(&bytes)
            .map_err(|e| Error::internal(format!("an order from rank 0: {e}")))?;
        match order {
            Order::Run => {
                let watchdog = Watchdog::start(comm, limit);
                watchdog.stage("running a plan");
                // The program on rank 0 gets the same error and decides what becomes of the job.
                let _ = execute(comm, state, None);
            }
            Order::Describe => {
                let watchdog = Watchdog::start(comm, limit);
                watchdog.stage("reading the headers of files");
                let _ = describe_files(comm, state, None);
            }
            Order::Observe => {
                let _ = observed(comm, state);
            }
            Order::End(result) => return result,
        }
    }
}
