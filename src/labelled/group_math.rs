//! Arithmetic of groups: each element beside what the other operand has for its group, as in anomalies: `gb - climatology`.
//!
//! The other operand is taken by the codes of the groups along its dimension, which becomes the grouped ones; what follows is an
//! element-wise operation. The grouped array itself is not moved: a pass over its chunks reads the other operand beside them.

use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::dataset_math::DatasetOperand;
use super::dataset_reduce::DatasetGroupBy;
use super::group::GroupBy;
use super::grouping::{Grouping, NO_GROUP};
use super::indexer::Indexer;
use super::keys::{Keys, Lookup};
use super::math::DataOperand;
use super::reindex::reindexed;
use crate::error::{Error, Result};
use crate::op::BinaryOp;

/// The grouped dimensions without the indices that have no element of a group, and the group of each element that is left.
struct Members {
    /// Indices by dimension; none where all stay.
    kept: Option<Vec<Vec<isize>>>,
    shape: Vec<usize>,
    codes: Vec<Option<usize>>,
}

impl Grouping {
    /// The dimension of the groups of one key.
    fn single(&self) -> Result<&Coord> {
        self.check_apart("arithmetic")?;
        match self.keys.as_slice() {
            [one] => Ok(one),
            many => {
                let names: Vec<&str> = many.iter().map(|k| k.name.as_str()).collect();
                Err(Error::invalid(format!(
                    "groupby: arithmetic of groups by several keys ({}); group by one",
                    names.join(", ")
                )))
            }
        }
    }

    fn members(&self) -> Members {
        let shape: Vec<usize> = self.dims.iter().map(|(_, n)| *n).collect();
        let code = |code: &u32| (*code != NO_GROUP).then_some(*code as usize);
        if !self.codes.contains(&NO_GROUP) {
            return Members {
                kept: None,
                shape,
                codes: self.codes.iter().map(code).collect(),
            };
        }
        // As xarray's `where(…, drop=True)`: indices with an element in a group stay.
        let strides: Vec<usize> = (0..shape.len())
            .map(|axis| shape[axis + 1..].iter().product())
            .collect();
        let mut known: Vec<Vec<bool>> = shape.iter().map(|n| vec![false; *n]).collect();
        for (at, _) in self
            .codes
            .iter()
            .enumerate()
            .filter(|(_, c)| **c != NO_GROUP)
        {
            for (axis, known) in known.iter_mut().enumerate() {
                known[at / strides[axis] % shape[axis]] = true;
            }
        }
        let kept: Vec<Vec<isize>> = known
            .iter()
            .map(|known| {
                (0..known.len())
                    .filter(|i| known[*i])
                    .map(|i| i as isize)
                    .collect()
            })
            .collect();
        let mut flat = vec![0usize];
        for (list, stride) in kept.iter().zip(&strides) {
            flat = flat
                .iter()
                .flat_map(|before| list.iter().map(move |i| before + *i as usize * stride))
                .collect();
        }
        Members {
            shape: kept.iter().map(Vec::len).collect(),
            codes: flat.iter().map(|at| code(&self.codes[*at])).collect(),
            kept: Some(kept),
        }
    }

    /// What the elements of the groups have in coordinates of the other operand: along the grouped dimensions. A scalar one is
    /// along them, too, as in xarray.
    fn spread_coords(
        &self,
        members: &Members,
        coords: &[Coord],
        complete: bool,
    ) -> Result<Vec<Coord>> {
        let group = self.single()?;
        let own: Vec<String> = self.dims.iter().map(|(dim, _)| dim.clone()).collect();
        let to: Vec<(String, usize)> = own.iter().cloned().zip(members.shape.clone()).collect();
        let one = |coord: &Coord| {
            if coord.dims.is_empty() {
                return coord.broadcast(&to);
            }
            let Some(axis) = coord.dims.iter().position(|d| *d == group.name) else {
                return Ok(coord.clone());
            };
            let taken = coord.take(&group.name, &members.codes)?;
            let (mut dims, mut shape) = (coord.dims.clone(), taken.shape().to_vec());
            dims.splice(axis..=axis, own.iter().cloned());
            shape.splice(axis..=axis, members.shape.iter().copied());
            let all: Vec<Option<usize>> = (0..taken.len()).map(Some).collect();
            taken.gather(dims, &shape, &all)
        };
        // Where the other lacks a group, a scalar would be missing there: then it is dropped, as xarray drops what differs.
        let kept = coords.iter().filter(|c| complete || !c.dims.is_empty());
        kept.map(one).collect()
    }

