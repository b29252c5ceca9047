//! Sliding windows in constant work per element, whatever the window.
//!
//! The axis is cut at the multiples of the window's length. A window lies over at most one cut: it is a suffix of what lies left
//! of it and a prefix of what lies right of it. Suffixes and prefixes grow by one element at a time, and one join of two
//! partial results makes an element. So nothing is ever subtracted (a window after an infinity, or after huge numbers, is as
//! exact as any), and an element is a function of its window and its index alone, not of the tile that it is made in.

use super::call::PieceView;
use super::lines::Lines;
use crate::block::{Block, Native};
use crate::error::{Error, Result};
use crate::geom::Region;
use crate::op::{Sliding, SlidingKind};

/// The statistic of each window of `piece` that starts in `region`.
pub(super) fn sliding(
    op: &Sliding,
    piece: &PieceView<'_>,
    region: &Region,
    out: &mut Block,
) -> Result<()> {
    match op.kind {
        SlidingKind::Sum => both(op, piece, region, out, |s: Sum| s.sum),
        SlidingKind::Prod => both(op, piece, region, out, |s: Product| s.product),
        SlidingKind::Count => both(op, piece, region, out, |s: Sum| s.count),
        SlidingKind::Mean => both(op, piece, region, out, |s: Sum| s.sum / s.count),
        SlidingKind::Min => both(op, piece, region, out, Extreme::<true>::some),
        SlidingKind::Max => both(op, piece, region, out, Extreme::<false>::some),
        SlidingKind::Var { ddof } => both(op, piece, region, out, move |s: Moments| s.var(ddof)),
        SlidingKind::Std { ddof } => {
            both(op, piece, region, out, move |s: Moments| s.var(ddof).sqrt())
        }
    }
}

/// A partial result.
trait State: Copy + Default {
    /// With one more element, which is not missing.
    fn push(self, value: f64) -> Self;
    /// With all of `other`.
    fn join(self, other: Self) -> Self;
    fn count(self) -> f64;
}

#[derive(Clone, Copy, Default)]
struct Sum {
    sum: f64,
    count: f64,
}

impl State for Sum {
    #[inline(always)]
    fn push(self, value: f64) -> Self {
        Sum {
            sum: self.sum + value,
            count: self.count + 1.0,
        }
    }
    #[inline(always)]
    fn join(self, other: Self) -> Self {
        Sum {
            sum: self.sum + other.sum,
            count: self.count + other.count,
        }
    }
    #[inline(always)]
    fn count(self) -> f64 {
        self.count
    }
}

#[derive(Clone, Copy)]
struct Product {
    product: f64,
    count: f64,
}

impl Default for Product {
    fn default() -> Self {
        Product {
            product: 1.0,
            count: 0.0,
        }
    }
}

impl State for Product {
    #[inline(always)]
    fn push(self, value: f64) -> Self {
        self.join(Product {
            product: value,
            count: 1.0,
        })
    }
    #[inline(always)]
    fn join(self, other: Self) -> Self {
        Product {
            product: self.product * other.product,
            count: self.count + other.count,
        }
    }
    #[inline(always)]
    fn count(self) -> f64 {
        self.count
    }
}

#[derive(Clone, Copy)]
struct Extreme<const MIN: bool> {
    value: f64,
    count: f64,
}

impl<const MIN: bool> Default for Extreme<MIN> {
    fn default() -> Self {
        Extreme {
            value: if MIN {
                f64::INFINITY
            } else {
                f64::NEG_INFINITY
            },
            count: 0.0,
        }
    }
}

impl<const MIN: bool> Extreme<MIN> {
    fn some(self) -> f64 {
        if self.count > 0.0 {
            self.value
        } else {
            f64::NAN
        }
    }
}

impl<const MIN: bool> State for Extreme<MIN> {
    #[inline(always)]
    fn push(self, value: f64) -> Self {
        self.join(Extreme { value, count: 1.0 })
    }
    #[inline(always)]
    fn join(self, other: Self) -> Self {
        let first = if MIN {
            self.value <= other.value
        } else {
            self.value >= other.value
        };
        Extreme {
            value: if first { self.value } else { other.value },
            count: self.count + other.count,
        }
    }
    #[inline(always)]
    fn count(self) -> f64 {
        self.count
    }
}

/// Number, mean and sum of squared deviations, joined after Chan, Golub and LeVeque.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn var(self, ddof: u32) -> f64 {
        match self.count - f64::from(ddof) {
            free if free > 0.0 => self.squares / free,
            _ => f64::NAN,
        }
    }
}

