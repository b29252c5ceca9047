//! Pictures, decoded again: which colour is where, and that it is the same on any ranks.

use super::support::files::{limits, on};
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::driver::{Config, Driver, launch_with};
use hyperslab::dtype::{DType, Scalar, TimeUnit};
use hyperslab::labelled::{Coord, DataArray};
use hyperslab::plot::PlotOptions;
use hyperslab::spec::AttrValue;
use std::path::Path;

type Rgb = [u8; 3];
const INK: Rgb = [40, 44, 52];
const MISSING: Rgb = [222, 225, 229];
/// viridis at its ends.
const LOW: Rgb = [68, 1, 84];
const HIGH: Rgb = [253, 231, 36];

#[derive(Clone, PartialEq)]
struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<Rgb>,
}

/// A panel: left, top, width, height of what is inside its frame.
type Panel = [usize; 4];

impl Picture {
    fn png(path: &Path) -> Picture {
        let file = std::fs::File::open(path).unwrap();
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!(info.color_type, png::ColorType::Rgb);
        Picture {
            width: info.width as usize,
            height: info.height as usize,
            pixels: bytes.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect(),
        }
    }

    fn at(&self, x: usize, y: usize) -> Rgb {
        self.pixels[y * self.width + x]
    }

    /// The frames of panels: boxes between two long lines of ink, one above the other.
    fn panels(&self) -> Vec<Panel> {
        let mut open: Vec<[usize; 3]> = Vec::new();
        let mut found = Vec::new();
        for y in 0..self.height {
            let mut x = 0;
            while x < self.width {
                let start = x;
                while x < self.width && self.at(x, y) == INK {
                    x += 1;
                }
                if x - start >= 40 {
                    let same = |o: &[usize; 3]| o[0] == start && o[1] == x;
                    match open.iter().position(same) {
                        Some(at) => {
                            let [left, right, top] = open.remove(at);
                            found.push([left + 1, top + 1, right - left - 2, y - top - 1]);
                        }
                        None => open.push([start, x, y]),
                    }
                }
                x = x.max(start + 1);
            }
        }
        found
    }

    /// The colour in the middle of cell (`row` from the top, `column`) of a panel with so many of both.
    fn cell(
        &self,
        panel: Panel,
        (row, column): (usize, usize),
        (rows, columns): (usize, usize),
    ) -> Rgb {
        let [left, top, width, height] = panel;
        let x = left + (2 * column + 1) * width / (2 * columns);
        let y = top + (2 * row + 1) * height / (2 * rows);
        self.at(x, y)
    }
}

fn alone<T: Send>(
    program: impl FnOnce(&Driver) -> hyperslab::Result<T> + Send,
) -> hyperslab::Result<T> {
    on(Fabric::Solo, limits(1, 256 << 20), program)
}

fn number_coord(name: &str, values: Vec<f64>) -> Coord {
    Coord::index(name, Block::from_vec(&[values.len()], values).unwrap())
}

/// Rows of `values` along `lat` and `lon`.
fn map(d: &Driver, shape: [usize; 2], values: Vec<f64>, lat: Vec<f64>) -> DataArray {
    let array = d.from_block(Block::from_vec(&shape, values).unwrap());
    let lon = (0..shape[1]).map(|i| i as f64).collect();
    DataArray::new(
        array,
        &["lat", "lon"],
        vec![number_coord("lat", lat), number_coord("lon", lon)],
    )
    .rename("t")
    .with_attr("units", "K")
}

