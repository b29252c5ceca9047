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
use crate::kernel::vector::{join_row, push_row};
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

/// A partial result of `N` numbers. Those of neighbouring columns lie number by number, so that loops over columns are vectors.
trait State<const N: usize>: Copy + Default {
    fn of(numbers: [f64; N]) -> Self;
    fn numbers(self) -> [f64; N];
    /// With one more element, which is not missing.
    fn push(self, value: f64) -> Self;
    /// With all of `other`.
    fn join(self, other: Self) -> Self;
    fn count(self) -> f64;
}

/// The numbers of a state, in the order of its fields.
macro_rules! numbers {
    ($($field:ident),+) => {
        #[inline(always)]
        fn of([$($field),+]: [f64; count!($($field)+)]) -> Self {
            Self { $($field),+ }
        }
        #[inline(always)]
        fn numbers(self) -> [f64; count!($($field)+)] {
            [$(self.$field),+]
        }
    };
}
macro_rules! count {
    () => { 0 };
    ($first:ident $($rest:ident)*) => { 1 + count!($($rest)*) };
}

#[derive(Clone, Copy, Default)]
struct Sum {
    sum: f64,
    count: f64,
}

impl State<2> for Sum {
    numbers!(sum, count);
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

impl State<2> for Product {
    numbers!(product, count);
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

impl<const MIN: bool> State<2> for Extreme<MIN> {
    numbers!(value, count);
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

impl State<3> for Moments {
    numbers!(count, mean, squares);
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
        let count = self.count + other.count;
        let delta = other.mean - self.mean;
        let part = other.count / count;
        let joined = Moments {
            count,
            mean: self.mean + delta * part,
            squares: self.squares + other.squares + delta * delta * self.count * part,
        };
        // Chosen at the end, number by number: a branch would keep the loop from being vectors.
        let alone = other.count == 0.0;
        Moments {
            count,
            mean: if alone { self.mean } else { joined.mean },
            squares: if alone { self.squares } else { joined.squares },
        }
    }
    #[inline(always)]
    fn count(self) -> f64 {
        self.count
    }
}

fn both<const N: usize, S: State<N>>(
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

/// Running states of some columns, number by number.
struct States<const N: usize> {
    numbers: [Vec<f64>; N],
    columns: usize,
}

impl<const N: usize> States<N> {
    /// `rows` times `columns` of them.
    fn new(rows: usize, columns: usize) -> Self {
        States {
            numbers: std::array::from_fn(|_| vec![0.0; rows * columns]),
            columns,
        }
    }

    fn row(&self, row: usize, width: usize) -> [&[f64]; N] {
        let first = row * self.columns;
        self.numbers.each_ref().map(|all| &all[first..][..width])
    }

    fn row_mut(&mut self, row: usize, width: usize) -> [&mut [f64]; N] {
        let first = row * self.columns;
        self.numbers
            .each_mut()
            .map(|all| &mut all[first..][..width])
    }

    /// The first row begins anew.
    fn clear(&mut self, width: usize, empty: [f64; N]) {
        for (row, empty) in self.row_mut(0, width).into_iter().zip(empty) {
            row.fill(empty);
        }
    }
}

#[allow(clippy::too_many_arguments)] // One loop for two types and all statistics.
fn slide<const N: usize, T: Native + Default, S: State<N>>(
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
    let empty = S::default().numbers();
    let mut suffixes = States::<N>::new(long.min(window), columns);
    let mut states = States::<N>::new(1, columns);
    // A row whose elements do not lie side by side.
    let mut apart: Vec<T> = Vec::new();
    let pushed = |state: [f64; N], value: T| {
        let value = wide(value);
        let pushed = S::of(state).push(value).numbers();
        let missing = value.is_nan();
        std::array::from_fn(|n| if missing { state[n] } else { pushed[n] })
    };
    let joined = |left: [f64; N], right: [f64; N]| {
        let all = S::of(left).join(S::of(right));
        let value = finish(all);
        narrow(if all.count() >= least {
            value
        } else {
            f64::NAN
        })
    };
    // Pushes one place of a block of columns, the first of which starts at `base`.
    let mut push = |states: &mut States<N>, width: usize, base: isize, place: usize| {
        if !there.contains(&place) {
            return;
        }
        let base = base + (place - first) as isize * lines.step;
        let row = if lines.row_step == 1 {
            &from[base as usize..][..width]
        } else {
            let places = (0..width as isize).map(|k| (base + k * lines.row_step) as usize);
            apart.clear();
            apart.extend(places.map(|place| from[place]));
            &apart
        };
        push_row(&mut states.row_mut(0, width), row, pushed);
    };
    for (number, line) in lines.outer.iter().enumerate() {
        let to = &mut to[number * long * inner..][..long * inner];
        for (row, offset) in lines.rows.iter().enumerate() {
            for column in (0..lines.row).step_by(columns) {
                let width = columns.min(lines.row - column);
                let base = *line as isize + offset + column as isize * lines.row_step;
                // Windows that start at low … high lie over the cut at `cut` (or end before it).
                let mut low = start;
                while low < start + long {
                    let cut = (low / window + 1).saturating_mul(window);
                    let high = cut.min(start + long);
                    states.clear(width, empty);
                    for at in (low..cut.min(high.max(there.end))).rev() {
                        push(&mut states, width, base, at);
                        if at < high {
                            let suffix = suffixes.row_mut(at - low, width);
                            for (suffix, state) in suffix.into_iter().zip(states.row(0, width)) {
                                suffix.copy_from_slice(state);
                            }
                        }
                    }
                    states.clear(width, empty);
                    for at in cut..(low + (window - 1)).min(there.end) {
                        push(&mut states, width, base, at);
                    }
                    for at in low..high {
                        // The window's last element; the window that starts at the last cut ends before the next one.
                        let last = at.saturating_add(window - 1);
                        if last >= cut {
                            push(&mut states, width, base, last);
                        }
                        let to = &mut to[(at - start) * inner + row * lines.row + column..];
                        let left = suffixes.row(at - low, width);
                        join_row(left, states.row(0, width), &mut to[..width], joined);
                    }
                    low = high;
                }
            }
        }
    }
}
