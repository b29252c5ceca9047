//! ARS-7, "advanced randomization system": seven rounds of AES on a counter, with a key that takes one addition per round; and
//! numbers made of its words.
//!
//! J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Five rounds
//! pass all of TestU01's BigCrush there; seven are what the authors advise. Every machine gives the same bits: x86-64 by its
//! instructions for AES, here; all others by the crate `aes`, with the instructions of ARM where there are some.

use super::vector;
use bytemuck::Pod;

const ROUNDS: usize = 7;
/// What the halves of the key grow by from round to round: √3 − 1 and the golden ratio, as the authors have them.
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];
/// Blocks on their way at once: a round takes longer than it takes to begin the next.
const STEP: usize = 8;
/// Blocks that stay in the first cache until numbers are made of them.
const BATCH: usize = 256;

/// The 128 bits of a counter: the first 64 are its lower ones.
pub(super) type Words = [u64; 2];

/// The generator under one key, with all words of the counter but the lowest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ars {
    /// That of the counter, and one per round.
    keys: [Words; ROUNDS + 1],
    /// Words 1, 2 and 3.
    high: [u32; 3],
}

impl Ars {
    /// The lower half of the key is `seed`, the upper one 0; `high` are the upper two words of all counters.
    pub(super) fn new(seed: u64, high: [u32; 2]) -> Self {
        Ars::with_key([seed, 0], high)
    }

    fn with_key(key: Words, high: [u32; 2]) -> Self {
        let mut key = key;
        let keys = std::array::from_fn(|_| {
            let now = key;
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
            now
        });
        Ars {
            keys,
            high: [0, high[0], high[1]],
        }
    }

    /// With word 1 of the counter.
    pub(super) fn with_word_1(mut self, word: u32) -> Self {
        self.high[0] = word;
        self
    }

    /// The numbers of counters.
    pub(super) fn fill<K: Kind<T, N>, T: Pod, const N: usize>(
        &self,
        _kind: K,
        counters: &[u32],
        out: &mut [[T; N]],
    ) {
        in_words(out, |start, blocks| {
            for (block, counter) in blocks.iter_mut().zip(&counters[start..]) {
                *block = self.counter(*counter);
            }
            encrypt(self, blocks);
            vector::in_place(blocks, |words| bytemuck::cast(K::numbers(words)));
        });
    }

    /// The numbers of the counters from `first` on; the last of them does not overflow.
    pub(super) fn fill_run<K: Kind<T, N>, T: Pod, const N: usize>(
        &self,
        _kind: K,
        first: u32,
        out: &mut [[T; N]],
    ) {
        in_words(out, |start, blocks| {
            encrypt_from(self, first.wrapping_add(start as u32), blocks);
            vector::in_place(blocks, |words| bytemuck::cast(K::numbers(words)));
        });
    }

    /// The numbers of one counter.
    pub(super) fn one<K: Kind<T, N>, T: Pod, const N: usize>(&self, counter: u32) -> [T; N] {
        let mut block = [self.counter(counter)];
        encrypt(self, &mut block);
        K::numbers(block[0])
    }

    #[inline(always)]
    fn counter(&self, counter: u32) -> Words {
        let wide = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        [
            wide(counter, self.high[0]),
            wide(self.high[1], self.high[2]),
        ]
    }
}

/// Calls `fill(start, blocks)` for the words of `out`, some at a time: in place, or elsewhere where they do not begin at an address of
/// words, as a row of 32-bit numbers may not.
fn in_words<T: Pod, const N: usize>(out: &mut [[T; N]], mut fill: impl FnMut(usize, &mut [Words])) {
    for (number, out) in out.chunks_mut(BATCH).enumerate() {
        let start = number * BATCH;
        if let Ok(blocks) = bytemuck::try_cast_slice_mut(out) {
            fill(start, blocks);
            continue;
        }
        let mut aside: [Words; BATCH] = [[0; 2]; BATCH];
        let blocks = &mut aside[..out.len()];
        fill(start, blocks);
        for (out, words) in out.iter_mut().zip(blocks) {
            *out = bytemuck::cast(*words);
        }
    }
}

