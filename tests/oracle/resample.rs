//! Times along arrays against xarray (tests/golden/make_time.py): resampling down and up, other calendars, dates as labels; in
//! chunks, on 1 to 4 ranks with the same bits.

use super::support::files::{dates, limits, on, on_tiles, packed};
use hyperslab::array::{Array, compute};
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::driver::{Config, Driver, launch_with};
use hyperslab::dtype::{DType, Scalar};
use hyperslab::labelled::cf::{Calendar, TimeIndex, TimeResampler, date_range};
use hyperslab::labelled::{Coord, DataArray, Dataset, Indexer, Label};
use hyperslab::op::ReductionKind;
use serde_json::Value;
use std::sync::OnceLock;

fn golden(part: &str) -> &'static Vec<Value> {
    static GOLDEN: OnceLock<Value> = OnceLock::new();
    let all =
        GOLDEN.get_or_init(|| serde_json::from_str(include_str!("../golden/time.json")).unwrap());
    all[part].as_array().unwrap()
}

fn calendar(value: &Value) -> Calendar {
    Calendar::parse(value.as_str().unwrap()).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array().unwrap();
    list.iter().map(|t| t.as_str().unwrap()).collect()
}

fn floats(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter()
        .map(|v| v.as_f64().unwrap_or(f64::NAN))
        .collect()
}

fn floats_of(block: &Block) -> Vec<f64> {
    (0..block.elements())
        .map(|i| block.get(i).unwrap().as_f64())
        .collect()
}

fn range(case: &Value, calendar: Calendar) -> TimeIndex {
    let periods = case["periods"].as_u64().map(|n| n as usize);
    date_range(
        case["start"].as_str(),
        None,
        periods,
        case["freq"].as_str(),
        calendar,
    )
    .unwrap()
}

/// Values of a dtype along times, in chunks of `chunk` of them.
fn cube(
    driver: &Driver,
    values: &[f64],
    dtype: &str,
    times: &TimeIndex,
    chunk: usize,
) -> DataArray {
    let (rows, columns) = (times.len(), values.len() / times.len());
    let block = Block::from_vec(&[rows, columns], values.to_vec()).unwrap();
    let dtype: DType = dtype.parse().unwrap();
    let array = driver.from_block(block).astype(dtype).chunk(&[chunk, 2]);
    let coord = Coord::of_times("time", times).unwrap();
    DataArray::new(array, &["time", "x"], vec![coord])
}

/// A case of resampling, on the cube of the last case that has one.
fn resampled(case: &Value, cube: &DataArray) -> DataArray {
    let resample = cube.resample("time", case["freq"].as_str().unwrap());
    let how = case["how"].as_str().unwrap();
    let tolerance = case["tolerance"].as_str();
    let ddof = case["ddof"].as_u64().unwrap_or(0) as u32;
    let kind = match how {
        "asfreq" => return resample.asfreq(),
        "ffill" => return resample.ffill(tolerance),
        "bfill" => return resample.bfill(tolerance),
        "nearest" => return resample.nearest(tolerance),
        "interpolate" => return resample.interpolate(case["kind"].as_str().unwrap_or("linear")),
        "mean" => ReductionKind::Mean,
        "sum" => ReductionKind::Sum,
        "prod" => ReductionKind::Prod,
        "min" => ReductionKind::Min,
        "max" => ReductionKind::Max,
        "std" => ReductionKind::Std { ddof },
        "var" => ReductionKind::Var { ddof },
        "count" => ReductionKind::Count,
        "first" => ReductionKind::First,
        "last" => ReductionKind::Last,
        "any" => ReductionKind::Any,
        "all" => ReductionKind::All,
        other => panic!("{other}"),
    };
    let min_count = case["min_count"].as_u64().map(|n| n as usize);
    resample.reduce_counted(kind, &[], case["skipna"].as_bool(), min_count)
}

