//! What a job shows of itself: status and `top`, report, timeline, dashboard; and that none of it hides an error.

use super::{BIN, JOB, alone, cube, json, on, set, text};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).display().to_string()
}

#[test]
fn a_report_says_what_was_planned_and_what_was_done() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (input, output) = (set("input", cube()), set("output", &dir.join("out.nc")));
    let job = [JOB, "--set", &input, "--set", &output, "--threads", "2"];
    let mut plan = vec!["plan", "--json", "--ranks", "3"];
    plan.extend(job);
    let planned = json(&alone(&plan));
    let (report, trace, status) = (
        path(dir, "r.json"),
        path(dir, "t.json"),
        path(dir, "status"),
    );
    let mut run = vec!["run"];
    run.extend(job);
    run.extend(["--report", &report, "--trace", &trace, "--status", &status]);
    let out = on(3, &run);
    assert!(out.status.success(), "{}", text(&out));

    let report = read_json(Path::new(&report));
    let stages = planned["runs"][0]["stages"].as_array().unwrap();
    let of = |number: usize| {
        let all = report["stages"].as_array().unwrap();
        let found = all.iter().find(|s| s["run"] == 0 && s["stage"] == number);
        found.unwrap_or_else(|| panic!("{report}"))
    };
    for (number, stage) in stages.iter().enumerate() {
        let done = of(number);
        assert_eq!(done["planned"]["peak_bytes"], stage["peak_bytes"]);
        assert_eq!(done["measured"]["decoded_bytes"], stage["decoded_bytes"]);
        let peaks = (&done["measured"]["peak_bytes"], &stage["peak_bytes"]);
        assert!(peaks.0.as_u64() <= peaks.1.as_u64(), "{peaks:?}");
        let worked: f64 = done["work_s"]
            .as_object()
            .unwrap()
            .values()
            .map(|v| v.as_f64().unwrap())
            .sum();
        assert!(worked > 0.0, "{done}");
        // Each of three ranks has two threads and its main thread.
        assert!(
            worked <= 9.0 * done["seconds"].as_f64().unwrap() + 1e-3,
            "{done}"
        );
    }
    let whole: u64 = (report["stages"].as_array().unwrap().iter())
        .map(|s| s["measured"]["written_bytes"].as_u64().unwrap())
        .sum();
    assert!(whole > 0);
    let facts = &report["facts"];
    assert_eq!(
        facts["inputs"][0]["path"].as_str(),
        cube().canonicalize().unwrap().to_str()
    );
    assert_eq!(
        facts["inputs"][0]["bytes"],
        std::fs::metadata(cube()).unwrap().len()
    );
    assert_eq!((&facts["ranks"], &facts["threads"]), (&3.into(), &2.into()));
    assert_eq!(report["ranks"].as_array().unwrap().len(), 3);
    assert!(report["node_hours"].as_f64().unwrap() > 0.0);

    let events = read_json(Path::new(&trace));
    for rank in 0..3 {
        let own = |phase: &str, name: &str| {
            let all = events.as_array().unwrap().iter();
            all.filter(|e| e["pid"] == rank && e["ph"] == phase && e["name"] == name)
                .count()
        };
        assert_eq!(own("M", "process_name"), 1);
        assert_eq!(own("M", "thread_name"), 4);
        // Two columns of tiles: the last rank has none.
        let works = own("X", "compute") > 0 && own("X", "decode") > 0;
        assert_eq!(works, rank < 2, "rank {rank}");
    }

    // The last records stay: the job is over.
    let top = alone(&["top", "--json", &status]);
    let all: Value = serde_json::from_slice(&top.stdout).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert!(
        all.as_array().unwrap().iter().all(|s| s["state"] == "done"),
        "{all}"
    );
    let shown = text(&alone(&["top", &status]));
    assert!(shown.contains("3 of 3 ranks seen, 0 running"), "{shown}");
}

