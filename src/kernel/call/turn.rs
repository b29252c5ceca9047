//! Boxes transposed in squares, between memory and the lines of a transform.

/// Side of the squares: of complex numbers whole lines of the cache are read and written.
const SQUARE: usize = 4;

/// Transposes a box: `to[c, r] = from[r, c]` for (rows, columns), where both have so many elements from row to row.
///
/// Squares keep several rows on their way from memory at once; element by element the processor waits for each. The longer axis
/// is walked once: along it lies what is not in the cache.
pub(super) fn turn<S: Copy + Default>(
    (from, from_step): (&[S], usize),
    (to, to_step): (&mut [S], usize),
    (rows, columns): (usize, usize),
) {
    let (whole_rows, whole_columns) = (rows / SQUARE * SQUARE, columns / SQUARE * SQUARE);
    if rows >= columns {
        for r in (0..whole_rows).step_by(SQUARE) {
            for c in (0..whole_columns).step_by(SQUARE) {
                square(
                    &from[r * from_step + c..],
                    from_step,
                    &mut to[c * to_step + r..],
                    to_step,
                );
            }
        }
    } else {
        for c in (0..whole_columns).step_by(SQUARE) {
            for r in (0..whole_rows).step_by(SQUARE) {
                square(
                    &from[r * from_step + c..],
                    from_step,
                    &mut to[c * to_step + r..],
                    to_step,
                );
            }
        }
    }
    for r in 0..rows {
        let first = if r < whole_rows { whole_columns } else { 0 };
        for c in first..columns {
            to[c * to_step + r] = from[r * from_step + c];
        }
    }
}

#[inline(always)]
fn square<S: Copy + Default>(from: &[S], from_step: usize, to: &mut [S], to_step: usize) {
    let mut square = [[S::default(); SQUARE]; SQUARE];
    for (k, row) in square.iter_mut().enumerate() {
        row.copy_from_slice(&from[k * from_step..k * from_step + SQUARE]);
    }
    for k in 0..SQUARE {
        let column = &mut to[k * to_step..k * to_step + SQUARE];
        for (v, row) in column.iter_mut().zip(&square) {
            *v = row[k];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::turn;

    #[test]
    fn boxes_of_any_sides_are_transposed() {
        for (rows, columns) in [
            (1, 1),
            (4, 4),
            (9, 6),
            (6, 9),
            (3, 17),
            (16, 5),
            (0, 3),
            (3, 0),
        ] {
            let (from_step, to_step) = (columns + 3, rows + 2);
            let from: Vec<u32> = (0..(rows * from_step) as u32 + 8).collect();
            let mut to = vec![u32::MAX; columns * to_step + 8];
            turn((&from, from_step), (&mut to, to_step), (rows, columns));
            for (at, value) in to.iter().enumerate() {
                let (c, r) = (at / to_step, at % to_step);
                let expected = match r < rows && c < columns {
                    true => from[r * from_step + c],
                    false => u32::MAX,
                };
                assert_eq!(*value, expected, "{rows} {columns}: {c} {r}");
            }
        }
    }
}