impl State for Moments {
    #[inline(always)]
    fn push(self, value: f64) -> Self {
        let count = self.count + 1.0;
        let delta = value - self.mean;
        let mean = self.mean + delta / count;
        Moments {
            count,
            mean,
            squares: self.squares + delta * (value - mean),
        }
    }
    #[inline(always)]
    fn join(self, other: Self) -> Self {
        if other.count == 0.0 {
            return self;
        }
        let count = self.count + other.count;
        let delta = other.mean - self.mean;
        let part = other.count / count;
        Moments {
            count,
            mean: self.mean + delta * part,
            squares: self.squares + other.squares + delta * delta * self.count * part,
        }
    }
    #[inline(always)]
    fn count(self) -> f64 {
        self.count
    }
}

fn both<S: State>(
    op: &Sliding,
    piece: &PieceView<'_>,
    region: &Region,
    out: &mut Block,
    finish: impl Fn(S) -> f64,
) -> Result<()> {
    let (from, buffer) = (piece.view.buffer, out.buffer_mut());
    if let (Some(from), Some(to)) = (f64::slice(from), f64::slice_mut(buffer)) {
        slide(op, piece, region, from, to, |v| v, finish, |v| v);
        return Ok(());
    }
    if let (Some(from), Some(to)) = (f32::slice(from), f32::slice_mut(buffer)) {
        slide(op, piece, region, from, to, f64::from, finish, |v| v as f32);
        return Ok(());
    }
    Err(Error::internal(format!(
        "{:?} of {}",
        op.kind, piece.view.dtype
    )))
}

#[allow(clippy::too_many_arguments)] // One loop for two types and all statistics.
fn slide<T: Native, S: State>(
    op: &Sliding,
    piece: &PieceView<'_>,
    region: &Region,
    from: &[T],
    to: &mut [T],
    wide: impl Fn(T) -> f64,
    finish: impl Fn(S) -> f64,
    narrow: impl Fn(f64) -> T,
) {
    let (axis, window) = (op.axis, op.window);
    let lines = Lines::new(&piece.view, axis);
    let inner = lines.inner();
    let least = op.min_count as f64;
    // Windows are numbered by their element; places along the axis count from the first place of window 0, which may lie
    // before the array.
    let (start, long) = (region.start[axis], region.shape[axis]);
    let first = piece.region.start[axis] + op.before;
    let there = first..first + piece.view.shape[axis];
    let columns = op.columns().min(lines.row).max(1);
    let mut suffixes = vec![S::default(); long.min(window) * columns];
    let mut states = vec![S::default(); columns];
    // Pushes one place of a block of columns, the first of which starts at `base`.
    let push = |states: &mut [S], base: isize, place: usize| {
        if !there.contains(&place) {
            return;
        }
        let base = base + (place - first) as isize * lines.step;
        let one = |state: &mut S, value: T| {
            let value = wide(value);
            let pushed = state.push(value);
            *state = if value.is_nan() { *state } else { pushed };
        };
        if lines.row_step == 1 {
            let row = &from[base as usize..][..states.len()];
            for (state, value) in states.iter_mut().zip(row) {
                one(state, *value);
            }
        } else {
            for (k, state) in states.iter_mut().enumerate() {
                one(state, from[(base + k as isize * lines.row_step) as usize]);
            }
        }
    };
    for (number, line) in lines.outer.iter().enumerate() {
        let to = &mut to[number * long * inner..][..long * inner];
        for (row, offset) in lines.rows.iter().enumerate() {
            for column in (0..lines.row).step_by(columns) {
                let width = columns.min(lines.row - column);
                let base = *line as isize + offset + column as isize * lines.row_step;
                let states = &mut states[..width];
                // Windows that start at low … high lie over the cut at `cut` (or end before it).
                let mut low = start;
                while low < start + long {
                    let cut = (low / window + 1).saturating_mul(window);
                    let high = cut.min(start + long);
                    states.fill(S::default());
                    for at in (low..cut.min(high.max(there.end))).rev() {
                        push(states, base, at);
                        if at < high {
                            suffixes[(at - low) * width..][..width].copy_from_slice(states);
                        }
                    }
                    states.fill(S::default());
                    for at in cut..(low + (window - 1)).min(there.end) {
                        push(states, base, at);
                    }
                    for at in low..high {
                        // The window's last element; the window that starts at the last cut ends before the next one.
                        let last = at.saturating_add(window - 1);
                        if last >= cut {
                            push(states, base, last);
                        }
                        let left = &suffixes[(at - low) * width..][..width];
                        let to = &mut to[(at - start) * inner + row * lines.row + column..];
                        for ((to, left), right) in to[..width].iter_mut().zip(left).zip(&*states) {
                            let all = left.join(*right);
                            *to = narrow(match all.count() >= least {
                                true => finish(all),
                                false => f64::NAN,
                            });
                        }
                    }
                    low = high;
                }
            }
        }
    }
}
