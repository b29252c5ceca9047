//! Polynomials fitted along a dimension, covariance and correlation: streamed reductions, then arithmetic on what they leave.
//!
//! The fit goes by polynomials that are orthogonal over all labels, so that its few equations are well conditioned where values
//! are missing, too; each line has equations of its own, solved by element-wise operations.

use super::align::{Aligned, align};
use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::Dataset;
use super::join::Join;
use super::keys::Keys;
use super::number::Number;
use crate::array::{Array, ReduceOptions};
use crate::block::Block;
use crate::driver::Driver;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::ReductionKind;

/// Highest degree of a fitted polynomial.
const MOST_DEGREE: usize = 8;

/// Values of orthonormal polynomials of degree 0 … `degree` at the labels, and their coefficients: row k, power j of x.
struct Basis {
    values: Vec<Vec<f64>>,
    powers: Vec<Vec<f64>>,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

impl Basis {
    fn new(x: &[f64], degree: usize) -> Basis {
        let low = x.iter().copied().fold(f64::INFINITY, f64::min);
        let high = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let middle = 0.5 * (low + high);
        let half = if high > low { 0.5 * (high - low) } else { 1.0 };
        let t: Vec<f64> = x.iter().map(|x| (x - middle) / half).collect();
        let mut values: Vec<Vec<f64>> = Vec::new();
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for k in 0..=degree {
            // t times the one before, made orthogonal to all before it, twice.
            let (mut q, mut p) = match values.last().zip(rows.last()) {
                None => (vec![1.0; t.len()], vec![0.0; degree + 1]),
                Some((last, row)) => {
                    let q = last.iter().zip(&t).map(|(q, t)| q * t).collect();
                    let mut p = vec![0.0; degree + 1];
                    p[1..].copy_from_slice(&row[..degree]);
                    (q, p)
                }
            };
            if k == 0 {
                p[0] = 1.0;
            }
            for _ in 0..2 {
                for (known, row) in values.iter().zip(&rows) {
                    let share = dot(&q, known);
                    q.iter_mut().zip(known).for_each(|(q, k)| *q -= share * k);
                    p.iter_mut().zip(row).for_each(|(p, r)| *p -= share * r);
                }
            }
            let norm = dot(&q, &q).sqrt();
            let norm = if norm > 0.0 { norm } else { 1.0 };
            q.iter_mut().for_each(|q| *q /= norm);
            p.iter_mut().for_each(|p| *p /= norm);
            values.push(q);
            rows.push(p);
        }
        // From powers of t = (x − middle) / half to powers of x.
        let powers = rows
            .iter()
            .map(|row| {
                let mut out = vec![0.0; degree + 1];
                for coefficient in row.iter().rev() {
                    let mut next = vec![0.0; degree + 1];
                    for j in 0..=degree {
                        next[j] -= out[j] * middle / half;
                        if j < degree {
                            next[j + 1] += out[j] / half;
                        }
                    }
                    next[0] += coefficient;
                    out = next;
                }
                out
            })
            .collect();
        Basis { values, powers }
    }
}

impl DataArray {
    /// Coefficients of the polynomials of `degree` that fit the elements along `dim` with the least squares, missing ones left out:
    /// along a new first dimension `degree`, the highest power first. A line with fewer values than coefficients has none. Times
    /// are nanoseconds since 1970. xarray's `polyfit`, as a dataset with `polyfit_coefficients`.
    ///
    /// # Errors
    /// Invalid input when the dimension has no labels of numbers or times, or the degree is above 8.
    #[track_caller]
    pub fn polyfit(&self, dim: &str, degree: usize) -> Result<Dataset> {
        let fitted = self.fitted(dim, degree)?;
        Dataset::new([fitted.rename("polyfit_coefficients")])
    }

