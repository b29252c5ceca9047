//! The script language: every operation under its name, every pair of types, errors at their line and column.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

#[path = "script/array_api.rs"]
mod array_api;
#[path = "script/times.rs"]
mod times;

use hyperslab::comm::Fabric;
use hyperslab::config::Limits;
use hyperslab::driver::{Config, launch_with};
use hyperslab::script::run_text;
use hyperslab::{Error, Result};

fn run_with(sets: &[(&str, &str)], source: &str) -> Result<Vec<String>> {
    let limits = Limits {
        threads: 1,
        reads: 2,
        ..Limits::default()
    };
    let config = Config {
        limits,
        fabric: Some(Fabric::Solo),
        ..Config::default()
    };
    let sets: Vec<(String, String)> = sets
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    let mut lines = Vec::new();
    launch_with(&config, |driver| {
        run_text(driver, "job.rhai", source, &sets, &mut |line| {
            lines.push(line.to_owned())
        })
    })
    .map_err(|(_, error)| error)?;
    Ok(lines)
}

fn prints(source: &str) -> Vec<String> {
    run_with(&[], source).unwrap_or_else(|e| panic!("{source}\n{e}"))
}

fn fails(source: &str) -> Error {
    match run_with(&[], source) {
        Ok(lines) => panic!("no error: {source}\n{lines:?}"),
        Err(error) => error,
    }
}

/// A small labelled array `a` (time: 3, y: 4), its values 0 … 11 as f64.
const A: &str = "let a = data_array(array([[0.0,1.0,2.0,3.0],[4.0,5.0,6.0,7.0],[8.0,9.0,10.0,11.0]]), [\"t\", \"y\"], \
                 #{ t: [10, 20, 30], y: [\"a\", \"b\", \"c\", \"d\"] }).rename(\"a\");\n";

fn with_a(source: &str) -> String {
    format!("{A}{source}")
}

#[track_caller]
fn gives(source: &str, expected: &[&str]) {
    assert_eq!(prints(&with_a(source)), expected, "{source}");
}

#[test]
fn the_many_chunks_example_prints_two() {
    let source = std::fs::read_to_string("examples/many_chunks.rhai").unwrap();
    assert_eq!(run_with(&[("chunks", "10")], &source).unwrap(), ["2.0"]);
}

#[test]
fn creation_and_chunks() {
    assert_eq!(
        prints("print(zeros([3, 4]).shape); print(ones(5).sum()); print(full(4, 7).sum());"),
        ["[3, 4]", "5.0", "28"]
    );
    assert_eq!(
        prints("print(ones([4, 6]).chunk([2, 3]).chunks); print(ones([4, 6]).chunk(2).chunks);"),
        ["[2, 3]", "[2, 2]"]
    );
    assert_eq!(
        prints("print(ones([4, 6]).chunk(#{ \"1\": 3 }).chunks);"),
        ["[4, 3]"]
    );
    assert_eq!(
        prints("print(array([1, 2, 3]).dtype); print(array([true, false]).dtype);"),
        ["int64", "bool"]
    );
    gives("print(a.chunk(#{ y: 2 }).chunks);", &["[3, 2]"]);
}

