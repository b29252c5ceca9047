//! Arrays with names: dimensions, coordinates, attributes, and the CF conventions that give stored numbers a meaning.

pub mod cf;
