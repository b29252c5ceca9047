//! Scans: running folds along an axis. Each run is folded in order from its start (or from what the runs before it fold to), so
//! an element is a function of its run alone.

use super::call::PieceView;
use super::lines::Lines;
use crate::block::{Block, Native};
use crate::dtype::{DType, NAT, Physical};
use crate::error::{Error, Result};
use crate::geom::Region;
use crate::kernel::number::Compare;
use crate::op::{Scan, ScanOp};
use num_complex::Complex;

/// The pieces of one call.
struct Job<'a> {
    op: &'a Scan,
    piece: &'a PieceView<'a>,
    starts: Option<&'a PieceView<'a>>,
    region: &'a Region,
}

/// The scan of the elements of `piece`, from the start of their run; those in `region` are kept.
pub(super) fn scan(
    op: &Scan,
    piece: &PieceView<'_>,
    starts: Option<&PieceView<'_>>,
    region: &Region,
    out: &mut Block,
) -> Result<()> {
    let job = Job {
        op,
        piece,
        starts,
        region,
    };
    let dtype = out.dtype();
    match op.op {
        ScanOp::Sum | ScanOp::Prod => job.sums(dtype, out),
        ScanOp::Min | ScanOp::Max => job.extremes(dtype, out),
        ScanOp::Decay(bits) => {
            let keep = f64::from_bits(bits);
            job.fold::<f64, f64>(out, 0.0, |a, x| a * keep + x, |a| a)
        }
        ScanOp::Ffill if dtype.is_time() => job.ffill(out, NAT, |v| v == NAT),
        ScanOp::Ffill => match dtype.physical() {
            Physical::F32 => job.ffill(out, f32::NAN, f32::is_nan),
            Physical::F64 => job.ffill(out, f64::NAN, f64::is_nan),
            Physical::C64 => job.ffill(out, Complex::new(f32::NAN, f32::NAN), Compare::nan),
            Physical::C128 => job.ffill(out, Complex::new(f64::NAN, f64::NAN), Compare::nan),
            _ => Err(job.unfit(out)),
        },
    }
}