#[test]
fn cells_have_their_colours_and_north_is_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let all = PlotOptions {
        robust: false,
        ..PlotOptions::default()
    };
    alone(|d| {
        let nan = f64::NAN;
        // The first row is the northern one; then the same field from south to north.
        map(
            d,
            [2, 3],
            vec![0.0, 1.0, nan, 5.0, 9.0, 10.0],
            vec![60.0, 30.0],
        )
        .plot_with(path("down.png"), &all)?;
        map(
            d,
            [2, 3],
            vec![5.0, 9.0, 10.0, 0.0, 1.0, nan],
            vec![30.0, 60.0],
        )
        .plot_with(path("up.png"), &all)?;
        let turned = PlotOptions {
            yincrease: false,
            ..all.clone()
        };
        map(
            d,
            [2, 3],
            vec![5.0, 9.0, 10.0, 0.0, 1.0, nan],
            vec![30.0, 60.0],
        )
        .plot_with(path("turned.png"), &turned)?;
        let sideways = PlotOptions {
            x: Some("lat".into()),
            ..all
        };
        map(
            d,
            [2, 3],
            vec![0.0, 1.0, nan, 5.0, 9.0, 10.0],
            vec![60.0, 30.0],
        )
        .plot_with(path("sideways.png"), &sideways)
    })
    .unwrap();
    let down = Picture::png(&path("down.png"));
    let [panel] = down.panels()[..] else {
        panic!("{:?}", down.panels());
    };
    let colour = |place| down.cell(panel, place, (2, 3));
    assert_eq!(
        (colour((0, 0)), colour((1, 2)), colour((0, 2))),
        (LOW, HIGH, MISSING)
    );
    // matplotlib's viridis at 0.5 of the range.
    assert_eq!(colour((1, 0)), [32, 144, 140]);
    assert!(
        down == Picture::png(&path("up.png")),
        "north is not up in one of both"
    );
    let turned = Picture::png(&path("turned.png"));
    assert_eq!(turned.cell(panel, (1, 0), (2, 3)), LOW);
    let sideways = Picture::png(&path("sideways.png"));
    let panel = sideways.panels()[0];
    // lat to the right, lon upwards.
    assert_eq!(sideways.cell(panel, (2, 1), (3, 2)), LOW);
    assert_eq!(sideways.cell(panel, (0, 0), (3, 2)), HIGH);
}

#[test]
fn limits_are_the_percentiles_of_numpy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    // numpy.percentile(numpy.arange(101.0) ** 2, [2, 98]) is [4, 9604].
    let values: Vec<f64> = (0..101).map(|i| f64::from(i * i)).collect();
    let two: Vec<f64> = values.iter().chain(&values).copied().collect();
    alone(|d| map(d, [2, 101], two, vec![0.0, 1.0]).plot(&path)).unwrap();
    let picture = Picture::png(&path);
    let panel = picture.panels()[0];
    let colour = |i: usize| picture.cell(panel, (0, i), (2, 101));
    // numpy: int(256 * (v - lo) / (hi - lo)), as matplotlib chooses; limits of two equal rows are 4 and 9604, too.
    let expected = |i: usize| {
        let level = 256.0 * (values[i] - 4.0) / 9600.0;
        level.floor().clamp(0.0, 255.0) as usize
    };
    assert_eq!((colour(0), colour(2), colour(100)), (LOW, LOW, HIGH));
    assert_eq!(expected(99), 255);
    assert_eq!(colour(99), HIGH);
    // Levels 66 and 130 of viridis.
    assert_eq!((expected(50), colour(50)), (66, [57, 84, 139]));
    assert_eq!((expected(70), colour(70)), (130, [31, 146, 140]));
}

#[test]
fn both_signs_are_red_and_blue() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    let all = PlotOptions {
        robust: false,
        ..PlotOptions::default()
    };
    alone(|d| map(d, [2, 2], vec![-5.0, 0.0, 0.0, 20.0], vec![1.0, 0.0]).plot_with(&path, &all))
        .unwrap();
    let picture = Picture::png(&path);
    let panel = picture.panels()[0];
    assert_eq!(picture.cell(panel, (1, 1), (2, 2)), [103, 0, 31]);
    // -5 of ±20: level 96 of RdBu_r.
    let cold = picture.cell(panel, (0, 0), (2, 2));
    assert!(cold[2] > cold[0] && cold[0] > 100, "{cold:?}");
}

