//! The registered filters: which number means what, which are undone here, which by the library, and which by nobody.

use super::dataset::Dataset;
use super::messages::RawFilter;
use super::raw::{self, RawLayout};
use crate::io::szip::Coding;
use crate::spec::{BlockPacking, Filter};

/// The filter as the direct path knows it; `Other` when it does not.
pub(crate) fn filter(filter: &RawFilter) -> Filter {
    let parameter = |k: usize| filter.parameters.get(k).copied();
    let known = match filter.number {
        1 => Some(Filter::Deflate(parameter(0).unwrap_or(6).min(9) as u8)),
        2 => Some(Filter::Shuffle(parameter(0).unwrap_or(1) as usize)),
        3 => Some(Filter::Fletcher32),
        4 => szip(&filter.parameters),
        307 => Some(Filter::Bzip2),
        32000 => Some(Filter::Lzf),
        32001 => Some(Filter::Blosc),
        32004 => Some(Filter::Lz4),
        32008 => bitshuffle(&filter.parameters),
        32015 => Some(Filter::Zstd),
        _ => None,
    };
    known.unwrap_or_else(|| Filter::Other(filter.number, filter.parameters.clone()))
}

/// Its parameters: version (two), bytes of an element, elements of a block, compression.
fn bitshuffle(parameters: &[u32]) -> Option<Filter> {
    let parameter = |k: usize| parameters.get(k).copied();
    Some(Filter::Bitshuffle {
        element: parameter(2).filter(|n| *n > 0)? as usize,
        block: parameter(3).unwrap_or(0) as usize,
        packed: match parameter(4) {
            None | Some(0) => None,
            Some(2) => Some(BlockPacking::Lz4),
            Some(3) => Some(BlockPacking::Zstd),
            Some(_) => return None,
        },
    })
}

/// Its parameters: options, pixels of a block, bits of a pixel, pixels of a scan line.
fn szip(parameters: &[u32]) -> Option<Filter> {
    let [mask, block, bits, line] = *parameters.first_chunk()?;
    Coding::new(mask, block, bits, line)?;
    Some(Filter::Szip {
        mask,
        block,
        bits,
        line,
    })
}

fn name(number: i32) -> String {
    let known = [
        (1, "deflate"),
        (4, "szip"),
        (5, "nbit"),
        (6, "scaleoffset"),
        (257, "lzo"),
        (305, "lzo"),
        (307, "bzip2"),
        (32000, "lzf"),
        (32001, "blosc"),
        (32004, "lz4"),
        (32008, "bitshuffle"),
        (32013, "zfp"),
        (32015, "zstd"),
        (32017, "sz"),
        (32018, "fcidecomp"),
        (32022, "bitgroom"),
        (32023, "granular bitround"),
        (32024, "sz3"),
        (32026, "blosc2"),
        (32028, "sperr"),
    ];
    match known.iter().find(|(n, _)| *n == number) {
        Some((_, name)) => format!("{name} (filter {number})"),
        None => format!("filter {number}"),
    }
}

fn is_foreign(raw: &RawFilter) -> bool {
    matches!(filter(raw), Filter::Other(..))
}

/// Why only the library can read the dataset, when that is so.
pub(crate) fn library_only(dataset: &Dataset) -> Option<String> {
    if dataset.layout == RawLayout::Virtual {
        return Some("a virtual dataset: its data lie in other files".into());
    }
    if dataset.external {
        return Some("its data lie in external files".into());
    }
    if let Some(other) = dataset.filters.iter().find(|f| is_foreign(f)) {
        return Some(format!("compressed by {}", name(other.number)));
    }
    // The size between two compressions is not told anywhere.
    let mut compressions = dataset.filters.iter().filter(|f| filter(f).compresses());
    let (first, second) = (compressions.next()?, compressions.next()?);
    Some(format!(
        "compressed twice, by {} and by {}",
        name(first.number),
        name(second.number)
    ))
}

/// Which filter the library lacks: nobody here can read the dataset when only the library could.
pub(crate) fn missing_filter(dataset: &Dataset) -> Option<String> {
    let missing = dataset
        .filters
        .iter()
        .find(|f| !matches!(f.number, 1..=3) && !raw::filter_available(f.number))?;
    Some(format!(
        "compressed by {}, which this HDF5 library does not have; repack it: nccopy -d1 -s in.nc out.nc",
        name(missing.number)
    ))
}
