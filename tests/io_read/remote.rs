//! Zarr on a web server, and kerchunk's references: the same values as in a folder, and an error that says what is wrong.

use super::server::{Fault, Kind, Server};
use super::zarr::{array, hierarchy, put, with};
use super::{data, read};
use hyperslab::geom::Region;
use hyperslab::io;
use serde_json::{Map, Value, json};
use std::path::Path;

/// A hierarchy whose metadata are consolidated, as a web server needs them.
fn consolidated(root: &Path, array: &Value) {
    hierarchy(root, array);
    let all = json!({ "zarr_format": 3, "node_type": "group", "attributes": { "title": "x" },
        "consolidated_metadata": { "kind": "inline", "must_understand": false, "metadata": { "v": array } } });
    put(root, "zarr.json", all.to_string().as_bytes());
}

/// What opening, or else reading `v`, says.
fn said(path: &str) -> String {
    let info = match io::open(Path::new(path), None) {
        Ok(info) => info,
        Err(e) => return e.message().to_owned(),
    };
    let v = info.variable("v").unwrap();
    match read(v, &Region::whole(&v.source.shape)) {
        Ok(block) => format!("read {:?}", block.as_slice::<f32>()),
        Err(e) => e.message().to_owned(),
    }
}

/// Shards of two chunks each, with the values of [`hierarchy`].
fn sharded(at_end: bool) -> (Value, Vec<u8>) {
    let codecs = json!([{ "name": "bytes", "configuration": { "endian": "little" } }]);
    let location = if at_end { "end" } else { "start" };
    let array = with(|a| {
        a["codecs"] = json!([{ "name": "sharding_indexed", "configuration": {
            "chunk_shape": [1, 3], "codecs": codecs, "index_codecs": codecs, "index_location": location } }]);
    });
    let values: Vec<u8> = (0..6u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
    let shift = if at_end { 0 } else { 32u64 };
    let index = [shift, 12, shift + 12, 12].map(u64::to_le_bytes).concat();
    let shard = if at_end {
        [values, index].concat()
    } else {
        [index, values].concat()
    };
    (array, shard)
}

#[test]
fn a_web_server_is_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    consolidated(&dir.path().join("x.zarr"), &array());
    std::fs::remove_file(dir.path().join("x.zarr/v/c/1/1")).unwrap();
    for at_end in [true, false] {
        let root = dir.path().join(format!("shards_{at_end}.zarr"));
        let (array, shard) = sharded(at_end);
        consolidated(&root, &array);
        for key in ["0/0", "0/1", "1/1"] {
            put(&root, &format!("v/c/{key}"), &shard);
        }
        std::fs::remove_file(root.join("v/c/1/0")).unwrap();
    }
    let old = json!({ "zarr_format": 2, "shape": [4, 6], "chunks": [2, 3], "dtype": "<f4", "compressor": null,
        "fill_value": "NaN", "order": "C", "filters": null });
    let root = dir.path().join("größe 2.zarr");
    let listed = json!({ ".zgroup": { "zarr_format": 2 }, "v/.zarray": old });
    put(
        &root,
        ".zmetadata",
        json!({ "zarr_consolidated_format": 1, "metadata": listed })
            .to_string()
            .as_bytes(),
    );
    put(&root, "v/1.0", &[64; 24]);
    for (no_ranges, no_last) in [(false, false), (false, true), (true, false)] {
        let kind = Kind {
            no_ranges,
            no_last,
            ..Kind::default()
        };
        let server = Server::start(dir.path(), kind);
        for name in [
            "x.zarr",
            "shards_true.zarr",
            "shards_false.zarr",
            "größe 2.zarr",
        ] {
            let local = said(dir.path().join(name).to_str().unwrap());
            assert!(local.starts_with("read Some(["), "{local}");
            assert_eq!(said(&format!("{}/{name}", server.url)), local, "{name}");
        }
        // What is not consolidated cannot be found; where nothing is, nothing is invented.
        if no_last {
            assert!(
                said(&format!("{}/none.zarr", server.url))
                    .contains("there is no Zarr hierarchy: none of zarr.json")
            );
        }
        assert!(server.connections() < 40, "connections are used again");
    }
    let server = Server::start(dir.path(), Kind::default());
    hierarchy(&dir.path().join("walked.zarr"), &array());
    let walked = said(&format!("{}/walked.zarr/", server.url));
    assert!(walked.contains("zarr.consolidate_metadata"), "{walked}");
    server.log();
    said(&format!("{}/shards_true.zarr", server.url));
    let log = server.log();
    let ranges = |range: &str| log.iter().filter(|line| line.ends_with(range)).count();
    assert_eq!(ranges("bytes=-32"), 4, "an index is read once: {log:?}");
    assert_eq!(
        (ranges("bytes=0-11"), ranges("bytes=12-23")),
        (3, 3),
        "{log:?}"
    );
}

