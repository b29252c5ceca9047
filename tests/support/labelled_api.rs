//! The part of docs/api.md on labelled arrays: which names of xarray's types exist here, read from the sources, and how many golden
//! cases (tests/golden/labels.json) use each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

/// Where our name is another one: type ("" for all), xarray's name, ours.
const OTHER_NAMES: &[(&str, &str, &str)] = &[
    ("", "where", "where_"),
    ("", "conjugate", "conj"),
    ("", "to_netcdf", "save"),
    ("", "to_zarr", "save"),
    ("", "data", "array"),
    ("", "values", "compute"),
    ("", "to_numpy", "compute"),
    ("", "load", "compute"),
    ("", "var", "reduce"),
    ("", "get", "get"),
    ("Dataset", "data_vars", "variables"),
    ("Dataset", "to_array", "to_dataarray"),
    ("Dataset", "rename_vars", "rename"),
    ("Dataset", "rename_dims", "rename"),
    ("Dataset", "clip", "clip"),
    ("DataArray", "map_blocks", "apply_ufunc"),
    ("GroupBy", "apply", "map"),
    ("functions", "where", "where_or"),
];

/// What waits for a design of its own.
const OPEN: &[&str] = &[
    "median",
    "quantile",
    "rank",
    "argsort",
    "searchsorted",
    "sort",
];

fn files() -> Vec<PathBuf> {
    // Pictures of labelled arrays are methods of them, too.
    let folders = ["src/labelled", "src/plot", "src/visualize"];
    let mut paths: Vec<PathBuf> = (folders.iter())
        .map(|folder| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder))
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect();
    paths.sort();
    paths
}

fn first_sentence(doc: &str) -> String {
    let doc = doc.replace('|', "\\|");
    let end = doc.find(". ").map_or(doc.len(), |at| at + 1);
    doc[..end].trim().trim_end_matches('.').to_owned()
}

/// Functions by type and name, with the first sentence of their documentation; free functions belong to "functions".
fn functions() -> BTreeMap<(String, String), String> {
    let mut found: BTreeMap<(String, String), String> = BTreeMap::new();
    // Which types a macro writes its functions for.
    let mut written: Vec<(String, String)> = Vec::new();
    let mut add = |owner: &str, name: &str, says: &str| {
        let key = (owner.to_owned(), name.to_owned());
        found.entry(key).or_insert_with(|| first_sentence(says));
    };
    let table = include_str!("../../src/labelled/reductions.rs");
    let element_wise = include_str!("../../src/array/element_wise.rs");
    // Lines of macros: `sum => Sum, "Sum.";`
    let entry = |line: &str| -> Option<(String, String)> {
        let (name, rest) = line.trim().split_once(" => ")?;
        let says = rest
            .split_once(", \"")?
            .1
            .trim_end_matches("\";")
            .to_owned();
        let word = name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        word.then(|| (name.to_owned(), says))
    };
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap();
        let (mut owner, mut doc) = (String::new(), String::new());
        let mut of_macro = false;
        let mut writes: Option<String> = None;
        for line in text.lines() {
            let code = line.trim();
            if let Some(rest) = line.strip_prefix("impl ") {
                owner = rest.split([' ', '<', '{']).next().unwrap().to_owned();
            } else if let Some(rest) = line.strip_prefix("reductions! { ") {
                owner = rest.split(' ').next().unwrap().to_owned();
                table
                    .lines()
                    .filter_map(entry)
                    .for_each(|(name, says)| add(&owner, &name, &says));
                of_macro = true;
            } else if let Some(rest) = line.strip_prefix("folds! { ") {
                owner = rest.split(' ').next().unwrap().to_owned();
                of_macro = true;
            } else if line.starts_with("of_variables! {") {
                owner = "Dataset".to_owned();
                of_macro = true;
            } else if let Some(rest) = line.strip_prefix("element_wise!(") {
                let owner = rest.split(',').next().unwrap();
                let lines = element_wise.lines().filter_map(entry);
                lines.for_each(|(name, says)| add(owner, &name, &says));
            } else if let Some(rest) = line.strip_prefix("macro_rules! ") {
                owner = format!("macro {}", rest.trim_end_matches(" {"));
            } else if let Some((name, rest)) = line.split_once("! {") {
                let name = format!("macro {name}");
                match rest.split_whitespace().next() {
                    Some(of) => written.push((name, of.to_owned())),
                    None => writes = Some(name),
                }
            } else if line == "}" {
                owner.clear();
                of_macro = false;
                writes = None;
            } else if let (Some(name), Some(of)) = (&writes, code.split(' ').next()) {
                written.push((name.clone(), of.to_owned()));
            }
            if let Some(text) = code.strip_prefix("/// ") {
                if !doc.ends_with('\n') {
                    doc.push(' ');
                    doc.push_str(text);
                }
            } else if code == "///" {
                doc.push('\n');
            } else if let Some(rest) = code.strip_prefix("pub fn ") {
                let name = rest.split(['(', '<']).next().unwrap();
                add(
                    if owner.is_empty() {
                        "functions"
                    } else {
                        &owner
                    },
                    name,
                    &doc,
                );
                doc.clear();
            } else if let (true, Some((name, says))) = (of_macro, entry(line)) {
                add(&owner, &name, &says);
            } else if of_macro && code.ends_with(';') && code.contains('(') {
                // `cumsum();` below its documentation
                add(&owner, code.split('(').next().unwrap(), &doc);
                doc.clear();
            } else if !code.starts_with("#[") {
                doc.clear();
            }
        }
    }
    for (name, of) in written {
        let own = found.iter().filter(|((owner, _), _)| *owner == name);
        let own: Vec<(String, String)> = own
            .map(|((_, f), says)| (f.clone(), says.clone()))
            .collect();
        for (function, says) in own {
            found.entry((of.clone(), function)).or_insert(says);
        }
    }
    found
}

