//! What a rank does, and when. Counters and times are always taken: a few per tile. Spans (which thread did what from when to
//! when) only where something shows them.

use super::meter::{Meter, Stats, rss_bytes, rss_peak_bytes};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Kinds of work of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Files are opened and created, chunk indices read.
    Open,
    /// A thread reads, or waits for what is read.
    Read,
    /// Chunks are unpacked.
    Decode,
    /// Elements are computed.
    Compute,
    /// Finished pieces are encoded, written, stored or sent.
    Deliver,
    /// Inputs come from other ranks.
    Exchange,
    /// Partial results of ranks are joined.
    Combine,
    /// Stored results are written.
    Write,
    /// Outputs are synced and published.
    Finish,
}

impl Work {
    /// All of them, in the order of their numbers.
    pub const ALL: [Work; 9] = [
        Work::Open,
        Work::Read,
        Work::Decode,
        Work::Compute,
        Work::Deliver,
        Work::Exchange,
        Work::Combine,
        Work::Write,
        Work::Finish,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Work::Open => "open",
            Work::Read => "read",
            Work::Decode => "decode",
            Work::Compute => "compute",
            Work::Deliver => "deliver",
            Work::Exchange => "exchange",
            Work::Combine => "combine",
            Work::Write => "write",
            Work::Finish => "finish",
        }
    }
}

const WORKS: usize = Work::ALL.len();

/// What one rank did in one stage.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StageRecord {
    /// Number of the run (of a program that computes several times), from 0.
    pub run: u32,
    /// Number of the stage in its plan; [`StageRecord::BESIDE`] for what comes before and after all stages.
    pub stage: u32,
    /// `pass`, `write` …
    pub kind: String,
    /// Seconds since the job began.
    pub start_s: f64,
    /// Seconds that it took.
    pub seconds: f64,
    /// Seconds of all threads together, per kind of work (in the order of [`Work::ALL`]).
    pub work_s: Vec<f64>,
    /// Tiles (or chunks of a write stage) that were done.
    pub tiles: u64,
    /// Bytes and messages.
    pub stats: Stats,
}

impl StageRecord {
    /// The number of what is no stage: opening and publishing.
    pub const BESIDE: u32 = u32::MAX;
}

/// One piece of work of one thread.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SpanRecord {
    /// 0: the rank's main thread; 1 …: its compute threads.
    pub lane: u16,
    /// What was done.
    pub work: Work,
    /// Number of the run.
    pub run: u32,
    /// Number of the stage.
    pub stage: u32,
    /// Nanoseconds since the job began.
    pub start_ns: u64,
    /// Nanoseconds that it took.
    pub took_ns: u64,
}

/// All that a rank recorded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Observed {
    /// The rank.
    pub rank: u32,
    /// Where it ran.
    pub host: String,
    /// Its compute threads.
    pub threads: u32,
    /// Its stages, in order.
    pub stages: Vec<StageRecord>,
    /// Its spans, by thread and time; empty where none were asked for.
    pub spans: Vec<SpanRecord>,
    /// Spans beyond what is kept.
    pub spans_dropped: u64,
    /// Most bytes of array data at once.
    pub peak_bytes: u64,
    /// Most bytes of the process in memory at once.
    pub rss_peak_bytes: u64,
}

/// Where a rank stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stand {
    /// Number of the run, from 0.
    pub run: u32,
    /// Number of the stage.
    pub stage: u32,
    /// Stages of the plan.
    pub stages: u32,
    /// Tiles that are done in this stage.
    pub tiles: u64,
    /// Tiles of this rank in this stage.
    pub tiles_total: u64,
    /// Between two runs, before the first or after the last one.
    pub idle: bool,
    /// Seconds since the job began.
    pub elapsed_s: f64,
    /// Seconds since the stage began.
    pub stage_s: f64,
    /// Bytes of array data now.
    pub live_bytes: u64,
    /// Bytes of the process in memory now.
    pub rss_bytes: u64,
    /// Seconds of all threads since the job began, per kind of work.
    pub work_s: Vec<f64>,
    /// Bytes of all runs so far.
    pub stats: Stats,
}

/// Spans that one rank keeps, on all of its threads together: about 2.5 MB.
const MOST_SPANS: usize = 1 << 16;

