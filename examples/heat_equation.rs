//! The heat equation on a periodic square by explicit steps: every step exchanges a halo of one element between the ranks.
//!
//! ```sh
//! mpirun -n 4 target/release/examples/heat_equation 2000 1000
//! ```
//! u' = ∇²u, forward in time, central in space. From u = 1 + sin 2πx · sin 2πy the solution is known, for the equation and for
//! its discrete form: the wave decays by one factor a step. It fails when a value is not that of the discrete solution, when
//! heat is lost or made, or when the error against the equation is not of second order.

#![allow(clippy::print_stdout)]
#![allow(clippy::reversed_empty_ranges)] // ends of slices counted from the end

use hyperslab::array::{Array, Boundary, compute};
use hyperslab::driver::{Config, Driver, launch_with};
use hyperslab::dtype::DType;
use hyperslab::kernel::{KernelCall, register_kernel};
use hyperslab::{Error, Result};
use ndarray::{Ix2, Zip, s};
use std::f64::consts::PI;
use std::process::ExitCode;
use std::time::Instant;

/// Steps are stable up to ¼ of the squared distance of the points.
const RATIO: f64 = 0.2;

fn main() -> ExitCode {
    let sizes: Vec<usize> = std::env::args().skip(1).flat_map(|a| a.parse()).collect();
    let (side, steps) = match sizes.as_slice() {
        [] => (512, 200),
        [side, steps] if *side > 2 => (*side, *steps),
        _ => {
            eprintln!("usage: heat_equation [POINTS_A_SIDE STEPS]");
            return ExitCode::from(2);
        }
    };
    let run = || {
        register_kernel("heat_step", heat_step).map_err(|e| (true, e))?;
        launch_with(&Config::default(), |driver| heat(driver, side, steps))
    };
    match run() {
        Ok(_) => ExitCode::SUCCESS,
        Err((true, error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        // Another rank has said why.
        Err((false, _)) => ExitCode::SUCCESS,
    }
}

/// One step: u + r (the four neighbours − 4 u). The box of the input has one element more on every side.
fn heat_step(call: &mut KernelCall<'_>) -> Result<()> {
    let r = call.params()[0];
    let matrix = |_| Error::internal("the field is a matrix");
    let u = call.input::<f64>(0)?.into_dimensionality::<Ix2>();
    let u = u.map_err(matrix)?;
    let out = call.output::<f64>()?.into_dimensionality::<Ix2>();
    Zip::from(out.map_err(matrix)?)
        .and(u.slice(s![1..-1, 1..-1]))
        .and(u.slice(s![..-2, 1..-1]))
        .and(u.slice(s![2.., 1..-1]))
        .and(u.slice(s![1..-1, ..-2]))
        .and(u.slice(s![1..-1, 2..]))
        .for_each(|out, u, above, below, left, right| {
            *out = u + r * ((above + below) + (left + right) - 4.0 * u);
        });
    Ok(())
}

fn heat(driver: &Driver, side: usize, steps: usize) -> Result<()> {
    let distance = 1.0 / side as f64;
    let wave = driver.fromfunction(
        |at| (&at[0] * (2.0 * PI * distance)).sin() * (&at[1] * (2.0 * PI * distance)).sin(),
        &[side, side],
        DType::F64,
    );
    // The field stays with the ranks; each holds its part, and a step asks its neighbours for their borders.
    let mut u = (&wave + 1.0).persist()?;
    let start = Instant::now();
    for _ in 0..steps {
        let next = u
            .map_overlap(
                "heat_step",
                &[],
                &[1],
                &[Boundary::Periodic],
                DType::F64,
                &[RATIO],
            )
            .persist()?;
        u.release()?;
        u = next;
    }
    let seconds = start.elapsed().as_secs_f64();

    let factor = 1.0 - 8.0 * RATIO * (PI * distance).sin().powi(2);
    let discrete = factor.powi(steps as i32);
    let time = steps as f64 * RATIO * distance * distance;
    let exact = (-8.0 * PI * PI * time).exp();
    let largest = |error: Array| error.abs().max(&[]);
    let made = compute(&[
        &largest(&u - (&wave * discrete + 1.0)),
        &largest(&u - (&wave * exact + 1.0)),
        &u.sum(&[]),
        &u.max(&[]),
    ])?;
    let value = |k: usize| made[k].get(0).map_or(f64::NAN, |v| v.as_f64());
    let (off, error, heat, most) = (value(0), value(1), value(2), value(3));
    let points = (side * side) as f64;
    println!(
        "{side} x {side} points, {steps} steps: {seconds:.3} s, {:.1} ns a point and step; error {error:.2e}, heat {:.12}",
        1e9 * seconds / (points * steps.max(1) as f64),
        heat / points
    );
    let bound = 1e-13 * (steps + 1) as f64;
    let second_order = 60.0 * distance * distance + bound;
    let checks = [
        (
            off <= bound,
            format!("a value is {off:e} from the discrete solution; allowed is {bound:e}"),
        ),
        (
            (heat / points - 1.0).abs() <= bound,
            format!("heat was lost or made: {heat} of {points}"),
        ),
        (
            error <= second_order,
            format!("the error is {error:e}; allowed is {second_order:e}"),
        ),
        (most <= 2.0, format!("the largest value grew to {most}")),
    ];
    match checks.into_iter().find(|(holds, _)| !holds) {
        Some((_, text)) => Err(Error::data(text)),
        None => Ok(()),
    }
}
