//! docs/api.md: which functions of the Array API standard and of dask.array exist here, read from the sources, and for which
//! dtypes they are tested, read from the golden data.

use super::oracle::{binary_named, unary_named};
use hyperslab::dtype::DType;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Sections: a title, and the names of the standard.
const STANDARD: &[(&str, &str)] = &[
    (
        "Creation",
        "arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril triu zeros zeros_like",
    ),
    (
        "Data types",
        "astype broadcast_arrays broadcast_to can_cast finfo iinfo isdtype result_type",
    ),
    (
        "Element-wise",
        "abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert bitwise_or \
         bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide equal exp expm1 floor floor_divide greater \
         greater_equal hypot imag isfinite isinf isnan less less_equal log log1p log2 log10 logaddexp logical_and logical_not \
         logical_or logical_xor maximum minimum multiply negative nextafter not_equal positive pow real reciprocal remainder \
         round sign signbit sin sinh square sqrt subtract tan tanh trunc",
    ),
    ("Indexing", "take take_along_axis"),
    (
        "Linear algebra",
        "matmul matrix_transpose tensordot vecdot cholesky cross det diagonal eigh eigvalsh inv matrix_norm matrix_power \
         matrix_rank outer pinv qr slogdet solve svd svdvals trace vector_norm",
    ),
    (
        "Manipulation",
        "concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack tile unstack",
    ),
    (
        "Searching",
        "argmax argmin count_nonzero nonzero searchsorted where",
    ),
    (
        "Sets",
        "unique_all unique_counts unique_inverse unique_values",
    ),
    ("Sorting", "argsort sort"),
    (
        "Statistics",
        "cumulative_prod cumulative_sum max mean min prod std sum var",
    ),
    ("Utility", "all any diff"),
    (
        "Array object and inspection",
        "T device dtype mT ndim shape size to_device __array_namespace_info__",
    ),
    (
        "Fourier transforms",
        "fft fftfreq fftn fftshift hfft ifft ifftn ifftshift ihfft irfft irfftn rfft rfftfreq rfftn",
    ),
];

/// The same of the reference of dask.array, without the names above.
const DASK: &[(&str, &str)] = &[
    (
        "Creation and random",
        "array diag eye fromfunction from_array from_delayed from_blocks from_fn identity indices tri default_rng random uniform \
         normal standard_normal integers exponential",
    ),
    (
        "Element-wise",
        "angle around bitwise_count cbrt deg2rad degrees divmod exp2 fabs fix float_power fmax fmin fmod frexp gcd heaviside i0 \
         isclose iscomplex isin isneginf isnull isposinf isreal lcm ldexp logaddexp2 modf nan_to_num notnull piecewise rad2deg \
         radians rint select sinc fillna",
    ),
    (
        "Reductions and statistics",
        "allclose average corrcoef cov kurtosis moment nanargmax nanargmin nanmax nanmean nanmin nanprod nanstd nansum nanvar ptp \
         reduction skew median nanmedian percentile nanpercentile quantile nanquantile bincount digitize histogram histogram2d \
         histogramdd topk argtopk unique union1d",
    ),
    (
        "Scans and differences",
        "cumprod cummax cummin cumsum nancumprod nancumsum gradient ediff1d ffill bfill",
    ),
    (
        "Selection",
        "append argwhere choose compress delete extract flatnonzero insert ravel_multi_index unravel_index tril_indices \
         tril_indices_from triu_indices triu_indices_from vindex blocks shuffle",
    ),
    (
        "Shape",
        "atleast_1d atleast_2d atleast_3d block broadcast_arrays dstack fliplr flipud hstack pad ravel rechunk rollaxis rot90 \
         split swapaxes transpose vstack",
    ),
    (
        "Blocks and neighbourhoods",
        "apply_along_axis apply_gufunc apply_over_axes blockwise coarsen convolve correlate map_blocks map_overlap sliding_window_view \
         uniform_filter gaussian_filter minimum_filter maximum_filter median_filter",
    ),
    (
        "Linear algebra",
        "dot einsum vdot lstsq lu norm solve_triangular svd_compressed tsqr",
    ),
    ("Fourier transforms", "fft2 ifft2 rfft2 irfft2"),
    (
        "Computing and files",
        "compute persist store to_hdf5 to_zarr from_zarr to_npy_stack from_npy_stack",
    ),
];