#[test]
fn a_server_that_fails_is_asked_again_and_then_named() {
    use Fault::{Cut, Endless, Longer, NoLength, Status};
    let dir = tempfile::tempdir().unwrap();
    consolidated(&dir.path().join("x.zarr"), &array());
    let server = Server::start(dir.path(), Kind::default());
    let url = format!("{}/x.zarr", server.url);
    let good = said(&url);
    assert!(good.starts_with("read Some(["), "{good}");
    let chunk = "x.zarr/v/c/0/1";
    for faults in [
        &[Status(500, ""), Status(503, "Retry-After: 0\r\n")][..],
        &[Status(429, "")],
        &[Cut(10), Longer],
        &[Cut(0)],
        &[NoLength],
        &[Status(302, "Location: /x.zarr/v/c/0/1\r\n")],
    ] {
        server.fault(chunk, faults);
        assert_eq!(said(&url), good, "{faults:?}");
    }
    let place = format!("reading {url}: variable v, chunk [0, 1]: {url}/v/c/0/1");
    for (faults, says) in [
        (
            vec![Status(500, ""); 4],
            format!("{place}: the server answers 500 Internal Server Error (Told), after 4 tries"),
        ),
        (vec![Cut(10); 4], format!("{place}: ")),
        (vec![Longer; 4], "of 31 bytes".to_owned()),
        (
            vec![Status(403, "")],
            format!("{place}: the server answers 403 Forbidden (Told)"),
        ),
        (
            vec![Status(400, "x-amz-bucket-region: mars-1\r\n")],
            "set AWS_REGION".to_owned(),
        ),
        (
            vec![Status(302, "Location: /x.zarr/v/c/0/1\r\n"); 9],
            "answers 302".to_owned(),
        ),
        (
            vec![Endless(1 << 20)],
            "more than the 65561 that it ever has".to_owned(),
        ),
        (
            vec![Status(206, "Content-Range: bytes 0-3/4\r\n")],
            "answers 206".to_owned(),
        ),
    ] {
        server.fault(chunk, &faults);
        let said = said(&url);
        assert!(said.contains(&says), "{said}\n  instead of {says}");
    }
    server.fault(chunk, &[]);
    put(&dir.path().join("x.zarr"), "v/c/0/1", &[0; 1 << 17]);
    assert!(said(&url).contains("is damaged"), "{}", said(&url));
    put(&dir.path().join("x.zarr"), "v/c/0/1", &[]);
    assert!(said(&url).contains("it has no bytes"), "{}", said(&url));
    // A 404 is a chunk that was never written, a fault that says so too.
    server.fault(chunk, &[Status(404, "")]);
    assert!(said(&url).contains("NaN, NaN, NaN"), "{}", said(&url));
    // The description changes between opening and reading.
    let info = io::open(Path::new(&url), None).unwrap();
    let (v, root) = (info.variable("v").unwrap(), dir.path().join("x.zarr"));
    put(
        &root,
        "zarr.json",
        b"{\"zarr_format\":3,\"node_type\":\"group\"}",
    );
    let e = read(v, &Region::whole(&v.source.shape)).unwrap_err();
    assert!(e.message().contains("changed while the job ran"), "{e}");
    // Nobody there.
    let e = said("http://127.0.0.1:9/x.zarr");
    assert!(
        e.contains("http://127.0.0.1:9/x.zarr/zarr.json: ") && e.contains("after 4 tries"),
        "{e}"
    );
    for (bad, says) in [
        ("https://host/x.zarr?sig=SECRET", "a query or a fragment"),
        ("ftp://host/x.nc", "files are not read over ftp"),
    ] {
        let e = io::describe(Path::new(bad), None).unwrap_err().to_string();
        assert!(e.contains(says) && !e.contains("SECRET"), "{e}");
    }
}

