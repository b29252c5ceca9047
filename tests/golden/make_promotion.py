#!/usr/bin/env python3
"""Makes tests/golden/promotion.json: NumPy's common dtype of every two dtypes, and of a dtype and a Python number.

`pairs` has [a, b, numpy.promote_types(a, b)], `weak` has [dtype, number, numpy.result_type(dtype, number)]; null where
NumPy raises; `casts` has [a, b, numpy.can_cast safe, same_kind].  Run: python tests/golden/make_promotion.py   (NumPy 2)
"""
import json, pathlib, warnings
import numpy as np

warnings.simplefilter("ignore")
NAMES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
         "complex64", "complex128"]
NAMES += [f"{kind}[{unit}]" for kind in ("datetime64", "timedelta64") for unit in ("D", "s", "ms", "ns")]
WEAK = {"bool": True, "int": 3, "float": 1.5, "complex": 1j}


def attempt(f, *args):
    try:
        return str(np.dtype(f(*args)))
    except (TypeError, ValueError, OverflowError):
        return None


pairs = [[a, b, attempt(np.promote_types, a, b)] for a in NAMES for b in NAMES]
weak = [[a, name, attempt(np.result_type, np.dtype(a), value)] for a in NAMES for name, value in WEAK.items()]
casts = [[a, b, bool(np.can_cast(a, b, "safe")), bool(np.can_cast(a, b, "same_kind"))] for a in NAMES for b in NAMES]
rows = lambda list_: "[\n" + ",\n".join(json.dumps(row) for row in list_) + "\n]"
text = f'{{"numpy": "{np.__version__}",\n"pairs": {rows(pairs)},\n"weak": {rows(weak)},\n"casts": {rows(casts)}}}\n'
json.loads(text)
pathlib.Path(__file__).with_name("promotion.json").write_text(text)
