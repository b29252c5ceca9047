//! Discrete Fourier transforms, by rustfft and realfft: fast for any length, primes too.
//!
//! Laws: every line is transformed alone, by the plan of its length, so its bits depend on no other line and on no tile.
//! Plans are kept per thread. Lines across rows are brought together in groups that fit the cache.

use super::call::PieceView;
use super::turn::turn;
use crate::block::{Block, Native};
use crate::dtype::Physical;
use crate::error::{Error, Result};
use crate::geom::{Region, positions};
use crate::op::{Fourier, Transform};
use num_complex::Complex;
use realfft::RealFftPlanner;
use rustfft::{Fft, FftNum, FftPlanner};
use std::cell::RefCell;
use std::sync::Arc;

/// What a thread keeps from call to call; the planners remember the plans they made.
struct Plans<T: FftNum> {
    complex: FftPlanner<T>,
    real: RealFftPlanner<T>,
}

impl<T: FftNum> Plans<T> {
    fn new() -> Self {
        Plans {
            complex: FftPlanner::new(),
            real: RealFftPlanner::new(),
        }
    }
}

thread_local! {
    static SINGLE: RefCell<Plans<f32>> = RefCell::new(Plans::new());
    static DOUBLE: RefCell<Plans<f64>> = RefCell::new(Plans::new());
}

/// The two types of real numbers.
trait Real: FftNum + Native {
    fn with_plans<R>(work: impl FnOnce(&mut Plans<Self>) -> R) -> R;
    fn of(value: f64) -> Self;
}

impl Real for f32 {
    fn with_plans<R>(work: impl FnOnce(&mut Plans<f32>) -> R) -> R {
        SINGLE.with_borrow_mut(work)
    }
    fn of(value: f64) -> f32 {
        value as f32
    }
}

impl Real for f64 {
    fn with_plans<R>(work: impl FnOnce(&mut Plans<f64>) -> R) -> R {
        DOUBLE.with_borrow_mut(work)
    }
    fn of(value: f64) -> f64 {
        value
    }
}

/// The transform of `piece` (whole along the axes), of which `region` of the result is kept.
pub(super) fn fourier(
    op: &Fourier,
    shapes: &[&[usize]],
    piece: &PieceView<'_>,
    region: &Region,
    out: &mut Block,
) -> Result<()> {
    match piece.view.buffer.physical() {
        Physical::F32 | Physical::C64 => transformed::<f32>(op, shapes[0], piece, region, out),
        Physical::F64 | Physical::C128 => transformed::<f64>(op, shapes[0], piece, region, out),
        other => Err(Error::internal(format!("{op:?} of {other:?}"))),
    }
}

fn transformed<T: Real>(
    op: &Fourier,
    from: &[usize],
    piece: &PieceView<'_>,
    region: &Region,
    out: &mut Block,
) -> Result<()>
where
    Complex<T>: Native,
{
    let mut full = region.clone();
    for &axis in &op.axes {
        full.start[axis] = 0;
        full.shape[axis] = match op.transform {
            Transform::Forward | Transform::Inverse => from[axis],
            Transform::Real if Some(&axis) == op.axes.last() => from[axis] / 2 + 1,
            Transform::Half { len } if Some(&axis) == op.axes.last() => len,
            Transform::Real | Transform::Half { .. } => from[axis],
        };
    }
    // Of lines along one axis the wanted part alone is kept; of images the wanted part of all of them.
    if full == *region || op.axes.len() == 1 {
        let kept = region.relative_to(&full.start);
        return whole::<T>(op, piece, &full.shape, &kept, out);
    }
    let mut all = Block::zeros(out.dtype(), &full.shape);
    whole::<T>(
        op,
        piece,
        &full.shape,
        &Region::whole(&full.shape),
        &mut all,
    )?;
    let kept = all.part(&region.relative_to(&full.start));
    out.paste(&Region::whole(&region.shape), &kept)
}