/// How many golden cases call each name, by the kind of what they give.
fn cases() -> BTreeMap<String, usize> {
    // Not in the binary: every test binary has this module.
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/labels.json");
    let golden = std::fs::read_to_string(path).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&golden).unwrap();
    let mut counts = BTreeMap::new();
    for case in golden["cases"].as_array().unwrap() {
        let script = case["script"].as_str().unwrap();
        let called: BTreeSet<&str> = script
            .match_indices('(')
            .filter_map(|(at, _)| {
                let before = &script[..at];
                let start = before.rfind(|c: char| !(c.is_alphanumeric() || c == '_'));
                Some(&before[start.map_or(0, |s| s + 1)..]).filter(|name| !name.is_empty())
            })
            .collect();
        for name in called {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// The part on xarray's types.
pub fn labelled_table() -> String {
    let (functions, cases) = (functions(), cases());
    let mut text = String::from(
        "\n## xarray\n\nNames of xarray's own list (`tests/golden/make_xarray_api.py`). *Cases*: job scripts in \
         `tests/golden/labels.json` that call the name and give what xarray gives.\n",
    );
    let names = include_str!("../golden/xarray_api.txt");
    for line in names.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let Some(kind) = words.next() else { continue };
        let _ = write!(
            text,
            "\n### {kind}\n\n| name | ours | cases | remark |\n|---|---|---|---|\n"
        );
        for name in words {
            let other = OTHER_NAMES
                .iter()
                .find(|(of, theirs, _)| *theirs == name && (of.is_empty() || *of == kind));
            let get = |name: &str| functions.get(&(kind.to_owned(), name.to_owned()));
            let ours = match (get(name), other) {
                (Some(says), _) => Some((name, says)),
                (None, Some((.., ours))) => get(ours).map(|says| (*ours, says)),
                (None, None) => None,
            };
            let count = cases.get(name).map_or(String::new(), usize::to_string);
            match ours {
                Some((ours, says)) => {
                    let place = match kind {
                        "functions" => format!("labelled::{ours}"),
                        _ => format!("{kind}::{ours}"),
                    };
                    let _ = writeln!(text, "| {name} | `{place}` | {count} | {says} |");
                }
                None => {
                    let remark = if OPEN.contains(&name) { "*open*" } else { "" };
                    let _ = writeln!(text, "| {name} | – | | {remark} |");
                }
            }
        }
    }
    text
}
