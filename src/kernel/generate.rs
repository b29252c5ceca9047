//! Generated arrays: elements from their indices.

use super::normal;
use super::philox::{Bits, Centred, Philox, Uniform, Uniform32};
use super::vector::{self, Counted};
use crate::block::{Block, Native};
use crate::error::{Error, Result};
use crate::geom::{Region, positions};
use crate::op::{Draw, Generator};

/// Elements of a piece of a run: its numbers stay in the first caches.
const PIECE: usize = normal::MOST;

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
            let philox = Philox::new(seed, [stream, 0]);
            match draw {
                Draw::Uniform => {
                    let out = elements::<f64>(generator, out)?;
                    runs(shape, region, out, |first, out| {
                        counted(first, out, Uniform(philox));
                    });
                }
                Draw::Uniform32 => {
                    let out = elements::<f32>(generator, out)?;
                    runs(shape, region, out, |first, out| {
                        counted(first, out, Uniform32(philox));
                    });
                }
                Draw::Normal => {
                    let out = elements::<f64>(generator, out)?;
                    runs(shape, region, out, |first, out| {
                        pieces(first, out, Centred(philox), |_, q, out| {
                            normal::quantiles(q, out);
                        });
                    });
                }
                Draw::Integers { low, last } => {
                    let out = elements::<i64>(generator, out)?;
                    let range = Range::new(low, last);
                    runs(shape, region, out, |first, out| {
                        pieces(first, out, Bits(philox), |first, bits, out| {
                            for (i, (out, bits)) in out.iter_mut().zip(bits).enumerate() {
                                *out = match range.value(*bits) {
                                    Some(value) => value,
                                    None => range.retry(seed, stream, first + i as u64),
                                };
                            }
                        });
                    });
                }
            }
        }
    }
    Ok(())
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
            let pair = Bits(Philox::new(seed, [stream, attempt])).at(index / 2);
            self.value(pair[(index % 2) as usize])
        });
        // Half of all bits at least are taken: there is no range without a value after 2³² attempts.
        tries.unwrap_or(self.low)
    }
}

/// Hands the runs of a box that are contiguous in the whole array to `f`, each with the row-major index of its first
/// element.
fn runs<T>(shape: &[usize], region: &Region, out: &mut [T], mut f: impl FnMut(u64, &mut [T])) {
    // Axes that are whole make longer runs of the axis before them.
    let mut axis = shape.len().saturating_sub(1);
    while axis > 0 && region.shape[axis] == shape[axis] {
        axis -= 1;
    }
    let run: usize = region.shape.iter().skip(axis).product();
    let outer: Vec<_> = (0..axis)
        .map(|axis| region.start[axis]..region.end(axis))
        .collect();
    for (run, index) in out.chunks_mut(run.max(1)).zip(positions(outer)) {
        let rest = region.start[axis..].iter().copied();
        let first = index
            .iter()
            .copied()
            .chain(rest)
            .zip(shape)
            .fold(0u64, |at, (i, len)| at * *len as u64 + i as u64);
        f(first, run);
    }
}

/// Elements from `first` on, of which counter `k` gives `k · N … k · N + N − 1`.
fn counted<T: Copy, const N: usize>(first: u64, out: &mut [T], f: impl Counted<T, N>) {
    let (counter, offset) = (first / N as u64, (first % N as u64) as usize);
    let mut rest = out;
    let mut next = counter;
    if offset > 0 {
        let (head, tail) = rest.split_at_mut((N - offset).min(rest.len()));
        head.copy_from_slice(&f.at(next)[offset..offset + head.len()]);
        (rest, next) = (tail, next + 1);
    }
    let (whole, tail) = rest.as_chunks_mut::<N>();
    vector::counted(next, whole, f);
    if !tail.is_empty() {
        let last = f.at(next + whole.len() as u64);
        tail.copy_from_slice(&last[..tail.len()]);
    }
}

/// As [`counted`], with `f` between the numbers and the elements, by pieces.
fn pieces<T: Copy + Default, R>(
    first: u64,
    out: &mut [R],
    numbers: impl Counted<T, 2>,
    mut f: impl FnMut(u64, &[T], &mut [R]),
) {
    let mut buffer = [T::default(); PIECE];
    let mut first = first;
    for out in out.chunks_mut(PIECE) {
        let buffer = &mut buffer[..out.len()];
        counted(first, buffer, numbers);
        f(first, buffer, out);
        first += out.len() as u64;
    }
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
