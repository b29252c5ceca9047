//! The shapes of all hot loops, each compiled for AVX2 and for the base of the machine, chosen at run time.
//!
//! Law: the same bits on every CPU. A loop here either treats elements apart, or folds with [`LANES`] accumulators that
//! are joined in one fixed order; neither knows the width of a vector. Rust never contracts `a * b + c` into a fused
//! multiply-add, and no loop asks for one.
//!
//! AVX-512 is left out until it is measured on a quiet machine: it made no difference to NDVI, but the folds of f64 ran
//! faster with it in one noisy run, and a third copy of every loop costs every build.

#![allow(unsafe_code)] // the dispatcher that `multiversion` writes; there is none by hand

/// A loop in two versions: `body` is inlined into the one for the base of the machine and into those that `multiversion` makes,
/// of which it picks one at run time. Tests may ask for the base, to compare bits.
macro_rules! hot_loop {
    ($(#[$doc:meta])* fn $name:ident[$($generics:tt)*]($($arg:ident: $T:ty),* $(,)?) $(-> $R:ty)? $body:block) => {
        $(#[$doc])*
        pub(super) fn $name<$($generics)*>($($arg: $T),*) $(-> $R)? {
            #[inline(always)]
            fn body<$($generics)*>($($arg: $T),*) $(-> $R)? $body

            #[multiversion::multiversion(targets("x86_64+avx2"))]
            fn dispatched<$($generics)*>($($arg: $T),*) $(-> $R)? {
                body($($arg),*)
            }

            #[cfg(test)]
            if base::is_forced() {
                return body($($arg),*);
            }
            dispatched($($arg),*)
        }
    };
}

/// For tests: loops of this thread in their base version.
#[cfg(test)]
pub(super) mod base {
    use std::cell::Cell;

    thread_local! {
        static FORCED: Cell<bool> = const { Cell::new(false) };
        static RUNS: Cell<u64> = const { Cell::new(0) };
    }

    /// Runs `work` with base versions; gives how many loops ran beside its result.
    pub(in crate::kernel) fn force<T>(work: impl FnOnce() -> T) -> (T, u64) {
        let before = RUNS.get();
        FORCED.set(true);
        let result = work();
        FORCED.set(false);
        (result, RUNS.get() - before)
    }

    pub(in crate::kernel) fn is_forced() -> bool {
        RUNS.set(RUNS.get() + u64::from(FORCED.get()));
        FORCED.get()
    }
}

/// Accumulators of a row that is folded into one cell; element `i` of a row belongs to lane `i % LANES`.
pub(super) const LANES: usize = 16;

hot_loop! {
    /// `out[i] = f(a[i])`
    fn map1[A: Copy, R, F: Fn(A) -> R](a: &[A], out: &mut [R], f: F) {
        for (out, a) in out.iter_mut().zip(a) {
            *out = f(*a);
        }
    }
}

hot_loop! {
    /// `values[i] = f(values[i])`
    fn in_place[A: Copy, F: Fn(A) -> A](values: &mut [A], f: F) {
        for value in values {
            *value = f(*value);
        }
    }
}

hot_loop! {
    /// `out[i] = f(a[i])`; true when `g(out[i])` held for all.
    fn map1_checked[A: Copy, R: Copy, F: Fn(A) -> R, G: Fn(R) -> bool](a: &[A], out: &mut [R], f: F, g: G) -> bool {
        let mut all = true;
        for (out, a) in out.iter_mut().zip(a) {
            *out = f(*a);
            all &= g(*out);
        }
        all
    }
}

hot_loop! {
    /// `out[i] = f(a[i], b[i])`; true when `g(out[i])` held for all.
    fn map2_checked[A: Copy, B: Copy, R: Copy, F: Fn(A, B) -> R, G: Fn(R) -> bool](
        a: &[A], b: &[B], out: &mut [R], f: F, g: G,
    ) -> bool {
        let mut all = true;
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = f(*a, *b);
            all &= g(*out);
        }
        all
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

hot_loop! {
    /// `out[i] = f(a[i], b[i])`
    fn map2[A: Copy, B: Copy, R, F: Fn(A, B) -> R](a: &[A], b: &[B], out: &mut [R], f: F) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = f(*a, *b);
        }
    }
}

/// `out[i] = if condition[i] { a[i] } else { b[i] }`
pub(super) fn choose<T: Copy>(condition: &[bool], a: &[T], b: &[T], out: &mut [T]) {
    for (((out, condition), a), b) in out.iter_mut().zip(condition).zip(a).zip(b) {
        *out = if *condition { *a } else { *b };
    }
}

hot_loop! {
    /// As [`choose`], on the bits of elements: the compiler turns a choice between two loads into a choice between two
    /// addresses, element by element; masks make it a
    /// vector blend.
    fn choose_bits[T: Mask](condition: &[bool], a: &[T], b: &[T], out: &mut [T]) {
        for (((out, condition), a), b) in out.iter_mut().zip(condition).zip(a).zip(b) {
            let mask = T::from(*condition).wrapping_neg();
            *out = (*a & mask) | (*b & !mask);
        }
    }
}

/// Unsigned integers as masks.
pub(super) trait Mask:
    Copy
    + From<bool>
    + std::ops::BitAnd<Output = Self>
    + std::ops::BitOr<Output = Self>
    + std::ops::Not<Output = Self>
{
    /// Two's complement: all ones out of 1.
    fn wrapping_neg(self) -> Self;
}

macro_rules! mask {
    ($($T:ty),*) => {$(
        impl Mask for $T {
            #[inline(always)]
            fn wrapping_neg(self) -> Self {
                <$T>::wrapping_neg(self)
            }
        }
    )*};
}

mask!(u8, u16, u32, u64);

hot_loop! {
    /// `f(&mut x[i], v[i])`
    fn update1[X, T: Copy, F: Fn(&mut X, T)](x: &mut [X], v: &[T], f: F) {
        for (x, v) in x.iter_mut().zip(v) {
            f(x, *v);
        }
    }
}

hot_loop! {
    /// `f(&mut x[i], &mut y[i], v[i])`
    fn update2[X, Y, T: Copy, F: Fn(&mut X, &mut Y, T)](x: &mut [X], y: &mut [Y], v: &[T], f: F) {
        for ((x, y), v) in x.iter_mut().zip(y).zip(v) {
            f(x, y, *v);
        }
    }
}

hot_loop! {
    /// `f(&mut x[i], &mut y[i], &mut z[i], v[i])`
    fn update3[X, Y, Z, T: Copy, F: Fn(&mut X, &mut Y, &mut Z, T)](x: &mut [X], y: &mut [Y], z: &mut [Z], v: &[T], f: F) {
        for (((x, y), z), v) in x.iter_mut().zip(y).zip(z).zip(v) {
            f(x, y, z, *v);
        }
    }
}

/// Rows of values that fall into the same cells, in this order: `count` of them, `pitch` apart.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, T> {
    pub(super) values: &'a [T],
    pub(super) pitch: usize,
    pub(super) count: usize,
}

