//! Laws of the fabrics in one process; `tests/comm.rs` runs the same scenarios under `mpirun`.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::wire::{Header, is_inline, pieces, transfers};
use super::*;
use crate::error::Result;
use proptest::prelude::*;
use std::time::{Duration, Instant};

proptest! {
    #[test]
    fn pieces_partition_a_message(length in 0usize..10_000, limit in 1usize..6000) {
        if is_inline(length, limit) {
            prop_assert_eq!(transfers(length, limit), 1);
            return Ok(());
        }
        let mut end = 0;
        let mut number = 0;
        for piece in pieces(length, limit) {
            prop_assert_eq!(piece.start, end);
            prop_assert!(!piece.is_empty() && piece.len() <= limit);
            end = piece.end;
            number += 1;
        }
        prop_assert_eq!(end, length);
        prop_assert_eq!(transfers(length, limit), number + 1);
    }
}

proptest! {
    #[test]
    fn headers_say_what_follows(length in 0usize..9000, limit in 1usize..6000, cut in 0usize..16) {
        let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let (header, inline) = Header::encode(&bytes, limit);
        prop_assert_eq!(inline, is_inline(length, limit));
        // A header that lost or won bytes is damaged.
        prop_assert!(Header::decode(header[..cut].to_vec()).is_none());
        prop_assert!(Header::decode([header.as_slice(), &[7]].concat()).is_none());
        match Header::decode(header) {
            Some(Header::Inline(same)) => prop_assert!(inline && same == bytes),
            Some(Header::Pieces { length: l, limit: m }) => prop_assert_eq!((inline, l, m), (false, length, limit)),
            None => prop_assert!(false, "damaged"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_exchange_delivers(
        ranks in 1usize..8,
        limit in 1usize..9,
        lengths in prop::collection::vec(prop::option::of(0usize..40), 64),
    ) {
        let length = |from: usize, to: usize| lengths[from * 8 + to];
        launch(Fabric::Threads(ranks), limit, |comm| {
            let me = comm.rank();
            let sends: Vec<_> = (0..ranks)
                .filter_map(|to| Some((to, vec![(me * 8 + to) as u8; length(me, to)?])))
                .collect();
            let away: Vec<_> = sends.iter().filter(|(to, _)| *to != me).map(|(_, b)| b.len()).collect();
            let receives: Vec<_> =
                (0..ranks).rev().filter_map(|from| Some((from, length(from, me)?))).collect();
            let found = comm.exchange(sends, &receives)?;
            assert_eq!(found.len(), receives.len());
            for (bytes, (from, n)) in found.iter().zip(&receives) {
                assert_eq!(*bytes, vec![(from * 8 + me) as u8; *n]);
            }
            let stats = comm.stats();
            assert_eq!(stats.bytes, away.iter().sum::<usize>() as u64);
            assert_eq!(stats.messages, away.iter().map(|n| transfers(*n, limit)).sum::<u64>());
            Ok(())
        }).unwrap();
    }
}

#[test]
fn a_panicking_or_aborting_or_leaving_rank_ends_the_others_at_once() {
    let body = |how: &'static str| {
        move |comm: &dyn Comm| -> Result<()> {
            comm.barrier()?;
            if comm.rank() == 2 {
                std::thread::sleep(Duration::from_millis(30));
                match how {
                    "panic" => return resume(),
                    "abort" => comm.abort(70),
                    "error" => return comm.send(99, Tag(0), vec![]),
                    _ => return Ok(()),
                }
            }
            // A rank that polls learns of it, too.
            while comm.rank() == 1 && how != "leave" {
                comm.try_receive(Tag(3))?;
            }
            assert!(comm.barrier().is_err());
            comm.barrier()
        }
    };
    fn resume() -> Result<()> {
        std::panic::resume_unwind(Box::new("cursed"))
    }
    for (how, text) in [
        ("panic", "a rank panicked: cursed"),
        ("abort", "rank 2 ended the job with exit code 70"),
        ("error", "send to rank 99"),
        ("leave", "which has ended"),
    ] {
        let begin = Instant::now();
        let error = launch(Fabric::Threads(4), 1 << 20, body(how)).unwrap_err();
        assert!(
            begin.elapsed() < Duration::from_secs(2),
            "{how}: {:?}",
            begin.elapsed()
        );
        assert!(error.message().contains(text), "{how}: {error}");
    }
}

/// Bytes that tell pieces, streams and senders apart.
fn filled(rank: usize, piece: usize, bytes: &mut [u8]) {
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = (at * 7 + piece * 31 + rank * 101) as u8;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_stream_through_windows_delivers(
        ranks in 2usize..6,
        lengths in prop::collection::vec(prop::collection::vec(0usize..3000, 0..11), 36),
    ) {
        // To each rank from each: some none, some more pieces than there are slots.
        let of = |from: usize, to: usize| &lengths[from * 6 + to][..];
        launch(Fabric::Threads(ranks), 1 << 20, |comm| {
            comm.share_memory(true)?;
            let me = comm.rank();
            let before = comm.stats();
            let (mut bytes, mut messages) = (0, 0);
            for shift in (1..ranks).chain(1..ranks) {
                let (to, from) = ((me + shift) % ranks, (me + ranks - shift) % ranks);
                assert!(comm.shared_bytes(to).is_some_and(|most| most > 3000));
                let out = Stream { rank: to, lengths: of(me, to), messages: 2 };
                let incoming = Stream { rank: from, lengths: of(from, me), messages: 0 };
                let (mut packed, mut pasted) = (0, 0);
                comm.stream(
                    Some(out),
                    &mut |piece, slot| {
                        assert_eq!((piece, slot.len()), (packed, of(me, to)[piece]));
                        filled(me + shift, piece, slot);
                        packed += 1;
                        Ok(())
                    },
                    Some(incoming),
                    &mut |piece, slot| {
                        let mut expected = vec![0; of(from, me)[piece]];
                        filled(from + shift, piece, &mut expected);
                        assert_eq!((piece, slot), (pasted, &expected[..]));
                        pasted += 1;
                        Ok(())
                    },
                )?;
                assert_eq!((packed, pasted), (of(me, to).len(), of(from, me).len()));
                bytes += of(me, to).iter().sum::<usize>() as u64;
                messages += 2;
            }
            let stats = comm.stats();
            assert_eq!((stats.bytes, stats.messages), (before.bytes + bytes, before.messages + messages));
            Ok(())
        }).unwrap();
    }
}

#[test]
fn ranks_share_memory_when_all_of_a_node_do() {
    launch(Fabric::Threads(3), 1 << 20, |comm| {
        assert_eq!(comm.shared_bytes(0), None);
        comm.share_memory(comm.rank() != 1)?;
        let expected = |other: usize| comm.rank() != 1 && other != 1 && other != comm.rank();
        for other in 0..3 {
            assert_eq!(comm.shared_bytes(other).is_some(), expected(other));
        }
        comm.share_memory(false)?;
        assert_eq!(comm.shared_bytes(2 - comm.rank()), None);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_rank_that_fails_in_a_stream_ends_the_others_at_once() {
    for (how, text) in [
        ("panic", "a rank panicked: cursed"),
        ("error", "no more of this"),
        ("leave", "which has ended"),
        ("length", "expects 9 bytes from rank 0 and finds 8"),
    ] {
        let begin = Instant::now();
        let error = launch(Fabric::Threads(2), 1 << 20, |comm| {
            comm.share_memory(true)?;
            let partner = 1 - comm.rank();
            if how == "leave" && comm.rank() == 1 {
                return Ok(());
            }
            let expected = [8, if how == "length" { 9 } else { 8 }];
            let pieces = |lengths| Stream {
                rank: partner,
                lengths,
                messages: 1,
            };
            comm.stream(
                Some(pieces(&[8; 2])),
                &mut |piece, _| match (how, comm.rank(), piece) {
                    ("panic", 1, 1) => std::panic::resume_unwind(Box::new("cursed")),
                    ("error", 1, 1) => Err(crate::error::Error::internal("no more of this")),
                    _ => Ok(()),
                },
                Some(pieces(if comm.rank() == 1 { &expected } else { &[8; 2] })),
                &mut |_, _| Ok(()),
            )?;
            comm.barrier()
        })
        .unwrap_err();
        assert!(begin.elapsed() < Duration::from_secs(2), "{how}");
        assert!(error.message().contains(text), "{how}: {error}");
    }
}

#[test]
fn a_wrong_length_is_an_internal_error() {
    let error = launch(Fabric::Threads(2), 100, |comm| {
        let sends = vec![(1 - comm.rank(), vec![0; 4])];
        comm.exchange(sends, &[(1 - comm.rank(), 4 + comm.rank())])
            .map(|_| ())?;
        comm.barrier()
    })
    .unwrap_err();
    assert!(
        error
            .message()
            .contains("rank 1 expects 5 bytes from rank 0 and got 4"),
        "{error}"
    );
    let solo = Solo::new();
    assert!(solo.exchange(vec![(0, vec![1])], &[(0, 2)]).is_err());
    assert!(solo.exchange(vec![], &[(0, 2)]).is_err());
    assert_eq!(solo.exchange(vec![(0, vec![1])], &[(0, 1)]).unwrap(), [[1]]);
    assert!(launch(Fabric::Threads(0), 1, |_| Ok(())).is_err());
}

#[test]
fn bytes_in_flight_count_until_the_receiver_takes_them() {
    launch(Fabric::Threads(2), 3, |comm| {
        if comm.rank() == 0 {
            comm.send(1, Tag(5), vec![1; 10])?;
            assert_eq!(comm.bytes_in_flight(), 10);
            comm.send(1, Tag(6), vec![])?;
            comm.exchange(vec![(1, vec![])], &[])?;
            comm.flush()?;
            assert_eq!(comm.bytes_in_flight(), 0);
        } else {
            // A rank that waits takes messages in; so do not wait yet.
            std::thread::sleep(Duration::from_millis(300));
            comm.exchange(vec![], &[(0, 0)])?;
            assert_eq!(comm.try_receive(Tag(5))?.map(|m| m.bytes.len()), Some(10));
            assert_eq!(comm.try_receive(Tag(6))?.map(|m| m.bytes.len()), Some(0));
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_watchdog_ends_a_rank_that_computes_for_ever_and_lets_a_moving_one_live() {
    let limit = Some(Duration::from_millis(200));
    launch(Fabric::Threads(2), 100, |comm| {
        let watchdog = Watchdog::start(comm, limit);
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(25));
            watchdog.tick();
        }
        comm.barrier()
    })
    .unwrap();
    let error = launch(Fabric::Threads(2), 100, |comm| {
        let watchdog = Watchdog::start(comm, limit);
        watchdog.stage("pass 2");
        if comm.rank() == 1 {
            std::thread::sleep(Duration::from_millis(700));
        }
        comm.barrier()
    })
    .unwrap_err();
    assert!(error.message().contains("rank 1 of 2"), "{error}");
    assert!(error.message().contains("in: pass 2"), "{error}");
}
