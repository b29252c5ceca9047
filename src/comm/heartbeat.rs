//! Heartbeats: small datagrams by which the keepers of ranks tell rank 0's how their ranks are, and get an answer.
//!
//! They go beside MPI, whose calls are the main thread's and stop with it. Addresses and a token that nobody else knows go
//! once over the communicator. A datagram is not trusted: it has a fixed form and a bounded size, and one without the token of
//! this job is dropped unanswered.

use super::Comm;
use super::judge::Signs;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What every datagram begins with; the last byte is the version of its form.
const MAGIC: [u8; 4] = *b"hsb1";
/// Longest text of a stage that is told.
const STAGE_BYTES: usize = 120;
/// Magic, kind, token, rank, moves, flags, length of the stage.
const HEAD_BYTES: usize = 4 + 1 + 16 + 4 + 8 + 1 + 1;
/// Times that a rank introduces itself, and how long it waits for the answer.
const GREETINGS: usize = 3;
const GREETING: Duration = Duration::from_millis(100);

/// What the ranks of a job know and others do not.
type Token = [u8; 16];

/// What a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A rank tells rank 0 how it is.
    Beat,
    /// Rank 0 answers with how it is itself.
    Answer,
}

/// One datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    pub(super) kind: Kind,
    /// Whose signs these are.
    pub(super) rank: usize,
    pub(super) signs: Signs,
}

impl Datagram {
    fn encode(kind: Kind, rank: usize, signs: &Signs, token: &Token) -> Vec<u8> {
        let mut end = signs.stage.len().min(STAGE_BYTES);
        while !signs.stage.is_char_boundary(end) {
            end -= 1;
        }
        let mut bytes = Vec::with_capacity(HEAD_BYTES + end);
        bytes.extend(MAGIC);
        bytes.push(u8::from(kind == Kind::Answer));
        bytes.extend(token);
        bytes.extend((rank as u32).to_le_bytes());
        bytes.extend(signs.moves.to_le_bytes());
        bytes.push(u8::from(signs.waiting) | u8::from(signs.watched) << 1);
        bytes.push(end as u8);
        bytes.extend(&signs.stage.as_bytes()[..end]);
        bytes
    }

    /// What bytes say that carry the token; `None`: they are not from this job.
    fn decode(bytes: &[u8], token: &Token, size: usize) -> Option<Datagram> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (kind, rest) = rest.split_first()?;
        let kind = match kind {
            0 => Kind::Beat,
            1 => Kind::Answer,
            _ => return None,
        };
        let rest = rest.strip_prefix(token)?;
        let (rank, rest) = rest.split_first_chunk::<4>()?;
        let rank = usize::try_from(u32::from_le_bytes(*rank)).ok()?;
        let (moves, rest) = rest.split_first_chunk::<8>()?;
        let (flags, rest) = rest.split_first()?;
        let (length, stage) = rest.split_first()?;
        let fits = rank < size && *flags < 4 && stage.len() == usize::from(*length);
        let stage = std::str::from_utf8(stage).ok()?;
        let plain = stage.len() <= STAGE_BYTES && !stage.contains(char::is_control);
        (fits && plain).then(|| Datagram {
            kind,
            rank,
            signs: Signs {
                moves: u64::from_le_bytes(*moves),
                waiting: flags & 1 != 0,
                watched: flags & 2 != 0,
                stage: stage.to_owned(),
            },
        })
    }
}

/// What the ranks tell one another once.
#[derive(Serialize, Deserialize)]
struct Hello {
    host: String,
    /// Of a rank that has no socket, or watches nothing: 0.
    port: u16,
    token: Token,
}

/// A rank's end of the heartbeats.
pub(super) struct Link {
    socket: UdpSocket,
    rank: usize,
    token: Token,
    /// Where rank 0 listens.
    leader: SocketAddr,
    /// Of all ranks on rank 0; elsewhere of rank 0 alone.
    hosts: Vec<String>,
    size: usize,
    greeted: AtomicBool,
    /// Of rank 1, on rank 0, once it has beaten.
    deputy: OnceLock<SocketAddr>,
}

