#!/usr/bin/env python3
"""Golden values for times and resampling, from xarray, pandas and cftime: python tests/golden/make_time.py > tests/golden/time.json"""
import json
import sys
import warnings

import cftime
import numpy as np
import pandas as pd
import xarray as xr

warnings.simplefilter("ignore")
rng = np.random.default_rng(11)
CALENDARS = ["standard", "proleptic_gregorian", "julian", "noleap", "all_leap", "360_day"]
REAL = CALENDARS[:2]
out = {"versions": [xr.__version__, pd.__version__, cftime.__version__, np.__version__]}


def text(t):
    """A time as hyperslab writes it."""
    if isinstance(t, np.datetime64):
        if np.isnat(t):
            return "NaT"
        whole, _, fraction = str(t.astype("M8[ns]")).replace("T", " ").partition(".")
        fraction = fraction.rstrip("0")
        if fraction:
            whole += "." + fraction.ljust(6 if len(fraction) <= 6 else 9, "0")
        return whole
    whole = f"{t.year:04}-{t.month:02}-{t.day:02} {t.hour:02}:{t.minute:02}:{t.second:02}"
    return whole + (f".{t.microsecond:06}" if t.microsecond else "")


def texts(times):
    return [text(t) for t in np.asarray(times)]


def numbers(values):
    """Floats with null for NaN."""
    return [None if v != v else (int(v) if np.asarray(values).dtype.kind in "iub" else float(v)) for v in np.asarray(values).ravel()]


def date_range(calendar, **given):
    # Objects of cftime for the model calendars, datetime64 for the real ones.
    return xr.date_range(calendar=calendar, use_cftime=calendar not in REAL, **given)


# Ranges.
FREQS = ["YE", "YS", "2YS", "YE-NOV", "YS-MAR", "QE", "QS", "QS-DEC", "2QE-FEB", "ME", "MS", "3ME", "5D", "D", "6h", "90min", "45s",
         "250ms", "10us", "-1D", "-2MS", "-1YE"]
out["ranges"] = []
for calendar in CALENDARS:
    for freq in FREQS + (["W", "2W-WED", "SME", "SMS", "SME-10", "SMS-7", "1.5h", "1h30min"] if calendar in REAL else []):
        cases = [{"start": "1999-11-30T06:00", "periods": 7}, {"start": "2000-02-28", "periods": 5}]
        if not freq.startswith("-"):
            cases += [{"start": "2000-01-30", "end": "2000-02-02"}] if freq in ("45s", "90min", "6h", "1.5h", "1h30min") else []
            if freq[-1] in "YSEDWN" or "-" in freq:
                cases += [{"start": "1999-12-15", "end": "2003-03-01"}, {"start": "2000-06-01", "end": "2000-01-01"}]
        else:
            cases += [{"start": "2003-03-01", "end": "2002-12-15"}]
        if calendar in REAL:
            cases += [{"end": "2000-03-15T12:00", "periods": 4}]
        for case in cases:
            try:
                times = date_range(calendar, freq=freq, **case)
            except ValueError as error:
                print(calendar, freq, case, error, file=sys.stderr)
                continue
            if len(times) < 100:
                out["ranges"].append({"calendar": calendar, "freq": freq, **case, "times": texts(times.values)})
    for case in [{"start": "2000-01-01", "end": "2000-01-02", "periods": 4}, {"start": "2000-02-01", "periods": 3},
                 {"start": "2000-02-28", "end": "2000-03-01"}]:
        out["ranges"].append({"calendar": calendar, **case, "times": texts(date_range(calendar, **case).values)})

