//! Types of elements: the datatype message, as far as types are told apart here, and the dtypes that numbers have.
//!
//! After "HDF5 File Format Specification 3.0", IV.A.2.d; versions 4 and 5 (HDF5 1.12 and 2) differ in references and complex
//! numbers only. Guards: types nest to a fixed depth, and every member takes bytes
//! of its message.

use super::bytes::{Bytes, Cursor};
use super::odd::{OddNumber, odd_float};
use super::raw::Raw;
use crate::dtype::DType;
use crate::error::Result;

/// How deep types may nest.
const MOST_DEEP: usize = 16;

/// The type of an element, as far as this library tells types apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Integer {
        signed: bool,
        bytes: usize,
        bits: usize,
        big_endian: bool,
    },
    Float {
        bytes: usize,
        ieee: bool,
        big_endian: bool,
    },
    /// An enumeration of integers; `boolean` when its members are FALSE = 0 and TRUE = 1.
    Enum {
        signed: bool,
        bytes: usize,
        big_endian: bool,
        boolean: bool,
    },
    /// A pair of equal floats `r`, `i`.
    Complex {
        bytes: usize,
        ieee: bool,
        big_endian: bool,
    },
    FixedString {
        bytes: usize,
        space_padded: bool,
    },
    VariableString,
    /// Lists of any length of references to objects, as in `DIMENSION_LIST`.
    ReferenceLists,
    /// Anything else, by its name.
    Other(String),
}

/// A type with the bytes of a stored element.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Datatype {
    pub(crate) kind: Type,
    pub(crate) bytes: usize,
    /// Where the parts of a number lie, when its form is none of this machine's.
    pub(crate) odd: Option<OddNumber>,
}

/// Names of the two parts of a complex number.
pub(crate) const COMPLEX_PARTS: [&str; 4] = ["r,i", "re,im", "real,imag", "real,imaginary"];

impl Datatype {
    /// Reads a datatype message.
    ///
    /// # Errors
    /// Data when it is damaged, unsupported when its version or class is not known here.
    pub(crate) fn parse(file: &Bytes, c: &mut Cursor<'_>) -> Result<Datatype> {
        parse(file, c, 0)
    }
}

fn parse(file: &Bytes, c: &mut Cursor<'_>, depth: usize) -> Result<Datatype> {
    let at = c.offset();
    if depth > MOST_DEEP {
        return Err(file.damaged(at, format!("types nested deeper than {MOST_DEEP}")));
    }
    let (head, bits) = (c.u8()?, c.uint(3)? as u32);
    let (class, version) = (head & 15, head >> 4);
    let bytes = c.u32()? as usize;
    if !(1..=5).contains(&version) || class > 11 {
        return Err(file.damaged(at, format!("a type of version {version}, class {class}")));
    }
    if bytes == 0 {
        return Err(file.damaged(at, "a type of no bytes"));
    }
    let big_endian = bits & 1 != 0;
    let mut odd = None;
    let kind = match class {
        0 | 4 => {
            let (first, precision) = (c.u16()?, usize::from(c.u16()?));
            if usize::from(first) + precision > 8 * bytes || precision == 0 {
                return Err(file.damaged(at, format!("{precision} bits in {bytes} bytes")));
            }
            odd = Some(OddNumber::Integer(first.into(), precision as u32));
            Type::Integer {
                signed: class == 0 && bits & 8 != 0,
                bytes,
                bits: precision,
                big_endian,
            }
        }
        1 => {
            let properties = c.take(12)?;
            let ieee = is_ieee(bytes, bits, properties);
            odd = odd_float(bytes, bits, properties);
            match ieee || odd.is_some() {
                true => Type::Float {
                    bytes,
                    ieee,
                    big_endian,
                },
                false => Type::Other(format!("floats of {bytes} bytes in an unknown form")),
            }
        }
        2 => {
            c.skip(2)?;
            Type::Other("times of HDF5".into())
        }
        3 => Type::FixedString {
            bytes,
            space_padded: bits & 15 == 2,
        },
        5 => {
            c.skip((bits & 0xff) as usize)?;
            Type::Other("opaque bytes".into())
        }
        6 => compound(file, c, version, bits & 0xffff, bytes, depth)?,
        7 => Type::Other("references".into()),
        8 => enumeration(file, c, version, bits & 0xffff, bytes, depth)?,
        9 => {
            let of = parse(file, c, depth + 1)?;
            if bytes != 8 + file.offset_bytes {
                return Err(file.damaged(at, format!("lists described by {bytes} bytes")));
            }
            match bits & 15 {
                1 => Type::VariableString,
                0 if of.bytes == file.offset_bytes
                    && of.kind == Type::Other("references".into()) =>
                {
                    Type::ReferenceLists
                }
                _ => Type::Other("variable-length lists".into()),
            }
        }
        10 => {
            let rank = usize::from(c.u8()?);
            let per_axis = if version < 3 { 8 } else { 4 };
            c.skip(if version < 3 { 3 } else { 0 } + per_axis * rank)?;
            parse(file, c, depth + 1)?;
            Type::Other("arrays as elements".into())
        }
        // Of HDF5 2: bits are "two of one type", and a form of which 0 is Cartesian.
        _ => match (parse(file, c, depth + 1)?, bits & 7) {
            (
                Datatype {
                    kind:
                        Type::Float {
                            ieee, big_endian, ..
                        },
                    bytes: half,
                    ..
                },
                1,
            ) if 2 * half == bytes => Type::Complex {
                bytes,
                ieee,
                big_endian,
            },
            _ => return Err(file.unknown("a complex type of another form")),
        },
    };
    Ok(Datatype { kind, bytes, odd })
}

