//! The laws of geometry, promotion and exchange, as properties. `docs/invariants.md` lists them.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/geometry.rs"]
mod geometry;

use geometry::{Counts, dice, grid, indices, view};
use hyperslab::dtype::{DType, Scalar, promote, promote_weak};
use hyperslab::expr::{DataId, Graph, NodeId, SourceDecl};
use hyperslab::geom::{ChunkGrid, Placement, Region, Select, positions, split_evenly};
use hyperslab::op::{BinaryOp, Reduction, ReductionKind};
use hyperslab::optimize::{optimize, rules};
use hyperslab::plan::{ArrayDecl, ArrayId, Plan, Request, Stage, Target, decode, encode, lower};
use hyperslab::spec::{Attrs, Encoding, Format, OutputSpec, VariableSpec};
use num_complex::Complex;
use proptest::prelude::*;

fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0usize..14, 0..4)
}

fn filled_shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..8, 1..5)
}

/// A box inside `shape`, not empty.
fn part(shape: &[usize], dice: &[u32]) -> Region {
    let start: Vec<usize> = shape
        .iter()
        .zip(dice)
        .map(|(n, d)| *d as usize % n)
        .collect();
    let lengths: Vec<usize> = (0..shape.len())
        .map(|k| 1 + (dice[k] >> 16) as usize % (shape[k] - start[k]))
        .collect();
    Region::new(start, lengths)
}