    #[allow(clippy::needless_range_loop)] // equations are written by row and column
    #[track_caller]
    fn fitted(&self, dim: &str, degree: usize) -> Result<DataArray> {
        const NAME: &str = "polyfit";
        let axis = self.axis(NAME, dim)?;
        if degree > MOST_DEGREE {
            return Err(Error::invalid(format!(
                "{NAME}: degree {degree} is not allowed; the highest is {MOST_DEGREE}"
            )));
        }
        let x = match self.coords.iter().find(|c| c.is_index() && c.name == dim) {
            None => (0..self.shape()[axis]).map(|i| i as f64).collect(),
            Some(index) => abscissas(NAME, index)?,
        };
        if x.len() <= degree {
            return Err(Error::invalid(format!(
                "{NAME}: {} elements along {dim:?} for a polynomial of degree {degree}; it takes {} or more",
                x.len(),
                degree + 1
            )));
        }
        let basis = Basis::new(&x, degree);
        let driver = Driver::of(self.array.session());
        let shape = self.shape();
        let over = |values: Vec<f64>| -> Result<Array> {
            let block = Block::from_vec(&[values.len()], values)?;
            Ok(driver.from_block(block).broadcast_axes(&[axis], &shape))
        };
        let sum = |a: Array| {
            let options = ReduceOptions {
                skipna: Some(true),
                keepdims: false,
            };
            a.reduce(ReductionKind::Sum, &[axis as isize], options)
        };
        let y = self.array.astype(DType::F64);
        let known = self.dtype().has_missing().then(|| y.notnull());
        let n = degree + 1;
        // The equations of each line: g · c = b.
        let mut g: Vec<Vec<Option<Array>>> = vec![vec![None; n]; n];
        let mut b = Vec::with_capacity(n);
        for j in 0..n {
            b.push(sum(y.multiply(over(basis.values[j].clone())?)));
            for k in 0..=j {
                if let Some(known) = &known {
                    let both: Vec<f64> = basis.values[j]
                        .iter()
                        .zip(&basis.values[k])
                        .map(|(p, q)| p * q)
                        .collect();
                    let own = sum(over(both)?.where_or(known, 0.0));
                    g[k][j] = Some(own.clone());
                    g[j][k] = Some(own);
                }
            }
        }
        let solved = match &known {
            None => b,
            Some(known) => {
                let counts = sum(known.astype(DType::F64));
                let enough = counts.ge(n as f64);
                let solved = eliminated(g, b)?;
                solved.iter().map(|c| c.where_(&enough)).collect()
            }
        };
        let mut powers = Vec::with_capacity(n);
        for power in (0..n).rev() {
            let mut total: Option<Array> = None;
            for (c, row) in solved.iter().zip(&basis.powers) {
                let part = c.multiply(row[power]);
                total = Some(match total {
                    None => part,
                    Some(sum) => sum.add(&part),
                });
            }
            powers.extend(total);
        }
        let Some((first, rest)) = powers.split_first() else {
            return Err(Error::internal("a polynomial without coefficients"));
        };
        let array = first.stack(&rest.iter().collect::<Vec<_>>(), 0);
        array.check()?;
        let mut result = self.with_array(array);
        result.dims.remove(axis);
        result.dims.insert(0, "degree".to_owned());
        let degrees: Vec<i64> = (0..n as i64).rev().collect();
        let label = Coord::index("degree", Block::from_vec(&[n], degrees)?);
        result.coords = self.coords_without(&[dim]);
        result.coords.retain(Coord::is_index);
        result.coords.push(label);
        result.attrs = Default::default();
        Ok(result)
    }
}

impl Dataset {
    /// As [`DataArray::polyfit`], of every variable that has the dimension: `NAME_polyfit_coefficients`. xarray's `polyfit`.
    ///
    /// # Errors
    /// As [`DataArray::polyfit`]; invalid input when no variable has the dimension.
    #[track_caller]
    pub fn polyfit(&self, dim: &str, degree: usize) -> Result<Dataset> {
        self.check()?;
        self.check_dims("polyfit", &[dim])?;
        let own = self.variables.iter().filter(|v| v.has(dim));
        let fitted = own.map(|v| {
            let name = v.name().unwrap_or_default();
            let named = format!("{name}_polyfit_coefficients");
            let fitted = v.fitted(dim, degree);
            let fitted =
                fitted.map_err(|e| e.context(format!("working on variable {name:?} of a dataset")));
            Ok(fitted?.rename(&named))
        });
        let fitted = fitted.collect::<Result<Vec<DataArray>>>()?;
        if fitted.is_empty() {
            return Err(Error::invalid(format!(
                "polyfit: no variable has the dimension {dim:?}"
            )));
        }
        let made = Dataset::new(fitted)?;
        Ok(Dataset {
            attrs: self.attrs.clone(),
            ..made
        })
    }
}

/// Labels as numbers: times in nanoseconds since 1970, as xarray counts them.
fn abscissas(operation: &str, index: &Coord) -> Result<Vec<f64>> {
    match Keys::of(index) {
        Keys::Numbers(x) if x.iter().all(|v| v.value().is_finite()) => {
            Ok(x.into_iter().map(Number::value).collect())
        }
        Keys::Times(x, _) if x.iter().all(|v| *v != i128::MIN) => {
            Ok(x.iter().map(|v| *v as f64).collect())
        }
        _ => Err(Error::invalid(format!(
            "{operation}: the labels of {:?} are not numbers or times without missing ones",
            index.name
        ))),
    }
}

/// The solution of symmetric positive equations, each element of the arrays by itself.
#[allow(clippy::needless_range_loop)] // equations are written by row and column
fn eliminated(mut g: Vec<Vec<Option<Array>>>, mut b: Vec<Array>) -> Result<Vec<Array>> {
    let n = b.len();
    let lost = || Error::internal("an equation without a coefficient");
    let at = |g: &[Vec<Option<Array>>], i: usize, j: usize| g[i][j].clone().ok_or_else(lost);
    for k in 0..n {
        let pivot = at(&g, k, k)?;
        for i in k + 1..n {
            let factor = at(&g, i, k)?.divide(&pivot);
            for j in k + 1..n {
                let next = at(&g, i, j)?.subtract(factor.multiply(&at(&g, k, j)?));
                g[i][j] = Some(next);
            }
            b[i] = b[i].subtract(factor.multiply(&b[k]));
        }
    }
    for k in (0..n).rev() {
        let mut rest = b[k].clone();
        for j in k + 1..n {
            rest = rest.subtract(at(&g, k, j)?.multiply(&b[j]));
        }
        b[k] = rest.divide(&at(&g, k, k)?);
    }
    Ok(b)
}

/// The polynomial with `coefficients` along its dimension `degree` at the elements of `x` (times: nanoseconds since 1970). xarray's
/// `polyval`, by Horner's scheme.
///
/// # Errors
/// Invalid input when `coefficients` has no dimension `degree` with labels.
#[track_caller]
pub fn polyval(x: &DataArray, coefficients: &DataArray) -> Result<DataArray> {
    const NAME: &str = "polyval";
    x.check()?;
    coefficients.check()?;
    coefficients.axis(NAME, "degree")?;
    let degrees = match Keys::of(super::sel::index_of(NAME, &coefficients.coords, "degree")?) {
        Keys::Numbers(degrees) => degrees.into_iter().map(Number::value).collect::<Vec<f64>>(),
        _ => {
            return Err(Error::invalid(
                "polyval: the labels of \"degree\" are not integers",
            ));
        }
    };
    let x = match x.dtype() {
        DType::Datetime(unit) => {
            let length = unit.nanoseconds() as f64;
            let counts = x
                .array
                .astype(DType::I64)
                .astype(DType::F64)
                .multiply(length);
            x.with_array(counts)
        }
        _ => x.clone(),
    };
    let highest = degrees.iter().copied().fold(0.0, f64::max) as usize;
    let of = |degree: usize| -> Option<DataArray> {
        let at = degrees.iter().position(|d| *d == degree as f64)?;
        let picked = coefficients.isel([("degree", super::indexer::Indexer::At(at as isize))]);
        picked.drop_vars(&["degree"]).into()
    };
    let zero = |like: &DataArray| like.with_array(like.array.multiply(0.0));
    let Some(first) = of(highest) else {
        return Err(Error::invalid("polyval: no coefficients"));
    };
    // The dimensions of x first, then those of the coefficients.
    let mut result = zero(&x).binary(crate::op::BinaryOp::Add, &first.into());
    for degree in (0..highest).rev() {
        result = result.binary(crate::op::BinaryOp::Multiply, &(&x).into());
        if let Some(c) = of(degree) {
            result = result.binary(crate::op::BinaryOp::Add, &c.into());
        }
    }
    result.check()?;
    result.name = None;
    result.attrs = Default::default();
    Ok(result)
}

#[track_caller]
fn together(
    name: &str,
    a: &DataArray,
    b: &DataArray,
    dims: &[&str],
    ddof: Option<u32>,
) -> Result<DataArray> {
    let Aligned { arrays, labels } = align(name, &[a, b], Join::Inner)?;
    let both = arrays[0].notnull().logical_and(arrays[1].notnull());
    let side = |i: usize| labels.with_array(arrays[i].astype(DType::F64).where_(&both));
    let over: Vec<&str> = match dims {
        [] => labels.dims.iter().map(String::as_str).collect(),
        _ => dims.to_vec(),
    };
    let (x, y) = (side(0), side(1));
    let reduce = |a: &DataArray, kind| a.reduce(kind, &over, Some(true));
    let centred = |a: &DataArray| a - &reduce(a, ReductionKind::Mean);
    let products = &centred(&x) * &centred(&y);
    let mean = reduce(&products, ReductionKind::Mean);
    let mut result = match ddof {
        None => {
            let spread = |a: &DataArray| reduce(a, ReductionKind::Std { ddof: 0 });
            &mean / &(&spread(&x) * &spread(&y))
        }
        Some(0) => mean,
        Some(ddof) => {
            let count = labels.with_array(both.astype(DType::F64));
            let count = reduce(&count, ReductionKind::Sum);
            &mean * &(&count / &(&count - f64::from(ddof)))
        }
    };
    result.check()?;
    result.attrs = labels.attrs.clone();
    result.name = None;
    Ok(result)
}

/// Covariance over `dims` (empty: all) of the elements that both have (inner join), divided by their number less `ddof`. xarray's
/// `cov`.
///
/// # Errors
/// Invalid input when labels cannot be joined or a dimension does not exist.
#[track_caller]
pub fn cov(a: &DataArray, b: &DataArray, dims: &[&str], ddof: u32) -> Result<DataArray> {
    together("cov", a, b, dims, Some(ddof))
}

/// Pearson's correlation over `dims` (empty: all) of the elements that both have (inner join). xarray's `corr`.
///
/// # Errors
/// As [`cov`].
#[track_caller]
pub fn corr(a: &DataArray, b: &DataArray, dims: &[&str]) -> Result<DataArray> {
    together("corr", a, b, dims, None)
}
