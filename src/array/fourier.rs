//! Discrete Fourier transforms: `numpy.fft` by method, lazily and along any axes.
//!
//! Several axes of an image that fits a tile are one operation; those of a larger one are one after another, with an exchange
//! between (pencils), so that no rank needs more than a slab.

use super::array::Array;
use crate::driver::Driver;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::expr::{Graph, NodeId};
use crate::geom::{Select, Span, normalize_axis};
use crate::op::{Fourier, Transform};
use std::str::FromStr;

/// Elements of an image whose axes are transformed in one operation; larger ones are transformed axis by axis, by all ranks.
const ONE_CALL: usize = 1 << 18;
/// The same where there are [`MANY`] images: enough work for all ranks, and no image need be stored between its axes.
const ONE_CALL_OF_MANY: usize = 1 << 20;
/// So many images keep ranks and threads busy.
const MANY: usize = 8;

/// Which direction of a transform is divided by its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Norm {
    /// The inverse.
    #[default]
    Backward,
    /// Both, by its square root.
    Ortho,
    /// The forward transform.
    Forward,
}

impl FromStr for Norm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "backward" => Ok(Norm::Backward),
            "ortho" => Ok(Norm::Ortho),
            "forward" => Ok(Norm::Forward),
            other => Err(Error::invalid(format!(
                "fft: norm {other:?} is not allowed; allowed are \"backward\", \"ortho\" and \"forward\""
            ))),
        }
    }
}

impl Norm {
    /// The factor of a transform of `len` elements.
    fn factor(self, inverse: bool, len: usize) -> f64 {
        let len = len as f64;
        match (self, inverse) {
            (Norm::Ortho, _) => 1.0 / len.sqrt(),
            (Norm::Backward, true) | (Norm::Forward, false) => 1.0 / len,
            (Norm::Backward, false) | (Norm::Forward, true) => 1.0,
        }
    }

    fn swapped(self) -> Norm {
        match self {
            Norm::Backward => Norm::Forward,
            Norm::Forward => Norm::Backward,
            Norm::Ortho => Norm::Ortho,
        }
    }
}

/// The transforms as users name them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Forward,
    Inverse,
    Real,
    Half,
    Hermitian,
    InverseHermitian,
}

