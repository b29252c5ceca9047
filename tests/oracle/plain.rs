//! The plainest arrays: whole, in row-major order, one element after another, with NumPy's rules. What random expressions are
//! compared with; nothing here is shared with the engine but the names of dtypes and the rule of promotion (which has golden
//! data of its own).

#![allow(unreachable_pub)]

use hyperslab::block::{Block, Native};
use hyperslab::dtype::{DType, promote};

/// One element: an integer or bool, wide enough for every dtype, or a float.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    Int(i128),
    Float(f64),
}

use Cell::{Float, Int};

impl Cell {
    pub fn float(self) -> f64 {
        match self {
            Int(v) => v as f64,
            Float(v) => v,
        }
    }

    pub fn is_nan(self) -> bool {
        matches!(self, Float(v) if v.is_nan())
    }

    pub fn truth(self) -> bool {
        match self {
            Int(v) => v != 0,
            Float(v) => v != 0.0,
        }
    }

    /// The same value of a dtype: integers wrap around, floats are rounded.
    pub fn cast(self, dtype: DType) -> Cell {
        match (dtype, self) {
            (DType::F32, Int(v)) => Float(f64::from(v as f32)),
            (DType::F32, Float(v)) => Float(f64::from(v as f32)),
            (DType::F64, v) => Float(v.float()),
            (DType::Bool, v) => Int(i128::from(v.truth())),
            (_, Int(v)) => Int(wrap(v, dtype)),
            (_, Float(v)) => Int(wrap(v as i128, dtype)),
        }
    }

    /// As elements are ordered: false when one is NaN.
    pub fn less(self, other: Cell) -> bool {
        match (self, other) {
            (Int(a), Int(b)) => a < b,
            (a, b) => a.float() < b.float(),
        }
    }
}

fn wrap(v: i128, dtype: DType) -> i128 {
    match dtype {
        DType::I8 => i128::from(v as i8),
        DType::I16 => i128::from(v as i16),
        DType::I32 => i128::from(v as i32),
        DType::I64 => i128::from(v as i64),
        DType::U8 => i128::from(v as u8),
        DType::U16 => i128::from(v as u16),
        DType::U32 => i128::from(v as u32),
        DType::U64 => i128::from(v as u64),
        DType::Bool => i128::from(v != 0),
        other => panic!("{other} is no integer"),
    }
}

/// An array.
#[derive(Clone, Debug)]
pub struct Plain {
    pub dtype: DType,
    pub shape: Vec<usize>,
    pub cells: Vec<Cell>,
}

/// All indices of a shape in row-major order.
pub fn every(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    (0..shape.iter().product()).map(move |mut flat: usize| {
        let mut index = vec![0; shape.len()];
        for (at, len) in index.iter_mut().zip(shape).rev() {
            *at = flat % len;
            flat /= len;
        }
        index
    })
}

impl Plain {
    pub fn from_fn(dtype: DType, shape: &[usize], f: impl FnMut(Vec<usize>) -> Cell) -> Plain {
        Plain {
            dtype,
            shape: shape.to_vec(),
            cells: every(shape).map(f).collect(),
        }
    }

    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    pub fn at(&self, index: &[usize]) -> Cell {
        let flat = |flat: usize, (at, len): (&usize, &usize)| flat * len + at;
        self.cells[index.iter().zip(&self.shape).fold(0, flat)]
    }

    /// The array whose element at an index is that of this one at `from(index)`.
    pub fn look(&self, shape: &[usize], from: impl Fn(&[usize]) -> Vec<usize>) -> Plain {
        Plain::from_fn(self.dtype, shape, |index| self.at(&from(&index)))
    }

    /// As [`Plain::look`] where only one axis differs.
    pub fn along(&self, axis: usize, len: usize, from: impl Fn(usize) -> usize) -> Plain {
        let mut shape = self.shape.clone();
        shape[axis] = len;
        self.look(&shape, |index| {
            let mut index = index.to_vec();
            index[axis] = from(index[axis]);
            index
        })
    }

    pub fn with_shape(&self, shape: &[usize]) -> Plain {
        assert_eq!(shape.iter().product::<usize>(), self.cells.len());
        Plain {
            shape: shape.to_vec(),
            ..self.clone()
        }
    }

    pub fn transpose(&self, order: &[usize]) -> Plain {
        let shape: Vec<usize> = order.iter().map(|axis| self.shape[*axis]).collect();
        self.look(&shape, |index| {
            let mut from = vec![0; index.len()];
            for (at, axis) in index.iter().zip(order) {
                from[*axis] = *at;
            }
            from
        })
    }

    /// As NumPy broadcasts: missing axes in front, axes of length 1 repeat.
    pub fn broadcast(&self, shape: &[usize]) -> Plain {
        let new = shape.len() - self.ndim();
        self.look(shape, |index| {
            let own = index[new..].iter().zip(&self.shape);
            own.map(|(at, len)| if *len == 1 { 0 } else { *at })
                .collect()
        })
    }

    pub fn map(&self, dtype: DType, f: impl Fn(Cell) -> Cell) -> Plain {
        Plain {
            dtype,
            shape: self.shape.clone(),
            cells: self.cells.iter().map(|v| f(*v).cast(dtype)).collect(),
        }
    }

    pub fn cast(&self, dtype: DType) -> Plain {
        self.map(dtype, |v| v)
    }