/// The transform of a piece, of `shape`, of which `out` gets the box `kept`: all, unless there is one axis.
fn whole<T: Real>(
    op: &Fourier,
    piece: &PieceView<'_>,
    shape: &[usize],
    kept: &Region,
    out: &mut Block,
) -> Result<()>
where
    Complex<T>: Native,
{
    let other = || Error::internal("a transform of a block of another type");
    let Some((&last, before)) = op.axes.split_last() else {
        return Err(other());
    };
    let view = &piece.view;
    let scale = T::of(op.scale);
    let wanted = Wanted {
        shape: &kept.shape,
        axis: last,
        length: shape[last],
        first: kept.start[last],
    };
    let source = Strided {
        offset: view.offset,
        shape: &view.shape,
        strides: &view.strides,
    };
    T::with_plans(|plans| {
        if let Transform::Half { len } = op.transform {
            let input = Complex::<T>::slice(view.buffer).ok_or_else(other)?;
            let plan = plans.real.plan_fft_inverse(len);
            let mut scratch = plan.make_scratch_vec();
            let sign = if op.conjugate { -T::one() } else { T::one() };
            let inverse = |line: &mut [Complex<T>], to: &mut [T]| {
                for v in line.iter_mut() {
                    v.im = v.im * sign;
                }
                // As NumPy: they count as real.
                line[0].im = T::zero();
                if len.is_multiple_of(2) {
                    line[len / 2].im = T::zero();
                }
                let done = plan.process_with_scratch(line, to, &mut scratch);
                scaled(to, scale);
                done.map_err(|e| Error::internal(format!("irfft: {e}")))
            };
            if before.is_empty() {
                let out = T::slice_mut(out.buffer_mut()).ok_or_else(other)?;
                return lines(input, &source, out, &wanted, inverse);
            }
            // The other axes first, on a copy.
            let mut middle = Block::from_view(view)?;
            let values = Complex::<T>::slice_mut(middle.buffer_mut()).ok_or_else(other)?;
            for &axis in before {
                let plan = plans.complex.plan_fft_inverse(view.shape[axis]);
                let columns = view.shape[view.shape.len() - 1];
                in_place(values, &view.shape, axis, &plan, T::one(), columns);
            }
            let dense = middle.view();
            let source = Strided {
                offset: 0,
                shape: &dense.shape,
                strides: &dense.strides,
            };
            let values = Complex::<T>::slice(dense.buffer).ok_or_else(other)?;
            let out = T::slice_mut(out.buffer_mut()).ok_or_else(other)?;
            return lines(values, &source, out, &wanted, inverse);
        }
        let out = Complex::<T>::slice_mut(out.buffer_mut()).ok_or_else(other)?;
        let own_scale = if before.is_empty() { scale } else { T::one() };
        // Of the spectrum of real numbers one half says all: the other axes are transformed in that half, and the rest follows.
        let mut half = None;
        match (op.transform, T::slice(view.buffer)) {
            (Transform::Forward | Transform::Real, Some(input)) => {
                let n = view.shape[last];
                let plan = plans.real.plan_fft_forward(n);
                let mut scratch = plan.make_scratch_vec();
                let mirror = op.transform == Transform::Forward;
                if mirror && !before.is_empty() && last + 1 == shape.len() {
                    half = Some(n / 2 + 1);
                }
                let sign = if op.conjugate { -T::one() } else { T::one() };
                lines(input, &source, out, &wanted, |line, to| {
                    let kept = n / 2 + 1;
                    plan.process_with_scratch(line, &mut to[..kept], &mut scratch)
                        .map_err(|e| Error::internal(format!("rfft: {e}")))?;
                    scaled(&mut to[..kept], own_scale);
                    if op.conjugate {
                        for v in &mut to[..kept] {
                            v.im = v.im * sign;
                        }
                    }
                    if mirror && half.is_none() {
                        for k in kept..n {
                            to[k] = to[n - k].conj();
                        }
                    }
                    Ok(())
                })?;
            }
            (transform, _) => {
                let input = Complex::<T>::slice(view.buffer).ok_or_else(other)?;
                let n = view.shape[last];
                let plan = match transform {
                    Transform::Inverse => plans.complex.plan_fft_inverse(n),
                    _ => plans.complex.plan_fft_forward(n),
                };
                let zero = Complex::new(T::zero(), T::zero());
                let mut scratch = vec![zero; plan.get_outofplace_scratch_len()];
                let mut work = |line: &mut [Complex<T>], to: &mut [Complex<T>]| {
                    plan.process_outofplace_with_scratch(line, to, &mut scratch);
                    scaled(to, own_scale);
                };
                let rows = view.strides.last() == Some(&1) && view.strides[last] >= 0;
                if rows && last + 1 < shape.len() && n > 0 {
                    columns(input, &source, out, &wanted, work);
                } else {
                    lines(input, &source, out, &wanted, |line, to| {
                        work(line, to);
                        Ok(())
                    })?;
                }
            }
        }
        for (number, &axis) in before.iter().enumerate() {
            let plan = match op.transform {
                Transform::Inverse => plans.complex.plan_fft_inverse(shape[axis]),
                _ => plans.complex.plan_fft_forward(shape[axis]),
            };
            let at_end = number + 1 == before.len();
            let scale = if at_end { scale } else { T::one() };
            match half {
                Some(half) => in_place(out, shape, axis, &plan, scale, half),
                None => in_place(out, shape, axis, &plan, scale, shape[shape.len() - 1]),
            }
        }
        if let Some(half) = half {
            mirror(out, shape, before, half);
        }
        Ok(())
    })
}

