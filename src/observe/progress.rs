//! Progress of a job on standard error: a bar on a terminal, lines in a log file. By rank 0, of its own tiles, or of all ranks where
//! they keep their status in a folder.

use super::recorder::{Recorder, StageRecord, Stand};
use super::status::read_folder;
use super::watch::ProgressForm;
use crate::config::format_bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const BAR_EVERY: Duration = Duration::from_millis(200);
/// Rates are those of so long, at least.
const RATE_OVER: Duration = Duration::from_secs(1);
/// Lines of a job whose user asked for lines, and of one whose user said nothing.
const LINES_EVERY: Duration = Duration::from_secs(10);
const AUTO_LINES_EVERY: Duration = Duration::from_secs(30);

/// Shows progress until it is dropped.
pub(crate) struct Progress {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts to show where the rank of `recorder` stands, or all ranks with records in `folder`; `None` where nothing is to be
    /// shown.
    pub(crate) fn start(
        form: ProgressForm,
        recorder: &Arc<Recorder>,
        memory_bytes: u64,
        folder: Option<PathBuf>,
    ) -> Option<Self> {
        let terminal = std::io::stderr().is_terminal();
        let (bar, every) = match form {
            ProgressForm::Off => return None,
            ProgressForm::Bar => (true, BAR_EVERY),
            ProgressForm::Auto if terminal => (true, BAR_EVERY),
            ProgressForm::Auto => (false, AUTO_LINES_EVERY),
            ProgressForm::Lines => (false, LINES_EVERY),
        };
        let recorder = recorder.clone();
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::Builder::new()
            .name("progress".to_owned())
            .stack_size(256 << 10)
            .spawn(move || {
                let shown = bar.then(new_bar);
                let mut rate = Rate::default();
                while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                    let (stand, ranks) = stands(&recorder, folder.as_deref());
                    let line = line(&stand, ranks, memory_bytes, rate.of(&stand));
                    match &shown {
                        Some(bar) => {
                            bar.set_length(stand.tiles_total.max(1));
                            bar.set_position(stand.tiles);
                            bar.set_message(line);
                        }
                        None => {
                            let seconds = stand.elapsed_s as u64;
                            let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
                            let line = format!("[{h:02}:{m:02}:{s:02}] {line}\n");
                            let _ = std::io::stderr().lock().write_all(line.as_bytes());
                        }
                    }
                }
                if let Some(bar) = shown {
                    bar.finish_and_clear();
                }
            })
            .ok()?;
        Some(Progress {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr_with_hz(5));
    if let Ok(style) = ProgressStyle::with_template("[{bar:24}] {percent:>3} % {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

/// Where the job stands, and of how many ranks that is the sum.
fn stands(recorder: &Recorder, folder: Option<&Path>) -> (Stand, usize) {
    let own = recorder.stand();
    let Some(all) = folder.and_then(|folder| read_folder(folder).ok()) else {
        return (own, 1);
    };
    // The others' records are a moment old: those that have not come to this stage have done nothing of it.
    let here = |stand: &Stand| (stand.run, stand.stage) == (own.run, own.stage);
    let others = all
        .iter()
        .filter(|status| status.rank as usize != recorder.rank());
    let mut sum = own.clone();
    let mut ranks = 1;
    for status in others {
        ranks += 1;
        sum.live_bytes = sum.live_bytes.max(status.stand.live_bytes);
        sum.stats = sum.stats.join(status.stand.stats);
        if here(&status.stand) {
            sum.tiles += status.stand.tiles;
            sum.tiles_total += status.stand.tiles_total;
        }
    }
    (sum, ranks)
}

/// Bytes per second, lately.
#[derive(Default)]
struct Rate {
    last: Option<(Instant, u64)>,
    rate: f64,
}

impl Rate {
    fn of(&mut self, stand: &Stand) -> f64 {
        let bytes = stand.stats.decoded_bytes + stand.stats.written_bytes;
        let now = Instant::now();
        match self.last {
            Some((then, before)) if now - then >= RATE_OVER => {
                self.rate = bytes.saturating_sub(before) as f64 / (now - then).as_secs_f64();
                self.last = Some((now, bytes));
            }
            Some(_) => {}
            None => self.last = Some((now, bytes)),
        }
        self.rate
    }
}

fn line(stand: &Stand, ranks: usize, memory_bytes: u64, rate: f64) -> String {
    if stand.idle {
        return format!("run {} done, {}", stand.run, bytes_done(stand));
    }
    let stage = match stand.stage {
        StageRecord::BESIDE => "opening and publishing".to_owned(),
        number => format!("stage {} of {}", number + 1, stand.stages),
    };
    let of_ranks = match ranks {
        1 => String::new(),
        ranks => format!(" on {ranks} ranks"),
    };
    let left = match (stand.tiles, stand.tiles_total) {
        (done, total) if done > 0 && total > done => {
            let seconds = stand.stage_s * (total - done) as f64 / done as f64;
            format!(", {seconds:.0} s left in it")
        }
        _ => String::new(),
    };
    format!(
        "run {}, {stage}: {} of {} tiles{of_ranks}{left}, {}, {}/s, memory {} of {}",
        stand.run,
        stand.tiles,
        stand.tiles_total,
        bytes_done(stand),
        format_bytes(rate as u64),
        format_bytes(stand.live_bytes),
        format_bytes(memory_bytes),
    )
}

fn bytes_done(stand: &Stand) -> String {
    format!(
        "decoded {}, written {}",
        format_bytes(stand.stats.decoded_bytes),
        format_bytes(stand.stats.written_bytes)
    )
}