    /// `f` of the elements of both, broadcast and promoted; `None` where shapes or dtypes do not fit. The result has `dtype`, or
    /// that of the promoted operands.
    pub fn zip(
        &self,
        other: &Plain,
        dtype: Option<DType>,
        f: impl Fn(Cell, Cell) -> Cell,
    ) -> Option<Plain> {
        let common = promote(self.dtype, other.dtype).ok()?;
        let shape = common_shape(&self.shape, &other.shape)?;
        let (a, b) = (self.cast(common), other.cast(common));
        let (a, b) = (a.broadcast(&shape), b.broadcast(&shape));
        let dtype = dtype.unwrap_or(common);
        let cells = a.cells.iter().zip(&b.cells);
        Some(Plain {
            dtype,
            cells: cells.map(|(a, b)| f(*a, *b).cast(dtype)).collect(),
            shape,
        })
    }

    pub fn concat(&self, other: &Plain, axis: usize) -> Plain {
        let (len, mut shape) = (self.shape[axis], self.shape.clone());
        shape[axis] += other.shape[axis];
        Plain::from_fn(self.dtype, &shape, |mut index| {
            if index[axis] < len {
                return self.at(&index);
            }
            index[axis] -= len;
            other.at(&index)
        })
    }

    /// Folds the elements along `axes`, in order: what `f` makes of them is an element of the result.
    pub fn fold(&self, axes: &[usize], dtype: DType, f: impl Fn(&[Cell]) -> Cell) -> Plain {
        let kept: Vec<usize> = (0..self.ndim()).filter(|a| !axes.contains(a)).collect();
        let shape: Vec<usize> = kept.iter().map(|axis| self.shape[*axis]).collect();
        let inner: Vec<usize> = axes.iter().map(|axis| self.shape[*axis]).collect();
        Plain::from_fn(dtype, &shape, |index| {
            let mut from = vec![0; self.ndim()];
            for (at, axis) in index.iter().zip(&kept) {
                from[*axis] = *at;
            }
            let cells: Vec<Cell> = every(&inner)
                .map(|at| {
                    for (at, axis) in at.iter().zip(axes) {
                        from[*axis] = *at;
                    }
                    self.at(&from)
                })
                .collect();
            f(&cells).cast(dtype)
        })
    }

    /// Each element from those up to it along `axis`.
    pub fn scan(&self, axis: usize, dtype: DType, f: impl Fn(&[Cell]) -> Cell) -> Plain {
        Plain::from_fn(dtype, &self.shape, |index| {
            let cells: Vec<Cell> = (0..=index[axis])
                .map(|at| {
                    let mut from = index.clone();
                    from[axis] = at;
                    self.at(&from)
                })
                .collect();
            f(&cells).cast(dtype)
        })
    }

    /// True when sums of any of these elements are exact in 64-bit floats, in any order: small multiples of 2⁻¹⁶.
    pub fn sums_exactly(&self) -> bool {
        let mut total = 0.0;
        self.cells.iter().all(|cell| match cell {
            Int(_) => true,
            Float(v) if v.is_finite() => {
                total += v.abs();
                (v * 65536.0).fract() == 0.0 && total < f64::from(1 << 30)
            }
            Float(_) => true,
        })
    }

    /// True when a cast to `dtype` is defined for each element.
    pub fn fits(&self, dtype: DType) -> bool {
        let (low, high) = match dtype {
            DType::U8 => (0.0, 255.0),
            DType::I16 => (-32768.0, 32767.0),
            DType::I32 => (-2147483648.0, 2147483647.0),
            _ => (-1e15, 1e15),
        };
        dtype.is_float()
            || dtype == DType::Bool
            || (self.cells.iter()).all(|cell| match cell {
                Float(v) => (low..=high).contains(v),
                Int(_) => true,
            })
    }

    /// As a block of the engine.
    pub fn block(&self) -> Block {
        match self.dtype {
            DType::Bool => self.typed(|v| v.truth()),
            DType::U8 => self.typed(|v| v.float() as u8),
            DType::I16 => self.typed(|v| v.float() as i16),
            DType::I32 => self.typed(|v| v.float() as i32),
            DType::I64 => self.typed(|v| match v {
                Int(v) => v as i64,
                Float(v) => v as i64,
            }),
            DType::F32 => self.typed(|v| v.float() as f32),
            DType::F64 => self.typed(Cell::float),
            other => panic!("no source of {other}"),
        }
    }

    fn typed<T: Native>(&self, f: impl Fn(Cell) -> T) -> Block {
        Block::from_vec(&self.shape, self.cells.iter().map(|v| f(*v)).collect()).unwrap()
    }

    /// Why a block is not this array; floats may differ by `tolerance`.
    pub fn difference(&self, block: &Block, tolerance: f64) -> Option<String> {
        if (block.dtype(), block.shape()) != (self.dtype, &self.shape) {
            return Some(format!(
                "{} {:?}, expected {} {:?}",
                block.dtype(),
                block.shape(),
                self.dtype,
                self.shape
            ));
        }
        (0..block.elements()).find_map(|position| {
            let (ours, expected) = (block.get(position)?, self.cells[position]);
            let same = match (ours.as_i128(), expected) {
                (Some(ours), Int(expected)) => ours == expected,
                (_, expected) => {
                    let (ours, expected) = (ours.as_f64(), expected.float());
                    ours == expected
                        || (ours.is_nan() && expected.is_nan())
                        || (ours - expected).abs() <= tolerance
                }
            };
            (!same).then(|| {
                format!(
                    "element {position} of {:?} is {ours}, expected {expected:?}",
                    self.shape
                )
            })
        })
    }
}

/// The shape that two shapes broadcast to.
pub fn common_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let ndim = a.len().max(b.len());
    let length = |shape: &[usize], axis: usize| {
        let new = ndim - shape.len();
        if axis < new { 1 } else { shape[axis - new] }
    };
    (0..ndim)
        .map(|axis| match (length(a, axis), length(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}
