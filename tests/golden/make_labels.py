#!/usr/bin/env python3
"""Golden values for src/labelled, from xarray: python tests/golden/make_labels.py > tests/golden/labels.json

Each case is a job script of hyperslab and the Python expression of xarray that it stands for, over the same inputs: the script
language has xarray's names, so one case proves an operation and its name in scripts. Beside the requirements it needs flox, which decides on the order of some
dimensions of grouped results, and numbagg, which computes `rolling_exp`."""
import json
import sys
import warnings

import numpy as np
import pandas as pd
import scipy
import xarray as xr

warnings.simplefilter("ignore")
rng = np.random.default_rng(11)
xr.set_options(keep_attrs="default")
ROLLING = {"use_bottleneck": False, "use_numbagg": False}


def number(v):
    """JSON has no NaN and no infinity."""
    if isinstance(v, (bool, np.bool_)):
        return bool(v)
    if isinstance(v, (int, np.integer)):
        return int(v)
    if isinstance(v, str):
        return v
    if isinstance(v, pd.Interval):
        return str(v)
    v = float(v)
    if np.isnan(v):
        return None
    return v if np.isfinite(v) else ("inf" if v > 0 else "-inf")


def values(data):
    data = np.asarray(data)
    if data.dtype.kind in "mM":
        unit = np.datetime_data(data.dtype)[0]
        kind = "datetime64" if data.dtype.kind == "M" else "timedelta64"
        flat = [int(v) for v in data.astype("int64").ravel()]
        return {"dtype": f"{kind}[{unit}]", "shape": list(data.shape), "values": flat}
    dtype = "str" if data.dtype.kind in "UOT" else str(data.dtype)
    return {"dtype": dtype, "shape": list(data.shape), "values": [number(v) for v in data.ravel()]}


def attributes(attrs):
    return {k: v if isinstance(v, str) else number(v) for k, v in attrs.items()}


def variable(v):
    return {"dims": [str(d) for d in v.dims], "attrs": attributes(v.attrs), **values(v.data)}


def plain(x):
    """Without MultiIndexes: their levels are coordinates here."""
    for name, index in list(x.indexes.items()):
        if isinstance(index, pd.MultiIndex):
            x = x.reset_index(name) if name in x.dims else x
    return x


def coded(x):
    if isinstance(x, xr.DataArray):
        x = plain(x)
        coords = {str(k): variable(c) for k, c in x.coords.items()}
        return {"kind": "array", "name": x.name, "coords": coords, **variable(x)}
    if isinstance(x, xr.Dataset):
        x = plain(x)
        coords = {str(k): variable(c) for k, c in x.coords.items()}
        vars_ = {str(k): variable(v) for k, v in x.data_vars.items()}
        return {"kind": "dataset", "coords": coords, "vars": vars_, "attrs": attributes(x.attrs)}
    if isinstance(x, (list, tuple)):
        return {"kind": "list", "items": [coded(v) for v in x]}
    return coded(xr.DataArray(x))


time = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-04", "2020-01-07", "2020-02-01", "2020-02-02"]).values
lat, lon = [50.0, 40.0, 20.0, 10.0], [0.0, 30.0, 60.0, 90.0, 120.0]


def field(shape, missing):
    x = np.round(rng.normal(10, 5, shape), 3)
    x.ravel()[rng.permutation(x.size)[:missing]] = np.nan
    return x


a = xr.DataArray(
    field((6, 4, 5), 9),
    dims=["time", "lat", "lon"],
    coords={
        "time": time,
        "lat": ("lat", lat, {"units": "degrees_north"}),
        "lon": lon,
        "area": (("lat", "lon"), field((4, 5), 0)),
        "month": ("time", [1, 1, 1, 1, 2, 2]),
        "height": 2.0,
    },
    attrs={"units": "K", "long_name": "temperature"},
    name="tas",
)
whole = a.fillna(0.5).rename("whole")
c = xr.DataArray(field((5, 4), 0), dims=["lon", "lat"], coords={"lat": lat, "lon": [30.0, 60.0, 90.0, 120.0, 150.0]},
                 attrs={"units": "K", "source": "c"}, name="c")