/// Replaces counters by their random words.
fn encrypt(ars: &Ars, blocks: &mut [Words]) {
    #[multiversion::multiversion(targets("x86_64+avx2+aes"))]
    fn dispatched(ars: &Ars, blocks: &mut [Words]) {
        multiversion::target::match_target! {
            "x86_64+avx2+aes" => instructions::encrypt(ars, blocks),
            _ => portable(ars, blocks),
        }
    }
    #[cfg(test)]
    if vector::base::is_forced() {
        return portable(ars, blocks);
    }
    dispatched(ars, blocks);
}

/// The random words of the counters from `first` on.
fn encrypt_from(ars: &Ars, first: u32, blocks: &mut [Words]) {
    fn counted(ars: &Ars, first: u32, blocks: &mut [Words]) {
        for (i, block) in blocks.iter_mut().enumerate() {
            *block = ars.counter(first.wrapping_add(i as u32));
        }
        portable(ars, blocks);
    }
    #[multiversion::multiversion(targets("x86_64+avx2+aes+vaes", "x86_64+avx2+aes"))]
    fn dispatched(ars: &Ars, first: u32, blocks: &mut [Words]) {
        multiversion::target::match_target! {
            "x86_64+avx2+aes+vaes" => instructions::encrypt_pairs_from(ars, first, blocks),
            "x86_64+avx2+aes" => instructions::encrypt_from(ars, first, blocks),
            _ => counted(ars, first, blocks),
        }
    }
    #[cfg(test)]
    if vector::base::is_forced() {
        return counted(ars, first, blocks);
    }
    dispatched(ars, first, blocks);
}

#[cfg(target_arch = "x86_64")]
mod instructions {
    use super::{Ars, ROUNDS, STEP, Words};
    use std::arch::x86_64::*;

    #[inline]
    #[target_feature(enable = "avx2,aes")]
    fn load([low, high]: Words) -> __m128i {
        _mm_set_epi64x(high as i64, low as i64)
    }

    /// All rounds of blocks to which the first key was added.
    #[inline]
    #[target_feature(enable = "avx2,aes")]
    fn rounds<const N: usize>(keys: &[__m128i; ROUNDS + 1], mut v: [__m128i; N]) -> [__m128i; N] {
        for key in &keys[1..ROUNDS] {
            for v in &mut v {
                *v = _mm_aesenc_si128(*v, *key);
            }
        }
        for v in &mut v {
            *v = _mm_aesenclast_si128(*v, keys[ROUNDS]);
        }
        v
    }

    #[target_feature(enable = "avx2,aes")]
    pub(super) fn encrypt(ars: &Ars, blocks: &mut [Words]) {
        let keys = ars.keys.map(|key| load(key));
        let (whole, rest) = blocks.as_chunks_mut::<STEP>();
        for blocks in whole {
            let v = blocks.map(|block| _mm_xor_si128(load(block), keys[0]));
            *blocks = bytemuck::cast(rounds(&keys, v));
        }
        for block in rest {
            let v = [_mm_xor_si128(load(*block), keys[0])];
            [*block] = bytemuck::cast(rounds(&keys, v));
        }
    }

    /// As [`encrypt_from`], two blocks at once.
    #[target_feature(enable = "avx2,aes,vaes")]
    pub(super) fn encrypt_pairs_from(ars: &Ars, first: u32, blocks: &mut [Words]) {
        let both = |key: Words| _mm256_broadcastsi128_si256(load(key));
        let keys = ars.keys.map(both);
        let base = _mm256_xor_si256(both(ars.counter(0)), keys[0]);
        let next = _mm256_set_epi64x(0, 2, 0, 2);
        let start = i64::from(first);
        let mut counters = _mm256_set_epi64x(0, start + 1, 0, start);
        let (whole, rest) = blocks.as_chunks_mut::<{ 2 * STEP }>();
        let done = whole.len() * 2 * STEP;
        for blocks in whole {
            let mut v = [base; STEP];
            for v in &mut v {
                *v = _mm256_xor_si256(*v, counters);
                counters = _mm256_add_epi32(counters, next);
            }
            for key in &keys[1..ROUNDS] {
                for v in &mut v {
                    *v = _mm256_aesenc_epi128(*v, *key);
                }
            }
            for v in &mut v {
                *v = _mm256_aesenclast_epi128(*v, keys[ROUNDS]);
            }
            *blocks = bytemuck::cast(v);
        }
        encrypt_from(ars, first.wrapping_add(done as u32), rest);
    }

