//! Decides from the signs of life of all ranks whether one of them holds up the job, and says which.
//!
//! Time is the judge's own time awake: a job that is suspended as a whole, and goes on, has no rank that was silent.

use std::fmt::Write;
use std::time::{Duration, Instant};

/// How many limits ranks may wait for one another.
pub(super) const PATIENCE: u32 = 6;
/// The most ranks that a report names beside the first.
const NAMED: usize = 8;

/// What a rank tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// How often it has ticked.
    pub(super) moves: u64,
    /// It waits for other ranks.
    pub(super) waiting: bool,
    /// It works on a request.
    pub(super) watched: bool,
    /// What it does.
    pub(super) stage: String,
}

/// Time since the start that this process was awake: what passes while it is stopped counts as one long pause.
pub(super) struct Awake {
    last: Instant,
    total: Duration,
    longest: Duration,
}

impl Awake {
    /// A clock that is asked at least every `longest` while the process is awake.
    pub(super) fn new(longest: Duration) -> Self {
        Awake {
            last: Instant::now(),
            total: Duration::ZERO,
            longest,
        }
    }

    pub(super) fn now(&mut self) -> Duration {
        let at = Instant::now();
        self.total += at.duration_since(self.last).min(self.longest);
        self.last = at;
        self.total
    }
}

/// What was last seen of a rank, and when.
struct Seen {
    signs: Signs,
    heard: Duration,
    moved: Duration,
}

impl Seen {
    fn new(signs: Signs, now: Duration) -> Self {
        Seen {
            signs,
            heard: now,
            moved: now,
        }
    }

    fn note(&mut self, signs: Signs, now: Duration) {
        // Datagrams may overtake one another.
        if signs.moves < self.signs.moves {
            return;
        }
        if signs.moves != self.signs.moves || signs.watched != self.signs.watched {
            self.moved = now;
        }
        self.heard = now;
        self.signs = signs;
    }
}

/// Why a job is held up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A rank is not heard of.
    Silent,
    /// A rank neither moves nor waits.
    Still,
    /// All ranks wait.
    Waiting,
}

/// A rank that holds up the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) rank: usize,
    pub(super) cause: Cause,
    pub(super) since: Duration,
    /// What it did when it was last seen.
    stage: String,
    /// What the judge's rank does, where that is something else.
    here: Option<String>,
    /// Ranks of which the same is true.
    others: Vec<usize>,
    /// Ranks that were never heard of.
    unknown: Vec<usize>,
}

/// What a rank does, in words.
fn stage_or_none(stage: &str) -> &str {
    match stage {
        "" => "no stage yet",
        stage => stage,
    }
}

