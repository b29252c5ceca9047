//! Random arrays, under the names of NumPy's `Generator`.
//!
//! Law: an element is a function of (seed, number of the array, its own index) alone: of no chunk, rank or thread. The
//! numbers are those of ARS-7 (see [`op::Generator`](crate::op::Generator)), not NumPy's own.

use super::array::{Array, Operand};
use crate::driver::{Driver, Session};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::SourceDecl;
use crate::op::{Draw, Generator};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A generator of random arrays. Each array that it makes has a stream of its own: the second one differs from the first, and
/// a program that makes the same arrays in the same order gets the same numbers. Clones share the count.
#[derive(Clone)]
pub struct RandomGenerator {
    session: Arc<Session>,
    seed: u64,
    arrays: Arc<AtomicU32>,
}

impl Driver {
    /// A generator with a seed. NumPy's `default_rng`.
    pub fn default_rng(&self, seed: u64) -> RandomGenerator {
        RandomGenerator {
            session: self.session().clone(),
            seed,
            arrays: Arc::new(AtomicU32::new(0)),
        }
    }
}

impl fmt::Debug for RandomGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generator(ARS-7, seed {})", self.seed)
    }
}

impl RandomGenerator {
    /// Uniform in [0, 1), float64.
    #[must_use]
    #[track_caller]
    pub fn random(&self, size: &[usize]) -> Array {
        self.draw(Ok(Draw::Uniform), size)
    }

    /// Uniform in [0, 1), float32 or float64. NumPy's `random(size, dtype)`.
    #[must_use]
    #[track_caller]
    pub fn random_as(&self, size: &[usize], dtype: DType) -> Array {
        let draw = match dtype {
            DType::F64 => Ok(Draw::Uniform),
            DType::F32 => Ok(Draw::Uniform32),
            _ => Err(Error::invalid(format!(
                "random: dtype {dtype} is not allowed; allowed are float32 and float64"
            ))),
        };
        self.draw(draw, size)
    }

    /// Uniform in [low, high), float64.
    #[must_use]
    #[track_caller]
    pub fn uniform(&self, low: f64, high: f64, size: &[usize]) -> Array {
        let range = high - low;
        let draw = match range.is_finite() {
            true => Ok(Draw::Uniform),
            false => Err(Error::invalid(format!(
                "uniform: low {low} and high {high}; their difference must be finite"
            ))),
        };
        self.draw(draw, size).multiply(range).add(low)
    }

    /// Normal, mean 0 and standard deviation 1, float64.
    #[must_use]
    #[track_caller]
    pub fn standard_normal(&self, size: &[usize]) -> Array {
        self.draw(Ok(Draw::Normal), size)
    }

    /// Normal of mean `loc` and standard deviation `scale`, float64. Both may be arrays that broadcast to `size`.
    #[must_use]
    #[track_caller]
    pub fn normal(
        &self,
        loc: impl Into<Operand>,
        scale: impl Into<Operand>,
        size: &[usize],
    ) -> Array {
        let scale = scale.into();
        let draw = match &scale {
            Operand::Weak(value) if value.as_f64() < 0.0 => Err(Error::invalid(format!(
                "normal: scale {value} is not allowed; it must be at least 0"
            ))),
            _ => Ok(Draw::Normal),
        };
        let made = self.draw(draw, size).multiply(scale).add(loc);
        match made.check().is_err() || made.shape() == size {
            true => made,
            false => Array::failed(
                &self.session,
                Error::invalid(format!(
                    "normal: loc and scale of shape {:?} do not broadcast to size {size:?}",
                    made.shape()
                )),
            ),
        }
    }

    /// Exponential of mean `scale`, float64.
    #[must_use]
    #[track_caller]
    pub fn exponential(&self, scale: f64, size: &[usize]) -> Array {
        let draw = match scale >= 0.0 {
            true => Ok(Draw::Uniform),
            false => Err(Error::invalid(format!(
                "exponential: scale {scale} is not allowed; it must be at least 0"
            ))),
        };
        let none = self.draw(draw, size).negative();
        none.log1p().multiply(-scale)
    }

    /// Uniform integers from `low` to below `high`, int64.
    #[must_use]
    #[track_caller]
    pub fn integers(&self, low: i64, high: i64, size: &[usize]) -> Array {
        let draw = match high > low {
            true => Ok(Draw::Integers {
                low,
                last: high.abs_diff(low) - 1,
            }),
            false => Err(Error::invalid(format!(
                "integers: low {low} >= high {high}; low must be below high"
            ))),
        };
        self.draw(draw, size)
    }

    #[track_caller]
    fn draw(&self, draw: Result<Draw>, size: &[usize]) -> Array {
        let location = Location::caller();
        let seed = self.seed;
        let node = draw.and_then(|draw| {
            let stream = self.arrays.fetch_add(1, Ordering::Relaxed);
            if stream == u32::MAX {
                return Err(Error::invalid(format!(
                    "default_rng: the generator of seed {seed} has made {stream} arrays; take another seed"
                )));
            }
            let elements = size.iter().try_fold(1usize, |n, len| n.checked_mul(*len));
            if elements.is_none_or(|n| n > isize::MAX as usize) {
                return Err(Error::invalid(format!(
                    "random: an array of shape {size:?} has too many elements; allowed are less than 2⁶³"
                )));
            }
            let generator = Generator::Random { seed, stream, draw };
            let shape = size.to_vec();
            self.session
                .with_graph(|g| g.source(SourceDecl::Generated { generator, shape }))
        });
        let node = node.map_err(|e| e.at_call(location));
        Array::new(self.session.clone(), node)
    }
}
