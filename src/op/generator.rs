//! Arrays that are computed from the indices of their elements: nothing is stored, every rank makes what it needs.
//! Law: an element is a function of the generator and its own global index alone.

use crate::dtype::DType;
use serde::{Deserialize, Serialize};

/// How the elements of a generated array come from their indices.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Generator {
    /// The index itself: int64, one axis.
    Index,
    /// Random numbers: ARS-7 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
    ///
    /// The seed is the key. The counter is (number of the call: 64 bits, stream: 32 bits, attempt: 32 bits). A call gives
    /// 128 bits: two elements of 64 bits or four of 32, so that element `i` in row-major order comes from call `i / 2` or
    /// `i / 4`.
    Random {
        /// The key.
        seed: u64,
        /// Number of the array among those of its generator.
        stream: u32,
        /// What is drawn.
        draw: Draw,
    },
}

/// A distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Draw {
    /// float64, uniform in [0, 1): 53 random bits.
    Uniform,
    /// float32, uniform in [0, 1): 24 random bits.
    Uniform32,
    /// float64, mean 0, standard deviation 1: the inverse of the normal distribution (Wichura 1988, algorithm AS 241) at
    /// one of 2⁵² evenly spaced points, so that |x| is at most 8.21.
    Normal,
    /// int64, uniform in low … low + last: Lemire's multiplication of 64 bits (2019) with its rejection, so without bias. A
    /// rejected element tries the next attempt of its counter.
    Integers {
        /// Smallest value.
        low: i64,
        /// Number of values, less one.
        last: u64,
    },
}

impl Generator {
    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        match self {
            Generator::Index => DType::I64,
            Generator::Random { draw, .. } => match draw {
                Draw::Integers { .. } => DType::I64,
                Draw::Uniform32 => DType::F32,
                Draw::Uniform | Draw::Normal => DType::F64,
            },
        }
    }

    /// Stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Generator::Index => "index",
            Generator::Random { draw, .. } => match draw {
                Draw::Uniform | Draw::Uniform32 => "random uniform",
                Draw::Normal => "random normal",
                Draw::Integers { .. } => "random integers",
            },
        }
    }
}