/// What a rank records. Shared by its threads.
#[derive(Debug)]
pub struct Recorder {
    rank: u32,
    host: String,
    threads: u32,
    began: Instant,
    began_unix: f64,
    run: AtomicU32,
    stage: AtomicU32,
    stages: AtomicU32,
    stage_began_ns: AtomicU64,
    tiles: AtomicU64,
    tiles_total: AtomicU64,
    idle: AtomicBool,
    /// Nanoseconds per kind of work since the job began.
    work: [AtomicU64; WORKS],
    messages: AtomicU64,
    moved_bytes: AtomicU64,
    meters: Mutex<Meters>,
    done: Mutex<Vec<StageRecord>>,
    /// One list per thread: only its own thread adds to it.
    lanes: Option<Vec<Mutex<Vec<SpanRecord>>>>,
    dropped: AtomicU64,
}

/// The meter of the run that goes on, and the sums of those before.
#[derive(Debug, Default)]
struct Meters {
    now: Option<Arc<Meter>>,
    before: Stats,
}

/// What was counted when a stage began.
pub struct Began {
    at_ns: u64,
    work: [u64; WORKS],
    stats: Stats,
}

/// A piece of work, until it is dropped.
pub struct Span<'a> {
    recorder: &'a Recorder,
    lane: usize,
    work: Work,
    start_ns: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    /// Starts the clock of a rank; `spans`: each stage and each piece of work is recorded, for a report.
    pub fn new(rank: usize, host: &str, threads: usize, spans: bool) -> Self {
        let lanes = spans.then(|| (0..=threads).map(|_| Mutex::default()).collect());
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Recorder {
            rank: rank as u32,
            host: host.to_owned(),
            threads: threads as u32,
            began: Instant::now(),
            began_unix: unix.map_or(0.0, |d| d.as_secs_f64()),
            run: AtomicU32::new(0),
            stage: AtomicU32::new(0),
            stages: AtomicU32::new(0),
            stage_began_ns: AtomicU64::new(0),
            tiles: AtomicU64::new(0),
            tiles_total: AtomicU64::new(0),
            idle: AtomicBool::new(true),
            work: Default::default(),
            messages: AtomicU64::new(0),
            moved_bytes: AtomicU64::new(0),
            meters: Mutex::default(),
            done: Mutex::default(),
            lanes,
            dropped: AtomicU64::new(0),
        }
    }

    /// The rank.
    pub fn rank(&self) -> usize {
        self.rank as usize
    }

    /// Its host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its compute threads.
    pub fn threads(&self) -> usize {
        self.threads as usize
    }

    /// When the job began, in seconds since 1970.
    pub fn began_unix(&self) -> f64 {
        self.began_unix
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// A run begins, whose bytes `meter` counts.
    pub fn begin_run(&self, meter: &Arc<Meter>, stages: usize) {
        // One that failed did not come to its end.
        if lock(&self.meters).now.is_some() {
            self.end_run();
        }
        self.stages.store(stages as u32, Relaxed);
        self.idle.store(false, Relaxed);
        lock(&self.meters).now = Some(meter.clone());
    }

    /// The run ends.
    pub fn end_run(&self) {
        let mut meters = lock(&self.meters);
        if let Some(meter) = meters.now.take() {
            meters.before = meters.before.join(meter.stats());
        }
        drop(meters);
        self.run.fetch_add(1, Relaxed);
        self.tiles.store(0, Relaxed);
        self.tiles_total.store(0, Relaxed);
        self.idle.store(true, Relaxed);
    }

    /// A stage begins.
    pub fn begin(&self, stage: u32) -> Began {
        let at_ns = self.now_ns();
        self.stage.store(stage, Relaxed);
        self.stage_began_ns.store(at_ns, Relaxed);
        self.tiles.store(0, Relaxed);
        self.tiles_total.store(0, Relaxed);
        if let Some(meter) = &lock(&self.meters).now {
            meter.begin_stage();
        }
        Began {
            at_ns,
            work: self.work_ns(),
            stats: self.stats(),
        }
    }

    /// It ends; `sent`: messages and bytes that this rank has sent since the job began.
    pub fn end(&self, began: &Began, kind: &str, sent: (u64, u64)) {
        self.messages.store(sent.0, Relaxed);
        self.moved_bytes.store(sent.1, Relaxed);
        let (after, work) = (self.stats(), self.work_ns());
        let mut stats = after.since(&began.stats);
        if let Some(meter) = &lock(&self.meters).now {
            stats.peak_bytes = meter.stage_peak_bytes();
        }
        let nanos = |ns: u64| ns as f64 / 1e9;
        let record = StageRecord {
            run: self.run.load(Relaxed),
            stage: self.stage.load(Relaxed),
            kind: kind.to_owned(),
            start_s: nanos(began.at_ns),
            seconds: nanos(self.now_ns().saturating_sub(began.at_ns)),
            work_s: (work.iter().zip(&began.work))
                .map(|(after, before)| nanos(after - before))
                .collect(),
            tiles: self.tiles.load(Relaxed),
            stats,
        };
        tracing::info!(
            seconds = record.seconds,
            tiles = record.tiles,
            decoded = stats.decoded_bytes,
            moved = stats.moved_bytes,
            written = stats.written_bytes,
            peak = stats.peak_bytes,
            "{kind} done"
        );
        // Nobody asks for them otherwise, and a program may run plans for days.
        if self.lanes.is_some() {
            lock(&self.done).push(record);
        }
    }

    fn work_ns(&self) -> [u64; WORKS] {
        std::array::from_fn(|kind| self.work[kind].load(Relaxed))
    }

    /// Sums over all runs so far.
    fn stats(&self) -> Stats {
        let meters = lock(&self.meters);
        let now = meters.now.as_ref().map(|meter| meter.stats());
        Stats {
            messages: self.messages.load(Relaxed),
            moved_bytes: self.moved_bytes.load(Relaxed),
            ..meters.before.join(now.unwrap_or_default())
        }
    }

    /// So many tiles will be done in this stage.
    pub fn expect(&self, tiles: usize) {
        self.tiles_total.store(tiles as u64, Relaxed);
    }

    /// One of them is done.
    pub fn tile_done(&self) {
        self.tiles.fetch_add(1, Relaxed);
    }

    /// A piece of work of a thread: 0 is the rank's main thread, 1 … are its compute threads.
    pub fn span(&self, lane: usize, work: Work) -> Span<'_> {
        Span {
            recorder: self,
            lane,
            work,
            start_ns: self.now_ns(),
        }
    }

    /// Where the rank stands.
    pub fn stand(&self) -> Stand {
        let now = self.now_ns();
        let live = lock(&self.meters).now.as_ref().map(|m| m.live_bytes());
        let seconds = |ns: u64| ns as f64 / 1e9;
        Stand {
            run: self.run.load(Relaxed),
            stage: self.stage.load(Relaxed),
            stages: self.stages.load(Relaxed),
            tiles: self.tiles.load(Relaxed),
            tiles_total: self.tiles_total.load(Relaxed),
            idle: self.idle.load(Relaxed),
            elapsed_s: seconds(now),
            stage_s: seconds(now.saturating_sub(self.stage_began_ns.load(Relaxed))),
            live_bytes: live.unwrap_or(0),
            rss_bytes: rss_bytes(),
            work_s: self.work_ns().into_iter().map(seconds).collect(),
            stats: self.stats(),
        }
    }

    /// The last spans of each thread that ended after `since_ns`, at most `most` of each.
    pub fn recent(&self, since_ns: u64, most: usize) -> Vec<SpanRecord> {
        let mut recent = Vec::new();
        for lane in self.lanes.iter().flatten() {
            let lane = lock(lane);
            let late = lane.iter().rev().take(most);
            let late = late.take_while(|span| span.start_ns + span.took_ns > since_ns);
            recent.extend(late.copied());
        }
        recent
    }

    /// All that was recorded.
    pub fn observed(&self) -> Observed {
        let mut spans: Vec<SpanRecord> = Vec::new();
        for lane in self.lanes.iter().flatten() {
            spans.extend(lock(lane).iter());
        }
        spans.sort_by_key(|span| (span.lane, span.start_ns));
        let stages = lock(&self.done).clone();
        Observed {
            rank: self.rank,
            host: self.host.clone(),
            threads: self.threads,
            peak_bytes: self.stats().peak_bytes,
            stages,
            spans,
            spans_dropped: self.dropped.load(Relaxed),
            rss_peak_bytes: rss_peak_bytes(),
        }
    }
}

impl Drop for Span<'_> {
    fn drop(&mut self) {
        let recorder = self.recorder;
        let took_ns = recorder.now_ns().saturating_sub(self.start_ns);
        recorder.work[self.work as usize].fetch_add(took_ns, Relaxed);
        tracing::trace!(
            lane = self.lane,
            took_us = took_ns / 1000,
            "{}",
            self.work.name()
        );
        let Some(lanes) = &recorder.lanes else { return };
        let Some(lane) = lanes.get(self.lane) else {
            return;
        };
        let mut spans = lock(lane);
        if spans.len() >= MOST_SPANS / lanes.len() {
            recorder.dropped.fetch_add(1, Relaxed);
            return;
        }
        spans.push(SpanRecord {
            lane: self.lane as u16,
            work: self.work,
            run: recorder.run.load(Relaxed),
            stage: recorder.stage.load(Relaxed),
            start_ns: self.start_ns,
            took_ns,
        });
    }
}
