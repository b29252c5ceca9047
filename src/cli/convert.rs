//! `hyperslab convert`.

use super::args::ConvertArgs;
use super::job;
use super::report::Clock;

use crate::error::{Error, Result};
use crate::io::shown;
use crate::labelled::ConvertOptions;
use crate::spec::{Compression, Format};

pub(super) fn convert(args: &ConvertArgs, clock: &Clock) -> u8 {
    let what = format!("convert {} {}", shown(&args.input), args.output.display());
    job::run(
        &args.job,
        args.json,
        &what,
        |config| {
            config.watch = args.watch.watch(args.quiet || args.json)?;
            args.resume.apply(config)
        },
        |driver| {
            job::reported(driver, clock, args.json, args.quiet, || {
                driver.convert(&args.input, &args.output, &options(args)?)
            })
        },
    )
}

fn options(args: &ConvertArgs) -> Result<ConvertOptions> {
    let level = |name: &str, level: Option<u8>, most: u8| match level {
        Some(level) if level > most => Err(Error::invalid(format!(
            "--{name} {level}: allowed are 1 … {most} (0: no compression)"
        ))),
        level => Ok(level),
    };
    let deflate = level("deflate", args.deflate, 9)?.map(Compression::Deflate);
    let zstd = level("zstd", args.zstd, 19)?.map(Compression::Zstd);
    let lz4 = level("lz4", args.lz4, 9)?.map(Compression::Lz4);
    let compression = deflate
        .or(zstd)
        .or(lz4)
        .map(|compression| match compression {
            Compression::Deflate(0) | Compression::Zstd(0) | Compression::Lz4(0) => {
                Compression::None
            }
            on => on,
        });
    let format = match args.zarr_format {
        None => None,
        Some(2) => Some(Format::Zarr2),
        Some(3) => Some(Format::Zarr3),
        Some(other) => {
            return Err(Error::invalid(format!(
                "--zarr-format {other}: allowed are 2 and 3"
            )));
        }
    };
    Ok(ConvertOptions {
        format,
        group: args.group.clone(),
        variables: args.variables.clone(),
        chunks: lengths("chunks", &args.chunks)?,
        shards: lengths("shards", &args.shards)?,
        compression,
        shuffle: args.no_shuffle.then_some(false),
        overwrite: args.job.overwrite,
    })
}

/// `time=100` for one dimension.
fn lengths(option: &str, given: &[String]) -> Result<Vec<(String, usize)>> {
    given
        .iter()
        .map(|text| {
            let parsed = text.split_once('=').and_then(|(dim, len)| {
                let len: usize = len.trim().parse().ok().filter(|len| *len > 0)?;
                Some((dim.trim().to_owned(), len))
            });
            parsed.ok_or_else(|| {
                Error::invalid(format!(
                    "--{option} {text:?}: write DIM=LENGTH, for example time=100; lengths are at least 1"
                ))
            })
        })
        .collect()
}