    #[target_feature(enable = "avx2,aes")]
    pub(super) fn encrypt_from(ars: &Ars, first: u32, blocks: &mut [Words]) {
        let keys = ars.keys.map(|key| load(key));
        // Word 0 of the counter alone changes.
        let base = _mm_xor_si128(load(ars.counter(0)), keys[0]);
        let begun = |counter: u32| _mm_xor_si128(base, _mm_cvtsi32_si128(counter as i32));
        let (whole, rest) = blocks.as_chunks_mut::<STEP>();
        let mut counter = first;
        for blocks in whole {
            let v = std::array::from_fn::<_, STEP, _>(|i| begun(counter.wrapping_add(i as u32)));
            *blocks = bytemuck::cast(rounds(&keys, v));
            counter = counter.wrapping_add(STEP as u32);
        }
        for block in rest {
            [*block] = bytemuck::cast(rounds(&keys, [begun(counter)]));
            counter = counter.wrapping_add(1);
        }
    }
}

/// The same without instructions of x86-64. The bytes of AES are those of the words, lowest first.
fn portable(ars: &Ars, blocks: &mut [Words]) {
    use aes::Block;
    use aes::hazmat::{self, Block8};
    let bytes = |[low, high]: Words| {
        let mut block = Block::default();
        block[..8].copy_from_slice(&low.to_le_bytes());
        block[8..].copy_from_slice(&high.to_le_bytes());
        block
    };
    let words = |block: &Block| -> Words {
        let half = |at: usize| std::array::from_fn(|i| block[at + i]);
        [u64::from_le_bytes(half(0)), u64::from_le_bytes(half(8))]
    };
    for blocks in blocks.chunks_mut(STEP) {
        let mut v = Block8::default();
        for (v, block) in v.iter_mut().zip(blocks.iter()) {
            *v = bytes([block[0] ^ ars.keys[0][0], block[1] ^ ars.keys[0][1]]);
        }
        for key in &ars.keys[1..ROUNDS] {
            let mut keys = Block8::default();
            keys.fill(bytes(*key));
            hazmat::cipher_round_par(&mut v, &keys);
        }
        // The last round mixes no columns: they are mixed back.
        hazmat::cipher_round_par(&mut v, &Block8::default());
        let last = ars.keys[ROUNDS];
        for (v, block) in v.iter_mut().zip(blocks.iter_mut()) {
            hazmat::inv_mix_columns(v);
            let [low, high] = words(v);
            *block = [low ^ last[0], high ^ last[1]];
        }
    }
}

/// How numbers are made of random words, `N` of each block.
pub(super) trait Kind<T, const N: usize>: Copy {
    // 16 bytes of numbers take the place of 16 bytes of words.
    /// Those of a block; to be inlined.
    fn numbers(words: Words) -> [T; N];
}

/// The exponent of 2²⁰, that of ½, and their sum.
const UPPER: u64 = (1023 + 20) << 52;
const LOWER: u64 = (1023 - 1) << 52;
const OFFSET: f64 = 1_048_576.0 + 0.5;
const LOW: u64 = 0xFFFF_FFFF;

/// Two floats of [0, 1), 53 bits each: the upper ones of a half.
///
/// The bits are put into the fractions of 2²⁰ and ½; all steps are exact, and none is a conversion of integers, for which
/// AVX2 has no instruction.
#[derive(Clone, Copy)]
pub(super) struct Uniform;

impl Kind<f64, 2> for Uniform {
    #[inline(always)]
    fn numbers(words: Words) -> [f64; 2] {
        words.map(|word| {
            let high = f64::from_bits(UPPER | (word >> 32)) - OFFSET;
            high + f64::from_bits(LOWER | ((word & LOW) >> 11))
        })
    }
}

/// Four floats of [0, 1), 24 bits each: the upper ones of a word.
#[derive(Clone, Copy)]
pub(super) struct Uniform32;

impl Kind<f32, 4> for Uniform32 {
    #[inline(always)]
    fn numbers([a, b]: Words) -> [f32; 4] {
        [a, a >> 32, b, b >> 32].map(|word| (word as u32 >> 8) as i32 as f32 * (1.0 / 16_777_216.0))
    }
}

/// Two floats of (−½, ½): odd multiples of 2⁻⁵³, symmetric.
#[derive(Clone, Copy)]
pub(super) struct Centred;

