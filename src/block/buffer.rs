//! Buffers: a vector of one of the 13 physical types. The bytes of a buffer come and go through `bytemuck`, so no
//! unsafe code is needed here; bool is checked, since a byte other than 0 and 1 is no bool.

use super::pages;
use crate::dtype::{Element, Physical, Scalar};
use crate::error::{Error, Result};
use num_complex::Complex;

/// A vector of elements of one physical type.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Buffer {
    Bool(Vec<bool>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    C64(Vec<Complex<f32>>),
    C128(Vec<Complex<f64>>),
}

/// An element type with its place in [`Buffer`].
pub trait Native: Element {
    /// The elements, when the buffer holds this type.
    fn slice(buffer: &Buffer) -> Option<&[Self]>;
    /// The elements, to be changed.
    fn slice_mut(buffer: &mut Buffer) -> Option<&mut [Self]>;
    /// The vector itself, to be resized.
    fn vec_mut(buffer: &mut Buffer) -> Option<&mut Vec<Self>>;
    /// A buffer that owns `values`.
    fn wrap(values: Vec<Self>) -> Buffer;
    /// Elements from native-endian bytes: `bytes.len()` must be `out.len()` times the size of an element.
    fn read_bytes(bytes: &[u8], out: &mut [Self]);
    /// The value of a scalar of this physical type.
    fn from_scalar(scalar: Scalar) -> Option<Self>;
}

macro_rules! native {
    ($($T:ty, $variant:ident, [$($scalar:pat => $value:expr),*], |$bytes:ident, $out:ident| $read:expr;)*) => {$(
        impl Native for $T {
            fn slice(buffer: &Buffer) -> Option<&[Self]> {
                if let Buffer::$variant(v) = buffer { Some(v) } else { None }
            }
            fn slice_mut(buffer: &mut Buffer) -> Option<&mut [Self]> {
                if let Buffer::$variant(v) = buffer { Some(v) } else { None }
            }
            fn vec_mut(buffer: &mut Buffer) -> Option<&mut Vec<Self>> {
                if let Buffer::$variant(v) = buffer { Some(v) } else { None }
            }
            fn wrap(values: Vec<Self>) -> Buffer {
                Buffer::$variant(values)
            }
            fn read_bytes($bytes: &[u8], $out: &mut [Self]) {
                $read
            }
            fn from_scalar(scalar: Scalar) -> Option<Self> {
                match scalar { $($scalar => Some($value),)* _ => None }
            }
        }
    )*};
}

macro_rules! pod {
    ($($T:ty, $variant:ident, [$($scalar:pat => $value:expr),*];)*) => {
        native! {$(
            $T, $variant, [$($scalar => $value),*],
            |bytes, out| bytemuck::cast_slice_mut::<$T, u8>(out).copy_from_slice(bytes);
        )*}
    };
}

native! {
    bool, Bool, [Scalar::Bool(v) => v],
    |bytes, out| for (o, b) in out.iter_mut().zip(bytes) { *o = *b != 0; };
}

pod! {
    i8, I8, [Scalar::I8(v) => v];
    i16, I16, [Scalar::I16(v) => v];
    i32, I32, [Scalar::I32(v) => v];
    i64, I64, [Scalar::I64(v) => v, Scalar::Datetime(v, _) => v, Scalar::Timedelta(v, _) => v];
    u8, U8, [Scalar::U8(v) => v];
    u16, U16, [Scalar::U16(v) => v];
    u32, U32, [Scalar::U32(v) => v];
    u64, U64, [Scalar::U64(v) => v];
    f32, F32, [Scalar::F32(v) => v];
    f64, F64, [Scalar::F64(v) => v];
    Complex<f32>, C64, [Scalar::C64(v) => v];
    Complex<f64>, C128, [Scalar::C128(v) => v];
}

impl Buffer {
    /// `elements` zeros. Large buffers come from the system zeroed, so untouched pages cost nothing.
    pub fn zeros(physical: Physical, elements: usize) -> Buffer {
        for_physical!(physical, T => {
            // Not `vec!`, which writes the zeros of complex numbers itself.
            let mut values: Vec<T> = bytemuck::zeroed_vec(elements);
            pages::advise(&mut values);
            T::wrap(values)
        })
    }

    /// `elements` times the same value.
    ///
    /// # Errors
    /// Internal when the scalar is not of this physical type.
    pub fn filled(physical: Physical, value: Scalar, elements: usize) -> Result<Buffer> {
        for_physical!(physical, T => match T::from_scalar(value) {
            Some(v) => Ok(T::wrap(vec![v; elements])),
            None => Err(Error::internal(format!("a buffer of {physical:?} filled with {value}"))),
        })
    }

    /// The physical type.
    pub fn physical(&self) -> Physical {
        match self {
            Buffer::Bool(_) => Physical::Bool,
            Buffer::I8(_) => Physical::I8,
            Buffer::I16(_) => Physical::I16,
            Buffer::I32(_) => Physical::I32,
            Buffer::I64(_) => Physical::I64,
            Buffer::U8(_) => Physical::U8,
            Buffer::U16(_) => Physical::U16,
            Buffer::U32(_) => Physical::U32,
            Buffer::U64(_) => Physical::U64,
            Buffer::F32(_) => Physical::F32,
            Buffer::F64(_) => Physical::F64,
            Buffer::C64(_) => Physical::C64,
            Buffer::C128(_) => Physical::C128,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        for_physical!(self.physical(), T => T::slice(self).map_or(0, <[T]>::len))
    }

    /// True without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size in bytes.
    pub fn bytes(&self) -> usize {
        self.len() * self.physical().size()
    }

    /// The elements as native-endian bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Buffer::Bool(v) => bytemuck::cast_slice(v),
            Buffer::I8(v) => bytemuck::cast_slice(v),
            Buffer::I16(v) => bytemuck::cast_slice(v),
            Buffer::I32(v) => bytemuck::cast_slice(v),
            Buffer::I64(v) => bytemuck::cast_slice(v),
            Buffer::U8(v) => v,
            Buffer::U16(v) => bytemuck::cast_slice(v),
            Buffer::U32(v) => bytemuck::cast_slice(v),
            Buffer::U64(v) => bytemuck::cast_slice(v),
            Buffer::F32(v) => bytemuck::cast_slice(v),
            Buffer::F64(v) => bytemuck::cast_slice(v),
            Buffer::C64(v) => bytemuck::cast_slice(v),
            Buffer::C128(v) => bytemuck::cast_slice(v),
        }
    }

    /// A buffer from native-endian bytes.
    ///
    /// # Errors
    /// Internal when the number of bytes is no multiple of the element size.
    pub fn from_bytes(physical: Physical, bytes: &[u8]) -> Result<Buffer> {
        if !bytes.len().is_multiple_of(physical.size()) {
            return Err(Error::internal(format!(
                "{} bytes are no whole number of {physical:?} elements",
                bytes.len()
            )));
        }
        let elements = bytes.len() / physical.size();
        Ok(for_physical!(physical, T => {
            let mut values = vec![T::default(); elements];
            T::read_bytes(bytes, &mut values);
            T::wrap(values)
        }))
    }
}
