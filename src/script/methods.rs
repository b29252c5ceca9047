//! Names, attributes, properties and saving.

use super::args::{map, scalar, text, texts};
use super::encoding::{encoding, zarr_format};
use super::failure::{OrRaise, Raised, raise, refuse};
use super::operators::{data, dataset};
use super::registry::Registry;
use crate::array::Array;
use crate::error::{Error, nearest_names};
use crate::labelled::{DataArray, Dataset, model_times};
use crate::spec::{AttrValue, Attrs};
use rhai::{Dynamic, Map};

fn list<T: Into<Dynamic>>(values: impl IntoIterator<Item = T>) -> Dynamic {
    Dynamic::from(values.into_iter().map(Into::into).collect::<rhai::Array>())
}

fn integers(values: &[usize]) -> Dynamic {
    list(values.iter().map(|v| *v as i64))
}

fn attribute(value: &AttrValue) -> Dynamic {
    match value {
        AttrValue::Text(text) => text.clone().into(),
        AttrValue::Texts(texts) => list(texts.iter().cloned()),
        AttrValue::Numbers(numbers) => match numbers.as_slice() {
            [one] => super::show::to_dynamic(*one),
            several => list(several.iter().map(|n| super::show::to_dynamic(*n))),
        },
    }
}

fn attributes(attrs: &Attrs) -> Dynamic {
    let map: Map = attrs
        .0
        .iter()
        .map(|(name, value)| (name.into(), attribute(value)))
        .collect();
    Dynamic::from(map)
}

pub(super) fn attr_value(value: &Dynamic) -> Raised<AttrValue> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(AttrValue::Text(text.to_string()));
    }
    if let Some(number) = scalar(value) {
        return Ok(AttrValue::Numbers(vec![number]));
    }
    if let Ok(values) = value.as_array_ref() {
        if values.iter().all(Dynamic::is_string) {
            return texts("with_attr", value, "texts").map(AttrValue::Texts);
        }
        let numbers: Option<Vec<_>> = values.iter().map(scalar).collect();
        if let Some(numbers) = numbers {
            return Ok(AttrValue::Numbers(numbers));
        }
    }
    Err(refuse(
        "with_attr",
        value,
        "a text, a number or a list of them",
    ))
}

/// `#{ deflate: 4, shuffle: true, chunks: #{ y: 512, x: 512 } }`, or nothing.
fn options(given: Option<&Dynamic>) -> Raised<Map> {
    match given {
        None => Ok(Map::new()),
        Some(given) => map(
            "save",
            given,
            "options #{ deflate: 4, shuffle: true, chunks: #{…} }",
        ),
    }
}

/// The array as the options store it.
fn encoded(array: &DataArray, options: &Map) -> Raised<DataArray> {
    if options.keys().all(|key| key == "zarr_format") {
        return Ok(array.clone());
    }
    let (dims, shape) = (array.dims(), array.shape());
    let encoding = encoding("save", options, &["zarr_format"], Some((dims, &shape)))?;
    Ok(array.clone().with_encoding(encoding))
}

const PATH: &str = "the path of the output file";

fn save_array(this: &DataArray, args: &[Dynamic]) -> Raised<Dynamic> {
    let path = text("save", &args[0], PATH)?;
    let options = options(args.get(1))?;
    let array = encoded(this, &options)?;
    match zarr_format("save", &options)? {
        None => array.save(path),
        Some(format) => array.save_as(path, format),
    }
    .or_raise()?;
    Ok(Dynamic::UNIT)
}

fn save_dataset(this: &Dataset, args: &[Dynamic]) -> Raised<Dynamic> {
    let path = text("save", &args[0], PATH)?;
    let options = options(args.get(1))?;
    let mut dataset = this.clone();
    if !options.is_empty() {
        let arrays = this.variables().iter().map(|v| encoded(v, &options));
        dataset = Dataset::new(arrays.collect::<Raised<Vec<_>>>()?).or_raise()?;
    }
    match zarr_format("save", &options)? {
        None => dataset.save(path),
        Some(format) => dataset.save_as(path, format),
    }
    .or_raise()?;
    Ok(Dynamic::UNIT)
}