#[test]
fn a_shard_that_changes_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (array, shard) = sharded(true);
    consolidated(dir.path(), &array);
    for key in ["0/0", "0/1", "1/0", "1/1"] {
        put(dir.path(), &format!("v/c/{key}"), &shard);
    }
    let server = Server::start(dir.path(), Kind::default());
    let info = io::open(Path::new(&server.url), None).unwrap();
    let v = info.variable(&info.variables[0].name).unwrap();
    let index = std::sync::Arc::new(io::index(&v.source).unwrap());
    let source = io::open_source(&v.source, index).unwrap();
    let mut raw = Vec::new();
    source.fetch(&[0, 0], &mut raw).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    put(dir.path(), "v/c/0/0", &shard);
    let e = source.fetch(&[1, 0], &mut raw).unwrap_err();
    assert!(e.message().contains("changed while the job ran"), "{e}");
    for (bytes, says) in [
        (vec![0; 31], "the last 32 bytes are asked for, it has 31"),
        (vec![], "it has 0"),
    ] {
        put(dir.path(), "v/c/0/1", &bytes);
        let e = source.fetch(&[0, 1], &mut raw).unwrap_err();
        assert!(e.message().contains(says), "{e}");
    }
}

/// What kerchunk says of a NetCDF-4 file (tests/golden/make_kerchunk.py) has the values of the file.
#[test]
fn references_of_kerchunk_read_as_their_file() {
    let file = io::open(&data("classic_names.nc"), None).unwrap();
    let refs = io::open(&data("classic_names.json"), None).unwrap();
    let server = Server::start(&data(""), Kind::default());
    let far = io::open(
        Path::new(&format!("{}/classic_names.json", server.url)),
        None,
    )
    .unwrap();
    let mut same = 0;
    for there in [&refs, &far] {
        assert!(there.left_out.is_empty(), "{:?}", there.left_out);
        for v in &file.variables {
            let found = there.variable(&v.name);
            let Some(w) = found.filter(|w| w.readable.is_none() && v.texts.is_none()) else {
                continue;
            };
            let whole = Region::whole(&v.source.shape);
            let (a, b) = (read(v, &whole).unwrap(), read(w, &whole).unwrap());
            assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()), "{}", v.name);
            assert!(a.buffer().as_bytes() == b.buffer().as_bytes(), "{}", v.name);
            same += 1;
        }
    }
    assert!(same >= 14, "{same}");
}

/// References to `v`: four chunks of 24 bytes, and what the case changes.
fn references(change: impl FnOnce(&mut Map<String, Value>)) -> Map<String, Value> {
    let old = json!({ "zarr_format": 2, "shape": [4, 6], "chunks": [2, 3], "dtype": "<f4", "compressor": null,
        "fill_value": "NaN", "order": "C", "filters": null });
    let mut refs = Map::new();
    refs.insert(".zgroup".into(), json!("{\"zarr_format\": 2}"));
    refs.insert("v/.zarray".into(), json!(old.to_string()));
    refs.insert(
        "v/.zattrs".into(),
        json!({ "_ARRAY_DIMENSIONS": ["y", "x"] }),
    );
    refs.insert("v/0.0".into(), json!(["data.bin", 0, 24]));
    refs.insert("v/0.1".into(), json!(["{{ u }}/data.bin", 8, 24]));
    refs.insert("v/1.0".into(), json!(["whole.bin"]));
    refs.insert(
        "v/1.1".into(),
        json!("base64:AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/"),
    );
    change(&mut refs);
    refs
}

