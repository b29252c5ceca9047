//! The headers of many files: each is read once, by one rank, and told to rank 0.

use super::run::RankState;
use crate::comm::{Comm, share};
use crate::error::{Error, Result};
use crate::io::{self, Described};
use rayon::prelude::*;
use std::path::PathBuf;

/// What is known about each file, in the order of the paths; on rank 0, which brings them. Collective.
///
/// # Errors
/// The same on every rank: of the first path, in their order, that cannot be opened.
pub fn describe_files(
    comm: &dyn Comm,
    state: &RankState,
    files: Option<(&[PathBuf], Option<&str>)>,
) -> Result<Vec<Described>> {
    let (paths, group): (Vec<PathBuf>, Option<String>) = share(comm, || {
        let (paths, group) = files.ok_or_else(|| Error::internal("rank 0 has no paths"))?;
        Ok((paths.to_vec(), group.map(str::to_owned)))
    })?;
    let (rank, size) = (comm.rank(), comm.size());
    let own: Vec<Result<Described>> = state.pool.install(|| {
        let own: Vec<&PathBuf> = paths.iter().skip(rank).step_by(size).collect();
        own.into_par_iter()
            .map(|path| io::describe(path, group.as_deref()))
            .collect()
    });
    let failed = |e: postcard::Error| Error::internal(format!("descriptions of files: {e}"));
    let encoded = postcard::to_stdvec(&own).map_err(failed)?;
    let mut lists = Vec::with_capacity(size);
    for bytes in comm.gather(0, &encoded)? {
        let list: Vec<Result<Described>> = postcard::from_bytes(&bytes).map_err(failed)?;
        lists.push(list.into_iter());
    }
    let found = (0..paths.len()).filter(|_| rank == 0).map(|number| {
        let list = lists.get_mut(number % size);
        let next = list.and_then(Iterator::next);
        next.ok_or_else(|| Error::internal("a description of a file is missing"))?
    });
    found.collect()
}