/// Every case of `part`, in chunks of `chunk` times.
fn all_of(driver: &Driver, part: &str, chunk: usize) -> hyperslab::Result<Vec<(DataArray, Block)>> {
    let mut last = None;
    let mut made = Vec::new();
    for case in golden(part) {
        if case["same"].is_null() {
            let calendar = calendar(&case["calendar"]);
            let times = TimeIndex::of_texts(&texts(&case["times"]), calendar)?;
            let dtype = case["dtype"].as_str().unwrap();
            last = Some(cube(driver, &floats(&case["values"]), dtype, &times, chunk));
        }
        made.push(resampled(case, last.as_ref().unwrap()));
    }
    let arrays: Vec<&Array> = made.iter().map(DataArray::array).collect();
    let mut blocks = Vec::new();
    for batch in arrays.chunks(60) {
        blocks.extend(compute(batch)?);
    }
    Ok(made.into_iter().zip(blocks).collect())
}

#[test]
fn resampled_cubes_are_those_of_xarray() {
    for part in ["down", "up"] {
        let mut reference: Option<Vec<Block>> = None;
        for (ranks, threads, chunk, tiles) in [
            (1, 1, 7, 40),
            (2, 1, 7, 40),
            (3, 2, 7, 40),
            (4, 1, 7, 40),
            (1, 1, 1000, 1 << 16),
        ] {
            let fabric = match ranks {
                1 => Fabric::Solo,
                _ => Fabric::Threads(ranks),
            };
            let found = on_tiles(tiles, fabric, limits(threads, 1 << 30), |driver| {
                all_of(driver, part, chunk)
            })
            .unwrap_or_else(|e| panic!("{part}: {e}"));
            for (case, (array, block)) in golden(part).iter().zip(&found) {
                let expected = floats(&case["result"]);
                let coord = array.coord("time").unwrap();
                let texts = texts(&case["labels"]);
                for (at, text) in texts.iter().enumerate() {
                    let label = coord.time_index().unwrap().civil(at).unwrap();
                    assert_eq!(label.to_string(), *text, "{case}");
                }
                if let Some(bins) = case["bins"].as_u64() {
                    assert_eq!(coord.len() as u64, bins, "{case}");
                    assert_eq!(
                        block.dtype().to_string(),
                        case["made"].as_str().unwrap(),
                        "{case}"
                    );
                } else {
                    assert_eq!(block.elements(), expected.len(), "{case}");
                }
                let close = block.dtype() == DType::F32;
                let near = if close { 1e-5 } else { 1e-11 };
                for (at, (a, b)) in floats_of(block).iter().zip(&expected).enumerate() {
                    let same =
                        (a.is_nan() && b.is_nan()) || (a - b).abs() <= near * b.abs().max(1.0);
                    assert!(
                        same,
                        "{part}, {ranks} ranks, element {at}: {a} for {b}: {case}"
                    );
                }
            }
            let blocks: Vec<Block> = found.into_iter().map(|(_, block)| block).collect();
            // Other chunks add in another order; ranks and threads do not.
            match &reference {
                _ if chunk > 7 => {}
                None => reference = Some(blocks),
                Some(reference) => {
                    for ((a, b), case) in reference.iter().zip(&blocks).zip(golden(part)) {
                        let same = a.buffer().as_bytes() == b.buffer().as_bytes();
                        assert!(same, "{ranks} ranks x {threads} threads: {case}");
                    }
                }
            }
        }
    }
}

