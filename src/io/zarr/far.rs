//! Chunks that are not in a folder: on servers, and wherever references say.

use super::references;
use super::shard::{NOTHING, Sharding};
use super::source::{Shard, ShardFile, ZarrSource};
use crate::error::{Error, Result};
use crate::io::index::StorageIndex;
use crate::io::remote::{Failure, Part, Place};

impl ZarrSource {
    /// The error of a chunk that could not be got.
    fn not_got(&self, chunk: &[usize], e: &Failure) -> Error {
        match e.damaged {
            true => self.damaged(chunk, &e.why),
            false => self.unreadable(chunk, &e.why),
        }
    }

    /// Gets a chunk from a server: nothing in `raw` when it was never written.
    pub(super) fn fetch_remote(
        &self,
        place: &Place,
        sharding: Option<&Sharding>,
        chunk: &[usize],
        raw: &mut Vec<u8>,
    ) -> Result<()> {
        let (key, part, version) = match sharding {
            None => (self.key(chunk), Part::Whole, None),
            Some(sharding) => {
                let (found, inner) = self.shard(sharding, chunk, |number| {
                    self.remote_shard(place, sharding, number, chunk)
                })?;
                let Some(found) = found else { return Ok(()) };
                let (at, bytes) = found.index[inner];
                if (at, bytes) == (NOTHING, NOTHING) {
                    return Ok(());
                }
                if bytes == 0 || bytes > self.most_bytes() {
                    let most = self.most_bytes();
                    let why = format!("it has {bytes} bytes: a chunk has 1 … {most}");
                    return Err(self.damaged(chunk, why));
                }
                let ShardFile::Remote(version) = found.file else {
                    return Err(Error::internal("a shard of a folder on a server"));
                };
                let (number, _) = sharding.place(chunk);
                (self.key(&number), Part::Bytes(at, bytes as usize), version)
            }
        };
        let got = place.get(&key, part, self.most_bytes(), raw);
        let got = got.map_err(|e| self.not_got(chunk, &e))?;
        match (got, part) {
            (None, Part::Whole) => raw.clear(),
            (None, _) => return Err(self.damaged(chunk, "its shard is gone")),
            (Some(_), Part::Whole) if raw.is_empty() => {
                return Err(self.damaged(chunk, "it has no bytes"));
            }
            (Some(now), _) if version.is_some() && now.version != version => {
                let why = format!("{} changed while the job ran", place.shown(&key));
                return Err(self.damaged(chunk, why));
            }
            (Some(_), _) => {}
        }
        Ok(())
    }

    /// Reads the index of a shard on a server.
    fn remote_shard(
        &self,
        place: &Place,
        sharding: &Sharding,
        number: &[usize],
        chunk: &[usize],
    ) -> Result<Option<Shard>> {
        let (need, key) = (sharding.index_bytes(), self.key(number));
        let mut raw = Vec::new();
        let get = |part: Part, raw: &mut Vec<u8>| place.get(&key, part, need as u64, raw);
        let got = match sharding.at_start {
            true => get(Part::Bytes(0, need), &mut raw),
            false => match get(Part::Last(need), &mut raw) {
                // Some servers know ranges, but not those that count from the end.
                Err(e) if matches!(e.status, Some(400 | 501)) => get(Part::Bytes(0, 1), &mut raw)
                    .and_then(|first| match first.and_then(|first| first.total) {
                        Some(total) if total >= need as u64 => {
                            get(Part::Bytes(total - need as u64, need), &mut raw)
                        }
                        _ => Err(e),
                    }),
                got => got,
            },
        };
        let shown = |why: &str| format!("shard {number:?}: {why}");
        let Some(answer) = got.map_err(|e| self.not_got(chunk, &e))? else {
            return Ok(None);
        };
        let bytes = answer.total.unwrap_or(i64::MAX as u64);
        let index = sharding
            .parse(&raw, bytes)
            .map_err(|why| self.damaged(chunk, shown(&why)))?;
        Ok(Some(Shard {
            file: ShardFile::Remote(answer.version),
            index,
        }))
    }

    /// Gets chunk number `number` from where references say.
    pub(super) fn fetch_reference(
        &self,
        index: &StorageIndex,
        number: u64,
        chunk: &[usize],
        raw: &mut Vec<u8>,
    ) -> Result<()> {
        let StorageIndex::References {
            files,
            chunks,
            here,
        } = index
        else {
            return Err(Error::internal("references without their index"));
        };
        let shown = |why: &str| format!("the reference {:?}: {why}", self.key(chunk));
        if let Ok(at) = here.binary_search_by_key(&number, |(number, _)| *number) {
            let bytes = &here[at].1;
            if bytes.is_empty() || bytes.len() as u64 > self.most_bytes() {
                let why = format!("it has {} bytes", bytes.len());
                return Err(self.damaged(chunk, shown(&why)));
            }
            raw.extend_from_slice(bytes);
            return Ok(());
        }
        let Ok(at) = chunks.binary_search_by_key(&number, |(number, ..)| *number) else {
            return Ok(());
        };
        let (_, file, range) = chunks[at];
        let file = files
            .get(file as usize)
            .ok_or_else(|| Error::internal("a reference to no file"))?;
        references::read(file, range, self.most_bytes(), raw).map_err(|mut e| {
            e.why = shown(&e.why);
            self.not_got(chunk, &e)
        })?;
        match raw.is_empty() {
            true => Err(self.damaged(chunk, shown("it has no bytes"))),
            false => Ok(()),
        }
    }
}
