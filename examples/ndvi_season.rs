//! Seasonal mean NDVI of a cloud-masked Landsat cube.
//!
//! `mpirun -n 2 target/release/examples/ndvi_season landsat.nc season.nc`

fn main() -> hyperslab::Result<()> {
    let mut paths = std::env::args().skip(1);
    let input = paths.next().unwrap_or_else(|| "landsat.nc".to_owned());
    let output = paths.next().unwrap_or_else(|| "ndvi_season.nc".to_owned());
    hyperslab::launch(|driver| {
        let ds = driver
            .open(&input)?
            .chunk([("time", 44), ("y", 512), ("x", 512)]);
        // Landsat Collection 2 QA bits: fill, cloud, cloud shadow, water.
        let clear = (ds.var("qa_pixel") & 0b1001_1001).eq(0);
        let (nir, red) = (ds.var("nir08").where_(&clear), ds.var("red").where_(&clear));
        let ndvi = (&nir - &red) / (&nir + &red);
        ndvi.groupby("time.season")
            .mean("time")
            .rename("ndvi")
            .save(&output)
    })
}