#[test]
fn pictures_are_the_same_on_any_ranks_and_small_before_they_are_gathered() {
    let dir = tempfile::tempdir().unwrap();
    // Blocks of 8 × 8 elements with one value each: means are exact.
    let (rows, columns) = (1600, 2000);
    let mut bytes = Vec::new();
    for (number, fabric) in [Fabric::Solo, Fabric::Threads(2), Fabric::Threads(3)]
        .into_iter()
        .enumerate()
    {
        let path = |name: &str| dir.path().join(format!("{number}-{name}"));
        // The array has 26 MB; a rank may hold 12.
        let done = on(fabric, limits(1, 12 << 20), |d| {
            let index = d.indices(&[rows, columns]).astype(DType::F64);
            let block = |axis| index.index(0, axis).floor_divide(8.0);
            let x = (block(0) + block(1)).chunk(&[200, 500]);
            let x = DataArray::new(x, &["y", "x"], Vec::new()).rename("blocks");
            let options = PlotOptions {
                size: Some(250),
                robust: false,
                ..PlotOptions::default()
            };
            x.plot_with(path("mean.png"), &options)?;
            x.mean("y").plot(path("line.png"))?;
            x.hist(path("hist.png"), 20)?;
            Ok(d.session().finished())
        })
        .unwrap();
        assert!(done.projected_bytes <= 12 << 20);
        assert_eq!(done.outputs.len(), 3);
        let read = |name: &str| std::fs::read(path(name)).unwrap();
        bytes.push([read("mean.png"), read("line.png"), read("hist.png")]);
    }
    assert!(bytes[1..].iter().all(|other| *other == bytes[0]));
    let picture = Picture::png(&dir.path().join("0-mean.png"));
    let panel = picture.panels()[0];
    assert_eq!(panel[2..], [250, 200]);
    // Without coordinates positions grow upwards.
    assert_eq!(picture.at(panel[0], panel[1] + 199), LOW);
    assert_eq!(picture.at(panel[0] + 249, panel[1]), HIGH);
    // Value 224 of 448: level 128.
    assert_eq!(
        picture.at(panel[0] + 124, panel[1] + 199 - 100),
        [32, 144, 140]
    );
    // No half-made file stays.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 9);
}

#[test]
fn panels_share_a_scale_and_lines_bars_and_frames_are_where_they_belong() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let days: Vec<i64> = (0..6).map(|i| 18_262 + 30 * i).collect();
    alone(|d| {
        // Cell 0 of time i is i, the others are 0 and 5: one scale.
        let values: Vec<f64> = (0..6).flat_map(|i| [f64::from(i), 0.0, 5.0, 0.0]).collect();
        let times =
            Block::from_vec(&[6], days.clone())?.with_dtype(DType::Datetime(TimeUnit::Day))?;
        let array = d.from_block(Block::from_vec(&[6, 2, 2], values)?);
        let coords = vec![
            Coord::index("time", times),
            number_coord("y", vec![1.0, 0.0]),
        ];
        let cube = DataArray::new(array, &["time", "y", "x"], coords).rename("rain");
        let all = PlotOptions {
            col: Some("time".into()),
            col_wrap: Some(3),
            robust: false,
            ..PlotOptions::default()
        };
        cube.plot_with(path("panels.png"), &all)?;
        cube.animate_with(
            path("film.gif"),
            "time",
            &PlotOptions {
                robust: false,
                fps: 10.0,
                ..PlotOptions::default()
            },
        )?;
        let ramp = d.from_block(Block::from_vec(&[5], vec![0.0, 1.0, f64::NAN, 3.0, 4.0])?);
        DataArray::new(ramp, &["x"], Vec::new()).plot(path("line.png"))?;
        // numpy.histogram([0, 0, 0, 0, 1, 2, 3, 4], 4): 4, 1, 1, 2.
        let some = vec![
            0.0,
            0.0,
            0.0,
            0.0,
            1.0,
            2.0,
            3.0,
            4.0,
            f64::NAN,
            f64::INFINITY,
        ];
        let some = d.from_block(Block::from_vec(&[10], some)?);
        DataArray::new(some, &["x"], Vec::new()).hist(path("hist.png"), 4)
    })
    .unwrap();
    let picture = Picture::png(&path("panels.png"));
    let panels = picture.panels();
    assert_eq!(panels.len(), 6, "{panels:?}");
    assert_eq!(picture.cell(panels[0], (0, 0), (2, 2)), LOW);
    assert_eq!(picture.cell(panels[5], (0, 0), (2, 2)), HIGH);
    assert!(
        panels
            .iter()
            .all(|p| picture.cell(*p, (1, 0), (2, 2)) == HIGH)
    );

    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut film = options
        .read_info(std::fs::File::open(path("film.gif")).unwrap())
        .unwrap();
    let (width, height) = (usize::from(film.width()), usize::from(film.height()));
    let mut paper = Picture {
        width,
        height,
        pixels: vec![[0; 3]; width * height],
    };
    let mut seen = Vec::new();
    while let Some(frame) = film.read_next_frame().unwrap() {
        assert_eq!(frame.delay, 10);
        let (left, top) = (usize::from(frame.left), usize::from(frame.top));
        let row = usize::from(frame.width);
        for (i, pixel) in frame.buffer.chunks_exact(4).enumerate() {
            let at = (top + i / row) * width + left + i % row;
            paper.pixels[at] = [pixel[0], pixel[1], pixel[2]];
        }
        let panel = paper.panels()[0];
        assert_eq!(paper.cell(panel, (1, 0), (2, 2)), HIGH);
        seen.push(paper.cell(panel, (0, 0), (2, 2)));
    }
    assert_eq!(seen.len(), 6);
    assert_eq!((seen[0], seen[5]), (LOW, HIGH));
    assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "{seen:?}");

    // The line rises from the left to the right, with a gap in the middle.
    let line = Picture::png(&path("line.png"));
    let [left, top, width, height] = line.panels()[0];
    let blue = |x: usize| {
        (top..top + height).find(|y| line.at(x, *y)[2] > line.at(x, *y)[0].saturating_add(50))
    };
    let rows: Vec<Option<usize>> = [1, width / 8, width / 2, 7 * width / 8, width - 2]
        .into_iter()
        .map(|x| blue(left + x))
        .collect();
    assert!(
        rows[0] > rows[1] && rows[1] > rows[3] && rows[3] > rows[4],
        "{rows:?}"
    );
    assert_eq!(rows[2], None);

    let bars = Picture::png(&path("hist.png"));
    let panel = bars.panels()[0];
    let tall = |bin: usize| {
        let x = panel[0] + (2 * bin + 1) * panel[2] / 8;
        (0..panel[3])
            .filter(|y| bars.at(x, panel[1] + y) == [31, 119, 180])
            .count() as f64
    };
    for (bin, count) in [(0, 4.0), (1, 1.0), (2, 1.0), (3, 2.0)] {
        let expected = panel[3] as f64 * count / (4.0 * 1.05);
        assert!(
            (tall(bin) - expected).abs() <= 1.5,
            "bin {bin}: {} and not {expected}",
            tall(bin)
        );
    }
}

