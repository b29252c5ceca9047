//! `hyperslab info FILE`: what is in a file, and how it is stored.

use super::args::{InfoArgs, JobArgs};
use super::job::{self, print};
use crate::config::format_bytes;
use crate::driver::Driver;
use crate::error::{Context, Result};
use crate::io::{self, StorageIndex, VariableInfo};
use crate::labelled::{Dataset, ManyOptions};
use crate::spec::{AttrValue, Attrs, Filter, Layout};
use serde_json::{Map, Value, json};

pub(super) fn info(args: &InfoArgs) -> u8 {
    let job = JobArgs {
        memory: None,
        scratch: None,
        threads: Some(1),
        overwrite: false,
        log: "warn".into(),
    };
    let file = &args.files[0];
    let pattern = file.to_string_lossy();
    let is_pattern = pattern.contains(['*', '?', '[']) && io::is_url(file).is_none();
    let many = args.files.len() > 1 || (is_pattern && !file.exists());
    let what = format!("info {}", io::shown(file));
    job::run(
        &job,
        args.json,
        &what,
        |_| Ok(()),
        |driver| {
            if many {
                let dataset = open_many(driver, args)?;
                if args.json {
                    print(&dataset_json(&dataset).to_string());
                } else if !args.quiet {
                    print(dataset.to_string().trim_end());
                }
                return Ok(());
            }
            let info = io::open(file, None).context(|| format!("opening {}", io::shown(file)))?;
            let stored = info
                .variables
                .iter()
                .map(Storage::of)
                .collect::<Result<Vec<_>>>()?;
            if args.json {
                let variables: Vec<Value> = info
                    .variables
                    .iter()
                    .zip(&stored)
                    .map(|(v, s)| variable_json(v, s))
                    .collect();
                let object = json!({
                    "path": info.id.path.display().to_string(),
                    "file_bytes": info.id.bytes,
                    "dims": info.dims.iter().map(|d| json!({
                        "name": d.name, "len": d.len, "unlimited": d.unlimited,
                    })).collect::<Vec<_>>(),
                    "attrs": attrs_json(&info.attrs),
                    "variables": variables,
                    "left_out": info.left_out.iter().map(|(name, why)| json!({
                        "name": name, "why": why,
                    })).collect::<Vec<_>>(),
                });
                print(&object.to_string());
                return Ok(());
            }
            let dataset = driver.open(file)?;
            if args.quiet {
                return Ok(());
            }
            print(dataset.to_string().trim_end());
            print(&format!(
                "Storage: {} in the file",
                format_bytes(info.id.bytes)
            ));
            print(table(&info.variables, &stored).trim_end());
            Ok(())
        },
    )
}

fn open_many(driver: &Driver, args: &InfoArgs) -> Result<Dataset> {
    let options = ManyOptions {
        concat_dim: args.concat_dim.clone(),
        group: None,
    };
    match &args.files[..] {
        [pattern] => driver.open_glob(&pattern.to_string_lossy(), &options),
        files => driver.open_many(files, &options),
    }
}

fn dataset_json(dataset: &Dataset) -> Value {
    let coords = dataset.coords().iter().map(|coord| coord.name.clone());
    let variables = dataset.variables().iter().map(|v| {
        json!({
            "name": v.name(), "dims": v.dims(), "dtype": v.dtype().to_string(), "shape": v.shape(),
            "attrs": attrs_json(v.attrs()),
        })
    });
    json!({
        "dims": dataset.sizes().iter().map(|(name, len)| json!({ "name": name, "len": len })).collect::<Vec<_>>(),
        "attrs": attrs_json(dataset.attrs()),
        "coords": coords.collect::<Vec<_>>(),
        "variables": variables.collect::<Vec<_>>(),
    })
}

/// How a variable is stored.
struct Storage {
    chunk: Option<Vec<usize>>,
    filters: String,
    plain_bytes: u64,
    /// `None` when it is not known without the library.
    stored_bytes: Option<u64>,
}