#[test]
fn creation_random_and_statistics_as_in_numpy() {
    let sums = |source: &str, expected: &[&str]| assert_eq!(prints(source), expected, "{source}");
    sums(
        "print(arange(5).sum()); print(arange(2, 10, 3).sum()); print(arange(0.0, 1.0, 0.25).sum());",
        &["10", "15", "1.5"],
    );
    sums(
        "print(linspace(0, 1, 5).sum()); print(linspace(0, 1).shape); print(eye(3).sum()); print(eye(3, 4, 1).shape);",
        &["2.5", "[50]", "3.0", "[3, 4]"],
    );
    sums(
        "print(tri(3).sum()); print(identity(4).sum()); print(indices([2, 3]).shape); print(empty([2]).shape);",
        &["6.0", "4.0", "[2, 2, 3]", "[2]"],
    );
    sums(
        "let g = meshgrid([arange(3), arange(4)]); print(g[0].shape); print(g[0].sum()); \
         print(meshgrid([arange(3), arange(4)], \"ij\")[1].sum());",
        &["[4, 3]", "12", "18"],
    );
    sums(
        "print(fromfunction(|i, j| i * 10 + j, [2, 3]).sum()); print(fromfunction(|i| i, [4], \"int16\").dtype);",
        &["36.0", "int16"],
    );
    sums(
        "let x = ones([3, 3]); print(x.tril().sum()); print(x.triu(1).sum()); print(x.diagonal().sum()); \
         print(arange(3).diag(1).shape); print(x.zeros_like().sum()); print(x.full_like(3).sum());",
        &["6.0", "3.0", "3.0", "[4, 4]", "0.0", "27.0"],
    );
    sums(
        "let a = default_rng(7); let b = default_rng(7); print((a.random([5, 4]) == b.random([5, 4])).all()); \
         print((a.random(9) == b.integers(0, 5, 9)).any()); print(a.normal(0, 1, [3]).dtype); \
         print(a.random(3, \"float32\").dtype); print(a.uniform(2, 3, [4]).min() >= 2); print(a.standard_normal(4).shape); \
         print(a.exponential(2.0, 8).min() >= 0);",
        &["true", "false", "float64", "float32", "true", "[4]", "true"],
    );
    sums(
        "let x = array([1.25, 2.75, -3.5]); print(x.round(1).sum()); print(x.round().sum()); print(x.isin([2.75, 9]).sum()); \
         print(x.clip((), 2).max()); print(x.hypot(0).sum()); print(x.cbrt().dtype); print(x.divmod(2)[0].sum()); \
         print(select([x < 0], [0], x).sum()); print(x.isclose(x).all()); print(x.allclose(x + 1)); print(x.nan_to_num().sum());",
        &[
            "0.5", "0.0", "1", "2.0", "7.5", "float64", "-1.0", "4.0", "true", "false", "0.5",
        ],
    );
    sums(
        "let x = array([[1, 2, 3, 4], [2, 4, 6, 9]]); print(x.ptp()); print(x.ptp(1).sum()); print(x.count_nonzero()); \
         print(x.average()); print(x.average(0, array([1, 3])).sum()); print(x.cov().shape); \
         print(x.corrcoef(#{ rowvar: false }).shape); print(x.moment(2, ()).dtype); print(x.skew(1).shape); \
         print(x.kurtosis(1, #{ fisher: false, bias: true }).shape);",
        &[
            "8", "10", "8", "3.875", "18.25", "[2, 2]", "[4, 4]", "float64", "[2]", "[2]",
        ],
    );
    for (source, says) in [
        ("default_rng(-1)", "seeds are at least 0"),
        ("default_rng(1).integers(3, 3)", "low must be below high"),
        ("meshgrid([1, 2])", "meshgrid: "),
        ("arange(\"a\")", "arange: "),
        ("default_rng(1) == ones(2)", "random generator"),
        ("ones(3).cov(#{ bias: true })", "unknown option"),
    ] {
        let error = fails(source).to_string();
        assert!(error.contains(says), "{source}: {error}");
    }
}

#[test]
fn operators_in_both_orders() {
    gives(
        "print((a + 1).sum()); print((1 + a).sum()); print((a + 0.5).sum());",
        &["78.0", "78.0", "72.0"],
    );
    gives(
        "print((10 - a).sum()); print((a - 10).sum()); print((-a).sum());",
        &["54.0", "-54.0", "-66.0"],
    );
    gives(
        "print((2 * a).max()); print((a / 2).max()); print((12.0 / (a + 1)).max());",
        &["22.0", "5.5", "12.0"],
    );
    gives(
        "print((a % 3).sum()); print((a ** 2).max()); print(floordiv(a, 4).sum());",
        &["12.0", "121.0", "12.0"],
    );
    gives(
        "print((a > 5).sum()); print((5 > a).sum()); print((a == 3).sum());",
        &["6", "5", "1"],
    );
    gives(
        "print((a == 2.0).sum()); print((a != 2.5).sum()); print((a >= a).all());",
        &["1", "12", "true"],
    );
    gives(
        "let i = a.astype(\"int32\"); print((i & 3).sum()); print((1 | i).min());",
        &["18", "1"],
    );
    gives(
        "let i = a.astype(\"int32\"); print((i << 1).max()); print((i >> 1).max()); print((i ^ i).sum());",
        &["22", "5", "0"],
    );
    gives(
        "let m = a > 3 & a < 8; print(m.sum()); print((!(a > 3)).sum()); print((m ^ true).sum());",
        &["4", "4", "8"],
    );
    gives(
        "let b = a; b += 1; print(b.min()); print(a.min());",
        &["1.0", "0.0"],
    );
    gives(
        "print(\"mean: \" + a.mean()); print(`max ${a.max()}`);",
        &["mean: 5.5", "max 11.0"],
    );
    assert_eq!(
        prints("print((ones(3) * [1][0]).sum()); print((2 - ones(3)).sum());"),
        ["3.0", "3.0"]
    );
}

#[test]
fn reductions_and_options() {
    gives(
        "print(a.mean(\"t\").shape); print(a.sum([\"t\", \"y\"])); print(a.std(#{ ddof: 1 }));",
        &["[4]", "66.0", "3.605551275463989"],
    );
    gives(
        "print(a.var(\"y\").sum()); print(a.prod()); print(a.count()); print(a.argmax());",
        &["3.75", "0.0", "12", "11"],
    );
    gives(
        "let n = a.where(a > 3); print(n.sum()); print(n.sum(#{ skipna: false })); print(n.min());",
        &["60.0", "NaN", "4.0"],
    );
    gives(
        "print(a.any()); print(a.all()); print(a.argmin(\"y\").sum());",
        &["true", "false", "0"],
    );
    assert_eq!(
        prints(
            "let x = array([1.0, 0.0 / 0.0]); print(x.sum()); print(x.nansum()); print(x.mean(0, #{ skipna: true }));"
        ),
        ["NaN", "1.0", "1.0"]
    );
    assert_eq!(
        prints("print(ones([2, 3]).sum(1, #{ keepdims: true }).shape);"),
        ["[2, 1]"]
    );
}