/// Flags have the colours of tab10, or their own, in cells and beside them; a mean of two flags is none.
#[test]
fn flags_have_a_colour_each_and_their_meanings() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let flags = |d: &Driver, values: Vec<f64>, side: usize| {
        map(
            d,
            [side, side],
            values,
            (0..side).rev().map(|i| i as f64).collect(),
        )
        .with_attr(
            "flag_values",
            AttrValue::Numbers([4, 1, 9].map(Scalar::I8).to_vec()),
        )
        .with_attr("flag_meanings", "land sea_ice cloud")
    };
    alone(|d| {
        let values = vec![1.0, 4.0, 9.0, 7.0, f64::NAN, 4.0, 4.0, 4.0, 1.0];
        flags(d, values.clone(), 3).plot(path("flags.png"))?;
        let own = flags(d, values.clone(), 3).with_attr("flag_colors", "#0a0b0c #102030 #405060");
        own.plot(path("own.png"))?;
        // A colour map that is asked for is a scale of numbers.
        let asked = PlotOptions {
            cmap: Some("viridis".into()),
            robust: false,
            ..PlotOptions::default()
        };
        flags(d, values, 3).plot_with(path("asked.png"), &asked)?;
        // Far more elements than pixels: still no colour but those of flags.
        let many = (0..400 * 400)
            .map(|i| [1.0, 4.0, 9.0][(i / 7 + i / 400) % 3])
            .collect();
        let small = PlotOptions {
            size: Some(60),
            ..PlotOptions::default()
        };
        flags(d, many, 400).plot_with(path("many.png"), &small)
    })
    .unwrap();
    let [land, ice, cloud] = [[31, 119, 180], [255, 127, 14], [44, 160, 44]];
    let unnamed = [90, 94, 100];
    let picture = Picture::png(&path("flags.png"));
    let cells = |picture: &Picture| -> Vec<Rgb> {
        let panel = picture.panels()[0];
        (0..9)
            .map(|i| picture.cell(panel, (i / 3, i % 3), (3, 3)))
            .collect()
    };
    let expected = [ice, land, cloud, unnamed, MISSING, land, land, land, ice];
    assert_eq!(cells(&picture), expected);
    // The bar: a block for each flag, the first one lowest, and the same heights.
    let panel = picture.panels()[0];
    let bar = panel[0] + panel[2] + 26 + 9;
    let column: Vec<Rgb> = (panel[1]..panel[1] + panel[3])
        .map(|y| picture.at(bar, y))
        .collect();
    let count = |colour: Rgb| column.iter().filter(|c| **c == colour).count();
    let heights = [cloud, ice, land].map(count);
    assert!(
        heights
            .iter()
            .all(|h| h.abs_diff(panel[3].min(640) / 3) <= 2),
        "{heights:?}"
    );
    let first = |colour: Rgb| column.iter().position(|c| *c == colour).unwrap();
    assert!(first(cloud) < first(ice) && first(ice) < first(land));
    // Values without a name, and missing ones, have a box below it.
    let below = panel[1] + panel[3] / 2..picture.height;
    let boxes: Vec<Rgb> = below.map(|y| picture.at(bar, y)).collect();
    assert!(boxes.contains(&unnamed) && boxes.contains(&MISSING));
    let own = Picture::png(&path("own.png"));
    assert_eq!(cells(&own)[..3], [[16, 32, 48], [10, 11, 12], [64, 80, 96]]);
    assert_eq!(cells(&Picture::png(&path("asked.png")))[0], LOW);
    let many = Picture::png(&path("many.png"));
    let [left, top, width, height] = many.panels()[0];
    for y in top..top + height {
        for x in left..left + width {
            assert!([land, ice, cloud].contains(&many.at(x, y)), "{x} {y}");
        }
    }
}

