//! Planning the season job over 10 … 1,000,000 storage chunks per band: time to optimise, lower and validate, and the bytes
//! that a plan takes on the wire. The bytes do not grow with the number of chunks; the time does a little, since lengths of
//! tiles and loads of tasks are looked at one by one (the law, tests/plans.rs: below 50 ms).
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/support/season.rs"]
mod season;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use hyperslab::config::Limits;
use hyperslab::plan::encode;
use season::season_plan;
use std::hint::black_box;

/// Ranks that are planned for.
const RANKS: usize = 64;

fn planner(c: &mut Criterion) {
    let limits = Limits {
        memory_bytes: 4 << 30,
        threads: 8,
        ..Limits::default()
    };
    let mut group = c.benchmark_group("season");
    for chunks in [10usize, 100, 1000, 10_000, 100_000, 1_000_000] {
        // Chunks of (1, 256, 256): ten of them in space, the rest in time.
        let shape = [chunks / 10, 2 * 256, 5 * 256];
        let ready = season_plan(&shape, RANKS).validate(&limits).unwrap();
        let bytes = encode(ready.plan()).unwrap().len();
        println!(
            "season of {chunks} chunks per band: {bytes} bytes on the wire, peak {} bytes per rank",
            ready.peak_bytes()
        );
        group.bench_with_input(BenchmarkId::from_parameter(chunks), &shape, |b, shape| {
            b.iter(|| {
                let ready = season_plan(black_box(shape), RANKS)
                    .validate(&limits)
                    .unwrap();
                encode(ready.plan()).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = planner
}
criterion_main!(benches);
