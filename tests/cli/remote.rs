//! Zarr over HTTP and from S3 buckets, by the program: on any ranks what a folder gives, and faults that end.

use crate::server::{Fault, Kind, Server};
use crate::zarr::tree;
use crate::{BIN, alone, cube, support, text};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const KEYS: [(&str, &str); 5] = [
    ("AWS_ACCESS_KEY_ID", "KEY"),
    ("AWS_SECRET_ACCESS_KEY", "VERYSECRET"),
    ("AWS_SESSION_TOKEN", "TOKEN"),
    ("AWS_REGION", "eu-test-1"),
    ("HYPERSLAB_HTTP_TIMEOUT", "1"),
];

/// Runs the program on so many ranks with more variables in its environment.
fn run(ranks: usize, envs: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = match ranks {
        1 => {
            let mut command = Command::new("timeout");
            command.args(["-k", "5", "60"]);
            command
        }
        ranks => support::mpirun(ranks),
    };
    for name in [
        "AWS_PROFILE",
        "AWS_NO_SIGN_REQUEST",
        "AWS_ENDPOINT_URL",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env_remove(name);
    }
    command.envs(envs.iter().copied()).arg(BIN).args(args);
    command.output().unwrap()
}

fn good(out: &Output) -> String {
    assert!(out.status.success(), "{}", text(out));
    text(out)
}

/// The demo's cube as a hierarchy with shards and one of version 2.
fn hierarchies(dir: &Path) {
    let at = |name: &str| dir.join(name).display().to_string();
    let from = cube().display().to_string();
    let chunks = ["--chunks", "time=8,y=100,x=120"];
    let shards = ["--shards", "time=16,y=200,x=240"];
    let (three, two) = (at("three.zarr"), at("two.zarr"));
    let args = [&["convert", &from, &three][..], &chunks, &shards].concat();
    good(&alone(&args));
    let args = [&["convert", &from, &two, "--zarr-format", "2"][..], &chunks].concat();
    good(&alone(&args));
}

#[test]
fn servers_give_what_folders_give_on_any_ranks() {
    let dir = tempfile::tempdir().unwrap();
    hierarchies(dir.path());
    let web = Server::start(dir.path(), Kind::default());
    web.slow_down(Duration::from_millis(5));
    let bucket = Server::start(
        dir.path(),
        Kind {
            bucket: Some(("data", Some("KEY"))),
            ..Kind::default()
        },
    );
    let keys = [&KEYS[..4], &[("AWS_ENDPOINT_URL", bucket.url.as_str())]].concat();
    let at = |name: &str| dir.path().join(name).display().to_string();
    for name in ["three.zarr", "two.zarr"] {
        let plain = at(&format!("plain.{name}"));
        good(&alone(&["convert", &at(name), &plain]));
        let plain = tree(Path::new(&plain));
        for (ranks, from, envs) in [
            (1, format!("{}/{name}", web.url), &keys[..0]),
            (3, format!("{}/{name}", web.url), &keys[..0]),
            (3, format!("s3://data/{name}/"), &keys[..]),
        ] {
            let out = at(&format!("out.{name}"));
            good(&run(ranks, envs, &["convert", &from, &out, "--overwrite"]));
            let found = tree(Path::new(&out));
            assert_eq!(
                found.keys().collect::<Vec<_>>(),
                plain.keys().collect::<Vec<_>>()
            );
            for (key, bytes) in &plain {
                // The group's description holds history and inputs, and the manifest its checksum.
                let own = [
                    "zarr.json",
                    ".zattrs",
                    ".zmetadata",
                    ".hyperslab-manifest.json",
                ];
                if !own.contains(&key.as_str()) {
                    assert!(*bytes == found[key], "{from} on {ranks} ranks: {key}");
                }
            }
        }
    }
    assert!(web.busiest() >= 8, "requests at once: {}", web.busiest());
    let shown = good(&run(1, &[], &["info", &format!("{}/three.zarr", web.url)]));
    assert!(shown.contains("shards of [16, 200, 240]"), "{shown}");
    let e = run(1, &[], &["convert", &at("two.zarr"), "s3://data/new.zarr"]);
    assert_eq!(e.status.code(), Some(73));
    assert!(
        text(&e).contains("nothing is written to servers"),
        "{}",
        text(&e)
    );
}