#[test]
fn selection() {
    gives(
        "print(a.isel(#{ t: 0, y: 1..3 }).sum()); print(a.isel(#{ t: -1 }).sum());",
        &["3.0", "38.0"],
    );
    gives(
        "print(a.isel(#{ t: 0..=1 }).shape); print(a.isel(#{ y: slice((), (), -1), t: 0 }).shape);",
        &["[2, 4]", "[4]"],
    );
    gives(
        "print(a.sel(#{ t: 20 }).sum()); print(a.sel(#{ t: 24.0 }, \"nearest\").sum());",
        &["22.0", "22.0"],
    );
    gives(
        "print(a.sel(#{ t: slice(15, 30) }).shape); print(a.sel(#{ y: \"b\", t: 10 }));",
        &["[2, 4]", "1.0"],
    );
    gives("print(a.sel(#{ t: slice(10, 30, 2) }).t.sum());", &["40"]);
    assert_eq!(
        prints("let x = array([1, 2, 3, 4]); print(x[1]); print(x[1..3].sum()); print(x[-1]);"),
        ["2", "5", "4"]
    );
    gives(
        "print(a.transpose([\"y\", \"t\"]).dims); print(a.transpose().shape);",
        &["[\"y\", \"t\"]", "[4, 3]"],
    );
}

#[test]
fn element_wise_functions_and_methods() {
    gives("print(sqrt(a).max() == a.sqrt().max());", &["true"]);
    gives(
        "print(a.clip(2, 5).sum()); print(a.clip((), 5).max()); print(minimum(a, 3).sum());",
        &["48.0", "5.0", "30.0"],
    );
    gives(
        "print(maximum(3, a).min()); print(a.where(a > 5, 0).sum()); print(a.where(a > 5).fillna(1).sum());",
        &["3.0", "51.0", "57.0"],
    );
    gives(
        "print(a.astype(\"float32\").dtype); print(isnan(a).any()); print(abs(-a).max());",
        &["float32", "false", "11.0"],
    );
    // Every unary operation as a method and as a function.
    for op in hyperslab::op::UnaryOp::ALL {
        let name = op.name();
        let x = match name {
            "invert" | "bitwise_count" => "(a > 3)",
            _ => "(a / 20)",
        };
        gives(
            &format!("print({name}({x}).shape); print({x}.{name}().shape);"),
            &["[3, 4]", "[3, 4]"],
        );
    }
    // So with two operands, an array first, a number first.
    for op in hyperslab::op::BinaryOp::ALL {
        let name = op.name();
        let x = match name {
            "gcd" | "lcm" | "ldexp" => "a.astype(\"int32\")",
            n if n.starts_with("bitwise") || n.ends_with("shift") => "a.astype(\"int32\")",
            _ => "a",
        };
        gives(
            &format!(
                "print({name}({x}, 2).shape); print({name}(2, {x}).shape); print({x}.{name}({x}).shape);"
            ),
            &["[3, 4]", "[3, 4]", "[3, 4]"],
        );
    }
}

#[test]
fn groups_names_and_properties() {
    gives(
        "let g = a.groupby(\"y\"); print(g.mean().shape); print(g.max(\"y\").sum());",
        &["[3, 4]", "66.0"],
    );
    gives(
        "let l = data_array(array([0, 1, 0]), [\"t\"]).rename(\"half\"); let g = a.groupby(\"t\", l); \
         print(g.first().sum()); print(g.sum().dims); print(g.var(#{ ddof: 1 }).max());",
        &["28.0", "[\"half\", \"y\"]", "32.0"],
    );
    gives(
        "print(a.name); print(a.dims); print(a.ndim); print(a.size); print(a.dtype);",
        &["a", "[\"t\", \"y\"]", "2", "12", "float64"],
    );
    gives(
        "print(a.rename(#{ t: \"time\" }).dims); print(a.with_attr(\"units\", \"K\").attrs.units);",
        &["[\"time\", \"y\"]", "K"],
    );
}

