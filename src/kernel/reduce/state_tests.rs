//! Pieces, partials and hard numbers.
#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn spec(kind: ReductionKind, dtype: DType, roles: &[AxisRole], groups: usize) -> FoldSpec {
    FoldSpec {
        reduction: Reduction::new(kind, dtype),
        dtype,
        roles: roles.to_vec(),
        groups,
    }
}

fn fold(spec: &FoldSpec, cells: &[usize], tile: &FoldTile<'_>, values: &[f64]) -> State {
    let mut state = State::new(spec, cells).unwrap();
    for (k, piece) in values.chunks(super::super::super::SUB_TILE).enumerate() {
        state
            .feed(
                tile,
                &Runs::one(k * super::super::super::SUB_TILE, piece.len()),
                Column::F64(piece),
            )
            .unwrap();
    }
    state
}

fn scalar(mut state: State) -> f64 {
    state.finalize().unwrap().get(0).unwrap().as_f64()
}

const ALL: &[AxisRole] = &[AxisRole::Reduce];

fn flat<'a>(shape: &'a [usize], codes: &'a [u32]) -> FoldTile<'a> {
    FoldTile {
        shape,
        codes,
        arg_base: 0,
        arg_strides: &[1, 1, 1],
    }
}

const KINDS: [ReductionKind; 14] = [
    ReductionKind::Sum,
    ReductionKind::Prod,
    ReductionKind::Mean,
    ReductionKind::Min,
    ReductionKind::Max,
    ReductionKind::Var { ddof: 1 },
    ReductionKind::Std { ddof: 0 },
    ReductionKind::Count,
    ReductionKind::Any,
    ReductionKind::All,
    ReductionKind::Argmin,
    ReductionKind::Argmax,
    ReductionKind::First,
    ReductionKind::Last,
];

#[test]
fn states_take_the_bytes_that_are_projected() {
    for dtype in DType::ALL {
        for kind in KINDS {
            for skipna in [false, true] {
                let roles = vec![AxisRole::Keep, AxisRole::Reduce];
                let spec = FoldSpec {
                    reduction: Reduction { kind, skipna },
                    dtype,
                    roles,
                    groups: 0,
                };
                if spec.reduction.result_dtype(dtype).is_err() {
                    assert!(State::new(&spec, &[7]).is_err());
                    continue;
                }
                let state = State::new(&spec, &[7]).unwrap();
                assert_eq!(
                    state.live_bytes(),
                    State::bytes(&spec, &[7]),
                    "{kind:?} {dtype}"
                );
            }
        }
    }
}

#[test]
fn variance_far_from_zero_keeps_its_digits() {
    let values: Vec<f64> = (0..10_000)
        .map(|i| 1e9 + f64::from(i % 100) * 0.01)
        .collect();
    let want = (100.0f64 * 100.0 - 1.0) / 12.0 * 1e-4;
    let rows = spec(ReductionKind::Var { ddof: 0 }, DType::F64, ALL, 0);
    let got = scalar(fold(&rows, &[], &flat(&[10_000], &[]), &values));
    assert!((got / want - 1.0).abs() < 1e-6, "{got} {want}");
    // Element by element, as along an outer axis.
    let columns = spec(
        ReductionKind::Var { ddof: 0 },
        DType::F64,
        &[AxisRole::Reduce, AxisRole::Keep],
        0,
    );
    let mut state = State::new(&columns, &[2]).unwrap();
    let doubled: Vec<f64> = values.iter().flat_map(|v| [*v, -*v]).collect();
    state
        .feed(
            &flat(&[10_000, 2], &[]),
            &Runs::one(0, 20_000),
            Column::F64(&doubled),
        )
        .unwrap();
    let got = state.finalize().unwrap();
    for cell in 0..2 {
        let got = got.get(cell).unwrap().as_f64();
        assert!((got / want - 1.0).abs() < 1e-6, "{got} {want}");
    }
    // Several rows at once.
    let rows_of_two = Runs {
        start: 0,
        count: 10_000,
        len: 2,
        stride: 2,
        pitch: 2,
    };
    let mut state = State::new(&columns, &[2]).unwrap();
    state
        .feed(
            &flat(&[10_000, 2], &[]),
            &rows_of_two,
            Column::F64(&doubled),
        )
        .unwrap();
    let got = state.finalize().unwrap();
    for cell in 0..2 {
        let got = got.get(cell).unwrap().as_f64();
        assert!((got / want - 1.0).abs() < 1e-6, "{got} {want}");
    }
    // In partials.
    let (left, right) = values.split_at(3_333);
    let mut state = fold(&rows, &[], &flat(&[left.len()], &[]), left);
    state
        .merge(&fold(&rows, &[], &flat(&[right.len()], &[]), right))
        .unwrap();
    let got = scalar(state);
    assert!((got / want - 1.0).abs() < 1e-6, "{got} {want}");
}

