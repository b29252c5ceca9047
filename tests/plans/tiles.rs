//! Tiles that fit what is written, looked up, and seen through windows; groups over several axes.

use super::{CUBE, ready};
use crate::season::{WRITE, band, file, plan};
use hyperslab::dtype::DType;
use hyperslab::expr::{DataId, Graph, GroupBy, NodeId};
use hyperslab::op::{Reduction, ReductionKind, Reshape, Sliding, SlidingKind, Take};
use hyperslab::plan::{Plan, Request, Stage, Target, Tiling, lower};
use hyperslab::spec::Encoding;

const DAYS: [usize; 3] = [3650, 256, 288];

fn rolling(g: &mut Graph, x: NodeId) -> NodeId {
    let op = Sliding {
        kind: SlidingKind::Mean,
        axis: 0,
        window: 30,
        before: 29,
        min_count: 30,
    };
    g.call(op, vec![x]).unwrap()
}

fn tile(plan: &Plan) -> Vec<usize> {
    let Stage::Pass(pass) = &plan.stages[0] else {
        panic!("{plan}")
    };
    pass.tiles.axes.iter().map(|axis| axis.longest()).collect()
}

/// Bytes of f32 that are decoded, as a part of all.
fn decoded(plan: Plan, shape: &[usize]) -> f64 {
    let bytes: u64 = ready(plan, 2).footprints()[0].decoded_bytes;
    bytes as f64 / (4 * shape.iter().product::<usize>()) as f64
}

/// Windows of 30 steps over chunks of 30 steps: tiles of several chunks, so that few are decoded twice.
#[test]
fn windows_over_chunks_of_their_length_decode_little_twice() {
    let mut g = Graph::new();
    let x = band(&mut g, "t2m", DType::F32, &DAYS, &[30, 128, 144]);
    let mean = rolling(&mut g, x);
    let max = Reduction::new(ReductionKind::Max, DType::F32);
    let max = g.reduce(mean, max, vec![0], None).unwrap();
    let plan = plan(&g, &[(max, Target::Gather(0))], Vec::new(), 2);
    let part = decoded(plan, &DAYS);
    assert!(part < 1.3, "{part}");
}

/// A session with little memory has smaller tiles where nothing is folded; nowhere else, since sums follow tiles.
#[test]
fn little_memory_makes_small_tiles_where_nothing_is_folded() {
    let mut g = Graph::new();
    let x = band(&mut g, "t2m", DType::F32, &DAYS, &[30, 128, 144]);
    let mean = rolling(&mut g, x);
    let sum = Reduction::new(ReductionKind::Sum, DType::F32);
    let sum = g.reduce(mean, sum, vec![0], None).unwrap();
    let tile = |node, bytes| {
        let requests = [Request {
            node,
            target: Target::Gather(0),
        }];
        let tiling = Tiling::default().for_tasks_of(bytes);
        tile(&lower(&g, &requests, Vec::new(), 2, tiling).unwrap())
    };
    let elements = |tile: Vec<usize>| tile.iter().product::<usize>();
    assert!(elements(tile(mean, 16 << 20)) < elements(tile(mean, 1 << 30)) / 2);
    assert_eq!(tile(sum, 16 << 20), tile(sum, 1 << 30));
}

/// What is written as rows of a file is made in tiles of long rows: the system takes each run by itself.
#[test]
fn tiles_that_are_written_have_long_rows() {
    let mut g = Graph::new();
    let x = band(&mut g, "t2m", DType::F32, &DAYS, &[30, 128, 144]);
    let y = g.binary(hyperslab::op::BinaryOp::Add, x, x).unwrap();
    let tile_of = |encoding: Encoding| {
        let files = vec![file(&[("y", &DAYS, encoding)])];
        tile(&plan(&g, &[(y, WRITE)], files, 2))
    };
    assert_eq!(tile_of(Encoding::default()), [30, 128, 288]);
    // Chunks are encoded whole: the tiles of what is read serve them best.
    let chunked = Encoding {
        chunks: Some(vec![30, 128, 144]),
        ..Encoding::default()
    };
    assert_eq!(tile_of(chunked), [30, 128, 144]);
}

