//! Shards: files of several chunks with an index of where each lies (Zarr's codec `sharding_indexed`).

use zarrs::metadata::v3::MetadataV3;

/// A chunk that was never written has this offset and this size.
pub(super) const NOTHING: u64 = u64::MAX;

/// How the chunks of a file are found in it.
#[derive(Clone, Debug)]
pub(super) struct Sharding {
    /// Chunks of a shard, per axis.
    pub(super) counts: Vec<usize>,
    /// The index lies before the chunks.
    pub(super) at_start: bool,
    /// The index ends in a CRC-32C.
    pub(super) checksum: bool,
}

/// Where the chunks of one shard lie: offset and size of each, in row-major order.
pub(super) type ShardIndex = Vec<(u64, u64)>;

impl Sharding {
    /// Reads the configuration: how chunks are found, and the codecs of each; the reason when it is not known.
    pub(super) fn new(
        codec: &MetadataV3,
        shard: &[usize],
        inner: &[usize],
    ) -> Result<(Sharding, Vec<MetadataV3>), String> {
        if shard.iter().zip(inner).any(|(s, c)| !s.is_multiple_of(*c)) {
            return Err(format!(
                "shards of {shard:?} are not made of whole chunks of {inner:?}"
            ));
        }
        let config = |key: &str| codec.configuration().and_then(|c| c.get(key));
        let codecs = |key: &str| -> Result<Vec<MetadataV3>, String> {
            let list = config(key).ok_or_else(|| format!("sharding_indexed without {key}"))?;
            serde_json::from_value(list.clone()).map_err(|e| format!("its {key}: {e}"))
        };
        let index: Vec<String> = codecs("index_codecs")?
            .iter()
            .map(|c| c.name().to_owned())
            .collect();
        let checksum = match index
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["bytes"] => false,
            ["bytes", "crc32c"] => true,
            other => return Err(format!("the index_codecs {}", other.join(", "))),
        };
        let at_start = match config("index_location").and_then(|l| l.as_str()) {
            None | Some("end") => false,
            Some("start") => true,
            Some(other) => return Err(format!("the index_location {other:?}")),
        };
        let sharding = Sharding {
            counts: shard.iter().zip(inner).map(|(s, c)| s / c).collect(),
            at_start,
            checksum,
        };
        Ok((sharding, codecs("codecs")?))
    }

    /// Chunks of a shard.
    pub(super) fn chunks(&self) -> usize {
        self.counts.iter().product()
    }

    /// Bytes of the index.
    pub(super) fn index_bytes(&self) -> usize {
        16 * self.chunks() + 4 * usize::from(self.checksum)
    }

    /// The shard of a chunk, and its number inside it.
    pub(super) fn place(&self, chunk: &[usize]) -> (Vec<usize>, usize) {
        let shard = chunk.iter().zip(&self.counts).map(|(c, n)| c / n).collect();
        let inner = chunk
            .iter()
            .zip(&self.counts)
            .fold(0, |acc, (c, n)| acc * n + c % n);
        (shard, inner)
    }

    /// Reads the index of a shard of `file_bytes` bytes.
    pub(super) fn parse(&self, bytes: &[u8], file_bytes: u64) -> Result<ShardIndex, String> {
        let entries = &bytes[..16 * self.chunks()];
        if self.checksum && crc32c::crc32c(entries).to_le_bytes() != bytes[entries.len()..] {
            return Err("the CRC-32C of its index does not fit".into());
        }
        let (numbers, _) = entries.as_chunks::<8>();
        let index: ShardIndex = numbers
            .chunks_exact(2)
            .map(|pair| (u64::from_le_bytes(pair[0]), u64::from_le_bytes(pair[1])))
            .collect();
        for (number, (offset, size)) in index.iter().enumerate() {
            if (*offset, *size) == (NOTHING, NOTHING) {
                continue;
            }
            if offset.checked_add(*size).is_none_or(|end| end > file_bytes) {
                return Err(format!(
                    "its index puts chunk number {number} at byte {offset} with {size} bytes, but the shard has {file_bytes}"
                ));
            }
        }
        Ok(index)
    }

    /// Puts encoded chunks together, in row-major order; `None` was not written.
    pub(super) fn join(&self, chunks: &[Option<Vec<u8>>]) -> Vec<u8> {
        let total: usize = chunks.iter().flatten().map(Vec::len).sum();
        let mut at = if self.at_start {
            self.index_bytes() as u64
        } else {
            0
        };
        let mut index = Vec::with_capacity(self.index_bytes());
        for chunk in chunks {
            let (offset, size) = match chunk {
                Some(bytes) => (at, bytes.len() as u64),
                None => (NOTHING, NOTHING),
            };
            index.extend(offset.to_le_bytes());
            index.extend(size.to_le_bytes());
            at += chunk.as_ref().map_or(0, Vec::len) as u64;
        }
        if self.checksum {
            let sum = crc32c::crc32c(&index);
            index.extend(sum.to_le_bytes());
        }
        let mut shard = Vec::with_capacity(total + index.len());
        if self.at_start {
            shard.extend(&index);
        }
        for bytes in chunks.iter().flatten() {
            shard.extend(bytes);
        }
        if !self.at_start {
            shard.extend(&index);
        }
        shard
    }
}