/// Several rows that fall into the same cells at once give what one row after the other gives; cells in blocks and at the end,
/// some with gaps, one without any value, one that is constant.
#[test]
fn rows_side_by_side_fold_as_one_after_the_other() {
    let (rows, cells) = (5, 43);
    let value = |row: usize, cell: usize| match (row + 3 * cell) % 4 {
        _ if cell == 7 => f64::NAN,
        _ if cell == 8 => 0.1,
        0 if cell != 9 => f64::NAN,
        _ => ((row * 31 + cell * 17) % 23) as f64 - 7.0,
    };
    let values: Vec<f64> = (0..rows * cells)
        .map(|i| value(i / cells, i % cells))
        .collect();
    let shape = [rows, cells];
    let tile = FoldTile {
        shape: &shape,
        codes: &[],
        arg_base: 100,
        arg_strides: &[1, 0],
    };
    for kind in KINDS {
        for skipna in [false, true] {
            let spec = FoldSpec {
                reduction: Reduction { kind, skipna },
                ..spec(kind, DType::F64, &[AxisRole::Reduce, AxisRole::Keep], 0)
            };
            let mut one = State::new(&spec, &[cells]).unwrap();
            let mut all = State::new(&spec, &[cells]).unwrap();
            // The same tile twice: cells that are new, and cells that are not.
            for _ in 0..2 {
                one.feed(&tile, &Runs::one(0, values.len()), Column::F64(&values))
                    .unwrap();
                for (start, len) in [(0, 19), (19, 24)] {
                    let runs = Runs {
                        start,
                        count: rows,
                        len,
                        stride: cells,
                        pitch: cells,
                    };
                    let reach = start..start + runs.reach();
                    all.feed(&tile, &runs, Column::F64(&values[reach])).unwrap();
                }
            }
            let made = [one.finalize(), all.finalize()];
            if let [Err(one), Err(all)] = &made {
                assert_eq!(one.to_string(), all.to_string());
                continue;
            }
            let [one, all] = made.map(Result::unwrap);
            for cell in 0..cells {
                let (one, all) = (one.get(cell).unwrap(), all.get(cell).unwrap());
                let (one, all) = (one.as_f64(), all.as_f64());
                let near = match kind {
                    ReductionKind::Var { .. } | ReductionKind::Std { .. } if cell != 8 => {
                        (one - all).abs() <= 1e-14 * one
                    }
                    _ => one == all,
                };
                let what = format!("{kind:?} skipna {skipna}, cell {cell}: {one} {all}");
                assert!(near || one.is_nan() && all.is_nan(), "{what}");
            }
        }
    }
}

#[test]
fn all_nan_and_empty_groups_are_named() {
    let roles = &[AxisRole::Group];
    let shape = [3];
    let argmin = spec(ReductionKind::Argmin, DType::F64, roles, 2);
    let mut state = fold(
        &argmin,
        &[2],
        &flat(&shape, &[0, 1, 0]),
        &[1.0, f64::NAN, 2.0],
    );
    let error = state.finalize().unwrap_err();
    assert!(
        error.is_data() && error.message().contains("All-NaN slice encountered"),
        "{error}"
    );
    assert!(error.message().contains("group 1"), "{error}");

    let max = spec(ReductionKind::Max, DType::I16, roles, 2);
    let mut state = State::new(&max, &[2]).unwrap();
    state
        .feed(
            &flat(&shape, &[0, 0, u32::MAX]),
            &Runs::one(0, 3),
            Column::I16(&[1, 5, 9]),
        )
        .unwrap();
    let error = state.finalize().unwrap_err();
    assert!(
        error.is_data() && error.message().contains("group 1"),
        "{error}"
    );
}