/// Points that lie far apart are looked up one by one, not in the box around all of them.
#[test]
fn scattered_points_do_not_load_the_box_around_them() {
    let shape = [920, 720, 1440];
    let mut g = Graph::new();
    let x = band(&mut g, "burned", DType::F32, &shape, &[46, 180, 360]);
    let op = Take {
        axes: vec![1, 2],
        at: 1,
        indices: vec![vec![10, 700, 350, 20, 600], vec![1400, 3, 720, 30, 1000]],
    };
    let taken = g.call(op, vec![x]).unwrap();
    let plan = plan(&g, &[(taken, Target::Gather(0))], Vec::new(), 2);
    // Five points in five chunks of 16.
    let part = decoded(plan.clone(), &shape);
    assert!(part < 5.5 / 16.0, "{part}");
    // On each of two threads the chunks of five that are fetched together, and one as it is inflated.
    let peak = ready(plan, 2).footprints()[0].peak_bytes;
    assert!(peak < 200 << 20, "{peak}");
}

/// Groups over a map: the pass keeps the tiles of the file, and each chunk is decoded once. What depends on the order of
/// elements keeps it.
#[test]
fn groups_over_a_map_keep_the_tiles_of_the_file() {
    let [t, y, x] = CUBE;
    for (kind, apart) in [(ReductionKind::Mean, true), (ReductionKind::First, false)] {
        let mut g = Graph::new();
        let a = band(&mut g, "t2m", DType::F32, &CUBE, &[20, 256, 256]);
        let merged = vec![t, y * x];
        let merged = g.call(Reshape { shape: merged }, vec![a]).unwrap();
        let group = GroupBy {
            axis: 1,
            codes: DataId(0),
            groups: 7,
        };
        let reduction = Reduction::new(kind, DType::F32);
        let made = g
            .reduce(merged, reduction, Vec::new(), Some(group))
            .unwrap();
        assert_eq!(g.shape(made), [t, 7]);
        let plan = plan(&g, &[(made, Target::Gather(0))], Vec::new(), 3);
        let said = plan.to_string();
        assert_eq!(said.contains("axes 1 to 2 in 7 groups"), apart, "{said}");
        if apart {
            assert_eq!(tile(&plan), [20, 256, 256]);
            let part = decoded(plan, &CUBE);
            assert!((part - 1.0).abs() < 1e-9, "{part}");
        }
    }
}

/// Tiles hold whole chunks, or shards, of what is written where memory allows: nothing is stored before it is written, and
/// nothing is decoded twice. Where no such tile is small enough the result is stored first.
#[test]
fn tiles_hold_whole_chunks_of_what_is_written() {
    let mut g = Graph::new();
    let x = band(&mut g, "t2m", DType::F32, &DAYS, &[30, 128, 144]);
    let copied = |chunks: &[usize], shards: Option<&[usize]>, bytes: u64| {
        let encoding = Encoding {
            chunks: Some(chunks.to_vec()),
            shards: shards.map(<[usize]>::to_vec),
            ..Encoding::default()
        };
        let out = file(&[("y", &DAYS, encoding)]);
        let requests = [Request {
            node: x,
            target: WRITE,
        }];
        let tiling = Tiling::default().for_tasks_of(bytes);
        lower(&g, &requests, vec![out], 2, tiling).unwrap()
    };
    for (chunks, shards, bytes) in [
        (&[30, 128, 144][..], Some(&[120, 256, 288][..]), 1 << 30),
        (&[60, 64, 144], None, 1 << 30),
        (&[365, 16, 32], None, 1 << 30),
        (&[100, 64, 72], None, 1 << 28),
    ] {
        let plan = copied(chunks, shards, bytes);
        assert_eq!(plan.stages.len(), 1, "{plan}");
        let unit = shards.unwrap_or(chunks);
        for (axis, (tile, unit)) in tile(&plan).iter().zip(unit).enumerate() {
            assert!(
                tile % unit == 0 || *tile == DAYS[axis],
                "{tile} of {unit}: {plan}"
            );
        }
        let part = decoded(plan, &DAYS);
        assert!(part < 1.6, "{part} of all is decoded for {chunks:?}");
    }
    let little = copied(&[3000, 16, 32], None, 4 << 20);
    assert!(little.stages.len() > 1, "{little}");
}