fn scaled<T: Real, V: Copy + std::ops::Mul<T, Output = V>>(values: &mut [V], scale: T) {
    if scale != T::one() {
        for v in values {
            *v = *v * scale;
        }
    }
}

/// Where the elements of an input lie.
struct Strided<'a> {
    offset: usize,
    shape: &'a [usize],
    strides: &'a [isize],
}

/// What is kept of lines along an axis: of `length` elements of the result those from `first` on, as many as `shape` has there.
struct Wanted<'a> {
    shape: &'a [usize],
    axis: usize,
    length: usize,
    first: usize,
}

/// Calls `work` on every line of `from` and on its place in `to` (dense, of the wanted shape).
fn lines<S: Copy + Default, D: Copy + Default>(
    from: &[S],
    source: &Strided<'_>,
    to: &mut [D],
    wanted: &Wanted<'_>,
    mut work: impl FnMut(&mut [S], &mut [D]) -> Result<()>,
) -> Result<()> {
    let &Wanted {
        shape,
        axis,
        length,
        first: skipped,
    } = wanted;
    let (long, short) = (source.shape[axis], shape[axis]);
    let step = source.strides[axis];
    let inner: usize = shape[axis + 1..].iter().product();
    let mut line_in: Vec<S> = Vec::new();
    let last = shape.len() - 1;
    if axis == last {
        line_in.resize(long, S::default());
        let mut line_out = vec![D::default(); if short < length { length } else { 0 }];
        let outer: Vec<_> = shape[..axis].iter().map(|len| 0..*len).collect();
        for (target, index) in to.chunks_mut(short.max(1)).zip(positions(outer)) {
            let at = source.at(&index);
            gather(&mut line_in, from, at, step);
            if short == length {
                work(&mut line_in, target)?;
            } else {
                work(&mut line_in, &mut line_out)?;
                target.copy_from_slice(&line_out[skipped..skipped + short]);
            }
        }
        return Ok(());
    }
    // Groups of lines that are neighbours along the last axis.
    let columns = shape[last];
    let size = long.max(1) * size_of::<S>() + length.max(1) * size_of::<D>();
    let [least, most] = Fourier::GROUP_LINES;
    let group = (Fourier::GROUP_BYTES / size)
        .clamp(least, most)
        .min(columns.max(1));
    let (wide, tall) = (long + Fourier::GAP, length + Fourier::GAP);
    line_in.resize(group * wide, S::default());
    let mut line_out = vec![D::default(); group * tall];
    let mut ranges: Vec<_> = shape[..last].iter().map(|len| 0..*len).collect();
    ranges[axis] = 0..1;
    let column_step = source.strides[last];
    let mut strides = vec![1; shape.len()];
    for k in (0..last).rev() {
        strides[k] = strides[k + 1] * shape[k + 1];
    }
    for index in positions(ranges) {
        let from_row = source.at(&index);
        let to_row: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
        for first in (0..columns).step_by(group) {
            let count = group.min(columns - first);
            for i in 0..long {
                let at = from_row + i as isize * step + first as isize * column_step;
                for c in 0..count {
                    line_in[c * wide + i] = from[(at + c as isize * column_step) as usize];
                }
            }
            for c in 0..count {
                let (a, b) = (c * wide, c * tall);
                work(&mut line_in[a..a + long], &mut line_out[b..b + length])?;
            }
            if short > 0 {
                let lines = (&line_out[skipped..], tall);
                turn(lines, (&mut to[to_row + first..], inner), (count, short));
            }
        }
    }
    Ok(())
}