/// A plan knows no values: a script that checks them ends early, and is planned until there.
#[test]
fn a_plan_of_a_script_that_checks_values_says_how_far_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let job = path(dir.path(), "job.rhai");
    let source = "let x = arange(1000).sum().item(); if x != 499500 { throw `odd ${x}`; } arange(5).max().item();";
    std::fs::write(&job, source).unwrap();
    let out = alone(&["plan", &job]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    let said = text(&out);
    assert!(
        said.contains("stage 0: pass") && said.contains("odd 0") && said.contains("is not planned"),
        "{said}"
    );
    let object = json(&alone(&["plan", "--json", &job]));
    assert_eq!(object["runs"].as_array().unwrap().len(), 1);
    assert!(object["ended_early"].as_str().unwrap().contains("odd 0"));
    // Nothing was planned: the error is the answer.
    std::fs::write(&job, "throw \"at once\";").unwrap();
    assert_eq!(alone(&["plan", &job]).status.code(), Some(2));
}

/// The report does not depend on what the network has, and what a user can name cannot break out of its figures.
#[test]
fn a_report_is_one_page() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("</script><b>&.rhai");
    std::fs::create_dir_all(odd.parent().unwrap()).unwrap();
    std::fs::write(&odd, "let x = arange(4); print(x.sum().item());").unwrap();
    let report = path(dir.path(), "report.html");
    let out = alone(&["run", odd.to_str().unwrap(), "--report", &report]);
    assert!(out.status.success(), "{}", text(&out));
    let page = std::fs::read_to_string(&report).unwrap();
    assert_eq!(page.matches("</script>").count(), 1, "{page}");
    assert!(!page.contains("src=") && !page.contains("href=") && !page.contains("@import"));
    let start = page.find("const figures = ").unwrap() + "const figures = ".len();
    let end = start + page[start..].find(";\n").unwrap();
    let figures: Value = serde_json::from_str(&page[start..end]).unwrap();
    assert!(
        figures["facts"]["job"]
            .as_str()
            .unwrap()
            .contains("</script><b>&.rhai")
    );
    assert!(!figures["ranks"][0]["spans"].as_array().unwrap().is_empty());
}

#[test]
fn a_job_that_fails_says_so_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let job = path(dir, "job.rhai");
    std::fs::write(&job, "let x = arange(1000).sum().item(); throw `not ${x}`;").unwrap();
    let (report, status) = (path(dir, "report.json"), path(dir, "status"));
    let out = alone(&["run", &job, "--report", &report, "--status", &status]);
    assert_eq!(out.status.code(), Some(2), "{}", text(&out));
    let error = read_json(Path::new(&report))["facts"]["error"].to_string();
    assert!(error.contains("not 499500"), "{error}");
    let shown = text(&alone(&["top", "--once", &status]));
    assert!(
        shown.contains("failed: ") && shown.contains("not 499500"),
        "{shown}"
    );

    // A report that cannot be written is refused before anything is computed; so is an address that is not ours.
    let missing = path(dir, "no/such/report.html");
    let never = path(dir, "never.nc");
    std::fs::write(
        &job,
        "arange(5).data_array([\"x\"], #{}).rename(\"v\").save(output);",
    )
    .unwrap();
    for (option, value, code, words) in [
        ("--report", missing.as_str(), 73, "no/such/report.html"),
        ("--trace", missing.as_str(), 73, "no/such/report.html"),
        ("--status", job.as_str(), 73, "job.rhai"),
        ("--dashboard", "nowhere", 2, "127.0.0.1:8787"),
    ] {
        let out = alone(&[
            "run",
            &job,
            "--set",
            &format!("output={never}"),
            option,
            value,
        ]);
        assert_eq!(out.status.code(), Some(code), "{option}: {}", text(&out));
        assert!(
            text(&out).contains(words) && text(&out).contains(option),
            "{}",
            text(&out)
        );
        assert!(!Path::new(&never).exists());
    }
    let here = std::fs::read_dir(".")
        .unwrap()
        .map(|e| e.unwrap().file_name());
    let left: Vec<_> = here
        .filter(|name| name.to_string_lossy().starts_with(".hyperslab-status"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let out = alone(&["top", dir.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out).contains("--status DIR"), "{}", text(&out));
    let left: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().ends_with(".part")),
        "{left:?}"
    );
}

fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// A job that goes on until it is stopped, with its dashboard; `look` gets the address.
fn with_dashboard(look: impl FnOnce(&str)) {
    let dir = tempfile::tempdir().unwrap();
    let job = path(dir.path(), "job.rhai");
    std::fs::write(
        &job,
        "for k in 0..100000 { let x = default_rng(k).random([300, 400]); x.sum().item(); }",
    )
    .unwrap();
    let mut child = Command::new("timeout")
        .args([
            "-k",
            "5",
            "60",
            BIN,
            "run",
            &job,
            "--dashboard",
            "127.0.0.1:0",
            "--quiet",
        ])
        .current_dir(dir.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut said = Vec::new();
    let mut byte = [0];
    while stderr.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        said.push(byte[0]);
    }
    let said = String::from_utf8(said).unwrap();
    let address = said
        .strip_prefix("dashboard: http://")
        .unwrap_or_else(|| panic!("{said}"));
    look(address.trim_end_matches('/'));
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    let _ = child.wait();
}

