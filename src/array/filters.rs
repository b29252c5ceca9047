//! Filters with small fixed kernels: NumPy's and SciPy's convolutions, and the filters of `scipy.ndimage`. Borders are paddings;
//! a tile needs the margin of its window.

use super::array::Array;
use super::pad::{PadMode, pad};
use crate::block::Block;
use crate::dtype::{DType, Kind, Scalar, promote};
use crate::error::{Error, Result};
use crate::expr::{Graph, NodeId};
use crate::geom::normalize_axis;
use crate::op::{Window, WindowKind};

/// Most elements of a kernel: plans carry it by value.
const MOST_WEIGHTS: usize = 1 << 16;

/// How much of a convolution is wanted: NumPy's modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvolveMode {
    /// Wherever kernel and array overlap; beyond its borders the array is 0.
    Full,
    /// As long as the array, from the middle of `Full`.
    Same,
    /// Where the kernel lies inside the array.
    Valid,
}

/// What lies beyond the borders: the modes of `scipy.ndimage`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Border {
    /// Mirrored at the border, whose element is repeated (the default).
    Reflect,
    /// This value.
    Constant(Scalar),
    /// The border element.
    Nearest,
    /// Mirrored at the border element.
    Mirror,
    /// The other end.
    Wrap,
}

impl Border {
    fn pad(self) -> PadMode {
        match self {
            Border::Reflect => PadMode::Symmetric,
            Border::Constant(value) => PadMode::Constant(vec![(value, value)]),
            Border::Nearest => PadMode::Edge,
            Border::Mirror => PadMode::Reflect,
            Border::Wrap => PadMode::Wrap,
        }
    }
}

impl Array {
    /// The convolution with a kernel of as many axes. NumPy's `convolve`, and `scipy.signal.convolve`: integers stay exact and wrap
    /// around, floats accumulate in f64.
    #[must_use]
    #[track_caller]
    pub fn convolve(&self, kernel: &Block, mode: ConvolveMode) -> Array {
        self.push(|g, a| signal(g, a, "convolve", kernel, mode, true))
    }

    /// The correlation with a kernel of as many axes. NumPy's `correlate` (with its mode given), and `scipy.signal.correlate`.
    #[must_use]
    #[track_caller]
    pub fn correlate(&self, kernel: &Block, mode: ConvolveMode) -> Array {
        self.push(|g, a| signal(g, a, "correlate", kernel, mode, false))
    }

    /// `scipy.ndimage.correlate1d`.
    #[must_use]
    #[track_caller]
    pub fn correlate1d(
        &self,
        weights: &[f64],
        axis: isize,
        border: Border,
        origin: isize,
    ) -> Array {
        self.push(|g, a| {
            let axis = normalize_axis("correlate1d", axis, g.shape(a).len())?;
            line(g, a, "correlate1d", weights.to_vec(), axis, border, origin)
        })
    }

    /// `scipy.ndimage.convolve1d`.
    #[must_use]
    #[track_caller]
    pub fn convolve1d(&self, weights: &[f64], axis: isize, border: Border, origin: isize) -> Array {
        self.push(|g, a| {
            let axis = normalize_axis("convolve1d", axis, g.shape(a).len())?;
            let origin = -origin - isize::from(weights.len().is_multiple_of(2));
            let weights = weights.iter().rev().copied().collect();
            line(g, a, "convolve1d", weights, axis, border, origin)
        })
    }

    /// `scipy.ndimage.correlate`: weights of as many axes; `origin` shifts them (empty: not at all; one, or one per axis).
    #[must_use]
    #[track_caller]
    pub fn ndimage_correlate(&self, weights: &Block, border: Border, origin: &[isize]) -> Array {
        self.push(|g, a| {
            let name = "ndimage_correlate";
            let origin = per_axis(name, "origins", origin, g.shape(a).len(), 0)?;
            let kind = WindowKind::Correlate(floats(name, weights)?);
            filter(g, a, name, kind, weights.shape(), border, &origin)
        })
    }

