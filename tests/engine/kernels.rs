//! Kernels and reductions of the program: pieces, lines, labelled axes, partial results; the same on any ranks.

use super::on;
use hyperslab::array::{Array, blockwise, compute};
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::driver::{Config, Driver, launch_with};
use hyperslab::dtype::DType;
use hyperslab::error::{Error, Result};
use hyperslab::kernel::{FoldKernels, KernelCall, register_kernel, register_reduction};
use ndarray::{Array2, ArrayD, Axis, IxDyn};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bits of every output on other ranks and threads are those of one thread.
fn same_everywhere(program: impl Fn(&Driver) -> Result<Vec<Block>> + Copy + Send) -> Vec<Block> {
    let reference = on(Fabric::Solo, 1, program);
    for (ranks, threads) in [(1, 3), (2, 1), (3, 2), (5, 1)] {
        let blocks = on(Fabric::Threads(ranks), threads, program);
        for (number, (a, b)) in reference.iter().zip(&blocks).enumerate() {
            assert_eq!(a.shape(), b.shape());
            assert!(
                a.buffer().as_bytes() == b.buffer().as_bytes(),
                "output {number} differs on {ranks} ranks x {threads} threads"
            );
        }
    }
    reference
}

/// 1000 · row + column · parameter.
fn numbered(call: &mut KernelCall<'_>) -> Result<()> {
    let (by, start) = (call.params()[0], call.start().to_vec());
    for (at, out) in call.output::<f64>()?.indexed_iter_mut() {
        *out = 1000.0 * (start[0] + at[0]) as f64 + by * (start[1] + at[1]) as f64;
    }
    Ok(())
}

static LOADED: AtomicUsize = AtomicUsize::new(0);

/// A "file" per piece: an image whose elements have the number of the piece; piece 5 fails when told so.
fn load(call: &mut KernelCall<'_>) -> Result<()> {
    LOADED.fetch_add(1, Relaxed);
    let piece = call.piece();
    if call.params().first() == Some(&-1.0) && piece[0] == 5 {
        return Err(Error::data("no such file"));
    }
    let number = (10 * piece[0] + piece.last().unwrap()) as f64;
    let number = number + call.params().first().unwrap_or(&0.0);
    let shape = call.shape().to_vec();
    call.give(ArrayD::from_elem(IxDyn(&shape[1..]), number as f32))
}

fn pieces(driver: &Driver) -> Result<Vec<Block>> {
    let indexed = driver.from_fn("numbered", &[301, 257], DType::F64, &[0.5]);
    let by = driver.fromfunction(|i| &i[0] * 1000.0 + &i[1] * 0.5, &[301, 257], DType::F64);
    let stack = driver.from_blocks("load", &[6, 70, 50], &[1, 70, 50], DType::F32, &[]);
    let ragged = driver.from_blocks("ragged", &[23, 31], &[5, 7], DType::I64, &[]);
    let images: Vec<Array> = (0..4)
        .map(|i| driver.from_delayed("load", &[f64::from(i)], &[1, 8, 9], DType::F32))
        .collect();
    let others: Vec<&Array> = images[1..].iter().collect();
    compute(&[
        &indexed.subtract(&by).abs().max(&[]),
        &indexed.slice(0, Some(250), None, 3).sum(&[1]),
        &stack.mean(&[0]),
        &stack.max(&[1, 2]),
        &ragged,
        &ragged.slice(1, Some(6), Some(22), 1).sum(&[0]),
        &images[0].concat(&others, 0).max(&[1, 2]),
    ])
}

/// The numbers of the piece, one digit each, and the length of the piece beside them.
fn ragged(call: &mut KernelCall<'_>) -> Result<()> {
    let (piece, shape) = (call.piece(), call.shape().to_vec());
    let number = (1000 * piece[0] + 100 * piece[1] + 10 * shape[0] + shape[1]) as i64;
    call.output::<i64>()?.fill(number);
    Ok(())
}

