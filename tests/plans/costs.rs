//! What plans are going to cost: bytes read, seconds, advice, and the fewest ranks that fit. From descriptions of files alone.

use super::season::{WRITE, band, file, number, plan, season_plan};
use super::{CUBE, limits};
use hyperslab::config::Limits;
use hyperslab::dtype::{DType, Scalar};
use hyperslab::expr::{DataId, Graph, NodeId};
use hyperslab::geom::{Select, Span};
use hyperslab::op::{BinaryOp, Reduction, ReductionKind};
use hyperslab::plan::{
    Advice, Estimate, FileRead, FilesAre, Machine, Node, Plan, Prepared, Profile, ReadyPlan,
    Request, Stored, Target, Tiling, advice, estimate, file_reads, plan_all, smallest_ranks,
};
use hyperslab::spec::{Compression, Encoding, Format};

fn reads(ready: &ReadyPlan) -> Vec<Vec<FileRead>> {
    let stages = 0..ready.plan().stages.len();
    let half = |_| Stored::Part(0.5, false);
    stages
        .map(|stage| file_reads(ready, stage, &half))
        .collect()
}

fn costs(plan: Plan, limits: &Limits) -> (ReadyPlan, Estimate, Vec<Advice>) {
    let ready = plan.validate(limits).unwrap();
    let profile = Profile::conservative(8);
    let machine = Machine::filled(&profile, 8, limits.threads);
    let reads = reads(&ready);
    let time = estimate(&ready, &reads, &machine);
    let found = advice(&ready, &reads, &time, &machine, limits);
    (ready, time, found)
}

fn of_kind<'a>(found: &'a [Advice], kind: &str) -> Vec<&'a Advice> {
    found.iter().filter(|advice| advice.kind == kind).collect()
}

fn mean(g: &mut Graph, node: NodeId, axes: &[usize]) -> NodeId {
    let dtype = g.dtype(node);
    let mean = Reduction::new(ReductionKind::Mean, dtype);
    g.reduce(node, mean, axes.to_vec(), None).unwrap()
}

/// The mean over time of every `step`-th image of a cube in chunks of so many images.
fn every(step: usize, images: usize) -> Plan {
    let mut g = Graph::new();
    let cube = band(
        &mut g,
        "t2m",
        DType::F32,
        &[4800, 400, 400],
        &[images, 200, 200],
    );
    let spans = [
        Span {
            start: 0,
            len: 4800 / step,
            step: step as isize,
        },
        Span::all(400),
        Span::all(400),
    ];
    let few = g.select(cube, Select::spans(&spans)).unwrap();
    let mean = mean(&mut g, few, &[0]);
    plan(&g, &[(mean, Target::Gather(0))], Vec::new(), 2)
}

#[test]
fn chunks_across_a_selection_are_told_of() {
    let (_, _, found) = costs(every(24, 24), &limits(1 << 32, 2));
    let [told] = of_kind(&found, "misaligned_chunks")[..] else {
        panic!("{found:?}")
    };
    assert!((told.value - 24.0).abs() < 1e-9, "{told:?}");
    assert!(
        told.reason
            .contains("t2m of landsat.nc is stored in chunks [24, 200, 200]"),
        "{told:?}"
    );
    assert!(
        told.fix.contains("[1, ") && told.fix.contains("hyperslab convert"),
        "{told:?}"
    );
    // With a chunk for each image a tile takes one of those that are picked, and nothing between them.
    for aligned in [every(1, 24), every(1, 1), every(24, 1)] {
        let (ready, _, found) = costs(aligned, &limits(1 << 32, 2));
        for read in reads(&ready).iter().flatten() {
            assert!(read.decoded_bytes <= 2 * read.needed_bytes, "{read:?}");
        }
        assert_eq!(of_kind(&found, "misaligned_chunks"), [] as [&Advice; 0]);
    }
}