/// Bytes that nobody guesses: the standard library takes them from the system for its hash maps.
fn token() -> Token {
    let mut token = [0; 16];
    for half in token.chunks_mut(8) {
        half.copy_from_slice(
            &RandomState::new()
                .hash_one(std::process::id())
                .to_le_bytes(),
        );
    }
    token
}

impl Link {
    /// Opens a socket and learns where rank 0 listens. `None` where that fails, on this rank or on rank 0, or where one of them
    /// does not watch. Collective.
    pub(super) fn open(comm: &dyn Comm, watches: bool) -> Option<Link> {
        let bound = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok();
        let socket = bound.filter(|_| watches);
        let port = socket.as_ref().and_then(|socket| socket.local_addr().ok());
        let hello = Hello {
            host: comm.host().to_owned(),
            port: port.map_or(0, |address| address.port()),
            token: token(),
        };
        // An error of the fabric comes out of the next call that can return one.
        let all = comm.all_gather(&postcard::to_stdvec(&hello).unwrap_or_default());
        let all = all.unwrap_or_default();
        let read = |bytes: &Vec<u8>| postcard::from_bytes::<Hello>(bytes).ok();
        let first = all.first().and_then(read)?;
        let rank = comm.rank();
        let leader = match first.port {
            0 => return None,
            port if first.host == comm.host() => {
                SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
            }
            port => (first.host.as_str(), port)
                .to_socket_addrs()
                .ok()?
                .find(SocketAddr::is_ipv4)?,
        };
        let told = if rank == 0 { all.len() } else { 1 };
        let hosts = all[..told]
            .iter()
            .map(|bytes| read(bytes).map_or_else(String::new, |hello| hello.host));
        Some(Link {
            socket: socket?,
            rank,
            token: first.token,
            leader,
            hosts: hosts.collect(),
            size: comm.size(),
            greeted: AtomicBool::new(false),
            deputy: OnceLock::new(),
        })
    }

    /// The host of a rank, where it is known.
    pub(super) fn host(&self, rank: usize) -> &str {
        self.hosts.get(rank).map_or("", String::as_str)
    }

    /// Tells rank 0 how this rank is, or rank 1 how rank 0 is. A datagram that cannot be sent is a lost one.
    pub(super) fn beat(&self, signs: &Signs) {
        let (kind, to) = match (self.rank, self.deputy.get()) {
            (0, Some(deputy)) => (Kind::Answer, *deputy),
            (0, None) => return,
            _ => (Kind::Beat, self.leader),
        };
        let bytes = Datagram::encode(kind, self.rank, signs, &self.token);
        let _ = self.socket.send_to(&bytes, to);
    }

    /// Rank 0 answers a rank.
    pub(super) fn answer(&self, rank: usize, to: SocketAddr, signs: &Signs) {
        if rank == 1 {
            self.deputy.get_or_init(|| to);
        }
        let bytes = Datagram::encode(Kind::Answer, self.rank, signs, &self.token);
        let _ = self.socket.send_to(&bytes, to);
    }

    /// Ends the wait of [`Self::receive`]: by a datagram to this rank itself, which says nothing.
    pub(super) fn wake(&self) {
        if let Ok(own) = self.socket.local_addr() {
            let _ = self.socket.send_to(&[], (Ipv4Addr::LOCALHOST, own.port()));
        }
    }