    /// `scipy.ndimage.convolve`.
    #[must_use]
    #[track_caller]
    pub fn ndimage_convolve(&self, weights: &Block, border: Border, origin: &[isize]) -> Array {
        self.push(|g, a| {
            let name = "ndimage_convolve";
            let mut origin = per_axis(name, "origins", origin, g.shape(a).len(), 0)?;
            for (origin, len) in origin.iter_mut().zip(weights.shape()) {
                *origin = -*origin - isize::from(len.is_multiple_of(2));
            }
            let mut values = floats(name, weights)?;
            values.reverse();
            let kind = WindowKind::Correlate(values);
            filter(g, a, name, kind, weights.shape(), border, &origin)
        })
    }

    /// `scipy.ndimage.uniform_filter`: the mean of `size` neighbours, axis by axis (one size, or one per axis).
    #[must_use]
    #[track_caller]
    pub fn uniform_filter(&self, size: &[usize], border: Border, origin: &[isize]) -> Array {
        self.push(|g, a| {
            let name = "uniform_filter";
            separable(g, a, name, &WindowKind::Mean, size, border, origin)
        })
    }

    /// `scipy.ndimage.minimum_filter`; NaN wins.
    #[must_use]
    #[track_caller]
    pub fn minimum_filter(&self, size: &[usize], border: Border, origin: &[isize]) -> Array {
        self.push(|g, a| {
            let name = "minimum_filter";
            separable(g, a, name, &WindowKind::Min, size, border, origin)
        })
    }

    /// `scipy.ndimage.maximum_filter`; NaN wins.
    #[must_use]
    #[track_caller]
    pub fn maximum_filter(&self, size: &[usize], border: Border, origin: &[isize]) -> Array {
        self.push(|g, a| {
            let name = "maximum_filter";
            separable(g, a, name, &WindowKind::Max, size, border, origin)
        })
    }

    /// `scipy.ndimage.median_filter`: the element of rank n / 2 of the n in the window; NaN ranks above all.
    #[must_use]
    #[track_caller]
    pub fn median_filter(&self, size: &[usize], border: Border, origin: &[isize]) -> Array {
        self.push(|g, a| {
            let (name, ndim) = ("median_filter", g.shape(a).len());
            let size = per_axis(name, "sizes", size, ndim, 1)?;
            let origin = per_axis(name, "origins", origin, ndim, 0)?;
            let rank = WindowKind::Rank(size.iter().product::<usize>() / 2);
            filter(g, a, name, rank, &size, border, &origin)
        })
    }

    /// `scipy.ndimage.gaussian_filter`: axis by axis with standard deviations `sigma` (one, or one per axis), derivatives of `order`
    /// (empty: 0; one, or one per axis), kernels cut at `truncate` deviations (SciPy: 4).
    #[must_use]
    #[track_caller]
    pub fn gaussian_filter(
        &self,
        sigma: &[f64],
        order: &[usize],
        border: Border,
        truncate: f64,
    ) -> Array {
        self.push(|g, a| {
            let (name, ndim) = ("gaussian_filter", g.shape(a).len());
            let sigma = per_axis(name, "sigmas", sigma, ndim, 0.0)?;
            let order = per_axis(name, "orders", order, ndim, 0)?;
            let mut result = a;
            for (axis, (sigma, order)) in sigma.into_iter().zip(order).enumerate() {
                let radius = (truncate * sigma + 0.5).floor();
                let allowed = sigma >= 0.0 && radius >= 0.0 && radius * 2.0 < MOST_WEIGHTS as f64;
                if !allowed {
                    return Err(Error::invalid(format!(
                        "gaussian_filter: sigma {sigma} with truncate {truncate} on axis {axis}; allowed are numbers from 0 with \
                         sigma · truncate below {}",
                        MOST_WEIGHTS / 2
                    )));
                }
                if sigma > 1e-15 {
                    let weights = gaussian(sigma, order, radius as usize);
                    result = line(g, result, name, weights, axis, border, 0)?;
                }
            }
            real(name, g.dtype(a), false).map(|()| result)
        })
    }
}