#[test]
fn idle_ranks_and_threads_are_told_of() {
    // 42 columns of tasks.
    for (ranks, threads, idle) in [
        (64, 1, Some(22.0)),
        (42, 1, None),
        (2, 64, Some(40.0)),
        (2, 4, None),
    ] {
        let (ready, _, found) = costs(season_plan(&CUBE, ranks), &limits(1 << 34, threads));
        let told = of_kind(&found, "idle_ranks");
        assert_eq!(
            told.first().map(|told| told.value),
            idle,
            "{ranks} x {threads}: {found:?} {:?}",
            ready.footprints()
        );
        if ranks == 64 {
            assert!(told[0].fix.contains("mpirun -n 42"), "{told:?}");
        }
    }
}

fn scaled(by: Scalar) -> Plan {
    let mut g = Graph::new();
    let t2m = band(
        &mut g,
        "t2m",
        DType::F32,
        &[1000, 256, 256],
        &[10, 256, 256],
    );
    let by = number(&mut g, by);
    let dtype = g.dtype(by);
    let wide = g.cast(t2m, dtype).unwrap();
    let product = g.binary(BinaryOp::Multiply, wide, by).unwrap();
    let mean = mean(&mut g, product, &[0]);
    plan(&g, &[(mean, Target::Gather(0))], Vec::new(), 1)
}

#[test]
fn promotions_to_float64_are_told_of_by_the_operation() {
    let (_, _, found) = costs(scaled(Scalar::F64(0.1)), &limits(1 << 32, 2));
    let [told] = of_kind(&found, "float64_promotion")[..] else {
        panic!("{found:?}")
    };
    for part in ["`multiply`", "t2m of landsat.nc", "the float64 0.1"] {
        assert!(told.reason.contains(part), "{told:?}");
    }
    assert_eq!(told.value, 4.0 * 1000.0 * 256.0 * 256.0);
    let (_, _, found) = costs(scaled(Scalar::F32(0.1)), &limits(1 << 32, 2));
    assert_eq!(of_kind(&found, "float64_promotion"), [] as [&Advice; 0]);
}

/// The sum of `count` files of so many bytes.
fn files(count: usize, bytes: u64) -> Plan {
    let mut g = Graph::new();
    let mut parts = Vec::new();
    for number in 0..count {
        let node = band(
            &mut g,
            &format!("v{number}"),
            DType::F32,
            &[10, 10],
            &[10, 10],
        );
        let hyperslab::expr::Node::Source(source) = g.node(node).clone() else {
            panic!("a source")
        };
        let mut decl = g.sources()[source as usize].clone();
        let hyperslab::expr::SourceDecl::File(spec) = &mut decl else {
            panic!("a file")
        };
        spec.file.path = format!("/data/{number}.nc").into();
        spec.file.bytes = bytes;
        let node = g.source(decl).unwrap();
        parts.push(
            g.reduce(
                node,
                Reduction::new(ReductionKind::Sum, DType::F32),
                vec![0, 1],
                None,
            )
            .unwrap(),
        );
    }
    let wanted: Vec<_> = (parts.iter().enumerate())
        .map(|(k, node)| (*node, Target::Gather(k as u32)))
        .collect();
    plan(&g, &wanted, Vec::new(), 1)
}

#[test]
fn many_small_files_are_told_of() {
    for (count, bytes, told) in [
        (150, 1 << 20, true),
        (150, 1 << 30, false),
        (20, 1 << 20, false),
    ] {
        let (_, _, found) = costs(files(count, bytes), &limits(1 << 32, 2));
        let many = of_kind(&found, "many_files");
        assert_eq!(
            many.len(),
            usize::from(told),
            "{count} files of {bytes}: {found:?}"
        );
        if told {
            assert_eq!(many[0].value, 150.0);
            assert!(many[0].fix.contains("open_many"));
        }
    }
}

