//! Data types: NumPy's, without strings and objects, and NumPy 2's rules of promotion.
//!
//! Definitions. A [`DType`] is what a user sees; its [`Physical`] type is what a buffer holds (a datetime is an `i64`
//! with a unit). A [`Scalar`] is one value; a *weak* scalar (a number written in a program) takes the type of the array
//! beside it, after NumPy Enhancement Proposal 50.

mod dtype;
mod element;
#[macro_use]
mod physical;
mod promote;
mod scalar;
mod time;

pub use dtype::{DType, Kind};
pub use element::Element;
pub use physical::Physical;
pub use promote::{promote, promote_weak};
pub use scalar::Scalar;
pub use time::{NAT, TimeUnit};
