//! Kernels, choices, arithmetic of indices, dtypes and `store` in scripts.

use super::{fails, prints, run_with};
use hyperslab::Result;
use hyperslab::kernel::{FoldKernels, KernelCall, register_kernel, register_reduction};

/// Row and column of the element, as two digits, and a parameter.
fn places(call: &mut KernelCall<'_>) -> Result<()> {
    let (start, more) = (call.start().to_vec(), call.params().first().copied());
    for (at, out) in call.output::<f64>()?.indexed_iter_mut() {
        let tens = if start.len() > 1 {
            10 * (start[0] + at[0])
        } else {
            0
        };
        let last = start.len() - 1;
        *out = (tens + start[last] + at[last]) as f64 + more.unwrap_or(0.0);
    }
    Ok(())
}

fn backwards(call: &mut KernelCall<'_>) -> Result<()> {
    call.each_line(|line: ndarray::ArrayView1<'_, f64>, mut out| {
        let turned: Vec<f64> = line.iter().rev().copied().collect();
        out.iter_mut()
            .zip(turned)
            .for_each(|(out, value)| *out = value);
        Ok(())
    })
}

fn outer(call: &mut KernelCall<'_>) -> Result<()> {
    let (a, b) = (call.input::<f64>(0)?, call.input::<f64>(1)?);
    for (at, out) in call.output::<f64>()?.indexed_iter_mut() {
        *out = a[at[0]] * b[at[1]];
    }
    Ok(())
}

struct Product;

impl FoldKernels for Product {
    type Item = f64;
    type Partial = f64;
    type Output = f64;
    fn empty() -> f64 {
        1.0
    }
    fn chunk(partial: &mut f64, elements: &[f64]) {
        *partial *= elements.iter().product::<f64>();
    }
    fn combine(partial: &mut f64, other: &f64) {
        *partial *= other;
    }
    fn finalize(partial: &f64) -> Result<f64> {
        Ok(*partial)
    }
}

fn register() {
    register_kernel("places", places).unwrap();
    register_kernel("backwards", backwards).unwrap();
    register_kernel("outer", outer).unwrap();
    register_reduction::<Product>("product").unwrap();
}

/// What `expression` prints when it is computed, `x` = [[-4, -3, -2], [-1, 0, 1]] and `v` = [0.5, 1.0, 4.0] at hand.
fn shown(expression: &str) -> String {
    const LIST: &str = "fn list(x) { if type_of(x) == \"array\" { return \"\" + x.map(|y| list(y)); } \
         if x.ndim == 0 { return \"\" + x.item(); } \
         let text = \"[\"; for i in 0..x.shape[0] { if i > 0 { text += \", \"; } text += list(x[i]); } text + \"]\" }\n";
    let source = format!(
        "{LIST}let x = array([[-4, -3, -2], [-1, 0, 1]]); let v = array([0.5, 1.0, 4.0]); print(list({expression}));"
    );
    prints(&source).join("|")
}