/// A copy into chunks of Zarr of so many rows, in shards or not.
fn into_zarr(rows: usize, shards: Option<usize>) -> Plan {
    let mut g = Graph::new();
    let cube = band(
        &mut g,
        "t2m",
        DType::F32,
        &[20_000, 100, 100],
        &[100, 100, 100],
    );
    let encoding = Encoding {
        chunks: Some(vec![rows, 100, 100]),
        shards: shards.map(|rows| vec![rows, 100, 100]),
        compression: Some(Compression::ZARR),
        ..Encoding::default()
    };
    let mut out = file(&[("ndvi", &[20_000, 100, 100], encoding)]);
    out.format = Format::Zarr3;
    plan(&g, &[(cube, WRITE)], vec![out], 2)
}

#[test]
fn many_small_chunk_files_are_told_of() {
    for (rows, shards, told) in [(1, None, true), (1, Some(100), false), (100, None, false)] {
        let (_, _, found) = costs(into_zarr(rows, shards), &limits(1 << 32, 2));
        let many = of_kind(&found, "many_files");
        assert_eq!(
            many.len(),
            usize::from(told),
            "{rows} rows, {shards:?}: {found:?}"
        );
        if told {
            assert!(many[0].fix.contains("shards"), "{found:?}");
        }
    }
}

/// An anomaly: two passes over a packed file of 400 MB.
fn anomaly(ranks: usize) -> Plan {
    let mut g = Graph::new();
    // Of the file's size on the disk depends whether chunks are worth keeping: 1 GiB says the fixture.
    let cube = band(&mut g, "t2m", DType::F32, &[1000, 320, 320], &[20, 80, 80]);
    let climatology = mean(&mut g, cube, &[0]);
    let difference = g.binary(BinaryOp::Subtract, cube, climatology).unwrap();
    let spread = Reduction::new(ReductionKind::Max, DType::F32);
    let spread = g.reduce(difference, spread, vec![1, 2], None).unwrap();
    plan(&g, &[(spread, Target::Gather(0))], Vec::new(), ranks)
}

#[test]
fn chunks_decoded_again_are_told_of_with_the_memory_that_keeps_them() {
    let (ready, _, found) = costs(anomaly(1), &limits(64 << 20, 2));
    let decoded: u64 = ready.footprints().iter().map(|f| f.decoded_bytes).sum();
    let whole = 1000 * 320 * 320 * 4;
    let [told] = of_kind(&found, "decoded_again")[..] else {
        panic!("{found:?}")
    };
    assert_eq!(told.value, (decoded - whole) as f64);
    assert!(told.reason.contains("t2m of landsat.nc"), "{told:?}");
    // With the memory that it names the advice goes, and so does what it was about.
    let memory = told
        .fix
        .split(['`', ' '])
        .find(|word| word.ends_with("iB"))
        .unwrap();
    let memory = hyperslab::config::parse_bytes(memory).unwrap();
    let (ready, _, found) = costs(anomaly(1), &limits(memory, 2));
    assert_eq!(
        of_kind(&found, "decoded_again"),
        [] as [&Advice; 0],
        "{memory}"
    );
    let decoded: u64 = ready.footprints().iter().map(|f| f.decoded_bytes).sum();
    assert_eq!(decoded, whole);
    // One pass has nothing to keep.
    let (_, _, found) = costs(season_plan(&CUBE, 1), &limits(64 << 20, 2));
    assert_eq!(of_kind(&found, "decoded_again"), [] as [&Advice; 0]);
}

#[test]
fn reads_follow_the_index_chunk_by_chunk() {
    // 20 chunks along time, 2 x 2 in space.
    let ready = every(24, 240).validate(&limits(1 << 32, 2)).unwrap();
    let sizes: Vec<u32> = (0..20 * 4).map(|k| 1000 + k).collect();
    let read = file_reads(&ready, 0, &|_| Stored::Sizes(&sizes));
    assert_eq!(read.len(), 1);
    assert_eq!(
        read[0].read_bytes,
        sizes.iter().map(|s| u64::from(*s)).sum::<u64>()
    );
    assert_eq!((read[0].chunks, read[0].exact), (80, true));
    assert_eq!(read[0].decoded_bytes, ready.footprints()[0].decoded_bytes);
    assert_eq!(read[0].needed_bytes, 200 * 400 * 400 * 4);
    // At ragged ends only what lies inside counts as decoded.
    let ragged = every(1, 1001).validate(&limits(1 << 34, 2)).unwrap();
    assert_eq!(ragged.footprints()[0].decoded_bytes, 4800 * 400 * 400 * 4);
}