#[test]
fn calendars_are_converted_along_arrays() {
    on_tiles(16, Fabric::Threads(2), limits(1, 1 << 30), |driver| {
        for case in golden("interp") {
            let series = serde_json::json!({"start": "2000-01-01", "freq": "10D", "periods": 30});
            let times = range(&series, calendar(&case["from"]));
            let onto = serde_json::json!({"start": "1999-12-20", "freq": "17D", "periods": 18});
            let onto = range(&onto, calendar(&case["to"]));
            let made = cube(driver, &floats(&case["values"]), "float64", &times, 7);
            let found = made.interp_calendar(&onto, "time");
            assert_eq!(found.coord("time").unwrap().time_index().unwrap(), onto);
            let found = floats_of(&found.compute_block()?);
            for (a, b) in found.iter().zip(floats(&case["result"])) {
                assert!(
                    (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-9,
                    "{a} for {b}: {case}"
                );
            }
        }
        // Values of a conversion are their positions; texts beside the times follow.
        for case in golden("convert").iter().step_by(9) {
            let times = range(&case["series"], calendar(&case["from"]));
            let places: Vec<f64> = (0..times.len()).map(|i| i as f64).collect();
            let beside = Coord {
                dims: vec!["time".into()],
                ..Coord::index("place", Block::from_vec(&[places.len()], places.clone())?)
            };
            let array = cube(driver, &places, "int32", &times, 50).assign_coords(beside);
            let missing = case["missing"].as_i64().map(Scalar::I64);
            let (to, align) = (case["to"].as_str().unwrap(), case["align_on"].as_str());
            let found = array.convert_calendar(to, "time", align, missing);
            let block = found.compute_block()?;
            assert_eq!(block.dtype(), DType::I32, "{case}");
            let expected = floats(&case["positions"]);
            assert_eq!(floats_of(&block)[..expected.len()], expected, "{case}");
            if let (None, Some(place)) = (missing, found.coord("place")) {
                assert_eq!(
                    place.text(place.len() - 1),
                    floats_of(&block).last().unwrap().to_string()
                );
            }
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn dates_are_labels_in_every_calendar() {
    on(Fabric::Solo, limits(1, 1 << 30), |driver| {
        for case in golden("sel") {
            let series =
                serde_json::json!({"start": "1999-12-30T06:00", "freq": "9h", "periods": 300});
            let times = range(&series, calendar(&case["calendar"]));
            let places: Vec<f64> = (0..times.len()).map(|i| i as f64).collect();
            let array = cube(driver, &places, "float64", &times, 100).isel([("x", Indexer::At(0))]);
            let expected = floats(&case["positions"]);
            let found = match case["label"].as_str() {
                // xarray raises for datetime64 and gives nothing for cftime.
                Some(label) if expected.is_empty() => {
                    let error = array.sel("time", label).check().unwrap_err();
                    assert!(
                        error.message().contains("is not in the coordinate"),
                        "{error}"
                    );
                    continue;
                }
                Some(label) => array.sel("time", label),
                None => {
                    let bound = |key: &str| case[key].as_str().map(Label::from);
                    array.sel_range("time", bound("low"), bound("high"))
                }
            };
            let found = floats_of(
                &found
                    .compute_block()
                    .map_err(|e| e.context(case.to_string()))?,
            );
            assert_eq!(found, expected, "{case}");
        }
        let noleap = date_range(Some("2000-02-27"), None, Some(4), None, Calendar::NoLeap)?;
        let array = cube(driver, &[0.0; 4], "float64", &noleap, 4);
        let error = array.sel("time", "2000-02-29").check().unwrap_err();
        assert!(
            error
                .message()
                .contains("is not a date of the noleap calendar"),
            "{error}"
        );
        Ok(())
    })
    .unwrap();
}

/// Sums of years over a cube in chunks along time: every stored chunk is read once, by one pass, whatever the ranks. New times
/// read little more.
#[test]
fn resampling_reads_each_chunk_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cube.nc");
    let (steps, side) = (240, 32);
    on(Fabric::Solo, limits(1, 1 << 30), |driver| {
        let array = driver
            .default_rng(1)
            .random_as(&[steps, side, side], DType::F32);
        DataArray::new(array, &["time", "y", "x"], vec![dates(steps)])
            .rename("a")
            .with_encoding(packed(&[10, 16, 32]))
            .save(&path)
    })
    .unwrap();
    for ranks in [1, 3] {
        let config = Config {
            limits: limits(1, 1 << 30),
            fabric: Some(Fabric::Solo),
            dry_ranks: Some(ranks),
            ..Config::default()
        };
        let plans = launch_with(&config, |driver| {
            let ds = driver.open(&path)?;
            ds.resample("time", "YE")
                .sum(())
                .var("a")
                .compute_block()
                .ok();
            let by = TimeResampler::new("MS").closed("left");
            let sums = ds.var("a").resample("time", by).reduce_counted(
                ReductionKind::Sum,
                &[],
                None,
                Some(3),
            );
            sums.compute_block().ok();
            ds.var("a")
                .resample("time", "4D")
                .interpolate("linear")
                .compute_block()
                .ok();
            Ok(driver.session().planned())
        })
        .map_err(|(_, error)| error)
        .unwrap()
        .unwrap();
        assert_eq!(plans.len(), 3);
        let bytes = (steps * side * side * 4) as u64;
        for (number, plan) in plans.iter().enumerate() {
            let decoded: u64 = plan.footprints().iter().map(|f| f.decoded_bytes).sum();
            // Tiles of new times do not end where stored chunks do: two of them may read one.
            let most = if number == 2 {
                bytes + bytes / 2
            } else {
                bytes
            };
            assert!(
                (bytes..=most).contains(&decoded),
                "{ranks} ranks: {decoded} bytes of {bytes}\n{}",
                plan.plan()
            );
        }
    }
}

#[test]
fn wrong_resampling_is_an_error() {
    on(Fabric::Solo, limits(1, 1 << 30), |driver| {
        let times = date_range(Some("2000-01-01"), None, Some(4), None, Calendar::NoLeap)?;
        let array = cube(driver, &[1.0; 8], "float64", &times, 2).rename("a");
        let said = |made: DataArray| made.check().unwrap_err().message().to_owned();
        for (made, text) in [
            (array.resample("tme", "ME").mean(()), "resample: unknown dimension \"tme\" of a; known: time, x"),
            (array.resample("x", "ME").mean(()), "dimension \"x\" has no coordinate"),
            (array.resample("time", "M").mean(()), "\"M\" is an old spelling; write \"ME\""),
            (array.resample("time", "ME").mean("x"), "reducing [\"x\"] without the grouped dimension \"time\""),
            (array.resample("time", "6h").ffill(Some("ME")), "tolerance = \"ME\": \"ME\" is no length of time"),
            (array.resample("time", "6h").ffill(Some("-1h")), "the tolerance \"-1h\" is negative"),
            (array.resample("time", "6h").interpolate("cubic"), "unknown kind \"cubic\"; known: linear, nearest"),
            (array.isel([("time", Indexer::from(0..0))]).resample("time", "D").sum(()), "length 0"),
            (
                array.isel([("time", Indexer::Slice(None, None, -1))]).resample("time", "D").sum(()),
                "the times are not increasing: 2000-01-03 00:00:00 at position 1 comes after 2000-01-04",
            ),
            (
                array.resample("time", "ME").reduce_counted(ReductionKind::Mean, &[], None, Some(1)),
                "min_count = 1 beside another reduction than sum or prod",
            ),
            (array.convert_calendar("360_day", "time", None, None), "say with align_on"),
            (array.convert_calendar("lunar", "time", None, None), "unknown calendar \"lunar\""),
            (array.convert_calendar("julian", "x", None, None), "\"x\" is not labelled by times"),
            (array.interp_calendar(&times, "x"), "\"x\" is not labelled by times"),
        ] {
            let found = said(made);
            assert!(found.contains(text), "{found}\nexpected {text}");
        }
        // Twice the same time: bins hold both, a fill cannot choose.
        let twice = cube(driver, &[1.0; 8], "float64", &times.take(&[0, 1, 1, 2]), 2);
        assert_eq!(floats_of(&twice.resample("time", "D").sum(()).compute_block()?), [1., 1., 2., 2., 1., 1.]);
        let found = said(twice.resample("time", "12h").ffill(None));
        assert!(found.contains("2000-01-02 00:00:00 at the positions 1 and 2"), "{found}");
        // The whole dataset fails with it.
        let ds = Dataset::new([array])?;
        let error = ds.resample("time", "M").mean(()).check().unwrap_err();
        assert!(error.message().contains("write \"ME\""), "{error}");
        // A variable without the dimension is the same in each bin, and is left as it is by a fill.
        let plain = DataArray::new(driver.ones(&[2]), &["y"], vec![]).rename("m");
        let ds = Dataset::new([ds.var("a"), plain])?;
        let sums = ds.resample("time", "2D").sum(());
        assert_eq!(sums.var("m").dims(), ["time", "y"]);
        assert_eq!(floats_of(&sums.var("a").compute_block()?), [2.0; 4]);
        let filled = ds.resample("time", "12h").ffill(None);
        assert_eq!((filled.var("m").dims(), filled.var("a").shape()), (&["y".to_owned()][..], vec![7, 2]));
        Ok(())
    })
    .unwrap();
}