proptest! {
    /// The chunks of a grid tile its shape once.
    #[test]
    fn chunks_tile_the_shape_once(grid in shape().prop_flat_map(|s| grid(&s))) {
        let shape = grid.shape();
        let mut counts = Counts::new(&shape);
        for linear in 0..grid.count() {
            let position = grid.position(linear);
            prop_assert_eq!(grid.linear(&position), linear);
            let region = grid.region(&position);
            prop_assert!(!region.is_empty());
            prop_assert!(region.elements() <= grid.largest_chunk());
            for index in indices(&region) {
                let found: Vec<usize> =
                    grid.axes.iter().zip(&index).map(|(axis, i)| axis.chunk_of(*i)).collect();
                prop_assert_eq!(&found, &position);
            }
            counts.add(&region);
        }
        prop_assert!(counts.once_in(&Region::whole(&shape)));
    }

    /// The pieces that a grid shares with a region partition the region; with the chunks of another grid, each of them.
    #[test]
    fn pieces_partition_a_region(
        (src, dst) in shape().prop_flat_map(|s| (grid(&s), grid(&s))),
    ) {
        let shape = src.shape();
        let mut coarse = true;
        for linear in 0..dst.count() {
            let region = dst.region(&dst.position(linear));
            let mut counts = Counts::new(&shape);
            let mut pieces = 0;
            for position in src.overlapping(&region) {
                let piece = src.region(&position).intersect(&region);
                prop_assert!(piece.is_some(), "an overlapping chunk shares nothing");
                counts.add(&piece.unwrap());
                pieces += 1;
            }
            coarse &= pieces == 1;
            prop_assert!(counts.once_in(&region));
        }
        // Each chunk of `dst` lies in one chunk of `src`.
        prop_assert_eq!(src.is_coarsening_of(&dst), coarse);
    }

    /// `select(select(x, a), b) == select(x, compose(a, b))`, for chains of slices, steps, flips, indices, transposes and
    /// broadcasts.
    #[test]
    fn views_compose(shape in filled_shape(), rolls in prop::collection::vec(dice(), 1..6)) {
        let mut chain = Vec::new();
        let mut composed = Select::all(&shape);
        for roll in rolls {
            let next = view(&composed.shape(), roll, true);
            composed = composed.compose(&next);
            chain.push(next);
        }
        prop_assert_eq!(composed.base.len(), shape.len());
        let all = Region::whole(&composed.shape());
        for index in indices(&all).step_by(all.elements() / 300 + 1) {
            let one_by_one = chain.iter().rev().fold(index.clone(), |i, s| s.parent_index(&i));
            prop_assert!(one_by_one.iter().zip(&shape).all(|(i, n)| i < n));
            prop_assert_eq!(composed.parent_index(&index), one_by_one);
        }
    }

    /// A view over a cropped parent has the same elements, and the crop is the smallest.
    #[test]
    fn local_views(
        shape in filled_shape(),
        rolls in prop::collection::vec(dice(), 0..5),
        window in prop::collection::vec(any::<u32>(), 5),
    ) {
        let select = rolls.into_iter().fold(Select::all(&shape), |s, roll| {
            let next = view(&s.shape(), roll, false);
            s.compose(&next)
        });
        let region = part(&select.shape(), &window);
        let parent = select.parent_region(&region);
        prop_assert!(Region::whole(&shape).contains(&parent));
        let local = select.local(&region, &parent);
        prop_assert_eq!(local.shape(), region.shape.clone());
        let mut reached: Vec<(usize, usize)> = vec![(usize::MAX, 0); shape.len()];
        for index in indices(&region) {
            let inner: Vec<usize> = index.iter().zip(&region.start).map(|(i, o)| i - o).collect();
            let at: Vec<usize> = local
                .parent_index(&inner)
                .iter()
                .zip(&parent.start)
                .map(|(i, o)| i + o)
                .collect();
            prop_assert_eq!(&at, &select.parent_index(&index));
            for (extent, i) in reached.iter_mut().zip(&at) {
                *extent = (extent.0.min(*i), extent.1.max(*i + 1));
            }
        }
        for (axis, (start, end)) in reached.into_iter().enumerate() {
            prop_assert_eq!((start, end), (parent.start[axis], parent.end(axis)));
        }
    }

    /// The boxes of all ranks partition the grid of tasks, `owner` agrees, and no process grid has a smaller worst load.
    #[test]
    fn placements_partition_the_tasks(
        counts in prop::collection::vec(1usize..12, 0..4),
        ranks in 1usize..14,
        costs in prop::collection::vec(0u64..3000, 4),
    ) {
        let placement = Placement::choose(&counts, ranks, &costs);
        prop_assert!(placement.working_ranks() <= ranks);
        let mut seen = Counts::new(&counts);
        for rank in 0..ranks {
            let tasks = placement.task_box(rank);
            prop_assert_eq!(tasks.is_some(), rank < placement.working_ranks());
            let Some(tasks) = tasks else { continue };
            prop_assert_eq!(placement.rank_at(&placement.coordinates(rank).unwrap()), rank);
            let load: u128 = tasks.iter().map(|run| run.len() as u128).product();
            prop_assert!(load <= placement.worst_load());
            for task in positions(tasks.clone()) {
                prop_assert_eq!(placement.owner(&task), rank);
            }
            seen.add(&Region::new(
                tasks.iter().map(|r| r.start).collect::<Vec<_>>(),
                tasks.iter().map(ExactSizeIterator::len).collect::<Vec<_>>(),
            ));
        }
        prop_assert!(seen.once_in(&Region::whole(&counts)));
        let all = counts.iter().map(|n| 1..n.min(&ranks) + 1).collect();
        for parts in positions(all).filter(|p| p.iter().product::<usize>() <= ranks) {
            let other = Placement { counts: counts.clone(), parts };
            prop_assert!(placement.worst_load() <= other.worst_load(), "{:?} is better", other);
        }
    }

    /// Runs of an even split follow one another and differ by at most one.
    #[test]
    fn even_splits(count in 0usize..1 << 50, parts in 1usize..5000, part in 0usize..5000) {
        let part = part % parts;
        let run = split_evenly(count, parts, part);
        prop_assert!(run.len() == count / parts || run.len() == count / parts + 1);
        prop_assert_eq!(run.end, split_evenly(count, parts, part + 1).start);
        if !run.is_empty() {
            let placement = Placement { counts: vec![count], parts: vec![parts] };
            prop_assert_eq!(placement.owner(&[run.start]), part);
            prop_assert_eq!(placement.owner(&[run.end - 1]), part);
        }
    }

    /// What rank r sends to s is what s expects from r, and what a rank needs arrives once.
    #[test]
    fn exchanges_agree(
        lengths in prop::collection::vec(1usize..30, 2..4),
        chunk in prop::collection::vec(1usize..9, 4),
        storage in prop::collection::vec(1usize..9, 4),
        folded in 1usize..7,
        rolls in prop::collection::vec(dice(), 0..3),
        ranks in 1usize..10,
    ) {
        let plan = two_pass_plan(&lengths, &chunk, &storage, folded, rolls, ranks);
        let plan = decode(&encode(&plan).unwrap()).unwrap();
        let mut exchanged = 0;
        for stage in &plan.stages {
            for number in 0..plan.arrays.len() as u32 {
                let array = ArrayId(number);
                let read = match stage {
                    Stage::Pass(pass) => pass.inputs.iter().any(|i| i.array == array),
                    Stage::Write(write) => write.array == array,
                };
                if read {
                    exchanged += 1;
                    check_exchange(&plan, stage, array)?;
                }
            }
        }
        prop_assert!(exchanged > 1, "the plan has too few exchanges: {}", plan);
    }
}

