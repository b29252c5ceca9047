//! Registers functions with any number of trailing arguments, and remembers their names for error messages.

use super::failure::Raised;
use rhai::{Dynamic, Engine, Variant};
use std::any::TypeId;
use std::ops::RangeInclusive;

/// The engine with the names of what was registered.
pub(super) struct Registry<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) names: Vec<String>,
}

impl Registry<'_> {
    /// A method of `T` (also callable as a function) with so many arguments after it.
    pub(super) fn method<T: Variant + Clone>(
        &mut self,
        name: &str,
        extra: RangeInclusive<usize>,
        body: impl Fn(&T, &[Dynamic]) -> Raised<Dynamic> + Send + Sync + Clone + 'static,
    ) {
        self.note(name);
        for count in extra {
            let mut types = vec![TypeId::of::<T>()];
            types.resize(1 + count, TypeId::of::<Dynamic>());
            let body = body.clone();
            self.engine.register_raw_fn(name, &types, move |_, args| {
                let rest: Vec<Dynamic> = args[1..].iter_mut().map(|a| a.take().flatten()).collect();
                // A clone is cheap, and the first argument may be a variable of the script.
                let this: T = args[0].flatten_clone().cast();
                body(&this, &rest)
            });
        }
    }

    /// A function of so many arguments of any types.
    pub(super) fn function(
        &mut self,
        name: &str,
        counts: RangeInclusive<usize>,
        body: impl Fn(&[Dynamic]) -> Raised<Dynamic> + Send + Sync + Clone + 'static,
    ) {
        self.note(name);
        for count in counts {
            let types = vec![TypeId::of::<Dynamic>(); count];
            let body = body.clone();
            self.engine.register_raw_fn(name, &types, move |_, args| {
                let all: Vec<Dynamic> = args.iter_mut().map(|a| a.flatten_clone()).collect();
                body(&all)
            });
        }
    }

    fn note(&mut self, name: &str) {
        if !self.names.iter().any(|n| n == name) {
            self.names.push(name.to_owned());
        }
    }
}
