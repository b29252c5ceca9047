//! `hyperslab graph` and `visualize`: what is drawn, by Python's XML parser and, where there is one, Graphviz.

use super::support::{self, files};
use super::{JOB, alone, cube, json, text};
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use std::path::Path;
use std::process::Command;

/// The texts of an SVG, as an XML parser reads them.
fn texts(path: &Path) -> Vec<String> {
    let python = support::python().expect("no Python: make test-deps venv");
    let code = "import sys, xml.etree.ElementTree as E\n\
                for e in E.parse(sys.argv[1]).iter(): print(repr(e.text)) if e.tag.endswith('}text') else None";
    let out = Command::new(python)
        .args(["-c", code])
        .arg(path)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", text(&out));
    let lines = String::from_utf8(out.stdout).unwrap();
    lines
        .lines()
        .map(|line| line.trim_matches(['\'', '"']).trim().to_owned())
        .collect()
}

/// Drawn by Graphviz without a warning, with as many boxes and arrows as there are statements for them.
fn check_dot(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let out = Command::new("dot").arg("-Tsvg").arg(path).output();
    let out = out.expect("no dot: make test-deps");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.is_empty(), "{said}\n{text}");
    let drawn = String::from_utf8_lossy(&out.stdout);
    let drawn = |class: &str| drawn.matches(&format!("class=\"{class}\"")).count();
    let arrows = (text.lines())
        .filter(|line| line.split_whitespace().nth(1) == Some("->"))
        .count();
    assert_eq!(drawn("edge"), arrows, "{text}");
    assert!(drawn("node") > 0, "{text}");
    let mut depth = 0;
    for line in text.lines().map(str::trim) {
        // Quotes are paired, but for those that are escaped.
        let plain = line.replace("\\\\", "").replace("\\\"", "");
        assert_eq!(plain.matches('"').count() % 2, 0, "{line}");
        let outside: String = plain.split('"').step_by(2).collect();
        depth += outside.matches('{').count() as i32 - outside.matches('}').count() as i32;
        let end = outside.chars().last();
        assert!(matches!(end, Some(';' | '{' | '}')), "{line}");
    }
    assert_eq!(depth, 0);
}

#[test]
fn a_job_is_drawn_from_graph_to_stages() {
    let dir = tempfile::tempdir().unwrap();
    let svg = dir.path().join("job.svg");
    let input = format!("input={}", cube().display());
    let base = [
        "graph",
        JOB,
        "--set",
        &input,
        "--set",
        "output=season.nc",
        "--ranks",
        "4",
    ];
    let to = |path: &Path, more: &[&str]| {
        let output = path.to_str().unwrap();
        alone(&[&base[..], &["-o", output], more].concat())
    };
    let out = to(&svg, &["--json"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    assert_eq!(json(&out)["runs"], 1);
    let said = texts(&svg);
    let has = |what: &str| said.iter().any(|line| line == what);
    let begins = |what: &str| said.iter().any(|line| line.starts_with(what));
    for line in [
        "the graph as it was written",
        "after the rewrite rules",
        "the stages of the plan, for 4 ranks",
        "read nir08",
        "read red",
        "read qa_pixel",
        "landsat.nc",
        "int16 [24, 400, 360]",
        "chunks [1, 128, 128]",
        "6.59 MiB",
        "bitwise_and",
        "divide",
        "stage 0: pass",
        "fused:",
    ] {
        assert!(has(line), "{line:?} is not in\n{}", said.join("\n"));
    }
    assert!(
        begins("mean skipna") && begins("ndvi in "),
        "{}",
        said.join("\n")
    );
    // The same bytes again, and not over what is there.
    let first = std::fs::read(&svg).unwrap();
    assert_eq!(to(&svg, &["--overwrite", "--quiet"]).status.code(), Some(0));
    assert_eq!(std::fs::read(&svg).unwrap(), first);
    let out = to(&svg, &[]);
    assert_eq!(out.status.code(), Some(73), "{}", text(&out));
    assert!(text(&out).contains("exists already"));
    assert_eq!(to(&dir.path().join("job.jpg"), &[]).status.code(), Some(73));
    // As DOT: each band is read by the pass.
    let dot = dir.path().join("job.dot");
    let out = to(&dot, &["--of", "stages"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    check_dot(&dot);
    let drawn = std::fs::read_to_string(&dot).unwrap();
    assert_eq!(drawn.matches("subgraph").count(), 1);
    let stage = drawn.lines().find(|line| line.contains("stage 0")).unwrap();
    let stage = stage.trim().split(' ').next().unwrap();
    for band in ["read nir08", "read red", "read qa_pixel"] {
        let line = drawn.lines().find(|line| line.contains(band)).unwrap();
        let node = line.trim().split(' ').next().unwrap();
        assert!(
            drawn.contains(&format!("{node} -> {stage} [label=\"6.59 MiB\"]")),
            "{drawn}"
        );
    }
}

#[test]
fn several_runs_have_a_section_each_and_names_are_no_markup() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("job.rhai");
    let name = r#"<a & "b">\c"#;
    let out = dir.path().join("out.nc");
    let source = format!(
        "let x = data_array(ones([40, 50]).chunk(10), [\"y\", \"x\"]).rename(`{name}`);\nprint(x.mean().item());\n\
         (x * 2).save(\"{}\");",
        out.display()
    );
    std::fs::write(&script, source).unwrap();
    for (file, check) in [("g.svg", true), ("g.dot", false)] {
        let path = dir.path().join(file);
        let drawn = alone(&[
            "graph",
            script.to_str().unwrap(),
            "-o",
            path.to_str().unwrap(),
        ]);
        assert_eq!(drawn.status.code(), Some(0), "{}", text(&drawn));
        match check {
            true => {
                let said = texts(&path);
                for line in [
                    "Run 0: the graph as it was written",
                    "Run 1: after the rewrite rules",
                ] {
                    assert!(said.iter().any(|l| l == line), "{said:?}");
                }
                // As Python prints it.
                assert!(
                    said.iter()
                        .any(|l| l.contains("<a & \"b\">\\\\c in out.nc")),
                    "{said:?}"
                );
            }
            false => check_dot(&path),
        }
    }
    assert!(!out.exists());
}

#[test]
fn alike_operations_are_one_box_and_arrays_draw_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let (svg, dot) = (dir.path().join("a.svg"), dir.path().join("a.dot"));
    files::on(Fabric::Solo, files::limits(1, 64 << 20), |d| {
        let part = |i| d.from_block(Block::from_vec(&[5, 6], vec![f64::from(i); 30]).unwrap());
        let roots: Vec<_> = (0..200).map(|i| part(i).sqrt()).collect();
        let others: Vec<_> = roots[1..].iter().collect();
        let joined = roots[0].concat(&others, 0);
        joined.sum(&[0]).visualize(&svg)?;
        joined.sum(&[0]).visualize(&dot)?;
        assert_eq!(d.session().finished().runs, 0);
        Ok(())
    })
    .unwrap();
    let said = texts(&svg);
    assert!(said.iter().any(|l| l == "sqrt × 200"), "{said:?}");
    assert!(said.iter().any(|l| l == "200 parts"), "{said:?}");
    assert!(
        said.iter()
            .any(|l| l.contains("alike ones are drawn as one")),
        "{said:?}"
    );
    check_dot(&dot);
}
