//! Rewrite rules over the lazy graph. Laws: a rule keeps shape, dtype and values of every output; rules are pure and
//! deterministic. Schemas are checked after every rule; values by the oracle tests with rules on and off.
//!
//! Element-wise fusion and shared passes are decisions of `plan`: there, the fused program of a pass is made.

mod prune;
mod push_select;
mod rule;

pub use rule::{Optimized, Rule, optimize, rules};
