//! Indices that must lie inside an axis.

use super::Family;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Region;
use serde::{Deserialize, Serialize};

/// The indices themselves (int64); one outside 0 … len − 1 is an error of `operation`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bounds {
    /// What the user called, and what the indices are there: "choose: index".
    pub what: String,
    /// Number of values that are allowed.
    pub len: u64,
}

impl Family for Bounds {
    fn name(&self) -> &'static str {
        "bounds"
    }

    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        match inputs {
            [(DType::I64, shape)] => Ok((DType::I64, shape.to_vec())),
            _ => Err(Error::internal(format!(
                "{}: bounds of {inputs:?}",
                self.what
            ))),
        }
    }

    fn demand(&self, _number: usize, _shapes: &[&[usize]], wanted: &Region) -> Region {
        wanted.clone()
    }

    fn weight(&self) -> f64 {
        1.0
    }
}