/// Weights of a Gaussian or of its derivative, for a correlation, as SciPy makes them.
fn gaussian(sigma: f64, order: usize, radius: usize) -> Vec<f64> {
    let x: Vec<f64> = (0..=2 * radius).map(|k| k as f64 - radius as f64).collect();
    let variance = sigma * sigma;
    let bell: Vec<f64> = x
        .iter()
        .map(|x| libm::exp(-0.5 / variance * x * x))
        .collect();
    let sum: f64 = bell.iter().sum();
    // The derivative is a polynomial times the bell: q' − q·x/σ², degree by degree.
    let mut q = vec![0.0; order + 1];
    q[0] = 1.0;
    for _ in 0..order {
        q = (0..=order)
            .map(|i| {
                let derived = q.get(i + 1).map_or(0.0, |q| q * (i + 1) as f64);
                let inner = if i > 0 { -q[i - 1] / variance } else { 0.0 };
                derived + inner
            })
            .collect();
    }
    let weights = x.iter().zip(&bell).map(|(x, bell)| {
        let polynomial = q.iter().rev().fold(0.0, |sum, q| sum * x + q);
        polynomial * (bell / sum)
    });
    let mut weights: Vec<f64> = weights.collect();
    weights.reverse();
    weights
}

/// One value for all axes, or one per axis.
fn per_axis<T: Copy>(
    name: &str,
    what: &str,
    given: &[T],
    ndim: usize,
    default: T,
) -> Result<Vec<T>> {
    match given {
        [] => Ok(vec![default; ndim]),
        [one] => Ok(vec![*one; ndim]),
        given if given.len() == ndim => Ok(given.to_vec()),
        given => Err(Error::invalid(format!(
            "{name}: {} {what} for {ndim} axes; give one, or one per axis",
            given.len()
        ))),
    }
}

fn real(name: &str, dtype: DType, bools: bool) -> Result<()> {
    match dtype.kind() {
        Kind::Signed | Kind::Unsigned | Kind::Float => Ok(()),
        Kind::Bool if bools => Ok(()),
        _ => Err(Error::invalid(format!(
            "{name}: not defined for {dtype}; allowed: {}",
            if bools {
                "real numbers and bool"
            } else {
                "real numbers"
            }
        ))),
    }
}

/// The elements of a kernel as f64.
fn floats(name: &str, kernel: &Block) -> Result<Vec<f64>> {
    real(name, kernel.dtype(), false)?;
    Ok(scalars(kernel).map(Scalar::as_f64).collect())
}

fn scalars(kernel: &Block) -> impl Iterator<Item = Scalar> + '_ {
    (0..kernel.elements()).filter_map(|k| kernel.get(k))
}

/// A weighted sum along one axis.
fn line(
    g: &mut Graph,
    a: NodeId,
    name: &str,
    weights: Vec<f64>,
    axis: usize,
    border: Border,
    origin: isize,
) -> Result<NodeId> {
    let mut shape = vec![1; g.shape(a).len()];
    let mut origins = vec![0; shape.len()];
    (shape[axis], origins[axis]) = (weights.len(), origin);
    let kind = WindowKind::Correlate(weights);
    filter(g, a, name, kind, &shape, border, &origins)
}

/// The same window along one axis after another.
fn separable(
    g: &mut Graph,
    a: NodeId,
    name: &str,
    kind: &WindowKind,
    size: &[usize],
    border: Border,
    origin: &[isize],
) -> Result<NodeId> {
    let ndim = g.shape(a).len();
    let size = per_axis(name, "sizes", size, ndim, 1)?;
    let origin = per_axis(name, "origins", origin, ndim, 0)?;
    real(name, g.dtype(a), *kind != WindowKind::Mean)?;
    let mut result = a;
    for axis in 0..ndim {
        let mut shape = vec![1; ndim];
        let mut origins = vec![0; ndim];
        (shape[axis], origins[axis]) = (size[axis], origin[axis]);
        if size[axis] != 1 {
            result = filter(g, result, name, kind.clone(), &shape, border, &origins)?;
        }
    }
    Ok(result)
}

