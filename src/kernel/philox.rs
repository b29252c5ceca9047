//! Philox4x32-7, and numbers made of its words.
//!
//! J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Seven rounds
//! are the fewest that pass all of TestU01's BigCrush there (table 2); ten take 1.5 times as long.
//!
//! Words are kept in the lower halves of 64-bit lanes, since the products of a round are 64 bits wide: the loop over
//! counters then becomes one of vectors without shuffles. See [`vector::counted`](super::vector::counted).

use super::vector::Counted;

const ROUNDS: usize = 7;
const M0: u64 = 0xD251_1F53;
const M1: u64 = 0xCD9E_8D57;
const W0: u32 = 0x9E37_79B9;
const W1: u32 = 0xBB67_AE85;
const LOW: u64 = 0xFFFF_FFFF;

/// The generator under one key, with all words of the counter but the lowest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Philox {
    keys: [[u64; 2]; ROUNDS],
    high: [u64; 3],
}

impl Philox {
    /// The words of `seed` are the key, lower one first; `high` are the upper two words of all counters.
    pub(super) fn new(seed: u64, high: [u32; 2]) -> Self {
        let (mut k0, mut k1) = (seed as u32, (seed >> 32) as u32);
        let keys = std::array::from_fn(|_| {
            let key = [u64::from(k0), u64::from(k1)];
            (k0, k1) = (k0.wrapping_add(W0), k1.wrapping_add(W1));
            key
        });
        Philox {
            keys,
            high: [0, u64::from(high[0]), u64::from(high[1])],
        }
    }

    /// With word 1 of the counter.
    fn with_word_1(mut self, word: u32) -> Self {
        self.high[0] = u64::from(word);
        self
    }

    /// The four words of the counter whose word 0 is `counter`, each in the lower half of its lane. What follows from the
    /// other words alone, a good part of the first two rounds, the compiler takes out of loops.
    #[inline(always)]
    pub(super) fn words(&self, counter: u32) -> [u64; 4] {
        let mut c = [u64::from(counter), self.high[0], self.high[1], self.high[2]];
        for key in &self.keys {
            let (a, b) = (M0 * (c[0] & LOW), M1 * (c[2] & LOW));
            // Upper halves are left as they come: the products do not see them.
            c = [(b >> 32) ^ c[1] ^ key[0], b, (a >> 32) ^ c[3] ^ key[1], a];
        }
        c.map(|word| word & LOW)
    }
}

/// Uniform in [0, 1), 53 bits: `high` and the upper 21 bits of `low`.
///
/// The bits are put into the fractions of 2²⁰ and ½; all steps are exact, and none is a conversion of integers, for which
/// AVX2 has no instruction.
#[inline(always)]
fn unit(high: u64, low: u64) -> f64 {
    let high = f64::from_bits(UPPER | high) - OFFSET;
    high + f64::from_bits(LOWER | (low >> 11))
}

/// The exponent of 2²⁰, that of ½, and their sum.
const UPPER: u64 = (1023 + 20) << 52;
const LOWER: u64 = (1023 - 1) << 52;
const OFFSET: f64 = 1_048_576.0 + 0.5;

/// Two floats of [0, 1).
#[derive(Clone, Copy)]
pub(super) struct Uniform(pub(super) Philox);

impl Counted<f64, 2> for Uniform {
    fn with_word_1(self, word: u32) -> Self {
        Uniform(self.0.with_word_1(word))
    }

    #[inline(always)]
    fn at(&self, counter: u32) -> [f64; 2] {
        let [a, b, c, d] = self.0.words(counter);
        [unit(a, b), unit(c, d)]
    }

    fn fill(&self, counters: &[u32], out: &mut [[f64; 2]]) {
        #[cfg(test)]
        if super::vector::base::is_forced() {
            return super::vector::scattered(counters, out, *self);
        }
        uniform_of(self, counters, out);
    }

    fn fill_run(&self, first: u32, out: &mut [[f64; 2]]) {
        #[cfg(test)]
        if super::vector::base::is_forced() {
            return super::vector::counted(first, out, *self);
        }
        uniform_from(self, first, out);
    }
}

// What users draw most is written with the instructions of AVX2: the compiler's own vectors take 1.4 times as long.