#[test]
fn sets_are_typed_and_visible_in_functions() {
    let sets = [
        ("n", "3"),
        ("x", "2.5"),
        ("flag", "true"),
        ("path", "a b.nc"),
        ("date", "2020-08"),
    ];
    let source = "fn f() { n + 1 } print(f()); print(x * 2); print(!flag); print(path + date); print(type_of(date));";
    assert_eq!(
        run_with(&sets, source).unwrap(),
        ["4", "5.0", "false", "a b.nc2020-08", "string"]
    );
    let error = run_with(&[("inptu", "x")], "let a = 1;\nprint(input);").unwrap_err();
    assert!(
        error
            .message()
            .starts_with("job.rhai:2:7: unknown variable \"input\""),
        "{error}"
    );
    assert!(error.message().contains("--set input=…"), "{error}");
    assert!(error.message().contains("inptu"), "{error}");
    let error = run_with(&[("1n", "x")], "").unwrap_err();
    assert!(error.message().contains("is no name"), "{error}");
}

#[test]
fn errors_say_where() {
    for (source, place, text) in [
        (
            "let x = ones([2, 3]);\nlet y = x + ones([4]);",
            "job.rhai:2:11: ",
            "",
        ),
        (
            "let x = ones(3);\n  x.astype(\"flot32\");",
            "job.rhai:2:5: ",
            "flot32",
        ),
        (
            "let x = ones(3)\nlet y = 2;",
            "job.rhai:2:1: syntax error",
            "2 | let y = 2;\n    | ^",
        ),
        (
            "print(ones(3).meen());",
            "job.rhai:1:15: unknown function \"meen\"",
            "known: mean",
        ),
        (
            "let x = ones(3) > 2; let y = x && x;",
            "job.rhai:1:",
            "& and |",
        ),
        ("if ones(3) > 2 { print(1); }", "job.rhai:1:12: ", "where"),
        (
            "open(\"/nonexistent.nc\");",
            "job.rhai:1:1: ",
            "/nonexistent.nc",
        ),
        ("ones(3).sum(5);", "job.rhai:1:9: ", "axis"),
        ("throw \"my own\";", "job.rhai:1:1: my own", ""),
        (
            "fn f(x) {\n  x.sum(5)\n}\nf(ones(2));",
            "job.rhai:2:5: ",
            "axis",
        ),
        ("ones(3).chunk(0);", "job.rhai:1:9: ", "0"),
    ] {
        let error = fails(source);
        assert!(
            error.message().starts_with(place),
            "{source}\n{error}\nexpected {place}"
        );
        assert!(
            error.to_string().contains(text),
            "{source}\n{error}\nexpected {text}"
        );
        assert!(!error.to_string().contains("src/"), "{error}");
    }
    let error = fails("fn f(x) {\n  x.sum(5)\n}\nf(ones(2));");
    assert!(
        error
            .to_string()
            .contains("running the function f, called at job.rhai:4:1"),
        "{error}"
    );
}

/// The functions of a dataset are there under their names; their values are tested by the oracle.
#[test]
fn datasets_are_computed_with_as_a_whole() {
    let d = "let d = dataset([a, (a * 2).rename(\"b\"), a.mean(\"y\").rename(\"m\")]);\n";
    for (source, expected) in [
        ("print((d + d).b.max());", "44.0"),
        ("print((1 - d).m.min());", "-8.5"),
        ("print((a * d).b.max());", "242.0"),
        ("print((d * a).m.dims);", "[\"t\", \"y\"]"),
        (
            "print((d[[\"m\", \"a\"]] - d).variables);",
            "[\"m\", \"a\"]",
        ),
        ("print((d[[\"a\"]] - d[[\"m\"]]).variables);", "[]"),
        ("print((-d).b.min());", "-22.0"),
        ("print(d.sqrt().b.max());", "4.69041575982343"),
        ("print(maximum(d, 5).a.sum());", "81.0"),
        ("print(d.minimum(5).a.sum());", "45.0"),
        ("print((d > 3).a.sum());", "8"),
        ("print(d.where(d > 3).a.sum());", "60"),
        ("print(d.where(a > 3).b.sum());", "120"),
        ("print(d.where(a > 3, 0).b.sum());", "120"),
        ("print(d.where(d > 3).fillna(1).a.sum());", "64"),
        ("print(d.clip(2, ()).clip((), 3).a.sum());", "33"),
        ("print(d.astype(\"float32\").m.dtype);", "float32"),
        ("print(d.isnull().a.any());", "false"),
        ("print(d.mean(\"t\").m);", "5.5"),
        ("print(d.std().a);", "3.452"),
        ("print(d.var(#{ ddof: 1 }).a);", "13.0"),
        ("print(d.max(\"y\").m.dims);", "[\"t\"]"),
        ("print(d.map(|v| v.max(\"t\")).b.sum());", "76"),
        ("let k = 3; print(d.map(|v| v * k).m.max());", "28.5"),
        ("print(d.groupby(\"y\").sum().a.sum());", "66"),
        ("print(d.groupby(\"y\").count().m.dims);", "[\"y\", \"t\"]"),
        (
            "print(d.groupby(\"y\").first(\"y\").a.dims);",
            "[\"t\", \"y\"]",
        ),
    ] {
        let source = with_a(&format!("{d}{source}"));
        let printed = prints(&source);
        assert!(
            printed.len() == 1 && printed[0].starts_with(expected),
            "{source}\n{printed:?}"
        );
    }
}

