//! The shapes of all hot loops, each compiled for AVX2 and for the base of the machine, chosen at run time.
//!
//! Law: the same bits on every CPU. A loop here either treats elements apart, or folds with [`LANES`] accumulators that
//! are joined in one fixed order; neither knows the width of a vector. Rust never contracts `a * b + c` into a fused
//! multiply-add, and no loop asks for one.
//!
//! AVX-512 is left out until it is measured on a quiet machine: it made no difference to NDVI, but the folds of f64 ran
//! faster with it in one noisy run, and a third copy of every loop costs every build.

#![allow(unsafe_code)] // the dispatcher that `multiversion` writes; there is none by hand

use multiversion::multiversion;

/// Accumulators of a row that is folded into one cell; element `i` of a row belongs to lane `i % LANES`.
pub(super) const LANES: usize = 16;

/// `out[i] = f(a[i])`
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn map1<A: Copy, R, F: Fn(A) -> R>(a: &[A], out: &mut [R], f: F) {
    for (out, a) in out.iter_mut().zip(a) {
        *out = f(*a);
    }
}

/// `out[i] = f(a[i])` for functions that the compiler cannot vectorise: one copy, for all machines.
pub(super) fn plain1<A: Copy, R, F: Fn(A) -> R>(a: &[A], out: &mut [R], f: F) {
    for (out, a) in out.iter_mut().zip(a) {
        *out = f(*a);
    }
}

/// `out[i] = f(a[i], b[i])` for functions that the compiler cannot vectorise.
pub(super) fn plain2<A: Copy, B: Copy, R, F: Fn(A, B) -> R>(a: &[A], b: &[B], out: &mut [R], f: F) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = f(*a, *b);
    }
}

/// `out[i] = f(a[i], b[i])`
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn map2<A: Copy, B: Copy, R, F: Fn(A, B) -> R>(a: &[A], b: &[B], out: &mut [R], f: F) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = f(*a, *b);
    }
}

/// `out[i] = if condition[i] { a[i] } else { b[i] }`
pub(super) fn choose<T: Copy>(condition: &[bool], a: &[T], b: &[T], out: &mut [T]) {
    for (((out, condition), a), b) in out.iter_mut().zip(condition).zip(a).zip(b) {
        *out = if *condition { *a } else { *b };
    }
}

/// As [`choose`], on the bits of elements: the compiler turns a choice between two loads into a choice between two
/// addresses, element by element; masks make it a
/// vector blend.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn choose_bits<T>(condition: &[bool], a: &[T], b: &[T], out: &mut [T])
where
    T: Copy
        + From<bool>
        + WrappingNeg
        + std::ops::BitAnd<Output = T>
        + std::ops::BitOr<Output = T>
        + std::ops::Not<Output = T>,
{
    for (((out, condition), a), b) in out.iter_mut().zip(condition).zip(a).zip(b) {
        let mask = T::from(*condition).wrapping_neg();
        *out = (*a & mask) | (*b & !mask);
    }
}

/// Two's complement: all ones out of 1.
pub(super) trait WrappingNeg {
    fn wrapping_neg(self) -> Self;
}

macro_rules! wrapping_neg {
    ($($T:ty),*) => {$(
        impl WrappingNeg for $T {
            #[inline(always)]
            fn wrapping_neg(self) -> Self {
                <$T>::wrapping_neg(self)
            }
        }
    )*};
}

wrapping_neg!(u8, u16, u32, u64);

/// `f(&mut x[i], v[i])`
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn update1<X, T: Copy, F: Fn(&mut X, T)>(x: &mut [X], v: &[T], f: F) {
    for (x, v) in x.iter_mut().zip(v) {
        f(x, *v);
    }
}

/// `f(&mut x[i], &mut y[i], v[i])`
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn update2<X, Y, T: Copy, F: Fn(&mut X, &mut Y, T)>(
    x: &mut [X],
    y: &mut [Y],
    v: &[T],
    f: F,
) {
    for ((x, y), v) in x.iter_mut().zip(y).zip(v) {
        f(x, y, *v);
    }
}

/// `f(&mut x[i], &mut y[i], &mut z[i], v[i])`
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn update3<X, Y, Z, T: Copy, F: Fn(&mut X, &mut Y, &mut Z, T)>(
    x: &mut [X],
    y: &mut [Y],
    z: &mut [Z],
    v: &[T],
    f: F,
) {
    for (((x, y), z), v) in x.iter_mut().zip(y).zip(z).zip(v) {
        f(x, y, z, *v);
    }
}

/// Folds a row with [`LANES`] accumulators, then joins them pairwise: lane `j` with lane `j + 8`, then `+ 4`, `+ 2`, `+ 1`.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn fold_lanes<A: Copy, T: Copy, F: Fn(A, T) -> A, J: Fn(A, A) -> A>(
    v: &[T],
    start: A,
    f: F,
    join: J,
) -> A {
    let mut lanes = [start; LANES];
    let (whole, rest) = v.as_chunks::<LANES>();
    for chunk in whole {
        for j in 0..LANES {
            lanes[j] = f(lanes[j], chunk[j]);
        }
    }
    for (lane, v) in lanes.iter_mut().zip(rest) {
        *lane = f(*lane, *v);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for j in 0..width {
            lanes[j] = join(lanes[j], lanes[j + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// How many elements satisfy `f`.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn count<T: Copy, F: Fn(T) -> bool>(v: &[T], f: F) -> u32 {
    v.iter()
        .map(|v| u32::from(f(*v)))
        .fold(0, u32::wrapping_add)
}
