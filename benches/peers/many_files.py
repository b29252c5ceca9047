"""Many small NetCDF files as one: `many_files.py make FOLDER COUNT`, `many_files.py open PATTERN` (xarray's open_mfdataset)."""
import glob
import os
import sys
import time

import numpy as np
import xarray as xr

if sys.argv[1] == "make":
    folder, count = sys.argv[2], int(sys.argv[3])
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(3)
    lat, lon = np.linspace(-89, 89, 45), np.linspace(0, 352, 45)
    for i in range(count):
        start = np.datetime64("2000-01-01", "ns") + np.timedelta64(i, "D")
        times = start + np.arange(4) * np.timedelta64(6, "h")
        data = rng.standard_normal((4, 45, 45)).astype("f4")
        ds = xr.Dataset({"t2m": (("time", "lat", "lon"), data, {"units": "K"})}, {"time": times, "lat": lat, "lon": lon})
        ds.time.encoding["units"] = "hours since 1970-01-01"
        ds.to_netcdf(os.path.join(folder, f"day{i:05}.nc"), encoding={"t2m": {"zlib": True}})
else:
    start = time.perf_counter()
    ds = xr.open_mfdataset(sorted(glob.glob(sys.argv[2])), parallel=False)
    print(f"opened {ds.sizes['time']} times in {time.perf_counter() - start:.3f} s")
