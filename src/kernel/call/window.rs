//! Windows: rows of the result, each a sum (or an extreme) of shifted rows of the input. An element is a function of its window
//! alone.

use super::call::PieceView;
use super::lines::offsets;
use crate::block::{Block, Native};
use crate::error::{Error, Result};
use crate::kernel::number::Compare;
use crate::op::{Window, WindowKind};
use std::cmp::Ordering;

/// Weights that differ by less are equal, as in SciPy.
const EQUAL: f64 = f64::EPSILON;

/// Makes all of `out` from the piece that its window demands.
pub(super) fn window(op: &Window, piece: &PieceView<'_>, out: &mut Block) -> Result<()> {
    use crate::dtype::Physical as P;
    if piece.view.buffer.physical() == P::Bool {
        return match op.kind {
            WindowKind::Min | WindowKind::Max | WindowKind::Rank(_) => {
                ordered::<bool>(op, piece, out)
            }
            _ => Err(unfit(op, piece, out)),
        };
    }
    macro_rules! types {
        ($($P:ident $T:ty),*) => {
            match piece.view.buffer.physical() {
                $(P::$P => match &op.kind {
                    WindowKind::Correlate(weights) => match out.dtype().physical() {
                        // Integers beside a float kernel become floats.
                        P::F64 if P::$P != P::F64 => correlate::<$T, f64>(op, weights, piece, out),
                        P::F32 if P::$P != P::F32 => correlate::<$T, f32>(op, weights, piece, out),
                        _ => correlate::<$T, $T>(op, weights, piece, out),
                    },
                    WindowKind::CorrelateIntegers(weights) => integers::<$T>(op, weights, piece, out),
                    WindowKind::Mean => mean::<$T>(op, piece, out),
                    WindowKind::Min | WindowKind::Max | WindowKind::Rank(_) => ordered::<$T>(op, piece, out),
                },)*
                _ => Err(unfit(op, piece, out)),
            }
        };
    }
    types!(I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64, F32 f32, F64 f64)
}

fn unfit(op: &Window, piece: &PieceView<'_>, out: &Block) -> Error {
    Error::internal(format!(
        "{:?} of {} to {}",
        op.kind,
        piece.view.dtype,
        out.dtype()
    ))
}

/// A real number: its way to f64 and i64, and back as SciPy goes it (fractions are cut, integers wrap around).
trait Real: Native + Compare {
    fn wide(self) -> f64;
    fn narrow(wide: f64) -> Self;
    fn integer(self) -> i64;
    fn wrap_integer(integer: i64) -> Self;
}