#[test]
fn kernels_and_choices_have_their_names() {
    register();
    for (expression, expected) in [
        (
            "from_fn(\"places\", [2, 3], \"float64\", [0.5])",
            "[[0.5, 1.5, 2.5], [10.5, 11.5, 12.5]]",
        ),
        (
            "from_blocks(\"places\", [2, 3], [1, 2], \"float64\")",
            "[[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]]",
        ),
        (
            "stack([from_delayed(\"places\", [3], [2], \"float64\"), from_delayed(\"places\", 7, [2], \"float64\")], 0)",
            "[[3.0, 4.0], [7.0, 8.0]]",
        ),
        (
            "v.apply_along_axis(\"backwards\", 0, #{ len: 3 })",
            "[4.0, 1.0, 0.5]",
        ),
        (
            "blockwise(\"outer\", \"ij\", [v, \"i\", v, \"j\"], \"float64\")[2]",
            "[2.0, 4.0, 16.0]",
        ),
        ("v.reduction(\"product\")", "2.0"),
        (
            "(x * 1.0).reduction(\"product\", 1, #{ keepdims: true })",
            "[[-24.0], [0.0]]",
        ),
        ("x.apply_over_axes(|a, axis| a.sum(axis), [0, 1])", "[[-9]]"),
        (
            "x.choose([10, 20, 30], \"wrap\")",
            "[[30, 10, 20], [30, 10, 20]]",
        ),
        (
            "x.choose([v, 7.5], \"clip\")",
            "[[0.5, 1.0, 4.0], [0.5, 1.0, 7.5]]",
        ),
        (
            "x.piecewise([x < -2, x == 0], [|a| -a, 9])",
            "[[4, 3, 0], [0, 9, 0]]",
        ),
        (
            "x.piecewise([x < -2], [1, |a| a * 2])",
            "[[1, 1, -4], [-2, 0, 2]]",
        ),
        (
            "array([-1.5, 2.25]).modf()",
            "[\"[-0.5, 0.25]\", \"[-1.0, 2.0]\"]",
        ),
        ("v.frexp()", "[\"[0.5, 0.5, 0.5]\", \"[0, 1, 3]\"]"),
        ("v.ldexp(array([1, 2, -2]))", "[1.0, 4.0, 1.0]"),
        ("v.i0()[0] > 1.0634 & v.i0()[0] < 1.0635", "true"),
        ("v.notnull()", "[true, true, true]"),
        ("x.ediff1d(array([5]))", "[1, 1, 1, 1, 1, 5]"),
        ("x.ediff1d((), array([5]))", "[5, 1, 1, 1, 1, 1]"),
        ("x.rollaxis(1)[0]", "[-4, -1]"),
        (
            "ravel_multi_index([array([0, 1]), array([2, 5])], [2, 3], #{ mode: [\"raise\", \"clip\"] })",
            "[2, 5]",
        ),
        (
            "ravel_multi_index([array([0, 1]), array([2, 1])], [2, 3], #{ order: \"F\" })",
            "[4, 3]",
        ),
        (
            "array([4, 5]).unravel_index([2, 3])",
            "[\"[1, 1]\", \"[1, 2]\"]",
        ),
        (
            "array([4, 3]).unravel_index([2, 3], \"F\")",
            "[\"[0, 1]\", \"[2, 1]\"]",
        ),
        ("tril_indices(2)", "[\"[0, 1, 1]\", \"[0, 0, 1]\"]"),
        (
            "triu_indices(2, 0, 3)",
            "[\"[0, 0, 0, 1, 1]\", \"[0, 1, 2, 1, 2]\"]",
        ),
        ("x.tril_indices_from(-1)", "[\"[1]\", \"[0]\"]"),
        ("x.triu_indices_from(1)", "[\"[0, 0, 1]\", \"[1, 2, 2]\"]"),
    ] {
        assert_eq!(shown(expression), expected, "{expression}");
    }
    assert_eq!(
        prints(
            "let x = array([1, 2]); print(can_cast(x, \"float64\")); print(can_cast(\"int64\", \"int32\")); \
             print(can_cast(\"int64\", \"int32\", \"same_kind\")); print(result_type(x, 2.5)); \
             print(result_type(\"float32\", 2.5)); print(result_type(\"int8\", \"uint8\")); print(isdtype(x, \"integral\")); \
             print(finfo(\"float32\").eps); print(finfo(\"complex128\").dtype); print(iinfo(\"int8\").min); \
             print(iinfo(\"uint64\").bits);"
        ),
        [
            "true",
            "false",
            "true",
            "float64",
            "float32",
            "int16",
            "true",
            "0.00000011920928955078125",
            "float64",
            "-128",
            "64"
        ]
    );
}

#[test]
fn bad_input_is_named() {
    register();
    for (source, words) in [
        (
            "v.reduction(\"prodct\")",
            "reduction: unknown reduction \"prodct\"; known: product",
        ),
        (
            "from_fn(\"palces\", [3], \"float64\")",
            "from_fn: unknown kernel \"palces\"; known: places",
        ),
        (
            "from_blocks(\"places\", [3], [1, 1], \"float64\")",
            "from_blocks: pieces of [1, 1] for an array of shape [3]",
        ),
        (
            "blockwise(\"outer\", \"ij\", [v, \"i\", v], \"float64\")",
            "blockwise: an Array without labels",
        ),
        (
            "x.choose([1, 2, 3]).compute()",
            "choose: index -4 is out of range; allowed are 0 … 2",
        ),
        (
            "v.choose([1, 2, 3])",
            "choose: index of float64; allowed are integers",
        ),
        ("x.choose([])", "choose: no choices; at least one is needed"),
        (
            "x.choose([1], \"wrong\")",
            "mode \"wrong\" is not allowed; allowed are \"raise\", \"wrap\" and \"clip\"",
        ),
        (
            "x.piecewise([x < 0], [1, 2, 3])",
            "piecewise: 3 choices for 1 conditions; give at least one condition",
        ),
        (
            "x.ediff1d(v)",
            "ediff1d: to_end is float64, which does not become int64",
        ),
        (
            "x.rollaxis(0, 3)",
            "rollaxis: start 3 for 2 axes; allowed are -2 … 2",
        ),
        (
            "ravel_multi_index([x], [2, 3])",
            "ravel_multi_index: 1 index arrays and 2 modes for an array of shape [2, 3]",
        ),
        (
            "compute(ravel_multi_index([x, x], [2, 3]))",
            "ravel_multi_index: index along axis 0 -4 is out of range; allowed are 0 … 1",
        ),
        (
            "compute(array([6]).unravel_index([2, 3])[0])",
            "unravel_index: index 6 is out of range; allowed are 0 … 5",
        ),
        (
            "v.tril_indices_from()",
            "tril_indices_from: the array has shape [3]; a matrix of two axes is needed",
        ),
        (
            "v.ldexp(v)",
            "ldexp: not defined for float64 and float64; allowed: real numbers and integers up to int64",
        ),
        (
            "(v * 1).astype(\"complex64\").frexp()",
            "frexp_mantissa: not defined for complex64; allowed: real numbers",
        ),
        (
            "can_cast(x, \"int8\", \"rough\")",
            "can_cast: casting \"rough\" is not allowed",
        ),
        (
            "isdtype(x, \"wide\")",
            "isdtype: unknown kind \"wide\"; known are \"bool\"",
        ),
        (
            "finfo(x)",
            "finfo: int64 is no float; allowed are floats and complex numbers",
        ),
        ("iinfo(v)", "iinfo: float64 is no integer"),
        (
            "x.apply_over_axes(|a, axis| a.sum(axis), [2])",
            "apply_over_axes: axis 2",
        ),
        (
            "x.apply_over_axes(|a, axis| 3, [0])",
            "apply_over_axes: the integer 3 is not allowed here; give an Array",
        ),
        (
            "store(#{ a: 3 }, \"x.nc\")",
            "store: the integer 3 is not allowed here; give an Array",
        ),
    ] {
        let error = fails(&format!(
            "let x = array([[-4, -3, -2], [-1, 0, 1]]); let v = array([0.5, 1.0, 4.0]); {source};"
        ));
        assert!(error.message().contains(words), "{source}: {error}");
    }
}