    /// True when the other operand has a value for each group.
    fn complete(&self, coords: &[Coord]) -> Result<bool> {
        let group = self.single()?;
        let Some(index) = coords.iter().find(|c| c.is_index() && c.name == group.name) else {
            return Ok(true);
        };
        let (keys, wanted) = (Keys::of(index), Keys::of(group));
        let found = keys.find("groupby", &group.name, &wanted, &Lookup::default())?;
        Ok(found.iter().all(Option::is_some))
    }

    /// The other operand at each element: its value for the element's group, missing where it lacks the group.
    #[track_caller]
    fn spread(&self, members: &Members, other: &DataArray) -> DataArray {
        let group = match self.single() {
            Ok(group) => group,
            Err(error) => return other.clone().fail(error),
        };
        if let Some((dim, _)) = self
            .dims
            .iter()
            .find(|(d, _)| *d != group.name && other.has(d))
        {
            return other.clone().fail(Error::invalid(format!(
                "groupby: the other operand has the grouped dimension {dim:?} beside the group {:?}; it may have one value per group",
                group.name
            )));
        }
        let complete = self.complete(&other.coords);
        let other = other.conform("groupby", std::slice::from_ref(group), None);
        if other.check().is_err() {
            return other;
        }
        let coords = complete.and_then(|all| self.spread_coords(members, &other.coords, all));
        let coords = match coords {
            Ok(coords) => coords,
            Err(error) => return other.fail(error),
        };
        let mut result = other.clone();
        if let Some(axis) = other.dims.iter().position(|d| *d == group.name) {
            let mut array = reindexed(&other.array, axis, &members.codes, None);
            if self.dims.len() > 1 {
                let mut shape: Vec<isize> = array.shape().iter().map(|n| *n as isize).collect();
                shape.splice(axis..=axis, members.shape.iter().map(|n| *n as isize));
                array = array.reshape(&shape);
            }
            result = other.with_array(array);
            result
                .dims
                .splice(axis..=axis, self.dims.iter().map(|(dim, _)| dim.clone()));
        }
        result.coords = coords;
        result
    }

    /// An error when the other operand has no value per group.
    fn check_other(&self, has: impl Fn(&str) -> bool, dims: &[String]) -> Result<()> {
        let group = self.single()?;
        match has(&group.name) {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "groupby: the group {:?} is not a dimension of the other operand, which has ({}); arithmetic of groups takes one value \
                 per group",
                group.name,
                dims.join(", ")
            ))),
        }
    }

    fn indexers(&self, members: &Members) -> Option<Vec<(String, Indexer)>> {
        let kept = members.kept.as_ref()?.iter();
        let own = self.dims.iter().map(|(dim, _)| dim.clone());
        Some(
            own.zip(kept.map(|list| Indexer::List(list.clone())))
                .collect(),
        )
    }
}

/// Numbers have no group.
fn no_groups(operation: &str, value: impl std::fmt::Display) -> Error {
    Error::invalid(format!(
        "{operation}: the number {value} beside a GroupBy; give an array or a dataset with the dimension of the groups, or reduce it first"
    ))
}

impl GroupBy {
    /// The grouped array without indices of no group, and what stands beside it, once for each element.
    #[track_caller]
    fn beside(&self, other: &DataArray) -> Result<(DataArray, DataArray)> {
        self.array.check()?;
        other.check()?;
        let Some(by) = &self.by else {
            return Err(Error::internal("groupby: no groups"));
        };
        by.check_other(|dim| other.has(dim), &other.dims)?;
        let members = by.members();
        let mut array = match by.indexers(&members) {
            Some(kept) => self.array.isel_owned("groupby", kept),
            None => self.array.clone(),
        };
        without_scalars(&mut array.coords, &other.coords);
        Ok((array, by.spread(&members, other)))
    }

