//! Generated arrays: elements from their indices.

use super::ars::{Ars, Bits, Centred, Kind, Uniform, Uniform32};
use super::normal;
use crate::block::{Block, Native};
use crate::error::{Error, Result};
use crate::geom::Region;
use crate::op::{Draw, Generator};
use bytemuck::Pod;

/// Counters of a batch: their numbers stay in the first cache.
const BATCH: usize = 256;
/// Runs of so many counters are drawn in place.
const IN_PLACE: usize = 16;
const _: () = assert!(2 * BATCH <= normal::MOST);

/// Makes the box `region` of a generated array of `shape` in `out`, of the shape of the region.
///
/// # Errors
/// Internal when `out` has another type.
pub fn generate(
    generator: &Generator,
    shape: &[usize],
    region: &Region,
    out: &mut Block,
) -> Result<()> {
    match *generator {
        Generator::Index => {
            let first = region.start.first().copied().unwrap_or(0) as i64;
            let out = elements::<i64>(generator, out)?;
            for (value, index) in out.iter_mut().zip(first..) {
                *value = index;
            }
        }
        Generator::Random { seed, stream, draw } => {
            let ars = Ars::new(seed, [stream, 0]);
            match draw {
                Draw::Uniform => {
                    let out = elements::<f64>(generator, out)?;
                    drawn(shape, region, out, (ars, Uniform), same, |_, drawn, out| {
                        out.copy_from_slice(drawn);
                    });
                }
                Draw::Uniform32 => {
                    let out = elements::<f32>(generator, out)?;
                    drawn(
                        shape,
                        region,
                        out,
                        (ars, Uniform32),
                        same,
                        |_, drawn, out| {
                            out.copy_from_slice(drawn);
                        },
                    );
                }
                Draw::Normal => {
                    let out = elements::<f64>(generator, out)?;
                    drawn(shape, region, out, (ars, Centred), other, |_, q, out| {
                        normal::quantiles(q, out);
                    });
                }
                Draw::Integers { low, last } => {
                    let out = elements::<i64>(generator, out)?;
                    let range = Range::new(low, last);
                    drawn(
                        shape,
                        region,
                        out,
                        (ars, Bits),
                        other,
                        |first, bits, out| {
                            for (i, (out, bits)) in out.iter_mut().zip(bits).enumerate() {
                                *out = match range.value(*bits) {
                                    Some(value) => value,
                                    None => range.retry(seed, stream, first + i as u64),
                                };
                            }
                        },
                    );
                }
            }
        }
    }
    Ok(())
}

fn same<T>(out: &mut [T]) -> Option<&mut [T]> {
    Some(out)
}

fn other<R, T>(_: &mut [R]) -> Option<&mut [T]> {
    None
}

fn elements<'a, T: Native>(generator: &Generator, out: &'a mut Block) -> Result<&'a mut [T]> {
    T::slice_mut(out.buffer_mut())
        .ok_or_else(|| Error::internal(format!("{} in a block of another type", generator.name())))
}

/// Integers of a range from 64 random bits: the upper half of their product with the number of values. Of the lower halves
/// those below 2⁶⁴ mod that number are refused; what is left falls on each value equally often.
#[derive(Clone, Copy)]
struct Range {
    low: i64,
    count: u128,
    refused: u64,
}

impl Range {
    fn new(low: i64, last: u64) -> Self {
        let count = u128::from(last) + 1;
        Range {
            low,
            count,
            refused: ((1u128 << 64) % count) as u64,
        }
    }

    #[inline(always)]
    fn value(self, bits: u64) -> Option<i64> {
        let product = u128::from(bits) * self.count;
        let value = self.low.wrapping_add((product >> 64) as i64);
        (product as u64 >= self.refused).then_some(value)
    }

    /// The value of element `index`, whose first attempt was refused.
    #[cold]
    fn retry(self, seed: u64, stream: u32, index: u64) -> i64 {
        let tries = (1..=u32::MAX).find_map(|attempt| {
            let ars = Ars::new(seed, [stream, attempt]);
            let pair: [u64; 2] = one(index / 2, (ars, Bits));
            self.value(pair[(index % 2) as usize])
        });
        // Half of all bits at least are taken: there is no range without a value after 2³² attempts.
        tries.unwrap_or(self.low)
    }
}