#[test]
fn a_dashboard_serves_where_the_job_stands() {
    with_dashboard(|address| {
        assert!(get(address, "/").unwrap().contains("Task stream"));
        assert!(get(address, "/no").unwrap().starts_with("HTTP/1.1 404"));
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = get(address, "/status.json").unwrap();
            let body = answer.split("\r\n\r\n").nth(1).unwrap();
            let all: Value = serde_json::from_str(body.trim()).unwrap_or_default();
            if all[0]["stand"]["run"].as_u64() > Some(0) && all[0]["spans"][0]["took_ns"].is_u64() {
                assert_eq!(all[0]["state"], "running");
                break;
            }
            assert!(Instant::now() < until, "{answer}");
            std::thread::sleep(Duration::from_millis(100));
        }
    });
}

/// What a browser makes of a page after its scripts ran for some seconds.
fn browsed(address: &str) -> String {
    let names = ["chromium-headless-shell", "chromium", "google-chrome"];
    let found = names.iter().find(|name| {
        let which = Command::new("which").arg(name).output().unwrap();
        which.status.success()
    });
    let browser = found.expect("a browser: `make test-deps` installs one");
    let home = tempfile::tempdir().unwrap();
    let out = Command::new("timeout")
        .args([
            "-k",
            "5",
            "60",
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
        ])
        .args(["--virtual-time-budget=4000", "--dump-dom", address])
        .env("HOME", home.path())
        .output()
        .unwrap();
    let page = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(page.contains("</html>"), "{}", text(&out));
    page
}

/// The part of a page that is shown, without its scripts.
fn shown(page: &str) -> &str {
    page.split("<script>").next().unwrap()
}

#[test]
fn a_browser_shows_report_and_dashboard() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (
        set("input", cube()),
        set("output", &dir.path().join("out.nc")),
    );
    let report = path(dir.path(), "report.html");
    let out = alone(&[
        "run", JOB, "--set", &input, "--set", &output, "--report", &report,
    ]);
    assert!(out.status.success(), "{}", text(&out));
    let page = browsed(&format!("file://{report}"));
    for words in [
        "read nir08 (int16)",
        "decode ",
        "landsat.nc",
        "rank 0)",
        " → ",
    ] {
        assert!(shown(&page).contains(words), "{words}: {page}");
    }
    for word in ["undefined", "NaN", "[object"] {
        assert!(!shown(&page).contains(word), "{word}: {page}");
    }
    with_dashboard(|address| {
        let page = browsed(&format!("http://{address}/"));
        let page = shown(&page);
        for words in ["1 ranks, ", "running", "/s</td>", "decoded "] {
            assert!(page.contains(words), "{words}: {page}");
        }
        assert!(
            !page.contains("undefined") && !page.contains("NaN"),
            "{page}"
        );
    });
}

#[test]
fn progress_is_shown_where_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let job = path(dir.path(), "job.rhai");
    std::fs::write(&job, "let x = arange(4); print(x.sum().item());").unwrap();
    for (form, code) in [("lines", 0), ("bar", 0), ("off", 0), ("loud", 2)] {
        let out = alone(&["run", &job, "--progress", form]);
        assert_eq!(out.status.code(), Some(code), "{}", text(&out));
    }
    let help = text(&alone(&["--help"]));
    let commands = help
        .split("Commands:")
        .nth(1)
        .unwrap()
        .split("Options:")
        .next()
        .unwrap();
    let names = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> = names
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names.iter().filter(|name| **name != "help") {
        let help = text(&alone(&[name, "--help"]));
        assert!(help.contains("Examples:"), "{name}: {help}");
    }
    let shells = ["bash", "zsh", "fish"];
    for shell in shells {
        let out = text(&alone(&["completions", shell]));
        assert!(
            out.contains("hyperslab") && out.contains("dashboard"),
            "{out}"
        );
    }
}
