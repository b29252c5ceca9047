//! How messages and bytes grow with the ranks: from plans alone, up to 4096 ranks.

use hyperslab::array::{Array, Norm};
use hyperslab::comm::Fabric;
use hyperslab::config::Limits;
use hyperslab::driver::{Config, Driver, launch_with};
use hyperslab::dtype::DType;
use hyperslab::plan::{ArrayDecl, RankTraffic, ReadyPlan, Stage, traffic};
use std::time::{Duration, Instant};

/// Length of the axes of the images: 4096 ranks have tiles.
const N: usize = 1 << 16;
const SLAB: u64 = 4 << 20;

/// The plans of the runs of `program`.
fn planned(
    ranks: usize,
    program: impl FnOnce(&Driver) -> hyperslab::Result<()> + Send,
) -> Vec<ReadyPlan> {
    let config = Config {
        limits: Limits {
            memory_bytes: 1 << 50,
            threads: 1,
            ..Limits::default()
        },
        fabric: Some(Fabric::Solo),
        dry_ranks: Some(ranks),
        ..Config::default()
    };
    launch_with(&config, |driver| {
        program(driver)?;
        Ok(driver.session().planned())
    })
    .map_err(|(_, error)| error)
    .unwrap()
    .unwrap()
}

/// As [`planned`], in less than a second (the best of five: other programs run beside this one); and how long it took.
fn quickly(
    ranks: usize,
    program: impl Fn(&Driver) -> hyperslab::Result<()> + Send + Sync,
) -> (Vec<ReadyPlan>, Duration) {
    let mut took = Duration::MAX;
    for _ in 0..5 {
        let begin = Instant::now();
        let plans = planned(ranks, &program);
        took = begin.elapsed();
        if took < Duration::from_secs(1) {
            return (plans, took);
        }
    }
    panic!("planning for {ranks} ranks takes {took:?}");
}

fn image(driver: &Driver, chunk: [usize; 2]) -> Array {
    let rng = driver.default_rng(1);
    rng.random_as(&[N, N], DType::F32).chunk(&chunk)
}

/// The traffic of the stages of a plan that send something.
fn moving(plan: &ReadyPlan) -> Vec<(&Stage, Vec<RankTraffic>)> {
    let stages = plan.plan().stages.iter();
    stages
        .map(|stage| (stage, traffic(plan.plan(), stage)))
        .filter(|(_, ranks)| ranks.iter().any(|rank| rank.messages_in > 0))
        .collect()
}

/// Messages: the mean, and those of the busiest rank.
fn messages(ranks: &[RankTraffic]) -> (f64, u64) {
    let sum: u64 = ranks.iter().map(|rank| rank.messages_in).sum();
    let sent: u64 = ranks.iter().map(|rank| rank.messages_out).sum();
    assert_eq!(sum, sent);
    let most = ranks.iter().map(RankTraffic::messages).max().unwrap();
    (sum as f64 / ranks.len() as f64, most)
}

/// Bytes: in all, and those of the busiest rank.
fn bytes(ranks: &[RankTraffic]) -> (u64, u64) {
    let most = ranks.iter().map(RankTraffic::bytes).max().unwrap();
    (ranks.iter().map(|rank| rank.bytes_in).sum(), most)
}

/// Bytes that ranks need and do not hold.
fn must_move(plan: &ReadyPlan, stage: &Stage) -> u64 {
    let Stage::Pass(pass) = stage else {
        panic!("a pass");
    };
    let plan = plan.plan();
    let mut bytes = 0;
    for array in pass.arrays() {
        if matches!(plan.array(array), ArrayDecl::File(_)) {
            continue;
        }
        for rank in 0..plan.ranks {
            let Some(needed) = plan.needed_region(stage, array, rank) else {
                continue;
            };
            let owned = plan.owned_region(array, rank);
            let home = owned.and_then(|owned| owned.intersect(&needed));
            let missing = needed.elements() - home.map_or(0, |home| home.elements());
            bytes += (missing * plan.array(array).dtype().size()) as u64;
        }
    }
    bytes
}