/// Makes a box of a random array: draws the numbers of its elements, of which counter `k` gives `k · N … k · N + N − 1` in
/// row-major order, and hands them to `each` by runs, with the index of the first.
///
/// Long runs whose elements are the numbers themselves (`same`) are drawn in place. The numbers of other runs are drawn
/// together, so that a box of short rows (what a transposed view needs) costs little more.
fn drawn<T: Pod + Default, R, const N: usize>(
    shape: &[usize],
    region: &Region,
    out: &mut [R],
    (ars, kind): (Ars, impl Kind<T, N>),
    same: impl Fn(&mut [R]) -> Option<&mut [T]>,
    mut each: impl FnMut(u64, &[T], &mut [R]),
) {
    // Axes that are whole make longer runs of the axis before them.
    let mut axis = shape.len().saturating_sub(1);
    while axis > 0 && region.shape[axis] == shape[axis] {
        axis -= 1;
    }
    let run: usize = region.shape.iter().skip(axis).product();
    if run == 0 || out.is_empty() {
        return;
    }
    let mut steps = vec![1u64; shape.len()];
    for k in (1..shape.len()).rev() {
        steps[k - 1] = steps[k] * shape[k] as u64;
    }
    let mut first: u64 = (region.start.iter().zip(&steps))
        .map(|(start, step)| *start as u64 * step)
        .sum();
    let mut position = vec![0; axis];
    let mut batch = Batch::<T, N>::new();
    for number in 0..out.len() / run {
        let mut at = number * run;
        let end = at + run;
        let mut index = first;
        while at < end {
            // Up to where the lower half of the counter overflows, or the batch is full.
            let (counter, skip) = (index / N as u64, (index % N as u64) as usize);
            let word = (counter >> 32) as u32;
            if batch.used == BATCH || (batch.used > 0 && batch.word != word) {
                batch.flush((ars, kind), out, &mut each);
            }
            batch.word = word;
            let room = (BATCH - batch.used).min((1 << 32) - (counter % (1 << 32)) as usize);
            let length = (end - at).min(room * N - skip);
            if skip == 0
                && end - at >= IN_PLACE * N
                && let Some(out) = same(&mut out[at..end])
            {
                let (whole, _) = out.as_chunks_mut::<N>();
                let left = (1u64 << 32) - counter % (1 << 32);
                let count = whole.len().min(left as usize);
                ars.with_word_1(word)
                    .fill_run(kind, counter as u32, &mut whole[..count]);
                at += count * N;
                index += (count * N) as u64;
                continue;
            }
            // To where the rest can be drawn in place.
            let length = if skip > 0 {
                length.min(N - skip)
            } else {
                length
            };
            batch.push(counter as u32, skip, (index, at, length));
            at += length;
            index += length as u64;
        }
        for k in (0..axis).rev() {
            first += steps[k];
            position[k] += 1;
            if position[k] < region.shape[k] {
                break;
            }
            first -= steps[k] * region.shape[k] as u64;
            position[k] = 0;
        }
    }
    batch.flush((ars, kind), out, &mut each);
}

/// Counters of one upper half whose numbers are drawn together, and where they go.
struct Batch<T, const N: usize> {
    word: u32,
    counters: [u32; BATCH],
    used: usize,
    numbers: [[T; N]; BATCH],
    /// Per run: its first number, its first element, where that goes, and its length.
    runs: Vec<(usize, u64, usize, usize)>,
}

impl<T: Pod + Default, const N: usize> Batch<T, N> {
    fn new() -> Self {
        Batch {
            word: 0,
            counters: [0; BATCH],
            used: 0,
            numbers: [[T::default(); N]; BATCH],
            runs: Vec::with_capacity(BATCH),
        }
    }

    fn push(&mut self, counter: u32, skip: usize, (index, at, length): (u64, usize, usize)) {
        let count = (skip + length).div_ceil(N);
        let counters = &mut self.counters[self.used..self.used + count];
        for (k, place) in counters.iter_mut().enumerate() {
            *place = counter.wrapping_add(k as u32);
        }
        self.runs.push((self.used * N + skip, index, at, length));
        self.used += count;
    }

    fn flush<R>(
        &mut self,
        (ars, kind): (Ars, impl Kind<T, N>),
        out: &mut [R],
        each: &mut impl FnMut(u64, &[T], &mut [R]),
    ) {
        let drawn = &mut self.numbers[..self.used];
        let ars = ars.with_word_1(self.word);
        ars.fill(kind, &self.counters[..self.used], drawn);
        let drawn = drawn.as_flattened();
        for (first, index, at, length) in self.runs.drain(..) {
            each(
                index,
                &drawn[first..first + length],
                &mut out[at..at + length],
            );
        }
        self.used = 0;
    }
}

