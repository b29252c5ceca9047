//! Bad input that the scripts' tables do not reach: refused at the call, with operation, value and what is allowed.

use super::support::files::{limits, on, on_tiles};
use hyperslab::array::{
    Array, Border, Boundary, CoarsenBoundary, ConvolveMode, Cuts, Index, Nested, Norm, PadMode,
    ReduceOptions, Spacing, block, meshgrid,
};
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::driver::Driver;
use hyperslab::dtype::{DType, Scalar};
use hyperslab::geom::Span;
use hyperslab::op::{ReductionKind, SlidingKind};
use std::sync::Arc;

/// What is refused, with its text.
fn refused(driver: &Driver) -> Vec<(Result<(), hyperslab::Error>, &'static str)> {
    let x = driver.zeros(&[6, 5]);
    let line = driver.arange(0i64, 6i64, 1i64);
    let word = x.astype(DType::Bool);
    let c = x.astype(DType::C128);
    let time = line.astype("datetime64[s]".parse().unwrap());
    let kernel = |shape: &[usize]| Block::zeros(DType::F64, shape);
    let a = |array: Array| array.check();
    let list = |made: hyperslab::Result<Vec<Array>>| made.map(|_| ());
    let rolling = |array: &Array, window| array.rolling(0, window).reduce(SlidingKind::Sum);
    let first = |axes: &[isize]| x.reduce(ReductionKind::First, axes, ReduceOptions::default());
    let group = |codes: Vec<u32>| x.group_reduce(ReductionKind::Sum, 0, Arc::new(codes), 2, None);
    vec![
        (
            line.compute::<f64>().map(|_| ()),
            "compute: the array is int64, not float64; cast it first",
        ),
        (
            x.item().map(|_| ()),
            "item: the array has shape [6, 5]; only arrays of one element have one item",
        ),
        (
            a(x.rechunk(&[4.into(), 4.into()], Some(3))),
            "rechunk: a limit of 3 bytes; an element has 8",
        ),
        (
            list(x.gradient(&[1.0, 1.0, 1.0].map(Spacing::Even), &[], 1)),
            "gradient: 3 spacings for 2 axes; give none, one, or one per axis",
        ),
        (a(x.set_at("...", 1i64)), ""),
        (
            a(x.set_at("[0, 1], [1, 2]", 1i64)),
            "set_at: several lists, or one of several axes; one list of one axis is possible",
        ),
        (
            a(x.set_at(&word, &line)),
            "set_at: values of shape [6] under a mask of several axes; one value is possible, or x.where_or(!mask, values)",
        ),
        (
            a(x.delete(Index::Ellipsis, Some(0))),
            "delete: an ellipsis or a new axis is no index here; allowed are integers, slices, lists and masks",
        ),
        (
            a(x.gaussian_filter(&[-1.0], &[], Border::Reflect, 4.0)),
            "gaussian_filter: sigma -1 with truncate 4 on axis 0; allowed are numbers from 0 with sigma · truncate below",
        ),
        (
            a(x.gaussian_filter(&[1.0, 1.0, 1.0], &[], Border::Reflect, 4.0)),
            "gaussian_filter: 3 sigmas for 2 axes; give one, or one per axis",
        ),
        (
            a(x.ndimage_correlate(&kernel(&[3]), Border::Reflect, &[])),
            "ndimage_correlate: a kernel of shape [3] for an array with 2 axes; they must have as many",
        ),
        (
            a(x.uniform_filter(&[0, 3], Border::Reflect, &[])),
            "uniform_filter: ",
        ),
        (
            a(x.median_filter(&[1 << 10, 1 << 10], Border::Reflect, &[])),
            "median_filter: a window of shape [1024, 1024] has 1048576 elements; allowed are 1 … 65536",
        ),
        (
            a(x.convolve(&kernel(&[3]), ConvolveMode::Full)),
            "convolve: a kernel of shape [3] for an array of shape [6, 5]; they must have as many axes, at least one",
        ),
        (
            a(x.correlate(&kernel(&[0, 2]), ConvolveMode::Full)),
            "correlate: a kernel of shape [0, 2] for an array of shape [6, 5]; neither may be empty",
        ),
        (
            a(driver.fftfreq(0, 1.0)),
            "fftfreq: n is 0; it must be at least 1",
        ),
        (
            a(driver.rfftfreq(0, 1.0)),
            "rfftfreq: n is 0; it must be at least 1",
        ),
        (a(x.fftn(None, Some(&[]), Norm::Backward)), ""),
        (a(x.select(&[Span::all(6)])), "select: 1 spans for 2 axes"),
        (
            a(x.select(&[Span::all(7), Span::all(5)])),
            "lies outside axis 0 of length 6",
        ),
        (
            list(x.array_split(Cuts::Parts(0), 0)),
            "array_split: 0 parts; there must be at least 1",
        ),
        (
            block(&Nested::List(vec![Nested::List(vec![])])).map(|_| ()),
            "block: an empty list; each must hold at least one array",
        ),
        (
            a(x.masked(&line)),
            "index: a mask of int64 [6] over an array of shape [6, 5]; it must be bool and of the same shape",
        ),
        (
            a(x.compress(&x, Some(0))),
            "compress: a condition of shape [6, 5]; it must have one axis",
        ),
        (
            a(driver
                .zeros(&[0, 5])
                .take_along_axis(&driver.zeros(&[2, 5]).astype(DType::I64), 0)),
            "take_along_axis: axis 0 is empty; there is nothing to take",
        ),
        (
            a(x.map_overlap("none", &[], &[1], &[Boundary::None], DType::F64, &[])),
            "map_overlap: ",
        ),
        (
            a(x.pad(&[(1, 1); 3], &PadMode::Edge)),
            "pad: 3 widths for 2 axes; give one pair for all axes, or one per axis",
        ),
        (
            a(x.pad(&[], &PadMode::Edge)),
            "pad: no widths; give one pair for all axes, or one per axis",
        ),
        (
            a(c.pad(&[(1, 1)], &PadMode::LinearRamp(vec![]))),
            "pad: mode linear_ramp is not defined for complex128; allowed: real numbers",
        ),
        (
            a(driver
                .default_rng(1)
                .normal(driver.zeros(&[3, 3]), 1.0, &[3])),
            "normal: loc and scale of shape [3, 3] do not broadcast to size [3]",
        ),
        (
            a(driver.arange(
                Scalar::C128(num_complex::Complex::new(1.0, 0.0)),
                3i64,
                1i64,
            )),
            "is complex128; allowed are integers and floats",
        ),
        (
            a(meshgrid(&[&line, &line], "yx").pop().unwrap_or(x.clone())),
            "meshgrid: indexing \"yx\" is not allowed; allowed are \"xy\" and \"ij\"",
        ),
        (
            a(driver.zeros(&[2, 3, 4]).argmax(&[0, 1])),
            "argmax: along one axis or over all, not over axes [0, 1] of 3",
        ),
        (
            a(first(&[0, 1])),
            "first: along one axis, not over axes [0, 1]: elements have an order along an axis only",
        ),
        (
            a(group(vec![0, 1])),
            "groupby: 2 labels for an axis of length 6",
        ),
        (
            a(group(vec![0, 1, 2, 0, 0, 0])),
            "groupby: label 2 with 2 groups; allowed are 0 … 1",
        ),
        (
            a(x.cumulative_sum(None, false)),
            "cumulative_sum: an array with 2 axes needs `axis`; it may be left out for 1 axis only",
        ),
        (
            a(x.ffill(0, Some(0))),
            "ffill: limit 0 is not allowed; give at least 1, or nothing for no limit",
        ),
        (
            a(x.moveaxis(&[0, 1], &[0])),
            "moveaxis: 2 axes to 1 places; the numbers must be equal",
        ),
        (
            a(x.sliding_window_view(&[2], &[])),
            "sliding_window_view: 1 windows for 2 axes; give one per axis",
        ),
        (
            a(x.coarsen(&[(0, 0)], CoarsenBoundary::Trim, ReductionKind::Sum, None)),
            "coarsen: a window of 0 on axis 0; give at least 1, once per axis",
        ),
        (a(rolling(&x, 0)), "rolling: a window of 0; give at least 1"),
        (
            a(rolling(&c, 2)),
            "rolling: not defined for complex128; allowed: real numbers and bool",
        ),
        (
            a(rolling(&time, 2)),
            "rolling: not defined for datetime64[s]; allowed: real numbers and bool",
        ),
        // Dtypes are named, never converted in silence.
        (a(time.sum(&[])), "sum: not defined for datetime64[s]"),
        (a(c.max(&[])), "max: not defined for complex128"),
        (a(word.negative()), "negative: not defined for bool"),
        (a(x.bitwise_and(&x)), "bitwise_and: not defined for float64"),
        (a(c.floor()), "floor: not defined for complex128"),
        (a(time.cumsum(0)), "datetime64[s]"),
        (a(c.argmax(&[])), "argmax: not defined for complex128"),
        (
            a(time.fft(None, 0, Norm::Backward)),
            "fft: not defined for datetime64[s]",
        ),
    ]
}