#[test]
fn labelled_errors_name_what_is_known() {
    for (source, text) in [
        ("a.mean(\"tme\");", "unknown dimension \"tme\""),
        ("a.groupby(\"t.season\");", "season"),
        ("a.groupby(\"time.season\");", "unknown coordinate \"time\""),
        ("a.sel(#{ t: 11 });", "nearest"),
        ("a.isel(#{ t: 5 });", "out of range"),
        ("a.tt;", "known: t"),
        ("a.mean(a);", "minimum"),
        ("a.mean(#{ skipn: true });", "known: skipna"),
        ("a.rename(3);", "the integer 3"),
        ("a + ones([3, 4]);", "data_array"),
        ("let d = dataset([a]); d.b;", "unknown variable \"b\""),
        ("let d = dataset([a]); d == \"x\";", "ds.name"),
        ("let d = dataset([a]); d + ones([3, 4]);", "data_array"),
        ("let d = dataset([a]); d.where(1);", "a condition"),
        ("let d = dataset([a]); d.map(|v| 3);", "gives a DataArray"),
        ("let d = dataset([a]); d.map(|v| v.max(\"u\"));", "\"u\""),
        (
            "let d = dataset([a]); d[[\"a\", \"c\"]];",
            "unknown variable \"c\"",
        ),
        (
            "let d = dataset([a]); d.mean(\"tme\");",
            "unknown dimension \"tme\"; known: t, y",
        ),
        (
            "let d = dataset([a]); d.groupby(\"u\");",
            "unknown coordinate \"u\"",
        ),
        (
            "let d = dataset([a]); d + a.isel(#{ t: 0..2 }).drop_vars(\"t\");",
            "working on variable \"a\"",
        ),
        (
            "let d = dataset([a]); d.where(d, dataset([a.rename(\"b\")]));",
            "must be the same",
        ),
        (
            "let d = dataset([a, a.max(\"t\").rename(\"b\")]); d.argmax(\"t\");",
            "no position",
        ),
        ("a.fillna(dataset([a]));", "ds.name"),
        ("a.groupby(\"y\") + 1;", "reduce it first"),
        ("dataset([a]).groupby(\"y\") + 1;", "reduce it first"),
        ("a.save(\"/nonexistent/x.nc\");", "/nonexistent"),
        ("a == ();", "()"),
        ("a == \"x\";", "dates"),
    ] {
        let error = fails(&with_a(source));
        assert!(
            error.to_string().contains(text),
            "{source}\n{error}\nexpected {text}"
        );
        assert!(error.message().starts_with("job.rhai:2:"), "{error}");
    }
}