#[test]
fn time_falls_with_ranks_and_is_that_of_its_parts() {
    let of = |ranks, files| {
        let limits = limits(1 << 32, 2);
        let ready = season_plan(&CUBE, ranks).validate(&limits).unwrap();
        let profile = Profile::conservative(8);
        let mut machine = Machine::filled(&profile, 8, 2);
        machine.files = files;
        estimate(&ready, &reads(&ready), &machine)
    };
    let one = of(1, FilesAre::Cached);
    let stage = one.stages[0];
    assert!(stage.decode_s > 0.0 && stage.compute_s > 0.0 && stage.exchange_s == 0.0);
    let sum = stage.read_s + stage.decode_s + stage.compute_s + stage.write_s;
    assert!((stage.total_s - sum).abs() < 0.1 * sum, "{stage:?}");
    let times: Vec<f64> = [1, 2, 4, 8, 16]
        .map(|ranks| of(ranks, FilesAre::Cached).total_s())
        .to_vec();
    assert!(times.windows(2).all(|pair| pair[1] < pair[0]), "{times:?}");
    // Files on disk are no quicker.
    assert!(of(16, FilesAre::OnDisk).total_s() >= of(16, FilesAre::Cached).total_s());
    // 355 MB are read and 710 decoded: some seconds on a slow machine.
    assert!((0.5..60.0).contains(&one.total_s()), "{one:?}");
}

/// A transform's worth of state: the whole cube is stored between two passes.
fn stored_cube() -> Prepared {
    let mut g = Graph::new();
    let cube = band(
        &mut g,
        "t2m",
        DType::F32,
        &[4096, 512, 512],
        &[16, 512, 512],
    );
    let kept = Target::Keep(DataId(0));
    Prepared {
        graph: g,
        requests: vec![Request {
            node: cube,
            target: kept,
        }],
        files: Vec::new(),
        stored: std::collections::HashSet::new(),
        tiling: Tiling::default(),
        notes: Vec::new(),
        beside: Vec::new(),
    }
}

#[test]
fn the_fewest_ranks_that_fit_are_found() {
    let jobs = [stored_cube()];
    let limits = limits(1 << 30, 4);
    let bytes: u64 = 4 << 30;
    for (memory, cores, nodes, per_node) in [
        // All on one rank; nodes of two ranks each, of one each.
        (64u64 << 30, 8, 1..=1, 1),
        (2 << 30, 8, 3..=3, 2),
        (1 << 30, 8, 5..=7, 2),
        (1 << 30, 4, 5..=7, 1),
    ] {
        let node = Node {
            memory_bytes: memory,
            cores,
        };
        let fit = smallest_ranks(&jobs, node, &limits).unwrap();
        assert!(
            nodes.contains(&fit.nodes),
            "{memory} x {cores}: {} nodes",
            fit.nodes
        );
        assert_eq!(fit.ranks, fit.nodes * per_node);
        assert!(fit.plans[0].peak_bytes() <= fit.limits.memory_bytes);
        assert!(fit.ranks as u64 * fit.limits.memory_bytes >= bytes);
        // One node less does not do.
        if fit.nodes > 1 {
            let less = (fit.nodes - 1) * fit.ranks_per_node;
            assert!(
                plan_all(&jobs, less, &fit.limits)
                    .unwrap_err()
                    .is_resource()
            );
        }
    }
    let node = Node {
        memory_bytes: 1 << 20,
        cores: 8,
    };
    let refused = smallest_ranks(&jobs, node, &limits).unwrap_err();
    assert!(
        refused.is_resource() && refused.to_string().contains("nodes of 1.00 MiB"),
        "{refused}"
    );
}