#[multiversion::multiversion(targets("x86_64+avx2"))]
fn uniform_of(uniform: &Uniform, counters: &[u32], out: &mut [[f64; 2]]) {
    multiversion::target::match_target! {
        "x86_64+avx2" => avx2::uniform_of(*uniform, counters, out),
        _ => super::vector::scattered(counters, out, *uniform),
    }
}

#[multiversion::multiversion(targets("x86_64+avx2"))]
fn uniform_from(uniform: &Uniform, first: u32, out: &mut [[f64; 2]]) {
    multiversion::target::match_target! {
        "x86_64+avx2" => avx2::uniform_from(*uniform, first, out),
        _ => super::vector::counted(first, out, *uniform),
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{LOW, LOWER, M0, M1, OFFSET, ROUNDS, UPPER, Uniform};
    use crate::kernel::vector::Counted;
    use std::arch::x86_64::*;

    /// Counters of a step: two vectors of four, since one alone waits for its products.
    const STEP: usize = 8;

    #[target_feature(enable = "avx2")]
    pub(super) fn uniform_of(uniform: Uniform, counters: &[u32], out: &mut [[f64; 2]]) {
        let rounds = Rounds::new(uniform);
        let (counters, last_counters) = counters.as_chunks::<STEP>();
        let (out, last) = out.as_chunks_mut::<STEP>();
        for (out, counters) in out.iter_mut().zip(counters) {
            let [x, y] = bytemuck::cast::<[u32; STEP], [__m128i; 2]>(*counters);
            let counters = [_mm256_cvtepu32_epi64(x), _mm256_cvtepu32_epi64(y)];
            *out = rounds.step(counters);
        }
        for (out, counter) in last.iter_mut().zip(last_counters) {
            *out = uniform.at(*counter);
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn uniform_from(uniform: Uniform, first: u32, out: &mut [[f64; 2]]) {
        let rounds = Rounds::new(uniform);
        let start = _mm256_set1_epi64x(i64::from(first));
        let mut x = _mm256_add_epi64(start, _mm256_set_epi64x(3, 2, 1, 0));
        let (four, eight) = (_mm256_set1_epi64x(4), _mm256_set1_epi64x(8));
        let (whole, last) = out.as_chunks_mut::<STEP>();
        let done = whole.len() * STEP;
        for out in whole {
            *out = rounds.step([x, _mm256_add_epi64(x, four)]);
            x = _mm256_add_epi64(x, eight);
        }
        for (i, out) in last.iter_mut().enumerate() {
            *out = uniform.at(first.wrapping_add((done + i) as u32));
        }
    }

    /// What all counters share.
    struct Rounds {
        keys: [[__m256i; 2]; ROUNDS],
        high: [__m256i; 3],
    }

    impl Rounds {
        #[inline]
        #[target_feature(enable = "avx2")]
        fn new(Uniform(philox): Uniform) -> Rounds {
            let splat = |word: u64| _mm256_set1_epi64x(word as i64);
            let mut keys = [[splat(0); 2]; ROUNDS];
            for (key, [a, b]) in keys.iter_mut().zip(&philox.keys) {
                *key = [splat(*a), splat(*b)];
            }
            let [h1, h2, h3] = philox.high;
            Rounds {
                keys,
                high: [splat(h1), splat(h2), splat(h3)],
            }
        }

        /// [`Uniform::at`] of eight counters in the lower halves of their lanes, by the same steps.
        #[inline]
        #[target_feature(enable = "avx2")]
        fn step(&self, counters: [__m256i; 2]) -> [[f64; 2]; STEP] {
            let splat = |word: u64| _mm256_set1_epi64x(word as i64);
            let (m0, m1) = (splat(M0), splat(M1));
            let [h1, h2, h3] = self.high;
            let (mut x, mut y) = ([counters[0], h1, h2, h3], [counters[1], h1, h2, h3]);
            let round = |c: [__m256i; 4], key: &[__m256i; 2]| {
                let (a, b) = (_mm256_mul_epu32(m0, c[0]), _mm256_mul_epu32(m1, c[2]));
                let (ah, bh) = (_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(b));
                [
                    _mm256_xor_si256(bh, _mm256_xor_si256(c[1], key[0])),
                    b,
                    _mm256_xor_si256(ah, _mm256_xor_si256(c[3], key[1])),
                    a,
                ]
            };
            for key in &self.keys {
                x = round(x, key);
                y = round(y, key);
            }
            let unit = |high, lower| {
                let upper = splat(UPPER);
                let high = _mm256_castsi256_pd(_mm256_blend_epi32::<0b0101_0101>(upper, high));
                let lower = _mm256_srli_epi64::<11>(_mm256_and_si256(lower, splat(LOW)));
                let lower = _mm256_castsi256_pd(_mm256_or_si256(splat(LOWER), lower));
                _mm256_add_pd(_mm256_sub_pd(high, _mm256_set1_pd(OFFSET)), lower)
            };
            let pairs = |c: [__m256i; 4]| {
                let (first, second) = (unit(c[0], c[1]), unit(c[2], c[3]));
                let (even, odd) = (
                    _mm256_unpacklo_pd(first, second),
                    _mm256_unpackhi_pd(first, second),
                );
                [
                    _mm256_permute2f128_pd::<0x20>(even, odd),
                    _mm256_permute2f128_pd::<0x31>(even, odd),
                ]
            };
            bytemuck::cast([pairs(x), pairs(y)])
        }
    }
}

/// Four floats of [0, 1), 24 bits each.
#[derive(Clone, Copy)]
pub(super) struct Uniform32(pub(super) Philox);

impl Counted<f32, 4> for Uniform32 {
    fn with_word_1(self, word: u32) -> Self {
        Uniform32(self.0.with_word_1(word))
    }

    #[inline(always)]
    fn at(&self, counter: u32) -> [f32; 4] {
        self.0
            .words(counter)
            .map(|word| (word as u32 >> 8) as i32 as f32 * (1.0 / 16_777_216.0))
    }
}

/// Two floats of (−½, ½): odd multiples of 2⁻⁵³, symmetric.
#[derive(Clone, Copy)]
pub(super) struct Centred(pub(super) Philox);

impl Counted<f64, 2> for Centred {
    fn with_word_1(self, word: u32) -> Self {
        Centred(self.0.with_word_1(word))
    }

    #[inline(always)]
    fn at(&self, counter: u32) -> [f64; 2] {
        const A: u64 = (1023 + 20) << 52;
        const B: u64 = (1023 - 1) << 52;
        // 52 bits and a last one that is always set.
        let centred = |high: u64, low: u64| {
            let high = f64::from_bits(A | high) - (1_048_576.0 + 1.0);
            high + f64::from_bits(B | (low >> 11) | 1)
        };
        let [a, b, c, d] = self.0.words(counter);
        [centred(a, b), centred(c, d)]
    }
}

/// Two integers of 64 bits.
#[derive(Clone, Copy)]
pub(super) struct Bits(pub(super) Philox);

impl Counted<u64, 2> for Bits {
    fn with_word_1(self, word: u32) -> Self {
        Bits(self.0.with_word_1(word))
    }

    #[inline(always)]
    fn at(&self, counter: u32) -> [u64; 2] {
        let [a, b, c, d] = self.0.words(counter);
        [a << 32 | b, c << 32 | d]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `philox4x32 7` of the file kat_vectors of Random123: counter, key, words.
    #[test]
    fn published_vectors() {
        let known: [([u32; 4], [u32; 2], [u64; 4]); 3] = [
            (
                [0; 4],
                [0; 2],
                [0x5f6f_b709, 0x0d89_3f64, 0x4f12_1f81, 0x4f73_0a48],
            ),
            (
                [u32::MAX; 4],
                [u32::MAX; 2],
                [0x5207_ddc2, 0x4516_5e59, 0x4d8e_e751, 0x8c52_f662],
            ),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0x4dfc_caba, 0x190a_87f0, 0xc473_62ba, 0xb6b5_242a],
            ),
        ];
        for (counter, key, words) in known {
            let seed = u64::from(key[1]) << 32 | u64::from(key[0]);
            let philox = Philox::new(seed, [counter[2], counter[3]]).with_word_1(counter[1]);
            assert_eq!(philox.words(counter[0]), words);
        }
    }

    #[test]
    fn floats_are_their_bits() {
        assert_eq!(unit(0, 0), 0.0);
        assert_eq!(unit(LOW, LOW), 1.0 - f64::EPSILON / 2.0);
        assert_eq!(unit(1 << 31, 0), 0.5);
        assert_eq!(unit(0, 1 << 11), 2f64.powi(-53));
    }
}