#[test]
fn wrong_tiles_are_internal_errors() {
    let sum = spec(
        ReductionKind::Sum,
        DType::F64,
        &[AxisRole::Keep, AxisRole::Group],
        2,
    );
    let mut state = State::new(&sum, &[2, 2]).unwrap();
    let values = [0.0; 6];
    let feed = |state: &mut State, shape: &[usize], codes: &[u32], start| {
        state
            .feed(
                &flat(shape, codes),
                &Runs::one(start, 6),
                Column::F64(&values),
            )
            .err()
            .map(|e| e.is_internal())
    };
    assert_eq!(feed(&mut state, &[3, 2], &[0, 1], 0), Some(true), "cells");
    assert_eq!(feed(&mut state, &[2, 3], &[0, 1], 0), Some(true), "codes");
    assert_eq!(
        feed(&mut state, &[2, 3], &[0, 1, 0], 1),
        Some(true),
        "too long"
    );
    assert_eq!(feed(&mut state, &[2, 3], &[0, 1, 0], 0), None);
    let wrong = state.feed(
        &flat(&[2, 3], &[0, 1, 0]),
        &Runs::one(0, 6),
        Column::F32(&[0.0; 6]),
    );
    assert!(wrong.unwrap_err().is_internal(), "dtype");
}

/// A list of small whole numbers with some NaN: sums of them are exact, so any order gives the same.
fn numbers(n: usize) -> impl Strategy<Value = Vec<f64>> {
    let number = prop_oneof![8 => (-9i32..9).prop_map(f64::from), 1 => Just(f64::NAN)];
    prop::collection::vec(number, n)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Tiles joined pairwise in any bracketing, through their wire form, give what one after the other gives.
    #[test]
    fn partials_join_as_their_elements(
        kind in prop::sample::select(KINDS.to_vec()),
        skipna: bool,
        values in (3usize..40).prop_flat_map(|n| numbers(4 * n)),
        cuts in (0usize..100, 0usize..100),
        inner_kept: bool,
    ) {
        let n = values.len() / 4;
        let (a, b) = (1 + cuts.0 % (n - 2), 1 + cuts.1 % (n - 2));
        let (a, b) = (a.min(b), a.max(b) + 1);
        let roles = if inner_kept {
            vec![AxisRole::Reduce, AxisRole::Keep]
        } else {
            vec![AxisRole::Reduce, AxisRole::Group]
        };
        let mut spec = spec(kind, DType::F64, &roles, 4);
        spec.reduction.skipna = skipna;
        let codes = if inner_kept { vec![] } else { vec![3u32, 0, 2, 1] };
        let part = |from: usize, to: usize| {
            let shape = [to - from, 4];
            let tile = FoldTile {
                shape: &shape,
                codes: &codes,
                arg_base: from as i64,
                arg_strides: &[1, 0],
            };
            let state = fold(&spec, &[4], &tile, &values[4 * from..4 * to]);
            let mut bytes = Vec::new();
            state.encode(&mut bytes);
            State::decode(&spec, &[4], &bytes).unwrap()
        };
        let close = |x: &Result<Block>, y: &Result<Block>| match (x, y) {
            (Ok(x), Ok(y)) => (0..4).all(|cell| {
                let (x, y) = (x.get(cell).unwrap().as_f64(), y.get(cell).unwrap().as_f64());
                (x.is_nan() && y.is_nan()) || x == y || (x - y).abs() <= 1e-12 * y.abs().max(1e-3)
            }),
            (Err(x), Err(y)) => x == y,
            _ => false,
        };
        let whole = part(0, n).finalize();
        let (mut left, middle, right) = (part(0, a), part(a, b), part(b, n));
        left.merge(&middle).unwrap();
        left.merge(&right).unwrap();
        let left = left.finalize();
        prop_assert!(close(&left, &whole), "{left:?} {whole:?}");
        let (mut first, mut rest) = (part(0, a), part(a, b));
        rest.merge(&right).unwrap();
        first.merge(&rest).unwrap();
        let first = first.finalize();
        prop_assert!(close(&first, &whole), "{first:?} {whole:?}");
    }
}