/// The elements of one counter.
fn one<T: Pod, K: Kind<T, N>, const N: usize>(counter: u64, (ars, _): (Ars, K)) -> [T; N] {
    let ars = ars.with_word_1((counter >> 32) as u32);
    ars.one::<K, T, N>(counter as u32)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::super::vector::base;
    use super::*;

    const DRAWS: [Draw; 5] = [
        Draw::Uniform,
        Draw::Uniform32,
        Draw::Normal,
        Draw::Integers { low: -5, last: 8 },
        // Nearly half of the attempts are refused.
        Draw::Integers {
            low: i64::MIN,
            last: 1 << 63,
        },
    ];

    fn made(draw: Draw, stream: u32, shape: &[usize], region: &Region) -> Block {
        let generator = Generator::Random {
            seed: 42,
            stream,
            draw,
        };
        let mut block = Block::zeros(generator.dtype(), &region.shape);
        generate(&generator, shape, region, &mut block).unwrap();
        block
    }

    fn bytes(draw: Draw, stream: u32, shape: &[usize], region: &Region) -> Vec<u8> {
        let made = made(draw, stream, shape, region);
        made.buffer().as_bytes().to_vec()
    }

    #[test]
    fn elements_depend_on_their_index_alone() {
        let shape = [5, 7, 53];
        let whole = Region::new(vec![0; 3], shape.to_vec());
        for draw in DRAWS {
            let all = bytes(draw, 0, &shape, &whole);
            let size = all.len() / (5 * 7 * 53);
            for (start, lengths) in [
                ([0, 0, 0], [5, 7, 1]),
                ([1, 2, 3], [2, 3, 50]),
                ([4, 0, 0], [1, 7, 53]),
                ([2, 1, 0], [3, 1, 53]),
                ([3, 6, 52], [1, 1, 1]),
                ([0, 3, 17], [5, 4, 3]),
            ] {
                let region = Region::new(start.to_vec(), lengths.to_vec());
                let part = bytes(draw, 0, &shape, &region);
                let mut due = Vec::new();
                for i in start[0]..start[0] + lengths[0] {
                    for j in start[1]..start[1] + lengths[1] {
                        let at = ((i * 7 + j) * 53 + start[2]) * size;
                        due.extend_from_slice(&all[at..at + lengths[2] * size]);
                    }
                }
                assert!(part == due, "{draw:?} {start:?} {lengths:?}");
            }
            assert!(all != bytes(draw, 1, &shape, &whole), "{draw:?}: streams");
            // Where the lower half of the counter overflows: after 2³³ elements, or 2³⁴.
            for turn in [1usize << 33, 1 << 34] {
                let box_of = |first, count| Region::new(vec![first], vec![count]);
                let all = bytes(draw, 0, &[1 << 40], &box_of(turn - 9, 23));
                let one_by_one: Vec<u8> = (0..23)
                    .flat_map(|i| bytes(draw, 0, &[1 << 40], &box_of(turn - 9 + i, 1)))
                    .collect();
                assert!(all == one_by_one, "{draw:?} at {turn}");
                assert!(all != bytes(draw, 0, &[1 << 40], &box_of(0, 23)));
            }
        }
    }

    /// Rows of 175 numbers of 4 bytes: each second one begins between two words.
    #[test]
    fn rows_may_begin_between_words() {
        let shape = [4, 400];
        for draw in DRAWS {
            let all = bytes(draw, 0, &shape, &Region::new(vec![0; 2], shape.to_vec()));
            let size = all.len() / (4 * 400);
            let part = bytes(draw, 0, &shape, &Region::new(vec![0; 2], vec![4, 175]));
            let rows = all.chunks(400 * size).flat_map(|row| &row[..175 * size]);
            assert!(part.iter().eq(rows), "{draw:?}");
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_version() {
        let whole = Region::new(vec![0], vec![2001]);
        for draw in DRAWS {
            let (forced, loops) = base::force(|| bytes(draw, 3, &[2001], &whole));
            assert!(forced == bytes(draw, 3, &[2001], &whole), "{draw:?}");
            assert!(loops > 0);
        }
    }

    /// Moments and counts of a hundred thousand elements, within five standard errors.
    #[test]
    fn distributions_are_those_that_they_should_be() {
        const N: usize = 100_000;
        let whole = Region::new(vec![0], vec![N]);
        let of = |draw| -> Vec<f64> {
            let block = made(draw, 0, &[N], &whole);
            (0..N).map(|i| block.get(i).unwrap().as_f64()).collect()
        };
        let moments = |x: &[f64]| {
            let mean = x.iter().sum::<f64>() / N as f64;
            let central = |k| x.iter().map(|v| (v - mean).powi(k)).sum::<f64>() / N as f64;
            (mean, central(2), central(3), central(4))
        };
        let near = |x: f64, y: f64, error: f64| (x - y).abs() < 5.0 * error / (N as f64).sqrt();
        for draw in [Draw::Uniform, Draw::Uniform32] {
            let x = of(draw);
            let (mean, var, ..) = moments(&x);
            assert!(near(mean, 0.5, 0.289) && near(var, 1.0 / 12.0, 0.075));
            assert!(x.iter().all(|v| (0.0..1.0).contains(v)));
            // Neighbours, who share a call, know nothing of one another.
            let pairs = x.chunks_exact(2).map(|p| (p[0] - 0.5) * (p[1] - 0.5));
            assert!(
                (pairs.sum::<f64>() / (N / 2) as f64).abs() < 5.0 / 12.0 / (N as f64 / 2.0).sqrt()
            );
        }
        let (mean, var, third, fourth) = moments(&of(Draw::Normal));
        assert!(near(mean, 0.0, 1.0) && near(var, 1.0, 1.42));
        assert!(near(third, 0.0, 3.9) && near(fourth, 3.0, 9.8));
        let x = of(Draw::Integers { low: -5, last: 8 });
        for value in -5..=3 {
            let count = x.iter().filter(|v| **v == f64::from(value)).count();
            assert!(near(count as f64 / N as f64, 1.0 / 9.0, 0.315), "{value}");
        }
        let x = of(DRAWS[4]);
        let below = x.iter().filter(|v| **v < -(2f64.powi(62))).count();
        assert!(near(below as f64 / N as f64, 0.5, 0.5), "{below}");
        assert!(x.iter().all(|v| *v <= 0.0));
    }
}
