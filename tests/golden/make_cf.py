#!/usr/bin/env python3
"""Golden values for src/labelled/cf, from xarray and cftime: python tests/golden/make_cf.py > tests/golden/cf.json"""
import json
import sys
import warnings

import cftime
import numpy as np
import pandas as pd
import xarray as xr
from xarray.coding.times import CFDatetimeCoder, decode_cf_datetime, encode_cf_datetime

warnings.simplefilter("ignore")
rng = np.random.default_rng(7)
out = {"versions": [xr.__version__, cftime.__version__, np.__version__]}

# Calendars: [year, month, day, days since 1970-01-01, day of year, day of week].
CALENDARS = ["standard", "proleptic_gregorian", "julian", "noleap", "all_leap", "360_day"]
SPECIAL = [(1, 1, 1), (4, 2, 28), (100, 2, 28), (1582, 10, 4), (1582, 10, 15), (1582, 12, 31), (1600, 2, 29),
           (1700, 3, 1), (1900, 2, 28), (1900, 2, 29), (1900, 3, 1), (1970, 1, 1), (1972, 2, 29), (1999, 12, 31),
           (2000, 2, 29), (2000, 2, 30), (2000, 12, 31), (2019, 2, 29), (2020, 2, 29), (2020, 2, 30), (2100, 2, 29),
           (9999, 12, 31)]
out["calendars"] = {}
for calendar in CALENDARS:
    base_calendar = "standard" if calendar == "julian" else calendar
    base = cftime.datetime(1970, 1, 1, calendar=base_calendar).toordinal()
    rows = []
    dates = SPECIAL + [(int(rng.integers(1, 4000)), int(rng.integers(1, 13)), int(rng.integers(1, 32))) for _ in range(40)]
    for y, m, d in dates:
        try:
            t = cftime.datetime(y, m, d, calendar=calendar)
        except ValueError:
            continue
        rows.append([y, m, d, t.toordinal() - base, t.dayofyr, t.dayofwk])
    out["calendars"][calendar] = rows

# Decoding: units, calendar, values -> datetime64 unit and integers, or civil times.
CASES = [
    ("days since 2020-02-08 23:56:31", "standard", [0, 1, -5, 400, 20000]),
    ("hours since 1900-01-01 00:00:0.0", "gregorian", [0, 24, 1052904, -3]),
    ("seconds since 1970-01-01T00:00:00Z", None, [0, 1, -1, 1600000000]),
    ("minutes since 2000-1-1 +01:00", "proleptic_gregorian", [0, 7, 100000]),
    ("milliseconds since 2000-01-01 06:00:00 -03:30", "standard", [0, 1, 86400000]),
    ("microseconds since 2000-01-01 12:30", "standard", [0, 1, 10**12]),
    ("nanoseconds since 2000-01-01", "standard", [0, 1, 10**15]),
    ("days since 2000-01-01 00:00:00.250", "standard", [0, 10]),
    ("days since 2000-01-01", "standard", [0.0, 1.1, 0.3333333333333, 1e-9, -2.7, 7305.123456789]),
    ("hours since 1800-01-01", "standard", [0.1, 1.7, 1e6 + 0.3]),
    ("seconds since 1970-01-01", "standard", [0.1, 1.5e9 + 0.123456, -0.7, float("nan")]),
    ("days since 0001-01-01", "proleptic_gregorian", [0, 365, 737000]),
    ("days since 1-1-1", "standard", [0, 365, 577725, 577736, 577737, 737000]),
    ("days since 1582-10-01", "standard", [0, 3, 4, 20]),
    ("days since 4713-01-01", "standard", [0, 1]),
    ("days since 2000-01-01", "noleap", [0, 58, 59, 365, -1, 36500]),
    ("days since 2000-02-30", "360_day", [0, 1, 29, 359, 360, -60]),
    ("days since 2001-02-29", "366_day", [0, 1, 366]),
    ("hours since 0001-01-01", "julian", [0, 25, 24 * 365, 17000000]),
    ("days since 2000-01-01 12:00", "360_day", [0.5, 1.25, 30.0 + 1 / 3, 1e-5]),
    ("seconds since 1850-01-01", "noleap", [0, 86399, 31536000, 86400 * 365 * 200 + 12345]),
]
decode = []
for units, calendar, values in CASES:
    array = np.array(values)
    result = decode_cf_datetime(array, units, calendar)
    if result.dtype.kind == "M":
        unit = np.datetime_data(result.dtype)[0]
        expected = {"unit": unit, "expected": [int(v) for v in result.astype("int64")]}
    else:
        expected = {"civil": [[t.year, t.month, t.day, t.hour, t.minute, t.second, t.microsecond] for t in result]}
    decode.append({"units": units, "calendar": calendar, "float": array.dtype.kind == "f",
                   "values": [None if v != v else v for v in values], **expected})
