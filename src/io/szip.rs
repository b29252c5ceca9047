//! The szip filter: adaptive entropy coding after CCSDS 121.0-B, in the form that HDF5 stores.
//!
//! The size of the chunk (4 bytes, least significant first), then bits, most significant first. A scan line is one reference
//! interval: blocks of samples, padded to whole blocks. With the preprocessor the first sample of an interval is stored as it is,
//! and the others as differences, mapped to numbers that are not negative. A block begins with the number of its coding. Numbers of
//! 32 and 64 bits are coded as shuffled bytes.

use super::filters::unshuffle;

/// HDF5's bit of the options: neighbours are subtracted.
const NEIGHBOUR: u32 = 32;
/// Samples of two bytes and more are stored with the most significant byte first.
const MSB: u32 = 16;
/// Codes of the second extension: pairs of numbers whose sum is at most 12.
const PAIRS: u32 = 91;

/// What the filter's parameters say.
pub(in crate::io) struct Coding {
    preprocessed: bool,
    big_endian: bool,
    /// Bits of a sample.
    bits: u32,
    /// Bits that say how a block is coded.
    id_bits: u32,
    /// Bytes of a stored sample.
    bytes: usize,
    /// Bytes of a number whose bytes are samples of their own.
    shuffled: Option<usize>,
    /// Samples of a block.
    block: usize,
    /// Samples of a scan line, without padding.
    line: usize,
}

impl Coding {
    /// The coding of these parameters; `None` when it is not known here.
    pub(in crate::io) fn new(mask: u32, block: u32, bits: u32, line: u32) -> Option<Coding> {
        if !(2..=64).contains(&block) || !block.is_multiple_of(2) || line == 0 || line > 128 * block
        {
            return None;
        }
        let (bits, shuffled) = match bits {
            32 => (8, Some(4)),
            64 => (8, Some(8)),
            1..=24 => (bits, None),
            _ => return None,
        };
        let (id_bits, bytes) = match bits {
            ..=8 => (3, 1),
            9..=16 => (4, 2),
            _ => (5, 4),
        };
        Some(Coding {
            preprocessed: mask & NEIGHBOUR != 0,
            big_endian: mask & MSB != 0,
            bits,
            id_bits,
            bytes,
            shuffled,
            block: block as usize,
            line: line as usize,
        })
    }

    /// Unpacks a chunk into exactly `out.len()` bytes; `more` is memory for as many.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub(super) fn unpack(
        &self,
        bytes: &[u8],
        out: &mut [u8],
        more: &mut Vec<u8>,
    ) -> Result<(), String> {
        let (size, stream) = bytes
            .split_first_chunk::<4>()
            .ok_or("it is too short for a header of szip")?;
        let stated = u32::from_le_bytes(*size) as usize;
        if stated != out.len() {
            return Err(format!(
                "its header of szip says {stated} bytes instead of {}",
                out.len()
            ));
        }
        if !out
            .len()
            .is_multiple_of(self.shuffled.unwrap_or(self.bytes))
        {
            return Err(format!(
                "{} bytes are no whole number of szip's pixels",
                out.len()
            ));
        }
        match self.shuffled {
            None => self.samples(stream, out),
            Some(size) => {
                more.resize(out.len(), 0);
                self.samples(stream, more)?;
                unshuffle(more, size, out);
                Ok(())
            }
        }
    }

    fn samples(&self, stream: &[u8], out: &mut [u8]) -> Result<(), String> {
        let mut bits = Bits::new(stream);
        let whole = self.line.next_multiple_of(self.block);
        let mut interval: Vec<u32> = Vec::with_capacity(whole);
        let lines = out.len().div_ceil(self.line * self.bytes);
        for (number, part) in out.chunks_mut(self.line * self.bytes).enumerate() {
            let wanted = part.len() / self.bytes;
            // What pads the last line need not be there.
            let enough = match number + 1 == lines {
                true => wanted,
                false => whole,
            };
            interval.clear();
            while interval.len() < enough {
                self.next_block(&mut bits, whole, &mut interval)?;
            }
            if self.preprocessed {
                self.add_up(&mut interval);
            }
            self.store(&interval[..wanted], part);
        }
        Ok(())
    }

    fn next_block(
        &self,
        bits: &mut Bits<'_>,
        whole: usize,
        interval: &mut Vec<u32>,
    ) -> Result<(), String> {
        let start = interval.len();
        // The reference stands for the first sample; in a block as it is, it is the first sample.
        let reference = self.preprocessed && start == 0;
        let count = self.block - usize::from(reference);
        let id = bits.take(self.id_bits)?;
        if id == (1 << self.id_bits) - 1 {
            for _ in 0..self.block {
                interval.push(bits.take(self.bits)?);
            }
            return Ok(());
        }
        let paired = id == 0 && bits.take(1)? == 1;
        if reference {
            interval.push(bits.take(self.bits)?);
        }
        if id > 0 {
            let low = id - 1;
            for _ in 0..count {
                interval.push(bits.zeros()? << low);
            }
            if low > 0 {
                let first = interval.len() - count;
                for value in &mut interval[first..] {
                    *value |= bits.take(low)?;
                }
            }
        } else if paired {
            let mut k = usize::from(reference);
            while k < self.block {
                let (first, second) = pair(bits.zeros()?)?;
                if k % 2 == 0 {
                    interval.push(first);
                    k += 1;
                }
                interval.push(second);
                k += 1;
            }
        } else {
            let blocks = match bits.zeros()? {
                run @ 0..=3 => run as usize + 1,
                // To the end of 64 blocks, or of the interval.
                4 => {
                    let used = start / self.block;
                    (64 - used % 64).min(whole / self.block - used)
                }
                run => run as usize,
            };
            let end = start + blocks.saturating_mul(self.block);
            if end > whole {
                return Err("a run of zeros of szip leaves its scan line".into());
            }
            interval.resize(end, 0);
        }
        Ok(())
    }

    /// Mapped differences, behind the reference, to samples.
    fn add_up(&self, interval: &mut [u32]) {
        let Some((first, rest)) = interval.split_first_mut() else {
            return;
        };
        let most = u32::MAX >> (32 - self.bits);
        let middle = most / 2 + 1;
        let mut value = *first;
        for mapped in rest {
            let (d, half) = (*mapped, mapped.div_ceil(2));
            // The distance to the nearer end of the range: differences up to it have either sign.
            let mirror = if value & middle == 0 { 0 } else { most };
            value = match half <= mirror ^ value {
                true if d & 1 == 0 => value.wrapping_add(d >> 1),
                true => value.wrapping_sub(half),
                false => mirror ^ d,
            };
            *mapped = value;
        }
    }

    fn store(&self, samples: &[u32], out: &mut [u8]) {
        for (sample, out) in samples.iter().zip(out.chunks_exact_mut(self.bytes)) {
            match self.big_endian {
                true => out.copy_from_slice(&sample.to_be_bytes()[4 - self.bytes..]),
                false => out.copy_from_slice(&sample.to_le_bytes()[..self.bytes]),
            }
        }
    }
}

