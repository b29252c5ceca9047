//! Plans: their texts, and their numbers (bytes on the wire, memory, reads, time to plan).
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "plans/costs.rs"]
mod costs;
#[path = "support/season.rs"]
mod season;
#[path = "plans/tiles.rs"]
mod tiles;
#[path = "plans/traffic.rs"]
mod traffic;

use hyperslab::config::Limits;
use hyperslab::dtype::{DType, Scalar};
use hyperslab::expr::{DataId, Graph, GroupBy};
use hyperslab::geom::{Region, Select, Span};
use hyperslab::op::{BinaryOp, Fourier, Reduction, ReductionKind, Transform, UnaryOp};
use hyperslab::plan::{Plan, ReadyPlan, Request, Stage, Target, Tiling, encode, lower};
use hyperslab::spec::Encoding;
use season::{WRITE, band, deflated, file, number, plan, season, season_plan};
use std::time::{Duration, Instant};

const CUBE: [usize; 3] = [44, 1610, 1367];

fn limits(memory_bytes: u64, threads: usize) -> Limits {
    Limits {
        memory_bytes,
        threads,
        ..Limits::default()
    }
}

fn ready(plan: Plan, threads: usize) -> ReadyPlan {
    plan.validate(&limits(1 << 30, threads)).unwrap()
}

/// `(ones(1000 chunks).chunk(1000) + 1).mean()`.
fn many_chunks(chunks: usize) -> Plan {
    let mut g = Graph::new();
    let ones = g.fill(Scalar::F64(1.0), &[chunks * 1000]).unwrap();
    let ones = g.rechunk(ones, &[1000]).unwrap();
    let one = number(&mut g, 1.0f64);
    let sum = g.binary(BinaryOp::Add, ones, one).unwrap();
    let mean = Reduction::new(ReductionKind::Mean, DType::F64);
    let mean = g.reduce(sum, mean, vec![0], None).unwrap();
    plan(&g, &[(mean, Target::Gather(0))], Vec::new(), 4)
}

