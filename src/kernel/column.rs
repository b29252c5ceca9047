//! Columns: the elements of one register over one sub-tile, as a typed slice.

use crate::block::{Buffer, Native};
use crate::dtype::Physical;
use crate::error::{Error, Result};
use num_complex::Complex;

/// Elements of one physical type, borrowed from a register or straight from an input.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Column<'a> {
    Bool(&'a [bool]),
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    U64(&'a [u64]),
    F32(&'a [f32]),
    F64(&'a [f64]),
    C64(&'a [Complex<f32>]),
    C128(&'a [Complex<f64>]),
}

/// An element type with its place in [`Column`].
pub trait InColumn: Native {
    /// The elements, when the column holds this type.
    fn elements<'a>(column: Column<'a>) -> Option<&'a [Self]>;
    /// A column of these elements.
    fn column(elements: &[Self]) -> Column<'_>;
}

macro_rules! columns {
    ($($T:ty, $variant:ident;)*) => {
        $(impl InColumn for $T {
            fn elements<'a>(column: Column<'a>) -> Option<&'a [Self]> {
                if let Column::$variant(v) = column { Some(v) } else { None }
            }
            fn column(elements: &[Self]) -> Column<'_> {
                Column::$variant(elements)
            }
        })*

        impl<'a> Column<'a> {
            /// Elements `start .. start + len` of a buffer; they must exist.
            pub(super) fn of(buffer: &'a Buffer, start: usize, len: usize) -> Self {
                match buffer { $(Buffer::$variant(v) => Column::$variant(&v[start..start + len]),)* }
            }

            /// `len` of its elements from `start` on; they must exist.
            pub fn part(self, start: usize, len: usize) -> Self {
                match self { $(Column::$variant(v) => Column::$variant(&v[start..start + len]),)* }
            }

            /// Number of elements.
            pub fn len(&self) -> usize {
                match self { $(Column::$variant(v) => v.len(),)* }
            }

            /// What the elements are.
            pub fn physical(&self) -> Physical {
                match self { $(Column::$variant(_) => Physical::$variant,)* }
            }

            /// The elements in a buffer of their own.
            pub fn to_buffer(&self) -> Buffer {
                match self { $(Column::$variant(v) => Buffer::$variant(v.to_vec()),)* }
            }
        }
    };
}

columns! {
    bool, Bool; i8, I8; i16, I16; i32, I32; i64, I64; u8, U8; u16, U16; u32, U32; u64, U64;
    f32, F32; f64, F64; Complex<f32>, C64; Complex<f64>, C128;
}

impl Column<'_> {
    /// True without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The elements of an operand, whose type the interpreter has checked.
pub(super) fn operand<'a, T: InColumn>(column: Column<'a>) -> Result<&'a [T]> {
    T::elements(column).ok_or_else(|| {
        Error::internal(format!(
            "a column of {:?} where {} is due",
            column.physical(),
            T::DTYPE
        ))
    })
}

/// The first `len` elements of the register that a step writes.
pub(super) fn result<T: Native>(buffer: &mut Buffer, len: usize) -> Result<&mut [T]> {
    let found = buffer.physical();
    T::slice_mut(buffer)
        .and_then(|v| v.get_mut(..len))
        .ok_or_else(|| {
            Error::internal(format!("a register of {found:?} where {} is due", T::DTYPE))
        })
}
