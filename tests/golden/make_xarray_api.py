#!/usr/bin/env python3
"""The public names of xarray's labelled types: python tests/golden/make_xarray_api.py > tests/golden/xarray_api.txt

One line for each type: its name, then the names of its methods, properties and accessors that its documentation lists."""
import inspect

import numpy as np
import pandas as pd
import xarray as xr

time = pd.date_range("2000-01-01", periods=4)
a = xr.DataArray(np.zeros(4), dims="time", coords={"time": time})
TYPES = {
    "DataArray": a,
    "Dataset": a.to_dataset(name="a"),
    "GroupBy": a.groupby("time.month"),
    "Resample": a.resample(time="2D"),
    "Rolling": a.rolling(time=2),
    "Coarsen": a.coarsen(time=2),
    "Weighted": a.weighted(a),
    "functions": xr,
}
# Of the module: what works on arrays and datasets.
FUNCTIONS = """align apply_ufunc broadcast combine_by_coords combine_nested concat corr cov cross dot full_like merge ones_like
polyval unify_chunks where zeros_like""".split()
print(f"# xarray {xr.__version__}")
for name, x in TYPES.items():
    if name == "functions":
        names = FUNCTIONS
    else:
        names = [n for n in dir(type(x)) if not n.startswith("_")]
        # What NumPy's arrays and pandas' accessors have of their own is not of this list.
        names = [n for n in names if inspect.getattr_static(type(x), n, None) is not None]
    print(name, *sorted(names))