fn curve() -> impl Iterator<Item = usize> {
    (1..=12).map(|power| 1 << power)
}

/// A smooth of a held image: each rank talks to its neighbours, however many ranks there are.
#[test]
fn halos_have_as_many_messages_on_any_ranks() {
    for ranks in curve() {
        let plans = planned(ranks, |driver| {
            let x = image(driver, [256, 256]).persist()?;
            let part = |y: isize, c: isize| {
                let (n, y, c) = (N as isize - 2, y, c);
                x.slice(0, Some(y), Some(y + n), 1)
                    .slice(1, Some(c), Some(c + n), 1)
            };
            let parts = (1..9).fold(part(0, 0), |sum, k| sum + part(k / 3, k % 3));
            parts.persist().map(|_| ())
        });
        let plan = &plans[1];
        let stages = moving(plan);
        assert_eq!(stages.len(), 1, "{ranks} ranks: {}", plan.plan());
        let (stage, traffic) = &stages[0];
        let (mean, most) = messages(traffic);
        let (all, worst) = bytes(traffic);
        println!(
            "halo on {ranks} ranks: {mean:.1} messages, at most {most}; at most {worst} bytes"
        );
        // Two neighbours along an axis that is cut, and the corners; the pixels along the cuts.
        assert!(
            most <= 8,
            "{ranks} ranks: {most} messages\n{}\n{}",
            plans[0].plan(),
            plan.plan()
        );
        assert!(worst <= 16 * N as u64, "{ranks} ranks: {worst} bytes");
        assert_eq!(all, must_move(plan, stage));
    }
}

/// Rows to columns: each rank sends each other what that needs, and nothing else.
#[test]
fn a_rechunk_moves_what_it_must() {
    for ranks in curve() {
        let (plans, took) = quickly(ranks, |driver| {
            let rows = image(driver, [16, N]).persist()?;
            rows.chunk(&[N, 16]).persist().map(|_| ())
        });
        let plan = &plans[1];
        let stages = moving(plan);
        assert_eq!(stages.len(), 1, "{ranks} ranks: {}", plan.plan());
        let (_, traffic) = &stages[0];
        let (mean, most) = messages(traffic);
        let (all, worst) = bytes(traffic);
        println!(
            "rechunk on {ranks} ranks: {mean:.1} messages, at most {most}; {all} bytes, at most {worst}; {took:?}"
        );
        let elements = (N * N) as u64;
        // All but what a rank keeps of its own, 1 of P parts.
        assert_eq!(
            all,
            (elements - elements / ranks as u64) * 4,
            "{ranks} ranks"
        );
        assert_eq!(worst * ranks as u64, all, "{ranks} ranks");
        let piece = elements * 4 / (ranks * ranks) as u64;
        let slabs = piece.div_ceil(SLAB) * (ranks as u64 - 1);
        assert_eq!(most, slabs, "{ranks} ranks");
    }
}

/// Partial results meet along a tree.
#[test]
fn a_reduction_has_a_tree_of_messages() {
    for axes in [&[][..], &[0], &[1]] {
        for ranks in curve() {
            let plans = planned(ranks, |driver| {
                let x = image(driver, [256, 256]).persist()?;
                x.sum(axes).persist().map(|_| ())
            });
            let log = u64::from(ranks.ilog2());
            let plan = &plans[1];
            for (stage, traffic) in moving(plan) {
                // A fold of so small a state has at most 4096 segments, and so tasks: beyond 1024 ranks their grid may not be
                // that of the image.
                if ranks > 1024 {
                    assert!(must_move(plan, stage) <= (N * N * 4) as u64);
                    continue;
                }
                assert_eq!(
                    must_move(plan, stage),
                    0,
                    "{ranks} ranks\n{}\n{}",
                    plans[0].plan(),
                    plan.plan()
                );
                let (mean, most) = messages(&traffic);
                let (all, worst) = bytes(&traffic);
                println!(
                    "sum over {axes:?} on {ranks} ranks: {mean:.1} messages, at most {most}; {all} bytes, at most {worst}"
                );
                // A size and a state per step of the tree.
                assert!(most <= 2 * log, "{ranks} ranks: {most} messages");
                assert!(mean <= 2.0, "{ranks} ranks: {mean} messages");
                // Of the sum of all a rank holds a state for each row of its segments: they merge when whole rows are there.
                let (cells, states) = if axes.is_empty() {
                    (1, 64)
                } else {
                    (N as u64, 1)
                };
                assert!(
                    worst <= log * (cells * 8 * states + 8),
                    "{ranks} ranks: {worst} bytes"
                );
            }
        }
    }
}

