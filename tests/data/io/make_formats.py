"""Makes the NetCDF-3 and .npy files in tests/data/io/formats, and formats.json: what xarray and NumPy read of them.

Values are the bytes of NumPy's arrays, little-endian, as hexadecimal digits; times are nanoseconds since 1970."""
import json
import os
import warnings

import netCDF4
import numpy as np
import scipy.io
import xarray as xr

warnings.simplefilter("ignore")
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "formats")
os.makedirs(here, exist_ok=True)
rng = np.random.default_rng(3)


def path(name):
    return os.path.join(here, name)


def numbers(shape, dtype):
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    if dtype.kind == "c":
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    return (rng.normal(size=shape) * 10.0 ** rng.integers(-9, 9, shape)).astype(dtype)


def characters(texts):
    return np.array(texts, "S6").view("S1").reshape(len(texts), 6)


# Every type, fixed and in records, in the three formats; with what CF decodes.
for name, kind in [("cdf1", "NETCDF3_CLASSIC"), ("cdf2", "NETCDF3_64BIT_OFFSET"), ("cdf5", "NETCDF3_64BIT_DATA")]:
    with netCDF4.Dataset(path(f"{name}.nc"), "w", format=kind) as f:
        types = ["i1", "i2", "i4", "f4", "f8"] + (["u1", "u2", "u4", "i8", "u8"] if name == "cdf5" else [])
        f.title = "all types, °C"
        f.empty = ""
        f.history = "a\nb\nc"
        for t in types:
            f.setncattr(f"list_{t}", numbers((3,), t))
            f.setncattr(f"one_{t}", numbers((), t)[()])
        f.createDimension("time", None)
        for dim, n in [("y", 5), ("x", 3), ("letters", 6), ("station", 2)]:
            f.createDimension(dim, n)
        v = f.createVariable("time", "f8", ("time",))
        v.units, v.calendar = "hours since 2001-02-03 04:00", "standard"
        v = f.createVariable("x", "i2", ("x",))
        v.units, v[:] = "km", [10, 20, 30]
        v = f.createVariable("station", "S1", ("station", "letters"))
        v[:] = characters([b"Oslo", b"B\xc3\xa2le"])
        v = f.createVariable("code", "S1", ("letters",))
        v[:] = np.array(list("abc   "), "S1")
        f.createVariable("letter", "S1", ("time", "letters"))
        f.createVariable("scalar", "f8", ())[...] = 1.5
        f.createVariable("covariance", "f4", ("x", "x"))[:] = numbers((3, 3), "f4")
        for t in types:
            # Without a fill value of its own, and as it is.
            f.createVariable(f"fixed_{t}", t, ("y", "x"))[:] = numbers((5, 3), t)
            f.createVariable(f"records_{t}", t, ("time", "y", "x"))
            f.createVariable(f"flag_{t}", t, ("time",))
        v = f.createVariable("packed", "i2", ("time", "y", "x"), fill_value=-99)
        v.scale_factor, v.add_offset = 0.5, 10.0
        v.set_auto_maskandscale(False)
        v = f.createVariable("bits", "i1", ("y", "x"), fill_value=-1)
        v.setncattr("_Unsigned", "true")
        v.set_auto_maskandscale(False)
        v[:] = numbers((5, 3), "i1")
        f["time"][:] = [0, 6, 12.5, 24]
        for t in types:
            f[f"records_{t}"][:] = numbers((4, 5, 3), t)
            f[f"flag_{t}"][:] = numbers((4,), t)
        f["packed"][:] = numbers((4, 5, 3), "i2")
        f["packed"][1:3, 2] = -99
        f["letter"][:] = characters([b"a", b"bb", b"", b"dddddd"])

# One record variable alone is not filled up to 4 bytes; an unlimited dimension without a record; no variable at all.
with netCDF4.Dataset(path("one_record.nc"), "w", format="NETCDF3_CLASSIC") as f:
    f.createDimension("time", None)
    f.createDimension("x", 3)
    f.createVariable("fixed", "i1", ("x",))[:] = [1, 2, 3]
    f.createVariable("short", "i2", ("time", "x"))[:] = numbers((5, 3), "i2")
with netCDF4.Dataset(path("no_record.nc"), "w", format="NETCDF3_64BIT_OFFSET") as f:
    f.createDimension("time", None)
    f.createDimension("x", 3)
    f.createVariable("time", "f8", ("time",)).units = "days since 2000-01-01"
    f.createVariable("letters", "S1", ("time", "x"))
    f.createVariable("t", "f4", ("time", "x"))
with netCDF4.Dataset(path("nothing.nc"), "w", format="NETCDF3_CLASSIC") as f:
    f.createDimension("x", 3)