#[test]
fn buckets_are_listed_and_refusals_hold_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    hierarchies(dir.path());
    // Nothing consolidated: folders are listed, two a page.
    let root = dir.path().join("three.zarr/zarr.json");
    let text_of = |path: &Path| std::fs::read_to_string(path).unwrap();
    let mut all: serde_json::Value = serde_json::from_str(&text_of(&root)).unwrap();
    all.as_object_mut().unwrap().remove("consolidated_metadata");
    std::fs::write(&root, all.to_string()).unwrap();
    std::fs::remove_file(dir.path().join("two.zarr/.zmetadata")).unwrap();
    let signed = Server::start(
        dir.path(),
        Kind {
            bucket: Some(("data", Some("KEY"))),
            ..Kind::default()
        },
    );
    let open = Server::start(
        dir.path(),
        Kind {
            bucket: Some(("data", None)),
            ..Kind::default()
        },
    );
    let with = |server: &Server, more: &[(&'static str, &'static str)], args: &[&str]| {
        let endpoint = [("AWS_ENDPOINT_URL", server.url.as_str())];
        run(1, &[&KEYS[..], &endpoint, more].concat(), args)
    };
    let no_sign = [("AWS_NO_SIGN_REQUEST", "YES")];
    for name in ["s3://data/three.zarr", "s3://data/two.zarr"] {
        for shown in [
            good(&with(&signed, &[], &["info", name])),
            good(&with(&open, &no_sign, &["info", name])),
        ] {
            for variable in ["nir08", "red", "qa_pixel", "time"] {
                assert!(shown.contains(variable), "{variable}: {shown}");
            }
        }
    }
    let other = [("AWS_ACCESS_KEY_ID", "OTHER")];
    for (out, says) in [
        (
            with(&signed, &other, &["info", "s3://data/two.zarr"]),
            "403 Forbidden (SignatureDoesNotMatch)",
        ),
        (
            with(&signed, &no_sign, &["info", "s3://data/two.zarr"]),
            "s3:ListBucket",
        ),
        (
            with(&signed, &[], &["info", "s3://data/none.zarr"]),
            "there is no Zarr hierarchy",
        ),
        (
            with(&signed, &[], &["info", "s3://other/two.zarr"]),
            "there is no Zarr hierarchy",
        ),
    ] {
        let said = text(&out);
        assert_eq!(out.status.code(), Some(66), "{said}");
        assert!(said.contains(says), "{said}");
        assert!(
            ["VERYSECRET", "X-Amz", "TOKEN"]
                .iter()
                .all(|s| !said.contains(s)),
            "{said}"
        );
    }
    // A server that answers nothing: an end, on every rank.
    let slow = vec![Fault::Slow(Duration::from_secs(4)); 16];
    let chunk = "data/two.zarr/nir08/0.0.0";
    signed.fault(chunk, &slow);
    let endpoint = [("AWS_ENDPOINT_URL", signed.url.as_str())];
    let out = dir.path().join("out.nc").display().to_string();
    let start = Instant::now();
    let e = run(
        3,
        &[&KEYS[..], &endpoint].concat(),
        &["convert", "s3://data/two.zarr", &out],
    );
    assert!(start.elapsed() < Duration::from_secs(30));
    let said = text(&e);
    assert!(
        said.contains(
            "variable nir08, chunk [0, 0, 0]: s3://data/two.zarr/nir08/0.0.0: no answer in time"
        ),
        "{said}"
    );
    assert!(
        !said.contains("X-Amz") && !Path::new(&out).exists(),
        "{said}"
    );
}