/// A window over the array padded so that the result has its shape.
fn filter(
    g: &mut Graph,
    a: NodeId,
    name: &str,
    kind: WindowKind,
    size: &[usize],
    border: Border,
    origin: &[isize],
) -> Result<NodeId> {
    let (shape, dtype) = (g.shape(a).to_vec(), g.dtype(a));
    let ordered = !matches!(
        kind,
        WindowKind::Correlate(_) | WindowKind::CorrelateIntegers(_) | WindowKind::Mean
    );
    real(name, dtype, ordered)?;
    if size.len() != shape.len() {
        return Err(Error::invalid(format!(
            "{name}: a kernel of shape {size:?} for an array with {} axes; they must have as many",
            shape.len()
        )));
    }
    let elements: usize = size.iter().product();
    if elements == 0 || elements > MOST_WEIGHTS {
        return Err(Error::invalid(format!(
            "{name}: a window of shape {size:?} has {elements} elements; allowed are 1 … {MOST_WEIGHTS}"
        )));
    }
    let mut width = Vec::with_capacity(size.len());
    for (len, origin) in size.iter().zip(origin) {
        let before = (len / 2) as isize + origin;
        if !(0..*len as isize).contains(&before) {
            return Err(Error::invalid(format!(
                "{name}: origin {origin} moves a window of {len} off its element; allowed are {} … {}",
                -((len / 2) as isize),
                *len as isize - 1 - (len / 2) as isize
            )));
        }
        width.push((before as usize, len - 1 - before as usize));
    }
    if shape.contains(&0) || shape.is_empty() {
        return Ok(a);
    }
    let padded = pad(g, a, &width, &border.pad())?;
    let shape = size.to_vec();
    g.call(Window { kind, shape, dtype }, vec![padded])
}

/// Convolution and correlation as NumPy and SciPy's signal package have them.
fn signal(
    g: &mut Graph,
    a: NodeId,
    name: &str,
    kernel: &Block,
    mode: ConvolveMode,
    turned: bool,
) -> Result<NodeId> {
    let (shape, dtype) = (g.shape(a).to_vec(), g.dtype(a));
    real(name, dtype, false)?;
    real(name, kernel.dtype(), false)?;
    let size = kernel.shape();
    let elements = kernel.elements();
    if size.len() != shape.len() || shape.is_empty() {
        return Err(Error::invalid(format!(
            "{name}: a kernel of shape {size:?} for an array of shape {shape:?}; they must have as many axes, at least one"
        )));
    }
    if shape.contains(&0) || elements == 0 || elements > MOST_WEIGHTS {
        return Err(Error::invalid(format!(
            "{name}: a kernel of shape {size:?} for an array of shape {shape:?}; neither may be empty, and a kernel has at most \
             {MOST_WEIGHTS} elements"
        )));
    }
    let result = promote(dtype, kernel.dtype())?;
    if mode == ConvolveMode::Valid && size.iter().zip(&shape).any(|(k, n)| k > n) {
        return Err(Error::invalid(format!(
            "{name}: mode valid needs a kernel that fits the array; {size:?} does not fit {shape:?}"
        )));
    }
    let width: Vec<(usize, usize)> = size
        .iter()
        .map(|len| match mode {
            ConvolveMode::Full => (len - 1, len - 1),
            ConvolveMode::Same => (len / 2, len - 1 - len / 2),
            ConvolveMode::Valid => (0, 0),
        })
        .collect();
    let kind = if result.is_integer() {
        let mut weights: Vec<i64> = scalars(kernel)
            .map(|v| v.as_i128().unwrap_or(0) as i64)
            .collect();
        if turned {
            weights.reverse();
        }
        WindowKind::CorrelateIntegers(weights)
    } else {
        let mut weights = floats(name, kernel)?;
        if turned {
            weights.reverse();
        }
        WindowKind::Correlate(weights)
    };
    let a = g.cast(a, result)?;
    let padded = pad(g, a, &width, &PadMode::Constant(Vec::new()))?;
    let op = Window {
        kind,
        shape: size.to_vec(),
        dtype: result,
    };
    g.call(op, vec![padded])
}