/// Rhai answers comparisons of unregistered pairs with `false`: every pair of our types with any type must give an array,
/// a text (for +) or an error.
#[test]
fn every_pair_of_types_works_or_raises() {
    let setup = with_a(
        "let x = ones([3, 4]); let d = dataset([a]); let g = a.groupby(\"y\"); let h = d.groupby(\"y\"); let s = slice(0, 1); \
         let i = date_range(\"2000\", (), 3, \"D\", \"noleap\"); let q = ones([3]).data_array([\"t\"], #{ t: i }).rename(\"q\"); \
         let r = q.resample(\"t\", \"D\"); let p = dataset([q]).resample(\"t\", \"D\"); \
         let w = [a.rolling(\"y\", 2), d.rolling(\"y\", 2), a.coarsen(\"y\", 2), d.coarsen(\"y\", 2), a.weighted(a), \
         d.weighted(a), a.rolling_exp(\"y\", 2), d.rolling_exp(\"y\", 2)]; let w6 = w[6]; let w7 = w[7]; \
         let w0 = w[0]; let w1 = w[1]; let w2 = w[2]; let w3 = w[3]; let w4 = w[4]; let w5 = w[5]; \
         let f = |v| v;\n",
    );
    let ours = [
        "a", "x", "d", "g", "h", "s", "i", "r", "p", "w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7",
    ];
    let others = [
        "1",
        "2.5",
        "true",
        "\"text\"",
        "'c'",
        "[1]",
        "#{ k: 1 }",
        "()",
        "(0..3)",
        "(0..=3)",
        "f",
        "blob(2)",
        "timestamp()",
    ];
    let operators = [
        "+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">=",
    ];
    let mut body = String::from("let bad = [];\n");
    let mut count = 0;
    for left in ours {
        for right in ours.iter().chain(&others) {
            for operator in operators {
                for (l, r) in [(left, *right), (*right, left)] {
                    count += 1;
                    // A bool here is Rhai's own silent answer.
                    body += &format!(
                        "try {{ let r = {l} {operator} {r}; if type_of(r) == \"bool\" {{ print(`{l} {operator} {r}`); }} }} \
                         catch (e) {{ }}\n",
                    );
                }
            }
        }
    }
    assert!(count > 2000);
    let silent = prints(&(setup + body.as_str()));
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn files_go_out_and_come_in() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.nc");
    let set = [("path", path.to_str().unwrap())];
    let source = with_a(
        "let b = (a * 2).rename(\"b\").with_attr(\"units\", \"m\");\n\
         dataset([a.chunk(#{ t: 1 }), b]).save(path, #{ deflate: 4, chunks: #{ t: 1 } });\n\
         let d = open(path); print(d.b.sum()); print(d[\"a\"].max()); print(d.variables); print(d.b.attrs.units);\n\
         print(d.sizes); print(d.isel(#{ t: 0 }).a.sum()); print(d.sel(#{ t: 30 }).b.sum()); print(d.t.sum());\n\
         let both = compute([d.a + 1, d.b]); print(both[0].sum() + both[1].sum());\n\
         print(compute(d.a).name);",
    );
    let lines = run_with(&set, &source).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        lines,
        [
            "132.0",
            "11.0",
            "[\"a\", \"b\"]",
            "m",
            "#{\"t\": 3, \"y\": 4}",
            "6.0",
            "76.0",
            "60",
            "210.0",
            "a"
        ]
    );
    let error = run_with(&set, &with_a("a.save(path);")).unwrap_err();
    assert_eq!(error.fault().exit_code(), 73);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn operations_along_axes() {
    const X: &str = "fn list(x) { if x.ndim == 0 { return \"\" + x; } let text = \"[\"; \
         for i in 0..x.shape[0] { if i > 0 { text += \", \"; } text += list(x[i]); } text + \"]\" }\n\
         let x = array([[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]]); let v = array([1, 2, 4, 8]);\n";
    let cases = [
        ("x.cumsum(1)", "[[3.0, 4.0, 6.0], [6.0, 11.0, 15.0]]"),
        ("v.cumsum()", "[1, 3, 7, 15]"),
        ("x.nancumsum(0)", "[[3.0, 1.0, 2.0], [9.0, 6.0, 6.0]]"),
        ("v.cumprod(0)", "[1, 2, 8, 64]"),
        ("v.nancumprod()", "[1, 2, 8, 64]"),
        ("x.cummin(1)", "[[3.0, 1.0, 1.0], [6.0, 5.0, 4.0]]"),
        ("x.cummax(-1)", "[[3.0, 3.0, 3.0], [6.0, 6.0, 6.0]]"),
        ("x.nancummin(0)", "[[3.0, 1.0, 2.0], [3.0, 1.0, 2.0]]"),
        ("x.nancummax(0)", "[[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]]"),
        (
            "v.cumulative_sum((), #{ include_initial: true })",
            "[0, 1, 3, 7, 15]",
        ),
        ("v.cumulative_prod(0)", "[1, 2, 8, 64]"),
        (
            "x.where(x > 2).ffill(1, 1)",
            "[[3.0, 3.0, NaN], [6.0, 5.0, 4.0]]",
        ),
        (
            "x.where(x > 2).bfill(0)",
            "[[3.0, 5.0, 4.0], [6.0, 5.0, 4.0]]",
        ),
        ("v.diff()", "[1, 2, 4]"),
        ("x.diff(1, 0)", "[[3.0, 4.0, 2.0]]"),
        ("v.diff(1, 0, 0, 9)", "[1, 1, 2, 4, 1]"),
        ("v.gradient(2.0)", "[0.5, 0.75, 1.5, 2.0]"),
        (
            "v.gradient(array([0, 1, 3, 7]), #{ edge_order: 1 })",
            "[1.0, 1.0, 1.0, 1.0]",
        ),
        (
            "x.gradient(1.0, #{ axis: [0, 1] })[0]",
            "[[3.0, 4.0, 2.0], [3.0, 4.0, 2.0]]",
        ),
        ("v.trapezoid()", "10.5"),
        ("v.trapezoid(array([0, 2, 4, 6]))", "21.0"),
        ("v.pad(1, \"edge\")", "[1, 1, 2, 4, 8, 8]"),
        (
            "v.pad([2, 0], \"constant\", #{ constant_values: 7 })",
            "[7, 7, 1, 2, 4, 8]",
        ),
        (
            "x.pad([[1, 0], [0, 0]], \"wrap\")",
            "[[6.0, 5.0, 4.0], [3.0, 1.0, 2.0], [6.0, 5.0, 4.0]]",
        ),
        ("v.sliding_window_view(3)", "[[1, 2, 4], [2, 4, 8]]"),
        ("v.rolling(0, 2).mean()", "[NaN, 1.5, 3.0, 6.0]"),
        ("v.rolling(0, 3).prod()", "[NaN, NaN, 8.0, 64.0]"),
        (
            "v.rolling(0, 3, #{ min_periods: 1, center: true }).sum()",
            "[3.0, 7.0, 14.0, 12.0]",
        ),
        (
            "v.rolling(0, 2, #{ min_periods: 1 }).std()",
            "[0.0, 0.5, 1.0, 2.0]",
        ),
        (
            "v.coarsen(\"sum\", #{ \"0\": 3 }, #{ boundary: \"trim\" })",
            "[7]",
        ),
        (
            "v.uniform_filter(3, #{ mode: \"nearest\" })",
            "[1, 2, 4, 6]",
        ),
        ("v.minimum_filter(2)", "[1, 1, 2, 4]"),
        ("v.maximum_filter(3)", "[2, 4, 8, 8]"),
        ("v.median_filter(3)", "[1, 2, 4, 8]"),
        (
            "x.gaussian_filter(0.0)",
            "[[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]]",
        ),
        (
            "v.correlate1d([1, 0, -1], #{ mode: \"constant\" })",
            "[-2, -3, -6, 4]",
        ),
        (
            "v.convolve1d([1, 0, -1], #{ mode: \"constant\" })",
            "[2, 3, 6, -4]",
        ),
        ("v.convolve([1, 1])", "[1, 3, 6, 12, 8]"),
        ("v.correlate([1, 2])", "[5, 10, 20]"),
        (
            "x.ndimage_correlate([[0, 1, 0]])",
            "[[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]]",
        ),
        (
            "x.ndimage_convolve([[2]])",
            "[[6.0, 2.0, 4.0], [12.0, 10.0, 8.0]]",
        ),
    ];
    let source: String = cases
        .iter()
        .map(|(call, _)| format!("print(list({call}));\n"))
        .collect();
    let lines = prints(&format!("{X}{source}"));
    for ((call, expected), line) in cases.iter().zip(&lines) {
        assert_eq!(line, expected, "{call}");
    }
    let refused = [
        (
            "x.cumsum(2)",
            "cumsum: axis 2 is out of range; allowed are -2 … 1",
        ),
        (
            "x.cumulative_sum()",
            "cumulative_sum: an array with 2 axes needs `axis`",
        ),
        (
            "x.ffill(0, 0)",
            "ffill: the length 0 is not allowed; lengths are at least 1",
        ),
        ("x.diff(1, 5)", "diff: axis 5 is out of range"),
        ("v.diff(-1)", "diff: the length -1 is not allowed"),
        (
            "x.gradient(1.0, #{ axis: 0, edge_order: 2 })",
            "gradient: axis 0 has length 2; edge_order 2 needs at least 3",
        ),
        (
            "v.gradient(1.0, #{ edge_order: 3 })",
            "gradient: edge_order 3 is not allowed; give 1 or 2",
        ),
        ("v.gradient([1.0, 2.0])", "gradient: 2 spacings for 1 axes"),
        (
            "v.gradient(array([1, 2]))",
            "gradient: coordinates of shape [2] along axis 0 of length 4",
        ),
        (
            "v.trapezoid(array([1, 2]))",
            "trapezoid: coordinates of shape [2] along axis 0 of length 4",
        ),
        (
            "v.pad(1, \"mirror\")",
            "pad: unknown mode \"mirror\"; known: ",
        ),
        (
            "x.pad([[1, 1], [1, 1], [1, 1]])",
            "pad: 3 widths for 2 axes",
        ),
        (
            "x[0..0].pad(1, \"edge\")",
            "pad: axis 0 is empty and cannot be extended in mode edge",
        ),
        (
            "v.sliding_window_view(5)",
            "sliding_window_view: a window of 5 on axis 0 of length 4; allowed are 1 … 4",
        ),
        (
            "v.rolling(0, 3, #{ min_periods: 4 }).sum()",
            "rolling: min_periods 4 with a window of 3; allowed are 1 … 3",
        ),
        (
            "v.coarsen(\"sum\", #{ \"0\": 3 })",
            "coarsen: axis 0 of length 4 is no multiple of the window 3; use boundary trim or pad",
        ),
        (
            "v.uniform_filter(3, #{ mode: \"edge\" })",
            "uniform_filter: unknown mode \"edge\"; known: ",
        ),
        (
            "v.median_filter(3, #{ origin: 2 })",
            "median_filter: origin 2 moves a window of 3 off its element; allowed are -1 … 1",
        ),
        (
            "(v > 1).uniform_filter(3)",
            "uniform_filter: not defined for bool; allowed: real numbers",
        ),
        (
            "v.gaussian_filter(-1.0)",
            "gaussian_filter: sigma -1 with truncate 4 on axis 0",
        ),
        (
            "v.convolve([[1]])",
            "convolve: a kernel of shape [1, 1] for an array of shape [4]",
        ),
        (
            "v.correlate([1, 2, 3, 4, 5])",
            "correlate: mode valid needs a kernel that fits the array; [5] does not fit [4]",
        ),
        ("v.map_blocks(\"f\")", "kernel \"f\""),
        (
            "v.map_overlap(\"f\", 1, \"edge\")",
            "map_overlap: unknown boundary \"edge\"; known: ",
        ),
    ];
    for (call, why) in refused {
        let error = fails(&format!("{X}{call};")).to_string();
        assert!(error.contains(why), "{call}: {error}");
    }
}

