//! The records of a plan.

use super::reuse::Reuse;
use crate::dtype::DType;
use crate::expr::DataId;
use crate::geom::{AxisChunks, ChunkGrid, Home, Placement, Select};
use crate::op::{BlockOp, Generator, Program, Reduction};
use crate::spec::{OutputSpec, SourceSpec};
use serde::{Deserialize, Serialize};

/// The number of an array in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ArrayId(pub u32);

/// An array that passes read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ArrayDecl {
    /// A variable of a file: any rank reads any part.
    File(SourceSpec),
    /// A block in the memory of rank 0.
    Memory {
        /// Its number in the session.
        data: DataId,
        /// Its dtype.
        dtype: DType,
        /// Its lengths.
        shape: Vec<usize>,
    },
    /// A result of an earlier run that the ranks still hold.
    Held {
        /// Its number in the session.
        data: DataId,
        /// Its dtype.
        dtype: DType,
        /// Its lengths.
        shape: Vec<usize>,
        /// Which rank holds what.
        home: Home,
    },
    /// The result of a sink of an earlier pass: each rank holds the box that it finalised.
    Result {
        /// Number of the stage (a pass).
        stage: u32,
        /// Number of the sink in that pass.
        sink: u32,
        /// Its dtype.
        dtype: DType,
        /// Its lengths.
        shape: Vec<usize>,
    },
}

impl ArrayDecl {
    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        match self {
            ArrayDecl::File(spec) => spec.dtype,
            ArrayDecl::Memory { dtype, .. }
            | ArrayDecl::Held { dtype, .. }
            | ArrayDecl::Result { dtype, .. } => *dtype,
        }
    }

    /// Lengths per axis.
    pub fn shape(&self) -> &[usize] {
        match self {
            ArrayDecl::File(spec) => &spec.shape,
            ArrayDecl::Memory { shape, .. }
            | ArrayDecl::Held { shape, .. }
            | ArrayDecl::Result { shape, .. } => shape,
        }
    }
}

/// One input of a program: the space that it runs over, seen as a view of a slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Number of the slot.
    pub slot: u16,
    /// Index of the program's space → index of the slot's array.
    pub select: Select,
}

/// An array of which a task holds a piece: the box that its tile needs, derived backwards from the tile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// Its dtype.
    pub dtype: DType,
    /// Lengths of the whole array.
    pub shape: Vec<usize>,
    /// Where a piece comes from.
    pub make: Make,
}

/// Where the piece of a slot comes from. Slots read slots of lower numbers only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Make {
    /// It is loaded: read and decoded, or in the memory of the rank.
    Load(ArrayId),
    /// It is computed from the indices.
    Generate(Generator),
    /// A fused program runs over it.
    Fuse {
        /// The program; it has one output.
        program: Program,
        /// Its inputs.
        inputs: Vec<View>,
    },
    /// It is put together from boxes: slots, and where each starts.
    Assemble(Vec<(u16, Vec<usize>)>),
    /// An operation on pieces of slots.
    Call {
        /// The operation.
        op: BlockOp,
        /// Its inputs.
        inputs: Vec<u16>,
    },
}

/// How a sink folds the domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fold {
    /// What is computed.
    pub reduction: Reduction,
    /// Domain axes that disappear, sorted.
    pub axes: Vec<usize>,
    /// What becomes groups, when something does.
    pub group: Option<Groups>,
}

/// Domain axes that become groups. They lie side by side; the last of them becomes the axis of the groups, the others
/// disappear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// The first of the axes.
    pub first: usize,
    /// The last of them.
    pub last: usize,
    /// The codes of their indices, in row-major order.
    pub codes: DataId,
    /// The number of groups.
    pub groups: usize,
}

impl Fold {
    /// True when this domain axis is folded: it disappears, or becomes groups.
    pub fn folds(&self, axis: usize) -> bool {
        let grouped = |g: &Groups| (g.first..=g.last).contains(&axis);
        self.axes.contains(&axis) || self.group.as_ref().is_some_and(grouped)
    }

    /// The domain axis that becomes the axis of the groups.
    pub fn group_axis(&self) -> Option<usize> {
        self.group.map(|g| g.last)
    }

    /// True when this domain axis is an axis of the result: it stays, or becomes the axis of the groups.
    pub fn keeps(&self, axis: usize) -> bool {
        !self.folds(axis) || self.group_axis() == Some(axis)
    }

    /// Cells of a partial result along a domain axis that is kept and of which it has `len` indices.
    pub fn cells(&self, axis: usize, len: usize) -> usize {
        match self.group {
            Some(g) if g.last == axis => g.groups,
            _ => len,
        }
    }
}

/// Where finished pieces of a sink go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SinkTarget {
    /// Kept on the rank that finished them, as this array.
    Store(ArrayId),
    /// To rank 0, as this result of `compute`.
    Gather(u32),
    /// Into this variable of this output file, at once.
    Write {
        /// Number of the output file.
        file: u32,
        /// Number of the variable in that file.
        variable: u32,
    },
}

/// One result of a pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sink {
    /// Output of the program that it takes.
    pub output: u16,
    /// How it folds them; `None` keeps every element.
    pub fold: Option<Fold>,
    /// Dtype of the finished pieces.
    pub dtype: DType,
    /// Lengths of the result.
    pub shape: Vec<usize>,
    /// Where finished pieces go; one piece may go to several places.
    pub targets: Vec<SinkTarget>,
}

