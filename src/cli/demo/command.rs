//! The steps of the demo.

use super::super::args::DemoArgs;
use super::super::job::{self, print};
use super::{cube, picture};
use crate::driver::Driver;
use crate::error::{Error, Fault, Result};
use crate::script::run_text;
use std::path::Path;

/// The job of the demo is the job of the README.
const SCRIPT: &str = include_str!("../../../examples/ndvi_season.rhai");

pub(in super::super) fn demo(args: &DemoArgs) -> u8 {
    let what = format!("demo {}", args.dir.display());
    job::run(
        &args.job,
        false,
        &what,
        |_| Ok(()),
        |driver| steps(driver, &args.dir),
    )
}

fn steps(driver: &Driver, dir: &Path) -> Result<()> {
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
    print(&format!("made   {}", input.display()));
    let text = |path: &Path| path.display().to_string();
    let sets = [
        ("input".to_owned(), text(&input)),
        ("output".to_owned(), text(&output)),
    ];
    run_text(
        driver,
        "examples/ndvi_season.rhai",
        SCRIPT,
        &sets,
        &mut print,
    )?;
    print(&format!("wrote  {}", output.display()));
    picture::draw(driver, &output, &png)?;
    print(&format!("drew   {}", png.display()));
    Ok(())
}
