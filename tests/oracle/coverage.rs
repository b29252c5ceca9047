//! Every public operation on arrays is proved: a golden program has its name (or the word that stands for it), or a test calls
//! it by name.

use super::support::elements::elements;
use super::support::files::{limits, on_tiles};
use super::support::oracle::{difference, oracle, read_golden};
use hyperslab::comm::Fabric;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Files that give words of golden programs their methods.
const WORDS: &[&str] = &[
    "support/oracle.rs",
    "support/along.rs",
    "support/elements.rs",
];

/// What is no operation on elements, with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("new", "made by all others"),
    ("failed", "carries the errors of all others"),
    ("session", "an accessor"),
    ("node", "an accessor"),
    ("name", "an accessor of modes"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => sources(&path, found),
            path if path.extension().is_some_and(|e| e == "rs") => found.push(path),
            _ => {}
        }
    }
}

/// The words of a text: runs of letters, digits and underscores.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

/// Names of the public functions of `src/array`, written out or in the tables of macros.
fn operations(root: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut files = Vec::new();
    sources(&root.join("src/array"), &mut files);
    for file in files {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let line = line.trim_start();
            let line = match line.strip_prefix("#[doc = ") {
                // The reductions' table has its lines so: `#[doc = "Sum."] sum, nansum => Sum;`
                Some(rest) => rest.split_once("\"] ").map_or("", |(_, rest)| rest),
                None => line,
            };
            // `pub fn $name` is in the table of its macro.
            if let Some(rest) = line
                .strip_prefix("pub fn ")
                .filter(|rest| !rest.starts_with('$'))
            {
                names.extend(words(rest).next().map(str::to_owned));
                continue;
            }
            // `sqrt => Sqrt, "√x";`, `fft, fft2, fftn => Forward;`
            if let Some((left, right)) = line.split_once(" => ")
                && right.ends_with(';')
                && right.starts_with(char::is_uppercase)
                && left
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_, ".contains(c))
            {
                names.extend(words(left).map(str::to_owned));
            }
        }
    }
    names
}

#[test]
fn every_operation_has_a_golden_program_or_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let operations = operations(root);
    assert!(operations.len() > 250, "{} operations", operations.len());
    let shapes = read_golden("shapes.bin");
    let mut golden: BTreeSet<String> = BTreeSet::new();
    for case in oracle()
        .cases
        .iter()
        .chain(&elements().cases)
        .chain(&shapes.cases)
    {
        golden.extend(words(&case.program).map(str::to_owned));
    }
    let mut files = Vec::new();
    sources(&root.join("tests"), &mut files);
    let mut proved = golden.clone();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let of_words = WORDS.iter().any(|name| file.ends_with(name));
        let mut word: Vec<&str> = Vec::new();
        for line in text.lines() {
            if !of_words {
                // `x.roll(…)`, `select(…)`
                proved.extend(line.match_indices('(').filter_map(|(at, _)| {
                    let before = &line[..at];
                    words(before)
                        .last()
                        .filter(|w| before.ends_with(w))
                        .map(str::to_owned)
                }));
                continue;
            }
            // `"rl" => top.roll(…)`, or the method on the lines below.
            if let Some((left, _)) = line.split_once(" =>")
                && left.trim_start().starts_with('"')
            {
                word = left.split('"').skip(1).step_by(2).collect();
            }
            if word.iter().any(|word| golden.contains(*word)) {
                proved.extend(line.match_indices("(").filter_map(|(at, _)| {
                    let before = &line[..at];
                    words(before)
                        .last()
                        .filter(|w| before.ends_with(w))
                        .map(str::to_owned)
                }));
            }
        }
    }
    let excepted: BTreeSet<&str> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
    let missing: Vec<&String> = operations
        .iter()
        .filter(|name| !proved.contains(*name) && !excepted.contains(name.as_str()))
        .filter(|name| !element_wise(name))
        .collect();
    assert!(
        missing.is_empty(),
        "without a golden program or a test: {missing:?}"
    );
    let gone: Vec<_> = excepted
        .iter()
        .filter(|name| !operations.contains(**name))
        .collect();
    assert!(gone.is_empty(), "excepted, but gone: {gone:?}");
}