/// An anomaly (so that a fold is read by a later pass), a view of it on rank 0, and the fold in storage chunks that cross
/// its pieces.
fn two_pass_plan(
    lengths: &[usize],
    chunk: &[usize],
    storage: &[usize],
    folded: usize,
    rolls: Vec<geometry::Dice>,
    ranks: usize,
) -> Plan {
    let ndim = lengths.len();
    let mut g = Graph::new();
    let x = g
        .source(SourceDecl::Memory {
            data: DataId(0),
            dtype: DType::F64,
            shape: lengths.to_vec(),
        })
        .unwrap();
    let chunk: Vec<usize> = chunk.iter().take(ndim).copied().collect();
    let x = g.rechunk(x, &chunk).unwrap();
    let axes: Vec<usize> = (0..ndim).filter(|axis| folded >> axis & 1 == 1).collect();
    let mean = Reduction::new(ReductionKind::Mean, DType::F64);
    let mean = g.reduce(x, mean, axes.clone(), None).unwrap();
    let mut kept = Select::all(g.shape(mean));
    for axis in axes {
        // The folded axis comes back, repeated.
        let mut to = kept.shape();
        to.insert(axis, lengths[axis]);
        let others: Vec<usize> = (0..to.len()).filter(|k| *k != axis).collect();
        kept = kept.compose(&Select::broadcast(&kept.shape(), &others, &to));
    }
    let wide = g.select(mean, kept).unwrap();
    let anomaly = g.binary(BinaryOp::Subtract, x, wide).unwrap();
    let mut shown = anomaly;
    for roll in rolls {
        let select = view(g.shape(shown), roll, false);
        shown = g.select(shown, select).unwrap();
    }
    let shape = g.shape(anomaly).to_vec();
    let (file, target) = output("anomaly", &shape, &storage[..ndim]);
    plan_of(
        &g,
        &[(shown, Target::Gather(0)), (anomaly, target)],
        vec![file],
        ranks,
    )
}

fn output(name: &str, shape: &[usize], chunks: &[usize]) -> (OutputSpec, Target) {
    let dims: Vec<String> = (0..shape.len()).map(|k| format!("d{k}")).collect();
    let chunks = chunks.iter().zip(shape).map(|(c, n)| *c.min(n)).collect();
    let encoding = Encoding {
        chunks: Some(chunks),
        deflate: Some(1),
        shuffle: true,
    };
    let file = OutputSpec {
        path: "/out.nc".into(),
        format: Format::NetCdf4,
        overwrite: false,
        dims: dims.iter().cloned().zip(shape.iter().copied()).collect(),
        attrs: Attrs::default(),
        variables: vec![VariableSpec {
            name: name.to_owned(),
            dims,
            dtype: DType::F64,
            shape: shape.to_vec(),
            attrs: Attrs::default(),
            encoding,
        }],
    };
    (
        file,
        Target::Write {
            file: 0,
            variable: 0,
        },
    )
}

fn plan_of(
    graph: &Graph,
    wanted: &[(NodeId, Target)],
    files: Vec<OutputSpec>,
    ranks: usize,
) -> Plan {
    let nodes: Vec<NodeId> = wanted.iter().map(|w| w.0).collect();
    let optimized = optimize(graph, &nodes, &rules()).unwrap();
    let requests: Vec<Request> = optimized
        .outputs
        .iter()
        .zip(wanted)
        .map(|(node, (_, target))| Request {
            node: *node,
            target: *target,
        })
        .collect();
    lower(&optimized.graph, &requests, files, ranks).unwrap()
}