macro_rules! real {
    ($($T:ty, |$v:ident| $narrow:expr;)*) => {$(
        impl Real for $T {
            #[inline(always)]
            fn wide(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn narrow($v: f64) -> Self {
                $narrow
            }
            #[inline(always)]
            fn integer(self) -> i64 {
                self as i64
            }
            #[inline(always)]
            fn wrap_integer(integer: i64) -> Self {
                integer as $T
            }
        }
    )*};
}

real! {
    i8, |v| v as i64 as i8; i16, |v| v as i64 as i16; i32, |v| v as i64 as i32; i64, |v| v as i64;
    u8, |v| v as i64 as u8; u16, |v| v as i64 as u16; u32, |v| v as i64 as u32;
    u64, |v| if v < 0.0 { v as i64 as u64 } else { v as u64 };
    f32, |v| v as f32; f64, |v| v;
}

/// Where the rows of the result start in the piece, and where the elements of a window lie from its first.
struct Rows {
    starts: Vec<usize>,
    taps: Vec<isize>,
    /// Elements of a row.
    row: usize,
    step: isize,
}

impl Rows {
    fn new(op: &Window, piece: &PieceView<'_>, out: &Block) -> Self {
        let strides = &piece.view.strides;
        let last = strides.len() - 1;
        Rows {
            starts: (offsets(&out.shape()[..last], &strides[..last]).iter())
                .map(|offset| (piece.view.offset as isize + offset) as usize)
                .collect(),
            taps: offsets(&op.shape, strides),
            row: out.shape()[last],
            step: strides[last],
        }
    }

    /// Gives `each` the elements of the row that starts at `start`, shifted by a tap.
    #[inline(always)]
    fn shifted<T: Copy>(
        &self,
        from: &[T],
        start: usize,
        tap: isize,
        mut each: impl FnMut(usize, T),
    ) {
        let start = (start as isize + tap) as usize;
        if self.step == 1 {
            for (k, v) in from[start..start + self.row].iter().enumerate() {
                each(k, *v);
            }
        } else {
            for k in 0..self.row {
                each(k, from[(start as isize + k as isize * self.step) as usize]);
            }
        }
    }
}

/// One step of a weighted sum.
enum Tap {
    One(isize, f64),
    /// Elements of one weight (of opposite weights): their sum (difference) is weighed, as SciPy does it.
    Pair(isize, isize, f64, bool),
}

/// The steps of a weighted sum in SciPy's order: symmetric kernels of one axis from the middle and then from outside inwards.
fn steps(shape: &[usize], taps: &[isize], weights: &[f64]) -> Vec<Tap> {
    let n = weights.len();
    let one_axis = shape.iter().filter(|len| **len > 1).count() == 1;
    if one_axis && n % 2 == 1 {
        let mirrored =
            |sign: f64| (0..n / 2).all(|k| (weights[k] - sign * weights[n - 1 - k]).abs() <= EQUAL);
        for (sign, odd) in [(1.0, false), (-1.0, true)] {
            if mirrored(sign) {
                let middle = Tap::One(taps[n / 2], weights[n / 2]);
                let pairs =
                    (0..n / 2).map(|k| Tap::Pair(taps[k], taps[n - 1 - k], weights[k], odd));
                return std::iter::once(middle).chain(pairs).collect();
            }
        }
    }
    (taps.iter().zip(weights))
        .filter(|(_, weight)| **weight != 0.0 || n == 1)
        .map(|(tap, weight)| Tap::One(*tap, *weight))
        .collect()
}

fn correlate<T: Real, O: Real>(
    op: &Window,
    weights: &[f64],
    piece: &PieceView<'_>,
    out: &mut Block,
) -> Result<()> {
    let rows = Rows::new(op, piece, out);
    let steps = steps(&op.shape, &rows.taps, weights);
    let error = unfit(op, piece, out);
    let (Some(from), Some(to)) = (T::slice(piece.view.buffer), O::slice_mut(out.buffer_mut()))
    else {
        return Err(error);
    };
    let mut sums = vec![0.0f64; rows.row];
    for (start, to) in rows.starts.iter().zip(to.chunks_mut(rows.row)) {
        sums.fill(0.0);
        for step in &steps {
            match *step {
                Tap::One(tap, weight) => {
                    rows.shifted(from, *start, tap, |k, v| sums[k] += v.wide() * weight);
                }
                Tap::Pair(a, b, weight, odd) => {
                    let other = (*start as isize + b) as usize;
                    let step = rows.step;
                    rows.shifted(from, *start, a, |k, v| {
                        let w = from[(other as isize + k as isize * step) as usize].wide();
                        let both = if odd { v.wide() - w } else { v.wide() + w };
                        sums[k] += both * weight;
                    });
                }
            }
        }
        for (to, sum) in to.iter_mut().zip(&sums) {
            *to = O::narrow(*sum);
        }
    }
    Ok(())
}

fn integers<T: Real>(
    op: &Window,
    weights: &[i64],
    piece: &PieceView<'_>,
    out: &mut Block,
) -> Result<()> {
    let rows = Rows::new(op, piece, out);
    let error = unfit(op, piece, out);
    let (Some(from), Some(to)) = (T::slice(piece.view.buffer), T::slice_mut(out.buffer_mut()))
    else {
        return Err(error);
    };
    let mut sums = vec![0i64; rows.row];
    for (start, to) in rows.starts.iter().zip(to.chunks_mut(rows.row)) {
        sums.fill(0);
        for (tap, weight) in rows.taps.iter().zip(weights) {
            rows.shifted(from, *start, *tap, |k, v| {
                sums[k] = sums[k].wrapping_add(v.integer().wrapping_mul(*weight));
            });
        }
        for (to, sum) in to.iter_mut().zip(&sums) {
            *to = T::wrap_integer(*sum);
        }
    }
    Ok(())
}

fn mean<T: Real>(op: &Window, piece: &PieceView<'_>, out: &mut Block) -> Result<()> {
    let rows = Rows::new(op, piece, out);
    let error = unfit(op, piece, out);
    let (Some(from), Some(to)) = (T::slice(piece.view.buffer), T::slice_mut(out.buffer_mut()))
    else {
        return Err(error);
    };
    let count = rows.taps.len() as f64;
    let mut sums = vec![0.0f64; rows.row];
    for (start, to) in rows.starts.iter().zip(to.chunks_mut(rows.row)) {
        sums.fill(0.0);
        for tap in &rows.taps {
            rows.shifted(from, *start, *tap, |k, v| sums[k] += v.wide());
        }
        for (to, sum) in to.iter_mut().zip(&sums) {
            *to = T::narrow(*sum / count);
        }
    }
    Ok(())
}

/// Extremes and ranks.
fn ordered<T: Native + Compare>(op: &Window, piece: &PieceView<'_>, out: &mut Block) -> Result<()> {
    let rows = Rows::new(op, piece, out);
    let error = unfit(op, piece, out);
    let (Some(from), Some(to)) = (T::slice(piece.view.buffer), T::slice_mut(out.buffer_mut()))
    else {
        return Err(error);
    };
    let mut values = Vec::with_capacity(rows.taps.len());
    for (start, to) in rows.starts.iter().zip(to.chunks_mut(rows.row)) {
        if let WindowKind::Rank(rank) = op.kind {
            for (k, to) in to.iter_mut().enumerate() {
                let first = *start as isize + k as isize * rows.step;
                values.clear();
                values.extend(rows.taps.iter().map(|tap| from[(first + tap) as usize]));
                *to = *values
                    .select_nth_unstable_by(rank, |a: &T, b: &T| order(*a, *b))
                    .1;
            }
            continue;
        }
        let smaller = op.kind == WindowKind::Min;
        rows.shifted(from, *start, rows.taps[0], |k, v| to[k] = v);
        for tap in &rows.taps[1..] {
            rows.shifted(from, *start, *tap, |k, v| {
                to[k] = match smaller {
                    true => Compare::minimum(to[k], v),
                    false => Compare::maximum(to[k], v),
                };
            });
        }
    }
    Ok(())
}

/// NaN above all.
fn order<T: Compare>(a: T, b: T) -> Ordering {
    match (a.nan(), b.nan()) {
        (false, false) if Compare::lt(a, b) => Ordering::Less,
        (false, false) if Compare::lt(b, a) => Ordering::Greater,
        (a, b) => a.cmp(&b),
    }
}
