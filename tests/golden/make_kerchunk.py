"""References by kerchunk to `tests/data/io/classic_names.nc`: run in that folder. Needs kerchunk and h5py.

    python ../../golden/make_kerchunk.py > classic_names.json
"""
import json
import warnings

import kerchunk.hdf

warnings.filterwarnings("ignore")
# Some chunks inside, as text and as base64, and some in the file.
refs = kerchunk.hdf.SingleHdf5ToZarr("classic_names.nc", url="classic_names.nc", inline_threshold=20).translate()
# Its time has fewer records than the others, which Zarr has no form for.
refs["refs"] = {key: value for key, value in refs["refs"].items() if not key.startswith("short/")}
print(json.dumps(refs, indent=1))
