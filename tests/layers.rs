//! The layers, read from the source: no module uses one above or beside it; what is dangerous stays in its file.
//!
//! The table is that of `docs/design/0001-layers-and-plan.md`. A new top-level module needs a line here.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

/// Vocabulary, lowest first: each may use those before it.
const VOCABULARY: [&str; 6] = ["error", "dtype", "config", "geom", "op", "spec"];
/// The logic tower, lowest first.
const LOGIC: [&str; 3] = ["expr", "optimize", "plan"];
/// The data tower: `block` below three siblings that do not see one another.
const DATA: [&str; 4] = ["block", "kernel", "comm", "io"];
/// Where both towers are seen, lowest first.
const UPPER: [&str; 10] = [
    "observe",
    "exec",
    "driver",
    "array",
    "labelled",
    "plot",
    "visualize",
    "script",
    "cli",
    "fuzzing",
];

/// Whether code of module `from` may name module `to`.
fn allowed(from: &str, to: &str) -> bool {
    let at = |list: &[&str], name: &str| list.iter().position(|n| *n == name);
    if from == to {
        return true;
    }
    match (
        at(&VOCABULARY, from),
        at(&LOGIC, from),
        at(&DATA, from),
        at(&UPPER, from),
    ) {
        (Some(level), ..) => at(&VOCABULARY, to).is_some_and(|l| l < level),
        (_, Some(level), ..) => {
            VOCABULARY.contains(&to) || at(&LOGIC, to).is_some_and(|l| l < level)
        }
        (_, _, Some(_), _) => VOCABULARY.contains(&to) || (to == "block" && from != "block"),
        (_, _, _, Some(level)) => {
            VOCABULARY.contains(&to)
                || LOGIC.contains(&to)
                || DATA.contains(&to)
                || at(&UPPER, to).is_some_and(|l| l < level)
        }
        _ => false,
    }
}

fn known(name: &str) -> bool {
    [&VOCABULARY[..], &LOGIC, &DATA, &UPPER]
        .iter()
        .any(|list| list.contains(&name))
}

/// The lines of a source file with their numbers, without comments and without its test module (which comes last).
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut result = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if line.trim() == "#[cfg(test)]"
            && lines[number + 1..]
                .iter()
                .take(3)
                .any(|l| l.starts_with("mod ") && l.ends_with('{'))
        {
            break;
        }
        let line = line.split("//").next().unwrap_or_default();
        if !line.trim().is_empty() {
            result.push((number + 1, line.to_owned()));
        }
    }
    result
}

/// Every file of the library that is not a test module, by its path below `src`.
fn sources() -> Vec<(String, Vec<(usize, String)>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    let mut result = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path
                .strip_prefix(&root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                let code = code(&path);
                result.push((name, code));
            }
        }
    }
    result.sort();
    assert!(result.len() > 80, "the source folder was not found whole");
    result
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// The modules that one line names by `crate::…`.
fn named(line: &str) -> Vec<String> {
    let mut result = Vec::new();
    for (at, found) in line.match_indices("crate::") {
        let rest = &line[at + found.len()..];
        if let Some(list) = rest.strip_prefix('{') {
            // `crate::{a::B, c}`: names at the first depth.
            let mut depth = 0;
            for part in list.split_inclusive([',', '{', '}']) {
                if depth == 0 && !word(part.trim()).is_empty() {
                    result.push(word(part.trim()).to_owned());
                }
                match part.chars().last() {
                    Some('{') => depth += 1,
                    Some('}') => depth -= 1,
                    _ => {}
                }
                if depth < 0 {
                    break;
                }
            }
        } else {
            let name = word(rest);
            // Macros live at the root; `for_physical!` is part of `dtype`.
            if !rest[name.len()..].starts_with('!') {
                result.push(name.to_owned());
            }
        }
    }
    // Re-exports at the root: `crate::Error`, `crate::Result`, `crate::launch`.
    for name in &mut result {
        match name.as_str() {
            "Error" | "Result" => *name = "error".to_owned(),
            "launch" => *name = "driver".to_owned(),
            _ => {}
        }
    }
    result
}

#[test]
fn dependence_points_downwards() {
    let mut wrong = Vec::new();
    for (file, lines) in sources() {
        let from = word(&file).to_owned();
        if from == "lib" || from == "main" {
            continue;
        }
        assert!(
            known(&from),
            "src/{file}: module {from} has no place in the table of layers"
        );
        // Modules between this file and the root: `super` that often is the root.
        let depth = file.trim_end_matches("/mod.rs").split('/').count();
        for (number, line) in lines {
            for to in named(&line) {
                if !allowed(&from, &to) {
                    wrong.push(format!("src/{file}:{number}: {from} uses {to}"));
                }
            }
            if line.contains(&"super::".repeat(depth)) {
                wrong.push(format!("src/{file}:{number}: the root is named by super"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "edges that point upwards or sideways:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_table_itself() {
    assert!(allowed("plan", "expr") && allowed("kernel", "block") && allowed("cli", "comm"));
    assert!(!allowed("expr", "plan") && !allowed("plan", "block") && !allowed("io", "kernel"));
    assert!(!allowed("geom", "spec") && !allowed("block", "io") && !allowed("exec", "array"));
    assert_eq!(
        named("use crate::{geom::{Region, Shape}, io, op::X};"),
        ["geom", "io", "op"]
    );
    assert_eq!(
        named("crate::for_physical!(p, T => crate::spec::f())"),
        ["spec"]
    );
}

#[test]
fn mpi_is_named_in_one_file() {
    for (file, lines) in sources() {
        if file == "comm/mpi.rs" {
            continue;
        }
        for (number, line) in lines {
            let start = line.trim_start();
            let outside = start.starts_with("use mpi::")
                || start.starts_with("use ::mpi")
                || start.starts_with("extern crate mpi");
            // Inside `comm`, `mpi::` is the module of that name.
            let path = !file.starts_with("comm/")
                && line
                    .match_indices("mpi::")
                    .any(|(at, _)| !line[..at].ends_with(is_word) && !line[..at].ends_with("\""));
            assert!(
                !outside && !path,
                "src/{file}:{number} names the mpi crate: {line}"
            );
        }
    }
}

#[test]
fn unsafe_stays_in_its_files() {
    for (file, lines) in sources() {
        if [
            "block/pages.rs",
            "comm/mpi.rs",
            "comm/window.rs",
            "io/hdf5/raw.rs",
        ]
        .contains(&file.as_str())
        {
            continue;
        }
        for (number, line) in lines {
            let found = line.match_indices("unsafe").any(|(at, text)| {
                let after = &line[at + text.len()..];
                // The name of a casting rule is a text.
                !line[..at].ends_with(is_word)
                    && !line[..at].ends_with('"')
                    && !line[..at].ends_with("\\\"")
                    && !after.starts_with(is_word)
            });
            assert!(!found, "src/{file}:{number} is unsafe: {line}");
        }
    }
}

#[test]
fn the_library_does_not_print() {
    for (file, lines) in sources() {
        if file.starts_with("cli") || file == "main.rs" {
            continue;
        }
        for (number, line) in lines {
            for call in ["println!", "print!"] {
                let found = line
                    .match_indices(call)
                    .any(|(at, _)| !line[..at].ends_with(is_word));
                assert!(!found, "src/{file}:{number} prints: {line}");
            }
        }
    }
}