/// 160 MiB in a file, 16 MiB of memory: what comes to rank 0 is as small as the picture.
#[test]
fn an_array_of_ten_times_the_memory_is_drawn_within_it() {
    const MEMORY: u64 = 16 << 20;
    let (rows, columns) = (5120, 8192);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let input = path("large.nc");
    on(Fabric::Solo, limits(1, MEMORY), |d| {
        let index = d.indices(&[rows, columns]).astype(DType::F32);
        let x = index.index(0, 1).chunk(&[256, 1024]);
        DataArray::new(x, &["y", "x"], Vec::new())
            .rename("v")
            .save(&input)
    })
    .unwrap();
    assert!(std::fs::metadata(&input).unwrap().len() >= 10 * MEMORY);
    let mut pictures = Vec::new();
    for fabric in [Fabric::Solo, Fabric::Threads(2)] {
        let done = on(fabric, limits(1, MEMORY), |d| {
            let name = format!("{}.png", pictures.len());
            let all = PlotOptions {
                robust: false,
                size: Some(256),
                ..PlotOptions::default()
            };
            d.open(&input)?.var("v").plot_with(path(&name), &all)?;
            Ok(d.session().finished())
        })
        .unwrap();
        assert!(done.projected_bytes <= MEMORY, "{}", done.projected_bytes);
        let peaks = &done.peaks;
        assert!(
            peaks.iter().all(|peak| *peak <= done.projected_bytes),
            "{peaks:?}"
        );
        assert!(done.stats.decoded_bytes >= (rows * columns * 4) as u64);
        pictures.push(Picture::png(&path(&format!("{}.png", pictures.len()))));
    }
    assert!(pictures[0] == pictures[1]);
    let panel = pictures[0].panels()[0];
    assert_eq!(panel[2..], [256, 160]);
    assert_eq!(pictures[0].at(panel[0], panel[1]), LOW);
    assert_eq!(pictures[0].at(panel[0] + 255, panel[1] + 159), HIGH);
    // A column is the mean of 32: column k of 256 has level k.
    let middle = pictures[0].at(panel[0] + 128, panel[1] + 80);
    assert_eq!(middle, [32, 144, 140]);
}

/// Coordinates of a curved grid are no axes: the picture says so, and who asks for one of them is told why.
#[test]
fn coordinates_along_two_dimensions_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let shape = [4, 5];
    let curved = |name: &str| {
        let values = (0..20).map(f64::from).collect();
        let mut coord = Coord::index(name, Block::from_vec(&shape, values).unwrap());
        coord.dims = vec!["y".to_owned(), "x".to_owned()];
        coord
    };
    let array = |d: &Driver| DataArray::new(d.zeros(&shape), &["y", "x"], Vec::new());
    alone(|d| {
        array(d).plot(path("plain.png"))?;
        let with = array(d)
            .assign_coords(curved("lon"))
            .assign_coords(curved("lat"));
        with.plot(path("curved.png"))?;
        let options = PlotOptions {
            x: Some("lon".into()),
            ..PlotOptions::default()
        };
        let error = with
            .plot_with(path("lon.png"), &options)
            .unwrap_err()
            .to_string();
        for word in ["\"lon\"", "2 dimensions (y, x)", "interp"] {
            assert!(error.contains(word), "{error}");
        }
        Ok(())
    })
    .unwrap();
    // One line more below the picture.
    let [plain, curved] = ["plain.png", "curved.png"].map(|name| Picture::png(&path(name)));
    assert_eq!(plain.panels(), curved.panels());
    assert_eq!(curved.height, plain.height + 17);
}

