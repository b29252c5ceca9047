//! Random arrays: `let rng = default_rng(42); rng.normal(0, 1, [1000, 1000])`.

use super::args::{Value, int, lengths, scalar, text, value};
use super::failure::{OrRaise, Raised, raise, refuse};
use super::operators::array;
use super::registry::Registry;
use crate::array::{Operand, RandomGenerator};
use crate::driver::Driver;
use crate::error::Error;
use rhai::Dynamic;

fn number(operation: &str, given: &Dynamic) -> Raised<f64> {
    match scalar(given) {
        Some(number) => Ok(number.as_f64()),
        None => Err(refuse(operation, given, "a number")),
    }
}

fn parameter(operation: &str, given: &Dynamic) -> Raised<Operand> {
    match value(operation, given)? {
        Value::Array(array) => Ok(array.into()),
        Value::Weak(number) => Ok(number.into()),
        _ => Err(refuse(operation, given, "a number or an Array")),
    }
}

/// No size is one number.
fn size(operation: &str, given: Option<&Dynamic>) -> Raised<Vec<usize>> {
    given.map_or(Ok(Vec::new()), |given| lengths(operation, given, 0))
}

pub(super) fn register(registry: &mut Registry<'_>, driver: &Driver) {
    let own = driver.clone();
    registry.function("default_rng", 1..=1, move |args| {
        let seed = int("default_rng", &args[0], "a seed, an integer")?;
        match u64::try_from(seed) {
            Ok(seed) => Ok(Dynamic::from(own.default_rng(seed))),
            Err(_) => Err(raise(Error::invalid(format!(
                "default_rng: the seed {seed} is not allowed; seeds are at least 0"
            )))),
        }
    });
    registry.method::<RandomGenerator>("random", 0..=2, |rng, args| {
        let size = size("random", args.first())?;
        array(match args.get(1) {
            None => rng.random(&size),
            Some(name) => {
                let dtype = text("random", name, "float32 or float64")?;
                rng.random_as(&size, dtype.parse().or_raise()?)
            }
        })
    });
    registry.method::<RandomGenerator>("uniform", 2..=3, |rng, args| {
        let (low, high) = (number("uniform", &args[0])?, number("uniform", &args[1])?);
        array(rng.uniform(low, high, &size("uniform", args.get(2))?))
    });
    registry.method::<RandomGenerator>("standard_normal", 0..=1, |rng, args| {
        array(rng.standard_normal(&size("standard_normal", args.first())?))
    });
    registry.method::<RandomGenerator>("normal", 2..=3, |rng, args| {
        let (loc, scale) = (
            parameter("normal", &args[0])?,
            parameter("normal", &args[1])?,
        );
        array(rng.normal(loc, scale, &size("normal", args.get(2))?))
    });
    registry.method::<RandomGenerator>("exponential", 1..=2, |rng, args| {
        let scale = number("exponential", &args[0])?;
        array(rng.exponential(scale, &size("exponential", args.get(1))?))
    });
    registry.method::<RandomGenerator>("integers", 2..=3, |rng, args| {
        let low = int("integers", &args[0], "an integer")?;
        let high = int("integers", &args[1], "an integer")?;
        array(rng.integers(low, high, &size("integers", args.get(2))?))
    });
}
