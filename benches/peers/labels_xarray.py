"""Four daily jobs in xarray + dask + flox (threads), timed from open to written.

Usage: labels_xarray.py anomaly|seasfire|basins|rolling IN.nc OUT.nc [--chunks dim=n,dim=n | --eager]

--eager loads all with NumPy: the test of our scripts compares with that, and needs no dask.

anomaly    means of the twelve months and the anomalies from them, both written
seasfire   sums of years over land, written, and the series at six places (nearest)
basins     mean of every basin of a mask over the map, per day
rolling    mean of 30 days along time, written
"""
import sys
import time

import numpy as np
import xarray as xr

PLACES = {"latitude": [38.0, 39.7, -3.5, 62.1, -33.9, 12.3], "longitude": [23.7, -8.2, -60.0, 129.7, 18.4, -1.5]}
BEST = {"anomaly": "time=30,lat=256,lon=288", "seasfire": "time=46,latitude=360,longitude=720",
        "basins": "time=30,lat=256,lon=288", "rolling": "time=120,lat=256,lon=288"}


def main(job, source, target, chunks):
    xr.set_options(use_flox=True, use_bottleneck=True)
    if chunks is not None:
        chunks = {k: int(v) for k, v in (part.split("=") for part in chunks.split(","))}
    start = time.perf_counter()
    ds = xr.open_dataset(source, chunks=chunks)
    if job == "anomaly":
        groups = ds.t2m.groupby("time.month")
        climatology = groups.mean()
        anomaly = groups - climatology
        xr.Dataset({"climatology": climatology, "anomaly": anomaly.drop_vars("month")}).to_netcdf(target)
    elif job == "seasfire":
        yearly = ds.burned_area.where(ds.lsm > 0.5).resample(time="1YE").sum()
        places = {k: xr.DataArray(v, dims="place") for k, v in PLACES.items()}
        series = ds.burned_area.sel(places, method="nearest")
        xr.Dataset({"yearly": yearly, "series": series.rename(time="step").reset_coords(drop=True)}).to_netcdf(target)
    elif job == "basins":
        ds.t2m.groupby(ds.basin.compute()).mean().rename("mean").to_netcdf(target)
    elif job == "rolling":
        ds.t2m.rolling(time=30).mean().rename("mean").to_netcdf(target)
    print(f"{job}: {time.perf_counter() - start:.3f} s")


if __name__ == "__main__":
    options = sys.argv[4:]
    best = None if options == ["--eager"] else BEST[sys.argv[1]]
    main(*sys.argv[1:4], options[1] if options[:1] == ["--chunks"] else best)