/// Where our name is another one.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("array", "from_ndarray"),
    ("around", "round"),
    ("asarray", "from_ndarray"),
    ("T", "t"),
    ("mT", "matrix_transpose"),
    ("to_hdf5", "store"),
    ("to_zarr", "store"),
    ("cumulative_prod", "cumprod"),
    ("cumulative_sum", "cumsum"),
    ("fix", "trunc"),
    ("from_array", "from_ndarray"),
    ("permute_dims", "transpose"),
    ("rechunk", "chunk"),
    ("where", "where_or"),
];

/// Names of operations in the golden data, where they differ from those of methods; several share an operation.
const TESTED_AS: &[(&str, &[&str])] = &[
    ("abs", &["absolute"]),
    ("acos", &["arccos"]),
    ("acosh", &["arccosh"]),
    ("asin", &["arcsin"]),
    ("asinh", &["arcsinh"]),
    ("atan", &["arctan"]),
    ("atan2", &["arctan2"]),
    ("atanh", &["arctanh"]),
    ("average", &["average", "weighted"]),
    ("bitwise_invert", &["invert"]),
    ("bitwise_left_shift", &["left_shift"]),
    ("bitwise_right_shift", &["right_shift"]),
    ("broadcast_to", &["bc"]),
    ("conj", &["conjugate"]),
    ("deg2rad", &["radians"]),
    ("rad2deg", &["degrees"]),
    ("pow", &["power"]),
    ("transpose", &["tr"]),
    ("t", &["T"]),
    ("matrix_transpose", &["mT"]),
    ("chunk", &["rechunk"]),
    ("where_", &["where"]),
    ("where_or", &["where", "where_or"]),
    ("slice", &["sl", "at"]),
    ("index", &["ix", "at"]),
    ("broadcast_axes", &["bx"]),
    ("repeat_each", &["repeat"]),
    ("sliding_window_view", &["swv"]),
    ("gradient", &["gradient", "gradx"]),
    ("trapezoid", &["trapezoid", "trapx"]),
    ("gaussian_filter", &["gauss"]),
    ("correlate1d", &["corr1d"]),
    ("convolve1d", &["conv1d"]),
    ("ndimage_correlate", &["ndcorr"]),
    ("ndimage_convolve", &["ndconv"]),
    ("eq", &["equal"]),
    ("ne", &["not_equal"]),
    ("lt", &["less"]),
    ("le", &["less_equal"]),
    ("gt", &["greater"]),
    ("ge", &["greater_equal"]),
    ("frexp", &["frexp_mantissa", "frexp_exponent"]),
    ("isnull", &["isnan"]),
    ("full", &["full_like"]),
    ("identity", &["eye"]),
];

/// What is said of a function beside the first sentence of its documentation, or in its place where there is none.
const REMARKS: &[(&str, &str)] = &[
    (
        "from_dlpack",
        "Python's exchange of memory; `from_ndarray` takes an `ndarray`",
    ),
    ("device", "One kind of device: the ranks' memory"),
    ("to_device", "One kind of device: the ranks' memory"),
    (
        "__array_namespace_info__",
        "A protocol of Python; `finfo`, `iinfo` and `isdtype` answer for dtypes, `doctor` for the machine",
    ),
    ("size", "The product of `shape`"),
    (
        "blockwise",
        "A subset: no adjust_chunks, and all elements along labels that are not in the result",
    ),
    (
        "apply_gufunc",
        "`blockwise` and `apply_along_axis` do its work",
    ),
    (
        "blocks",
        "Chunks are no part of an array's meaning here: slice instead",
    ),
    ("shuffle", "`take` with the new order"),
    (
        "from_zarr",
        "`Driver::open` opens Zarr; its variables are arrays by name",
    ),
    (
        "to_npy_stack",
        "Waits for the format; `store` writes NetCDF-4 and Zarr",
    ),
    (
        "from_npy_stack",
        "`from_blocks` with a kernel that reads a piece",
    ),
];

