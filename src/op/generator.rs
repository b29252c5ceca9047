//! Arrays that are computed from the indices of their elements: nothing is stored, every rank makes what it needs.
//! Law: an element is a function of the generator and its own global index alone.

use crate::dtype::DType;
use serde::{Deserialize, Serialize};

/// How the elements of a generated array come from their indices.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Generator {
    /// The index itself: int64, one axis.
    Index,
    /// Random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") with the seed as
    /// key and the row-major index as counter.
    Random {
        /// The key.
        seed: u64,
        /// What is drawn.
        draw: Draw,
    },
}

/// A distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Draw {
    /// float64, uniform in [0, 1): 53 random bits.
    Uniform,
    /// float64, mean 0, standard deviation 1.
    Normal,
    /// int64, uniform in low … low + span − 1.
    Integers {
        /// Smallest value.
        low: i64,
        /// Number of values, not 0.
        span: u64,
    },
}

impl Generator {
    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        match self {
            Generator::Index
            | Generator::Random {
                draw: Draw::Integers { .. },
                ..
            } => DType::I64,
            Generator::Random { .. } => DType::F64,
        }
    }

    /// Stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Generator::Index => "index",
            Generator::Random { draw, .. } => match draw {
                Draw::Uniform => "random uniform",
                Draw::Normal => "random normal",
                Draw::Integers { .. } => "random integers",
            },
        }
    }
}
