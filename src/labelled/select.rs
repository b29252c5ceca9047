//! Selection by position, of arrays and of datasets.

use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::indexer::Indexer;
use super::picks::{Picks, checked};
use crate::error::{Error, Result};

/// Lengths by dimension of a list of positions to leave out: the others.
fn others(operation: &str, dim: &str, len: usize, out: &[isize]) -> Result<Indexer> {
    let out = checked(operation, dim, len, out)?;
    let mut stays = vec![true; len];
    for at in out {
        stays[at] = false;
    }
    let list = (0..len).filter(|i| stays[*i]).map(|i| i as isize);
    Ok(Indexer::List(list.collect()))
}

/// The first, last or every n-th positions along dimensions, by xarray's `head`, `tail` and `thin`.
fn ends(
    operation: &str,
    sizes: &[(String, usize)],
    wanted: &[(&str, isize)],
) -> Result<Vec<(String, Indexer)>> {
    wanted
        .iter()
        .map(|(dim, n)| {
            let least = isize::from(operation == "thin");
            if *n < least {
                return Err(Error::invalid(format!(
                    "{operation}: {n} along {dim:?} is not allowed; give {least} or more"
                )));
            }
            let len = sizes.iter().find(|(d, _)| d == dim).map_or(0, |s| s.1) as isize;
            let indexer = match operation {
                "head" => Indexer::Slice(None, Some(*n), 1),
                "tail" => Indexer::Slice(Some((len - n).max(0)), None, 1),
                _ => Indexer::Slice(None, None, *n),
            };
            Ok(((*dim).to_owned(), indexer))
        })
        .collect()
}

impl DataArray {
    /// Dimensions with their lengths.
    pub(super) fn sizes(&self) -> Vec<(String, usize)> {
        self.dims.iter().cloned().zip(self.shape()).collect()
    }

    #[track_caller]
    fn picked(&self, picks: Result<Picks>) -> Self {
        match picks {
            Ok(picks) => picks.array(self),
            Err(error) => self.clone().fail(error),
        }
    }

    #[track_caller]
    pub(super) fn isel_owned(&self, operation: &str, indexers: Vec<(String, Indexer)>) -> Self {
        if self.check().is_err() {
            return self.clone();
        }
        self.picked(Picks::new(operation, &self.sizes(), indexers))
    }

    #[track_caller]
    pub(super) fn isel_one(&self, dim: &str, indexer: &Indexer) -> Self {
        match self.axis("isel", dim) {
            Ok(_) => self.isel_owned("isel", vec![(dim.to_owned(), indexer.clone())]),
            Err(error) => self.clone().fail(error),
        }
    }

    /// Elements by position: `isel([("time", Indexer::from(0..10))])`. Dimensions with [`Indexer::Points`] are picked together,
    /// point by point; their dimensions stand where the first of them stood.
    #[must_use]
    #[track_caller]
    pub fn isel<'a>(&self, indexers: impl IntoIterator<Item = (&'a str, Indexer)>) -> Self {
        let mut owned = Vec::new();
        for (dim, indexer) in indexers {
            if let Err(error) = self.axis("isel", dim) {
                return self.clone().fail(error);
            }
            owned.push((dim.to_owned(), indexer));
        }
        self.isel_owned("isel", owned)
    }

    /// Without the elements at these positions.
    #[must_use]
    #[track_caller]
    pub fn drop_isel<'a>(
        &self,
        positions: impl IntoIterator<Item = (&'a str, Vec<isize>)>,
    ) -> Self {
        let mut owned = Vec::new();
        for (dim, out) in positions {
            let len = self.axis("drop_isel", dim).map(|axis| self.shape()[axis]);
            match len.and_then(|len| others("drop_isel", dim, len, &out)) {
                Ok(stays) => owned.push((dim.to_owned(), stays)),
                Err(error) => return self.clone().fail(error),
            }
        }
        self.isel_owned("drop_isel", owned)
    }

    /// The first so many elements along dimensions.
    #[must_use]
    #[track_caller]
    pub fn head(&self, wanted: &[(&str, isize)]) -> Self {
        self.end("head", wanted)
    }

    /// The last so many elements along dimensions.
    #[must_use]
    #[track_caller]
    pub fn tail(&self, wanted: &[(&str, isize)]) -> Self {
        self.end("tail", wanted)
    }

    /// Every so-many-th element along dimensions.
    #[must_use]
    #[track_caller]
    pub fn thin(&self, wanted: &[(&str, isize)]) -> Self {
        self.end("thin", wanted)
    }

    #[track_caller]
    fn end(&self, operation: &str, wanted: &[(&str, isize)]) -> Self {
        match ends(operation, &self.sizes(), wanted) {
            Ok(indexers) => self.isel_owned(operation, indexers),
            Err(error) => self.clone().fail(error),
        }
    }
}

impl Dataset {
    #[track_caller]
    pub(super) fn isel_owned(&self, operation: &str, indexers: Vec<(String, Indexer)>) -> Dataset {
        if self.check().is_err() {
            return self.clone();
        }
        let sizes = self.sizes();
        let picks = match Picks::new(operation, &sizes, indexers) {
            Ok(picks) => picks,
            Err(error) => return self.fail(error),
        };
        let variables = each!(self, v => picks.array(v));
        let mut dims: Vec<String> = sizes.into_iter().map(|(dim, _)| dim).collect();
        dims.extend(picks.point_dims().cloned());
        match picks.coords(&self.coords, &dims) {
            Ok(coords) => self.of(operation, variables, &[(&self.origin, &coords)]),
            Err(error) => self.fail(error),
        }
    }

    /// Elements by position, on every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn isel<'a>(&self, indexers: impl IntoIterator<Item = (&'a str, Indexer)>) -> Dataset {
        let own = indexers.into_iter();
        self.isel_owned("isel", own.map(|(d, i)| (d.to_owned(), i)).collect())
    }

    /// Without the elements at these positions.
    #[must_use]
    #[track_caller]
    pub fn drop_isel<'a>(
        &self,
        positions: impl IntoIterator<Item = (&'a str, Vec<isize>)>,
    ) -> Dataset {
        let sizes = self.sizes();
        let mut owned = Vec::new();
        for (dim, out) in positions {
            let len = sizes.iter().find(|(d, _)| d == dim).map_or(0, |s| s.1);
            let stays = self
                .check_dims("drop_isel", &[dim])
                .and_then(|()| others("drop_isel", dim, len, &out));
            match stays {
                Ok(stays) => owned.push((dim.to_owned(), stays)),
                Err(error) => return self.fail(error),
            }
        }
        self.isel_owned("drop_isel", owned)
    }

    /// The first so many elements along dimensions.
    #[must_use]
    #[track_caller]
    pub fn head(&self, wanted: &[(&str, isize)]) -> Dataset {
        self.end("head", wanted)
    }

    /// The last so many elements along dimensions.
    #[must_use]
    #[track_caller]
    pub fn tail(&self, wanted: &[(&str, isize)]) -> Dataset {
        self.end("tail", wanted)
    }

    /// Every so-many-th element along dimensions.
    #[must_use]
    #[track_caller]
    pub fn thin(&self, wanted: &[(&str, isize)]) -> Dataset {
        self.end("thin", wanted)
    }

    #[track_caller]
    fn end(&self, operation: &str, wanted: &[(&str, isize)]) -> Dataset {
        match ends(operation, &self.sizes(), wanted) {
            Ok(indexers) => self.isel_owned(operation, indexers),
            Err(error) => self.fail(error),
        }
    }
}
