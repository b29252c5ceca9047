//! The labelled API against xarray: every case of `tests/golden/labels.json` is a job script and what xarray gives for it.

use super::support::files::{dates, limits, on, on_tiles, packed};
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::driver::Driver;
use hyperslab::dtype::{DType, NAT, Scalar, TimeUnit};
use hyperslab::labelled::{Coord, DataArray, Dataset, Values};
use hyperslab::script::{Item, evaluate_items};
use hyperslab::spec::{AttrValue, Attrs};
use serde_json::{Map, Value};
use std::sync::{Arc, OnceLock};

fn golden() -> &'static Value {
    static GOLDEN: OnceLock<Value> = OnceLock::new();
    GOLDEN.get_or_init(|| {
        let text = include_str!("../golden/labels.json");
        serde_json::from_str(text).unwrap()
    })
}

fn lengths(value: &Value) -> Vec<usize> {
    let list = value["shape"].as_array().unwrap();
    list.iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

fn names(value: &Value) -> Vec<String> {
    let list = value["dims"].as_array().unwrap();
    list.iter()
        .map(|n| n.as_str().unwrap().to_owned())
        .collect()
}

fn float(value: &Value) -> f64 {
    match value {
        Value::Null => f64::NAN,
        Value::Bool(b) => f64::from(u8::from(*b)),
        Value::String(text) => text.parse().unwrap(),
        number => number.as_f64().unwrap(),
    }
}

fn unit(dtype: &str) -> Option<(bool, TimeUnit)> {
    let (kind, code) = dtype.strip_suffix(']')?.split_once('[')?;
    let unit = TimeUnit::ALL.into_iter().find(|u| u.code() == code)?;
    Some((kind == "datetime64", unit))
}

fn block(value: &Value) -> Block {
    let shape = lengths(value);
    let list = value["values"].as_array().unwrap();
    let floats = || list.iter().map(float);
    let integers = || list.iter().map(|v| v.as_i64().unwrap());
    match value["dtype"].as_str().unwrap() {
        "float64" => Block::from_vec(&shape, floats().collect()),
        "float32" => Block::from_vec(&shape, floats().map(|v| v as f32).collect()),
        "int64" => Block::from_vec(&shape, integers().collect()),
        "int32" => Block::from_vec(&shape, integers().map(|v| v as i32).collect()),
        "bool" => Block::from_vec(&shape, floats().map(|v| v != 0.0).collect()),
        time => {
            let (instants, unit) = unit(time).unwrap_or_else(|| panic!("dtype {time}"));
            let dtype = match instants {
                true => DType::Datetime(unit),
                false => DType::Timedelta(unit),
            };
            Block::from_vec(&shape, integers().collect::<Vec<i64>>())
                .and_then(|b| b.with_dtype(dtype))
        }
    }
    .unwrap()
}

fn attrs(value: &Value) -> Attrs {
    let mut attrs = Attrs::default();
    for (name, value) in value["attrs"].as_object().unwrap() {
        match value {
            Value::String(text) => attrs.set(name, AttrValue::Text(text.clone())),
            number if number.is_i64() => attrs.set(
                name,
                AttrValue::Numbers(vec![Scalar::I64(number.as_i64().unwrap())]),
            ),
            number => attrs.set(name, number.as_f64().unwrap()),
        }
    }
    attrs
}

fn coord(name: &str, value: &Value) -> Coord {
    let values = match value["dtype"].as_str() {
        Some("str") => {
            let texts = value["values"].as_array().unwrap();
            let text = |v: &Value| v.as_str().unwrap_or("nan").to_owned();
            Values::Texts(Arc::new(texts.iter().map(text).collect()), lengths(value))
        }
        _ => Values::Block(Arc::new(block(value))),
    };
    Coord {
        name: name.to_owned(),
        dims: names(value),
        values,
        attrs: attrs(value),
        time: None,
    }
}

fn coords(value: &Value) -> Vec<Coord> {
    let coords = value["coords"].as_object().unwrap();
    coords.iter().map(|(name, c)| coord(name, c)).collect()
}

fn array(driver: &Driver, name: Option<&str>, value: &Value, known: &[Coord]) -> DataArray {
    let dims = names(value);
    let own = known
        .iter()
        .filter(|c| c.dims.iter().all(|d| dims.contains(d)));
    let data = driver.from_block(block(value));
    // Ragged chunks.
    let chunk: Vec<usize> = data.shape().iter().map(|len| (len / 2).max(1)).collect();
    let dims: Vec<&str> = dims.iter().map(String::as_str).collect();
    let mut array = DataArray::new(data.chunk(&chunk), &dims, own.cloned().collect());
    for (name, value) in attrs(value).0 {
        array = array.with_attr(&name, value);
    }
    match name {
        Some(name) => array.rename(name),
        None => array,
    }
}

fn input(driver: &Driver, value: &Value) -> Item {
    let known = coords(value);
    if value["kind"] == "array" {
        return Item::DataArray(array(driver, value["name"].as_str(), value, &known));
    }
    let vars = value["vars"].as_object().unwrap();
    let vars = vars
        .iter()
        .map(|(name, v)| array(driver, Some(name), v, &known));
    let mut dataset = Dataset::new(vars.collect::<Vec<_>>()).unwrap();
    for (name, value) in attrs(value).0 {
        dataset = dataset.with_attr(&name, value);
    }
    Item::Dataset(dataset)
}

/// Values as numbers to compare: times in nanoseconds.
fn close(ours: &Block, expected: &Value) -> Result<(), String> {
    let shape = lengths(expected);
    if ours.shape() != shape {
        return Err(format!("shape {:?}, expected {shape:?}", ours.shape()));
    }
    let dtype = expected["dtype"].as_str().unwrap();
    if let Some((_, unit)) = unit(dtype) {
        if !ours.dtype().is_time() {
            return Err(format!("dtype {}, expected {dtype}", ours.dtype()));
        }
        for (i, v) in expected["values"].as_array().unwrap().iter().enumerate() {
            let v = v.as_i64().unwrap();
            let wanted = (v != NAT).then(|| i128::from(v) * i128::from(unit.nanoseconds()));
            let found = match ours.get(i) {
                Some(Scalar::Datetime(v, u) | Scalar::Timedelta(v, u)) => {
                    (v != NAT).then(|| i128::from(v) * i128::from(u.nanoseconds()))
                }
                _ => None,
            };
            if wanted != found {
                return Err(format!("element {i}: {found:?} ns, expected {wanted:?}"));
            }
        }
        return Ok(());
    }
    if ours.dtype().to_string() != dtype {
        return Err(format!("dtype {}, expected {dtype}", ours.dtype()));
    }
    let relative = if dtype == "float32" { 2e-6 } else { 2e-11 };
    for (i, v) in expected["values"].as_array().unwrap().iter().enumerate() {
        let (v, found) = (float(v), ours.get(i).map_or(f64::NAN, Scalar::as_f64));
        let near = (v - found).abs() <= relative * v.abs().max(1.0);
        if !(near || v == found || (v.is_nan() && found.is_nan())) {
            return Err(format!("element {i}: {found}, expected {v}"));
        }
    }
    Ok(())
}

fn same_attrs(what: &str, ours: &Attrs, expected: &Value) -> Result<(), String> {
    let text = |v: &AttrValue| match v {
        AttrValue::Text(text) => Value::String(text.clone()),
        other => match other.as_number() {
            Some(n) if n.as_i128().is_some() => Value::from(n.as_f64() as i64),
            Some(n) => Value::from(n.as_f64()),
            None => Value::Null,
        },
    };
    let ours: Map<String, Value> = ours.0.iter().map(|(k, v)| (k.clone(), text(v))).collect();
    match Value::Object(ours.clone()) == expected["attrs"] {
        true => Ok(()),
        false => Err(format!(
            "attributes of {what}: {ours:?}, expected {}",
            expected["attrs"]
        )),
    }
}

fn same_coords(ours: &[Coord], expected: &Value) -> Result<(), String> {
    let expected = expected["coords"].as_object().unwrap();
    let mut found: Vec<&str> = ours.iter().map(|c| c.name.as_str()).collect();
    let mut wanted: Vec<&str> = expected.keys().map(String::as_str).collect();
    found.sort_unstable();
    wanted.sort_unstable();
    if found != wanted {
        return Err(format!("coordinates {found:?}, expected {wanted:?}"));
    }
    for coord in ours {
        let expected = &expected[&coord.name];
        let what = format!("coordinate {:?}", coord.name);
        if coord.dims != names(expected) {
            return Err(format!(
                "{what}: dimensions {:?}, expected {}",
                coord.dims, expected["dims"]
            ));
        }
        match &coord.values {
            Values::Texts(texts, shape) => {
                let wanted = expected["values"].as_array().unwrap();
                let same = texts
                    .iter()
                    .zip(wanted)
                    .all(|(a, b)| b.as_str().unwrap_or("nan") == a);
                if !same || *shape != lengths(expected) {
                    return Err(format!("{what}: {texts:?}, expected {wanted:?}"));
                }
            }
            Values::Block(block) | Values::CfTimes(block, _) => {
                close(block, expected).map_err(|e| format!("{what}: {e}"))?;
            }
        }
        same_attrs(&what, &coord.attrs, expected)?;
    }
    Ok(())
}

fn same_array(ours: &DataArray, expected: &Value) -> Result<Block, String> {
    if ours.dims() != names(expected) {
        return Err(format!(
            "dimensions {:?}, expected {}",
            ours.dims(),
            expected["dims"]
        ));
    }
    same_attrs("the array", ours.attrs(), expected)?;
    let block = ours.compute_block().map_err(|e| e.to_string())?;
    close(&block, expected)?;
    Ok(block)
}

fn same(ours: &Item, expected: &Value) -> Result<Vec<Block>, String> {
    match (ours, expected["kind"].as_str()) {
        (Item::DataArray(ours), Some("array")) => {
            same_coords(ours.coords(), expected)?;
            if ours.name() != expected["name"].as_str() {
                return Err(format!(
                    "name {:?}, expected {}",
                    ours.name(),
                    expected["name"]
                ));
            }
            Ok(vec![same_array(ours, expected)?])
        }
        (Item::Dataset(ours), Some("dataset")) => {
            same_coords(ours.coords(), expected)?;
            same_attrs("the dataset", ours.attrs(), expected)?;
            let vars = expected["vars"].as_object().unwrap();
            let mut found: Vec<&str> = ours.variables().iter().filter_map(|v| v.name()).collect();
            found.sort_unstable();
            let mut wanted: Vec<&str> = vars.keys().map(String::as_str).collect();
            wanted.sort_unstable();
            if found != wanted {
                return Err(format!("variables {found:?}, expected {wanted:?}"));
            }
            let each = ours.variables().iter().map(|v| {
                let name = v.name().unwrap_or_default();
                same_array(v, &vars[name]).map_err(|e| format!("variable {name:?}: {e}"))
            });
            each.collect()
        }
        (Item::Array(_), kind) => Err(format!("an Array, expected {kind:?}")),
        (Item::DataArray(_), kind) => Err(format!("a DataArray, expected {kind:?}")),
        (Item::Dataset(_), kind) => Err(format!("a Dataset, expected {kind:?}")),
    }
}

fn case(driver: &Driver, inputs: &[(&str, Item)], case: &Value) -> Result<Vec<Block>, String> {
    let script = case["script"].as_str().unwrap();
    let made = evaluate_items(driver, script, inputs);
    if let Some(says) = case["says"].as_str() {
        return match made {
            Ok(_) => Err(format!("no error, expected {says:?}")),
            Err(error) if error.is_invalid_input() && error.to_string().contains(says) => {
                Ok(vec![])
            }
            Err(error) => Err(format!("{error}\nexpected {says:?}")),
        };
    }
    let made = made.map_err(|e| e.to_string())?;
    let expected = &case["result"];
    let list = match expected["kind"].as_str() {
        Some("list") => expected["items"].as_array().unwrap().clone(),
        _ => vec![expected.clone()],
    };
    if made.len() != list.len() {
        return Err(format!("{} results, expected {}", made.len(), list.len()));
    }
    let mut blocks = Vec::new();
    for (ours, expected) in made.iter().zip(&list) {
        blocks.extend(same(ours, expected)?);
    }
    Ok(blocks)
}

/// All cases are those of xarray, and have the same bits on any number of ranks.
#[test]
fn labelled_operations_are_those_of_xarray() {
    let wanted = std::env::var("HYPERSLAB_LABELS").unwrap_or_default();
    let cases: Vec<&Value> = golden()["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["group"].as_str().unwrap().contains(&wanted))
        .collect();
    assert!(!cases.is_empty());
    let mut alone: Option<Vec<Vec<Block>>> = None;
    // Bits belong to a size of tiles: whole arrays first, then small tiles on any ranks.
    for (fabric, tile) in [
        (Fabric::Threads(1), 1 << 20),
        (Fabric::Threads(1), 7),
        (Fabric::Threads(2), 7),
        (Fabric::Threads(3), 7),
        (Fabric::Threads(4), 7),
    ] {
        let ranks = format!("{fabric:?}");
        let (made, wrong) = on_tiles(tile, fabric, limits(1, 64 << 20), |driver| {
            let inputs = golden()["inputs"].as_object().unwrap();
            let inputs: Vec<(&str, Item)> = inputs
                .iter()
                .map(|(name, value)| (name.as_str(), input(driver, value)))
                .collect();
            let (mut made, mut wrong) = (Vec::new(), Vec::new());
            for value in &cases {
                match case(driver, &inputs, value) {
                    Ok(blocks) => made.push(blocks),
                    Err(why) => {
                        made.push(Vec::new());
                        wrong.push(format!("{}\n    {}", value["script"], why));
                    }
                }
            }
            Ok((made, wrong))
        })
        .unwrap();
        assert!(
            wrong.is_empty(),
            "{ranks}: {} of {} cases:\n{}",
            wrong.len(),
            cases.len(),
            wrong.join("\n")
        );
        let Some(alone) = &alone else {
            alone = (tile == 7).then_some(made);
            continue;
        };
        for ((a, b), case) in alone.iter().zip(&made).zip(&cases) {
            for (a, b) in a.iter().zip(b) {
                let same = a.buffer().as_bytes() == b.buffer().as_bytes();
                assert!(same, "{ranks}: other bits: {}", case["script"]);
            }
        }
    }
}

/// A climatology decodes each chunk of its file once, anomalies beside it no more where there is room for the decoded chunks, whatever
/// the groups are; on ranks that need other chunks than before, at most once more.
#[test]
fn anomalies_decode_each_chunk_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daily.nc");
    let shape = [360, 20, 24];
    let bytes = shape.iter().product::<usize>() as u64 * 8;
    on(Fabric::Solo, limits(1, 64 << 20), |driver| {
        let x = driver.default_rng(1).random(&shape).chunk(&[30, 10, 24]);
        let x = DataArray::new(x, &["time", "y", "x"], vec![dates(360)]).rename("t");
        Dataset::new([x.with_encoding(packed(&[30, 10, 24]))])?.save(&path)
    })
    .unwrap();
    for ranks in [1, 3] {
        on(Fabric::Threads(ranks), limits(1, 64 << 20), |driver| {
            let decoded = || driver.session().finished().stats.decoded_bytes;
            let x = driver.open(&path)?.var("t");
            let mask = Block::from_vec(&[20, 24], (0..480i64).map(|i| i % 5).collect())?;
            let mask = DataArray::new(driver.from_block(mask), &["y", "x"], vec![]);
            for groups in [x.groupby("time.month"), x.groupby(&mask.rename("basin"))] {
                let clim = groups.mean(());
                let before = decoded();
                clim.compute_block()?;
                let once = decoded() - before;
                (&groups - &clim).compute_block()?;
                let both = decoded() - before - once;
                assert_eq!(once, bytes, "{ranks} ranks: {:?}", clim.dims());
                let most = if ranks == 1 { bytes } else { 2 * bytes };
                assert!(
                    (bytes..=most).contains(&both),
                    "{ranks} ranks: {both}: {:?}",
                    clim.dims()
                );
            }
            Ok(())
        })
        .unwrap();
    }
}

/// The range of the last axis of the input: a core dimension that the kernel gets whole.
fn range_of(call: &mut hyperslab::kernel::KernelCall<'_>) -> hyperslab::Result<()> {
    let input = call.input::<f64>(0)?.to_owned();
    let last = ndarray::Axis(input.ndim() - 1);
    let range = |line: ndarray::ArrayView1<'_, f64>| {
        let top = line.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        top - line.iter().copied().fold(f64::INFINITY, f64::min)
    };
    let ranges = input.map_axis(last, range);
    call.output::<f64>()?.assign(&ranges);
    Ok(())
}

