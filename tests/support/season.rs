//! The season job as the layers below `labelled` see it: shared by tests/plans.rs and benches/planner.rs.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use hyperslab::dtype::{DType, Scalar};
use hyperslab::expr::{DataId, Graph, GroupBy, NodeId, SourceDecl};
use hyperslab::op::{BinaryOp, Reduction, ReductionKind};
use hyperslab::optimize::{optimize, rules};
use hyperslab::plan::{Plan, Request, Target, Tiling, lower};
use hyperslab::spec::{
    Attrs, Compression, Encoding, FileId, Filter, Format, Layout, OutputSpec, SourceSpec,
    VariableSpec,
};

pub fn band(g: &mut Graph, name: &str, dtype: DType, shape: &[usize], chunk: &[usize]) -> NodeId {
    let spec = SourceSpec {
        file: FileId {
            path: "/data/landsat.nc".into(),
            bytes: 1 << 30,
            modified_ns: 0,
        },
        format: Format::NetCdf4,
        variable: name.to_owned(),
        dtype,
        shape: shape.to_vec(),
        layout: Layout::Chunked {
            chunk: chunk.to_vec(),
            filters: vec![Filter::Shuffle(2), Filter::Deflate(4)],
        },
        big_endian: false,
        fill: Scalar::I64(0).cast(dtype).unwrap(),
        library_only: None,
    };
    g.source(SourceDecl::File(spec)).unwrap()
}

pub fn number(g: &mut Graph, value: impl Into<Scalar>) -> NodeId {
    g.fill(value.into(), &[]).unwrap()
}

/// Seasonal mean NDVI as `examples/ndvi_season.rs` asks for it, over a cube of `shape`: masked NDVI and its season mean.
pub fn season(g: &mut Graph, shape: &[usize]) -> (NodeId, NodeId) {
    let chunk = [1, 256.min(shape[1]), 256.min(shape[2])];
    let qa = band(g, "qa_pixel", DType::U16, shape, &chunk);
    let mask = number(g, 0b1001_1001u16);
    let qa = g.binary(BinaryOp::BitwiseAnd, qa, mask).unwrap();
    let zero = number(g, 0u16);
    let clear = g.binary(BinaryOp::Equal, qa, zero).unwrap();
    let nan = number(g, f32::NAN);
    let mut masked = |name| {
        let raw = band(g, name, DType::I16, shape, &chunk);
        let value = g.cast(raw, DType::F32).unwrap();
        let fill = number(g, -9999i16);
        let valid = g.binary(BinaryOp::NotEqual, raw, fill).unwrap();
        let decoded = g.where_(valid, value, nan).unwrap();
        g.where_(clear, decoded, nan).unwrap()
    };
    let (nir, red) = (masked("nir08"), masked("red"));
    let above = g.binary(BinaryOp::Subtract, nir, red).unwrap();
    let below = g.binary(BinaryOp::Add, nir, red).unwrap();
    let ndvi = g.binary(BinaryOp::Divide, above, below).unwrap();
    let group = GroupBy {
        axis: 0,
        codes: DataId(0),
        groups: 4,
    };
    let mean = Reduction::new(ReductionKind::Mean, DType::F32);
    (ndvi, g.reduce(ndvi, mean, Vec::new(), Some(group)).unwrap())
}

pub fn file(variables: &[(&str, &[usize], Encoding)]) -> OutputSpec {
    let names = ["season", "y", "x"];
    OutputSpec {
        path: "/data/ndvi_season.nc".into(),
        format: Format::NetCdf4,
        overwrite: false,
        dims: Vec::new(),
        attrs: Attrs::default(),
        variables: variables
            .iter()
            .map(|(name, shape, encoding)| VariableSpec {
                name: (*name).to_owned(),
                dims: names[3 - shape.len()..]
                    .iter()
                    .map(|n| (*n).to_owned())
                    .collect(),
                dtype: DType::F32,
                shape: shape.to_vec(),
                attrs: Attrs::default(),
                encoding: encoding.clone(),
            })
            .collect(),
    }
}

pub fn deflated(chunks: Option<&[usize]>) -> Encoding {
    Encoding {
        chunks: chunks.map(<[usize]>::to_vec),
        compression: Some(Compression::Deflate(1)),
        shuffle: true,
        ..Encoding::default()
    }
}

pub fn plan(g: &Graph, wanted: &[(NodeId, Target)], files: Vec<OutputSpec>, ranks: usize) -> Plan {
    let nodes: Vec<NodeId> = wanted.iter().map(|w| w.0).collect();
    let optimized = optimize(g, &nodes, &rules()).unwrap();
    let requests: Vec<Request> = optimized
        .outputs
        .iter()
        .zip(wanted)
        .map(|(node, (_, target))| Request {
            node: *node,
            target: *target,
        })
        .collect();
    let mut plan = lower(&optimized.graph, &requests, files, ranks, Tiling::default()).unwrap();
    plan.notes.splice(0..0, optimized.notes);
    plan
}

pub const WRITE: Target = Target::Write {
    file: 0,
    variable: 0,
};

pub fn season_plan(shape: &[usize], ranks: usize) -> Plan {
    let mut g = Graph::new();
    let (_, mean) = season(&mut g, shape);
    let shape = g.shape(mean).to_vec();
    plan(
        &g,
        &[(mean, WRITE)],
        vec![file(&[("ndvi", &shape, deflated(None))])],
        ranks,
    )
}
