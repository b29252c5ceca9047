//! HDF5's registered filters: what h5py with the plugins of hdf5plugin writes and reads (`tests/data/io/make_filters.py`), bit
//! for bit, without the library.

use super::{data, info, read};
use hyperslab::array::compute;
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::driver::{Config, launch_with};
use hyperslab::geom::Region;
use hyperslab::io::{FileInfo, VariableInfo};
use hyperslab::plan::Tiling;

/// The dataset whose values another one must have; `None` for those that nobody reads here.
fn wanted(name: &str) -> Option<String> {
    let (group, last) = name.split_once('/').unwrap();
    match group {
        "long" | "noise" => Some(format!("{group}/plain")),
        "foreign" | "texts" => None,
        _ => {
            let parts: Vec<&str> = last.rsplitn(3, '_').collect();
            Some(format!("plain/{}_{}", parts[1], parts[0]))
        }
    }
}

fn numbers(info: &FileInfo) -> Vec<(&VariableInfo, String)> {
    let all = info.variables.iter();
    all.filter_map(|v| Some((v, wanted(&v.name)?))).collect()
}

/// Bit for bit: there are NaN and -0.
fn same(a: &Block, b: &Block, what: &str) {
    assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()), "{what}");
    assert!(a.buffer().as_bytes() == b.buffer().as_bytes(), "{what}");
}

#[test]
fn every_filter_gives_what_h5py_reads() {
    let info = info("filters.h5");
    let mut count = 0;
    for (v, plain) in numbers(&info) {
        assert_eq!(
            (&v.readable, &v.source.library_only),
            (&None, &None),
            "{}",
            v.name
        );
        let plain = info.variable(&plain).unwrap();
        let whole = Region::whole(&v.source.shape);
        let expected = read(plain, &whole).unwrap();
        let ours = read(v, &whole).unwrap_or_else(|e| panic!("{}: {e}", v.name));
        same(&ours, &expected, &v.name);
        // A box across chunks.
        let start: Vec<usize> = v.source.shape.iter().map(|n| n / 3).collect();
        let len: Vec<usize> = v.source.shape.iter().map(|n| n / 2).collect();
        let region = Region::new(start, len);
        let mut part = Block::zeros(expected.dtype(), &region.shape);
        part.paste(&Region::whole(&region.shape), &expected.part(&region))
            .unwrap();
        same(&read(v, &region).unwrap(), &part, &v.name);
        count += 1;
    }
    assert!(count > 210, "{count}");
}

#[test]
fn every_filter_on_any_ranks() {
    let expected = info("filters.h5");
    for (ranks, elements) in [(1, 1 << 20), (3, 64)] {
        let config = Config {
            fabric: Some(Fabric::Threads(ranks)),
            tiling: Tiling {
                elements,
                ..Tiling::default()
            },
            ..Config::default()
        };
        launch_with(&config, |driver| {
            let ds = driver.open(data("filters.h5"))?;
            let (mut variables, mut pairs) = (Vec::new(), Vec::new());
            for (v, plain) in numbers(&expected) {
                variables.push(ds.var(&v.name));
                pairs.push((v.name.clone(), plain));
            }
            let arrays: Vec<_> = variables.iter().map(|v| v.array()).collect();
            for (block, (name, plain)) in compute(&arrays)?.iter().zip(pairs) {
                let plain = expected.variable(&plain).unwrap();
                let plain = read(plain, &Region::whole(&plain.source.shape))?;
                same(block, &plain, &format!("{name} on {ranks} ranks"));
            }
            Ok(())
        })
        .unwrap();
    }
}

#[test]
fn texts_behind_filters_are_read() {
    let info = info("filters.h5");
    let texts = |name: &str| info.variable(name).unwrap().texts.clone().unwrap().values;
    let words = ["one", "two", "three", "four", "five"];
    assert_eq!(texts("texts/zstd"), words);
    assert_eq!(texts("texts/bitshuffle_lz4"), words.repeat(5));
    assert_eq!(texts("texts/any_zstd"), ["un", "deux", "trois"]);
}

/// Filters that are not undone here have their number and name in the reason, or the library reads them.
#[test]
fn foreign_filters_are_named() {
    let info = info("filters.h5");
    for (name, words) in [
        ("foreign/blosc2", "blosc2 (filter 32026)"),
        ("foreign/zfp", "zfp (filter 32013)"),
        ("foreign/twice", "lz4 (filter 32004)"),
    ] {
        let v = info.variable(name).unwrap();
        let reason = v.source.library_only.as_ref().unwrap();
        assert!(reason.contains(words), "{reason}");
        if let Some(reason) = &v.readable {
            assert!(reason.contains(words), "{reason}");
        }
    }
    let twice = info.variable("foreign/twice").unwrap();
    let reason = twice.source.library_only.as_ref().unwrap();
    assert!(
        reason.contains("twice") && reason.contains("deflate (filter 1)"),
        "{reason}"
    );
}
