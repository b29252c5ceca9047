//! The laws of geometry, promotion and exchange, as properties. `docs/invariants.md` lists them.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/geometry.rs"]
mod geometry;

use geometry::{Counts, dice, grid, indices, view};
use hyperslab::array::can_cast;
use hyperslab::dtype::{DType, Scalar, promote, promote_weak};
use hyperslab::expr::{DataId, Graph, NodeId, SourceDecl};
use hyperslab::geom::{ChunkGrid, Placement, Region, Select, positions, split_evenly};
use hyperslab::op::{BinaryOp, Reduction, ReductionKind, Reshape, Scan, ScanOp, UnaryOp};
use hyperslab::optimize::{optimize, rules};
use hyperslab::plan::{
    ArrayDecl, ArrayId, Nesting, Plan, Request, ScratchLayout, Stage, Target, Tiling, WriteChunks,
    decode, encode, lower,
};
use hyperslab::spec::{Attrs, Compression, Encoding, Format, OutputSpec, VariableSpec};
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
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

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
        if !shape.contains(&0) {
            prop_assert_eq!(src.is_coarsening_of(&dst), coarse);
        }
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
        chunk in 1usize..50,
        last in 1usize..50,
    ) {
        // All tasks of an axis have `chunk` elements, but the last may have fewer, as at the edge of an array.
        let length = |axis: usize, run: std::ops::Range<usize>| {
            run.len() * chunk - if run.end == counts[axis] { chunk - last.min(chunk) } else { 0 }
        };
        let placement = Placement::choose(&counts, &length, ranks, &costs);
        prop_assert!(placement.working_ranks() <= ranks);
        let worst = |placement: &Placement| -> usize {
            let boxes = (0..placement.working_ranks()).filter_map(|rank| placement.task_box(rank));
            boxes
                .map(|runs| runs.into_iter().enumerate().map(|(axis, run)| length(axis, run)).product())
                .max()
                .unwrap_or(0)
        };
        let mut seen = Counts::new(&counts);
        for rank in 0..ranks {
            let tasks = placement.task_box(rank);
            prop_assert_eq!(tasks.is_some(), rank < placement.working_ranks());
            let Some(tasks) = tasks else { continue };
            prop_assert_eq!(placement.rank_at(&placement.coordinates(rank).unwrap()), rank);
            for task in positions(tasks.clone()) {
                prop_assert_eq!(placement.owner(&task), rank);
            }
            seen.add(&Region::new(
                tasks.iter().map(|r| r.start).collect::<Vec<_>>(),
                tasks.iter().map(ExactSizeIterator::len).collect::<Vec<_>>(),
            ));
        }
        prop_assert!(seen.once_in(&Region::whole(&counts)));
        // Where all tasks are alike, no process grid is better. (With a short last task, the search may pass over one whose
        // last run happens to be the long one.)
        let uniform = Placement::choose(&counts, &|_, run| run.len(), ranks, &costs);
        let all = counts.iter().map(|n| 1..n.min(&ranks) + 1).collect();
        for parts in positions(all).filter(|p| p.iter().product::<usize>() <= ranks) {
            let other = Placement { counts: counts.clone(), parts };
            prop_assert!(uniform.worst_load() <= other.worst_load(), "{:?} is better", other);
            prop_assert!(worst(&placement) <= chunk.pow(counts.len() as u32) * other.worst_load() as usize);
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
        folded in 0usize..7,
        rolls in prop::collection::vec(dice(), 0..3),
        ranks in 1usize..10,
    ) {
        let plan = retiled(two_pass_plan(&lengths, folded, rolls, ranks), &chunk, &storage);
        let plan = decode(&encode(&plan).unwrap()).unwrap();
        let mut exchanged = 0;
        for stage in &plan.stages {
            for number in 0..plan.arrays.len() as u32 {
                let array = ArrayId(number);
                let read = match stage {
                    Stage::Pass(pass) => pass.loads(array),
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

    /// Of a result in a scratch file every element lies at one place, in a chunk that one task finishes whole, in the range
    /// of the rank that finishes it.
    #[test]
    fn scratch_chunks_partition_the_array(
        lengths in prop::collection::vec(1usize..30, 2..4),
        chunk in prop::collection::vec(1usize..9, 4),
        storage in prop::collection::vec(1usize..9, 4),
        folded in 0usize..7,
        ranks in 1usize..10,
    ) {
        let mut plan = retiled(two_pass_plan(&lengths, folded, Vec::new(), ranks), &chunk, &storage);
        let number = plan.arrays.iter().position(|a| matches!(a, ArrayDecl::Result { .. })).unwrap();
        let array = ArrayId(number as u32);
        plan.scratch.push(array);
        let plan = decode(&encode(&plan).unwrap()).unwrap();
        let layout = ScratchLayout::new(&plan, array).unwrap();
        let shape = plan.array(array).shape();
        let size = plan.array(array).dtype().size();
        let ArrayDecl::Result { stage, sink, .. } = plan.array(array) else { panic!() };
        let Stage::Pass(pass) = &plan.stages[*stage as usize] else { panic!() };
        let pieces = pass.piece_grid(&pass.sinks[*sink as usize]);
        prop_assert!(pieces.is_coarsening_of(&layout.grid), "{:?} {:?}", pieces, layout.grid);
        let mut seen = Counts::new(shape);
        let mut runs: Vec<(u64, u64, usize)> = Vec::new();
        for chunk in positions(layout.grid.counts().into_iter().map(|n| 0..n).collect()) {
            let region = layout.grid.region(&chunk);
            seen.add(&region);
            let owner = (0..ranks).find(|rank| {
                plan.owned_region(array, *rank).is_some_and(|own| own.contains(&region))
            });
            let begin = layout.address(&region).unwrap();
            runs.push((begin, begin + (region.elements() * size) as u64, owner.unwrap()));
        }
        prop_assert!(seen.once_in(&Region::whole(shape)));
        runs.sort_unstable();
        prop_assert!(runs.last().unwrap().1 <= layout.file_bytes());
        for pair in runs.windows(2) {
            prop_assert!(pair[0].1 <= pair[1].0, "runs overlap: {:?}", pair);
            // No two ranks write one page.
            prop_assert!(pair[0].2 == pair[1].2 || pair[0].1.div_ceil(4096) <= pair[1].0 / 4096);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// A box needs no more of any slot than a box around it, and nothing outside the slot.
    #[test]
    fn larger_regions_need_no_less(
        inner in prop::collection::vec(any::<u32>(), 3),
        outer in prop::collection::vec(any::<u32>(), 3),
    ) {
        let plan = body_of_everything();
        for stage in &plan.stages {
            let Stage::Pass(pass) = stage else { continue };
            let domain = pass.tiles.shape();
            let large = part(&domain, &outer);
            let mut small = part(&large.shape, &inner);
            for (start, origin) in small.start.iter_mut().zip(&large.start) {
                *start += origin;
            }
            let (more, less) = (pass.slot_regions(&large), pass.slot_regions(&small));
            for ((slot, more), less) in pass.slots.iter().zip(more).zip(less) {
                let Some(less) = less else { continue };
                let more = more.unwrap();
                prop_assert!(more.contains(&less), "{:?} {:?} {:?}", slot.make, more, less);
                prop_assert!(Region::whole(&slot.shape).contains(&more), "{:?} {:?}", slot.make, more);
            }
        }
    }
}

/// What a transform down the columns needs whole is made by bands, and inside each band what it alone reads; what another slot
/// reads too is made apart.
#[test]
fn pieces_are_made_by_bands_inside_the_pieces_that_read_them() {
    let domain = [1, 300, 512];
    let mut g = Graph::new();
    let shared = memory(&mut g, &domain);
    let scan = |axis| Scan {
        op: ScanOp::Sum,
        axis,
        run: 512,
        skipna: false,
        limit: None,
        breaks: Vec::new(),
    };
    // Along the rows, by bands; then down the columns, where the first is needed whole.
    let rows = g.call(scan(2), vec![shared]).unwrap();
    let doubled = g.binary(BinaryOp::Add, rows, rows).unwrap();
    let again = g.call(scan(2), vec![doubled]).unwrap();
    let down = g.call(scan(1), vec![again]).unwrap();
    let plan = plan_of(&g, &[(down, Target::Gather(0))], Vec::new(), 1);
    let Stage::Pass(pass) = &plan.stages[0] else {
        panic!("no pass");
    };
    let nesting = Nesting::new(pass);
    let last = pass.slots.len() - 1;
    assert_eq!(nesting.outer(), [last], "{:?}", pass.slots);
    let mut depth = 0;
    let mut slot = last;
    while let [inner] = nesting.inner(slot) {
        assert!(*inner < slot);
        (slot, depth) = (*inner, depth + 1);
    }
    assert_eq!(depth, last, "{nesting:?}");
    // The columns are needed whole, the rows above them are not.
    let whole = Region::whole(&domain);
    assert_eq!(pass.piece_bands(&nesting, last, &whole).len(), 1);
    let bands = pass.piece_bands(&nesting, last - 1, &whole);
    assert!(bands.len() > 1, "{bands:?}");
    let mut next = 0;
    for band in &bands {
        assert_eq!(
            (band.start[1], band.start[2], band.shape[2]),
            (next, 0, 512)
        );
        next = band.end(1);
        let needs = pass.piece_needs(
            &nesting,
            last - 1,
            band,
            &vec![Some(whole.clone()); last + 1],
        );
        // Of what is inside, no more than the band; of all else, what was made before.
        assert_eq!(needs[last - 2].as_ref(), Some(band));
        assert_eq!(needs[last].as_ref(), Some(&whole));
    }
    assert_eq!(next, 300);
    // A slot that two read belongs to neither.
    let both = g.binary(BinaryOp::Add, down, rows).unwrap();
    let plan = plan_of(&g, &[(both, Target::Gather(0))], Vec::new(), 1);
    let Stage::Pass(pass) = &plan.stages[0] else {
        panic!("no pass");
    };
    assert!(Nesting::new(pass).outer().len() > 1);
}

#[test]
fn bands_partition_tiles() {
    let domain = [1, 300, 512];
    for (axis, banded) in [(2, true), (1, false)] {
        let mut g = Graph::new();
        let x = memory(&mut g, &domain);
        let scan = Scan {
            op: ScanOp::Sum,
            axis,
            run: 512,
            skipna: false,
            limit: None,
            breaks: Vec::new(),
        };
        let scanned = g.call(scan, vec![x]).unwrap();
        let plan = plan_of(&g, &[(scanned, Target::Gather(0))], Vec::new(), 2);
        let Stage::Pass(pass) = &plan.stages[0] else {
            panic!("no pass");
        };
        let tiles = [
            Region::whole(&domain),
            Region::new(vec![0, 31, 7], vec![1, 257, 500]),
            Region::new(vec![0, 299, 0], vec![1, 1, 512]),
            Region::new(vec![0, 3, 3], vec![1, 0, 9]),
        ];
        for tile in &tiles {
            let bands = pass.bands(tile);
            let mut next = tile.start[1];
            for band in &bands {
                let whole_rows = (&tile.start[2], &tile.shape[2]);
                assert_eq!((&band.start[2], &band.shape[2]), whole_rows);
                assert_eq!(band.start[1], next, "{tile:?} {bands:?}");
                next = band.end(1);
            }
            assert_eq!(next, tile.end(1), "{tile:?} {bands:?}");
        }
        // What is made again for every band is not worth it: a sum down the rows.
        assert_eq!(pass.bands(&tiles[0]).len() > 1, banded, "axis {axis}");
    }
}

/// A plan in which every kind of slot looks at others.
fn body_of_everything() -> Plan {
    let mut g = Graph::new();
    let x = memory(&mut g, &[12, 20]);
    let scanned = g
        .call(
            Scan {
                op: ScanOp::Sum,
                axis: 0,
                run: 5,
                skipna: false,
                limit: None,
                breaks: Vec::new(),
            },
            vec![x],
        )
        .unwrap();
    let doubled = g.binary(BinaryOp::Add, scanned, x).unwrap();
    let shape = vec![20, 12];
    let turned = g.call(Reshape { shape }, vec![doubled]).unwrap();
    let turned = g
        .select(turned, Select::transpose(&[20, 12], &[1, 0]))
        .unwrap();
    let beside = g
        .assemble(&[24, 20], vec![(turned, vec![0, 0]), (x, vec![12, 0])])
        .unwrap();
    let windows = g
        .select(beside, Select::split(&[24, 20], 0, (11, 2), (3, 1)))
        .unwrap();
    let sum = Reduction::new(ReductionKind::Sum, DType::F64);
    let summed = g.reduce(windows, sum, vec![1], None).unwrap();
    plan_of(
        &g,
        &[(summed, Target::Gather(0)), (beside, Target::Gather(1))],
        Vec::new(),
        3,
    )
}

/// An anomaly, so that a later pass reads a fold, and a view of it on rank 0.
fn two_pass_plan(
    lengths: &[usize],
    folded: usize,
    rolls: Vec<geometry::Dice>,
    ranks: usize,
) -> Plan {
    let mut g = Graph::new();
    let x = memory(&mut g, lengths);
    let folded = 1 + folded % ((1 << lengths.len()) - 1);
    let axes: Vec<usize> = (0..lengths.len())
        .filter(|axis| folded >> axis & 1 == 1)
        .collect();
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
    let mut shown = g.binary(BinaryOp::Subtract, x, wide).unwrap();
    for roll in rolls {
        let select = view(g.shape(shown), roll, false);
        shown = g.select(shown, select).unwrap();
    }
    plan_of(&g, &[(shown, Target::Gather(0))], Vec::new(), ranks)
}

fn memory(g: &mut Graph, shape: &[usize]) -> NodeId {
    let decl = SourceDecl::Memory {
        data: DataId(0),
        dtype: DType::F64,
        shape: shape.to_vec(),
    };
    g.source(decl).unwrap()
}

/// The plan with small tiles and the placement that these ask for, and a late write of its stored fold: small arrays have
/// one tile, and then there is nothing to exchange.
fn retiled(mut plan: Plan, chunk: &[usize], storage: &[usize]) -> Plan {
    let ranks = plan.ranks;
    let place = |counts: &[usize]| {
        Placement::choose(counts, &|_, run| run.len(), ranks, &[1, 2, 3, 4, 5, 6])
    };
    for stage in &mut plan.stages {
        let Stage::Pass(pass) = stage else { continue };
        let shape = pass.tiles.shape();
        let chunk: Vec<usize> = chunk.iter().cycle().take(shape.len()).copied().collect();
        pass.tiles = ChunkGrid::regular(&shape, &chunk).unwrap();
        pass.segment_tiles = 1 + chunk.first().map_or(0, |c| c % 3);
        pass.placement = place(&pass.task_counts());
    }
    for number in 0..plan.arrays.len() {
        let ArrayDecl::Result { shape, .. } = &plan.arrays[number] else {
            continue;
        };
        let chunk: Vec<usize> = storage.iter().cycle().take(shape.len()).copied().collect();
        let chunks = ChunkGrid::regular(shape, &chunk).unwrap();
        let placement = place(&chunks.counts());
        let array = ArrayId(number as u32);
        plan.stages.push(Stage::Write(WriteChunks {
            array,
            file: 0,
            variable: 0,
            chunks,
            placement,
        }));
    }
    plan
}

fn output(shape: &[usize], chunks: &[usize]) -> OutputSpec {
    let dims: Vec<String> = (0..shape.len()).map(|k| format!("d{k}")).collect();
    OutputSpec {
        path: "/out.nc".into(),
        format: Format::NetCdf4,
        overwrite: false,
        dims: dims.iter().cloned().zip(shape.iter().copied()).collect(),
        attrs: Attrs::default(),
        variables: vec![VariableSpec {
            name: "x".to_owned(),
            dims,
            dtype: DType::F64,
            shape: shape.to_vec(),
            attrs: Attrs::default(),
            encoding: Encoding {
                chunks: Some(chunks.to_vec()),
                compression: Some(Compression::Deflate(1)),
                shuffle: true,
                ..Encoding::default()
            },
        }],
    }
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
    lower(&optimized.graph, &requests, files, ranks, Tiling::default()).unwrap()
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
        let mut g = Graph::new();
        let x = memory(&mut g, &[3, 600, 700]);
        let x = g.rechunk(x, &[1, 256, 256]).unwrap();
        // Tiles of what is folded do not follow what is written.
        let sum = Reduction::new(ReductionKind::Sum, DType::F64);
        let sum = g.reduce(x, sum, vec![0], None).unwrap();
        let target = Target::Write {
            file: 0,
            variable: 0,
        };
        let plan = plan_of(
            &g,
            &[(sum, target)],
            vec![output(&[600, 700], &[100, 300])],
            ranks,
        );
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
    for row in golden["casts"].as_array().unwrap() {
        let (a, b) = (dtype(&row[0]), dtype(&row[1]));
        for (rule, due) in [("safe", &row[2]), ("same_kind", &row[3])] {
            assert_eq!(
                can_cast(a, b, rule).ok(),
                due.as_bool(),
                "can_cast({a}, {b}, {rule})"
            );
        }
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

/// Every element-wise operation is compared with NumPy (tests/golden/make_kernel.py).
#[test]
fn every_operation_has_golden_data() {
    let golden = include_str!("golden/kernel.txt");
    let unary = UnaryOp::ALL
        .iter()
        .map(|op| format!("unary {} ", op.name()));
    let binary = BinaryOp::ALL
        .iter()
        .map(|op| format!("binary {} ", op.name()));
    for record in unary.chain(binary) {
        assert!(
            golden.lines().any(|line| line.starts_with(&record)),
            "tests/golden/kernel.txt has no record of `{record}`: extend make_kernel.py and run it"
        );
    }
}