/// Whether bits and properties are those of IEEE 754 in 4 or 8 bytes, in either order.
fn is_ieee(bytes: usize, bits: u32, properties: &[u8]) -> bool {
    // Order aside: no padding, an implied first bit of the mantissa, the place of the sign.
    let sign = match bytes {
        4 => 31,
        8 => 63,
        _ => return false,
    };
    // First bit, precision, exponent (place, size), mantissa (place, size), bias.
    let wanted: [u8; 12] = match bytes {
        4 => [0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0],
        _ => [0, 0, 64, 0, 52, 11, 0, 52, 0xff, 3, 0, 0],
    };
    bits & !1 == 0x20 | sign << 8 && properties == wanted
}

/// A member's name; before version 3 it is padded to a multiple of 8 bytes.
fn member_name<'a>(c: &mut Cursor<'a>, version: u8) -> Result<&'a [u8]> {
    let name = c.zero_ended()?;
    if version < 3 {
        c.skip((name.len() + 1).next_multiple_of(8) - name.len() - 1)?;
    }
    Ok(name)
}

fn compound(
    file: &Bytes,
    c: &mut Cursor<'_>,
    version: u8,
    count: u32,
    bytes: usize,
    depth: usize,
) -> Result<Type> {
    // The bytes that hold an offset inside the element.
    let offset_bytes = match version {
        1 | 2 => 4,
        _ => (bytes.ilog2() as usize / 8) + 1,
    };
    let (mut names, mut first, mut last) = (Vec::new(), None, None);
    for _ in 0..count {
        let name = member_name(c, version)?;
        if names.len() < 8 {
            names.push(String::from_utf8_lossy(name).into_owned());
        }
        let offset = c.uint(offset_bytes)? as usize;
        let mut array = false;
        if version == 1 {
            array = c.u8()? > 0;
            c.skip(27)?;
        }
        let before = c.rest();
        let mut member = parse(file, c, depth + 1)?;
        if array {
            member.kind = Type::Other("arrays as elements".into());
        }
        let stored = &before[..before.len() - c.left()];
        if offset
            .checked_add(member.bytes)
            .is_none_or(|end| end > bytes)
        {
            return Err(file.damaged(c.offset(), "a member outside its compound"));
        }
        first.get_or_insert((member.clone(), stored));
        last = Some((member, stored, offset));
    }
    if let (2, Some((a, stored_a)), Some((b, stored_b, offset))) = (count, first, last)
        && let Type::Float {
            bytes: half,
            ieee,
            big_endian,
        } = a.kind
        && matches!(b.kind, Type::Float { .. })
        && stored_a == stored_b
        && half * 2 == bytes
        && offset == half
        && COMPLEX_PARTS.contains(&names.join(",").as_str())
    {
        return Ok(Type::Complex {
            bytes,
            ieee,
            big_endian,
        });
    }
    Ok(Type::Other(format!(
        "a compound of {count} fields ({})",
        names.join(", ")
    )))
}

