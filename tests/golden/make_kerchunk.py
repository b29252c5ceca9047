"""References by kerchunk to `tests/data/io/classic_names.nc`: run in that folder. Needs kerchunk and h5py.

    python ../../golden/make_kerchunk.py > classic_names.json
"""
import json
import warnings

import kerchunk.hdf

warnings.filterwarnings("ignore")
# Some chunks inside, as text and as base64, and some in the file.
refs = kerchunk.hdf.SingleHdf5ToZarr("classic_names.nc", url="classic_names.nc", inline_threshold=20).translate()
print(json.dumps(refs, indent=1))
