"""A NetCDF-4 file and kerchunk's references to it: run in this folder. Needs kerchunk, h5py and netCDF4.

    python make_kerchunk.py          writes referenced.nc and referenced.json
"""
import json
import warnings

import kerchunk.hdf
import netCDF4
import numpy as np

warnings.filterwarnings("ignore")
with netCDF4.Dataset("referenced.nc", "w") as nc:
    nc.createDimension("time", None)
    nc.createDimension("y", 3)
    nc.createDimension("x", 4)
    number = np.arange(72)
    nc.createVariable("time", "f8", ("time",), chunksizes=(4,))[:] = np.arange(6.0)
    nc.createVariable("y", "i4", ("y",))[:] = [10, 20, 30]
    v = nc.createVariable("v", "i2", ("time", "y", "x"), zlib=True, shuffle=True, chunksizes=(2, 2, 3), fill_value=-9)
    v[:] = ((7 * number + 3) % 120).reshape(6, 3, 4)
    summed = nc.createVariable("summed", "f4", ("time", "y", "x"), zlib=True, fletcher32=True, chunksizes=(3, 3, 4))
    summed[:] = ((7 * number + 3) % 120).reshape(6, 3, 4)
    nc.createVariable("plain", "f8", ("y", "x"))[:] = ((7 * number[:12] + 3) % 120).reshape(3, 4)
    nc.createVariable("big", ">i4", ("y", "x"), endian="big")[:] = ((7 * number[:12] + 3) % 120).reshape(3, 4)
    inner = nc.createGroup("inner")
    inner.createVariable("w", "u1", ("y", "x"))[:] = number[:12].reshape(3, 4)

# Some chunks inside, as text or as base64, and some in the file.
refs = kerchunk.hdf.SingleHdf5ToZarr("referenced.nc", url="referenced.nc", inline_threshold=24).translate()
with open("referenced.json", "w") as out:
    json.dump(refs, out, indent=1)