/// Element-wise operations have golden data of their own, by the name of their record (`kernel.txt`, which
/// `tests/laws.rs::every_operation_has_golden_data` holds complete); other names of one are methods of the same table.
fn element_wise(name: &str) -> bool {
    let table = include_str!("../../src/array/element_wise.rs");
    table
        .lines()
        .any(|line| line.trim_start().starts_with(&format!("{name} => ")))
}

/// Kinds of dtypes: bool, signed and unsigned integers, floats, complex numbers, times.
const ALL_KINDS: &str = "biufct";

/// Operations that golden data does not have for all kinds, with the kinds that it has, and why.
const SOME_KINDS: &[(&str, &str, &str)] = &[
    (
        "biu",
        "bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor invert \
      left_shift right_shift",
        "of bits",
    ),
    (
        "iu",
        "gcd lcm ravel_multi_index unravel_index",
        "of integers",
    ),
    ("if", "ldexp", "exponents are integers"),
    (
        "iuf",
        "arctan2 atan2 cbrt clip convolve convolve1d copysign correlate correlate1d deg2rad degrees divmod fabs frexp \
      gaussian_filter heaviside hypot i0 logaddexp logaddexp2 maximum_filter median_filter minimum_filter modf nan_to_num \
      ndimage_convolve ndimage_correlate nextafter piecewise rad2deg radians rolling coarsen round select uniform_filter",
        "of real numbers; NumPy answers bools with half floats or not at all",
    ),
    ("f", "rint", "integers stay what they are"),
    (
        "iufc",
        "acos acosh arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh corrcoef cos cosh cov exp exp2 expm1 \
      gradient log log10 log1p log2 sin sinh sqrt tan tanh",
        "of numbers; NumPy answers bools with half floats",
    ),
    (
        "biuf",
        "ceil floor fmod ihfft isneginf isposinf kurtosis moment rfft rfft2 rfftn signbit skew trunc",
        "of real numbers",
    ),
    ("iuft", "ptp", "differences of what has an order"),
    (
        "biuft",
        "argmax argmin bfill cummax cummin ffill floor_divide max min nanargmax nanargmin nancummax nancummin nanmax nanmin \
      remainder searchsorted",
        "of what has an order",
    ),
    ("iufct", "ediff1d negative positive sign", "not of bools"),
    (
        "biufc",
        "any allclose angle average conj conjugate cumprod cumulative_prod fft fft2 fftn float_power full full_like hfft ifft ifft2 \
      ifftn imag irfft irfft2 irfftn isclose iscomplex isin isreal logical_and logical_not logical_or logical_xor nancumprod \
      nancumsum nanprod nanstd nanvar pow power prod real reciprocal sinc square std trapezoid",
        "of numbers",
    ),
    (
        "f",
        "empty eye fftfreq fromfunction identity linspace rfftfreq tri",
        "float64 is made",
    ),
    ("f", "frexp_exponent frexp_mantissa", "by frexp"),
    ("i", "tril_indices triu_indices", "int64 is made"),
    ("if", "arange indices", "int64 or float64 is made"),
];

/// What has no golden data: accessors, what is proved against itself (kernels, random numbers), other forms of what is proved.
const NO_GOLDEN_DATA: &str = "new failed session node name check shape ndim dtype chunk_shape compute_block compute persist \
    release item store function rechunk_axes zeros ones indices_1d from_block from_ndarray scalar finfo iinfo isdtype can_cast \
    result_type tril_indices_from triu_indices_from from_fn from_blocks from_delayed apply_along_axis blockwise masked binary \
    binary_reversed unary map_blocks map_overlap constant default_rng random random_as uniform standard_normal normal \
    exponential integers empty_like reduce reduction apply_over_axes group_reduce min_periods center";

