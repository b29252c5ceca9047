//! Text of labelled arrays, after xarray's repr.

use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::Dataset;
use crate::config::format_bytes;
use crate::spec::{AttrValue, Attrs};
use std::fmt;

/// Width of a line of values.
const WIDTH: usize = 60;

fn fmt_coords(f: &mut fmt::Formatter<'_>, coords: &[Coord]) -> fmt::Result {
    if coords.is_empty() {
        return Ok(());
    }
    writeln!(f, "Coordinates:")?;
    let width = coords.iter().map(|c| c.name.len()).max().unwrap_or(0);
    for coord in coords {
        let mark = if coord.is_index() { '*' } else { ' ' };
        let dims = match coord.dims.is_empty() {
            true => String::new(),
            false => format!("({}) ", coord.dims.join(", ")),
        };
        let bytes = match &coord.values {
            super::Values::Block(b) | super::Values::CfTimes(b, _) => b.bytes(),
            super::Values::Texts(texts, _) => texts.iter().map(String::len).sum(),
        };
        writeln!(
            f,
            "  {mark} {:width$}  {dims}{} {} {}",
            coord.name,
            coord.dtype_name(),
            format_bytes(bytes as u64),
            summary(coord)
        )?;
    }
    Ok(())
}

/// First and last values, as many as fit a line.
fn summary(coord: &Coord) -> String {
    let count = coord.len();
    let (mut head, mut tail): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut used, mut low, mut high) = (5, 0, count);
    while low < high {
        let text = coord.text(low);
        if used + text.len() + 1 > WIDTH && low > 0 {
            break;
        }
        used += text.len() + 1;
        head.push(text);
        low += 1;
        if low < high {
            let text = coord.text(high - 1);
            if used + text.len() + 1 > WIDTH {
                break;
            }
            used += text.len() + 1;
            tail.push(text);
            high -= 1;
        }
    }
    tail.reverse();
    if low < high {
        head.push("...".to_owned());
    }
    head.extend(tail);
    head.join(" ")
}

fn fmt_attrs(f: &mut fmt::Formatter<'_>, attrs: &Attrs) -> fmt::Result {
    if attrs.0.is_empty() {
        return Ok(());
    }
    writeln!(f, "Attributes:")?;
    let width = attrs
        .0
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or(0)
        + 1;
    for (name, value) in &attrs.0 {
        let text = match value {
            AttrValue::Text(text) => text.clone(),
            AttrValue::Texts(texts) => texts.join(", "),
            AttrValue::Numbers(numbers) => numbers
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        };
        let line: String = text.lines().next().unwrap_or("").chars().take(70).collect();
        let more = if line.len() < text.len() { "..." } else { "" };
        writeln!(f, "    {:width$} {line}{more}", format!("{name}:"))?;
    }
    Ok(())
}

fn sizes(dims: &[String], shape: &[usize]) -> String {
    dims.iter()
        .zip(shape)
        .map(|(d, n)| format!("{d}: {n}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn bytes(array: &DataArray) -> u64 {
    let elements = array
        .shape()
        .iter()
        .fold(1u64, |a, n| a.saturating_mul(*n as u64));
    elements.saturating_mul(array.dtype().size() as u64)
}

impl fmt::Display for DataArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name().map_or(String::new(), |n| format!(" '{n}'"));
        if let Err(error) = self.check() {
            return writeln!(f, "<hyperslab.DataArray{name}: failed>\n{error}");
        }
        writeln!(
            f,
            "<hyperslab.DataArray{name} ({})> Size: {}",
            sizes(&self.dims, &self.shape()),
            format_bytes(bytes(self))
        )?;
        writeln!(
            f,
            "lazy {}, chunks {:?}",
            self.dtype(),
            self.array().chunk_shape()
        )?;
        fmt_coords(f, &self.coords)?;
        fmt_attrs(f, &self.attrs)
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.variables.iter().map(bytes).sum();
        writeln!(f, "<hyperslab.Dataset> Size: {}", format_bytes(total))?;
        let (dims, shape): (Vec<String>, Vec<usize>) = self.sizes().into_iter().unzip();
        writeln!(f, "Dimensions: ({})", sizes(&dims, &shape))?;
        fmt_coords(f, &self.coords)?;
        writeln!(f, "Data variables:")?;
        let width = self
            .variables
            .iter()
            .filter_map(DataArray::name)
            .map(str::len)
            .max()
            .unwrap_or(0);
        for variable in &self.variables {
            writeln!(
                f,
                "    {:width$}  ({}) {} {} chunks {:?}",
                variable.name().unwrap_or(""),
                variable.dims.join(", "),
                variable.dtype(),
                format_bytes(bytes(variable)),
                variable.array().chunk_shape()
            )?;
        }
        for (name, why) in &self.unreadable {
            writeln!(f, "    {name}  not readable: {why}")?;
        }
        fmt_attrs(f, &self.attrs)
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
