"""Write the input of the other programs here: a daily cube of 1 GB and an 8-day cube of 20 years at 0.25 degrees.

Usage: make_cubes.py daily OUT.nc | make_cubes.py seasfire OUT.nc

daily:     t2m(time 3653, lat 256, lon 288) f32, ten years of days, chunks of (30, 128, 144), deflate 1 with shuffle;
           basin(lat, lon) i32: 40 basins, 0 where there is none; 2 % of the values are missing.
seasfire:  burned_area(time 920, latitude 720, longitude 1440) f32, 46 steps a year, chunks of (46, 180, 360), deflate 1 with
           shuffle; lsm(latitude, longitude) f32 from 0 to 1. Mostly zeros, as burned areas are.
"""
import sys

import netCDF4
import numpy as np


def axis(file, name, values, units):
    file.createDimension(name, len(values))
    variable = file.createVariable(name, "f8", (name,))
    variable.units = units
    variable[:] = values


def smooth(rng, shape, times=3):
    field = rng.standard_normal(shape)
    for _ in range(times):
        for a in (0, 1):
            field = sum(np.roll(field, s, a) for s in range(-6, 7)) / 13
    return (field / field.std()).astype("f4")


def daily(path):
    rng = np.random.default_rng(11)
    nt, ny, nx = 3653, 256, 288
    with netCDF4.Dataset(path, "w") as file:
        axis(file, "time", np.arange(nt, dtype="f8"), "days since 2001-01-01")
        file["time"].calendar = "standard"
        axis(file, "lat", np.linspace(-64, 64, ny), "degrees_north")
        axis(file, "lon", np.linspace(0, 359, nx), "degrees_east")
        basin = file.createVariable("basin", "i4", ("lat", "lon"), zlib=True)
        rows, columns = np.mgrid[0:ny, 0:nx]
        basin[:] = np.where(smooth(rng, (ny, nx)) > -0.7, 1 + (rows * 5 // ny) * 8 + columns * 8 // nx, 0)
        t2m = file.createVariable("t2m", "f4", ("time", "lat", "lon"), zlib=True, complevel=1, shuffle=True,
                                  chunksizes=(30, 128, 144), fill_value=np.float32(-9999))
        t2m.units = "K"
        base = 288 - 30 * (np.linspace(-64, 64, ny)[:, None] / 64) ** 2 + 3 * smooth(rng, (ny, nx))
        for start in range(0, nt, 30):
            days = np.arange(start, min(nt, start + 30))
            season = 10 * np.cos(2 * np.pi * days / 365.25)[:, None, None]
            values = base + season * np.sign(np.linspace(-64, 64, ny))[:, None]
            values = np.round(values + 2 * rng.standard_normal(values.shape), 2).astype("f4")
            values[rng.random(values.shape) < 0.02] = -9999
            t2m[start : start + len(days)] = values


def seasfire(path):
    rng = np.random.default_rng(12)
    years, ny, nx = 20, 720, 1440
    with netCDF4.Dataset(path, "w") as file:
        days = np.concatenate([np.arange(46) * 8 + (np.datetime64(f"{2001 + y}-01-01") - np.datetime64("2001-01-01")).astype(int)
                               for y in range(years)])
        axis(file, "time", days.astype("f8"), "days since 2001-01-01")
        file["time"].calendar = "proleptic_gregorian"
        axis(file, "latitude", 89.875 - 0.25 * np.arange(ny), "degrees_north")
        axis(file, "longitude", -179.875 + 0.25 * np.arange(nx), "degrees_east")
        lsm = file.createVariable("lsm", "f4", ("latitude", "longitude"), zlib=True)
        land = np.clip(smooth(rng, (ny, nx)) * 0.6 + 0.4, 0, 1)
        lsm[:] = land
        area = file.createVariable("burned_area", "f4", ("time", "latitude", "longitude"), zlib=True, complevel=1, shuffle=True,
                                   chunksizes=(46, 180, 360), fill_value=np.float32(np.nan))
        area.units = "hectares"
        for year in range(years):
            fires = rng.random((46, ny, nx), dtype="f4")
            values = np.where((fires > 0.97) & (land > 0.3), np.round(fires * 40000 - 38000, 1), 0).astype("f4")
            values[:, land < 0.02] = np.nan
            area[year * 46 : (year + 1) * 46] = values


if __name__ == "__main__":
    {"daily": daily, "seasfire": seasfire}[sys.argv[1]](sys.argv[2])
