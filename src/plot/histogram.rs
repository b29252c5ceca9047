//! Histograms: counted on the ranks over all elements, whatever their number; only the counts come to rank 0.

use super::canvas::Canvas;
use super::colours::LINES;
use super::options::PlotOptions;
use super::panels::{Sheet, Span};
use super::request::Subject;
use super::ticks;
use crate::array::{Array, compute};
use crate::dtype::DType;
use crate::error::{Error, Result};

/// Most bins: each is a comparison and a sum of the pass.
const MOST_BINS: usize = 200;
const PANEL: (i32, i32) = (720, 420);

/// Counts of equal bins between two limits, as NumPy's `histogram`: all but the last are open at their upper end.
struct Counts {
    edges: Vec<f64>,
    bins: Vec<u64>,
    /// Elements that are finite numbers, and all.
    known: u64,
    all: u64,
}

fn count(value: &crate::block::Block) -> u64 {
    value
        .get(0)
        .and_then(crate::dtype::Scalar::as_i128)
        .unwrap_or_default() as u64
}

/// Counts the elements of an array; `None` in a dry run, where the values that decide the bins are not known.
fn counted(array: &Array, bins: usize, options: &PlotOptions) -> Result<Option<Counts>> {
    // Comparisons are made in float64, as NumPy makes them for the numbers of a histogram.
    let x = array.astype(DType::F64);
    let finite = x.isfinite();
    // Infinite elements have no place on the axis.
    let inside = x.where_(&finite);
    let known = finite.sum(&[]);
    let session = array.session().clone();
    let ends = compute(&[&inside.nanmin(&[]), &inside.nanmax(&[]), &known])?;
    let end = |i: usize| {
        ends[i]
            .get(0)
            .map_or(f64::NAN, crate::dtype::Scalar::as_f64)
    };
    let (mut low, mut high) = (
        options.vmin.unwrap_or(end(0)),
        options.vmax.unwrap_or(end(1)),
    );
    if low.is_nan() || high.is_nan() {
        (low, high) = (0.0, 1.0);
    }
    if low == high {
        // NumPy's range of one value.
        (low, high) = (low - 0.5, high + 0.5);
    }
    if low > high {
        return Err(Error::invalid(format!(
            "hist: no element lies between the limits: vmin {low}, vmax {high}"
        )));
    }
    let step = (high - low) / bins as f64;
    let mut edges: Vec<f64> = (0..bins).map(|i| low + i as f64 * step).collect();
    edges.push(high);
    let reached: Vec<Array> = (edges[..bins].iter())
        .map(|edge| inside.greater_equal(*edge).sum(&[]))
        .chain([inside.greater(high).sum(&[])])
        .collect();
    let reached = compute(&reached.iter().collect::<Vec<_>>())?;
    if session.dry() {
        return Ok(None);
    }
    let reached: Vec<u64> = reached.iter().map(count).collect();
    Ok(Some(Counts {
        edges,
        bins: reached.windows(2).map(|pair| pair[0] - pair[1]).collect(),
        known: count(&ends[2]),
        all: array.shape().iter().map(|n| *n as u64).product(),
    }))
}

/// Draws the histogram of `subject`; `None` in a dry run.
pub(super) fn draw(
    subject: &Subject,
    bins: usize,
    options: &PlotOptions,
) -> Result<Option<Canvas>> {
    if !(1..=MOST_BINS).contains(&bins) {
        return Err(Error::invalid(format!(
            "hist: {bins} bins are not allowed; give 1 … {MOST_BINS}"
        )));
    }
    for (name, given) in [
        ("col", &options.col),
        ("hue", &options.hue),
        ("x", &options.x),
    ] {
        if given.is_some() {
            return Err(Error::invalid(format!(
                "hist: option {name} has no meaning here: all elements are counted together"
            )));
        }
    }
    let Some(counts) = counted(subject.array.array(), bins, options)? else {
        return Ok(None);
    };
    let (low, high) = (counts.edges[0], counts.edges[bins]);
    let most = counts.bins.iter().copied().max().unwrap_or(0).max(1) as f64 * 1.05;
    let x = Span::new((low, high), &subject.label, PANEL.0, false, |most| {
        ticks::numbers(low, high, most)
    });
    let y = Span::new((0.0, most), "count", PANEL.1, true, |marks| {
        let whole = |t: &ticks::Tick| t.0.fract() == 0.0;
        ticks::numbers(0.0, most, marks)
            .into_iter()
            .filter(whole)
            .collect()
    });
    let mut notes = vec![format!(
        "{} of {} elements in {bins} bins",
        counts.bins.iter().sum::<u64>(),
        counts.all
    )];
    if counts.known < counts.all {
        notes.push(format!(
            "{} are missing or not finite",
            counts.all - counts.known
        ));
    }
    let names = [String::new()];
    let sheet = Sheet {
        title: &subject.title,
        slice: &subject.slice,
        notes,
        names: &names,
        columns: 1,
        panel: PANEL,
        x,
        y,
        bar: None,
        legend: Vec::new(),
    };
    let (width, height) = sheet.size();
    let mut canvas = Canvas::new(width, height);
    let (left, top) = sheet.corner(0);
    canvas.draw(|pen| {
        for (bin, count) in counts.bins.iter().enumerate().filter(|(_, n)| **n > 0) {
            let from = left + sheet.x.place(counts.edges[bin], PANEL.0);
            let to = left + sheet.x.place(counts.edges[bin + 1], PANEL.0) - 1;
            let row = top + sheet.y.row(*count as f64, PANEL.1);
            // A white line between bars that have room for it.
            let to = if to - from > 4 { to - 1 } else { to.max(from) };
            pen.fill((from, row), (to, top + PANEL.1 - 1), LINES[0])?;
        }
        sheet.furniture(pen)
    })?;
    Ok(Some(canvas))
}
