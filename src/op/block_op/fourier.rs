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
    /// Bytes of lines, as they come and as they go, that are transformed as one group.
    pub const GROUP_BYTES: usize = 512 << 10;
    /// The fewest and the most lines of a group along another axis than the last.
    pub const GROUP_LINES: [usize; 2] = [16, 32];
    /// Elements between the lines of a group: without them lines of 2ⁿ elements would fall on the same lines of the cache.
    pub const GAP: usize = 8;

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

    /// Groups of lines with the plans of their lengths; of several axes also what is made beside the result: its lines where a
    /// part of them is wanted, and for real ones the complex numbers before the last step.
    fn workspace_bytes(&self, shapes: &[&[usize]], wanted: &Region) -> usize {
        let input = self.demand(0, shapes, wanted);
        let mut full = input.clone();
        match self.transform {
            Transform::Forward | Transform::Inverse => {}
            Transform::Real => full.shape[self.last()] = input.shape[self.last()] / 2 + 1,
            Transform::Half { len } => full.shape[self.last()] = len,
        }
        let lengths = self
            .axes
            .iter()
            .map(|a| input.shape[*a].max(full.shape[*a]));
        let long = lengths.max().unwrap_or(0);
        let last = [&input, wanted].map(|region| region.shape.last().copied().unwrap_or(0));
        let [least, most] = Self::GROUP_LINES;
        let of_lines = |count: usize| count * 2 * (long + Self::GAP) * COMPLEX_BYTES;
        let group = of_lines(last[0].max(last[1]).clamp(1, most + 1));
        let mut bytes = group.min(Self::GROUP_BYTES.max(of_lines(least + 1)));
        bytes += PLAN_LINES * long * COMPLEX_BYTES;
        if self.axes.len() > 1 {
            if full.shape != wanted.shape {
                bytes += full.elements() * COMPLEX_BYTES;
            }
            if matches!(self.transform, Transform::Half { .. }) {
                bytes += input.elements() * COMPLEX_BYTES;
            }
        }
        bytes
    }
}

/// Bytes of the larger complex type.
const COMPLEX_BYTES: usize = 16;
/// Lines that a plan holds: its tables and what it works in. Of a prime length it works on lines of four times the length.
const PLAN_LINES: usize = 12;
