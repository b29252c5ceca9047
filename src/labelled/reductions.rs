//! The table of reductions by name: one line gives the method of every labelled type and of its groups.

/// Methods of `$Type`, which has `reduce(ReductionKind, &[&str], Option<bool>) -> $Result`; more lines may follow.
macro_rules! reductions {
    ($Type:ident => $Result:ident $(; $($more:tt)*)?) => {
        $crate::labelled::reductions::reductions! { @methods $Type => $Result;
            sum => Sum, "Sum.";
            prod => Prod, "Product.";
            mean => Mean, "Arithmetic mean.";
            min => Min, "Smallest.";
            max => Max, "Largest.";
            count => Count, "Number of elements that are not missing.";
            any => Any, "True when any element is not zero.";
            all => All, "True when no element is zero.";
            std => Std { ddof: 0 }, "Standard deviation (ddof 0).";
            $($($more)*)?
        }
    };
    (@methods $Type:ident => $Result:ident; $($name:ident => $Kind:ident $({ $($field:tt)* })?, $doc:literal;)*) => {
        impl $Type {$(
            #[doc = $doc]
            ///
            /// Over `dims` (empty: all; of groups: the grouped one). Missing values are skipped where the dtype has them, as in
            /// xarray.
            #[must_use]
            #[track_caller]
            pub fn $name<D: $crate::labelled::data_array::Dims>(&self, dims: D) -> $Result {
                self.reduce($crate::op::ReductionKind::$Kind $({ $($field)* })?, &dims.names(), None)
            }
        )*}
    };
}

pub(super) use reductions;
