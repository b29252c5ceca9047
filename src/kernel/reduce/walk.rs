//! Geometry of a tile as a reduction sees it: axes merged, sub-tiles cut into rows of the innermost axis.
//!
//! Law: every element of a run of the tile belongs to exactly one row, rows come in row-major order, and a row knows its
//! first cell. Axes of length 1 vanish and neighbours of the same role merge, so that hot shapes are few long rows.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The code of an index that belongs to no group.
pub const NO_GROUP: u32 = u32::MAX;

/// What a reduction does with an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AxisRole {
    /// One cell per index.
    Keep,
    /// All indices fall into one cell.
    Reduce,
    /// One cell per group; a code per index says which. At most one axis has this role.
    Group,
}

/// Geometry of one tile.
#[derive(Clone, Copy, Debug)]
pub struct FoldTile<'a> {
    /// Lengths of the tile.
    pub shape: &'a [usize],
    /// Group of each index of the tile's group axis; a code that is no group number ([`NO_GROUP`]) leaves the elements out.
    /// Empty without a group axis.
    pub codes: &'a [u32],
    /// argmin and argmax: the index that the tile's first element has in the reduced axes.
    pub arg_base: i64,
    /// argmin and argmax: what a step along each axis adds to the index; axes that are kept do not count.
    pub arg_strides: &'a [i64],
}

/// Runs of a tile's elements that are equally long and equally far apart; the column of a sub-tile holds them.
#[derive(Clone, Copy, Debug)]
pub struct Runs {
    /// Row-major position of the first element in the tile.
    pub start: usize,
    /// Number of runs.
    pub count: usize,
    /// Length of each.
    pub len: usize,
    /// Elements of the tile from the start of one to the start of the next.
    pub stride: usize,
    /// The same in the column.
    pub pitch: usize,
}

impl Runs {
    /// One run.
    pub fn one(start: usize, len: usize) -> Self {
        Runs {
            start,
            count: 1,
            len,
            stride: len,
            pitch: len,
        }
    }

    /// Elements of the tile from the first to the end of the last run.
    pub(in crate::kernel) fn reach(&self) -> usize {
        (self.count.saturating_sub(1)) * self.stride + self.len
    }
}

/// A run of elements along the innermost axis, with what they fall into.
pub(super) enum Row<'a> {
    /// Element `i` falls into cell `cell + i`; all have the index `arg`.
    Keep {
        cell: usize,
        at: Range<usize>,
        arg: i64,
    },
    /// All fall into one cell; element `i` has the index `arg + i · step`.
    Reduce {
        cell: usize,
        at: Range<usize>,
        arg: i64,
        step: i64,
    },
    /// Element `i` falls into cell `cell + codes[i]`, if that is a group; it has the index `arg + i · step`.
    Group {
        cell: usize,
        at: Range<usize>,
        arg: i64,
        step: i64,
        codes: &'a [u32],
    },
}

#[derive(Clone, Copy, Debug)]
struct Axis {
    role: AxisRole,
    len: usize,
    /// Cells between neighbours (between groups, on the group axis).
    cells: usize,
    arg: i64,
}

/// The merged axes of the tile at hand, kept between sub-tiles.
#[derive(Debug, Default)]
pub(super) struct Walk {
    shape: Vec<usize>,
    arg_strides: Vec<i64>,
    axes: Vec<Axis>,
    index: Vec<usize>,
    groups: usize,
    /// Where `next_row` stands: elements given, elements in all, position in the innermost axis.
    done: usize,
    len: usize,
    column: usize,
    /// Elements that one cell can get from the whole tile, at most.
    pub(super) per_cell: u64,
}

