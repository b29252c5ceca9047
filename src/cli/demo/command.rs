//! The steps of the demo.

use super::super::args::DemoArgs;
use super::super::job::{self, print};
use super::super::report::{Clock, summary};
use super::{cube, picture};
use crate::driver::Driver;
use crate::error::{Error, Fault, Result};
use crate::script::run_text;
use std::path::Path;
use std::time::Instant;

/// The job of the demo is the job of the README.
const SCRIPT: &str = include_str!("../../../examples/ndvi_season.rhai");

pub(in super::super) fn demo(args: &DemoArgs, clock: &Clock) -> u8 {
    let what = format!("demo {}", args.dir.display());
    let startup_s = clock.elapsed_s();
    job::run(
        &args.job,
        args.json,
        &what,
        |_| Ok(()),
        |driver| {
            let start = Instant::now();
            let mut say = |line: &str| {
                if !args.quiet && !args.json {
                    print(line);
                }
            };
            let [input, output, picture] = steps(driver, &args.dir, &mut say)?;
            if args.json {
                let session = driver.session();
                let (done, ranks, limits) = (session.finished(), session.ranks(), session.limits());
                let elapsed_s = start.elapsed().as_secs_f64();
                let mut object = summary(&done, ranks, limits, startup_s, elapsed_s);
                object["input"] = input.into();
                object["output"] = output.into();
                object["picture"] = picture.into();
                print(&object.to_string());
            }
            Ok(())
        },
    )
}

/// Makes the cube, runs the job, draws; gives the names of the three files.
fn steps(driver: &Driver, dir: &Path, say: &mut (dyn FnMut(&str) + Send)) -> Result<[String; 3]> {
    std::fs::create_dir_all(dir).map_err(|e| {
        Error::new(
            Fault::Output,
            format!("demo: creating {}: {e}", dir.display()),
        )
    })?;
    let (input, output) = (dir.join("landsat.nc"), dir.join("ndvi_season.nc"));
    let png = dir.join("ndvi_season.png");
    if png.exists() && !driver.session().overwrite() {
        return Err(Error::new(
            Fault::Output,
            format!(
                "demo: {} exists already; --overwrite replaces it",
                png.display()
            ),
        ));
    }
    cube::make(driver, &input)?;
    say(&format!("made   {}", input.display()));
    let text = |path: &Path| path.display().to_string();
    let sets = [
        ("input".to_owned(), text(&input)),
        ("output".to_owned(), text(&output)),
    ];
    run_text(driver, "examples/ndvi_season.rhai", SCRIPT, &sets, say)?;
    say(&format!("wrote  {}", output.display()));
    picture::draw(driver, &output, &png)?;
    say(&format!("drew   {}", png.display()));
    Ok([text(&input), text(&output), text(&png)])
}
