//! Cubic splines as weights: the value at a point is a sum of the values at the labels around it.
//!
//! The spline is the one that SciPy's `interp1d(kind="cubic")` draws: its third derivative does not jump at the second and the last
//! but one label ("not-a-knot"). Far labels count little (their weight falls by 3.7 from one to the next where labels are evenly
//! spaced), so the labels of a window suffice.

/// Labels of the window around a point.
pub(super) const WINDOW: usize = 48;

/// Weights of the labels of the window around `at`, which lies inside the increasing `x` (four or more): the first label of the
/// window, and one weight for each of its labels.
pub(super) fn weights(x: &[f64], at: f64) -> (usize, Vec<f64>) {
    let n = x.len().min(WINDOW);
    let cell = x.partition_point(|k| *k <= at).clamp(1, x.len() - 1) - 1;
    let start = (cell + 1).saturating_sub(n / 2).min(x.len() - n);
    (start, whole(&x[start..start + n], cell - start, at))
}

/// Weights of all of `x` for a point in its cell number `cell`.
fn whole(x: &[f64], cell: usize, at: f64) -> Vec<f64> {
    let n = x.len();
    let h = |i: usize| x[i + 1] - x[i];
    // A · M = R · y, M the second derivatives. The weights are those of the line plus c · A⁻¹ · R.
    let mut a = vec![vec![0.0; n]; n];
    (a[0][0], a[0][1], a[0][2]) = (-h(1), h(0) + h(1), -h(0));
    for i in 1..n - 1 {
        (a[i][i - 1], a[i][i], a[i][i + 1]) = (h(i - 1) / 6.0, (h(i - 1) + h(i)) / 3.0, h(i) / 6.0);
    }
    let (p, q) = (h(n - 3), h(n - 2));
    (a[n - 1][n - 3], a[n - 1][n - 2], a[n - 1][n - 1]) = (-q, p + q, -p);
    let width = h(cell);
    let left = (x[cell + 1] - at) / width;
    let right = 1.0 - left;
    let mut c = vec![0.0; n];
    c[cell] = (left * left * left - left) * width * width / 6.0;
    c[cell + 1] = (right * right * right - right) * width * width / 6.0;
    let v = solve_transposed(a, c);
    let mut weights = vec![0.0; n];
    (weights[cell], weights[cell + 1]) = (left, right);
    for i in 1..n - 1 {
        weights[i + 1] += v[i] / h(i);
        weights[i] -= v[i] / h(i) + v[i] / h(i - 1);
        weights[i - 1] += v[i] / h(i - 1);
    }
    weights
}

/// `v` with `aᵀ · v = c`, by elimination with pivots.
fn solve_transposed(a: Vec<Vec<f64>>, mut c: Vec<f64>) -> Vec<f64> {
    let n = c.len();
    let mut t: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| a[j][i]).collect()).collect();
    for k in 0..n {
        let pivot = (k..n)
            .max_by(|i, j| t[*i][k].abs().total_cmp(&t[*j][k].abs()))
            .unwrap_or(k);
        t.swap(k, pivot);
        c.swap(k, pivot);
        for i in k + 1..n {
            let factor = t[i][k] / t[k][k];
            if factor == 0.0 {
                continue;
            }
            let (upper, lower) = t.split_at_mut(i);
            for (below, above) in lower[0][k..].iter_mut().zip(&upper[k][k..]) {
                *below -= factor * above;
            }
            c[i] -= factor * c[k];
        }
    }
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| t[k][j] * c[j]).sum();
        c[k] = (c[k] - known) / t[k][k];
    }
    c
}
