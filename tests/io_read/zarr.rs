//! Zarr hierarchies that are damaged or foreign: each an error that names what and where, never a wrong number.

use super::read;
use hyperslab::geom::Region;
use hyperslab::io;
use serde_json::{Value, json};
use std::path::Path;

/// The description of an array of 4 × 6 float32 in chunks of 2 × 3, without compression.
pub(super) fn array() -> Value {
    json!({
        "zarr_format": 3, "node_type": "array", "shape": [4, 6], "data_type": "float32",
        "chunk_grid": { "name": "regular", "configuration": { "chunk_shape": [2, 3] } },
        "chunk_key_encoding": { "name": "default", "configuration": { "separator": "/" } },
        "fill_value": "NaN", "codecs": [{ "name": "bytes", "configuration": { "endian": "little" } }],
        "attributes": {}, "dimension_names": ["y", "x"],
    })
}

pub(super) fn put(root: &Path, key: &str, bytes: &[u8]) {
    let file = root.join(key);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, bytes).unwrap();
}

/// A hierarchy with the variable `v`, all chunks written.
pub(super) fn hierarchy(root: &Path, array: &Value) {
    put(
        root,
        "zarr.json",
        br#"{"zarr_format":3,"node_type":"group","attributes":{}}"#,
    );
    put(root, "v/zarr.json", array.to_string().as_bytes());
    for (number, key) in ["0/0", "0/1", "1/0", "1/1"].iter().enumerate() {
        let values = [number as f32; 6];
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        put(root, &format!("v/c/{key}"), &bytes);
    }
}

/// What opening, or else reading `v`, says.
fn refused(root: &Path) -> String {
    let info = match io::open(root, None) {
        Ok(info) => info,
        Err(e) => return e.message().to_owned(),
    };
    let Some(v) = info.variable("v") else {
        return format!("left out: {:?}", info.left_out);
    };
    if let Some(why) = &v.readable {
        return format!("not readable: {why}");
    }
    match read(v, &Region::whole(&v.source.shape)) {
        Ok(block) => format!("read {:?}", block.as_slice::<f32>()),
        Err(e) => e.message().to_owned(),
    }
}

pub(super) fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut array = array();
    change(&mut array);
    array
}