#[test]
fn season_job() {
    insta::assert_snapshot!(season_plan(&CUBE, 2), @r"
    stage 0: pass over [44, 1610, 1367]
      tiles [1, 256, 256], 1848 of them, streamed along axis 0 in segments of 44; tasks [1, 7, 6] in 2 runs of equal work along axes [2, 1, 0]
      read qa_pixel (uint16)
      read nir08 (int16)
      read red (int16)
      compute 20 fused steps
      fold mean skipna over axes [], axis 0 in 4 groups -> float32 [4, 1610, 1367], write ndvi
    ");
}

#[test]
fn anomaly() {
    let mut g = Graph::new();
    let x = band(&mut g, "t2m", DType::F32, &[1200, 180, 360], &[12, 90, 180]);
    let mean = Reduction::new(ReductionKind::Mean, DType::F32);
    let mean = g.reduce(x, mean, vec![0], None).unwrap();
    let wide = g.broadcast_to(mean, &[1200, 180, 360]).unwrap();
    let anomaly = g.binary(BinaryOp::Subtract, x, wide).unwrap();
    let std = Reduction::new(ReductionKind::Std { ddof: 0 }, DType::F32);
    let std = g.reduce(anomaly, std, vec![0, 1, 2], None).unwrap();
    insta::assert_snapshot!(plan(&g, &[(std, Target::Gather(0))], Vec::new(), 3), @r"
    stage 0: pass over [1200, 180, 360]
      tiles [12, 90, 180], 400 of them, streamed along axis 0 in segments of 1; tasks [100, 2, 2] on process grid [3, 1, 1]
      read t2m (float32)
      compute 1 fused steps
      fold mean skipna over axes [0] -> float32 [180, 360], store as array 1
    stage 1: pass over [1200, 180, 360]
      tiles [12, 90, 180], 400 of them, streamed along axis 0 in segments of 1; tasks [100, 2, 2] on process grid [3, 1, 1]
      read t2m (float32)
      exchange the result of stage 0 (float32 [180, 360])
      compute 3 fused steps
      fold std ddof=0 skipna over axes [0, 1, 2] -> float32 [], gather as result 0
    note: push_select: a selection stays above a mean: it moves groups or axes
    note: t2m is read by 2 passes: over domains [[1200, 180, 360], [1200, 180, 360]]; passes are shared over one domain, and a pass that uses the result of another comes after it
    ");
}

#[test]
fn many_outputs_share_one_pass() {
    let mut g = Graph::new();
    let x = band(&mut g, "t2m", DType::F32, &[1200, 180, 360], &[12, 90, 180]);
    let kinds = [ReductionKind::Min, ReductionKind::Max, ReductionKind::Mean];
    let mut wanted = Vec::new();
    for (number, kind) in kinds.into_iter().enumerate() {
        let node = g
            .reduce(x, Reduction::new(kind, DType::F32), vec![0], None)
            .unwrap();
        wanted.push((node, Target::Gather(number as u32)));
    }
    let mean = Reduction::new(ReductionKind::Mean, DType::F32);
    let group = GroupBy {
        axis: 0,
        codes: DataId(0),
        groups: 12,
    };
    wanted.push((
        g.reduce(x, mean, vec![1, 2], Some(group)).unwrap(),
        Target::Gather(3),
    ));
    let plan = plan(&g, &wanted, Vec::new(), 4);
    assert_eq!(plan.stages.len(), 1);
    insta::assert_snapshot!(plan, @r"
    stage 0: pass over [1200, 180, 360]
      tiles [12, 90, 180], 400 of them, streamed along axis 0 in segments of 1; tasks [100, 2, 2] on process grid [1, 2, 2]
      read t2m (float32)
      compute 1 fused steps
      fold min skipna over axes [0] -> float32 [180, 360], gather as result 0
      fold max skipna over axes [0] -> float32 [180, 360], gather as result 1
      fold mean skipna over axes [0] -> float32 [180, 360], gather as result 2
      fold mean skipna over axes [1, 2], axis 0 in 12 groups -> float32 [12], gather as result 3
    ");
    let ready = ready(plan, 2);
    // Each chunk is decoded once for all four.
    assert_eq!(ready.footprints()[0].decoded_bytes, 4 * 1200 * 180 * 360);
}

#[test]
fn selections_reach_the_source() {
    let mut g = Graph::new();
    let (ndvi, _) = season(&mut g, &CUBE);
    let spans = [
        Span {
            start: 4,
            len: 8,
            step: 1,
        },
        Span {
            start: 300,
            len: 200,
            step: 1,
        },
        Span {
            start: 1300,
            len: 100,
            step: -2,
        },
    ];
    let window = g.select(ndvi, Select::spans(&spans)).unwrap();
    let plan = plan(&g, &[(window, Target::Gather(0))], Vec::new(), 2);
    insta::assert_snapshot!(plan, @r"
    stage 0: pass over [8, 200, 100]
      tiles [3, 200, 100], 3 of them, streamed along axis 0 in segments of 1; tasks [3, 1, 1] on process grid [2, 1, 1]
      read qa_pixel (uint16)
      read nir08 (int16)
      read red (int16)
      compute 20 fused steps
      keep -> float32 [8, 200, 100], gather as result 0
    ");
    // The window touches 8 x 1 x 2 of the 44 x 7 x 6 chunks of each of the three bands.
    let decoded = ready(plan, 2).footprints()[0].decoded_bytes;
    assert_eq!(decoded, 3 * 2 * 8 * 256 * (256 + 1367 % 256));
}

#[test]
fn crossing_storage_chunks_are_written_late() {
    let mut g = Graph::new();
    let (_, mean) = season(&mut g, &CUBE);
    let shape = g.shape(mean).to_vec();
    let out = file(&[("ndvi", &shape, deflated(Some(&[1, 500, 500])))]);
    insta::assert_snapshot!(plan(&g, &[(mean, WRITE)], vec![out], 3), @r"
    stage 0: pass over [44, 1610, 1367]
      tiles [1, 256, 256], 1848 of them, streamed along axis 0 in segments of 44; tasks [1, 7, 6] on process grid [1, 3, 1]
      read qa_pixel (uint16)
      read nir08 (int16)
      read red (int16)
      compute 20 fused steps
      fold mean skipna over axes [], axis 0 in 4 groups -> float32 [4, 1610, 1367], store as array 3
    stage 1: exchange and write ndvi in chunks [1, 500, 500], process grid [1, 1, 3]
    note: ndvi: storage chunks [1, 500, 500] cross the pieces that tasks finish; it is stored and exchanged before writing
    ");
}

#[test]
fn over_budget_says_what_to_change() {
    let text = |plan: Plan, bytes| plan.validate(&limits(bytes, 2)).unwrap_err();
    let error = text(season_plan(&CUBE, 2), 1 << 20);
    assert!(error.is_resource());
    insta::assert_snapshot!(error, @"the plan does not fit the memory budget: stage 0 (pass over pieces of [1, 256, 256]) needs 8.47 MiB on rank 0: 8.47 MiB for one task, 0 B for results and exchanged inputs; the budget is 1.00 MiB per rank. Raise it (`--memory 9.00MiB`), or use smaller chunks than [1, 256, 256] (with `chunk`, or by rechunking the file)");
    let mut g = Graph::new();
    let x = band(&mut g, "t2m", DType::F32, &[1200, 180, 360], &[12, 90, 180]);
    let whole = plan(&g, &[(x, Target::Gather(0))], Vec::new(), 2);
    insta::assert_snapshot!(text(whole, 64 << 20), @"the plan does not fit the memory budget: stage 0 (pass over pieces of [12, 90, 180]) needs 300 MiB on rank 0: 2.98 MiB for one task, 297 MiB for results and exchanged inputs; the budget is 64.0 MiB per rank. Raise it (`--memory 300MiB`), or save the result to a file instead of computing it onto rank 0");
}

/// A transform along one axis and then the other, saved.
fn turned_plan(len: usize, ranks: usize) -> Plan {
    let mut g = Graph::new();
    let x = band(&mut g, "t2m", DType::F64, &[len, len], &[16, len]);
    let mut turned = x;
    for axis in [1, 0] {
        let call = Fourier {
            transform: Transform::Forward,
            axes: vec![axis],
            scale: 1.0,
            conjugate: false,
        };
        turned = g.call(call, vec![turned]).unwrap();
    }
    let real = g.unary(UnaryOp::Real, turned).unwrap();
    plan(
        &g,
        &[(real, WRITE)],
        vec![file(&[("v", &[len, len], Encoding::default())])],
        ranks,
    )
}

#[test]
fn what_does_not_fit_goes_to_scratch_files_and_the_plan_says_so() {
    let with = |memory, scratch: bool| Limits {
        scratch: scratch.then(|| "/scratch".into()),
        ..limits(memory, 1)
    };
    let refused = turned_plan(16384, 2).validate(&with(256 << 20, false));
    insta::assert_snapshot!(refused.unwrap_err(), @"the plan does not fit the memory budget: stage 1 (pass over pieces of [16384, 128]) needs 5.11 GiB on rank 0: 108 MiB for one task, 5.02 GiB for results and exchanged inputs; the budget is 256 MiB per rank. Raise it (`--memory 5.11GiB`), or let 8.00 GiB of stored results go to files in a folder that all ranks see (`--scratch DIR`)");
    let plain = turned_plan(16384, 2)
        .validate(&with(16 << 30, true))
        .unwrap();
    assert!(plain.plan().scratch.is_empty());
    let ready = turned_plan(16384, 2)
        .validate(&with(256 << 20, true))
        .unwrap();
    insta::assert_snapshot!(ready.plan(), @r"
    stage 0: pass over [16384, 16384]
      tiles [16, 16384], 1024 of them, streamed along axis 0 in segments of 1; tasks [1024, 1] on process grid [2, 1]
      read t2m (float64)
      fft into complex128 [16384, 16384]
      compute 1 fused steps
      keep -> complex128 [16384, 16384], store as array 1 in scratch files
    stage 1: pass over [16384, 16384]
      tiles [16384, 128], 128 of them, streamed along axis 0 in segments of 1; tasks [1, 128] on process grid [1, 2]
      read the result of stage 0 from scratch files (complex128 [16384, 16384])
      fft into complex128 [16384, 16384]
      compute 1 fused steps
      keep -> complex128 [16384, 16384], store as array 2 in scratch files
    stage 2: pass over [16384, 16384]
      tiles [16, 16384], 1024 of them, streamed along axis 0 in segments of 1; tasks [1024, 1] on process grid [2, 1]
      read the result of stage 1 from scratch files (complex128 [16384, 16384])
      compute 2 fused steps
      keep -> float64 [16384, 16384], write v
    note: the result of stage 0 (complex128 [16384, 16384], 4.00 GiB) does not fit the memory budget of 256 MiB per rank: it goes to scratch files in /scratch
    note: the result of stage 1 (complex128 [16384, 16384], 4.00 GiB) does not fit the memory budget of 256 MiB per rank: it goes to scratch files in /scratch
    ");
    let bytes = 16384 * 16384 * 16;
    let (first, second) = (&ready.footprints()[0], &ready.footprints()[1]);
    assert_eq!(first.scratch_written, (bytes, bytes / 2));
    assert_eq!(second.scratch_read, (bytes, bytes / 2));
    assert_eq!(second.moved_bytes, 0);
    assert!(ready.peak_bytes() <= 256 << 20);
    // Tiles, segments and stages are those of the plan in memory: no bit changes.
    for (a, b) in ready.plan().stages.iter().zip(&plain.plan().stages) {
        assert_eq!(a, b);
    }
    let size = |len| {
        encode(
            turned_plan(len, 2)
                .validate(&with(1 << 30, true))
                .unwrap()
                .plan(),
        )
    };
    let (few, many) = (size(16384).unwrap().len(), size(65536).unwrap().len());
    assert!(few.abs_diff(many) <= 32, "{few} and {many} bytes");
}

#[test]
fn wire_size_does_not_grow() {
    let size = |plan: &Plan| encode(plan).unwrap().len();
    let season = size(&season_plan(&CUBE, 2));
    assert!(season <= 64 << 10, "the season job takes {season} bytes");
    let close = |a: usize, b: usize| assert!(a.abs_diff(b) <= 32, "{a} and {b} bytes");
    close(size(&many_chunks(10)), size(&many_chunks(1_000_000)));
    // 10 chunks, and 1,000,000: 10,000 steps of 10 x 10.
    let (few, many) = (
        season_plan(&[10, 256, 256], 2),
        season_plan(&[10_000, 2560, 2560], 2),
    );
    close(size(&few), size(&many));
    close(season, size(&season_plan(&CUBE, 100_000)));
}

#[test]
fn memory_of_the_season_job() {
    let one = ready(season_plan(&CUBE, 1), 2);
    assert!(one.peak_bytes() <= 400 << 20, "{} bytes", one.peak_bytes());
    // Every chunk is decoded once: what lies inside the arrays, of 2 bytes each in three bands.
    assert_eq!(one.footprints()[0].decoded_bytes, 3 * 44 * 1610 * 1367 * 2);
    assert_eq!(one.footprints()[0].moved_bytes, 0);
    // The number of time steps does not matter: up to 8 segments of at least 256 steps wait for one another, never more.
    // Four times the steps, a hundred times, and ten thousand times.
    let peak = |steps| ready(season_plan(&[steps, 1610, 1367], 1), 2).peak_bytes();
    assert_eq!(peak(176), one.peak_bytes());
    let (long, longest) = (peak(4400), peak(440_000));
    assert!(
        long <= 4 * one.peak_bytes(),
        "{} and {long} bytes",
        one.peak_bytes()
    );
    assert_eq!(long, longest);
    // Two ranks need less each.
    let two = ready(season_plan(&CUBE, 2), 1);
    assert!(two.peak_bytes() < one.peak_bytes());
    // 64 MiB per rank are enough.
    let small = season_plan(&CUBE, 1)
        .validate(&limits(64 << 20, 2))
        .unwrap();
    assert!(small.peak_bytes() <= 64 << 20);
}

#[test]
fn tiles_do_not_depend_on_ranks() {
    let key = |ranks| {
        let plan = season_plan(&CUBE, ranks);
        let Stage::Pass(pass) = &plan.stages[0] else {
            panic!("{plan}")
        };
        (pass.tiles.clone(), pass.stream_axis, pass.segment_tiles)
    };
    for ranks in [2, 3, 7, 64, 5000] {
        assert_eq!(key(1), key(ranks), "{ranks} ranks");
    }
}

/// What a tile of whole columns makes fits the cache.
#[test]
fn tiles_of_whole_columns_are_narrow() {
    let plan = turned_plan(4096, 2);
    let Stage::Pass(pass) = &plan.stages[1] else {
        panic!("{plan}")
    };
    let lengths: Vec<_> = pass.tiles.axes.iter().map(|a| a.longest()).collect();
    assert_eq!(lengths, [4096, 32], "{plan}");
}

/// Small storage chunks are walked together, up to what the session's tiling says.
#[test]
fn tiles_grow_to_what_the_tiling_says() {
    let mut g = Graph::new();
    let red = band(&mut g, "red", DType::I16, &[4, 64, 64], &[1, 8, 8]);
    let sum = Reduction::new(ReductionKind::Sum, DType::I16);
    let sum = g.reduce(red, sum, vec![0], None).unwrap();
    let requests = [Request {
        node: sum,
        target: Target::Gather(0),
    }];
    let tile = |elements| {
        let plan = lower(
            &g,
            &requests,
            Vec::new(),
            2,
            Tiling {
                elements,
                ..Tiling::default()
            },
        )
        .unwrap();
        let Stage::Pass(pass) = &plan.stages[0] else {
            panic!("{plan}")
        };
        pass.tiles
            .axes
            .iter()
            .map(|a| a.longest())
            .collect::<Vec<_>>()
    };
    // The innermost axis first, the folded one last.
    assert_eq!(tile(0), [1, 8, 8]);
    assert_eq!(tile(1), [1, 8, 8]);
    assert_eq!(tile(128), [1, 8, 16]);
    assert_eq!(tile(1024), [1, 16, 64]);
    assert_eq!(tile(Tiling::default().elements), [4, 64, 64]);
}

/// Thin chunks under states that do not fit the cache: tiles of several steps, which divide the segments that there would be
/// without; each chunk is decoded once, and ranks change nothing.
#[test]
fn tiles_of_large_states_take_several_steps() {
    let plan = |kinds: &[ReductionKind], chunk: [usize; 3], ranks| {
        let mut g = Graph::new();
        let rain = band(&mut g, "rain", DType::F32, &[1076, 443, 235], &chunk);
        let requests: Vec<Request> = (kinds.iter().enumerate())
            .map(|(number, kind)| {
                let reduction = Reduction::new(*kind, DType::F32);
                Request {
                    node: g.reduce(rain, reduction, vec![0], None).unwrap(),
                    target: Target::Gather(number as u32),
                }
            })
            .collect();
        lower(&g, &requests, Vec::new(), ranks, Tiling::default()).unwrap()
    };
    let tiles = |plan: &Plan| {
        let Stage::Pass(pass) = &plan.stages[0] else {
            panic!("{plan}")
        };
        let lengths: Vec<usize> = pass.tiles.axes.iter().map(|a| a.longest()).collect();
        (lengths, pass.stream_axis, pass.segment_tiles)
    };
    use ReductionKind::{Any, Max, Mean, Min, Std};
    let four = [Min, Max, Mean, Std { ddof: 0 }];
    for ranks in [1, 2, 3, 64] {
        // 17 steps of a segment in two tiles.
        let plan = plan(&four, [1, 443, 235], ranks);
        assert_eq!(
            tiles(&plan),
            (vec![9, 443, 235], Some(0), 2),
            "{ranks} ranks"
        );
        let ready = plan.validate(&limits(1 << 30, 2)).unwrap();
        assert_eq!(ready.footprints()[0].decoded_bytes, 1076 * 443 * 235 * 4);
    }
    // A state that fits is in no need of it, nor is a thick chunk.
    assert_eq!(tiles(&plan(&[Any], [1, 443, 235], 1)).0, [1, 443, 235]);
    assert_eq!(tiles(&plan(&four, [20, 443, 235], 1)).0, [20, 443, 235]);
}

#[test]
fn planning_is_quick() {
    let mut chunks = 1;
    while chunks <= 1_000_000 {
        let once = || {
            let start = Instant::now();
            let ready = ready(many_chunks(chunks), 2);
            assert!(!encode(ready.plan()).unwrap().is_empty());
            start.elapsed()
        };
        let best = (0..5).map(|_| once()).min().unwrap();
        assert!(
            best < Duration::from_millis(50),
            "{chunks} chunks: {best:?}"
        );
        chunks *= 10;
    }
}

#[test]
fn runs_deal_every_task_once_and_evenly() {
    use hyperslab::plan::{PassGeometry, Stage};
    for ranks in 2..=16 {
        let plan = season_plan(&CUBE, ranks);
        let Stage::Pass(pass) = &plan.stages[0] else {
            panic!("a pass");
        };
        let mut tasks = Vec::new();
        let mut most = 0;
        for rank in 0..ranks {
            let columns = PassGeometry::new(pass, rank).columns(pass);
            let load: usize = columns
                .iter()
                .map(|(column, _)| pass.tiles.region(column).elements())
                .sum();
            most = most.max(load);
            tasks.extend(columns.into_iter().map(|(column, _)| column));
        }
        let count = tasks.len();
        tasks.sort();
        tasks.dedup();
        assert_eq!(tasks.len(), count, "{ranks} ranks share a task");
        assert_eq!(count, pass.task_counts().iter().product::<usize>());
        // Within one task of an even share.
        let whole: usize = CUBE[1..].iter().product();
        assert!(
            most <= whole / ranks + pass.tiles.largest_chunk(),
            "{ranks} ranks: {most} of {whole}"
        );
    }
}

/// A 3 × 3 smooth, floor-divided by 9, written with shifted slices: one pass over one array with one margin, its chunks decoded
/// once a tile.
#[test]
fn a_smooth_of_shifted_slices_is_one_pass_with_one_margin() {
    let mut g = Graph::new();
    let shape = [4096, 4096];
    let x = band(&mut g, "image", DType::I32, &shape, &[512, 512]);
    let mut sum = None;
    for y in 0..3 {
        for c in 0..3 {
            let spans = [y, c].map(|start| Span {
                start,
                len: 4094,
                step: 1,
            });
            let part = g.select(x, Select::spans(&spans)).unwrap();
            sum = Some(match sum {
                None => part,
                Some(sum) => g.binary(BinaryOp::Add, sum, part).unwrap(),
            });
        }
    }
    let nine = number(&mut g, 9i32);
    let smooth = g.binary(BinaryOp::FloorDivide, sum.unwrap(), nine).unwrap();
    let plan = plan(&g, &[(smooth, Target::Gather(0))], Vec::new(), 2);
    insta::assert_snapshot!(plan, @r"
    stage 0: pass over [4094, 4094]
      tiles [512, 512], 64 of them, streamed along axis 0 in segments of 1; tasks [8, 8] on process grid [2, 1]
      read image (int32)
      compute 19 fused steps
      keep -> int32 [4094, 4094], gather as result 0
    ");
    let Stage::Pass(pass) = &plan.stages[0] else {
        panic!("{plan}");
    };
    assert_eq!(
        (plan.stages.len(), pass.slots.len(), pass.inputs.len()),
        (1, 1, 9)
    );
    let tile = Region::new([512, 512], [100, 200]);
    let margin = Region::new([512, 512], [102, 202]);
    assert_eq!(pass.slot_regions(&tile), [Some(margin)]);
}
