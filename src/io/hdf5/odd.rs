//! Numbers of forms that this machine does not compute with, as native ones: half precision and bfloat16, x87's extended and
//! quadruple precision, integers of a few bits. Of attributes and fill values; datasets of them are read by the library.

use super::datatype::{Datatype, Type, is_big_endian};
use crate::dtype::DType;

/// Bits of a number of another form: half precision, long double, integers of a few bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OddNumber {
    /// First bit and number of bits.
    Integer(u32, u32),
    /// Places and numbers of bits from the lowest one on.
    Float {
        sign: u32,
        exponent: (u32, u32),
        mantissa: (u32, u32),
        bias: u32,
        /// The first bit of the mantissa is not stored.
        implied: bool,
    },
}

/// Sign, exponent, mantissa, bias, and whether the mantissa's first bit is implied.
type Form = (u32, (u32, u32), (u32, u32), u32, bool);

/// The parts of a float of another form than IEEE single and double, when it is a known one.
///
/// HDF5 1.10.8 may read beyond its memory when it converts floats of a form that contradicts itself, so others are refused.
pub(crate) fn odd_float(bytes: usize, bits: u32, properties: &[u8]) -> Option<OddNumber> {
    let (half, brain, x87, quadruple) = (
        (15, (10, 5), (0, 10), 15, true),
        (15, (7, 8), (0, 7), 127, true),
        (79, (64, 15), (0, 64), 16383, false),
        (127, (112, 15), (0, 112), 16383, true),
    );
    let forms: &[Form] = match bytes {
        2 => &[half, brain],
        10 | 12 => &[x87],
        16 => &[x87, quadruple],
        _ => &[],
    };
    forms.iter().find_map(|form| {
        let (sign, exponent, mantissa, bias, implied) = *form;
        let parts = [exponent.0, exponent.1, mantissa.0, mantissa.1].map(|n| n as u8);
        let wanted = [
            &[0, 0, sign as u8 + 1, 0][..],
            &parts,
            &bias.to_le_bytes()[..],
        ]
        .concat();
        let norm = if implied { 0x20 } else { 0 };
        (bits & !1 == norm | sign << 8 && properties == wanted).then_some(OddNumber::Float {
            sign,
            exponent,
            mantissa,
            bias,
            implied,
        })
    })
}

/// Stored elements of another form as native bytes of `dtype`; `None` where that form is not known here.
pub(crate) fn from_odd(of: &Datatype, dtype: DType, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut native = Vec::with_capacity(bytes.len());
    let big_endian = is_big_endian(&of.kind);
    for element in bytes.chunks_exact(of.bytes) {
        let shift = |acc: u128, b: &u8| acc << 8 | u128::from(*b);
        let word = match big_endian {
            true => element.iter().fold(0, shift),
            false => element.iter().rev().fold(0, shift),
        };
        match of.odd? {
            OddNumber::Integer(first, count) => {
                let signed = matches!(of.kind, Type::Integer { signed: true, .. });
                let top = 128u32.checked_sub(count)?;
                // To the top and back, so that the sign fills what is above the number.
                let word = word.checked_shr(first)?.checked_shl(top)?;
                let number = match signed {
                    true => ((word as i128) >> top) as u128,
                    false => word >> top,
                };
                let number = number as u64;
                match cfg!(target_endian = "big") {
                    true => native.extend(&number.to_be_bytes()[8 - dtype.size()..]),
                    false => native.extend(&number.to_le_bytes()[..dtype.size()]),
                }
            }
            float => {
                let number = float_of(word, float)?;
                match dtype {
                    DType::F32 => native.extend((number as f32).to_ne_bytes()),
                    _ => native.extend(number.to_ne_bytes()),
                }
            }
        }
    }
    Some(native)
}

/// The value of a float, from its bits.
fn float_of(word: u128, float: OddNumber) -> Option<f64> {
    let OddNumber::Float {
        sign,
        exponent,
        mantissa,
        bias,
        implied,
    } = float
    else {
        return None;
    };
    let bits = |(first, count): (u32, u32)| word >> first & (u128::MAX >> (128 - count));
    let (power, fraction) = (bits(exponent) as i64, bits(mantissa));
    let sign = if word >> sign & 1 == 1 { -1.0 } else { 1.0 };
    // All bits of the exponent: infinity, or no number where the fraction has more than the bit that is not implied.
    if power == (1 << exponent.1) - 1 {
        let rest = match implied {
            true => fraction,
            false => fraction & (u128::MAX >> 1 >> (128 - mantissa.1)),
        };
        return Some(if rest == 0 {
            sign * f64::INFINITY
        } else {
            f64::NAN
        });
    }
    let (mut whole, mut power) = (fraction, power - i64::from(bias));
    let places = match implied {
        true => i64::from(mantissa.1),
        false => i64::from(mantissa.1) - 1,
    };
    if implied && power == -i64::from(bias) {
        power += 1;
    } else if implied {
        whole |= 1u128.checked_shl(mantissa.1)?;
    }
    // In two steps, so that the power itself neither overflows nor vanishes.
    let shift = (power - places).clamp(-4000, 4000) as f64;
    let half = (shift / 2.0).trunc();
    Some(sign * whole as f64 * half.exp2() * (shift - half).exp2())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of IEEE 754 (half, quadruple) and of x87's 80 bits.
    #[test]
    fn floats_of_other_forms() {
        let half = OddNumber::Float {
            sign: 15,
            exponent: (10, 5),
            mantissa: (0, 10),
            bias: 15,
            implied: true,
        };
        for (word, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0xfc00, f64::NEG_INFINITY),
            (0x0000, 0.0),
        ] {
            assert_eq!(float_of(word, half), Some(value), "{word:#06x}");
        }
        assert!(float_of(0x7e00, half).unwrap_or(0.0).is_nan());
        let x87 = OddNumber::Float {
            sign: 79,
            exponent: (64, 15),
            mantissa: (0, 64),
            bias: 16383,
            implied: false,
        };
        assert_eq!(float_of(0x3fff_8000_0000_0000_0000, x87), Some(1.0));
        assert_eq!(float_of(0xc000_c000_0000_0000_0000, x87), Some(-3.0));
        assert_eq!(
            float_of(0x7fff_8000_0000_0000_0000, x87),
            Some(f64::INFINITY)
        );
        let quadruple = OddNumber::Float {
            sign: 127,
            exponent: (112, 15),
            mantissa: (0, 112),
            bias: 16383,
            implied: true,
        };
        assert_eq!(float_of(0x4000_8000 << 96, quadruple), Some(3.0));
    }
}
