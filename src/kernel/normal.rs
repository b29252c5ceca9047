//! The inverse of the normal distribution: M. J. Wichura, "Algorithm AS 241: the percentage points of the normal
//! distribution" (1988), PPND16: a relative error of about 1e-16. The same bits everywhere: no contraction, `log` of `libm`.

#![allow(clippy::excessive_precision)] // the digits are those of the paper

use super::vector;

/// Beyond this distance from the middle the tails begin.
const SPLIT: f64 = 0.425;

/// Elements that are treated together.
pub(super) const MOST: usize = 512;

#[inline(always)]
fn polynomial(c: [f64; 8], x: f64) -> f64 {
    ((((((c[7] * x + c[6]) * x + c[5]) * x + c[4]) * x + c[3]) * x + c[2]) * x + c[1]) * x + c[0]
}

/// The quantile of ½ + q for |q| <= 0.425.
#[inline(always)]
fn middle(q: f64) -> f64 {
    const A: [f64; 8] = [
        3.387_132_872_796_366_608,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ];
    const B: [f64; 8] = [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561e3,
    ];
    let r = 0.180_625 - q * q;
    q * polynomial(A, r) / polynomial(B, r)
}

/// The quantile at distance `r` = √(−ln p) from 0, for p from e⁻²⁵ to 0.075; positive.
#[inline(always)]
fn near_tail(r: f64) -> f64 {
    const C: [f64; 8] = [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_9,
        5.769_497_221_460_691_405_5,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_7e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_4e-4,
    ];
    const D: [f64; 8] = [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_4,
        6.897_673_349_851_000_045_5e-1,
        1.481_039_764_274_800_745_9e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946e-4,
        1.050_750_071_644_416_843_24e-9,
    ];
    polynomial(C, r - 1.6) / polynomial(D, r - 1.6)
}

/// The same for smaller p.
#[cold]
fn far_tail(r: f64) -> f64 {
    const E: [f64; 8] = [
        6.657_904_643_501_103_777_2,
        5.463_784_911_164_114_369_9,
        1.784_826_539_917_291_335_8,
        2.965_605_718_285_048_912_3e-1,
        2.653_218_952_657_612_309_3e-2,
        1.242_660_947_388_078_438_6e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ];
    const F: [f64; 8] = [
        1.0,
        5.998_322_065_558_879_376_9e-1,
        1.369_298_809_227_358_053_1e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591e-4,
        1.846_318_317_510_054_681_8e-5,
        1.421_511_758_316_445_888_7e-7,
        2.044_263_103_389_939_785_64e-15,
    ];
    polynomial(E, r - 5.0) / polynomial(F, r - 5.0)
}

/// `out[i]` = the quantile of ½ + q[i]; the `q` lie in (−½, ½); at most [`MOST`] of them.
///
/// The middle is computed for all elements, and the tails, 15 % of them, are put together first: both are loops of vectors
/// then, but for the logarithms.
pub(super) fn quantiles(q: &[f64], out: &mut [f64]) {
    vector::map1(q, out, middle);
    let (mut places, mut count) = ([0u16; MOST], 0);
    for (place, q) in q.iter().enumerate().take(MOST) {
        places[count] = place as u16;
        count += usize::from(q.abs() > SPLIT);
    }
    let (mut distances, mut values) = ([0.0; MOST], [0.0; MOST]);
    let (distances, values) = (&mut distances[..count], &mut values[..count]);
    for (distance, place) in distances.iter_mut().zip(&places) {
        *distance = -libm::log(0.5 - q[usize::from(*place)].abs());
    }
    vector::map1(distances, values, |square: f64| near_tail(square.sqrt()));
    for ((value, square), place) in values.iter().zip(&*distances).zip(&places) {
        let value = if *square > 25.0 {
            far_tail(square.sqrt())
        } else {
            *value
        };
        out[usize::from(*place)] = value.copysign(q[usize::from(*place)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `scipy.special.ndtri`.
    #[test]
    fn quantiles_are_those_of_scipy() {
        let known = [
            (0.0, 0.0),
            (0.25, 0.674_489_750_196_081_7),
            (-0.425, -1.439_531_470_938_456),
            (0.426, 1.446_632_067_158_978_5),
            (0.499, 3.090_232_306_167_813_5),
            (0.499_999, 4.753_424_308_828_305),
            (-0.499_999_999_999, -7.034_486_910_047_835_6),
            (-(0.5 - 2f64.powi(-53)), -8.209_536_151_601_387),
        ];
        for (q, expected) in known {
            let mut out = [0.0];
            quantiles(&[q], &mut out);
            let error = (out[0] - expected).abs();
            assert!(
                error <= 4e-15 * expected.abs(),
                "{q}: {} {expected}",
                out[0]
            );
        }
    }
}
