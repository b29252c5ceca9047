//! Tiles of whole storage chunks of what is written: such pieces are encoded as they finish; others are stored first, and
//! exchanged.

use super::work::{Body, STORING};
use crate::geom::ChunkGrid;

/// Multiples of a chunk that are tried per axis, beside the lengths that suit the input.
const TRIED: u32 = 4;
/// Most combinations of lengths that are weighed.
const MOST_WEIGHED: usize = 4096;

/// Tiles of whole `unit`s of the domain whose pieces stay within `most` bytes, the ones with the least work; `None` when `tiles`
/// are such, or when storing the result costs less. Only where nothing is folded: no bit may depend on memory.
pub(super) fn on_units(
    body: &Body<'_>,
    tiles: &ChunkGrid,
    unit: &[usize],
    most: usize,
) -> Option<ChunkGrid> {
    let domain = body.domain;
    let wanted = ChunkGrid::regular(domain, unit).ok()?;
    if domain.contains(&0) || tiles.is_coarsening_of(&wanted) {
        return None;
    }
    let tile: Vec<usize> = tiles.axes.iter().map(|axis| axis.longest()).collect();
    let lengths: Vec<Vec<usize>> = (0..domain.len())
        .map(|axis| candidates(unit[axis], tile[axis], domain[axis]))
        .collect();
    let combinations = lengths
        .iter()
        .try_fold(1usize, |product, list| product.checked_mul(list.len()))?;
    if combinations > MOST_WEIGHED {
        return None;
    }
    let mut best: Option<(f64, Vec<usize>)> = None;
    for number in 0..combinations {
        let mut rest = number;
        let tile: Vec<usize> = lengths
            .iter()
            .map(|list| {
                let length = list[rest % list.len()];
                rest /= list.len();
                length
            })
            .collect();
        if body.bytes(&tile) > most || body.fetched_bytes(&tile) > most {
            continue;
        }
        let work = body.per_element(&tile);
        // Of tiles with the same work the smallest: more of them keep more threads busy.
        let elements = |tile: &[usize]| tile.iter().product::<usize>();
        let better = best.as_ref().is_none_or(|(least, known)| {
            work < 0.99 * least || (work < 1.01 * least && elements(&tile) < elements(known))
        });
        if better {
            best = Some((work, tile));
        }
    }
    let (work, found) = best?;
    match work <= body.per_element(&tile) + STORING {
        true => ChunkGrid::regular(domain, &found).ok(),
        false => None,
    }
}

/// Lengths of whole units along one axis: a few of them, about as many as the tile has, and where the chunks of input and output end
/// together; at most the whole axis.
fn candidates(unit: usize, tile: usize, len: usize) -> Vec<usize> {
    let unit = unit.max(1);
    let mut found: Vec<usize> = (0..TRIED).map(|power| unit << power).collect();
    found.push(tile.next_multiple_of(unit));
    found.push((tile / unit).max(1) * unit);
    if let Some(both) = (unit / gcd(unit, tile.max(1))).checked_mul(tile) {
        found.push(both);
    }
    found.push(len);
    for length in &mut found {
        *length = (*length).min(len);
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn gcd(a: usize, b: usize) -> usize {
    match b {
        0 => a,
        b => gcd(b, a % b),
    }
}

/// The unit of several outputs: whole chunks of each; `None` when that is longer than is of use.
pub(super) fn common(units: &[Vec<usize>], domain: &[usize]) -> Option<Vec<usize>> {
    let (first, rest) = units.split_first()?;
    rest.iter().try_fold(first.clone(), |unit, other| {
        (unit.iter().zip(other).zip(domain))
            .map(|((a, b), len)| {
                let both = (a / gcd(*a, (*b).max(1))).checked_mul(*b)?;
                Some(both.min(*len).max(1))
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_whole_units_or_the_whole_axis() {
        for (unit, tile, len) in [(120, 30, 3653), (7, 5, 25), (1000, 30, 3653), (3, 3, 2)] {
            for length in candidates(unit, tile, len) {
                assert!(
                    length == len || length % unit == 0,
                    "{length} of {unit} in {len}"
                );
            }
        }
        assert!(candidates(4, 6, 100).contains(&12));
    }

    #[test]
    fn units_of_several_outputs_hold_whole_chunks_of_each() {
        let unit = common(&[vec![4, 10], vec![6, 5]], &[100, 100]).unwrap();
        assert_eq!(unit, [12, 10]);
        assert_eq!(common(&[], &[1]), None);
    }
}
