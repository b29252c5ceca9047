//! The keeper of a rank: the thread that watches it from the first request of a job to the job's end.

use super::Comm;
use super::heartbeat::{Datagram, Kind, Link};
use super::judge::{Awake, Cause, Finding, Judge, PATIENCE, Signs};
use super::watchdog::{Pulse, lock};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Beats in a limit: so many in a row must be lost before a rank that lives is taken for dead.
const BEATS: u32 = 8;
/// Limits beyond are this one: times are added.
const LONGEST: Duration = Duration::from_secs(1 << 32);
/// Stages that a rank tells at once between two beats.
const STAGES: u32 = 16;

/// Ends a keeper's sleep.
#[derive(Default)]
struct Bell {
    ended: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
}

/// Ends the thread when it is dropped.
pub(super) struct Keeper {
    bell: Arc<Bell>,
    link: Option<Arc<Link>>,
    thread: Option<JoinHandle<()>>,
    /// Stages of this period that may still be told at once.
    told: Arc<AtomicU32>,
}

impl Keeper {
    /// Tells that the rank begins a stage, when that was not told often of late: a report shall name the stage in which a rank
    /// was stopped, not the one in which it last beat.
    pub(super) fn tell(&self, pulse: &Pulse) {
        let take = |left: u32| left.checked_sub(1);
        if let Some(link) = &self.link
            && self.told.fetch_update(Relaxed, Relaxed, take).is_ok()
        {
            link.beat(&pulse.signs());
        }
    }

    /// Collective where ranks are apart.
    pub(super) fn start(comm: &dyn Comm, pulse: &Arc<Pulse>, limit: Option<Duration>) -> Keeper {
        // On all ranks, whatever their own limits are: each has its own from its environment.
        let link = match pulse.is_apart() {
            true => Link::open(comm, limit.is_some()).map(Arc::new),
            false => None,
        };
        let bell = Arc::new(Bell::default());
        let told = Arc::new(AtomicU32::new(STAGES));
        let thread = limit.and_then(|limit| {
            let limit = limit.min(LONGEST);
            if let Some(link) = &link {
                link.greet(&pulse.signs());
            }
            let watch = Watch {
                rank: comm.rank(),
                size: comm.size(),
                host: comm.host().to_owned(),
                limit,
                pulse: Arc::clone(pulse),
                bell: Arc::clone(&bell),
                link: link.clone(),
                told: Arc::clone(&told),
            };
            // Without a thread to watch with, the job runs unwatched rather than not at all.
            let thread = std::thread::Builder::new().name("watchdog".into());
            thread.spawn(move || watch.keep()).ok()
        });
        Keeper {
            bell,
            link,
            thread,
            told,
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.bell.ended.store(true, SeqCst);
        // Whoever holds the lock has not yet looked, or sleeps.
        drop(lock(&self.bell.lock));
        self.bell.wake.notify_all();
        if let Some(link) = &self.link {
            link.wake();
        }
        if let Some(thread) = self.thread.take() {
            // A keeper that panicked has nothing to say any more.
            let _ = thread.join();
        }
    }
}

/// What a keeper knows.
struct Watch {
    rank: usize,
    size: usize,
    host: String,
    limit: Duration,
    pulse: Arc<Pulse>,
    bell: Arc<Bell>,
    link: Option<Arc<Link>>,
    told: Arc<AtomicU32>,
}

/// How long a rank has been still, by itself.
struct Still {
    moves: u64,
    since: Duration,
    warned: bool,
}

/// What a rank knows of rank 0.
struct Leader {
    /// When it last answered, if it ever did.
    heard: Option<Duration>,
    signs: Signs,
}

impl Watch {
    fn ended(&self) -> bool {
        self.bell.ended.load(SeqCst)
    }

