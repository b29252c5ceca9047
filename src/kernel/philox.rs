//! Philox4x32-10, and numbers made of its words.
//!
//! Words are kept in the lower halves of 64-bit lanes, since the products of a round are 64 bits wide: the loop over
//! counters then becomes one of vectors without shuffles. See [`vector::counted`](super::vector::counted).

use super::vector::Counted;

const ROUNDS: usize = 10;
const M0: u64 = 0xD251_1F53;
const M1: u64 = 0xCD9E_8D57;
const W0: u32 = 0x9E37_79B9;
const W1: u32 = 0xBB67_AE85;
const LOW: u64 = 0xFFFF_FFFF;

/// The generator under one key, with the upper half of the counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Philox {
    keys: [[u64; 2]; ROUNDS],
    high: [u64; 2],
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
            high: high.map(u64::from),
        }
    }

    /// The four words of a counter, each in the lower half of its lane.
    #[inline(always)]
    pub(super) fn words(&self, counter: u64) -> [u64; 4] {
        let mut c = [counter & LOW, counter >> 32, self.high[0], self.high[1]];
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
    const A: u64 = (1023 + 20) << 52;
    const B: u64 = (1023 - 1) << 52;
    let high = f64::from_bits(A | high) - (1_048_576.0 + 0.5);
    high + f64::from_bits(B | (low >> 11))
}

/// Two floats of [0, 1).
#[derive(Clone, Copy)]
pub(super) struct Uniform(pub(super) Philox);

impl Counted<f64, 2> for Uniform {
    #[inline(always)]
    fn at(&self, counter: u64) -> [f64; 2] {
        let [a, b, c, d] = self.0.words(counter);
        [unit(a, b), unit(c, d)]
    }
}

/// Four floats of [0, 1), 24 bits each.
#[derive(Clone, Copy)]
pub(super) struct Uniform32(pub(super) Philox);

impl Counted<f32, 4> for Uniform32 {
    #[inline(always)]
    fn at(&self, counter: u64) -> [f32; 4] {
        self.0
            .words(counter)
            .map(|word| (word as u32 >> 8) as i32 as f32 * (1.0 / 16_777_216.0))
    }
}

/// Two floats of (−½, ½): odd multiples of 2⁻⁵³, symmetric.
#[derive(Clone, Copy)]
pub(super) struct Centred(pub(super) Philox);

impl Counted<f64, 2> for Centred {
    #[inline(always)]
    fn at(&self, counter: u64) -> [f64; 2] {
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
    #[inline(always)]
    fn at(&self, counter: u64) -> [u64; 2] {
        let [a, b, c, d] = self.0.words(counter);
        [a << 32 | b, c << 32 | d]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `philox4x32 10` of the file kat_vectors of Random123: counter, key, words.
    #[test]
    fn published_vectors() {
        let known: [([u32; 4], [u32; 2], [u64; 4]); 3] = [
            (
                [0; 4],
                [0; 2],
                [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
            ),
            (
                [u32::MAX; 4],
                [u32::MAX; 2],
                [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
            ),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, words) in known {
            let seed = u64::from(key[1]) << 32 | u64::from(key[0]);
            let low = u64::from(counter[1]) << 32 | u64::from(counter[0]);
            let philox = Philox::new(seed, [counter[2], counter[3]]);
            assert_eq!(philox.words(low), words);
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
