//! Times the reading path: `io_read FILE [threads]` opens, indexes every variable, then fetches and decodes all chunks.
#![allow(clippy::print_stdout)]

use hyperslab::Result;
use hyperslab::block::Block;
use hyperslab::io::{self, Scratch};
use rayon::prelude::*;
use std::sync::Arc;
use std::time::Instant;

fn main() -> Result<()> {
    let path = std::env::args().nth(1).unwrap_or_default();
    let threads = std::env::args()
        .nth(2)
        .and_then(|n| n.parse().ok())
        .unwrap_or(2);
    let start = Instant::now();
    let info = io::open(path.as_ref(), None)?;
    let opened = start.elapsed();
    let mut sources = Vec::new();
    let mut chunks = Vec::new();
    for variable in info.variables.iter().filter(|v| v.readable.is_none()) {
        let index = Arc::new(io::index(&variable.source)?);
        let source = io::open_source(&variable.source, index)?;
        let counts = source.grid().count();
        chunks.extend((0..counts).map(|i| (sources.len(), i)));
        sources.push(source);
    }
    let indexed = start.elapsed();
    println!(
        "open {opened:.3?}, with index of {} chunks {indexed:.3?}",
        chunks.len()
    );
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(hyperslab::Error::internal)?;
    let decode = Instant::now();
    let bytes = pool.install(|| {
        chunks
            .par_iter()
            .with_min_len(8)
            .map_init(
                || (Vec::new(), Scratch::default(), None::<Block>),
                |(raw, scratch, block), &(source, number)| -> Result<u64> {
                    let source = &sources[source];
                    let at = source.grid().position(number);
                    let region = source.grid().region(&at);
                    if block.as_ref().is_none_or(|b| {
                        b.shape() != region.shape.as_slice() || b.dtype() != source.dtype()
                    }) {
                        *block = Some(Block::zeros(source.dtype(), &region.shape));
                    }
                    source.fetch(&at, raw)?;
                    if let Some(block) = block {
                        let origin = region.start.clone();
                        source.decode_into(&at, raw, scratch, &region, block, &origin)?;
                    }
                    Ok((region.elements() * source.dtype().size()) as u64)
                },
            )
            .try_reduce(|| 0, |a, b| Ok(a + b))
    })?;
    println!(
        "decoded {bytes} bytes in {:.3?} with {threads} threads",
        decode.elapsed()
    );
    Ok(())
}