/// Sections and functions that wait for a design of their own.
const OPEN: &[&str] = &[
    "Linear algebra",
    "Sets",
    "Sorting",
    "median",
    "nanmedian",
    "percentile",
    "nanpercentile",
    "quantile",
    "nanquantile",
    "bincount",
    "digitize",
    "histogram",
    "histogram2d",
    "histogramdd",
    "topk",
    "argtopk",
    "unique",
    "union1d",
];

/// A public function: where it belongs, and the first sentence of its documentation.
struct Function {
    owner: String,
    says: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn first_sentence(doc: &str) -> String {
    let doc = doc.replace('|', "\\|");
    let end = doc.find(". ").map_or(doc.len(), |at| at + 1);
    doc[..end].trim().trim_end_matches('.').to_owned()
}

/// The names in a line of a macro's table: `cumsum, nancumsum => Sum;`.
fn macro_names(code: &str) -> Option<Vec<&str>> {
    let (names, variant) = code.strip_suffix(';')?.split_once(" => ")?;
    let names: Vec<&str> = names.split(", ").collect();
    let word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (names.len() > 1 && names.iter().all(|name| word(name)) && word(variant)).then_some(names)
}

/// The public functions of src/array, from its text: methods, the table of element-wise ones, that of reductions.
fn functions() -> BTreeMap<String, Function> {
    let mut found = BTreeMap::new();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root().join("src/array"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let (mut owner, mut doc) = (String::new(), String::new());
        let mut add = |owner: &str, name: &str, says: &str| {
            let function = Function {
                owner: owner.to_owned(),
                says: first_sentence(says),
            };
            found.entry(name.to_owned()).or_insert(function);
        };
        for line in text.lines() {
            let code = line.trim();
            if let Some(rest) = line.strip_prefix("impl ") {
                owner = rest.split([' ', '<', '{']).next().unwrap().to_owned();
            } else if line == "}" {
                owner.clear();
            }
            if let Some(text) = code.strip_prefix("/// ") {
                if !doc.ends_with("\n") {
                    doc.push(' ');
                    doc.push_str(text);
                }
            } else if code == "///" {
                doc.push('\n');
            } else if let Some(rest) = code.strip_prefix("pub fn ") {
                let name = rest.split(['(', '<']).next().unwrap();
                add(if owner.is_empty() { "array" } else { &owner }, name, &doc);
                doc.clear();
            } else if let Some(names) = macro_names(code) {
                // scans!, transforms!: `cumsum, nancumsum => Sum;` below its documentation
                names.iter().for_each(|name| add("Array", name, &doc));
                doc.clear();
            } else if let Some(rest) = code.strip_prefix("#[doc = \"")
                && let Some(says) = rest.strip_suffix("\"]")
                && says.contains(' ')
            {
                doc = format!(" {says}");
            } else if let Some(rest) = code.strip_prefix("#[doc = \"") {
                // reductions!: `#[doc = "Sum."] sum, nansum => Sum;`
                if let Some((says, names)) = rest.split_once("\"] ")
                    && let Some((names, _)) = names.split_once(" => ")
                {
                    names.split(", ").for_each(|name| add("Array", name, says));
                }
            } else if let Some((name, rest)) = code.split_once(" => ")
                && let Some((_, says)) = rest.split_once(", \"")
                && path.ends_with("element_wise.rs")
            {
                add("Array", name, says.trim_end_matches("\";"));
            } else if !code.starts_with("#[") {
                doc.clear();
            }
        }
    }
    found
}

/// The dtypes with which the golden data have each operation: kernel.txt, and the programs of all files like oracle.bin.
fn tested() -> BTreeMap<String, BTreeSet<String>> {
    let mut tested: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut note = |name: &str, dtype: &str| {
        let dtype = dtype.split('[').next().unwrap().to_owned();
        tested.entry(name.to_owned()).or_default().insert(dtype);
    };
    let of = |name: &str| -> DType { name.parse().unwrap() };
    let kernel = std::fs::read_to_string(root().join("tests/golden/kernel.txt")).unwrap();
    for line in kernel.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            // What we refuse is not compared.
            "unary"
                if unary_named(words[1]).is_some_and(|op| op.signature(of(words[2])).is_ok()) =>
            {
                note(words[1], words[2]);
            }
            "binary"
                if binary_named(words[1])
                    .is_some_and(|op| op.signature(of(words[2]), of(words[4])).is_ok()) =>
            {
                note(words[1], words[2]);
            }
            "reduce" => note(words[1], words[4]),
            "cast" => note("astype", words[1]),
            _ => {}
        }
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("tests/golden"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "bin"))
        .collect();
    files.sort();
    for path in files {
        let Some(head) = head(&path) else { continue };
        let of = |record: &serde_json::Value| record["dtype"].as_str().unwrap_or("").to_owned();
        for case in head["cases"].as_array().unwrap_or(&Vec::new()) {
            let program = case["program"].as_str().unwrap_or("");
            let inputs: Vec<String> = program
                .split(' ')
                .filter_map(|token| head["inputs"].get(token).map(of))
                .collect();
            // An expression of the script language (shapes.bin): all that it calls, of the first array in it.
            if program.contains('(') || program.contains('[') {
                let of_input = expression_input(program, &head["inputs"]).map(of);
                for name in calls(program) {
                    note(name, of_input.as_deref().unwrap_or(&of(case)));
                }
                continue;
            }
            for token in program.split(' ') {
                let mut parts = token.split(':');
                let name = match parts.next() {
                    Some("r" | "g" | "filter") => {
                        parts.next().unwrap_or("").split('@').next().unwrap_or("")
                    }
                    Some(name) => name,
                    None => continue,
                };
                let skipping = token.starts_with("r:") && token.ends_with('s');
                let name = if skipping && !matches!(name, "count" | "any" | "all") {
                    format!("nan{name}")
                } else {
                    name.to_owned()
                };
                match inputs.first() {
                    Some(dtype) => note(&name, dtype),
                    None => note(&name, &of(case)),
                }
            }
        }
    }
    tested
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