# Out of the range of nanoseconds: xarray wants to be told the unit, we take the finest that fits.
for units, values, unit in [("days since 2000-01-01", [0, 200000], "us"), ("days since 1600-01-01", [0, 1000000], "us")]:
    result = decode_cf_datetime(np.array(values), units, "proleptic_gregorian", time_unit=unit)
    decode.append({"units": units, "calendar": "proleptic_gregorian", "float": False, "values": values, "unit": unit,
                   "expected": [int(v) for v in result.astype("int64")]})
out["decode"] = decode

# Components of datetime64.
times = np.array(["1677-09-21T00:12:44", "1970-01-01", "1969-12-31T23:59:59.999999999", "2000-02-29T12:34:56.789012345",
                  "2019-12-31T23:59:59", "2100-03-01", "2262-04-11T23:47:16.854775807"], dtype="M8[ns]")
times = np.concatenate([times, rng.integers(-9 * 10**18, 9 * 10**18, 60).astype("M8[ns]")])
seconds = np.concatenate([np.array(["0001-01-01", "9999-12-31T23:59:59", "1582-10-14"], dtype="M8[s]"),
                          rng.integers(-62 * 10**9, 250 * 10**9, 30).astype("M8[s]")])
names = ["year", "month", "day", "hour", "minute", "second", "microsecond", "dayofyear", "dayofweek", "quarter"]
seasons = ["DJF", "JJA", "MAM", "SON"]
out["components"] = []
for array in (times, seconds):
    dt = xr.DataArray(array, dims="t").dt
    entry = {"unit": np.datetime_data(array.dtype)[0], "values": [int(v) for v in array.astype("int64")]}
    for name in names:
        entry[name] = [int(v) for v in getattr(dt, name).values]
    entry["season"] = [seasons.index(s) for s in dt.season.values]
    out["components"].append(entry)

# Encoding: datetime64[ns] -> units, numbers.
out["encode"] = []
for texts in [["2000-01-01", "2000-01-03"], ["2000-01-01T06:00", "2000-01-01T09:00"], ["2000-01-01", "2000-01-01T00:01"],
              ["2000-01-01", "2000-01-01T00:00:01", "NaT"], ["2000-01-01", "2000-01-01T00:00:00.001"],
              ["2000-01-01T12:30:00.5", "2000-01-02T12:30:00.500001"], ["2000-01-01", "2000-01-01T00:00:00.000000001"],
              ["2020-02-08T23:56:31"]]:
    array = np.array(texts, dtype="M8[ns]")
    numbers, units, calendar = encode_cf_datetime(array)
    out["encode"].append({"values": [int(v) for v in array.astype("int64")], "units": units,
                          "encoded": [None if n != n else int(n) for n in numbers]})

# Decoded dtypes: stored dtype, attributes as [name, dtype, value] -> dtype.
out["dtypes"] = []
ATTRS = [
    {}, {"_FillValue": -1}, {"_FillValue": float("nan")}, {"missing_value": 7}, {"scale_factor": np.float32(0.5)},
    {"scale_factor": np.float64(0.5)}, {"add_offset": np.float32(2)}, {"add_offset": np.float64(2)},
    {"scale_factor": np.float32(0.5), "add_offset": np.float32(2)}, {"scale_factor": np.float64(0.5), "add_offset": np.float64(2)},
    {"scale_factor": np.float32(0.5), "add_offset": np.float64(2)},
    {"scale_factor": np.float32(0.5), "add_offset": np.float32(2), "_FillValue": -1},
    {"scale_factor": np.float64(0.5), "_FillValue": -1}, {"_Unsigned": "true"}, {"_Unsigned": "true", "_FillValue": -1},
    {"_Unsigned": "true", "_FillValue": -1, "scale_factor": np.float32(0.5)}, {"_Unsigned": "false"}, {"dtype": "bool"},
    {"scale_factor": np.float32(0.5), "_FillValue": float("nan")},
]
for stored in ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"]:
    for attrs in ATTRS:
        attrs = dict(attrs)
        fill = attrs.get("_FillValue")
        dtype = np.dtype(stored)
        if fill is not None and fill == fill:
            if dtype.kind == "u" and "_Unsigned" not in attrs:
                attrs["_FillValue"] = dtype.type(255)
            elif dtype.kind != "u":
                attrs["_FillValue"] = dtype.type(fill)
            else:
                continue
        elif fill is not None:
            attrs["_FillValue"] = np.float32("nan")
        if "missing_value" in attrs:
            attrs["missing_value"] = dtype.type(7)
        variable = xr.Variable("x", np.array([1, 0, 1], dtype=stored), attrs)
        try:
            result = xr.conventions.decode_cf_variable("v", variable)
        except Exception as error:
            print(stored, attrs, error, file=sys.stderr)
            continue
        encoded = [[k, "str" if isinstance(v, str) else v.dtype.name,
                    v if isinstance(v, str) else ("nan" if v != v else float(v))] for k, v in attrs.items()]
        out["dtypes"].append({"stored": dtype.name, "attrs": encoded, "dtype": result.dtype.name})

json.dump(out, sys.stdout, separators=(",", ":"))