    /// The next datagram before a time, with its sender; of one that is not of this job, `Some(None)`.
    pub(super) fn receive(&self, until: Instant) -> Option<Option<(Datagram, SocketAddr)>> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        self.socket
            .set_read_timeout(Some(left.max(Duration::from_micros(100))))
            .ok()?;
        let mut bytes = [0; HEAD_BYTES + STAGE_BYTES + 1];
        match self.socket.recv_from(&mut bytes) {
            Ok((length, from)) => {
                let found = Datagram::decode(&bytes[..length], &self.token, self.size);
                Some(found.map(|found| (found, from)))
            }
            // The time is over, or a signal came.
            Err(_) => Some(None),
        }
    }

    /// Introduces this rank to rank 0, so that it is known there before its work begins. Where no answer comes, datagrams do not
    /// come through: then beats go on, and this rank watches itself.
    pub(super) fn greet(&self, signs: &Signs) {
        for _ in 0..GREETINGS {
            if self.rank == 0 || self.has_greeted() {
                return;
            }
            self.beat(signs);
            let until = Instant::now() + GREETING;
            while let Some(received) = self.receive(until) {
                if received.is_some_and(|(datagram, _)| datagram.kind == Kind::Answer) {
                    self.greeted.store(true, Ordering::Relaxed);
                    break;
                }
            }
        }
    }

    /// Whether rank 0 answered a greeting.
    pub(super) fn has_greeted(&self) -> bool {
        self.greeted.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::comm::{Fabric, launch};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn datagrams_come_back_and_no_other_bytes_do(
            rank in 0usize..5000, moves: u64, flags in 0u8..4, stage in "[ -~äß]{0,200}", at in 0usize..200, flip in 1u8..,
        ) {
            let signs = Signs { moves, waiting: flags & 1 != 0, watched: flags & 2 != 0, stage: stage.clone() };
            let token = token();
            let bytes = Datagram::encode(Kind::Beat, rank, &signs, &token);
            prop_assert!(bytes.len() <= HEAD_BYTES + STAGE_BYTES);
            let found = Datagram::decode(&bytes, &token, 5000).unwrap();
            prop_assert!(stage.starts_with(&found.signs.stage));
            prop_assert!(found.signs.stage.len() + 1 >= stage.len().min(STAGE_BYTES));
            prop_assert_eq!((found.rank, found.signs.moves, found.signs.waiting), (rank, moves, signs.waiting));
            // Cut, longer, of another job, of a rank that there is not: dropped.
            prop_assert!(Datagram::decode(&bytes[..at.min(bytes.len() - 1)], &token, 5000).is_none());
            prop_assert!(Datagram::decode(&[&bytes[..], b"x"].concat(), &token, 5000).is_none());
            prop_assert!(Datagram::decode(&bytes, &super::token(), 5000).is_none());
            prop_assert!(Datagram::decode(&bytes, &token, rank).is_none());
            let mut other = bytes.clone();
            other[at % 21] ^= flip;
            let same_form = Datagram::decode(&other, &token, 5000).is_some();
            prop_assert!(!same_form || at % 21 == 4, "a byte of magic or token changed");
        }

        #[test]
        fn any_bytes_are_dropped(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Datagram::decode(&bytes, &token(), 5000).is_none());
        }
    }

    #[test]
    fn ranks_greet_and_strangers_get_no_answer() {
        launch(Fabric::Threads(3), 1 << 20, |comm| {
            let Some(link) = Link::open(comm, comm.rank() != 2) else {
                // Rank 2 does not watch; the others do not mind.
                assert_eq!(comm.rank(), 2);
                return comm.barrier();
            };
            let signs = Signs {
                moves: 7,
                ..Signs::default()
            };
            if comm.rank() == 1 {
                link.greet(&signs);
                assert!(link.has_greeted());
                let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                let forged = Datagram::encode(Kind::Beat, 1, &signs, &token());
                stranger.send_to(&forged, link.leader).unwrap();
                stranger.send_to(b"hsb1", link.leader).unwrap();
                let answer = Some(Duration::from_millis(300));
                stranger.set_read_timeout(answer).unwrap();
                assert!(stranger.recv_from(&mut [0; 9]).is_err());
                return comm.barrier();
            }
            assert_eq!(link.host(1), comm.host());
            let (mut beats, mut strange) = (0, 0);
            let until = Instant::now() + Duration::from_secs(10);
            while (beats, strange) != (1, 2) {
                match link.receive(until).unwrap() {
                    Some((datagram, from)) => {
                        assert_eq!((datagram.rank, datagram.signs.moves), (1, 7));
                        link.answer(datagram.rank, from, &signs);
                        beats += 1;
                    }
                    None => strange += 1,
                }
            }
            // What rank 0 sends itself ends its wait.
            link.wake();
            assert!(link.receive(until).unwrap().is_none());
            comm.barrier()
        })
        .unwrap();
    }
}