#[test]
fn what_cannot_be_drawn_is_refused_before_anything_is_computed() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("there.png"), "mine").unwrap();
    let with = |options: PlotOptions| options;
    let cases: Vec<(&str, &str, PlotOptions, &str)> = vec![
        (
            "cube",
            "a.png",
            PlotOptions::default(),
            "has 3 dimensions (t, y, x), a picture has 1 or 2",
        ),
        (
            "map",
            "a.svg",
            PlotOptions::default(),
            "is written as .png alone",
        ),
        (
            "map",
            "there.png",
            PlotOptions::default(),
            "exists already; --overwrite",
        ),
        (
            "map",
            "none/a.png",
            PlotOptions::default(),
            "does not exist; create it first",
        ),
        (
            "empty",
            "a.png",
            PlotOptions::default(),
            "dimension \"x\" has length 0",
        ),
        ("complex", "a.png", PlotOptions::default(), "take its abs()"),
        (
            "times",
            "a.png",
            PlotOptions::default(),
            "not defined for datetime64",
        ),
        ("unsorted", "a.png", PlotOptions::default(), "sortby(\"y\")"),
        (
            "map",
            "a.png",
            with(PlotOptions {
                cmap: Some("viridi".into()),
                ..PlotOptions::default()
            }),
            "unknown colour map \"viridi\"; known: viridis",
        ),
        (
            "map",
            "a.png",
            with(PlotOptions {
                vmin: Some(2.0),
                vmax: Some(1.0),
                ..PlotOptions::default()
            }),
            "vmin 2 is not below vmax 1",
        ),
        (
            "map",
            "a.png",
            with(PlotOptions {
                x: Some("lonn".into()),
                ..PlotOptions::default()
            }),
            "unknown dimension or coordinate \"lonn\"",
        ),
        (
            "map",
            "a.png",
            with(PlotOptions {
                col: Some("time".into()),
                ..PlotOptions::default()
            }),
            "plot: unknown dimension \"time\"",
        ),
        (
            "cube",
            "a.png",
            with(PlotOptions {
                hue: Some("t".into()),
                ..PlotOptions::default()
            }),
            "a picture has 1",
        ),
    ];
    for (subject, file, options, says) in cases {
        let error = alone(|d| {
            let named =
                |shape: &[usize], dims: &[&str]| DataArray::new(d.zeros(shape), dims, Vec::new());
            let square = |dtype| {
                let array = d.from_block(Block::zeros(dtype, &[2, 2]));
                DataArray::new(array, &["y", "x"], Vec::new())
            };
            let array = match subject {
                "cube" => named(&[2, 3, 4], &["t", "y", "x"]),
                "empty" => named(&[2, 0], &["y", "x"]),
                "complex" => square(DType::C128),
                "times" => square(DType::Datetime(TimeUnit::Day)),
                "unsorted" => named(&[3, 2], &["y", "x"])
                    .assign_coords(number_coord("y", vec![0.0, 2.0, 1.0])),
                _ => named(&[2, 2], &["y", "x"]),
            };
            let made = array.plot_with(path(file), &options);
            assert_eq!(d.session().finished().runs, 0, "{subject}");
            made
        })
        .unwrap_err();
        assert!(
            error.to_string().contains(says),
            "{subject} {file}: {error}"
        );
    }
    assert_eq!(std::fs::read(path("there.png")).unwrap(), b"mine");
    // All is missing: a picture, with a note and no colour but that of no data.
    alone(|d| {
        let nothing = d.full(&[4, 5], f64::NAN);
        DataArray::new(nothing, &["y", "x"], Vec::new()).plot(path("nothing.png"))
    })
    .unwrap();
    let nothing = Picture::png(&path("nothing.png"));
    assert_eq!(nothing.cell(nothing.panels()[0], (0, 0), (4, 5)), MISSING);
    // A dry run writes nothing; one that may replace does.
    for (dry, overwrite, size) in [(Some(2), true, 4), (None, true, 1000)] {
        let config = Config {
            fabric: Some(Fabric::Solo),
            dry_ranks: dry,
            overwrite,
            ..Config::default()
        };
        launch_with(&config, |d| {
            DataArray::new(d.zeros(&[4, 5]), &["y", "x"], Vec::new()).plot(path("there.png"))
        })
        .map_err(|(_, e)| e)
        .unwrap();
        assert!(std::fs::metadata(path("there.png")).unwrap().len() >= size);
    }
}