/// The first array that an expression names.
fn expression_input<'a>(
    program: &str,
    inputs: &'a serde_json::Value,
) -> Option<&'a serde_json::Value> {
    words(program).find_map(|word| inputs.get(word))
}

/// What an expression calls: names before parentheses; `at` before brackets that hold an index.
fn calls(program: &str) -> Vec<&str> {
    let mut found: Vec<&str> = program
        .match_indices('(')
        .filter_map(|(at, _)| {
            words(&program[..at])
                .last()
                .filter(|w| program[..at].ends_with(w))
        })
        .collect();
    let indexed = |at: usize| {
        let before = program[..at].chars().next_back();
        before.is_some_and(|c| c.is_alphanumeric() || ")]".contains(c))
    };
    if program.match_indices('[').any(|(at, _)| indexed(at)) {
        found.push("at");
    }
    found
}

/// The dtypes with which each public function of `src/array` is tested against NumPy, SciPy or xarray, by the names of the
/// functions.
pub fn tested_functions() -> BTreeMap<String, BTreeSet<String>> {
    let tested = tested();
    functions()
        .keys()
        // `pub fn $name` is in the table of its macro.
        .filter(|name| !name.starts_with('$'))
        .map(|name| (name.clone(), tested_as(name, &tested)))
        .collect()
}

/// The dtypes of a function under all names that golden data has for it.
fn tested_as(name: &str, tested: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let words = TESTED_AS.iter().find(|(n, _)| *n == name).map(|(_, w)| *w);
    let mut found = tested.get(name).cloned().unwrap_or_default();
    for word in words.unwrap_or_default() {
        found.extend(tested.get(*word).cloned().unwrap_or_default());
    }
    found
}

