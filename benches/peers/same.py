"""Compare the variables of two NetCDF files: where values are missing, and the largest difference.

Usage: same.py OURS.nc THEIRS.nc [--bits]      with --bits every element is the same
"""
import sys

import numpy as np
import xarray as xr

ours, theirs = (xr.open_dataset(path, decode_times=False) for path in sys.argv[1:3])
for name in theirs.data_vars:
    a, b = ours[name].transpose(*theirs[name].dims), theirs[name]
    worst, gaps, scale = 0.0, 0, 1.0
    for start in range(0, b.shape[0], 64):
        x, y = (np.asarray(v[start : start + 64], dtype="f8") for v in (a, b))
        gaps += int((np.isnan(x) != np.isnan(y)).sum())
        worst = max(worst, float(np.nanmax(np.abs(x - y), initial=0)))
        scale = max(scale, float(np.nanmax(np.abs(y), initial=0)))
    print(f"{name}: {list(b.shape)}, {gaps} gaps differ, largest difference {worst:.2g} (values up to {scale:.3g})")
    if "--bits" in sys.argv and worst > 0:
        sys.exit(f"{name}: bits differ")
    if gaps or a.shape != b.shape or worst > 1e-5 * scale:
        sys.exit(f"{name} differs")