/// A walk over the tiles of one domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pass {
    /// The tiles: their shape is the domain.
    pub tiles: ChunkGrid,
    /// The axis that a task walks along; `None` for a 0-d domain.
    pub stream_axis: Option<usize>,
    /// Tiles of one segment along the stream axis.
    pub segment_tiles: usize,
    /// What a task holds while it works on a tile.
    pub slots: Vec<Slot>,
    /// The slots that the program reads, seen from the domain.
    pub inputs: Vec<View>,
    /// What is computed for each element.
    pub program: Program,
    /// What is made of it.
    pub sinks: Vec<Sink>,
    /// Which rank runs which tasks: boxes.
    pub placement: Placement,
    /// Tasks are dealt in runs instead of boxes.
    pub runs: Option<Runs>,
}

/// Tasks dealt in runs along an order of the axes, to ranks by their share of the elements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// All domain axes, outermost first.
    pub order: Vec<usize>,
    /// Ranks that take runs.
    pub ranks: usize,
}

/// How a stored result is cut into chunks when it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WriteChunks {
    /// The stored result.
    pub array: ArrayId,
    /// Output file.
    pub file: u32,
    /// Variable of that file.
    pub variable: u32,
    /// The storage chunks: each is encoded by exactly one rank.
    pub chunks: ChunkGrid,
    /// Which rank encodes which chunks.
    pub placement: Placement,
}

/// A stage ends where placement changes; all ranks walk the same stages in the same order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Stage {
    /// Exchange of stored inputs, local pass, combine of partial results.
    Pass(Pass),
    /// Exchange of a stored result to the owners of its storage chunks, which encode and write them.
    Write(WriteChunks),
}

impl Stage {
    /// `pass` or `write`.
    pub fn kind(&self) -> &'static str {
        match self {
            Stage::Pass(_) => "pass",
            Stage::Write(_) => "write",
        }
    }
}

/// What all ranks do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Ranks that it was made for.
    pub ranks: usize,
    /// Arrays by number.
    pub arrays: Vec<ArrayDecl>,
    /// Stages in order.
    pub stages: Vec<Stage>,
    /// Files to write.
    pub files: Vec<OutputSpec>,
    /// Dtype and shape of each gathered result.
    pub gathers: Vec<(DType, Vec<usize>)>,
    /// Stored results that the ranks go on holding after the run, under these numbers.
    pub keeps: Vec<(ArrayId, DataId)>,
    /// Stored results that lie in scratch files instead of the memories of the ranks.
    pub scratch: Vec<ArrayId>,
    /// Chunks of files that ranks keep from one pass for later ones.
    pub reuse: Vec<Reuse>,
    /// What the optimizer and the planner decided and why, for `plan`; not sent to ranks.
    #[serde(skip)]
    pub notes: Vec<String>,
}

impl Plan {
    /// The array `id`.
    pub fn array(&self, id: ArrayId) -> &ArrayDecl {
        &self.arrays[id.0 as usize]
    }
}

impl Pass {
    /// The arrays that it loads, each once.
    pub fn arrays(&self) -> Vec<ArrayId> {
        let mut arrays: Vec<ArrayId> = Vec::new();
        for slot in &self.slots {
            if let Make::Load(array) = slot.make
                && !arrays.contains(&array)
            {
                arrays.push(array);
            }
        }
        arrays
    }

    /// True when it does nothing but bring one array in memory to another placement: what is brought is what is stored.
    pub fn only_moves(&self) -> bool {
        let ([slot], [view], [sink]) = (&self.slots[..], &self.inputs[..], &self.sinks[..]) else {
            return false;
        };
        matches!(slot.make, Make::Load(_))
            && view.select.is_all(&slot.shape)
            && self.program.steps.len() == 1
            && sink.fold.is_none()
            && matches!(sink.targets[..], [SinkTarget::Store(_)])
    }

    /// True when it loads the array.
    pub fn loads(&self, array: ArrayId) -> bool {
        self.slots.iter().any(|slot| slot.make == Make::Load(array))
    }

    /// Number of tasks per domain axis: tiles, but segments along the stream axis.
    pub fn task_counts(&self) -> Vec<usize> {
        let mut counts = self.tiles.counts();
        if let Some(axis) = self.stream_axis {
            counts[axis] = counts[axis].div_ceil(self.segment_tiles);
        }
        counts
    }

    /// The cut of a sink's result into pieces that finish together: tiles along kept axes, all groups at once.
    pub fn piece_grid(&self, sink: &Sink) -> ChunkGrid {
        let Some(fold) = &sink.fold else {
            return self.tiles.clone();
        };
        let axes = (0..self.tiles.ndim())
            .filter(|axis| fold.keeps(*axis))
            .map(|axis| match fold.group {
                Some(Groups { last, groups, .. }) if last == axis => AxisChunks::Regular {
                    len: groups,
                    chunk: groups.max(1),
                    phase: 0,
                },
                _ => self.tiles.axes[axis].clone(),
            })
            .collect();
        ChunkGrid { axes }
    }
}