/// Both sides derive their list of messages alone; the lists agree, and cover what is needed once.
fn check_exchange(plan: &Plan, stage: &Stage, array: ArrayId) -> Result<(), TestCaseError> {
    let shape = plan.array(array).shape().to_vec();
    let part = |from: usize, to: usize| {
        let needed = plan.needed_region(stage, array, to)?;
        plan.owned_region(array, from)?.intersect(&needed)
    };
    if let ArrayDecl::Result { .. } = plan.array(array) {
        let mut owned = Counts::new(&shape);
        for rank in 0..plan.ranks {
            if let Some(region) = plan.owned_region(array, rank) {
                owned.add(&region);
            }
        }
        prop_assert!(
            owned.once_in(&Region::whole(&shape)),
            "a result is not owned once"
        );
    }
    for to in 0..plan.ranks {
        let Some(needed) = plan.needed_region(stage, array, to) else {
            continue;
        };
        prop_assert!(Region::whole(&shape).contains(&needed));
        let mut arrived = Counts::new(&shape);
        for from in 0..plan.ranks {
            let sent = part(from, to);
            let sends: Vec<Region> = (0..plan.ranks)
                .filter(|other| *other == to)
                .filter_map(|other| part(from, other))
                .collect();
            prop_assert_eq!(sends.first(), sent.as_ref());
            if let Some(region) = sent {
                arrived.add(&region);
            }
        }
        prop_assert!(
            arrived.once_in(&needed),
            "rank {} does not get what it needs",
            to
        );
    }
    Ok(())
}

/// Storage chunks are each written by one rank: the boxes of a write stage partition its grid.
#[test]
fn one_writer_per_storage_chunk() {
    for ranks in 1..12 {
        let plan = two_pass_plan(&[23, 17], &[5, 4], &[7, 3], 1, Vec::new(), ranks);
        let Some(Stage::Write(write)) = plan.stages.last() else {
            panic!("no late write: {plan}")
        };
        let chunks: &ChunkGrid = &write.chunks;
        let mut written = Counts::new(&chunks.counts());
        for rank in 0..ranks {
            let Some(tasks) = write.placement.task_box(rank) else {
                continue;
            };
            for task in positions(tasks) {
                assert_eq!(write.placement.owner(&task), rank);
                written.add(&Region::new(task, vec![1; chunks.ndim()]));
            }
        }
        assert!(written.once_in(&Region::whole(&chunks.counts())));
    }
}

/// The promotion table is NumPy's (tests/golden/make_promotion.py).
#[test]
fn promotion_is_that_of_numpy() {
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("golden/promotion.json")).unwrap();
    let dtype = |name: &serde_json::Value| name.as_str().unwrap().parse::<DType>().unwrap();
    let pairs = golden["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 21 * 21);
    for row in pairs {
        let expected = row[2].as_str().map(|_| dtype(&row[2]));
        let (a, b) = (dtype(&row[0]), dtype(&row[1]));
        assert_eq!(promote(a, b).ok(), expected, "promote({a}, {b})");
    }
    let weak = golden["weak"].as_array().unwrap();
    assert_eq!(weak.len(), 21 * 4);
    for row in weak {
        let a = dtype(&row[0]);
        let number = match row[1].as_str().unwrap() {
            "bool" => Scalar::Bool(true),
            "int" => Scalar::I64(3),
            "float" => Scalar::F64(1.5),
            _ => Scalar::C128(Complex::new(0.0, 1.0)),
        };
        if matches!(
            (a, number),
            (DType::Datetime(_), Scalar::Bool(_) | Scalar::I64(_))
        ) {
            // NumPy refuses the common dtype, yet adds integers to datetimes: here the operation decides.
            continue;
        }
        let expected = row[2].as_str().map(|_| dtype(&row[2]));
        assert_eq!(
            promote_weak(a, number).ok(),
            expected,
            "{a} with the number {number}"
        );
    }
}