impl Storage {
    fn of(variable: &VariableInfo) -> Result<Self> {
        let source = &variable.source;
        let plain_bytes = source
            .shape
            .iter()
            .fold(source.dtype.size() as u64, |product, n| {
                product.saturating_mul(*n as u64)
            });
        let readable = variable.texts.is_none() && variable.readable.is_none();
        let (chunk, filters) = match &source.layout {
            Layout::Chunked { chunk, filters } => (
                Some(chunk.clone()),
                filters
                    .iter()
                    .map(Filter::to_string)
                    .collect::<Vec<_>>()
                    .join("+"),
            ),
            Layout::Contiguous if variable.fortran_order => {
                (None, "contiguous, in Fortran order".to_owned())
            }
            Layout::Contiguous => (None, "contiguous".to_owned()),
            Layout::Records { stride } => (None, format!("records of {stride} bytes")),
            Layout::Compact => (None, "compact".to_owned()),
            Layout::Zarr { chunk, .. } => (Some(chunk.clone()), io::zarr_codecs(source)),
        };
        let stored_bytes = match (&chunk, readable) {
            (None, _) => Some(plain_bytes),
            (Some(_), false) => None,
            (Some(_), true) => match io::index(source)? {
                StorageIndex::Keys | StorageIndex::Library => None,
                index => Some(index.stored_bytes()),
            },
        };
        let filters = if filters.is_empty() {
            "none".to_owned()
        } else {
            filters
        };
        Ok(Storage {
            chunk,
            filters,
            plain_bytes,
            stored_bytes,
        })
    }
}

fn dtype(variable: &VariableInfo) -> String {
    match variable.texts {
        Some(_) => "str".to_owned(),
        None => variable.source.dtype.to_string(),
    }
}

fn table(variables: &[VariableInfo], stored: &[Storage]) -> String {
    let width = variables
        .iter()
        .map(|v| v.name.len())
        .max()
        .unwrap_or(0)
        .max(8);
    let mut out = String::new();
    for (v, s) in variables.iter().zip(stored) {
        if let Some(texts) = &v.texts {
            out += &format!("    {:width$}  str, {} texts\n", v.name, texts.values.len());
            continue;
        }
        let sizes = match s.stored_bytes {
            Some(bytes) if s.chunk.is_some() && bytes > 0 => format!(
                "{} -> {} ({:.2}x)",
                format_bytes(s.plain_bytes),
                format_bytes(bytes),
                s.plain_bytes as f64 / bytes as f64
            ),
            _ => format_bytes(s.plain_bytes),
        };
        let layout = match &s.chunk {
            Some(chunk) => format!("chunks {chunk:?} {}", s.filters),
            None => s.filters.clone(),
        };
        let why = v.readable.as_ref().or(v.source.library_only.as_ref());
        let note = why.map_or(String::new(), |why| format!("; {why}"));
        out += &format!(
            "    {:width$}  {} {layout}, {sizes}{note}\n",
            v.name,
            dtype(v)
        );
    }
    out
}

fn attrs_json(attrs: &Attrs) -> Value {
    let value = |value: &AttrValue| match value {
        AttrValue::Text(text) => json!(text),
        AttrValue::Texts(texts) => json!(texts),
        AttrValue::Numbers(numbers) => {
            let numbers: Vec<Value> = numbers
                .iter()
                .map(|n| match n.as_i128() {
                    Some(v) => i64::try_from(v).map_or_else(|_| json!(v as f64), |v| json!(v)),
                    None => json!(n.as_f64()),
                })
                .collect();
            match numbers.as_slice() {
                [one] => one.clone(),
                _ => Value::Array(numbers),
            }
        }
    };
    Value::Object(
        attrs
            .0
            .iter()
            .map(|(k, v)| (k.clone(), value(v)))
            .collect::<Map<_, _>>(),
    )
}

fn variable_json(variable: &VariableInfo, stored: &Storage) -> Value {
    json!({
        "name": variable.name,
        "dims": variable.dims,
        "dtype": dtype(variable),
        "shape": variable.shape(),
        "chunks": stored.chunk,
        "filters": stored.filters,
        "bytes": stored.plain_bytes,
        "stored_bytes": stored.stored_bytes,
        "big_endian": variable.source.big_endian,
        "attrs": attrs_json(&variable.attrs),
        "readable": variable.readable.is_none(),
        "why_not": variable.readable,
        "library_only": variable.source.library_only,
    })
}