impl Job<'_> {
    fn unfit(&self, out: &Block) -> Error {
        Error::internal(format!(
            "{} of {} to {}",
            self.op.op.name(self.op.skipna),
            self.piece.view.dtype,
            out.dtype()
        ))
    }

    /// Sums and products: floats in 64 bits, integers wrap around; NaT wins or is skipped.
    fn sums(&self, dtype: DType, out: &mut Block) -> Result<()> {
        let (skip, sum) = (self.op.skipna, self.op.op == ScanOp::Sum);
        macro_rules! floats {
            ($T:ty, $A:ty, $zero:expr, $one:expr, $wide:expr, $narrow:expr) => {
                match sum {
                    true => self.fold::<$T, $A>(
                        out,
                        $zero,
                        |a, x| if skip && x.nan() { a } else { a + $wide(x) },
                        $narrow,
                    ),
                    false => self.fold::<$T, $A>(
                        out,
                        $one,
                        |a, x| if skip && x.nan() { a } else { a * $wide(x) },
                        $narrow,
                    ),
                }
            };
        }
        macro_rules! integers {
            ($T:ty) => {
                match sum {
                    true => self.fold::<$T, $T>(out, 0, |a, x| a.wrapping_add(x), |a| a),
                    false => self.fold::<$T, $T>(out, 1, |a, x| a.wrapping_mul(x), |a| a),
                }
            };
        }
        let (zero, one) = (Complex::new(0.0, 0.0), Complex::new(1.0, 0.0));
        match dtype.physical() {
            Physical::I64 if dtype.is_time() => self.fold::<i64, i64>(
                out,
                0,
                |a, x| match (a == NAT, x == NAT) {
                    (_, true) if skip => a,
                    (false, false) => a.wrapping_add(x),
                    _ => NAT,
                },
                |a| a,
            ),
            Physical::I64 => integers!(i64),
            Physical::U64 => integers!(u64),
            Physical::F32 => floats!(f32, f64, 0.0, 1.0, f64::from, |a| a as f32),
            Physical::F64 => floats!(f64, f64, 0.0, 1.0, |x: f64| x, |a| a),
            Physical::C64 => floats!(
                Complex<f32>,
                Complex<f64>,
                zero,
                one,
                |x: Complex<f32>| Complex::new(f64::from(x.re), f64::from(x.im)),
                |a: Complex<f64>| Complex::new(a.re as f32, a.im as f32)
            ),
            Physical::C128 => {
                floats!(
                    Complex<f64>,
                    Complex<f64>,
                    zero,
                    one,
                    |x: Complex<f64>| x,
                    |a| a
                )
            }
            _ => Err(self.unfit(out)),
        }
    }

    fn extremes(&self, dtype: DType, out: &mut Block) -> Result<()> {
        macro_rules! extreme {
            ($T:ty, $low:expr, $high:expr, $none:expr, $missing:expr) => {{
                let missing = $missing;
                let start = match (self.op.skipna, self.op.op) {
                    (true, _) => $none.unwrap_or(match self.op.op {
                        ScanOp::Min => $high,
                        _ => $low,
                    }),
                    (false, ScanOp::Min) => $high,
                    (false, _) => $low,
                };
                let (skip, min) = (self.op.skipna, self.op.op == ScanOp::Min);
                // Floats keep the wide form between runs.
                self.fold::<$T, $T>(
                    out,
                    start,
                    |a: $T, x: $T| match (missing(a), missing(x)) {
                        (true, _) => {
                            if skip {
                                x
                            } else {
                                a
                            }
                        }
                        (false, true) => {
                            if skip {
                                a
                            } else {
                                x
                            }
                        }
                        _ if min => Compare::minimum(a, x),
                        _ => Compare::maximum(a, x),
                    },
                    |a| a,
                )
            }};
        }
        macro_rules! integers {
            ($T:ty) => {
                extreme!($T, <$T>::MIN, <$T>::MAX, None::<$T>, |_: $T| false)
            };
        }
        if dtype.is_time() {
            return extreme!(i64, i64::MIN + 1, i64::MAX, Some(NAT), |x: i64| x == NAT);
        }
        match dtype.physical() {
            Physical::Bool => extreme!(bool, false, true, None::<bool>, |_: bool| false),
            Physical::I8 => integers!(i8),
            Physical::I16 => integers!(i16),
            Physical::I32 => integers!(i32),
            Physical::I64 => integers!(i64),
            Physical::U8 => integers!(u8),
            Physical::U16 => integers!(u16),
            Physical::U32 => integers!(u32),
            Physical::U64 => integers!(u64),
            Physical::F32 => extreme!(
                f32,
                f32::NEG_INFINITY,
                f32::INFINITY,
                Some(f32::NAN),
                f32::is_nan
            ),
            Physical::F64 => extreme!(
                f64,
                f64::NEG_INFINITY,
                f64::INFINITY,
                Some(f64::NAN),
                f64::is_nan
            ),
            _ => Err(self.unfit(out)),
        }
    }

    fn ffill<T: Native>(
        &self,
        out: &mut Block,
        nothing: T,
        missing: impl Fn(T) -> bool,
    ) -> Result<()> {
        match self.op.limit {
            None => self.fold::<T, T>(out, nothing, |a, x| if missing(x) { a } else { x }, |a| a),
            Some(limit) => self.fold::<T, (T, usize)>(
                out,
                (nothing, 0),
                |(a, age), x| match missing(x) {
                    false => (x, 0),
                    true if age < limit => (a, age + 1),
                    true => (nothing, age),
                },
                |(a, _)| a,
            ),
        }
    }

    /// Folds every line, from `start` or from the starts of its runs.
    fn fold<T: Native, A: Start>(
        &self,
        out: &mut Block,
        start: A,
        step: impl Fn(A, T) -> A,
        finish: impl Fn(A) -> T,
    ) -> Result<()> {
        let unfit = self.unfit(out);
        let (Some(from), Some(to)) = (
            T::slice(self.piece.view.buffer),
            T::slice_mut(out.buffer_mut()),
        ) else {
            return Err(unfit);
        };
        let axis = self.op.axis;
        let run = match self.op.limit {
            None => self.op.run,
            Some(_) => usize::MAX,
        };
        let origin = self.piece.region.start[axis];
        let long = self.piece.region.shape[axis];
        let before = self.region.start[axis] - origin;
        let lines = Lines::new(&self.piece.view, axis);
        let starts = match self.starts {
            None => None,
            Some(starts) => {
                let values = A::slice(starts).ok_or(unfit)?;
                let lines = Lines::new(&starts.view, axis);
                Some((values, lines, starts.region.start[axis]))
            }
        };
        let inner = lines.inner();
        let mut totals = vec![start; inner];
        for (number, line) in lines.outer.iter().enumerate() {
            let to = &mut to[number * (long - before) * inner..][..(long - before) * inner];
            let mut at = 0;
            while at < long {
                let global = origin + at;
                let breaks = &self.op.breaks;
                let next = breaks.partition_point(|b| *b <= global);
                let group = next > 0 && breaks[next - 1] == global;
                // A piece with a limit begins inside its run, too: nothing before it counts.
                if group || at == 0 || global.is_multiple_of(run) {
                    match &starts {
                        Some((values, lines, first)) if !group && global / run > 0 => {
                            let index = global / run - 1 - first;
                            lines.each(lines.outer[number], index, |k, place| {
                                totals[k] = values[place];
                            });
                        }
                        _ => totals.fill(start),
                    }
                }
                let group = breaks.get(next).map_or(long, |b| b - origin);
                let until = ((run - global % run).min(long - at) + at).min(group);
                if inner == 1 {
                    // A line of neighbours: the running value stays in a register.
                    let mut total = totals[0];
                    for i in at..until {
                        total = step(
                            total,
                            from[(*line as isize + i as isize * lines.step) as usize],
                        );
                        if i >= before {
                            to[i - before] = finish(total);
                        }
                    }
                    totals[0] = total;
                } else {
                    for i in at..until {
                        lines.each(*line, i, |k, place| {
                            totals[k] = step(totals[k], from[place])
                        });
                        if i >= before {
                            let row = &mut to[(i - before) * inner..][..inner];
                            for (to, total) in row.iter_mut().zip(&totals) {
                                *to = finish(*total);
                            }
                        }
                    }
                }
                at = until;
            }
        }
        Ok(())
    }
}

/// A running value: one that a run may start from lies in a buffer.
trait Start: Copy {
    fn slice<'a>(starts: &'a PieceView<'_>) -> Option<&'a [Self]>;
}

impl<T: Native> Start for T {
    fn slice<'a>(starts: &'a PieceView<'_>) -> Option<&'a [Self]> {
        T::slice(starts.view.buffer)
    }
}

/// An element and its age: fills with a limit have no runs.
impl<T: Native> Start for (T, usize) {
    fn slice<'a>(_: &'a PieceView<'_>) -> Option<&'a [Self]> {
        None
    }
}