/// The JSON at the head of a file like oracle.bin; `None` for files of another form.
fn head(path: &Path) -> Option<serde_json::Value> {
    let packed = std::fs::read(path).ok()?;
    let length = u64::from_le_bytes(packed.get(..8)?.try_into().ok()?);
    let mut data = vec![0; usize::try_from(length).ok().filter(|l| *l < 1 << 28)?];
    libdeflater::Decompressor::new()
        .zlib_decompress(&packed[8..], &mut data)
        .ok()?;
    let json = u32::from_le_bytes(data.get(..4)?.try_into().ok()?) as usize;
    serde_json::from_slice(data.get(4..4 + json)?).ok()
}

/// In the order of sizes, families together: `int8 … int64`.
fn dtypes(found: &BTreeSet<String>) -> String {
    const FAMILIES: [(&str, &[&str]); 7] = [
        ("bool", &["bool"]),
        ("int", &["int8", "int16", "int32", "int64"]),
        ("uint", &["uint8", "uint16", "uint32", "uint64"]),
        ("float", &["float32", "float64"]),
        ("complex", &["complex64", "complex128"]),
        ("datetime64", &["datetime64"]),
        ("timedelta64", &["timedelta64"]),
    ];
    let mut texts = Vec::new();
    for (_, members) in FAMILIES {
        let there: Vec<&str> = members
            .iter()
            .copied()
            .filter(|m| found.contains(*m))
            .collect();
        match there.as_slice() {
            [first, .., last] if there.len() == members.len() => texts.push(match there.len() {
                2 => format!("{first}, {last}"),
                _ => format!("{first} … {last}"),
            }),
            some => texts.extend(some.iter().map(|m| (*m).to_owned())),
        }
    }
    texts.join(", ")
}

/// The text of docs/api.md.
pub fn table() -> String {
    let (functions, tested) = (functions(), tested());
    let mut text = String::from(
        "# Coverage of the Array API and of xarray\n\n\
         Made by `tests/oracle.rs::the_table_of_the_api_is_that_of_the_code` from the sources and the golden data; \
         `HYPERSLAB_BLESS=1 cargo test --test oracle api` writes it anew. A dash: not there yet. *Open*: waits for a design \
         of its own. Dtypes are those of which the golden files have cases, of NumPy, SciPy or xarray; random numbers have \
         published vectors and tests of their own.\n",
    );
    let parts = [
        ("The Array API standard, 2024.12", STANDARD),
        ("The rest of dask.array and NumPy", DASK),
    ];
    for (part, sections) in parts {
        let _ = write!(text, "\n## {part}\n");
        for (title, names) in sections {
            let _ = write!(text, "\n### {title}\n\n");
            text.push_str("| name | ours | tested dtypes | remark |\n|---|---|---|---|\n");
            for name in names.split_whitespace() {
                let ours = OTHER_NAMES
                    .iter()
                    .find(|(theirs, ours)| {
                        *theirs == name && !functions.contains_key(*theirs) | (*theirs == *ours)
                    })
                    .map_or(name, |(_, ours)| ours);
                let Some(function) = functions.get(ours) else {
                    let open = OPEN.contains(title) || OPEN.contains(&name);
                    let said = REMARKS.iter().find(|(n, _)| *n == name).map(|(_, r)| *r);
                    let remark = if open { "*open*" } else { said.unwrap_or("") };
                    let _ = writeln!(text, "| {name} | – | | {remark} |");
                    continue;
                };
                let more = REMARKS.iter().find(|(n, _)| *n == name);
                let more = more.map_or(String::new(), |(_, r)| format!(". {r}"));
                let found = tested_as(ours, &tested);
                let _ = writeln!(
                    text,
                    "| {name} | `{}::{ours}` | {} | {}{more} |",
                    function.owner,
                    dtypes(&found),
                    function.says
                );
            }
        }
    }
    text.push_str(&super::labelled_api::labelled_table());
    text
}