#[test]
fn descriptions_that_say_nothing_good_are_refused() {
    let sharded = |config: Value| {
        with(|a| a["codecs"] = json!([{ "name": "sharding_indexed", "configuration": config }]))
    };
    let bytes = json!([{ "name": "bytes", "configuration": { "endian": "little" } }]);
    for (array, says) in [
        (
            with(|a| a["data_type"] = json!("float16")),
            "not readable: the data type float16",
        ),
        (
            with(
                |a| a["data_type"] = json!({ "name": "numpy.datetime64", "configuration": { "unit": "Y", "scale_factor": 1 } }),
            ),
            "numpy.datetime64 with the unit Y",
        ),
        (
            with(|a| a["fill_value"] = json!("abc")),
            "the fill_value \"abc\" is none of",
        ),
        (
            with(|a| {
                a["data_type"] = json!("int8");
                a["fill_value"] = json!(300)
            }),
            "the fill_value 300 is none of int8",
        ),
        (
            with(|a| a["chunk_grid"]["configuration"]["chunk_shape"] = json!([2])),
            "does not fit an array of 2 dimensions",
        ),
        (
            with(|a| a["chunk_grid"]["configuration"]["chunk_shape"] = json!([0, 3])),
            "each of its lengths is at least 1",
        ),
        (
            with(|a| a["chunk_grid"]["configuration"]["chunk_shape"] = json!([-2, 3])),
            "does not fit an array of 2 dimensions",
        ),
        (
            with(|a| a["chunk_grid"] = json!({ "name": "rectilinear", "configuration": {} })),
            "the chunk grid rectilinear",
        ),
        (
            with(|a| a["chunk_key_encoding"] = json!({ "name": "odd" })),
            "the chunk key encoding odd",
        ),
        (
            with(|a| a["codecs"] = json!([])),
            "no codec that turns elements into bytes",
        ),
        (
            with(|a| a["codecs"] = json!([{ "name": "bytes" }, { "name": "zfpx" }])),
            "zfpx",
        ),
        (
            with(|a| {
                a["codecs"] = json!([{ "name": "bytes" }, { "name": "zstd" }, { "name": "gzip" }])
            }),
            "two compressions one after the other",
        ),
        (
            with(
                |a| a["codecs"] = json!([{ "name": "transpose", "configuration": { "order": [0, 0] } }, { "name": "bytes" }]),
            ),
            "the order of transpose is none of 2 axes",
        ),
        (
            with(|a| a["storage_transformers"] = json!([{ "name": "odd" }])),
            "the storage transformer odd",
        ),
        (
            with(|a| a["must"] = json!({ "must_understand": true, "x": 1 })),
            "the field \"must\"",
        ),
        (
            with(|a| a["dimension_names"] = json!(["y"])),
            "1 names of dimensions for 2 dimensions",
        ),
        (
            with(|a| a["shape"] = json!([1u64 << 62, 6])),
            "are too large",
        ),
        (with(|a| a["shape"] = json!([4.5, 6])), "left out"),
        (
            with(|a| {
                a.as_object_mut().unwrap().remove("codecs");
            }),
            "missing field `codecs`",
        ),
        (
            with(|a| a["node_type"] = json!("thing")),
            "its node_type is thing",
        ),
        (
            sharded(json!({ "chunk_shape": [2, 2], "codecs": bytes, "index_codecs": bytes })),
            "are not made of whole chunks",
        ),
        (
            sharded(
                json!({ "chunk_shape": [1, 3], "codecs": bytes, "index_codecs": [{ "name": "bytes" }, { "name": "gzip" }] }),
            ),
            "the index_codecs bytes, gzip",
        ),
        (
            sharded(
                json!({ "chunk_shape": [1, 3], "codecs": bytes, "index_codecs": bytes, "index_location": "middle" }),
            ),
            "the index_location \"middle\"",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        hierarchy(dir.path(), &array);
        let said = refused(dir.path());
        assert!(
            said.contains(says),
            "{said}\n  instead of {says:?} for {array}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    hierarchy(dir.path(), &array());
    assert!(
        refused(dir.path()).starts_with("read Some([0.0"),
        "{}",
        refused(dir.path())
    );
    put(dir.path(), "v/zarr.json", b"{\"zarr_format\": 3,");
    let said = refused(dir.path());
    assert!(said.contains("v/zarr.json is no JSON"), "{said}");
    put(dir.path(), "zarr.json", b"");
    assert!(refused(dir.path()).contains("zarr.json is no JSON"));
    let empty = tempfile::tempdir().unwrap();
    assert!(refused(empty.path()).contains("is a directory, and no Zarr hierarchy"));
    let said = io::open(Path::new("no/such.zarr"), None).unwrap_err();
    assert!(said.message().contains("no such file"), "{said}");
}

#[test]
fn damaged_chunks_are_refused_and_missing_ones_are_fill_values() {
    let coded = |codec: Value| with(|a| a["codecs"].as_array_mut().unwrap().push(codec));
    let level = |name: &str| json!({ "name": name, "configuration": { "level": 1 } });
    let blosc = json!({ "name": "blosc", "configuration": {
        "cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 4, "blocksize": 0 } });
    // A frame that says it holds a TiB: nothing of that size is ever asked for.
    let huge_zstd = [
        0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0,
    ];
    let huge_blosc = [2, 1, 1, 4, 0, 0, 0, 0x7f, 0, 0, 0, 0, 16, 0, 0, 0];
    for (array, bytes, says) in [
        (array(), vec![0; 23], "it has 23 bytes instead of 24"),
        (array(), vec![0; 25], "it has 25 bytes instead of 24"),
        (array(), Vec::new(), "it has no bytes"),
        (
            array(),
            vec![0; 1 << 20],
            "more than the 65561 that a chunk ever has",
        ),
        (
            coded(json!({ "name": "crc32c" })),
            vec![1; 28],
            "its CRC-32C does not fit",
        ),
        (
            coded(json!({ "name": "crc32c" })),
            vec![1; 3],
            "too short for its checksum",
        ),
        (
            coded(level("zstd")),
            vec![1; 24],
            "its zstd frame is damaged",
        ),
        (
            coded(level("zstd")),
            huge_zstd.to_vec(),
            "its zstd frame is damaged",
        ),
        (
            coded(level("gzip")),
            vec![1; 24],
            "its gzip stream is damaged",
        ),
        (
            coded(blosc.clone()),
            vec![1; 10],
            "too short for a blosc header",
        ),
        (
            coded(blosc.clone()),
            huge_blosc.to_vec(),
            "its blosc header says 16 bytes for 2130706432, it has 16 for 24",
        ),
        (
            coded(blosc),
            [
                &[2, 1, 1, 4, 24, 0, 0, 0, 24, 0, 0, 0, 20, 0, 0, 0][..],
                &[9; 4],
            ]
            .concat(),
            "blosc",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        hierarchy(dir.path(), &array);
        put(dir.path(), "v/c/0/0", &bytes);
        let said = refused(dir.path());
        assert!(
            said.contains(says) && said.contains("variable v, chunk [0, 0]"),
            "{said}\n  instead of {says:?}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    hierarchy(dir.path(), &array());
    std::fs::remove_file(dir.path().join("v/c/1/1")).unwrap();
    let said = refused(dir.path());
    assert!(said.ends_with("2.0, 2.0, 2.0, NaN, NaN, NaN])"), "{said}");
    // A description that changes after it was read.
    let info = io::open(dir.path(), None).unwrap();
    put(
        dir.path(),
        "zarr.json",
        br#"{"zarr_format":3,"node_type":"group"}"#,
    );
    let v = info.variable("v").unwrap();
    let e = read(v, &Region::whole(&v.source.shape)).unwrap_err();
    assert!(e.message().contains("changed while the job ran"), "{e}");
}

#[test]
fn shards_are_believed_only_inside_their_file() {
    let codecs = json!([{ "name": "bytes", "configuration": { "endian": "little" } }]);
    let array = |index: Value| {
        with(|a| {
            a["codecs"] = json!([{ "name": "sharding_indexed", "configuration": {
                "chunk_shape": [1, 3], "codecs": codecs, "index_codecs": index } }]);
        })
    };
    let plain = array(codecs.clone());
    let summed = array(
        json!([{ "name": "bytes", "configuration": { "endian": "little" } }, { "name": "crc32c" }]),
    );
    let shard = |entries: [(u64, u64); 2], data: usize| {
        let mut bytes = vec![0u8; data];
        for (at, size) in entries {
            bytes.extend(at.to_le_bytes());
            bytes.extend(size.to_le_bytes());
        }
        bytes
    };
    let nothing = (u64::MAX, u64::MAX);
    for (array, bytes, says) in [
        (
            &plain,
            vec![0; 31],
            "shard [0, 0] has 31 bytes, its index alone 32",
        ),
        (
            &plain,
            shard([(0, 12), (60, 12)], 24),
            "puts chunk number 1 at byte 60 with 12 bytes, but the shard has 56",
        ),
        (
            &plain,
            shard([(0, 12), (u64::MAX - 3, 12)], 24),
            "puts chunk number 1 at byte 18446744073709551612",
        ),
        (&plain, shard([(0, 0), nothing], 24), "it has no bytes"),
        (
            &plain,
            shard([(0, 11), nothing], 24),
            "it has 11 bytes instead of 12",
        ),
        (
            &summed,
            [shard([(0, 12), (12, 12)], 24), vec![1, 2, 3, 4]].concat(),
            "the CRC-32C of its index does not fit",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        hierarchy(dir.path(), array);
        put(dir.path(), "v/c/0/0", &bytes);
        let said = refused(dir.path());
        assert!(
            said.contains(says) && said.contains("variable v, chunk ["),
            "{said}\n  instead of {says:?}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    hierarchy(dir.path(), &plain);
    for key in ["0/0", "0/1", "1/0", "1/1"] {
        put(
            dir.path(),
            &format!("v/c/{key}"),
            &shard([nothing, (0, 12)], 12),
        );
    }
    let said = refused(dir.path());
    assert!(
        said.starts_with("read Some([NaN, NaN, NaN, NaN, NaN, NaN, 0.0"),
        "{said}"
    );
}

#[test]
fn what_is_not_inside_the_hierarchy_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("x.zarr");
    hierarchy(&root, &array());
    hierarchy(&dir.path().join("other"), &array());
    let bad = [
        "../other/v",
        "/etc",
        "v/../../other/v",
        "a//b",
        "./v",
        "v/zarr.json",
        "",
    ];
    let mut listed: serde_json::Map<String, Value> = bad[..6]
        .iter()
        .map(|p| ((*p).to_owned(), array()))
        .collect();
    listed.insert("v".into(), array());
    let all = json!({ "zarr_format": 3, "node_type": "group", "attributes": {},
        "consolidated_metadata": { "kind": "inline", "must_understand": false, "metadata": listed } });
    put(&root, "zarr.json", all.to_string().as_bytes());
    let info = io::open(&root, None).unwrap();
    let names: Vec<&str> = info.variables.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["v"]);
    for path in &bad[..6] {
        let why = info.left_out.iter().find(|(name, _)| name == path);
        assert!(
            why.is_some_and(|(_, why)| why.contains("none inside")),
            "{path}: {why:?}"
        );
    }
    let old = json!({ "zarr_format": 2, "shape": [4, 6], "chunks": [2, 3], "dtype": "<f4", "compressor": null,
        "fill_value": null, "order": "C", "filters": null });
    let listed =
        json!({ ".zgroup": { "zarr_format": 2 }, "../other/v/.zarray": old, "v/.zarray": old });
    std::fs::remove_file(root.join("zarr.json")).unwrap();
    put(
        &root,
        ".zmetadata",
        json!({ "zarr_consolidated_format": 1, "metadata": listed })
            .to_string()
            .as_bytes(),
    );
    let info = io::open(&root, None).unwrap();
    assert_eq!((info.variables.len(), info.left_out.len()), (1, 1));
}

#[test]
fn nothing_is_allocated_for_what_cannot_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let large = with(|a| {
        a["shape"] = json!([1u64 << 20, 1 << 22]);
        a["chunk_grid"]["configuration"]["chunk_shape"] = json!([1 << 20, 1 << 22]);
        a["codecs"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "name": "zstd", "configuration": { "level": 1 } }));
    });
    hierarchy(dir.path(), &large);
    let info = io::open(dir.path(), None).unwrap();
    let some = Region::new(vec![0, 0], vec![2, 2]);
    let e = read(info.variable("v").unwrap(), &some).unwrap_err();
    assert!(
        e.message()
            .contains("variable v, chunk [0, 0] is damaged: 24 bytes cannot hold 17592186044416"),
        "{e}"
    );
    // A coordinate that says it is longer than any.
    let long = with(|a| {
        a["shape"] = json!([(1 << 27) + 1]);
        a["data_type"] = json!("uint8");
        a["fill_value"] = json!(0);
        a["dimension_names"] = json!(["v"]);
        a["chunk_grid"]["configuration"]["chunk_shape"] = json!([1 << 27]);
    });
    let dir = tempfile::tempdir().unwrap();
    hierarchy(dir.path(), &long);
    let e = io::describe(dir.path(), None).unwrap_err().to_string();
    assert!(
        e.contains("variable v: a coordinate of 134217729 elements"),
        "{e}"
    );
}

/// Every byte of a description flipped, and cut at every byte: an error or a valid description, never a panic.
#[test]
fn a_description_damaged_anywhere_is_an_error_or_valid() {
    let dir = tempfile::tempdir().unwrap();
    hierarchy(dir.path(), &array());
    let whole = array().to_string().into_bytes();
    for at in 0..whole.len() {
        for damage in 0..3 {
            let mut bytes = whole.clone();
            match damage {
                0 => bytes.truncate(at),
                1 => bytes[at] ^= 1 << (at % 8),
                _ => bytes[at] = b'9',
            }
            put(dir.path(), "v/zarr.json", &bytes);
            let _ = refused(dir.path());
        }
    }
}
