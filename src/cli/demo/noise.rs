//! Smooth random fields: value noise in octaves, a function of (seed, position) alone.

/// A number in 0 … 1 that belongs to a lattice point: the finaliser of SplitMix64 over its coordinates.
pub(super) fn hash01(seed: u64, x: i64, y: i64) -> f64 {
    let mut z = seed
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add((x as u64).wrapping_mul(0xD1B5_4A32_D192_ED03))
        .wrapping_add((y as u64).wrapping_mul(0xABC9_8388_FB8F_AC03));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 11) as f64 / (1u64 << 53) as f64
}

/// Value noise with lattice spacing 1, smooth, in 0 … 1.
fn value(seed: u64, x: f64, y: f64) -> f64 {
    let (x0, y0) = (x.floor(), y.floor());
    let ease = |t: f64| t * t * t * (t * (6.0 * t - 15.0) + 10.0);
    let (u, v) = (ease(x - x0), ease(y - y0));
    let (i, j) = (x0 as i64, y0 as i64);
    let low = hash01(seed, i, j) * (1.0 - u) + hash01(seed, i + 1, j) * u;
    let high = hash01(seed, i, j + 1) * (1.0 - u) + hash01(seed, i + 1, j + 1) * u;
    low * (1.0 - v) + high * v
}

/// `octaves` of value noise, each twice as fine and half as strong, in 0 … 1; the coarsest lattice is `spacing` wide.
pub(super) fn fractal(seed: u64, x: f64, y: f64, spacing: f64, octaves: u64) -> f64 {
    let (mut sum, mut weight, mut total) = (0.0, 1.0, 0.0);
    let mut scale = 1.0 / spacing;
    for octave in 0..octaves {
        sum += weight * value(seed + 101 * octave, x * scale, y * scale);
        total += weight;
        weight *= 0.5;
        scale *= 2.0;
    }
    sum / total
}