b = xr.DataArray(np.arange(20).reshape(4, 5), dims=["lat", "lon"], coords={"lat": lat, "lon": lon}, name="b")
n = xr.DataArray(np.arange(12.0).reshape(3, 4), dims=["x", "y"], name="n")
named = xr.DataArray([1.5, np.nan, 3.5, 4.0], dims=["name"], coords={"name": ["oslo", "rome", "bern", "lima"]}, name="named")
line = xr.DataArray([1.0, np.nan, np.nan, 4.0, 7.5, np.nan, 9.0, np.nan], dims=["x"],
                    coords={"x": [0.0, 1.0, 2.5, 3.0, 5.0, 8.0, 9.0, 10.0]}, attrs={"units": "m"}, name="line")
plat = xr.DataArray([40.0, 10.0, 50.0], dims=["points"], coords={"points": ["p", "q", "r"]}, name="plat")
plon = xr.DataArray([30.0, 120.0, 0.0], dims=["points"], name="plon")
pi = xr.DataArray([[1, 3], [0, 2]], dims=["u", "v"], name="pi")
pj = xr.DataArray([[4, 3], [0, 0]], dims=["u", "v"], name="pj")
ds = xr.Dataset({"tas": a, "pr": (("time", "lat"), field((6, 4), 3).astype("float32"), {"units": "mm"}), "b": b},
                attrs={"title": "made", "version": 3})
ds2 = xr.Dataset({"tas": a.isel(time=slice(2, 6)) + 1, "w": (("time",), np.arange(4.0))},
                 coords={"time": time[2:6]}, attrs={"title": "made", "version": 4})
gaps = xr.DataArray(field((11, 3), 8), dims=["time", "x"], coords={"time": np.arange(11) * 0.5}, name="gaps")
every = pd.date_range("2001-01-15", "2002-12-20", freq="17D").values
daily = xr.DataArray(np.arange(len(every)) ** 1.5, dims="time", coords={"time": every}, name="daily")
early = xr.DataArray(field((9, 2), 2), dims=["time", "x"], coords={"time": pd.date_range("1970-01-01", periods=9, freq="7h").values},
                     name="early")
big = xr.DataArray([1.0, 2.0, 3.0, 4.0], dims="id", coords={"id": [2**53, 2**53 + 1, 2**53 + 2, 2**60 + 1]}, name="big")
track = xr.DataArray([11.0, 22.0, 33.0, 44.0, 35.0, 26.0], dims="time", name="track")
INPUTS = {"big": big, "track": track, "early": early, "daily": daily, "a": a, "whole": whole, "c": c, "b": b, "n": n, "named": named, "line": line, "plat": plat, "plon": plon,
          "pi": pi, "pj": pj, "ds": ds, "ds2": ds2, "gaps": gaps}
# Groups: a title, cases of (script, expression).
CASES = {}

exec(open(__file__.replace("make_labels.py", "labels_cases.py")).read())

scope = {"plain_count": plain_count, "faded": faded, "running": running, "flags": flags, "xr": xr, "np": np, "pd": pd, **INPUTS}
cases = []
for group, list_of in CASES.items():
    for case in list_of:
        script, expression = case[0], case[1]
        try:
            with xr.set_options(**ROLLING if group == "rolling" else {}):
                result = eval(expression, scope)
            cases.append({"group": group, "script": script, "xarray": expression, "result": coded(result)})
        except Exception as error:
            print(f"{group}: {expression}: {type(error).__name__}: {error}", file=sys.stderr)
            sys.exit(1)
# Errors: texts are ours, that xarray refuses is theirs.
for script, expression, says in ERRORS:
    try:
        eval(expression, scope)
    except Exception as error:
        cases.append({"group": "errors", "script": script, "xarray": expression, "says": says})
    else:
        print(f"no error: {expression}", file=sys.stderr)
        sys.exit(1)
for script, says in REFUSED:
    cases.append({"group": "errors", "script": script, "xarray": "", "says": says})
print(json.dumps({"versions": {"xarray": xr.__version__, "numpy": np.__version__, "scipy": scipy.__version__,
                               "pandas": pd.__version__},
                  "inputs": {k: coded(v) for k, v in INPUTS.items()}, "cases": cases}, separators=(",", ":")))