/// Cells that stay in registers while the rows pass by.
const ABREAST: usize = 16;
/// The same of cells that take many registers.
const FEW_ABREAST: usize = 8;

impl<'a, T> Rows<'a, T> {
    /// Columns `at .. at + W` of all rows.
    #[inline(always)]
    fn blocks<const W: usize>(self, at: usize) -> impl DoubleEndedIterator<Item = &'a [T; W]> {
        let rows = (0..self.count).map(move |row| at + row * self.pitch);
        rows.filter_map(move |first| self.values.get(first..)?.first_chunk())
    }
}

hot_loop! {
    /// `f(&mut x[i], row[i])` for one row after the other.
    fn rows1[X: Copy, T: Copy, F: Fn(&mut X, T)](x: &mut [X], rows: Rows<'_, T>, f: F) {
        let (blocks, rest) = x.as_chunks_mut::<ABREAST>();
        let whole = ABREAST * blocks.len();
        for (number, block) in blocks.iter_mut().enumerate() {
            let mut own = *block;
            for v in rows.blocks::<ABREAST>(ABREAST * number) {
                for j in 0..ABREAST {
                    f(&mut own[j], v[j]);
                }
            }
            *block = own;
        }
        for (i, x) in rest.iter_mut().enumerate() {
            for [v] in rows.blocks::<1>(whole + i) {
                f(x, *v);
            }
        }
    }
}