fn enumeration(
    file: &Bytes,
    c: &mut Cursor<'_>,
    version: u8,
    count: u32,
    bytes: usize,
    depth: usize,
) -> Result<Type> {
    let at = c.offset();
    let base = parse(file, c, depth + 1)?;
    let names = (0..count)
        .map(|_| member_name(c, version))
        .collect::<Result<Vec<_>>>()?;
    let values = (0..count)
        .map(|_| c.take(bytes))
        .collect::<Result<Vec<_>>>()?;
    let Type::Integer {
        signed, big_endian, ..
    } = base.kind
    else {
        return Err(file.damaged(at, "an enumeration of no integers"));
    };
    if base.bytes != bytes {
        return Err(file.damaged(at, "an enumeration of another size than its integers"));
    }
    let value_of = |name: &[u8]| {
        let i = names.iter().position(|n| *n == name)?;
        values.get(i).copied()
    };
    let boolean = bytes == 1
        && count == 2
        && value_of(b"FALSE") == Some(&[0][..])
        && value_of(b"TRUE") == Some(&[1][..]);
    Ok(Type::Enum {
        signed,
        bytes,
        big_endian,
        boolean,
    })
}

/// The dtype of stored numbers, and why only the library can read them when that is so; an error for other types.
pub(crate) fn number_type(kind: &Type) -> Raw<(DType, Option<String>)> {
    let integer = |signed: bool, bytes: usize| {
        Some(match (signed, bytes) {
            (true, 1) => DType::I8,
            (true, 2) => DType::I16,
            (true, 4) => DType::I32,
            (true, 8) => DType::I64,
            (false, 1) => DType::U8,
            (false, 2) => DType::U16,
            (false, 4) => DType::U32,
            (false, 8) => DType::U64,
            _ => return None,
        })
    };
    let too_wide = |what: &str, bytes: &usize| format!("{what} of {bytes} bytes are not supported");
    match kind {
        Type::Integer {
            signed,
            bytes,
            bits,
            ..
        } => {
            let dtype = integer(*signed, *bytes).ok_or_else(|| too_wide("integers", bytes))?;
            let packed =
                (*bits != 8 * bytes).then(|| format!("integers of {bits} bits in {bytes} bytes"));
            Ok((dtype, packed))
        }
        Type::Enum { boolean: true, .. } => Ok((DType::Bool, None)),
        Type::Enum { signed, bytes, .. } => Ok((
            integer(*signed, *bytes).ok_or_else(|| too_wide("enums", bytes))?,
            None,
        )),
        Type::Float {
            bytes: 4,
            ieee: true,
            ..
        } => Ok((DType::F32, None)),
        Type::Float {
            bytes: 8,
            ieee: true,
            ..
        } => Ok((DType::F64, None)),
        Type::Float { bytes, .. } => {
            let dtype = if *bytes <= 4 { DType::F32 } else { DType::F64 };
            Ok((
                dtype,
                Some(format!("floats of {bytes} bytes, read as {dtype}")),
            ))
        }
        Type::Complex {
            bytes: 8,
            ieee: true,
            ..
        } => Ok((DType::C64, None)),
        Type::Complex {
            bytes: 16,
            ieee: true,
            ..
        } => Ok((DType::C128, None)),
        Type::Complex { bytes, .. } => Err(too_wide("complex numbers", bytes)),
        Type::FixedString { .. } | Type::VariableString => Err("texts, not numbers".into()),
        Type::ReferenceLists => Err("its elements are variable-length lists".into()),
        Type::Other(what) => Err(format!("its elements are {what}")),
    }
}

/// True when stored elements begin with their most significant byte.
pub(crate) fn is_big_endian(kind: &Type) -> bool {
    match kind {
        Type::Integer {
            big_endian, bytes, ..
        }
        | Type::Enum {
            big_endian, bytes, ..
        } => *big_endian && *bytes > 1,
        Type::Float { big_endian, .. } | Type::Complex { big_endian, .. } => *big_endian,
        _ => false,
    }
}

/// Stored elements as native ones: each number's bytes turned where its order is not this machine's.
pub(crate) fn to_native(kind: &Type, element_bytes: usize, bytes: &mut [u8]) {
    let width = match kind {
        Type::Complex { bytes, .. } => bytes / 2,
        _ => element_bytes,
    };
    if width > 1 && is_big_endian(kind) != cfg!(target_endian = "big") {
        for number in bytes.chunks_exact_mut(width) {
            number.reverse();
        }
    }
}