impl Kind<f64, 2> for Centred {
    #[inline(always)]
    fn numbers(words: Words) -> [f64; 2] {
        // 52 bits and a last one that is always set.
        words.map(|word| {
            let high = f64::from_bits(UPPER | (word >> 32)) - (1_048_576.0 + 1.0);
            high + f64::from_bits(LOWER | ((word & LOW) >> 11) | 1)
        })
    }
}

/// Two integers of 64 bits.
#[derive(Clone, Copy)]
pub(super) struct Bits;

impl Kind<u64, 2> for Bits {
    #[inline(always)]
    fn numbers(words: Words) -> [u64; 2] {
        words
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `ars4x32 7` of the known answers of Random123 (tests/old_kat_vectors, version 1.14): counter, key, words.
    #[test]
    fn published_vectors() {
        let known: [([u32; 4], [u32; 4], [u32; 4]); 8] = [
            (
                [0x0000_0001, 0x0000_0000, 0x0000_0000, 0x0000_0000],
                [0x0000_0001, 0x0000_0000, 0x0000_0000, 0x0000_0000],
                [0x3523_162b, 0xdc14_d20c, 0x7918_4077, 0x7218_4193],
            ),
            (
                [0x0000_0000, 0x0000_0100, 0x0000_0000, 0x0000_0000],
                [0x0000_0001, 0x0000_0000, 0x0000_0000, 0x0000_0000],
                [0xf949_8100, 0xdc44_2236, 0x9219_4dd1, 0x83a0_93c7],
            ),
            (
                [0x0000_0000, 0x0000_0000, 0x0000_0100, 0x0000_0000],
                [0x0000_0001, 0x0000_0000, 0x0000_0000, 0x0000_0000],
                [0x80a6_6748, 0xba2b_df93, 0x8d5f_ae68, 0x0edc_78d5],
            ),
            (
                [0x886a_3f24, 0xd308_a385, 0x2e8a_1913, 0x4473_7003],
                [0x0000_0000, 0x0000_0000, 0x0000_0000, 0x8000_0000],
                [0x31e3_f0cc, 0x92d1_e3cc, 0xa2fd_aa6c, 0x902c_741b],
            ),
            (
                [0x2238_09a4, 0xd031_9f29, 0x98fa_2e08, 0x896c_4eec],
                [0x0000_0000, 0x0000_0000, 0x0000_0000, 0x8000_0000],
                [0x378e_dc3f, 0x0de9_ca93, 0xeabe_8ab2, 0x8b2f_1d2e],
            ),
            (
                [0xe621_2845, 0x7713_d038, 0xcf66_54be, 0x6c0c_e934],
                [0x0000_0000, 0x0000_0000, 0x0000_0000, 0x8000_0000],
                [0x394a_7bc3, 0x4d04_9c56, 0xb0e3_d5a5, 0xdcb0_70b5],
            ),
            (
                [0x0000_0001, 0x0000_0000, 0x0000_0000, 0x0000_0000],
                [0x0000_0000, 0x0000_0000, 0x0000_0001, 0x0000_0000],
                [0xe55e_c276, 0xe473_d61f, 0xc316_132c, 0x9548_94ea],
            ),
            (
                [0x0000_0100, 0x0000_0000, 0x0000_0000, 0x0000_0000],
                [0x0000_0000, 0x0000_0000, 0x0000_0001, 0x0000_0000],
                [0x61e2_96a3, 0xa424_ccbd, 0x575b_5150, 0x0aec_2318],
            ),
        ];
        for (counter, key, words) in known {
            let wide = |v: [u32; 4], at: usize| u64::from(v[at]) | u64::from(v[at + 1]) << 32;
            let ars = Ars::with_key([wide(key, 0), wide(key, 2)], [counter[2], counter[3]])
                .with_word_1(counter[1]);
            let due = [wide(words, 0), wide(words, 2)];
            assert_eq!(ars.one::<Bits, _, 2>(counter[0]), due);
            let (of_base, _) = vector::base::force(|| ars.one::<Bits, _, 2>(counter[0]));
            assert_eq!(of_base, due);
        }
    }

    #[test]
    fn floats_are_their_bits() {
        let unit = |word| Uniform::numbers([word, 0])[0];
        assert_eq!(unit(0), 0.0);
        assert_eq!(unit(u64::MAX), 1.0 - f64::EPSILON / 2.0);
        assert_eq!(unit(1 << 63), 0.5);
        assert_eq!(unit(1 << 11), 2f64.powi(-53));
    }
}