# Written by SciPy: it orders variables and fills up records by itself.
for name, version in [("scipy1", 1), ("scipy2", 2)]:
    f = scipy.io.netcdf_file(path(f"{name}.nc"), "w", version=version)
    f.title = "by SciPy"
    f.createDimension("time", None)
    f.createDimension("x", 7)
    for t in ["i1", "i2", "i4", "f4", "f8"]:
        f.createVariable(f"records_{t}", t, ("time", "x"))[:] = numbers((3, 7), t)
        f.createVariable(f"fixed_{t}", t, ("x",))[:] = numbers((7,), t)
    f.close()
f = scipy.io.netcdf_file(path("scipy_one.nc"), "w")
f.createDimension("time", None)
f.createDimension("x", 3)
f.createVariable("bytes", "i1", ("time", "x"))[:] = numbers((5, 3), "i1")
f.close()


def save(name, array, version=None):
    with open(path(f"{name}.npy"), "wb") as f:
        np.lib.format.write_array(f, array, version=version)


for t in ["?", "i1", "u1", "<i2", ">i2", "<u2", "<i4", ">i4", "<u4", "<i8", "<u8", "<f4", ">f4", "<f8", ">f8", "<c8", ">c16"]:
    kind = {"<": "little_", ">": "big_"}.get(t[0], "")
    save(f"{kind}{np.dtype(t).name}", numbers((4, 3), np.dtype(t).newbyteorder("=")).astype(t))
for unit in ["D", "h", "m", "s", "ms", "us", "ns"]:
    for kind in "Mm":
        save(f"{'datetime' if kind == 'M' else 'timedelta'}_{unit}", np.array([0, -5, 12345, np.iinfo("i8").min], "<i8").view(f"<{kind}8[{unit}]"))
save("fortran", np.asfortranarray(numbers((4, 3, 5), "f8")))
save("fortran_big", np.asfortranarray(numbers((2, 7), "i4")).astype(">i4", order="F"))
save("fortran_line", np.asfortranarray(numbers((6,), "f4")))
save("scalar", np.array(2.5))
save("no_element", np.zeros((3, 0, 2), "<i4"))
save("version2", numbers((3, 4), "<f8"), (2, 0))
save("version3", numbers((3, 4), "<f8"), (3, 0))


def coded(v):
    a = np.asarray(v.values)
    entry = {"dims": [str(d) for d in v.dims], "shape": list(a.shape)}
    if a.dtype.kind in "SUO":
        texts = [t.decode("utf-8", "replace") if isinstance(t, bytes) else str(t) for t in a.ravel()]
        return {**entry, "texts": [t.rstrip("\0 ") for t in texts]}
    entry["dtype"] = a.dtype.newbyteorder("=").name
    return {**entry, "hex": a.astype(a.dtype.newbyteorder("<")).tobytes().hex()}


def attributes(attrs):
    # Floats by their bits: not every reader of JSON rounds to the nearest.
    number = lambda n: np.array(n, ">f8").tobytes().hex() if n.dtype.kind == "f" else int(n)
    return {k: v if isinstance(v, str) else [number(n) for n in np.atleast_1d(v)] for k, v in attrs.items()}


made = {}
for name in sorted(os.listdir(here)):
    if name.endswith(".npy"):
        array = np.load(path(name))
        data = xr.DataArray(array)
        # xarray has no weeks, days or hours: NumPy's bytes as they are.
        entry = {"dims": list(data.dims), "shape": list(array.shape)}
        plain = array.astype(array.dtype.newbyteorder("<"))
        entry = {**entry, "dtype": array.dtype.newbyteorder("=").name, "hex": np.ascontiguousarray(plain).tobytes().hex()}
        made[name] = {"variables": {"data": entry}}
    if name.endswith(".nc"):
        with xr.open_dataset(path(name), engine="netcdf4", decode_cf=False) as ds, xr.open_dataset(path(name), engine="netcdf4") as cf:
            stored = {str(k): {**coded(v), "attrs": attributes(v.attrs)} for k, v in ds.variables.items() if v.dtype.kind != "S"}
            decoded = {}
            for k, v in cf.variables.items():
                if v.dtype.kind in "mM":
                    v = v.astype("datetime64[ns]")
                decoded[str(k)] = coded(v)
            # xarray names the dimensions of variables alone.
            with netCDF4.Dataset(path(name)) as f:
                sizes = {k: len(d) for k, d in f.dimensions.items()}
            made[name] = {"sizes": sizes, "attrs": attributes(ds.attrs),
                          "variables": stored, "decoded": decoded}
with open(path("formats.json"), "w") as f:
    json.dump({"versions": {"xarray": xr.__version__, "numpy": np.__version__, "scipy": scipy.__version__,
                            "netcdf": netCDF4.__netcdf4libversion__}, "files": made}, f, separators=(",", ":"))
    f.write("\n")