#[test]
fn bad_input_of_arrays_is_named() {
    on(Fabric::Solo, limits(1, 64 << 20), |driver| {
        let mut wrong = Vec::new();
        for (number, (found, text)) in refused(driver).into_iter().enumerate() {
            match found {
                // Without a text: it is allowed.
                Ok(()) if text.is_empty() => {}
                Ok(()) => wrong.push(format!("{number}: nothing is refused, expected {text}")),
                Err(error) if text.is_empty() || !error.message().contains(text) => {
                    wrong.push(format!(
                        "{number}: {}\n    expected {text}",
                        error.message()
                    ));
                }
                Err(_) => {}
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    })
    .unwrap();
}

type Work = fn(&Array) -> hyperslab::Result<()>;

/// Operations over budget say which stage, how much, the budget, and what to change; nothing is read before.
#[test]
fn operations_over_budget_say_what_to_change() {
    let small = limits(1, 1 << 20);
    let refused = |work: fn(&Array) -> hyperslab::Result<()>| {
        let done = on_tiles(1 << 16, Fabric::Threads(2), small.clone(), |driver| {
            work(
                &driver
                    .default_rng(1)
                    .random(&[2048, 1024])
                    .chunk(&[256, 256]),
            )
        });
        done.err()
            .map_or("nothing is refused".to_owned(), |e| e.message().to_owned())
    };
    let cases: [(Work, &str); 5] = [
        (
            |x| x.compute_block().map(|_| ()),
            "save the result to a file instead of computing it onto rank 0",
        ),
        (
            |x| x.persist().map(|_| ()),
            "use more ranks, or save to a file what `persist` would keep in memory",
        ),
        (
            |x| {
                x.fft(None, 0, Norm::Backward)
                    .sum(&[])
                    .compute_block()
                    .map(|_| ())
            },
            "the budget is 1.00 MiB per rank",
        ),
        (
            |x| x.transpose(&[1, 0]).persist().map(|_| ()),
            "use more ranks, or save to a file what `persist` would keep in memory",
        ),
        (
            |x| {
                x.median_filter(&[5, 5], Border::Reflect, &[])
                    .persist()
                    .map(|_| ())
            },
            "use more ranks",
        ),
    ];
    for (number, (work, advice)) in cases.into_iter().enumerate() {
        let message = refused(work);
        for text in [
            "the plan does not fit the memory budget: stage ",
            " needs ",
            "Raise it (`--memory ",
            advice,
        ] {
            assert!(
                message.contains(text),
                "{number}: {message}\n    expected {text}"
            );
        }
    }
}