#[test]
fn persisted_arrays() {
    gives(
        "let x = (array([[1.0, 2.0], [3.0, 4.0]]) * 2).persist(); print((x + 1).sum()); \
         let both = persist([x * 2, a - 1]); print(both[0].sum()); print(both[1].dims); both[0].release(); print(both[1].max());",
        &["24.0", "40.0", "[\"t\", \"y\"]", "10.0"],
    );
    let late = "let x = array([1.0, 2.0]).persist(); x.release(); print(x.sum().compute());";
    let message = fails(late).to_string();
    assert!(message.contains("shape [2] that was released"), "{message}");
    let message = fails("release(array([1.0]));").to_string();
    assert!(
        message.contains("not one that `persist` returned"),
        "{message}"
    );
    assert!(
        fails("persist(3);").to_string().contains("persist"),
        "a number"
    );
}

/// The text of a value that cannot be computed is an error wherever the text was to be; nothing is printed in its place.
#[test]
fn texts_of_values_that_fail_raise_the_error() {
    let released = "let x = array([1.0, 2.0]).persist(); x.release(); let s = x.sum();\n";
    let named =
        "let x = data_array(array([1.0, 2.0]), [\"t\"]).persist(); x.release(); let s = x.sum();\n";
    for (made, place, rest) in [
        (released, "job.rhai:2:1: ", "print(s);"),
        (named, "job.rhai:2:1: ", "print(s);"),
        (released, "job.rhai:2:1: ", "debug(s);"),
        (released, "job.rhai:2:3: ", "s.to_string();"),
        (released, "job.rhai", "print(`the sum is ${s}`);"),
        (named, "job.rhai", "print(`the sum is ${s}`); print(2);"),
        (released, "job.rhai", "let t = `${s}`;"),
        (released, "job.rhai", "print(\"sum: \" + s);"),
        (released, "job.rhai", "let t = \"sum: \"; t += s; print(t);"),
    ] {
        let mut lines = Vec::new();
        let config = Config {
            fabric: Some(Fabric::Solo),
            ..Config::default()
        };
        let source = format!("{made}{rest}");
        let ended = launch_with(&config, |driver| {
            run_text(driver, "job.rhai", &source, &[], &mut |line| {
                lines.push(line.to_owned())
            })
        });
        let message = ended.unwrap_err().1.to_string();
        assert!(message.contains("that was released"), "{rest}: {message}");
        assert!(message.contains(place), "{rest}: {message}");
        assert!(lines.is_empty(), "{rest}: {lines:?}");
    }
    // Larger arrays say what they are, and are not computed.
    assert_eq!(prints("print(zeros([2, 3]));").len(), 1);
}