/// The two numbers of a code: codes are numbered by their sum, then by the second one.
fn pair(code: u32) -> Result<(u32, u32), String> {
    if code >= PAIRS {
        return Err(format!("a pair of szip with the code {code}"));
    }
    let (mut sum, mut first) = (0, 0);
    while first + sum < code {
        first += sum + 1;
        sum += 1;
    }
    let second = code - first;
    Ok((sum - second, second))
}

/// Bits, most significant first.
struct Bits<'a> {
    rest: &'a [u8],
    /// The next bits from the highest one on; below them zeros.
    next: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    fn new(rest: &'a [u8]) -> Bits<'a> {
        let (next, count) = (0, 0);
        Bits { rest, next, count }
    }

    #[inline]
    fn fill(&mut self) {
        // As many whole bytes as there is room for, out of eight at once.
        if let (Some(word), 0..=56) = (self.rest.first_chunk::<8>(), self.count) {
            let bytes = (64 - self.count) / 8;
            let word = u64::from_be_bytes(*word) >> self.count;
            // Bits of a byte that has not got room are not taken: they would be taken again.
            let kept = self.count + 8 * bytes;
            self.next |= word & (u64::MAX << (64 - kept));
            self.count = kept;
            self.rest = &self.rest[bytes as usize..];
            return;
        }
        while self.count <= 56 {
            let Some((byte, rest)) = self.rest.split_first() else {
                return;
            };
            self.next |= u64::from(*byte) << (56 - self.count);
            self.count += 8;
            self.rest = rest;
        }
    }

    /// The next `count` bits, 1 to 32 of them, as a number.
    fn take(&mut self, count: u32) -> Result<u32, String> {
        if self.count < count {
            self.fill();
            if self.count < count {
                return Err("its bits of szip end early".into());
            }
        }
        let value = (self.next >> (64 - count)) as u32;
        self.next <<= count;
        self.count -= count;
        Ok(value)
    }

    /// How many zeros are before the next one, which is taken too.
    fn zeros(&mut self) -> Result<u32, String> {
        let mut zeros = 0u32;
        loop {
            let here = self.next.leading_zeros();
            if here < self.count {
                self.next <<= here;
                self.next <<= 1;
                self.count -= here + 1;
                return Ok(zeros.saturating_add(here));
            }
            zeros = zeros.saturating_add(self.count);
            (self.next, self.count) = (0, 0);
            self.fill();
            if self.count == 0 {
                return Err("its bits of szip end early".into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table as the standard describes it.
    #[test]
    fn pairs_are_numbered_by_their_sum() {
        let mut code = 0;
        for sum in 0..=12 {
            for second in 0..=sum {
                assert_eq!(pair(code).unwrap(), (sum - second, second));
                code += 1;
            }
        }
        assert_eq!(code, PAIRS);
        pair(code).unwrap_err();
    }

    #[test]
    fn damaged_streams_end() {
        let coding = Coding::new(NEIGHBOUR, 8, 8, 256).unwrap();
        let (mut out, mut more) = (vec![0; 1000], Vec::new());
        let mut state = 1u32;
        for length in 0..3000 {
            let mut bytes = 1000u32.to_le_bytes().to_vec();
            for _ in 0..length % 700 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Long runs of zeros, too.
                bytes.push((state >> 24) as u8 & (state >> 16) as u8 & (length as u8));
            }
            let _ = coding.unpack(&bytes, &mut out, &mut more);
        }
        for (block, bits, line) in [
            (0, 8, 8),
            (7, 8, 8),
            (8, 0, 8),
            (8, 25, 8),
            (8, 8, 0),
            (8, 8, 9999),
        ] {
            assert!(Coding::new(0, block, bits, line).is_none());
        }
    }
}