macro_rules! transforms {
    ($($(#[$doc:meta])* $one:ident, $two:ident, $many:ident => $Form:ident;)*) => {
        impl Array {$(
            $(#[$doc])*
            /// Along `axis`, of `n` elements: the array is cut or filled with zeros (`None`: as long as it is).
            #[must_use]
            #[track_caller]
            pub fn $one(&self, n: Option<usize>, axis: isize, norm: Norm) -> Array {
                let name = stringify!($one);
                self.push(|g, a| {
                    let axis = normalize_axis(name, axis, g.shape(a).len())?;
                    transform(g, a, name, Form::$Form, &[axis], n.map(|n| vec![n]).as_deref(), norm)
                })
            }

            $(#[$doc])*
            /// Along two axes (NumPy's default: the last two), of the lengths `s`.
            #[must_use]
            #[track_caller]
            pub fn $two(&self, s: Option<&[usize]>, axes: [isize; 2], norm: Norm) -> Array {
                self.transform_many(stringify!($two), Form::$Form, s, Some(&axes), norm)
            }

            $(#[$doc])*
            /// Along `axes` (`None`: all, or the last ones for which `s` has lengths), of the lengths `s`.
            #[must_use]
            #[track_caller]
            pub fn $many(&self, s: Option<&[usize]>, axes: Option<&[isize]>, norm: Norm) -> Array {
                self.transform_many(stringify!($many), Form::$Form, s, axes, norm)
            }
        )*}
    };
}

transforms! {
    /// Discrete Fourier transform, of real or complex numbers.
    fft, fft2, fftn => Forward;
    /// Inverse of the discrete Fourier transform.
    ifft, ifft2, ifftn => Inverse;
    /// Discrete Fourier transform of real numbers: n/2 + 1 complex ones along the (last) axis.
    rfft, rfft2, rfftn => Real;
    /// Inverse of `rfft`: real numbers; by default 2 (m − 1) of m along the (last) axis.
    irfft, irfft2, irfftn => Half;
}

impl Array {
    /// Transform of a signal that is symmetric (its spectrum is real), of which m = n/2 + 1 elements are given. NumPy's `hfft`.
    #[must_use]
    #[track_caller]
    pub fn hfft(&self, n: Option<usize>, axis: isize, norm: Norm) -> Array {
        self.push(|g, a| {
            let axis = normalize_axis("hfft", axis, g.shape(a).len())?;
            let n = n.map(|n| vec![n]);
            transform(g, a, "hfft", Form::Hermitian, &[axis], n.as_deref(), norm)
        })
    }

    /// Inverse of `hfft`. NumPy's `ihfft`.
    #[must_use]
    #[track_caller]
    pub fn ihfft(&self, n: Option<usize>, axis: isize, norm: Norm) -> Array {
        self.push(|g, a| {
            let axis = normalize_axis("ihfft", axis, g.shape(a).len())?;
            let n = n.map(|n| vec![n]);
            let form = Form::InverseHermitian;
            transform(g, a, "ihfft", form, &[axis], n.as_deref(), norm)
        })
    }

    /// The zero frequency in the middle of `axes` (empty: all). NumPy's `fftshift`.
    #[must_use]
    #[track_caller]
    pub fn fftshift(&self, axes: &[isize]) -> Array {
        self.shifted("fftshift", axes, |len| (len / 2) as isize)
    }

    /// Inverse of [`Array::fftshift`].
    #[must_use]
    #[track_caller]
    pub fn ifftshift(&self, axes: &[isize]) -> Array {
        self.shifted("ifftshift", axes, |len| -((len / 2) as isize))
    }

    #[track_caller]
    fn shifted(&self, name: &str, axes: &[isize], shift: impl Fn(usize) -> isize) -> Array {
        let shape = self.shape();
        let all: Vec<isize> = (0..shape.len() as isize).collect();
        let axes = if axes.is_empty() { &all } else { axes };
        let shifts: Result<Vec<isize>> = axes
            .iter()
            .map(|axis| Ok(shift(shape[normalize_axis(name, *axis, shape.len())?])))
            .collect();
        match (self.check(), shifts) {
            (Ok(()), Ok(shifts)) => self.roll(&shifts, axes),
            (Err(_), _) => self.clone(),
            (_, Err(error)) => Array::failed(self.session(), error),
        }
    }

    #[track_caller]
    fn transform_many(
        &self,
        name: &'static str,
        form: Form,
        s: Option<&[usize]>,
        axes: Option<&[isize]>,
        norm: Norm,
    ) -> Array {
        self.push(|g, a| {
            let ndim = g.shape(a).len();
            let axes: Vec<usize> = match (axes, s) {
                (Some(axes), _) => axes
                    .iter()
                    .map(|axis| normalize_axis(name, *axis, ndim))
                    .collect::<Result<_>>()?,
                (None, Some(s)) if s.len() <= ndim => (ndim - s.len()..ndim).collect(),
                (None, _) => (0..ndim).collect(),
            };
            if let Some(s) = s
                && s.len() != axes.len()
            {
                return Err(Error::invalid(format!(
                    "{name}: {} lengths for {} axes; there must be one for each",
                    s.len(),
                    axes.len()
                )));
            }
            transform(g, a, name, form, &axes, s, norm)
        })
    }
}

impl Driver {
    /// The frequencies of a transform of `n` elements that are `d` apart. NumPy's `fftfreq`.
    #[track_caller]
    pub fn fftfreq(&self, n: usize, d: f64) -> Array {
        if n == 0 {
            return Array::failed(
                self.session(),
                Error::invalid("fftfreq: n is 0; it must be at least 1"),
            );
        }
        let index = self.indices_1d(n);
        let negative = index.gt(((n - 1) / 2) as i64).astype(DType::I64);
        (index - negative * n as i64) * (1.0 / (n as f64 * d))
    }

    /// The frequencies of `rfft` of `n` elements that are `d` apart. NumPy's `rfftfreq`.
    #[track_caller]
    pub fn rfftfreq(&self, n: usize, d: f64) -> Array {
        if n == 0 {
            return Array::failed(
                self.session(),
                Error::invalid("rfftfreq: n is 0; it must be at least 1"),
            );
        }
        self.indices_1d(n / 2 + 1) * (1.0 / (n as f64 * d))
    }
}

/// Builds the nodes of a transform along `axes`, of the lengths `s`.
fn transform(
    g: &mut Graph,
    input: NodeId,
    name: &str,
    form: Form,
    axes: &[usize],
    s: Option<&[usize]>,
    norm: Norm,
) -> Result<NodeId> {
    let from = g.dtype(input);
    let wants_real = matches!(form, Form::Real | Form::InverseHermitian);
    if from.is_time() || (wants_real && from.is_complex()) {
        let allowed = if wants_real {
            "real numbers"
        } else {
            "numbers"
        };
        return Err(Error::invalid(format!(
            "{name}: not defined for {from}; allowed are {allowed}"
        )));
    }
    let single = matches!(from, DType::F32 | DType::C64);
    let dtype = match (form, single) {
        (Form::Forward, _) if from.is_complex() || from.is_float() => from,
        (Form::Forward | Form::Real | Form::InverseHermitian, false) => DType::F64,
        (Form::Forward | Form::Real | Form::InverseHermitian, true) => DType::F32,
        (_, true) => DType::C64,
        (_, false) => DType::C128,
    };
    let mut a = g.cast(input, dtype)?;
    let Some((&last, before)) = axes.split_last() else {
        // No axis: nothing is transformed, as in NumPy.
        return match form {
            Form::Forward | Form::Inverse => {
                g.cast(a, if single { DType::C64 } else { DType::C128 })
            }
            _ => Err(Error::invalid(format!(
                "{name}: at least one axis is needed"
            ))),
        };
    };
    let halved = matches!(form, Form::Half | Form::Hermitian);
    let shape = g.shape(a).to_vec();
    let mut lengths = Vec::with_capacity(axes.len());
    for (number, &axis) in axes.iter().enumerate() {
        let n = match s {
            Some(s) => s[number],
            None if halved && axis == last => 2 * shape[axis].saturating_sub(1),
            None => shape[axis],
        };
        if n == 0 {
            return Err(Error::invalid(format!(
                "{name}: a transform of 0 elements (axis {axis}); there must be at least 1"
            )));
        }
        lengths.push(n);
        let kept = if halved && number + 1 == axes.len() {
            n / 2 + 1
        } else {
            n
        };
        a = resized(g, a, axis, kept)?;
    }
    let n = *lengths.last().unwrap_or(&1);
    let inverse = matches!(form, Form::Inverse | Form::Half);
    let norm = match form {
        Form::Hermitian | Form::InverseHermitian => norm.swapped(),
        _ => norm,
    };
    let factor = |len: usize| match form {
        Form::Hermitian => norm.factor(true, len),
        _ => norm.factor(inverse, len),
    };
    let own = match form {
        Form::Forward => Transform::Forward,
        Form::Inverse => Transform::Inverse,
        Form::Real | Form::InverseHermitian => Transform::Real,
        Form::Half | Form::Hermitian => Transform::Half { len: n },
    };
    let conjugate = matches!(form, Form::Hermitian | Form::InverseHermitian);
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let image: usize = lengths.iter().fold(1, |a, n| a.saturating_mul(*n));
    let images: usize = (0..shape.len())
        .filter(|axis| !axes.contains(axis))
        .fold(1, |images, axis| images.saturating_mul(shape[axis]));
    let most = match images >= MANY {
        true => ONE_CALL_OF_MANY,
        false => ONE_CALL,
    };
    if sorted.len() == axes.len() && image <= most {
        let op = Fourier {
            transform: own,
            axes: axes.to_vec(),
            scale: lengths.iter().map(|n| factor(*n)).product(),
            conjugate,
        };
        return g.call(op, vec![a]);
    }
    let one = |transform, axis, scale| Fourier {
        transform,
        axes: vec![axis],
        scale,
        conjugate,
    };
    let rest = if inverse {
        Transform::Inverse
    } else {
        Transform::Forward
    };
    if halved {
        for (&axis, &n) in before.iter().zip(&lengths).rev() {
            a = g.call(one(rest, axis, factor(n)), vec![a])?;
        }
        return g.call(one(own, last, factor(n)), vec![a]);
    }
    a = g.call(one(own, last, factor(n)), vec![a])?;
    for (&axis, &n) in before.iter().zip(&lengths).rev() {
        a = g.call(one(rest, axis, factor(n)), vec![a])?;
    }
    Ok(a)
}

/// The array cut to `len` along `axis`, or filled with zeros.
fn resized(g: &mut Graph, a: NodeId, axis: usize, len: usize) -> Result<NodeId> {
    let mut shape = g.shape(a).to_vec();
    let have = shape[axis];
    if have >= len {
        let mut spans: Vec<Span> = shape.iter().map(|&len| Span::all(len)).collect();
        spans[axis].len = len;
        return g.select(a, Select::spans(&spans));
    }
    let zero = Scalar::zero(g.dtype(a));
    shape[axis] = len - have;
    let zeros = g.fill(zero, &shape)?;
    shape[axis] = len;
    let mut start = vec![0; shape.len()];
    let first = start.clone();
    start[axis] = have;
    g.assemble(&shape, vec![(a, first), (zeros, start)])
}