hot_loop! {
    /// `f(&mut x[i], &mut y[i], row[i])` for one row after the other.
    fn rows2[X: Copy, Y: Copy, T: Copy, F: Fn(&mut X, &mut Y, T)](x: &mut [X], y: &mut [Y], rows: Rows<'_, T>, f: F) {
        let (xs, rest_x) = x.as_chunks_mut::<ABREAST>();
        let (ys, rest_y) = y.as_chunks_mut::<ABREAST>();
        let whole = ABREAST * xs.len();
        for (number, (x, y)) in xs.iter_mut().zip(ys).enumerate() {
            let (mut own_x, mut own_y) = (*x, *y);
            for v in rows.blocks::<ABREAST>(ABREAST * number) {
                for j in 0..ABREAST {
                    f(&mut own_x[j], &mut own_y[j], v[j]);
                }
            }
            (*x, *y) = (own_x, own_y);
        }
        for (i, (x, y)) in rest_x.iter_mut().zip(rest_y).enumerate() {
            for [v] in rows.blocks::<1>(whole + i) {
                f(x, y, *v);
            }
        }
    }
}

hot_loop! {
    /// `f(&mut x[i], row[i])` and `met[i] |= g(row[i])` for one row after the other. The mark has lanes as wide as most values:
    /// bytes beside floats would be packed at each step; and it is left alone once all is met.
    fn rows_met[X: Copy, T: Copy, F: Fn(&mut X, T), G: Fn(T) -> bool](
        x: &mut [X], met: &mut [u8], rows: Rows<'_, T>, f: F, g: G,
    ) {
        let (xs, rest_x) = x.as_chunks_mut::<ABREAST>();
        let (mets, rest_met) = met.as_chunks_mut::<ABREAST>();
        let whole = ABREAST * xs.len();
        for (number, (x, met)) in xs.iter_mut().zip(mets).enumerate() {
            let mut own = *x;
            if *met == [1; ABREAST] {
                for v in rows.blocks::<ABREAST>(ABREAST * number) {
                    for j in 0..ABREAST {
                        f(&mut own[j], v[j]);
                    }
                }
            } else {
                let mut marks = [0u32; ABREAST];
                for v in rows.blocks::<ABREAST>(ABREAST * number) {
                    for j in 0..ABREAST {
                        f(&mut own[j], v[j]);
                        marks[j] |= u32::from(g(v[j]));
                    }
                }
                for j in 0..ABREAST {
                    met[j] |= marks[j] as u8;
                }
            }
            *x = own;
        }
        for (i, (x, met)) in rest_x.iter_mut().zip(rest_met).enumerate() {
            for [v] in rows.blocks::<1>(whole + i) {
                f(x, *v);
                *met |= u8::from(g(*v));
            }
        }
    }
}