impl Walk {
    /// Looks at a tile; does nothing when it has the geometry of the last one.
    ///
    /// # Errors
    /// Internal when tile, roles and cells do not fit.
    pub(super) fn prepare(
        &mut self,
        roles: &[AxisRole],
        groups: usize,
        cell_shape: &[usize],
        tile: &FoldTile<'_>,
    ) -> Result<()> {
        let group_len = roles
            .iter()
            .position(|r| *r == AxisRole::Group)
            .map(|k| tile.shape.get(k));
        if group_len.is_some_and(|len| len != Some(&tile.codes.len())) {
            return Err(Error::internal(format!(
                "{} group codes for a tile of {:?} with axes {roles:?}",
                tile.codes.len(),
                tile.shape
            )));
        }
        if self.shape == tile.shape && self.arg_strides == tile.arg_strides && !self.axes.is_empty()
        {
            return Ok(());
        }
        let due: Vec<usize> = roles
            .iter()
            .zip(tile.shape)
            .filter_map(|(role, len)| match role {
                AxisRole::Keep => Some(*len),
                AxisRole::Reduce => None,
                AxisRole::Group => Some(groups),
            })
            .collect();
        if roles.len() != tile.shape.len() || due != cell_shape {
            return Err(Error::internal(format!(
                "a tile of {:?} with axes {roles:?} and {groups} groups folded into cells of {cell_shape:?}",
                tile.shape
            )));
        }
        self.shape = tile.shape.to_vec();
        self.arg_strides = tile.arg_strides.to_vec();
        self.groups = groups;
        self.per_cell = roles
            .iter()
            .zip(tile.shape)
            .filter(|(role, _)| **role != AxisRole::Keep)
            .map(|(_, len)| *len as u64)
            .product();
        // From the innermost axis outwards; then turned round.
        self.axes.clear();
        let mut cells = 1;
        for (k, (&role, &len)) in roles.iter().zip(tile.shape).enumerate().rev() {
            let arg = match role {
                AxisRole::Keep => 0,
                _ => tile.arg_strides.get(k).copied().unwrap_or(0),
            };
            let axis = Axis {
                role,
                len,
                cells,
                arg,
            };
            match role {
                AxisRole::Keep => cells *= len,
                AxisRole::Reduce => {}
                AxisRole::Group => cells *= groups,
            }
            if len == 1 && role != AxisRole::Group {
                continue;
            }
            match self.axes.last_mut() {
                Some(inner) if inner.role == role && role == AxisRole::Keep => inner.len *= len,
                Some(inner)
                    if inner.role == role
                        && role == AxisRole::Reduce
                        && arg == inner.arg.wrapping_mul(inner.len as i64) =>
                {
                    inner.len *= len;
                }
                _ => self.axes.push(axis),
            }
        }
        self.axes.reverse();
        if self.axes.is_empty() {
            self.axes.push(Axis {
                role: AxisRole::Reduce,
                len: 1,
                cells: 0,
                arg: 0,
            });
        }
        self.index.clear();
        self.index.resize(self.axes.len() - 1, 0);
        Ok(())
    }

    /// Where all runs of such a stride fall into the same cells, one after the other: what a step from run to run adds to the
    /// index that argmin and argmax report.
    pub(super) fn abreast(&self, stride: usize) -> Option<i64> {
        match &self.axes[..] {
            [outer, inner]
                if (outer.role, inner.role) == (AxisRole::Reduce, AxisRole::Keep)
                    && inner.len == stride =>
            {
                Some(outer.arg)
            }
            _ => None,
        }
    }

    /// Begins to cut elements `start .. start + len` of the tile into rows; [`Walk::next_row`] gives them.
    pub(super) fn seek(&mut self, start: usize, len: usize) {
        let Some((inner, outer)) = self.axes.split_last() else {
            return;
        };
        (self.done, self.len, self.column) = (0, len, start % inner.len.max(1));
        let mut rest = start / inner.len.max(1);
        for (index, axis) in self.index.iter_mut().zip(outer).rev() {
            *index = rest % axis.len.max(1);
            rest /= axis.len.max(1);
        }
    }

    /// The next row that falls into cells. Not inlined: it would be compiled once per family and type.
    #[inline(never)]
    pub(super) fn next_row<'t>(&mut self, tile: &FoldTile<'t>) -> Option<Row<'t>> {
        let (inner, outer) = self.axes.split_last()?;
        while self.done < self.len {
            let i = self.column;
            let run = (inner.len - i).min(self.len - self.done);
            let at = self.done..self.done + run;
            let (mut cell, mut arg, mut inside) = (0, tile.arg_base, true);
            for (&index, axis) in self.index.iter().zip(outer) {
                match axis.role {
                    AxisRole::Keep => cell += index * axis.cells,
                    AxisRole::Reduce => arg += index as i64 * axis.arg,
                    AxisRole::Group => {
                        let code = tile.codes[index] as usize;
                        inside = code < self.groups;
                        cell += if inside { code * axis.cells } else { 0 };
                        arg += index as i64 * axis.arg;
                    }
                }
            }
            self.done += run;
            self.column = 0;
            for (index, axis) in self.index.iter_mut().zip(outer).rev() {
                *index += 1;
                if *index < axis.len {
                    break;
                }
                *index = 0;
            }
            if inside {
                let (first, step) = (arg + i as i64 * inner.arg, inner.arg);
                return Some(match inner.role {
                    AxisRole::Keep => Row::Keep {
                        cell: cell + i,
                        at,
                        arg,
                    },
                    AxisRole::Reduce => Row::Reduce {
                        cell,
                        at,
                        arg: first,
                        step,
                    },
                    AxisRole::Group => Row::Group {
                        cell,
                        at,
                        arg: first,
                        step,
                        codes: &tile.codes[i..i + run],
                    },
                });
            }
        }
        None
    }

    /// Number of groups.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }
}
