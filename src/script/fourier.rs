//! `numpy.fft`: `x.fft(n, axis, norm)`, `x.fft2(s, axes, norm)`, each argument by position or by name in a map at the end.

use super::args::{by_name, int, length, lengths, optional, scalar, text, whole_list};
use super::failure::{OrRaise, Raised, refuse};
use super::operators::array;
use super::registry::Registry;
use crate::array::{Array, Norm};
use crate::driver::Driver;
use rhai::Dynamic;

fn norm(operation: &str, value: &Dynamic) -> Raised<Norm> {
    match value.is_unit() {
        true => Ok(Norm::Backward),
        false => text(operation, value, "a norm")?.parse().or_raise(),
    }
}

fn sizes(operation: &str, value: &Dynamic) -> Raised<Option<Vec<usize>>> {
    match value.is_unit() {
        true => Ok(None),
        false => lengths(operation, value, 0).map(Some),
    }
}

pub(super) fn register(registry: &mut Registry<'_>, driver: &Driver) {
    type One = fn(&Array, Option<usize>, isize, Norm) -> Array;
    let one: [(&str, One); 6] = [
        ("fft", Array::fft),
        ("ifft", Array::ifft),
        ("rfft", Array::rfft),
        ("irfft", Array::irfft),
        ("hfft", Array::hfft),
        ("ihfft", Array::ihfft),
    ];
    for (name, body) in one {
        registry.method::<Array>(name, 0..=3, move |this, args| {
            let args = by_name(name, args, &["n", "axis", "norm"])?;
            let n = match args[0].is_unit() {
                true => None,
                false => Some(length(name, &args[0], 0)?),
            };
            let axis = optional(name, &args[1])?.unwrap_or(-1);
            array(body(this, n, axis, norm(name, &args[2])?))
        });
    }
    type Two = fn(&Array, Option<&[usize]>, [isize; 2], Norm) -> Array;
    let two: [(&str, Two); 4] = [
        ("fft2", Array::fft2),
        ("ifft2", Array::ifft2),
        ("rfft2", Array::rfft2),
        ("irfft2", Array::irfft2),
    ];
    for (name, body) in two {
        registry.method::<Array>(name, 0..=3, move |this, args| {
            let args = by_name(name, args, &["s", "axes", "norm"])?;
            let axes = match args[1].is_unit() {
                true => vec![-2, -1],
                false => whole_list(name, &args[1])?,
            };
            let [a, b] = *axes.as_slice() else {
                return Err(refuse(name, &args[1], "a list of two axes"));
            };
            let s = sizes(name, &args[0])?;
            array(body(this, s.as_deref(), [a, b], norm(name, &args[2])?))
        });
    }
    type Many = fn(&Array, Option<&[usize]>, Option<&[isize]>, Norm) -> Array;
    let many: [(&str, Many); 4] = [
        ("fftn", Array::fftn),
        ("ifftn", Array::ifftn),
        ("rfftn", Array::rfftn),
        ("irfftn", Array::irfftn),
    ];
    for (name, body) in many {
        registry.method::<Array>(name, 0..=3, move |this, args| {
            let args = by_name(name, args, &["s", "axes", "norm"])?;
            let axes = match args[1].is_unit() {
                true => None,
                false => Some(whole_list(name, &args[1])?),
            };
            let s = sizes(name, &args[0])?;
            array(body(
                this,
                s.as_deref(),
                axes.as_deref(),
                norm(name, &args[2])?,
            ))
        });
    }
    type Shift = fn(&Array, &[isize]) -> Array;
    let shifts: [(&str, Shift); 2] = [
        ("fftshift", Array::fftshift),
        ("ifftshift", Array::ifftshift),
    ];
    for (name, body) in shifts {
        registry.method::<Array>(name, 0..=1, move |this, args| {
            let args = by_name(name, args, &["axes"])?;
            match args[0].is_unit() {
                true => array(body(this, &[])),
                false => array(body(this, &whole_list(name, &args[0])?)),
            }
        });
    }
    for name in ["fftfreq", "rfftfreq"] {
        let own = driver.clone();
        registry.function(name, 1..=2, move |args| {
            let n = int(name, &args[0], "a number of elements")?;
            let n = usize::try_from(n).unwrap_or(0);
            let d = match args.get(1) {
                None => 1.0,
                Some(d) => match scalar(d) {
                    Some(d) => d.as_f64(),
                    None => return Err(refuse(name, d, "a number, the distance of samples")),
                },
            };
            array(match name {
                "fftfreq" => own.fftfreq(n, d),
                _ => own.rfftfreq(n, d),
            })
        });
    }
}