fn named(ranks: &[usize]) -> String {
    let shown: Vec<String> = ranks.iter().take(NAMED).map(usize::to_string).collect();
    let more = match ranks.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

impl Finding {
    /// Of one rank, by what it sees of itself alone.
    pub(super) fn own(rank: usize, cause: Cause, since: Duration, stage: &str) -> Finding {
        Finding {
            rank,
            cause,
            since,
            stage: stage.to_owned(),
            here: None,
            others: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// The report; `place` is where the rank is.
    pub(super) fn text(&self, place: &str) -> String {
        let seconds = self.since.as_secs_f64().round();
        let stage = stage_or_none(&self.stage);
        let mut text = match self.cause {
            Cause::Silent => format!(
                "{place}: no sign of life for {seconds} s: stopped, swapped out or its node is gone; last seen in: {stage}"
            ),
            Cause::Still => format!("{place}: has not moved for {seconds} s in: {stage}"),
            Cause::Waiting => format!("{place}: waits for other ranks for {seconds} s in: {stage}"),
        };
        if let Some(here) = &self.here {
            let _ = write!(text, "; others are in: {}", stage_or_none(here));
        }
        if !self.others.is_empty() {
            let _ = write!(text, "\n  the same is true of rank {}", named(&self.others));
        }
        if !self.unknown.is_empty() {
            let _ = write!(
                text,
                "\n  no heartbeat ever came from rank {}",
                named(&self.unknown)
            );
        }
        text
    }
}

/// The judge of a job: rank 0's keeper.
pub(super) struct Judge {
    limit: Duration,
    seen: Vec<Option<Seen>>,
}

impl Judge {
    pub(super) fn new(size: usize, limit: Duration) -> Self {
        Judge {
            limit,
            seen: (0..size).map(|_| None).collect(),
        }
    }

    /// Takes in what a rank tells.
    pub(super) fn note(&mut self, rank: usize, signs: Signs, now: Duration) {
        match self.seen.get_mut(rank) {
            Some(Some(seen)) => seen.note(signs, now),
            Some(unseen) => *unseen = Some(Seen::new(signs, now)),
            None => {}
        }
    }

    /// The rank that holds up the job for the limit, if one does. A rank that was never heard of is not judged: perhaps no
    /// datagrams come through from there.
    pub(super) fn finding(&self, now: Duration) -> Option<Finding> {
        let own = self.seen.first()?.as_ref()?;
        if !own.signs.watched {
            return None;
        }
        let known = || {
            (self.seen.iter().enumerate()).filter_map(|(rank, seen)| Some((rank, seen.as_ref()?)))
        };
        let silent = known().filter(|(rank, seen)| *rank > 0 && now - seen.heard >= self.limit);
        let still = known().filter(|(_, seen)| {
            seen.signs.watched && !seen.signs.waiting && now - seen.moved >= self.limit
        });
        self.found(
            Cause::Silent,
            silent.map(|(rank, seen)| (rank, seen.heard)).collect(),
            now,
        )
        .or_else(|| {
            self.found(
                Cause::Still,
                still.map(|(rank, seen)| (rank, seen.moved)).collect(),
                now,
            )
        })
        .or_else(|| {
            let patient = known().all(|(_, seen)| now - seen.moved >= self.limit * PATIENCE);
            let last = known().map(|(_, seen)| seen.moved).max()?;
            patient.then(|| self.found(Cause::Waiting, vec![(0, last)], now))?
        })
    }

    /// Blames the rank that began first: what came later may be its consequence.
    fn found(
        &self,
        cause: Cause,
        mut culprits: Vec<(usize, Duration)>,
        now: Duration,
    ) -> Option<Finding> {
        culprits.sort_by_key(|(rank, since)| (*since, *rank));
        let ((rank, since), others) = culprits.split_first()?;
        let stage = |rank: usize| match self.seen.get(rank) {
            Some(Some(seen)) => seen.signs.stage.clone(),
            _ => String::new(),
        };
        let unseen = self
            .seen
            .iter()
            .enumerate()
            .filter(|(_, seen)| seen.is_none());
        Some(Finding {
            rank: *rank,
            cause,
            since: now - *since,
            stage: stage(*rank),
            here: (stage(*rank) != stage(0)).then(|| stage(0)),
            others: others.iter().map(|(rank, _)| *rank).collect(),
            unknown: match cause {
                Cause::Waiting => unseen.map(|(rank, _)| rank).collect(),
                _ => Vec::new(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn signs(moves: u64, waiting: bool, stage: &str) -> Signs {
        Signs {
            moves,
            waiting,
            watched: true,
            stage: stage.to_owned(),
        }
    }

    /// A judge of four ranks; ranks 0 and 2 wait, 1 computes and moves, 3 as `third` says at each second.
    fn after(seconds: u64, third: impl Fn(u64) -> Option<Signs>) -> Option<Finding> {
        let mut judge = Judge::new(4, S(4));
        (0..=seconds).find_map(|now| {
            judge.note(0, signs(5, true, "stage 2"), S(now));
            judge.note(1, signs(now, false, "stage 2"), S(now));
            judge.note(2, signs(9, true, "stage 2"), S(now));
            if let Some(third) = third(now) {
                judge.note(3, third, S(now));
            }
            judge.finding(S(now))
        })
    }

    #[test]
    fn ranks_that_wait_for_one_that_works_are_let_be() {
        assert_eq!(
            after(100, |now| Some(signs(now / 3, false, "stage 2"))),
            None
        );
        assert_eq!(after(100, |_| Some(signs(7, true, "stage 2"))), None);
        // Never heard of.
        assert_eq!(after(100, |_| None), None);
    }

    #[test]
    fn a_silent_rank_and_a_still_one_are_named() {
        let silent = after(100, |now| (now < 10).then(|| signs(now, true, "stage 1"))).unwrap();
        assert_eq!(
            (silent.rank, silent.cause, silent.since),
            (3, Cause::Silent, S(4))
        );
        let text = silent.text("rank 3 of 4, host a");
        assert!(
            text.contains("no sign of life for 4 s")
                && text.contains("last seen in: stage 1; others are in: stage 2"),
            "{text}"
        );
        let still = after(100, |now| Some(signs(now.min(20), false, "stage 2"))).unwrap();
        assert_eq!(
            (still.rank, still.cause, still.since),
            (3, Cause::Still, S(4))
        );
        assert!(
            still
                .text("p")
                .contains("p: has not moved for 4 s in: stage 2")
        );
    }

    #[test]
    fn what_began_first_is_blamed_and_the_rest_is_told() {
        let mut judge = Judge::new(12, S(4));
        judge.note(0, signs(1, true, "a"), S(0));
        (1..12).for_each(|rank| {
            judge.note(rank, signs(1, true, "a"), S(if rank == 7 { 1 } else { 2 }))
        });
        judge.note(0, signs(1, true, "a"), S(5));
        assert_eq!(
            judge.finding(S(5)).map(|f| (f.rank, f.others.len())),
            Some((7, 0))
        );
        let all = judge.finding(S(6)).unwrap();
        assert!(
            all.text("p")
                .ends_with("rank 1, 2, 3, 4, 5, 6, 8, 9 and 2 more"),
            "{}",
            all.text("p")
        );
        // Between requests ranks may be still, and a late datagram changes nothing.
        let idle = Signs {
            watched: false,
            ..signs(2, false, "")
        };
        judge.note(0, idle, S(6));
        assert_eq!(judge.finding(S(60)), None);
    }

    #[test]
    fn ranks_that_all_wait_are_given_more_time() {
        let mut judge = Judge::new(3, S(4));
        let mut first = None;
        for now in 0..60 {
            (0..2).for_each(|rank| judge.note(rank, signs(3, true, "a"), S(now)));
            if let (None, Some(found)) = (&first, judge.finding(S(now))) {
                first = Some((now, found));
            }
        }
        let (now, found) = first.unwrap();
        assert_eq!((now, found.cause), (24, Cause::Waiting));
        assert!(
            found
                .text("p")
                .contains("no heartbeat ever came from rank 2")
        );
    }

    #[test]
    fn time_asleep_does_not_count() {
        let mut clock = Awake::new(Duration::from_millis(1));
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(clock.now(), Duration::from_millis(1));
    }
}
