//! Running folds along an axis that is scanned run by run: against the recurrence itself, and the same bits everywhere.

use super::support::files::{limits, on_tiles};
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::driver::Driver;
use hyperslab::labelled::{DataArray, WindowType};

const LEN: usize = 20_000;
const WIDTH: usize = 3;

/// Elements in steps of 1/64, some missing at a stretch.
fn values() -> Vec<f64> {
    let element = |i: usize| match (i / WIDTH).is_multiple_of(13) || (5_000..9_000).contains(&i) {
        true => f64::NAN,
        false => ((i * 7919) % 2048) as f64 / 64.0 - 16.0,
    };
    (0..LEN * WIDTH).map(element).collect()
}

fn array(driver: &Driver, block: Block) -> DataArray {
    let x = driver.from_block(block).chunk(&[700, 2]);
    DataArray::new(x, &["t", "x"], vec![])
}

/// What `made` gives, the same on any ranks of one tiling.
fn everywhere(made: impl Fn(&Driver) -> hyperslab::Result<Vec<Block>> + Sync) -> Vec<Block> {
    let run = |tile: usize, ranks: usize| {
        let fabric = Fabric::Threads(ranks);
        on_tiles(tile, fabric, limits(2, 64 << 20), |driver| made(driver)).unwrap()
    };
    let mut firsts = Vec::new();
    for tile in [900, 1 << 20] {
        let first = run(tile, 1);
        for ranks in [2, 3] {
            for (a, b) in first.iter().zip(&run(tile, ranks)) {
                let same = a.buffer().as_bytes() == b.buffer().as_bytes();
                assert!(same, "tiles of {tile} on {ranks} ranks");
            }
        }
        firsts = first;
    }
    firsts
}

#[test]
fn fading_sums_of_a_long_axis() {
    let made = everywhere(|driver| {
        let x = array(driver, Block::from_vec(&[LEN, WIDTH], values())?);
        let fading = x.rolling_exp("t", 2000.0, WindowType::Halflife);
        let quick = x.rolling_exp("t", 1.5, WindowType::Com);
        let sums = [
            fading.sum(),
            fading.mean(),
            fading.var(),
            quick.sum(),
            quick.mean(),
        ];
        sums.iter().map(DataArray::compute_block).collect()
    });
    let alphas = [1.0 - (0.5f64.ln() / 2000.0).exp(), 1.0 / 2.5];
    let values = values();
    for column in 0..WIDTH {
        for (alpha, results) in [(alphas[0], &made[..3]), (alphas[1], &made[3..])] {
            let keep = 1.0 - alpha;
            let (mut sum, mut squares, mut count, mut count2) = (0.0, 0.0, 0.0, 0.0);
            for i in 0..LEN {
                let x = values[i * WIDTH + column];
                (sum, squares, count, count2) = (
                    sum * keep,
                    squares * keep,
                    count * keep,
                    count2 * keep * keep,
                );
                if !x.is_nan() {
                    (sum, squares, count, count2) =
                        (sum + x, squares + x * x, count + 1.0, count2 + 1.0);
                }
                let var = squares / count - (sum / count).powi(2);
                let expected = [sum, sum / count, var / (1.0 - count2 / (count * count))];
                for (result, expected) in results.iter().zip(expected) {
                    let ours = result.as_slice::<f64>().unwrap()[i * WIDTH + column];
                    // A sum has no sign to lose digits by here, but for rounding.
                    let close = (ours - expected).abs() <= 1e-9 * (1.0 + expected.abs());
                    let missing = ours.is_nan() && (count == 0.0 || expected.is_nan() || i == 1);
                    assert!(close || missing, "{i}, {column}: {ours}, not {expected}");
                }
            }
        }
    }
}

#[test]
fn running_sums_of_groups_along_a_long_axis() {
    // Neighbours, groups that take turns, and no group at all.
    let groupings: [fn(usize) -> i64; 3] = [|i| i as i64 / 3000, |i| i as i64 / 7 % 5, |_| 0];
    let elements = |i: usize| (i * 31 % 1000) as i64 - 400;
    let made = everywhere(|driver| {
        let all = (0..LEN * WIDTH).map(elements).collect();
        let x = array(driver, Block::from_vec(&[LEN, WIDTH], all)?);
        let one = |group: &fn(usize) -> i64| {
            let key = Block::from_vec(&[LEN], (0..LEN).map(group).collect())?;
            let key = DataArray::new(driver.from_block(key), &["t"], vec![]).rename("g");
            x.groupby(&key).cumsum().compute_block()
        };
        groupings.iter().map(one).collect()
    });
    for (group, result) in groupings.iter().zip(&made) {
        let ours = result.as_slice::<i64>().unwrap();
        let mut sums = vec![[0i64; WIDTH]; 10];
        for i in 0..LEN {
            for column in 0..WIDTH {
                let sum = &mut sums[group(i) as usize][column];
                *sum += elements(i * WIDTH + column);
                assert_eq!(ours[i * WIDTH + column], *sum, "{i}, {column}");
            }
        }
    }
}