/// As [`lines`] along any axis but the last, where elements of the last axis are neighbours and `work` keeps type and length.
///
/// A line is transformed into the place of the one before it, so a group takes half of the cache.
fn columns<S: Copy + Default>(
    from: &[S],
    source: &Strided<'_>,
    to: &mut [S],
    wanted: &Wanted<'_>,
    mut work: impl FnMut(&mut [S], &mut [S]),
) {
    let &Wanted {
        shape,
        axis,
        length,
        first: skipped,
    } = wanted;
    let last = shape.len() - 1;
    let (short, columns) = (shape[axis], shape[last]);
    let step = source.strides[axis] as usize;
    let inner: usize = shape[axis + 1..].iter().product();
    let [least, most] = Fourier::GROUP_LINES;
    let group = (Fourier::GROUP_BYTES / (length * size_of::<S>())).clamp(least, most);
    let group = group.min(columns.max(1));
    let wide = length + Fourier::GAP;
    let mut buffer = vec![S::default(); (group + 1) * wide];
    let mut ranges: Vec<_> = shape[..last].iter().map(|len| 0..*len).collect();
    ranges[axis] = 0..1;
    for index in positions(ranges) {
        let from_row = source.at(&index) as usize;
        let to_row = (index.iter().zip(shape)).fold(0, |row, (i, len)| row * len + i) * columns;
        for first in (0..columns).step_by(group) {
            let count = group.min(columns - first);
            let rows = (&from[from_row + first..], step);
            turn(rows, (&mut buffer[wide..], wide), (length, count));
            for c in 0..count {
                let (done, waiting) = buffer.split_at_mut((c + 1) * wide);
                work(
                    &mut waiting[..length],
                    &mut done[c * wide..c * wide + length],
                );
            }
            let lines = (&buffer[skipped..], wide);
            turn(lines, (&mut to[to_row + first..], inner), (count, short));
        }
    }
}

impl Strided<'_> {
    /// The position of an index; axes that it lacks are at 0.
    fn at(&self, index: &[usize]) -> isize {
        let steps = index.iter().zip(self.strides);
        self.offset as isize + steps.map(|(i, s)| *i as isize * s).sum::<isize>()
    }
}

fn gather<S: Copy>(line: &mut [S], from: &[S], at: isize, step: isize) {
    if step == 1 {
        let at = at as usize;
        line.copy_from_slice(&from[at..at + line.len()]);
        return;
    }
    for (i, v) in line.iter_mut().enumerate() {
        *v = from[(at + i as isize * step) as usize];
    }
}

/// Transforms the lines of `values` (dense, of `shape`) along `axis` whose index on the last axis is below `columns`; all of
/// them along the last axis itself.
fn in_place<T: Real>(
    values: &mut [Complex<T>],
    shape: &[usize],
    axis: usize,
    plan: &Arc<dyn Fft<T>>,
    scale: T,
    columns: usize,
) {
    let n = shape[axis];
    let inner: usize = shape[axis + 1..].iter().product();
    let zero = Complex::new(T::zero(), T::zero());
    let mut scratch = vec![zero; plan.get_inplace_scratch_len()];
    if axis + 1 == shape.len() {
        for line in values.chunks_mut(n) {
            plan.process_with_scratch(line, &mut scratch);
            scaled(line, scale);
        }
        return;
    }
    let row = shape[shape.len() - 1];
    let size = 2 * n * size_of::<Complex<T>>();
    let group = (Fourier::GROUP_BYTES / size)
        .clamp(4, Fourier::GROUP_LINES[1])
        .min(columns);
    let tall = n + Fourier::GAP;
    let mut buffer = vec![zero; group * tall];
    for plane in values.chunks_mut(n * inner) {
        for start in (0..inner).step_by(row) {
            for first in (start..start + columns).step_by(group) {
                let count = group.min(start + columns - first);
                turn((&plane[first..], inner), (&mut buffer, tall), (n, count));
                for line in buffer[..count * tall].chunks_mut(tall) {
                    plan.process_with_scratch(&mut line[..n], &mut scratch);
                    scaled(&mut line[..n], scale);
                }
                turn((&buffer, tall), (&mut plane[first..], inner), (count, n));
            }
        }
    }
}

/// Fills the spectrum of real numbers (dense, of `shape`) from `half` on along its last axis: F(j, n − k) is the conjugate of
/// F(−j, k), where j are the indices along the other `axes`, modulo their lengths.
fn mirror<T: Real>(values: &mut [Complex<T>], shape: &[usize], axes: &[usize], half: usize) {
    let Some((&n, outer)) = shape.split_last() else {
        return;
    };
    let mut row = vec![Complex::new(T::zero(), T::zero()); n - half];
    for index in positions(outer.iter().map(|len| 0..*len).collect()) {
        let (mut to, mut from) = (0, 0);
        for (axis, (&i, &len)) in index.iter().zip(outer).enumerate() {
            let opposite = if axes.contains(&axis) {
                (len - i) % len
            } else {
                i
            };
            to = to * len + i;
            from = from * len + opposite;
        }
        row.copy_from_slice(&values[from * n + 1..from * n + 1 + n - half]);
        for (v, mirrored) in values[to * n + half..(to + 1) * n]
            .iter_mut()
            .zip(row.iter().rev())
        {
            *v = mirrored.conj();
        }
    }
}