/// A coordinate of an array, as an array.
fn coordinate(this: &DataArray, name: &str) -> Raised<Dynamic> {
    if this.coord(name).is_none() {
        const PROPERTIES: [&str; 9] = [
            "name", "dims", "shape", "dtype", "ndim", "size", "attrs", "coords", "chunks",
        ];
        let known = this
            .coords()
            .iter()
            .map(|c| c.name.as_str())
            .chain(PROPERTIES);
        return Err(raise(Error::invalid(format!(
            "a DataArray has no coordinate or property {name:?}; known: {}",
            nearest_names(name, known)
        ))));
    }
    if let Some(times) = model_times(this.array(), this.coords(), name) {
        return times.or_raise().map(Dynamic::from);
    }
    // A variable must not hide the coordinate of the same name.
    let hidden = this.clone().rename("__array__");
    data(
        Dataset::new([hidden])
            .and_then(|ds| ds.get(name))
            .or_raise()?,
    )
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.method::<DataArray>("save", 1..=2, save_array);
    registry.method::<Dataset>("save", 1..=2, save_dataset);
    registry.method::<DataArray>("with_attr", 2..=2, |this, args| {
        let name = text("with_attr", &args[0], "the name of an attribute")?;
        data(this.clone().with_attr(&name, attr_value(&args[1])?))
    });
    let engine = &mut *registry.engine;
    engine.register_type_with_name::<DataArray>("DataArray");
    engine.register_type_with_name::<Array>("Array");
    engine.register_type_with_name::<Dataset>("Dataset");
    engine.register_type_with_name::<crate::labelled::GroupBy>("GroupBy");
    engine.register_type_with_name::<crate::labelled::DatasetGroupBy>("DatasetGroupBy");
    engine.register_type_with_name::<super::args::Slice>("slice");
    engine.register_type_with_name::<super::failure::Failure>("Error");

    engine.register_get("name", |a: &mut DataArray| -> Dynamic {
        a.name()
            .map_or(Dynamic::UNIT, |name| name.to_owned().into())
    });
    engine.register_get("dims", |a: &mut DataArray| list(a.dims().iter().cloned()));
    engine.register_get("shape", |a: &mut DataArray| integers(&a.shape()));
    engine.register_get("dtype", |a: &mut DataArray| a.dtype().to_string());
    engine.register_get("ndim", |a: &mut DataArray| a.shape().len() as i64);
    engine.register_get("size", |a: &mut DataArray| {
        a.shape().iter().product::<usize>() as i64
    });
    engine.register_get("attrs", |a: &mut DataArray| attributes(a.attrs()));
    engine.register_get("coords", |a: &mut DataArray| {
        list(a.coords().iter().map(|c| c.name.clone()))
    });
    engine.register_get("chunks", |a: &mut DataArray| {
        integers(&a.array().chunk_shape())
    });
    engine.register_get("shape", |a: &mut Array| integers(&a.shape()));
    engine.register_get("dtype", |a: &mut Array| a.dtype().to_string());
    engine.register_get("ndim", |a: &mut Array| a.ndim() as i64);
    engine.register_get("size", |a: &mut Array| {
        a.shape().iter().product::<usize>() as i64
    });
    engine.register_get("chunks", |a: &mut Array| integers(&a.chunk_shape()));
    engine.register_get("attrs", |ds: &mut Dataset| attributes(ds.attrs()));
    engine.register_get("sizes", |ds: &mut Dataset| {
        let map: Map = ds
            .sizes()
            .into_iter()
            .map(|(d, n)| (d.into(), Dynamic::from(n as i64)))
            .collect();
        map
    });
    engine.register_get("variables", |ds: &mut Dataset| {
        list(
            ds.variables()
                .iter()
                .filter_map(DataArray::name)
                .map(str::to_owned),
        )
    });
    engine.register_indexer_get(|ds: &mut Dataset, name: &str| match ds.model_times(name) {
        Some(times) => times.or_raise().map(Dynamic::from),
        None => data(ds.get(name).or_raise()?),
    });
    engine.register_indexer_get(|ds: &mut Dataset, names: rhai::Array| {
        let names = texts("[]", &Dynamic::from(names), "a list of variable names")?;
        dataset(ds.vars(&names.iter().map(String::as_str).collect::<Vec<_>>()))
    });
    engine.register_indexer_get(|a: &mut DataArray, name: &str| coordinate(a, name));
}