/// Every operation of arrays is in the script language: by its name, or as what is said here.
#[test]
fn every_array_operation_is_in_scripts() {
    let spelled_otherwise = [
        ("where_", "where"),
        ("where_or", "where"),
        ("masked", "x[mask]"),
        ("repeat_each", "repeat with a list"),
        ("t", "T"),
        ("rechunk_axes", "rechunk with a map"),
        ("broadcast_axes", "broadcast_to"),
        ("group_reduce", "groupby"),
        ("nanstd", "made of its name"),
        ("nanvar", "made of its name"),
        ("compute_block", "compute"),
        ("chunk_shape", "printed with the array"),
        ("unary", "each operation by name"),
        ("binary", "each operation by name"),
        ("binary_reversed", "each operation by name"),
        ("reduce", "each reduction by name"),
    ];
    let no_operation = ["new", "failed", "session", "node", "check"];
    let sources = |folder: &str| -> Vec<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = std::fs::read_dir(folder).unwrap();
        files
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .collect()
    };
    let scripts = sources("src/script").concat();
    let mut seen = 0;
    for source in sources("src/array") {
        for part in source.split("impl Array {").skip(1) {
            let body = part.split("\n}").next().unwrap();
            for line in body.lines().filter_map(|l| l.strip_prefix("    pub fn ")) {
                let name = line.split(['(', '<']).next().unwrap();
                seen += 1;
                let known = scripts.contains(&format!("\"{name}\""))
                    || no_operation.contains(&name)
                    || spelled_otherwise.iter().any(|(rust, _)| *rust == name);
                assert!(known, "{name} of Array is not in scripts");
            }
        }
    }
    assert!(seen > 100, "only {seen} methods found");
}