hot_loop! {
    /// What the rows add to cells of a count, a middle and a sum: counts, sums and sums of squares about the middle are made of
    /// all rows (`add`), then joined to the cell (`join`). Where the count is 0, `begin` moves the middle to the first value; it
    /// tells whether a value counts.
    fn rows_about[M: Copy, T: Copy, B: Fn(u32, &mut M, T) -> bool, F: Fn(M, &mut M, &mut f64, &mut u32, T), J: Fn(&mut M, &mut f64, &mut u32, M, f64, u32)](
        zero: M, cells: (&mut [M], &mut [f64], &mut [u32]), rows: Rows<'_, T>, begin: B, add: F, join: J,
    ) {
        #[inline(always)]
        fn block<const W: usize, M: Copy, T: Copy>(
            zero: M,
            (middles, squares, counts): (&mut [M; W], &mut [f64; W], &mut [u32; W]),
            (rows, at): (Rows<'_, T>, usize),
            begin: &impl Fn(u32, &mut M, T) -> bool,
            add: &impl Fn(M, &mut M, &mut f64, &mut u32, T),
            join: &impl Fn(&mut M, &mut f64, &mut u32, M, f64, u32),
        ) {
            let mut middle = *middles;
            if counts.contains(&0) {
                // The first one stays. Where there is none at all (outside of what a radar sees), nothing is to be done.
                let mut any = [0u32; W];
                for v in rows.blocks::<W>(at).rev() {
                    for j in 0..W {
                        any[j] |= u32::from(begin(counts[j], &mut middle[j], v[j]));
                    }
                }
                if any == [0; W] {
                    return;
                }
            }
            let (mut sums, mut squared, mut seen) = ([zero; W], [0.0; W], [0u32; W]);
            for v in rows.blocks::<W>(at) {
                for j in 0..W {
                    add(middle[j], &mut sums[j], &mut squared[j], &mut seen[j], v[j]);
                }
            }
            for j in 0..W {
                join(&mut middle[j], &mut squares[j], &mut counts[j], sums[j], squared[j], seen[j]);
            }
            *middles = middle;
        }
        let (middles, squares, counts) = cells;
        let (ms, rest_m) = middles.as_chunks_mut::<FEW_ABREAST>();
        let (ss, rest_s) = squares.as_chunks_mut::<FEW_ABREAST>();
        let (cs, rest_c) = counts.as_chunks_mut::<FEW_ABREAST>();
        let whole = FEW_ABREAST * ms.len();
        for (number, ((m, s), c)) in ms.iter_mut().zip(ss).zip(cs).enumerate() {
            block(zero, (m, s, c), (rows, FEW_ABREAST * number), &begin, &add, &join);
        }
        let (ms, ss, cs) = (rest_m.as_chunks_mut::<1>().0, rest_s.as_chunks_mut::<1>().0, rest_c.as_chunks_mut::<1>().0);
        for (number, ((m, s), c)) in ms.iter_mut().zip(ss).zip(cs).enumerate() {
            block(zero, (m, s, c), (rows, whole + number), &begin, &add, &join);
        }
    }
}

hot_loop! {
    /// `f(&mut x[i], &mut y[i], n[i], a[i], b[i], m[i])`
    fn join_pairs[X: Copy, Y: Copy, N: Copy, F: Fn(&mut X, &mut Y, N, X, Y, N)](
        x: &mut [X], y: &mut [Y], n: &[N], a: &[X], b: &[Y], m: &[N], f: F,
    ) {
        for (((((x, y), n), a), b), m) in x.iter_mut().zip(y).zip(n).zip(a).zip(b).zip(m) {
            f(x, y, *n, *a, *b, *m);
        }
    }
}

hot_loop! {
    /// Folds a row with [`LANES`] accumulators, then joins them pairwise: lane `j` with lane `j + 8`, then `+ 4`, `+ 2`, `+ 1`.
    fn fold_lanes[A: Copy, T: Copy, F: Fn(A, T) -> A, J: Fn(A, A) -> A](v: &[T], start: A, f: F, join: J) -> A {
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
}

hot_loop! {
    /// How many elements satisfy `f`.
    fn count[T: Copy, F: Fn(T) -> bool](v: &[T], f: F) -> u32 {
        v.iter()
            .map(|v| u32::from(f(*v)))
            .fold(0, u32::wrapping_add)
    }
}

hot_loop! {
    /// `states[..][i] = f(states[..][i], row[i])`: one more element for each of some running states of `N` numbers.
    fn push_row[T: Copy, const N: usize, F: Fn([f64; N], T) -> [f64; N]](states: &mut [&mut [f64]; N], row: &[T], f: F) {
        let long = row.len();
        let fields = states.each_mut().map(|field| &mut field[..long]);
        for k in 0..long {
            let pushed = f(std::array::from_fn(|n| fields[n][k]), row[k]);
            for n in 0..N {
                fields[n][k] = pushed[n];
            }
        }
    }
}

hot_loop! {
    /// `out[i] = f(left[..][i], right[..][i])`: what two running states of `N` numbers make together.
    fn join_row[T, const N: usize, F: Fn([f64; N], [f64; N]) -> T](
        left: [&[f64]; N], right: [&[f64]; N], out: &mut [T], f: F,
    ) {
        let long = out.len();
        let (left, right) = (left.map(|field| &field[..long]), right.map(|field| &field[..long]));
        for k in 0..long {
            out[k] = f(std::array::from_fn(|n| left[n][k]), std::array::from_fn(|n| right[n][k]));
        }
    }
}