    fn keep(&self) {
        let period = (self.limit / BEATS).max(Duration::from_millis(10));
        let mut clock = Awake::new(period * 2);
        let mut judge = Judge::new(self.size, self.limit);
        let mut still = Still {
            moves: self.pulse.signs().moves,
            since: clock.now(),
            warned: false,
        };
        let greeted = self.link.as_ref().is_some_and(|link| link.has_greeted());
        let mut leader = Leader {
            heard: greeted.then(|| clock.now()),
            signs: Signs::default(),
        };
        while !self.ended() {
            let until = Instant::now() + period;
            self.told.store(STAGES, Relaxed);
            match &self.link {
                Some(link) => {
                    link.beat(&self.pulse.signs());
                    while let (Some(received), false) = (link.receive(until), self.ended()) {
                        let Some((datagram, from)) = received else {
                            continue;
                        };
                        let rank = datagram.rank;
                        self.take_in(datagram, clock.now(), &mut judge, &mut leader, |signs| {
                            link.answer(rank, from, signs);
                        });
                    }
                }
                None => self.sleep(period),
            }
            let now = clock.now();
            let signs = self.pulse.signs();
            if signs.moves != still.moves || !signs.watched {
                still = Still {
                    moves: signs.moves,
                    since: now,
                    warned: false,
                };
            }
            let report = match &self.link {
                Some(link) if self.rank == 0 => {
                    judge.note(0, signs, now);
                    let found = judge.finding(now);
                    found.map(|found| found.text(&self.place(found.rank, link.host(found.rank))))
                }
                Some(link) => match leader.heard.map(|heard| now - heard) {
                    // The judge sees this rank: it need not judge itself.
                    Some(silence) if silence < self.limit => None,
                    Some(silence) if self.rank == 1 && signs.watched => {
                        let stage = &leader.signs.stage;
                        let found = Finding::own(0, Cause::Silent, silence, stage);
                        Some(found.text(&self.place(0, link.host(0))))
                    }
                    // Rank 1 has the first word.
                    Some(silence) if silence < self.limit * 2 => None,
                    _ => self.own(&signs, &mut still, now),
                },
                None => self.own(&signs, &mut still, now),
            };
            if let (Some(report), false) = (report, self.ended()) {
                return self.pulse.end_job(&report, self.limit);
            }
        }
    }

    /// What a datagram tells.
    fn take_in(
        &self,
        datagram: Datagram,
        now: Duration,
        judge: &mut Judge,
        leader: &mut Leader,
        answer: impl FnOnce(&Signs),
    ) {
        match (datagram.kind, self.rank) {
            (Kind::Beat, 0) if datagram.rank > 0 => {
                answer(&self.pulse.signs());
                judge.note(datagram.rank, datagram.signs, now);
            }
            (Kind::Answer, 1..) if datagram.rank == 0 => {
                leader.heard = Some(now);
                leader.signs = datagram.signs;
            }
            // None that this job sends.
            _ => {}
        }
    }

    fn sleep(&self, period: Duration) {
        let guard = lock(&self.bell.lock);
        if !self.ended() {
            let woken = self.bell.wake.wait_timeout(guard, period);
            drop(woken.unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn place(&self, rank: usize, host: &str) -> String {
        format!("rank {rank} of {}, host {host}", self.size)
    }

    /// Judges this rank by itself: a report that ends the job, if it has been still for too long.
    fn own(&self, signs: &Signs, still: &mut Still, now: Duration) -> Option<String> {
        let since = now - still.since;
        if since < self.limit {
            return None;
        }
        let cause = match signs.waiting {
            true => Cause::Waiting,
            false => Cause::Still,
        };
        let found = Finding::own(self.rank, cause, since, &signs.stage);
        let report = found.text(&self.place(self.rank, &self.host));
        if cause == Cause::Still || since >= self.limit * PATIENCE {
            return Some(report);
        }
        if !std::mem::replace(&mut still.warned, true) {
            eprintln!("hyperslab: warning: {report}");
        }
        None
    }
}
