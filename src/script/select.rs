//! Chunks of all arrays; axes of arrays by position.

use super::args::{int, length, lengths, map};
use super::failure::{Raised, raise, refuse};
use super::operators::{array, data, dataset};
use super::registry::Registry;
use crate::array::Array;
use crate::error::Error;
use crate::labelled::{DataArray, Dataset};
use rhai::Dynamic;

fn chunk_map(value: &Dynamic) -> Raised<Vec<(String, usize)>> {
    map(
        "chunk",
        value,
        "a map of dimensions and chunk lengths: #{ time: 44 }",
    )?
    .iter()
    .map(|(dim, len)| Ok((dim.to_string(), length("chunk", len, 1)?)))
    .collect()
}

fn pairs(chunks: &[(String, usize)]) -> impl Iterator<Item = (&str, usize)> {
    chunks.iter().map(|(dim, len)| (dim.as_str(), *len))
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.method::<Dataset>("chunk", 1..=1, |this, args| {
        dataset(this.chunk(pairs(&chunk_map(&args[0])?)))
    });
    registry.method::<DataArray>("chunk", 1..=1, |this, args| {
        data(this.chunk(pairs(&chunk_map(&args[0])?)))
    });
    registry.method::<Array>("chunk", 1..=1, |this, args| {
        let shape = this.shape();
        if let Ok(given) = args[0].as_map_ref() {
            // #{ "0": 100 }: axis numbers as keys, as in dask.
            let mut chunk = this.chunk_shape();
            for (axis, len) in given.iter() {
                match axis
                    .parse::<usize>()
                    .ok()
                    .and_then(|axis| chunk.get_mut(axis))
                {
                    Some(place) => *place = length("chunk", len, 1)?,
                    None => {
                        return Err(raise(Error::invalid(format!(
                            "chunk: {:?} is no axis of an array with {} axes",
                            axis.as_str(),
                            shape.len()
                        ))));
                    }
                }
            }
            return array(this.chunk(&chunk));
        }
        let mut chunk = lengths("chunk", &args[0], 1)?;
        if args[0].is_int() && shape.len() != 1 {
            // One length holds for all axes, as in dask.
            chunk = vec![chunk[0]; shape.len()];
        }
        array(this.chunk(&chunk))
    });
    registry.method::<Array>("transpose", 0..=1, |this, args| {
        let ndim = this.ndim();
        let order = match args.first() {
            None => (0..ndim).rev().collect(),
            Some(order) => {
                let Ok(list) = order.as_array_ref() else {
                    return Err(refuse("transpose", order, "a list of axis numbers"));
                };
                list.iter()
                    .map(|v| {
                        let axis = int("transpose", v, "an axis number")?;
                        Ok(if axis < 0 {
                            (axis + ndim as i64) as usize
                        } else {
                            axis as usize
                        })
                    })
                    .collect::<Raised<Vec<usize>>>()?
            }
        };
        array(this.transpose(&order))
    });
    registry.method::<Array>("broadcast_to", 1..=1, |this, args| {
        array(this.broadcast_to(&lengths("broadcast_to", &args[0], 0)?))
    });
}