fn register() {
    register_kernel("numbered", numbered).unwrap();
    register_kernel("load", load).unwrap();
    register_kernel("ragged", ragged).unwrap();
    register_kernel("sorted", sorted).unwrap();
    register_kernel("spread", spread).unwrap();
    register_kernel("product", product).unwrap();
    register_kernel("digits", digits).unwrap();
    register_reduction::<LogSumExp>("logsumexp").unwrap();
    register_reduction::<Welford>("welford").unwrap();
    register_reduction::<Strict>("strict").unwrap();
}

#[test]
fn kernels_make_arrays_from_indices_and_piece_by_piece() {
    register();
    let blocks = same_everywhere(pieces);
    assert_eq!(blocks[0].as_slice::<f64>().unwrap(), [0.0]);
    assert_eq!(
        blocks[2].as_slice::<f32>().unwrap(),
        vec![25.0; 70 * 50],
        "the mean of 0, 10, … 50"
    );
    let numbers = [0.0, 10.0, 20.0, 30.0, 40.0, 50.0];
    assert_eq!(blocks[3].as_slice::<f32>().unwrap(), numbers);
    // Piece (2, 1) is 5 × 7, the last one 3 × 3.
    let made = blocks[4].as_slice::<i64>().unwrap();
    assert_eq!(made[12 * 31 + 9], 2157);
    assert_eq!(made[22 * 31 + 30], 4433);
    let column = (0..23).map(|row| made[row * 31 + 6]).sum::<i64>();
    assert_eq!(blocks[5].as_slice::<i64>().unwrap()[0], column);
    assert_eq!(blocks[6].as_slice::<f32>().unwrap(), [0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn a_piece_is_made_once_and_named_when_it_fails() {
    register();
    on(Fabric::Threads(2), 2, |driver| {
        let stack = driver.from_blocks("load", &[6, 700, 500], &[1, 700, 500], DType::F32, &[]);
        let before = LOADED.load(Relaxed);
        compute(&[&stack.mean(&[0]), &stack.max(&[]), &stack.nanstd(&[0], 0)])?;
        // Other tests load, too: at least six, and no piece for each of the tiles.
        let made = LOADED.load(Relaxed) - before;
        assert!((6..40).contains(&made), "{made} calls for 6 pieces");
        Ok(())
    });
    let failing = |program: fn(&Driver) -> Array| {
        let config = Config {
            fabric: Some(Fabric::Threads(3)),
            ..Config::default()
        };
        let failed = launch_with(&config, |driver| program(driver).compute_block());
        failed.map(|_| ()).unwrap_err().1.to_string()
    };
    let texts = [
        failing(|d| d.from_blocks("load", &[9, 4, 5], &[1, 4, 5], DType::F32, &[-1.0])),
        failing(|d| d.from_blocks("load", &[9, 4, 5], &[2, 4, 5], DType::F32, &[])),
        failing(|d| d.from_blocks("load", &[9, 4, 5], &[1, 4, 5], DType::F64, &[])),
        failing(|d| d.from_delayed("load", &[7.0], &[3, 4, 5], DType::F32)),
    ];
    let said = [
        &[
            "no such file",
            "kernel \"load\" with the parameters [-1.0] for piece [5, 0, 0] of from_blocks",
        ][..],
        &[
            "it gave an array of shape [4, 5] for a box of [2, 4, 5]",
            "of from_blocks",
        ],
        &[
            "kernel \"load\": the result is float64, not float32",
            "for piece [0, 0, 0] of from_blocks",
        ],
        &[
            "for a box of [3, 4, 5]",
            "with the parameters [7.0] of from_delayed",
        ],
    ];
    for (text, words) in texts.iter().zip(said) {
        for word in words {
            assert!(text.contains(word), "{text}\nwants {word}");
        }
    }
    on(Fabric::Solo, 1, |driver| {
        let bad = [
            driver.from_fn("laod", &[3], DType::F32, &[]),
            driver.from_blocks("load", &[3, 4], &[3], DType::F32, &[]),
            driver.from_blocks("load", &[3], &[0], DType::F32, &[]),
        ];
        let said = [
            "from_fn: unknown kernel \"laod\"; known: load",
            "from_blocks: pieces of [3] for an array of shape [3, 4]; give one length of at least 1 per axis",
            "from_blocks: pieces of [0] for an array of shape [3]",
        ];
        for (array, words) in bad.iter().zip(said) {
            let error = array.check().unwrap_err();
            assert!(error.message().starts_with(words), "{error}");
        }
        let empty = driver.from_blocks("load", &[0, 4], &[2, 2], DType::F32, &[]);
        assert_eq!(empty.compute_block()?.shape(), [0, 4]);
        Ok(())
    });
}

/// Every line in ascending order.
fn sorted(call: &mut KernelCall<'_>) -> Result<()> {
    call.each_line(|line: ndarray::ArrayView1<'_, i64>, mut out| {
        let mut values = line.to_vec();
        values.sort_unstable();
        out.assign(&ndarray::ArrayView1::from(&values));
        Ok(())
    })
}

/// Largest less smallest of every line.
fn spread(call: &mut KernelCall<'_>) -> Result<()> {
    call.each_line(|line: ndarray::ArrayView1<'_, i64>, mut out| {
        let (low, high) = (line.iter().min(), line.iter().max());
        out[0] = high.zip(low).map_or(0, |(high, low)| high - low) as f64;
        Ok(())
    })
}

/// The product of two matrices, of the elements that are given.
fn product(call: &mut KernelCall<'_>) -> Result<()> {
    let (a, b) = (call.input::<i64>(0)?, call.input::<i64>(1)?);
    let a = a.into_dimensionality::<ndarray::Ix2>();
    let b = b.into_dimensionality::<ndarray::Ix2>();
    let (Ok(a), Ok(b)) = (a, b) else {
        return Err(Error::internal("no matrices"));
    };
    let made: Array2<i64> = a.dot(&b);
    call.output::<i64>()?.assign(&made.into_dyn());
    Ok(())
}

/// The last three decimal digits of every element, along a new last axis.
fn digits(call: &mut KernelCall<'_>) -> Result<()> {
    let x = call.input::<i64>(0)?.to_owned();
    for (mut digit, by) in call
        .output::<i64>()?
        .axis_iter_mut(Axis(1))
        .zip([100, 10, 1])
    {
        digit.assign(&x.mapv(|v| v.abs() / by % 10));
    }
    Ok(())
}

fn matrix(rows: usize, columns: usize, by: i64) -> ArrayD<i64> {
    let element = |at: IxDyn| ((at[0] * columns + at[1]) as i64 * by) % 1009 - 500;
    ArrayD::from_shape_fn(IxDyn(&[rows, columns]), element)
}

fn lines(driver: &Driver) -> Result<Vec<Block>> {
    let x = driver.from_ndarray(matrix(83, 61, 37)).chunk(&[10, 9]);
    let y = driver.from_ndarray(matrix(61, 47, 91)).chunk(&[61, 8]);
    let sorted = |axis| {
        x.apply_along_axis(
            "sorted",
            axis,
            Some(if axis == 0 { 83 } else { 61 }),
            DType::I64,
            &[],
        )
    };
    let product = blockwise(
        "product",
        "ij",
        &[(&x, "ik"), (&y, "kj")],
        &[],
        DType::I64,
        &[],
    )?;
    let line = x.index(1, 3);
    let digits = blockwise(
        "digits",
        "id",
        &[(&line, "i")],
        &[('d', 3)],
        DType::I64,
        &[],
    )?;
    compute(&[
        &sorted(0),
        &sorted(1).slice(1, Some(7), Some(23), 2),
        &x.apply_along_axis("spread", 0, None, DType::F64, &[]),
        &x.ptp(&[0]).astype(DType::F64),
        &product,
        &product.slice(0, Some(40), Some(43), 1),
        &digits.slice(1, Some(1), Some(2), 1),
    ])
}

#[test]
fn kernels_walk_lines_and_labelled_axes() {
    register();
    let blocks = same_everywhere(lines);
    let (x, y) = (matrix(83, 61, 37), matrix(61, 47, 91));
    let made = blocks[0].as_slice::<i64>().unwrap();
    let mut column = x
        .index_axis(Axis(1), 20)
        .iter()
        .copied()
        .collect::<Vec<_>>();
    column.sort_unstable();
    assert_eq!(
        (0..83).map(|r| made[r * 61 + 20]).collect::<Vec<_>>(),
        column
    );
    let mut row = x
        .index_axis(Axis(0), 82)
        .iter()
        .copied()
        .collect::<Vec<_>>();
    row.sort_unstable();
    let part: Vec<i64> = row[7..23].iter().step_by(2).copied().collect();
    assert_eq!(&blocks[1].as_slice::<i64>().unwrap()[82 * 8..], part);
    assert_eq!(blocks[2], blocks[3]);
    let due = |r: usize, c: usize| -> i64 { (0..61).map(|k| x[[r, k]] * y[[k, c]]).sum() };
    let made = blocks[4].as_slice::<i64>().unwrap();
    assert_eq!((made[0], made[41 * 47 + 33]), (due(0, 0), due(41, 33)));
    assert_eq!(blocks[5].as_slice::<i64>().unwrap()[47 + 33], due(41, 33));
    assert_eq!(
        blocks[6].as_slice::<i64>().unwrap()[9],
        x[[9, 3]].abs() / 10 % 10
    );
    on(Fabric::Solo, 1, |driver| {
        let (x, y) = (driver.zeros(&[4, 5]), driver.zeros(&[6, 5]));
        let cases = [
            (
                blockwise("product", "ij", &[], &[], DType::I64, &[]),
                "no arrays; from_fn makes",
            ),
            (
                blockwise("prodct", "ij", &[(&x, "ij")], &[], DType::I64, &[]),
                "unknown kernel \"prodct\"",
            ),
            (
                blockwise(
                    "product",
                    "ij",
                    &[(&x, "ik"), (&y, "kj")],
                    &[],
                    DType::I64,
                    &[],
                ),
                "the label 'k' has the lengths 5 and 6; they must agree (or be 1)",
            ),
            (
                blockwise("product", "ij", &[(&x, "i")], &[], DType::I64, &[]),
                "array 0 of shape [4, 5] has 1 labels \"i\"; give one per axis",
            ),
            (
                blockwise("product", "iz", &[(&x, "ij")], &[], DType::I64, &[]),
                "no array has the label 'z' of the result; give its length in new_axes",
            ),
            (
                blockwise("product", "ii", &[(&x, "ij")], &[], DType::I64, &[]),
                "the label 'i' is twice in the result",
            ),
        ];
        for (made, words) in cases {
            let error = made.unwrap_err();
            assert!(error.message().contains(words), "{error}");
        }
        let wrong = x
            .apply_along_axis("sorted", 2, None, DType::I64, &[])
            .check();
        let error = wrong.unwrap_err();
        assert!(
            error.message().contains("apply_along_axis: axis 2"),
            "{error}"
        );
        let over = x.add(1).apply_over_axes(|a, axis| a.sum(&[axis]), &[0, -1]);
        assert_eq!((over.shape(), over.item()?.as_f64()), (vec![1, 1], 20.0));
        Ok(())
    });
}

/// ln Σ eˣ with the largest exponent apart, so that nothing overflows.
struct LogSumExp;

impl FoldKernels for LogSumExp {
    type Item = f64;
    type Partial = [f64; 2];
    type Output = f64;

    fn empty() -> [f64; 2] {
        [f64::NEG_INFINITY, 0.0]
    }

    fn chunk(partial: &mut [f64; 2], elements: &[f64]) {
        let most = elements.iter().fold(partial[0], |most, x| most.max(*x));
        if most == f64::NEG_INFINITY {
            return;
        }
        let sum: f64 = elements.iter().map(|x| libm::exp(x - most)).sum();
        *partial = [most, partial[1] * libm::exp(partial[0] - most) + sum];
    }

    fn combine(partial: &mut [f64; 2], other: &[f64; 2]) {
        let most = partial[0].max(other[0]);
        if most == f64::NEG_INFINITY {
            return;
        }
        let part = |p: &[f64; 2]| p[1] * libm::exp(p[0] - most);
        *partial = [most, part(partial) + part(other)];
    }

    fn finalize(partial: &[f64; 2]) -> Result<f64> {
        Ok(partial[0] + libm::log(partial[1]))
    }
}

/// Standard deviation: count, mean and sum of squared deviations (Welford, Chan).
struct Welford;

impl FoldKernels for Welford {
    type Item = f64;
    type Partial = [f64; 3];
    type Output = f64;

    fn empty() -> [f64; 3] {
        [0.0; 3]
    }

    fn chunk(partial: &mut [f64; 3], elements: &[f64]) {
        let [n, mean, squares] = partial;
        for x in elements {
            *n += 1.0;
            let off = x - *mean;
            *mean += off / *n;
            *squares += off * (x - *mean);
        }
    }

    fn combine(partial: &mut [f64; 3], other: &[f64; 3]) {
        let n = partial[0] + other[0];
        if n > 0.0 {
            let off = other[1] - partial[1];
            let mean = partial[1] + off * other[0] / n;
            let squares = partial[2] + other[2] + off * off * partial[0] * other[0] / n;
            *partial = [n, mean, squares];
        }
    }

    fn finalize(partial: &[f64; 3]) -> Result<f64> {
        Ok((partial[2] / partial[0]).sqrt())
    }
}

/// A sum of integers that refuses to be negative.
struct Strict;

impl FoldKernels for Strict {
    type Item = i64;
    type Partial = i64;
    type Output = i64;

    fn empty() -> i64 {
        0
    }

    fn chunk(partial: &mut i64, elements: &[i64]) {
        *partial += elements.iter().sum::<i64>();
    }

    fn combine(partial: &mut i64, other: &i64) {
        *partial += other;
    }

    fn finalize(partial: &i64) -> Result<i64> {
        match *partial < 0 {
            true => Err(Error::data(format!("the sum {partial} is negative"))),
            false => Ok(*partial),
        }
    }
}

fn folded(driver: &Driver) -> Result<Vec<Block>> {
    let x = super::cube(&[37, 150, 110]).mapv(|v| if v.is_nan() { 0.0 } else { v / 100.0 });
    let x = driver.from_ndarray(x).chunk(&[5, 40, 30]);
    let mut list = Vec::new();
    for axes in [&[][..], &[0], &[1, 2], &[0, 2], &[-1]] {
        let wide = x.astype(DType::F64);
        list.push(x.reduction("logsumexp", axes, false));
        list.push(wide.subtract(1000.0).exp().sum(axes).log().add(1000.0));
        list.push(x.reduction("welford", axes, true).squeeze(&[]));
        list.push(wide.std(axes, 0));
    }
    list.push(x.gt(500.0).reduction("strict", &[0], false));
    list.push(x.gt(500.0).sum(&[0]));
    compute(&list.iter().collect::<Vec<_>>())
}

#[test]
fn reductions_of_the_program_are_folded_as_all_others() {
    register();
    let blocks = same_everywhere(folded);
    for (number, pair) in blocks.chunks(2).enumerate() {
        assert_eq!(pair[0].shape(), pair[1].shape(), "pair {number}");
        for k in 0..pair[0].elements() {
            let (a, b) = (
                pair[0].get(k).unwrap().as_f64(),
                pair[1].get(k).unwrap().as_f64(),
            );
            assert!(
                (a - b).abs() <= 1e-9 * b.abs(),
                "pair {number}, {k}: {a} is not {b}"
            );
        }
    }
    on(Fabric::Solo, 1, |driver| {
        let x = driver.zeros(&[3, 0, 2]);
        let nothing = x.reduction("logsumexp", &[1], true);
        assert_eq!(nothing.shape(), [3, 1, 2]);
        assert_eq!(
            nothing.compute_block()?.get(5).unwrap().as_f64(),
            f64::NEG_INFINITY
        );
        let again = register_reduction::<Welford>("logsumexp").unwrap_err();
        assert!(
            again.message().contains("the name \"logsumexp\" is taken"),
            "{again}"
        );
        let complex = driver.ones(&[2]).astype(DType::C128);
        for (made, words) in [
            (
                x.reduction("logsumxp", &[], false),
                "reduction: unknown reduction \"logsumxp\"; known: logsumexp",
            ),
            (
                complex.reduction("welford", &[], false),
                "it folds float64, which complex128 does not become",
            ),
            (
                x.reduction("strict", &[], false),
                "it folds int64, which float64 does not become",
            ),
            (x.reduction("welford", &[3], false), "welford: axis 3"),
        ] {
            let error = made.check().unwrap_err();
            assert!(error.message().contains(words), "{error}");
        }
        Ok(())
    });
    let config = Config {
        fabric: Some(Fabric::Threads(3)),
        ..Config::default()
    };
    let failed = launch_with(&config, |driver| {
        let x = driver.indices_1d(12).reshape(&[3, 4]).subtract(9);
        x.reduction("strict", &[1], false).compute_block()
    });
    let text = failed.map(|_| ()).unwrap_err().1.to_string();
    for words in [
        "the sum -30 is negative",
        "finishing the reduction \"strict\" of cell [0]",
    ] {
        assert!(text.contains(words), "{text}");
    }
}

/// A kernel and a fold that stumble over a value: one error for all ranks, no hang, no output.
#[test]
fn panics_of_kernels_are_errors_of_the_job() {
    struct Panics;
    impl FoldKernels for Panics {
        type Item = f64;
        type Partial = f64;
        type Output = f64;
        fn empty() -> f64 {
            0.0
        }
        fn chunk(_: &mut f64, elements: &[f64]) {
            assert!(
                elements.iter().all(|x| *x < 50.0),
                "the fold met {elements:?}"
            );
        }
        fn combine(_: &mut f64, _: &f64) {}
        fn finalize(_: &f64) -> Result<f64> {
            Ok(0.0)
        }
    }
    register_reduction::<Panics>("panics").unwrap();
    register_kernel("stumbles", |call| {
        assert!(call.piece()[0] < 3, "piece {:?} is cursed", call.piece());
        call.output::<f64>()?.fill(0.0);
        Ok(())
    })
    .unwrap();
    let failing = |program: fn(&Driver) -> Array| {
        let config = Config {
            fabric: Some(Fabric::Threads(3)),
            ..Config::default()
        };
        let failed = launch_with(&config, |driver| program(driver).compute_block());
        failed.map(|_| ()).unwrap_err().1
    };
    let fold = failing(|d| {
        let x = d.indices_1d(60).reshape(&[6, 10]).astype(DType::F64);
        x.reduction("panics", &[1], false)
    });
    let piece = failing(|d| d.from_blocks("stumbles", &[6, 4], &[1, 4], DType::F64, &[]));
    for (error, words) in [(fold, "the fold met"), (piece, "piece [3, 0] is cursed")] {
        assert!(
            error.is_internal() && error.to_string().contains(words),
            "{error}"
        );
    }
}
