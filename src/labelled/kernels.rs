//! Registered kernels over dimensions by name: xarray's `apply_ufunc` for functions of the program.

use super::align::{Aligned, align, label_of};
use super::data_array::DataArray;
use super::indexer::Indexer;
use super::join::Join;
use crate::array::{Array, blockwise};
use crate::dtype::DType;
use crate::error::{Error, Result};
use std::panic::Location;

/// A labelled array with the dimensions of its core: those that the kernel gets whole.
pub type WithCore<'a> = (&'a DataArray, &'a [&'a str]);

/// A registered kernel over arrays, each with its core dimensions, which it gets whole; `out_core` are those of the result, with
/// lengths, after all other dimensions. Other dimensions are brought together by name, their labels must agree. The boxes are
/// those of the plan. xarray's `apply_ufunc(..., input_core_dims, output_core_dims)`.
///
/// # Errors
/// Invalid input when no kernel has this name, or dimensions and labels contradict one another.
#[track_caller]
pub fn apply_ufunc(
    kernel: &str,
    inputs: &[WithCore<'_>],
    out_core: &[(&str, usize)],
    dtype: DType,
    params: &[f64],
) -> Result<DataArray> {
    const NAME: &str = "apply_ufunc";
    let location = Location::caller();
    let made = || -> Result<DataArray> {
        if inputs.is_empty() {
            return Err(Error::invalid(
                "apply_ufunc: no arrays; there must be at least one",
            ));
        }
        for (array, core) in inputs {
            array.check()?;
            array.axes(NAME, core)?;
        }
        let core = |dim: &str| inputs.iter().any(|(_, core)| core.contains(&dim));
        // Labels of what is not core, by broadcasting first elements of the cores.
        let bare: Vec<DataArray> = inputs
            .iter()
            .map(|(array, core)| {
                let firsts = core.iter().map(|d| ((*d).to_owned(), Indexer::At(0)));
                let mut bare = array.isel_owned(NAME, firsts.collect());
                let gone = |c: &super::Coord| {
                    array
                        .coord(&c.name)
                        .is_some_and(|o| o.dims.len() == c.dims.len())
                };
                bare.coords.retain(gone);
                bare
            })
            .collect();
        bare.iter().try_for_each(DataArray::check)?;
        let refs: Vec<&DataArray> = bare.iter().collect();
        let Aligned { labels, .. } = align(NAME, &refs, Join::Exact)?;
        if let Some(dim) = labels.dims.iter().find(|d| core(d)) {
            return Err(Error::invalid(format!(
                "{NAME}: {dim:?} is a core dimension of one array and not of another ({})",
                inputs
                    .iter()
                    .map(|(a, _)| label_of(a))
                    .collect::<Vec<_>>()
                    .join(", ")
            )));
        }
        // One letter for each dimension; the core of the result has letters of its own: its axes are made, not walked.
        let mut letters: Vec<(String, char)> = Vec::new();
        let mut next = 'a'..='z';
        let mut letter = |name: String| -> Result<char> {
            if let Some((_, known)) = letters.iter().find(|(n, _)| *n == name) {
                return Ok(*known);
            }
            let made = next
                .next()
                .ok_or_else(|| Error::invalid("apply_ufunc: more than 26 dimensions"))?;
            letters.push((name, made));
            Ok(made)
        };
        let mut out = String::new();
        for dim in &labels.dims {
            out.push(letter(dim.clone())?);
        }
        let mut new_axes = Vec::new();
        for (dim, len) in out_core {
            let made = letter(format!("{dim} of the result"))?;
            out.push(made);
            new_axes.push((made, *len));
        }
        let mut given: Vec<(Array, String)> = Vec::new();
        for (array, core) in inputs {
            // The core last, in its order.
            let mut dims: Vec<&str> = array
                .dims
                .iter()
                .map(String::as_str)
                .filter(|d| !core.contains(d))
                .collect();
            dims.extend(core.iter());
            let turned = array.transpose(&dims);
            turned.check()?;
            let word = dims
                .iter()
                .map(|d| letter((*d).to_owned()))
                .collect::<Result<String>>()?;
            given.push((turned.array, word));
        }
        let given: Vec<(&Array, &str)> = given.iter().map(|(a, w)| (a, w.as_str())).collect();
        let array = blockwise(kernel, &out, &given, &new_axes, dtype, params)
            .map_err(|e| e.context(NAME))?;
        let mut result = labels.with_array(array);
        result
            .dims
            .extend(out_core.iter().map(|(d, _)| (*d).to_owned()));
        // Labels of a core dimension that keeps its length.
        for (dim, len) in out_core {
            let index = inputs
                .iter()
                .filter_map(|(a, _)| a.coord(dim))
                .find(|c| c.is_index());
            result
                .coords
                .extend(index.filter(|c| c.len() == *len).cloned());
        }
        Ok(result)
    };
    made().map_err(|e| e.at_call(location))
}