#[test]
fn references_that_lead_nowhere_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let values: Vec<u8> = (0..8u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
    put(dir.path(), "data.bin", &values);
    put(dir.path(), "whole.bin", &values[..24]);
    let server = Server::start(dir.path(), Kind::default());
    let url = server.url.clone();
    let file = dir.path().join("refs.json");
    let ask = |refs: Map<String, Value>, u: &str| {
        let all = json!({ "version": 1, "templates": { "u": u }, "refs": refs });
        std::fs::write(&file, all.to_string()).unwrap();
        said(file.to_str().unwrap())
    };
    let good = "read Some([0.0, 1.0, 2.0, 2.0, 3.0, 4.0, 3.0, 4.0, 5.0, 5.0, 6.0, 7.0, 0.0, 1.0, 2.0, 1.0, 1.0, 1.0, 3.0, 4.0, 5.0, 1.0, 1.0, 1.0])";
    let here = format!("file://{}", dir.path().display());
    for u in [".", dir.path().to_str().unwrap(), &here, &url] {
        assert_eq!(ask(references(|_| {}), u), good, "{u}");
    }
    // Version 0 is the references alone; and a chunk that is not there.
    let mut zero = references(|_| {});
    zero["v/0.1"] = json!(["data.bin", 8, 24]);
    std::fs::write(&file, Value::Object(zero.clone()).to_string()).unwrap();
    assert_eq!(said(file.to_str().unwrap()), good);
    assert_eq!(said(&format!("{url}/refs.json")), good);
    zero.remove("v/0.1");
    std::fs::write(&file, Value::Object(zero).to_string()).unwrap();
    assert!(said(file.to_str().unwrap()).contains("2.0, NaN, NaN, NaN"));
    let bad = |value: Value| references(|r| drop(r.insert("v/0.1".into(), value)));
    for (value, says) in [
        (json!(["data.bin", 9, 24]), "bytes 9 to 33 of"),
        (json!([format!("{url}/data.bin"), 9, 24]), "it has 32"),
        (json!(["data.bin", 8, 0]), "0 bytes of"),
        (json!(["data.bin", 8, 1u64 << 50]), "allowed are 1 …"),
        (
            json!(["data.bin", u64::MAX, 24]),
            "offset 18446744073709551615",
        ),
        (json!(["data.bin", -8, 24]), "offset -8 and length 24"),
        (json!(["data.bin", 8, 23]), "it has 23 bytes instead of 24"),
        (json!(["data.bin", 8]), "a list has a URL"),
        (json!(["gone.bin", 8, 24]), "no such file"),
        (json!([format!("{url}/gone.bin"), 8, 24]), "does not exist"),
        (json!([format!("{url}/gone.bin")]), "does not exist"),
        (
            json!(["gcs://b/data.bin", 8, 24]),
            "nothing is read over gcs",
        ),
        (
            json!(["file://host/data.bin", 8, 24]),
            "is no file of this machine",
        ),
        (
            json!(["{{nobody}}/data.bin", 8, 24]),
            "the template \"nobody\"",
        ),
        (
            json!(["{{f(c=1)}}/data.bin", 8, 24]),
            "only names of templates",
        ),
        (json!(["{{u/data.bin", 8, 24]), "no end of a template"),
        (json!("base64:#"), "its base64"),
        (json!(7), "neither a text nor a list"),
        (json!(""), "it has 0 bytes"),
    ] {
        let said = ask(bad(value.clone()), ".");
        assert!(
            said.contains(says) && said.contains("v/0.1")
                || says.contains("23 bytes") && said.contains(says),
            "{said}\n  instead of {says} for {value}"
        );
    }
    for (all, says) in [
        (
            json!({ "version": 1, "refs": references(|_| {}), "gen": [{ "key": "v/{{i}}" }] }),
            "`gen`",
        ),
        (
            json!({ "version": 2, "refs": references(|_| {}) }),
            "another version than 0 and 1",
        ),
        (
            json!({ "version": 1, "templates": { "u": "{{u}}" }, "refs": references(|_| {}) }),
            "is a program",
        ),
        (
            json!({ "version": 1, "refs": { "a": "b" } }),
            "holds no references",
        ),
        (json!({ "refs": [], "a": "b" }), "holds no references"),
        (
            json!({ ".zgroup": "{}", "../v/.zarray": references(|_| {})["v/.zarray"], "v/.zarray": "{" }),
            "is no JSON",
        ),
        (
            json!({ ".zgroup": "{}", "v/zarr.json": "{}" }),
            "references to Zarr version 3",
        ),
    ] {
        std::fs::write(&file, all.to_string()).unwrap();
        let said = said(file.to_str().unwrap());
        assert!(said.contains(says), "{said}\n  instead of {says}");
    }
    // References from a server name no files of this machine.
    let mut refs = references(|_| {});
    for (at, local) in ["/etc/passwd", "file:///etc/passwd", "../data.bin"]
        .iter()
        .enumerate()
    {
        refs.insert("v/0.1".into(), json!([local, 0, 24]));
        let name = format!("far{at}.json");
        std::fs::write(
            dir.path().join(&name),
            Value::Object(refs.clone()).to_string(),
        )
        .unwrap();
        let said = said(&format!("{url}/{name}"));
        assert!(
            said.contains("references from a server name URLs"),
            "{said}"
        );
    }
    // JSON of something else is still only that.
    std::fs::write(&file, "{\"a\": 1}").unwrap();
    assert!(said(file.to_str().unwrap()).contains("it looks like JSON"));
}
