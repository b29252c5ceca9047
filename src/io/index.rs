//! Where the bytes of a variable lie in its file. Found once, on one rank, then broadcast.

use serde::{Deserialize, Serialize};

/// Where the bytes of one variable lie in its file; offsets are from the beginning of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StorageIndex {
    /// One run of bytes, or one for each record.
    Contiguous {
        /// First byte; `None` when it was never written.
        address: Option<u64>,
    },
    /// The bytes themselves.
    Compact(Vec<u8>),
    /// Chunks in row-major order of their grid.
    Chunked {
        /// First byte of each chunk; `u64::MAX` when it was never written.
        addresses: Vec<u64>,
        /// Stored size of each chunk in bytes.
        sizes: Vec<u32>,
        /// Bit `i` set: filter `i` was skipped for the chunk. Empty when no bit is set at all.
        masks: Vec<u32>,
    },
    /// Every chunk, or several, have a file of their own, named by their place.
    Keys,
    /// Chunks anywhere: what references name, in the order of the chunks' row-major numbers. What is not named was never written.
    References {
        /// Files and URLs.
        files: Vec<String>,
        /// A chunk's number, its file's, and its first byte and its bytes there: `None` for the whole file.
        chunks: Vec<(u64, u32, Option<(u64, u64)>)>,
        /// A chunk's number and its bytes.
        here: Vec<(u64, Vec<u8>)>,
    },
    /// The library reads this variable.
    Library,
}

impl StorageIndex {
    /// Stored bytes of the variable; for a contiguous one unknown here, hence 0.
    pub fn stored_bytes(&self) -> u64 {
        match self {
            StorageIndex::Compact(bytes) => bytes.len() as u64,
            StorageIndex::Chunked { sizes, .. } => sizes.iter().map(|s| u64::from(*s)).sum(),
            StorageIndex::References { chunks, here, .. } => {
                let there = chunks.iter().map(|(.., range)| range.map_or(0, |(_, n)| n));
                there.sum::<u64>() + here.iter().map(|(_, b)| b.len() as u64).sum::<u64>()
            }
            StorageIndex::Contiguous { .. } | StorageIndex::Keys | StorageIndex::Library => 0,
        }
    }
}