    /// Any operation of two operands, by its record: each element beside what the other has for its group. Elements in no group
    /// are left out; where the other lacks a group, the result is missing.
    #[must_use]
    #[track_caller]
    pub fn binary(&self, op: BinaryOp, other: &DataOperand) -> DataArray {
        self.ordered(op, other, false)
    }

    /// As [`GroupBy::binary`], with the operands in the other order: `other op groups`.
    #[must_use]
    #[track_caller]
    pub fn binary_reversed(&self, op: BinaryOp, other: &DataOperand) -> DataArray {
        self.ordered(op, other, true)
    }

    #[track_caller]
    fn ordered(&self, op: BinaryOp, other: &DataOperand, reversed: bool) -> DataArray {
        let both = match other {
            DataOperand::Array(other) => self.beside(other),
            DataOperand::Weak(value) => Err(no_groups(op.name(), value)),
        };
        match both {
            Ok((array, other)) if reversed => array.binary_reversed(op, &other.into()),
            Ok((array, other)) => array.binary(op, &other.into()),
            Err(error) => self.array.clone().fail(error),
        }
    }

    /// As [`GroupBy::binary`], beside each variable of a dataset.
    #[must_use]
    #[track_caller]
    pub fn binary_dataset(&self, op: BinaryOp, other: &Dataset, reversed: bool) -> Dataset {
        let made = || -> Result<(DataArray, Dataset)> {
            self.array.check()?;
            other.check()?;
            let Some(by) = &self.by else {
                return Err(Error::internal("groupby: no groups"));
            };
            let members = by.members();
            let mut array = match by.indexers(&members) {
                Some(kept) => self.array.isel_owned("groupby", kept),
                None => self.array.clone(),
            };
            without_scalars(&mut array.coords, &other.coords);
            Ok((array, spread_dataset(by, &members, other)?))
        };
        match made() {
            // The variables are those of the other operand.
            Ok((array, other)) if reversed => other.binary(op, &array.into()),
            Ok((array, other)) => other.binary_reversed(op, &array.into()),
            Err(error) => other.fail(error),
        }
    }

    /// The value of `other` for its group where an element is missing.
    #[must_use]
    #[track_caller]
    pub fn fillna(&self, other: &DataArray) -> DataArray {
        // Its scalar coordinates have no say here.
        let mut other = other.clone();
        other.coords.retain(|c| !c.dims.is_empty());
        match self.beside(&other) {
            Ok((array, other)) => array.fillna(other),
            Err(error) => self.array.clone().fail(error),
        }
    }
}

/// Scalar coordinates that the other operand has along the groups leave the grouped array.
fn without_scalars(coords: &mut Vec<Coord>, other: &[Coord]) {
    coords.retain(|c| !c.dims.is_empty() || other.iter().all(|o| o.name != c.name));
}

#[track_caller]
fn spread_dataset(by: &Grouping, members: &Members, other: &Dataset) -> Result<Dataset> {
    let sizes: Vec<String> = other.sizes().into_iter().map(|(dim, _)| dim).collect();
    by.check_other(|dim| sizes.iter().any(|d| d == dim), &sizes)?;
    let group = by.single()?;
    let coords = other
        .conform("groupby", std::slice::from_ref(group), None)
        .coords;
    let coords = by.spread_coords(members, &coords, by.complete(&other.coords)?)?;
    let variables = each!(other, v => by.spread(members, v));
    let made = other.of("groupby", variables, &[("the other operand", &coords)]);
    made.check()?;
    Ok(made)
}