#[test]
fn arrays_are_stored_under_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.nc");
    let source = "let x = arange(12.0).reshape([3, 4]); \
         store(#{ a: x, b: x.sum(0) }, path, #{ deflate: 4, shuffle: true }); \
         let d = open(path); print(d.variables); print(d.a.sum()); print(d.b.dims); \
         store(#{ a: x }, path, #{ overwrite: true, chunks: [1, 4] }); print(open(path).variables);";
    let lines = run_with(&[("path", path.to_str().unwrap())], source).unwrap();
    assert_eq!(
        lines,
        ["[\"a\", \"b\"]", "66.0", "[\"b_dim_0\"]", "[\"a\"]"]
    );
}

/// xarray's answers for x = [1, NaN, 3, 5] along t = [10, 20, 30, 40].
#[test]
fn labelled_arrays_along_a_dimension() {
    const X: &str = "let x = data_array(array([1.0, 0.0, 3.0, 5.0]), [\"t\"], #{ t: [10, 20, 30, 40] }).rename(\"x\"); \
         x = x.where(x > 0); fn list(x) { x.shape[0]; let text = \"\"; for i in 0..x.shape[0] { \
         text += \" \" + x.isel(#{ t: i }).item(); } text }\n";
    for (expression, expected) in [
        ("x.cumsum(\"t\")", " 1.0 1.0 4.0 9.0"),
        ("x.cumprod(\"t\")", " 1.0 1.0 3.0 15.0"),
        ("x.ffill(\"t\")", " 1.0 1.0 3.0 5.0"),
        ("x.bfill(\"t\", 1)", " 1.0 3.0 3.0 5.0"),
        ("x.roll(\"t\", 1)", " 5.0 1.0 NaN 3.0"),
        ("x.shift(\"t\", 1)", " NaN 1.0 NaN 3.0"),
        ("x.shift(\"t\", -3)", " 5.0 NaN NaN NaN"),
        ("x.shift(\"t\", 9)", " NaN NaN NaN NaN"),
        (
            "x.notnull().astype(\"int8\").shift(\"t\", 1)",
            " NaN 1.0 0.0 1.0",
        ),
        ("x.fillna(0.0).diff(\"t\")", " -1.0 3.0 2.0"),
        ("x.fillna(0.0).diff(\"t\", 2)", " 4.0 -1.0"),
    ] {
        let printed = prints(&format!("{X}print(list({expression}));"));
        assert_eq!(printed, [expected], "{expression}");
    }
    let labels = prints(&format!(
        "{X}let d = x.diff(\"t\", 2); print(d.t.sum()); print(d.name); print(x.shift(\"t\", 2).t.sum());"
    ));
    assert_eq!(labels, ["70", "x", "100"]);
    for name in ["cumsum", "ffill", "diff"] {
        let error = fails(&format!("{X}x.{name}(\"u\");"));
        let words = format!("{name}: unknown dimension \"u\" of x; known: t");
        assert!(error.message().contains(&words), "{error}");
    }
}
