//! The words of tests/golden/make_along.py: operations along axes.

use super::oracle::{binary_named, optional, oracle, weak};
use hyperslab::array::{
    Array, Border, CoarsenBoundary, ConvolveMode, Operand, PadMode, ReduceOptions,
};
use hyperslab::block::Block;
use hyperslab::dtype::Scalar;
use hyperslab::op::{ReductionKind, SlidingKind};

fn numbers<T: std::str::FromStr>(text: &str) -> Vec<T> {
    text.split(',').filter_map(|t| t.parse().ok()).collect()
}

fn border(mode: &str, cval: &str) -> Border {
    match mode {
        "reflect" => Border::Reflect,
        "constant" => Border::Constant(Scalar::F64(cval.parse().unwrap())),
        "nearest" => Border::Nearest,
        "mirror" => Border::Mirror,
        "wrap" => Border::Wrap,
        other => panic!("border {other}"),
    }
}

fn kernel(name: &str) -> &'static Block {
    &oracle().inputs[name]
}

fn mode(name: &str) -> ConvolveMode {
    match name {
        "full" => ConvolveMode::Full,
        "same" => ConvolveMode::Same,
        "valid" => ConvolveMode::Valid,
        other => panic!("mode {other}"),
    }
}

fn reduction(name: &str) -> ReductionKind {
    super::oracle::kind(name)
}

fn pad(mode: &str, values: &str) -> PadMode {
    let pairs: Vec<(Scalar, Scalar)> = values
        .split(';')
        .filter_map(|pair| pair.split_once(','))
        .map(|(a, b)| (weak(a), weak(b)))
        .collect();
    match mode {
        "constant" => PadMode::Constant(pairs),
        "edge" => PadMode::Edge,
        "linear_ramp" => PadMode::LinearRamp(pairs),
        "reflect" => PadMode::Reflect,
        "symmetric" => PadMode::Symmetric,
        "wrap" => PadMode::Wrap,
        "mean" => PadMode::Mean,
        "maximum" => PadMode::Maximum,
        "minimum" => PadMode::Minimum,
        other => panic!("pad {other}"),
    }
}

/// The word `name`, or `None` when it is none of these. `below` pops the next item of the stack.
pub fn word(
    name: &str,
    args: &[&str],
    a: &Array,
    mut below: impl FnMut() -> Array,
) -> Option<Array> {
    let axis = |k: usize| args[k].parse::<isize>().unwrap();
    let number = |k: usize| args[k].parse::<f64>().unwrap();
    let weak = |text: &str| (!text.is_empty()).then(|| Operand::Weak(weak(text)));
    Some(match name {
        "cumsum" => a.cumsum(optional(args[0])),
        "cumprod" => a.cumprod(optional(args[0])),
        "nancumsum" => a.nancumsum(optional(args[0])),
        "nancumprod" => a.nancumprod(optional(args[0])),
        "cummin" => a.cummin(optional(args[0])),
        "cummax" => a.cummax(optional(args[0])),
        "nancummin" => a.nancummin(optional(args[0])),
        "nancummax" => a.nancummax(optional(args[0])),
        "cumulative_sum" => a.cumulative_sum(optional(args[0]), args[1] == "i"),
        "cumulative_prod" => a.cumulative_prod(optional(args[0]), args[1] == "i"),
        "ffill" => a.ffill(axis(0), args[1].parse().ok()),
        "bfill" => a.bfill(axis(0), args[1].parse().ok()),
        "diff" => {
            let extra = |k: usize| args.get(k).and_then(|text| weak(text));
            a.diff(args[0].parse().unwrap(), axis(1), extra(2), extra(3))
        }
        "gradient" => {
            let order = args[2].parse().unwrap();
            let made = a.gradient(&[number(1).into()], &[axis(0)], order);
            made.unwrap().remove(0)
        }
        "gradx" => {
            let order = args[1].parse().unwrap();
            let made = below().gradient(&[a.into()], &[axis(0)], order);
            made.unwrap().remove(0)
        }
        "trapezoid" => a.trapezoid(None, number(0), axis(1)),
        "trapx" => below().trapezoid(Some(a), 1.0, axis(0)),
        "pad" => {
            let width: Vec<(usize, usize)> = args[1]
                .split(';')
                .map(|pair| (numbers(pair)[0], numbers(pair)[1]))
                .collect();
            a.pad(&width, &pad(args[0], args[2]))
        }
        "swv" => a.sliding_window_view(&numbers::<usize>(args[0]), &numbers(args[1])),
        "rolling" => {
            let mut rolling = a.rolling(axis(1), args[2].parse().unwrap());
            if let Ok(least) = args[3].parse() {
                rolling = rolling.min_periods(least);
            }
            rolling = rolling.center(args[4] == "c");
            match args[0] {
                "sum" => rolling.sum(),
                "mean" => rolling.mean(),
                "min" => rolling.min(),
                "max" => rolling.max(),
                "std@0" => rolling.std(0),
                "std@1" => rolling.reduce(SlidingKind::Std { ddof: 1 }),
                "var@1" => rolling.var(1),
                other => panic!("rolling {other}"),
            }
        }
        "coarsen" => {
            let windows: Vec<(isize, usize)> = args[1]
                .split(',')
                .filter_map(|pair| pair.split_once('='))
                .map(|(axis, window)| (axis.parse().unwrap(), window.parse().unwrap()))
                .collect();
            let boundary: CoarsenBoundary = args[2].parse().unwrap();
            a.coarsen(&windows, boundary, reduction(args[0]), None)
        }
        "filter" => {
            let (size, border, origin) = (
                numbers::<usize>(args[1]),
                border(args[2], args[3]),
                numbers(args[4]),
            );
            match args[0] {
                "uniform_filter" => a.uniform_filter(&size, border, &origin),
                "minimum_filter" => a.minimum_filter(&size, border, &origin),
                "maximum_filter" => a.maximum_filter(&size, border, &origin),
                "median_filter" => a.median_filter(&size, border, &origin),
                other => panic!("filter {other}"),
            }
        }
        "gauss" => {
            let (sigma, order) = (numbers::<f64>(args[0]), numbers::<usize>(args[1]));
            a.gaussian_filter(&sigma, &order, border(args[2], args[3]), number(4))
        }
        "corr1d" => {
            let weights = numbers::<f64>(args[0]);
            a.correlate1d(&weights, axis(1), border(args[2], args[3]), axis(4))
        }
        "conv1d" => {
            let weights = numbers::<f64>(args[0]);
            a.convolve1d(&weights, axis(1), border(args[2], args[3]), axis(4))
        }
        "convolve" => a.convolve(kernel(args[0]), mode(args[1])),
        "correlate" => a.correlate(kernel(args[0]), mode(args[1])),
        "ndcorr" => {
            a.ndimage_correlate(kernel(args[0]), border(args[1], args[2]), &numbers(args[3]))
        }
        "ndconv" => {
            a.ndimage_convolve(kernel(args[0]), border(args[1], args[2]), &numbers(args[3]))
        }
        "r" if args.len() == 2 => {
            let options = ReduceOptions {
                skipna: Some(false),
                keepdims: false,
            };
            a.reduce(reduction(args[0]), &numbers(args[1]), options)
        }
        _ => {
            assert!(binary_named(name).is_some(), "unknown word {name}");
            return None;
        }
    })
}