impl DatasetGroupBy {
    /// Any operation of two operands, by its record, on every variable; see [`GroupBy::binary`].
    #[must_use]
    #[track_caller]
    pub fn binary(&self, op: BinaryOp, other: &DatasetOperand) -> Dataset {
        self.ordered(op, other, false)
    }

    /// As [`DatasetGroupBy::binary`], with the operands in the other order.
    #[must_use]
    #[track_caller]
    pub fn binary_reversed(&self, op: BinaryOp, other: &DatasetOperand) -> Dataset {
        self.ordered(op, other, true)
    }

    #[track_caller]
    fn ordered(&self, op: BinaryOp, other: &DatasetOperand, reversed: bool) -> Dataset {
        let dataset = &self.dataset;
        let made = || -> Result<(Dataset, DatasetOperand)> {
            dataset.check()?;
            let Some(by) = &self.by else {
                return Err(Error::internal("groupby: no groups"));
            };
            let members = by.members();
            let mut this = match by.indexers(&members) {
                Some(kept) => dataset.isel_owned("groupby", kept),
                None => dataset.clone(),
            };
            let other: DatasetOperand = match other {
                DatasetOperand::Weak(value) => return Err(no_groups(op.name(), value)),
                DatasetOperand::Array(other) => {
                    other.check()?;
                    by.check_other(|dim| other.has(dim), &other.dims)?;
                    without_scalars(&mut this.coords, &other.coords);
                    by.spread(&members, other).into()
                }
                DatasetOperand::Dataset(other) => {
                    other.check()?;
                    without_scalars(&mut this.coords, &other.coords);
                    spread_dataset(by, &members, other)?.into()
                }
            };
            for variable in &mut this.variables {
                variable
                    .coords
                    .retain(|c| this.coords.iter().any(|kept| kept.name == c.name));
            }
            Ok((this, other))
        };
        let (this, other) = match made() {
            Ok(both) => both,
            Err(error) => return dataset.fail(error),
        };
        let mut result = match reversed {
            true => this.binary_reversed(op, &other),
            false => this.binary(op, &other),
        };
        // A variable that had no grouped dimension has it first.
        let own: Vec<String> = self
            .by
            .iter()
            .flat_map(|by| by.dims.iter().map(|(d, _)| d.clone()))
            .collect();
        for variable in &mut result.variables {
            let before = this.variables.iter().find(|v| v.name == variable.name);
            for dim in &own {
                if before.is_some_and(|v| !v.has(dim)) && variable.has(dim) {
                    let mut order = vec![dim.clone()];
                    order.extend(variable.dims.iter().filter(|d| *d != dim).cloned());
                    let order: Vec<&str> = order.iter().map(String::as_str).collect();
                    *variable = variable.transpose(&order);
                }
            }
        }
        result
    }
}

/// Operators of groups in both orders.
macro_rules! operators {
    ($($Trait:ident, $method:ident, $Op:ident;)*) => {$(
        impl std::ops::$Trait<&DataArray> for &GroupBy {
            type Output = DataArray;
            #[track_caller]
            fn $method(self, other: &DataArray) -> DataArray {
                self.binary(BinaryOp::$Op, &other.into())
            }
        }
        impl std::ops::$Trait<&GroupBy> for &DataArray {
            type Output = DataArray;
            #[track_caller]
            fn $method(self, other: &GroupBy) -> DataArray {
                other.binary_reversed(BinaryOp::$Op, &self.into())
            }
        }
        impl std::ops::$Trait<&Dataset> for &GroupBy {
            type Output = Dataset;
            #[track_caller]
            fn $method(self, other: &Dataset) -> Dataset {
                self.binary_dataset(BinaryOp::$Op, other, false)
            }
        }
        impl<T: Into<DatasetOperand>> std::ops::$Trait<T> for &DatasetGroupBy {
            type Output = Dataset;
            #[track_caller]
            fn $method(self, other: T) -> Dataset {
                self.binary(BinaryOp::$Op, &other.into())
            }
        }
    )*};
}

operators! {
    Add, add, Add;
    Sub, sub, Subtract;
    Mul, mul, Multiply;
    Div, div, Divide;
}