/// A new operation has golden data for all kinds of dtypes, or a line above says for which and why.
#[test]
fn every_operation_has_golden_data_of_its_dtypes() {
    let kind = |dtype: &String| match dtype.as_str() {
        "bool" => 'b',
        name if name.starts_with("int") => 'i',
        name if name.starts_with("uint") => 'u',
        name if name.starts_with("float") => 'f',
        name if name.starts_with("complex") => 'c',
        _ => 't',
    };
    let mut wrong = Vec::new();
    let tested = super::support::api::tested_functions();
    for (name, dtypes) in &tested {
        let kinds: BTreeSet<char> = dtypes.iter().map(kind).collect();
        let found: String = ALL_KINDS.chars().filter(|k| kinds.contains(k)).collect();
        let listed = SOME_KINDS
            .iter()
            .find(|(_, names, _)| names.split_whitespace().any(|n| n == name))
            .map(|(kinds, ..)| *kinds);
        let none = NO_GOLDEN_DATA.split_whitespace().any(|n| n == name);
        let wanted = listed.unwrap_or(if none { "" } else { ALL_KINDS });
        if found != wanted {
            wrong.push(format!("{name}: {found:?}, not {wanted:?}"));
        }
    }
    for name in SOME_KINDS
        .iter()
        .flat_map(|(_, names, _)| names.split_whitespace())
        .chain(NO_GOLDEN_DATA.split_whitespace())
    {
        if !tested.contains_key(name) {
            wrong.push(format!("{name} is listed, but gone"));
        }
    }
    assert!(
        wrong.is_empty(),
        "kinds of dtypes with golden data: {wrong:#?}"
    );
}

/// Methods that only name another one in short give what that gives.
#[test]
fn short_forms_are_the_long_ones() {
    use hyperslab::array::{ChunkLen, ReduceOptions};
    use hyperslab::dtype::{DType, Scalar};
    use hyperslab::op::ReductionKind as R;
    on_tiles(3, Fabric::Threads(2), limits(1, 64 << 20), |driver| {
        let values = |index: ndarray::IxDyn| match index[0] * 5 + index[1] * 3 + index[2] {
            n if n % 7 == 3 => f64::NAN,
            n => n as f64 / 4.0 - 3.0,
        };
        let x = ndarray::ArrayD::from_shape_fn(vec![4, 3, 5], values);
        let x = driver.from_ndarray(x).chunk(&[2, 3, 2]);
        let long = |kind| {
            let options = ReduceOptions {
                skipna: Some(true),
                keepdims: false,
            };
            x.reduce(kind, &[1], options)
        };
        for (short, long) in [
            (x.nanmin(&[1]), long(R::Min)),
            (x.nanmax(&[1]), long(R::Max)),
            (x.nanprod(&[1]), long(R::Prod)),
            (x.nanvar(&[1], 1), long(R::Var { ddof: 1 })),
            (x.matrix_transpose(), x.swapaxes(-1, -2)),
            (
                x.repeat_each(&[2, 0, 1], Some(1)),
                x.take(&[0, 0, 2], Some(1)),
            ),
            (x.empty_like(), &x.fillna(0.0) * 0.0),
            (
                driver.scalar(Scalar::I64(3), DType::F32)?,
                driver.full(&[], 3.0).astype(DType::F32),
            ),
        ] {
            let (short, long) = (short.compute_block()?, long.compute_block()?);
            assert_eq!(difference(&short, &long, 0.0, false), None);
        }
        let chunked = x.rechunk_axes(&[(-1, ChunkLen::Of(4)), (0, ChunkLen::Whole)], None);
        assert_eq!(chunked.chunk_shape(), [4, 3, 4]);
        Ok(())
    })
    .unwrap();
}
