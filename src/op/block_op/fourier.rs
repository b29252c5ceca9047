//! Discrete Fourier transforms along axes.

use super::Family;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Region;
use serde::{Deserialize, Serialize};

/// Transforms along one axis after another. Lengths were brought to those of the transform before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fourier {
    /// Which one.
    pub transform: Transform,
    /// The axes; that of the real numbers is the last one.
    pub axes: Vec<usize>,
    /// What results are multiplied by.
    pub scale: f64,
    /// The complex side is conjugated: `hfft` and `ihfft`.
    pub conjugate: bool,
}

/// The kinds of transforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Transform {
    /// exp(−2πi jk/n); real input may stay real.
    Forward,
    /// exp(+2πi jk/n), complex.
    Inverse,
    /// As `Forward`, of real numbers: n/2 + 1 of them are kept along the last of the axes.
    Real,
    /// The inverse of `Real`.
    Half {
        /// Length of the result along the last of the axes.
        len: usize,
    },
}

impl Fourier {
    /// The real axis.
    fn last(&self) -> usize {
        self.axes.last().copied().unwrap_or(0)
    }
}

impl Family for Fourier {
    fn name(&self) -> &'static str {
        match self.transform {
            Transform::Forward => "fft",
            Transform::Inverse => "ifft",
            Transform::Real => "rfft",
            Transform::Half { .. } => "irfft",
        }
    }

    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        let [(dtype, shape)] = inputs else {
            return Err(Error::internal(format!(
                "{} of {} arrays",
                self.name(),
                inputs.len()
            )));
        };
        let (real, complex) = match dtype {
            DType::F32 | DType::C64 => (DType::F32, DType::C64),
            DType::F64 | DType::C128 => (DType::F64, DType::C128),
            other => {
                return Err(Error::invalid(format!(
                    "{}: not defined for {other}; allowed are floats and complex numbers",
                    self.name()
                )));
            }
        };
        let fits = match self.transform {
            Transform::Forward => true,
            Transform::Real => !dtype.is_complex(),
            Transform::Inverse | Transform::Half { .. } => dtype.is_complex(),
        };
        if !fits || self.axes.iter().any(|axis| *axis >= shape.len()) {
            return Err(Error::internal(format!("{self:?} of {dtype} {shape:?}")));
        }
        let mut to = shape.to_vec();
        match self.transform {
            Transform::Forward | Transform::Inverse => Ok((complex, to)),
            Transform::Real => {
                to[self.last()] = shape[self.last()] / 2 + 1;
                Ok((complex, to))
            }
            Transform::Half { len } => {
                if shape[self.last()] != len / 2 + 1 {
                    return Err(Error::internal(format!("{self:?} of {shape:?}")));
                }
                to[self.last()] = len;
                Ok((real, to))
            }
        }
    }

    fn demand(&self, number: usize, shapes: &[&[usize]], wanted: &Region) -> Region {
        let mut region = wanted.clone();
        for &axis in &self.axes {
            region.start[axis] = 0;
            region.shape[axis] = shapes[number][axis];
        }
        region
    }

    fn weight(&self) -> f64 {
        20.0 * self.axes.len() as f64
    }

    fn work(&self, shapes: &[&[usize]], wanted: &Region) -> f64 {
        // A part of an axis costs as much as all of it.
        let whole = self.demand(0, shapes, wanted);
        self.weight() * whole.elements().max(wanted.elements()) as f64
    }

    fn scratch_bytes(&self) -> usize {
        16
    }
}