/// A transform along both axes of a held image: rows, then an exchange, then columns.
#[test]
fn a_transform_of_two_axes_moves_pencils() {
    for ranks in curve() {
        let (plans, took) = quickly(ranks, |driver| {
            let x = image(driver, [16, N]).persist()?;
            x.fft2(None, [0, 1], Norm::Backward).persist().map(|_| ())
        });
        let plan = &plans[1];
        let stages = moving(plan);
        assert!(stages.len() <= 2, "{ranks} ranks: {}", plan.plan());
        let mut all = 0;
        for (stage, traffic) in &stages {
            let (mean, most) = messages(traffic);
            let (bytes, worst) = bytes(traffic);
            println!(
                "fft2 on {ranks} ranks: {mean:.1} messages, at most {most}; {bytes} bytes, at most {worst}; {took:?}"
            );
            assert_eq!(bytes, must_move(plan, stage));
            let piece = bytes / (ranks * (ranks - 1)) as u64;
            assert!(most <= (ranks as u64 - 1) * piece.div_ceil(SLAB));
            all += bytes;
        }
        // Pencils are tiles of at most 64 MiB: 1024 of them here, and more ranks have nothing to do.
        if ranks > 1024 {
            assert!(all <= (N * N) as u64 * 16, "{ranks} ranks");
            continue;
        }
        // The complex array once, but for what stays at home.
        let elements = (N * N) as u64;
        assert_eq!(
            all,
            (elements - elements / ranks as u64) * 8,
            "{ranks} ranks: {}",
            plan.plan()
        );
    }
}

/// The numbers are those of all pairs of ranks, one by one.
#[test]
fn traffic_is_that_of_all_pairs() {
    for ranks in [1, 2, 3, 5, 7, 12] {
        let plans = planned(ranks, |driver| {
            let rng = driver.default_rng(3);
            let x = rng.random(&[37, 50, 41]).chunk(&[5, 13, 41]).persist()?;
            let y = x.transpose(&[2, 0, 1]).chunk(&[7, 37, 9]).persist()?;
            let z = (y.slice(0, Some(3), None, 2) + 1.0).sum(&[1]);
            (z.flip(&[0]) * x.mean(&[0]).slice(1, Some(0), Some(19), 1).t())
                .persist()
                .map(|_| ())
        });
        for plan in &plans {
            for stage in &plan.plan().stages {
                let Stage::Pass(pass) = stage else { continue };
                let mut expected = vec![RankTraffic::default(); ranks];
                for array in pass.arrays() {
                    let size = plan.plan().array(array).dtype().size();
                    for to in 0..ranks {
                        let Some(needed) = plan.plan().needed_region(stage, array, to) else {
                            continue;
                        };
                        for from in (0..ranks).filter(|from| *from != to) {
                            let owned = plan.plan().owned_region(array, from);
                            let Some(part) = owned.and_then(|owned| owned.intersect(&needed))
                            else {
                                continue;
                            };
                            let bytes = (part.elements() * size) as u64;
                            expected[to].messages_in += 1;
                            expected[to].bytes_in += bytes;
                            expected[from].messages_out += 1;
                            expected[from].bytes_out += bytes;
                        }
                    }
                }
                let split = pass.sinks.iter().any(|sink| {
                    let fold = sink.fold.as_ref();
                    hyperslab::plan::SinkGeometry::new(pass.tiles.ndim(), fold).is_split(pass)
                });
                if !split {
                    assert_eq!(traffic(plan.plan(), stage), expected, "{}", plan.plan());
                }
            }
        }
    }
}