# Bins: labels and how many times are in each.
out["bins"] = []
SERIES = [
    {"start": "1999-11-29T18:00", "freq": "9h", "periods": 400},
    {"start": "2000-01-30T12:00", "freq": "7D", "periods": 60},
    {"start": "2000-02-28T23:59:59", "freq": "1s", "periods": 40},
    {"start": "1998-12-16", "freq": "MS", "periods": 40},
    {"start": "2000-01-01", "freq": "D", "periods": 1},
    {"start": "1999-12-30", "freq": "YE", "periods": 4},
]
for calendar in CALENDARS:
    for series in SERIES:
        times = date_range(calendar, **series)
        keep = np.ones(len(times), bool)
        if len(times) > 50:
            # A gap, so that bins are empty.
            keep[len(times) // 3:len(times) // 2] = False
        times = times[keep]
        data = xr.DataArray(np.arange(len(times)), dims="time", coords={"time": times})
        for freq in ["YE", "YS", "YE-NOV", "2YS", "QE", "QS-DEC", "2QS", "ME", "MS", "2ME", "D", "5D", "6h", "7h", "13s", "10min"] + (
                ["W", "W-WED", "SME", "SMS"] if calendar in REAL else []):
            span = (times[-1] - times[0]) / pd.Timedelta(1, "D") if len(times) > 1 else 0
            if span > 10 and freq in ("13s", "10min") or span > 500 and freq in ("6h", "7h"):
                continue
            options = [{}]
            if series is SERIES[0]:
                options += [{"closed": a, "label": b} for a in ("left", "right") for b in ("left", "right")]
                if freq in ("5D", "7h"):
                    options += [{"origin": o} for o in ("start", "epoch", "end", "end_day")] + [
                        {"offset": "2h"}, {"offset": "-5h", "closed": "right"}, {"origin": "end", "closed": "left"}]
            for option in options:
                try:
                    count = data.resample(time=freq, **option).count()
                except Exception as error:
                    print(calendar, series, freq, option, type(error), error, file=sys.stderr)
                    continue
                out["bins"].append({"calendar": calendar, "series": series, "len": len(data), "freq": freq, **option,
                                    "labels": texts(count.time.values[:12]), "bins": count.sizes["time"],
                                    "counts": [0 if c != c else int(c) for c in count.values[:24]]})

# Components, rounding, text.
out["components"] = []
NAMES = ["year", "month", "day", "hour", "minute", "second", "microsecond", "dayofyear", "day_of_year", "dayofweek", "day_of_week",
         "weekday", "days_in_month", "daysinmonth", "days_in_year", "is_leap_year", "decimal_year"]
ONLY_REAL = ["quarter", "nanosecond", "is_month_start", "is_month_end", "is_quarter_start", "is_quarter_end", "is_year_start", "is_year_end"]
for calendar in CALENDARS:
    times = np.concatenate([date_range(calendar, start="1999-12-27T05:06:07.000089", freq="17h", periods=12).values,
                            date_range(calendar, start="2000-02-27", freq="D", periods=4).values,
                            date_range(calendar, start="1900-01-30T12:30", freq="ME", periods=14).values,
                            date_range(calendar, start="2004-12-25", freq="D", periods=11).values])
    dt = xr.DataArray(times, dims="time").dt
    entry = {"calendar": calendar, "times": texts(times)}
    for name in NAMES + (ONLY_REAL if calendar in REAL else []):
        entry[name] = numbers(getattr(dt, name).values)
    entry["season"] = [str(s) for s in dt.season.values]
    if calendar in REAL:
        iso = dt.isocalendar()
        entry["week"] = numbers(iso.week.values)
        entry["isoyear"] = numbers(iso.year.values)
    for how in ("floor", "ceil", "round"):
        for freq in ("D", "6h", "10min", "7s"):
            entry[f"{how} {freq}"] = texts(getattr(dt, how)(freq).values)
    for pattern in ("%Y-%m-%d", "%H:%M:%S", "%d.%m.%y %j", "%Y%m%dT%H%M%S.%f", "100%% %Y"):
        entry[f"strftime {pattern}"] = [str(s) for s in dt.strftime(pattern).values]
    out["components"].append(entry)

# Arithmetic: so many hours later, and distances to the first in seconds.
out["arithmetic"] = []
for calendar in CALENDARS:
    times = date_range(calendar, start="2000-02-27T18:00", freq="11h", periods=6)
    later = times + pd.Timedelta(hours=37).to_pytimedelta()
    away = (times - times[0])
    out["arithmetic"].append({"calendar": calendar, "times": texts(times.values), "later": texts(np.asarray(later)),
                              "seconds": [int(round(d.total_seconds())) for d in away],
                              "after": [bool(t > times[2]) for t in times]})

# Inferred frequencies.
out["infer"] = []
for calendar in CALENDARS:
    for freq in ["YE", "YS", "2YS-MAR", "YE-NOV", "QE", "QS", "QS-DEC", "2QS-FEB", "ME", "MS", "4ME", "5D", "D", "6h", "90min", "250ms"]:
        times = date_range(calendar, start="1999-11-01", freq=freq, periods=6)
        out["infer"].append({"calendar": calendar, "times": texts(times.values), "freq": xr.infer_freq(times)})
    times = date_range(calendar, start="1999-11-01", freq="D", periods=6)[[0, 1, 2, 4]]
    out["infer"].append({"calendar": calendar, "times": texts(times.values), "freq": xr.infer_freq(times)})
    times = date_range(calendar, start="1999-11-01", freq="7D", periods=6)
    out["infer"].append({"calendar": calendar, "times": texts(times.values), "freq": xr.infer_freq(times)})

# Conversion between calendars: times, and where each came from (-1: filled).
out["convert"] = []
for source in CALENDARS:
    for target in CALENDARS:
        for series in [{"start": "2000-02-25", "freq": "D", "periods": 9}, {"start": "1999-12-30T12:00", "freq": "23D", "periods": 40},
                       {"start": "2000-01-01", "freq": "D", "periods": 366}, {"start": "1999-01-01", "freq": "MS", "periods": 14}]:
            times = date_range(source, **series)
            data = xr.DataArray(np.arange(len(times)), dims="time", coords={"time": times})
            for align in ([None] if "360_day" not in (source, target) else ["date", "year"]):
                for missing in [None] + ([-1] if series["freq"] != "23D" else []):
                    try:
                        made = data.convert_calendar(target, align_on=align, missing=missing, use_cftime=None if target in REAL else True)
                    except Exception as error:
                        print(source, target, series, align, missing, type(error), error, file=sys.stderr)
                        continue
                    out["convert"].append({"from": source, "to": target, "series": series, "align_on": align, "missing": missing,
                                           "times": texts(made.time.values[:24]), "len": made.sizes["time"],
                                           "positions": [int(v) for v in made.values[:64]], "sum": int(made.values.sum())})

# Interpolation between calendars.
out["interp"] = []
for source in ["standard", "360_day", "noleap"]:
    for target in ["standard", "360_day", "all_leap"]:
        times = date_range(source, start="2000-01-01", freq="10D", periods=30)
        onto = date_range(target, start="1999-12-20", freq="17D", periods=18)
        values = np.round(rng.normal(size=30), 3)
        made = xr.DataArray(values, dims="time", coords={"time": times}).interp_calendar(onto)
        out["interp"].append({"from": source, "to": target, "values": numbers(values), "result": numbers(made.values)})

# Encoding of model calendars: units and numbers.
out["encode"] = []
for calendar in CALENDARS[2:]:
    for series in [{"start": "2000-02-27", "freq": "D", "periods": 5}, {"start": "2000-02-27T06:00", "freq": "90min", "periods": 5},
                   {"start": "1850-01-01", "freq": "MS", "periods": 5}, {"start": "2000-02-27T06:00", "freq": "250ms", "periods": 5}]:
        times = date_range(calendar, **series)
        encoded, units, name = xr.coding.times.encode_cf_datetime(times.values)
        out["encode"].append({"calendar": name, "series": series, "units": units, "encoded": numbers(encoded)})

# Texts for sel: positions.
out["sel"] = []
for calendar in CALENDARS:
    times = date_range(calendar, start="1999-12-30T06:00", freq="9h", periods=300)
    data = xr.DataArray(np.arange(len(times)), dims="time", coords={"time": times})
    for label in ["1999", "2000", "2000-02", "2000-02-28", "2000-02-29", "2000-01-01T00", "2000-03-01T03"]:
        try:
            made = data.sel(time=label).values
        except (KeyError, ValueError):
            continue
        out["sel"].append({"calendar": calendar, "label": label, "positions": [int(v) for v in np.atleast_1d(made)]})
    for low, high in [("2000-01", "2000-02"), ("2000-01-30", None), (None, "1999"), ("2000-02-27T20", "2000-03-01"), ("2001", "2002")]:
        made = data.sel(time=slice(low, high)).values
        out["sel"].append({"calendar": calendar, "low": low, "high": high, "positions": [int(v) for v in made]})

# Resampling of cubes: values.
REDUCE = ["mean", "sum", "prod", "min", "max", "std", "var", "count", "first", "last", "any", "all"]
out["down"] = []
out["up"] = []
base = np.round(rng.normal(size=(120, 3)) * 8) / 4
for calendar in CALENDARS:
    times = date_range(calendar, start="1999-12-20T06:00", freq="30h", periods=120)
    gap = np.ones(120, bool)
    gap[25:70] = False
    for dtype in ("f8", "f4", "i4"):
        values = base.astype(dtype) if dtype != "i4" else (base * 4).astype("i4")
        if dtype != "i4":
            values[rng.random(values.shape) < 0.3] = np.nan
        data = xr.DataArray(values, dims=("time", "x"), coords={"time": times, "x": [10, 20, 30]}).isel(time=gap)
        entry = {"calendar": calendar, "dtype": data.dtype.name, "values": numbers(data.values), "times": texts(data.time.values)}
        for freq in ["MS", "QS-DEC", "10D"]:
            cases = [(how, {}) for how in REDUCE]
            if dtype != "i4":
                cases += [("mean", {"skipna": False}), ("sum", {"min_count": 3}), ("prod", {"min_count": 2}), ("std", {"ddof": 1})]
            for how, option in cases:
                resampled = data.resample(time=freq)
                # Without flox every reduction of an empty bin is missing; with it products and minima of integers are not.
                with xr.set_options(use_flox=False):
                    made = getattr(resampled, how)(**option)
                out["down"].append({**entry, "freq": freq, "how": how, **option, "labels": texts(made.time.values),
                                    "result": numbers(made.values.astype("f8"))})
                entry = {"same": True}
        if calendar in ("standard", "360_day"):
            entry = {"calendar": calendar, "dtype": data.dtype.name, "values": numbers(data.values), "times": texts(data.time.values)}
            for freq in ["12h", "36h"]:
                for how, option in [("asfreq", {}), ("ffill", {}), ("bfill", {}), ("nearest", {}), ("interpolate", {}),
                                    ("interpolate", {"kind": "nearest"}), ("ffill", {"tolerance": "12h"}),
                                    ("bfill", {"tolerance": "6h"}), ("nearest", {"tolerance": "6h"})]:
                    if calendar not in REAL and "tolerance" in option:
                        given = {"tolerance": pd.Timedelta(option["tolerance"]).to_pytimedelta()}
                    else:
                        given = option
                    try:
                        made = getattr(data.resample(time=freq), how)(**given)
                    except Exception as error:
                        print(calendar, freq, how, option, type(error), error, file=sys.stderr)
                        continue
                    out["up"].append({**entry, "freq": freq, "how": how, **option, "labels": texts(made.time.values[:1]),
                                      "bins": made.sizes["time"], "result": numbers(made.values[:60]),
                                      "made": made.dtype.name})
                    entry = {"same": True}

json.dump(out, sys.stdout, separators=(",", ":"))