/// A registered kernel over a core dimension is the same as its expression, and what contradicts is named.
#[test]
fn kernels_over_core_dimensions_are_the_same_as_expressions() {
    use hyperslab::kernel::register_kernel;
    use hyperslab::labelled::apply_ufunc;
    register_kernel("labels.range", range_of).unwrap();
    for ranks in [1, 3] {
        on_tiles(5, Fabric::Threads(ranks), limits(1, 64 << 20), |driver| {
            let Item::DataArray(a) = input(driver, &golden()["inputs"]["whole"]) else {
                panic!("an array");
            };
            let made = apply_ufunc("labels.range", &[(&a, &["lat"])], &[], DType::F64, &[])?;
            assert_eq!(made.dims(), ["time", "lon"]);
            assert!(made.coord("lon").is_some() && made.coord("lat").is_none());
            let expected = &a.max("lat") - &a.min("lat");
            let (made, expected) = (made.compute_block()?, expected.compute_block()?);
            assert_eq!(made.buffer().as_bytes(), expected.buffer().as_bytes());
            let inputs = [("a", Item::DataArray(a.clone()))];
            let script = "apply_ufunc(\"labels.range\", [a, [\"lat\"]])";
            let scripted = evaluate_items(driver, script, &inputs)?;
            assert!(matches!(&scripted[..], [Item::DataArray(x)] if x.dims() == ["time", "lon"]));
            let wrong = apply_ufunc("labels.range", &[(&a, &["lta"])], &[], DType::F64, &[]);
            let error = wrong.unwrap_err().to_string();
            assert!(error.contains("unknown dimension \"lta\""), "{error}");
            Ok(())
        })
        .unwrap();
    }
}
