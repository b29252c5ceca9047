#!/usr/bin/env python3
"""Makes tests/golden/along.bin: what NumPy, SciPy, pandas and xarray answer to operations along axes.

The form is that of oracle.bin (see make_oracle.py), and so are the programs: words in reverse Polish notation, with their
arguments behind colons. tests/support/along.rs runs the same words with hyperslab.
  cumsum:1 cumsum: nancumsum:0 ... cumulative_sum:0:i      scans along an axis or of all elements; i: include_initial
  ffill:0:2 bfill:1:       with a limit or without
  diff:2:0:1:7             n, axis, prepend, append
  gradient:0:0.5:2         axis, spacing, edge_order;   x gradx:0:1   coordinates from the stack
  trapezoid:0.5:1          dx, axis;                    x trapx:1
  pad:edge:1,2;0,3:4,5     mode, widths (before, after) per axis, values
  swv:3,2:0,1              sliding_window_view: windows, axes
  rolling:mean:0:4:2:c     statistic, axis, window, min_periods, centred
  coarsen:mean:0=2,1=3:pad  statistic, windows, boundary
  filter:uniform_filter:3,2,1:reflect:0:0,1,0     scipy.ndimage: sizes, mode, cval, origins
  gauss:1.5,0.5,0:0,1,0:mirror:0:4      sigmas, orders, mode, cval, truncate
  corr1d:1,2,3:0:wrap:0:1 conv1d:...    weights, axis, mode, cval, origin
  convolve:k3:full correlate:k22:same   kernel (an input), mode;   ndconv:k22:nearest:0:0,1 ndcorr:...

Run: python tests/golden/make_along.py
"""
import json, pathlib, platform, struct, warnings, zlib
import numpy as np
import pandas as pd
import scipy
import scipy.ndimage as ni
import scipy.signal as sg
import xarray as xr

warnings.simplefilter("ignore")
np.seterr(all="ignore")
HERE = pathlib.Path(__file__).parent
SHAPE = (7, 6, 5)
rng = np.random.default_rng(77)
NAT = np.iinfo("i8").min

X = {}
for name in "i1 i2 i4 i8 u1 u2 u4 u8".split():
    X["a" + name] = rng.integers(0 if name[0] == "u" else -60, 61, SHAPE).astype(name)
X["ab1"] = rng.random(SHAPE) < 0.5
for name in ("f4", "f8"):
    x = (rng.integers(-400, 400, SHAPE) / 8).astype(name)
    X["w" + name] = x.copy()
    x[rng.random(SHAPE) < 0.2] = np.nan
    x[0, 0, :] = np.nan
    x[:, 2, 3] = np.nan
    X["a" + name] = x
X["infs"] = np.array([0.0, -0.0, 1.5, -np.inf, 2.0, np.inf, np.nan, -1.0, 3.0])
X["near"] = (1 + rng.integers(-9, 10, SHAPE) / 64).astype("f8")
X["ac8"] = (rng.integers(-9, 9, SHAPE) + 1j * rng.integers(-9, 9, SHAPE)).astype("c8")
X["ac8"][2, 1, 1] = np.nan
X["ac16"] = X["ac8"].astype("c16")
when = rng.integers(0, 10**6, SHAPE)
when[rng.random(SHAPE) < 0.15] = NAT
X["aM"] = when.view("M8[s]")
X["am"] = np.where(rng.random(SHAPE) < 0.15, NAT, rng.integers(-999, 999, SHAPE)).view("m8[ms]")
i = np.arange(20000)
X["long"] = (i * i % 251 - 100).astype("i2")
X["longf"] = (i % 17 / 4).astype("f4")
X["longf"][i % 1999 == 50] = np.nan
X["longf"][:1500] = np.nan
X["long2"] = (np.arange(36000) % 101 - 50).astype("i1").reshape(18000, 2)
X["aempty"] = np.zeros((0, 4), "f4")
X["azero"] = np.array(3, "i2")
X["aone"] = np.array([2.5], "f4")
X["x7"] = np.array([0, 1, 2.5, 3, 5, 5.5, 9])
X["x6i"] = np.array([0, 2, 3, 7, 8, 10])
X["k3"] = np.array([1.0, -2.5, 0.5])
X["k4"] = np.array([1, 2, -3, 4], "i4")
X["k9"] = np.arange(9) / 4
X["k22"] = np.array([[1.0, 2.0], [-1.0, 0.25]])
X["k232"] = (np.arange(12).reshape(2, 3, 2) % 5 - 2).astype("f8")
X["k121"] = np.array([[[1], [0], [3]], [[2], [2], [1]]], "i2")
X["plane8"] = rng.integers(-99, 99, (9, 8)).astype("f8") / 4
X["planei"] = rng.integers(0, 200, (9, 8)).astype("u1")
X["line8"] = rng.integers(-99, 99, 23) / 4
X["linei"] = rng.integers(-9, 9, 17).astype("i2")
# Of every dtype: limits of integers, NaN, infinities and -0.0; times with NaT. Empty arrays and such without axes.
SMALL = (3, 4, 5)
DTYPES = dict(b1="?", i1="i1", i2="i2", i4="i4", i8="i8", u1="u1", u2="u2", u4="u4", u8="u8", f4="f4", f8="f8", c8="c8", c16="c16", M="M8[s]", m="m8[ms]")
for name, dtype in DTYPES.items():
    d = np.dtype(dtype)
    v = rng.integers(0, 9, SMALL)
    X["v" + name] = x = (v > 4) if d.kind == "b" else v.astype("i8").view(d) if d.kind in "mM" else v.astype(d)
    X["e" + name] = np.zeros((3, 0), d)
    X["s" + name] = x[0, 1, 1].reshape(())
    if d.kind in "mM":
        x[1, 2, 3] = NAT
    X["l" + name] = x = x.copy()
    if d.kind in "iu":
        x.flat[7], x.flat[8], x.flat[30] = np.iinfo(d).max, np.iinfo(d).min, np.iinfo(d).max
    if d.kind in "fc":
        x.flat[5], x.flat[17], x.flat[18], x.flat[33] = np.nan, np.inf, -np.inf, -0.0


def ints(text):
    return [int(t) for t in text.split(",") if t]


def floats(text):
    return [float(t) for t in text.split(",") if t]


def optional(text):
    return int(text) if text else None


def number(text):
    return float(text) if "." in text else int(text)


def frame(a, axis):
    """Lines along an axis as columns."""
    moved = np.moveaxis(a, axis, 0)
    return pd.DataFrame(moved.reshape(len(moved), -1)), moved.shape


def unframe(df, shape, axis, dtype):
    return np.moveaxis(df.to_numpy().reshape(shape), 0, axis).astype(dtype)


ACCUMULATE = dict(cummin=np.minimum, cummax=np.maximum, nancummin=np.fmin, nancummax=np.fmax)
WIDE = {np.dtype("f4"): "f8", np.dtype("c8"): "c16"}


def word(stack, token):
    name, *args = token.split(":")
    if token in X:
        return stack.append(X[token])
    a = stack.pop()
    if name in ("cumsum", "cumprod", "nancumsum", "nancumprod"):
        out = getattr(np, name)(a, axis=optional(args[0]), dtype=WIDE.get(a.dtype))
        out = out.astype(a.dtype) if a.dtype in WIDE else out
    elif name in ACCUMULATE:
        axis = optional(args[0])
        out = ACCUMULATE[name].accumulate(a.ravel() if axis is None else a, axis=axis or 0)
    elif name in ("cumulative_sum", "cumulative_prod"):
        out = getattr(np, name)(a, axis=optional(args[0]), include_initial="i" in args[1])
    elif name in ("ffill", "bfill"):
        axis = int(args[0])
        df, shape = frame(a, axis)
        out = unframe(getattr(df, name)(limit=optional(args[1])), shape, axis, a.dtype)
    elif name == "diff":
        extra = {k: np.array(number(v), a.dtype) for k, v in zip(("prepend", "append"), args[2:]) if v}
        out = np.diff(a, int(args[0]), int(args[1]), **extra)
    elif name == "gradient":
        out = np.gradient(a, float(args[1]), axis=int(args[0]), edge_order=int(args[2]))
    elif name == "gradx":
        f = stack.pop()
        out = np.gradient(f, a, axis=int(args[0]), edge_order=int(args[1]))
    elif name == "trapezoid":
        out = np.trapezoid(a, dx=float(args[0]), axis=int(args[1]))
    elif name == "trapx":
        f = stack.pop()
        out = np.trapezoid(f, a, axis=int(args[0]))
    elif name == "pad":
        widths = [tuple(ints(t)) for t in args[1].split(";")]
        extra = {}
        if args[0] in ("constant", "linear_ramp") and args[2]:
            key = "constant_values" if args[0] == "constant" else "end_values"
            extra[key] = [tuple(number(v) for v in t.split(",")) for t in args[2].split(";")]
            extra[key] = extra[key][0] if len(extra[key]) == 1 else extra[key]
        out = np.pad(a, widths[0] if len(widths) == 1 else widths, args[0], **extra)
    elif name == "swv":
        out = np.lib.stride_tricks.sliding_window_view(a, ints(args[0]), tuple(ints(args[1])) or None)
    elif name == "rolling":
        axis = int(args[1])
        df, shape = frame(a, axis)
        kind, _, ddof = args[0].partition("@")
        rolled = df.rolling(int(args[2]), min_periods=optional(args[3]), center="c" in args[4])
        done = getattr(rolled, kind)(**(dict(ddof=int(ddof)) if ddof else {}))
        out = unframe(done, shape, axis, a.dtype if a.dtype == np.float32 else "f8")
    elif name == "coarsen":
        windows = {f"d{w.split('=')[0]}": int(w.split("=")[1]) for w in args[1].split(",")}
        array = xr.DataArray(a, dims=[f"d{k}" for k in range(a.ndim)])
        out = getattr(array.coarsen(windows, boundary=args[2]), args[0])().values
    elif name == "filter":
        size, origin = ints(args[1]), ints(args[4])
        f = getattr(ni, args[0])
        out = f(a, size=size[0] if len(size) == 1 else size, mode=args[2], cval=float(args[3]), origin=origin[0] if len(origin) == 1 else origin)
    elif name == "gauss":
        sigma, order = floats(args[0]), ints(args[1])
        one = lambda v: v[0] if len(v) == 1 else v
        out = ni.gaussian_filter(a, one(sigma), one(order), mode=args[2], cval=float(args[3]), truncate=float(args[4]))
    elif name in ("corr1d", "conv1d"):
        f = ni.correlate1d if name == "corr1d" else ni.convolve1d
        out = f(a, floats(args[0]), int(args[1]), mode=args[2], cval=float(args[3]), origin=int(args[4]))
    elif name in ("convolve", "correlate"):
        k = X[args[0]]
        if a.ndim == 1 and len(a) >= len(k):
            out = getattr(np, name)(a, k, args[1])
        else:
            out = getattr(sg, name)(a, k, args[1], method="direct")
    elif name in ("ndcorr", "ndconv"):
        f = ni.correlate if name == "ndcorr" else ni.convolve
        origin = ints(args[3])
        out = f(a, X[args[0]].astype("f8"), mode=args[1], cval=float(args[2]), origin=origin[0] if len(origin) == 1 else origin)
    elif name == "sl":
        at = [slice(None)] * a.ndim
        at[int(args[0])] = slice(*[int(t) if t else None for t in args[1:]])
        out = a[tuple(at)]
    elif name == "tr":
        out = a.transpose(ints(args[0]))
    elif name == "r":
        out = getattr(np, args[0])(a, axis=tuple(ints(args[1])))
    else:
        raise KeyError(token)
    stack.append(np.asarray(out))


NUMBERS = "ab1 ai1 ai2 ai4 ai8 au1 au2 au4 au8 af4 af8 ac8 ac16".split()
REAL = [n for n in NUMBERS if n[1] != "c"]


def scans():
    for n in NUMBERS + ["am"]:
        k = 0 if n in ("am",) else 1
        yield f"{n} cumsum:{NUMBERS.index(n) % 3 if k else 1}"
        if k:
            yield f"{n} cumprod:{(NUMBERS.index(n) + 1) % 3 if 'f' not in n else 2}"
    for n in ["af4", "af8", "ac8", "ac16"]:
        yield f"{n} nancumsum:1"
        yield f"{n} nancumprod:2"
    for n in ["ai1", "af4", "ac8"]:
        yield f"{n} cumsum:"
        yield f"{n} nancumsum:-1"
    yield "near cumprod:0"
    yield "near cumprod:"
    for k, n in enumerate(REAL + ["aM", "am"]):
        for op in ("cummin", "cummax"):
            yield f"{n} {op}:{k % 3}"
    for n in ["af4", "af8", "aM", "am"]:
        for op in ("nancummin", "nancummax"):
            yield f"{n} {op}:0"
    yield "af8 cummax:"
    for op in ("cumsum", "cummin", "cummax", "nancumsum", "nancummin", "cumprod"):
        yield f"infs {op}:0"
    for n in ["ai2", "wf8", "af4"]:
        yield f"{n} cumulative_sum:1:i"
        yield f"{n} cumulative_prod:2:i"
    yield "linei cumulative_sum::i"
    yield "au1 cumulative_sum:0:"
    for n in ["af4", "af8", "aM", "am"]:
        for op in ("ffill", "bfill"):
            yield f"{n} {op}:0:"
            yield f"{n} {op}:1:1"
    yield "af8 ffill:2:2"
    yield "af8 bfill:0:100"
    yield "ai4 ffill:0:"
    for n in ["long", "longf"]:
        for op in ("cumsum", "cummin", "cummax", "nancumsum", "nancummax", "cumprod"):
            if n == "longf" or not op.startswith("nan"):
                yield f"{n} {op}:0 sl:0:::613"
    yield "longf ffill:0: sl:0:::7 sl:0:200:900:"
    yield "longf bfill:0: sl:0:::199"
    yield "longf bfill:0:3 sl:0:40:60:"
    yield "longf nancumsum:0 sl:0::1600:100"
    yield "long2 cumsum:0 sl:0:::511"
    yield "long2 cumsum: sl:0:::1023"
    yield "long2 cummax:0 sl:0:1000:1060:"
    yield "aempty cumsum:0"
    yield "aempty cumsum:1"
    yield "aempty cummin:1"
    yield "aempty cumulative_sum:0:i"
    yield "azero cumsum:"
    yield "aone cumprod:0"
    yield "af8 cumsum:0 cumsum:1"
    yield "ai2 tr:2,0,1 cumsum:1 sl:1:2:5:"
    yield "wf8 sl:0:::-1 cumsum:0"


def differences():
    for n in NUMBERS + ["aM", "am"]:
        yield f"{n} diff:1:0"
    yield "ai2 diff:2:1"
    yield "af4 diff:3:-1"
    yield "wf8 diff:1:1:0.5:2.5"
    yield "ai4 diff:1:2:7:"
    yield "ai4 diff:2:0::9"
    yield "aone diff:1:0"
    yield "aone diff:2:0"
    yield "aempty diff:1:0"
    yield "ai2 diff:0:0"
    for n in ["wf4", "wf8", "ai4", "au1", "ac16", "af8"]:
        yield f"{n} gradient:0:1.0:1"
        yield f"{n} gradient:2:0.5:2"
    for n in ["wf8", "wf4", "ai2"]:
        for edge in (1, 2):
            yield f"{n} x7 gradx:0:{edge}"
    yield "wf8 x6i gradx:1:2"
    yield "wf8 trapezoid:1.0:0"
    yield "wf4 trapezoid:0.5:-1"
    yield "ai4 trapezoid:0.25:1"
    yield "wf8 x7 trapx:0"
    yield "ai2 x6i trapx:1"
    yield "ac16 trapezoid:1.0:2"
    yield "aempty trapezoid:1.0:1"


def pads():
    for mode in ("constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "mean", "maximum", "minimum"):
        yield f"ai2 pad:{mode}:2,1;0,3;1,0:"
        yield f"wf8 pad:{mode}:1,2:"
        yield f"linei pad:{mode}:5,0:"
    for mode in ("reflect", "symmetric", "wrap"):
        yield f"x7 pad:{mode}:16,23:"
        yield f"aone pad:{mode}:3,2:"
        yield f"au1 pad:{mode}:9,0;0,0;0,11:"
    yield "ai4 pad:constant:1,2;3,0;1,1:4,-5"
    yield "wf4 pad:constant:1,2;3,0;1,1:4.5,5;6,7;8,9.25"
    yield "wf8 pad:linear_ramp:4,2;0,3;1,0:7,-3"
    yield "wf4 pad:linear_ramp:4,2;0,3;1,0:7,-3;1,2;5.5,0"
    yield "aempty pad:constant:1,2;0,0:3,4"
    yield "aM pad:edge:1,1;0,0;0,2:"
    yield "ac8 pad:wrap:1,1;0,0;0,2:"
    yield "ab1 pad:symmetric:1,1;0,0;0,2:"
    yield "af8 pad:mean:1,1;0,0;0,0:"


def windows():
    yield "ai2 swv:3,2:0,1 sl:0:::2"
    yield "wf4 swv:4:2"
    yield "linei swv:5:0 r:sum:1"
    yield "plane8 swv:3,3: r:mean:2,3"
    for k, n in enumerate(["af8", "wf8", "af4", "ai4"]):
        for m, kind in enumerate(["sum", "mean", "min", "max", "std@0", "var@1", "std@1"]):
            yield f"{n} rolling:{kind}:{(k + m) % 3}:{2 + (k * 2 + m) % 4}:{1 if (k + m) % 2 else ''}:{'c' if m % 3 == 0 else ''}"
    for window, least in ((1, 1), (4, 2), (7, ""), (23, 3), (30, 5)):
        for kind in ("mean", "max", "std@1"):
            yield f"line8 rolling:{kind}:0:{window}:{least}:{'c' if window > 4 else ''}"
    yield "af8 rolling:sum:0:4:1:c"
    for n in ["wf8", "af4", "ai2"]:
        yield f"{n} coarsen:mean:0=2,1=3:trim"
        yield f"{n} coarsen:sum:2=5:exact"
        yield f"{n} coarsen:max:0=4:pad"
        yield f"{n} coarsen:mean:0=3,2=2:pad"
    yield "line8 coarsen:min:0=40:pad"


MODES = ("reflect", "constant", "nearest", "mirror", "wrap")


def filters():
    kinds = ("wf8", "wf4", "ai2", "au1", "ai8", "planei", "line8")
    for k, mode in enumerate(MODES):
        for m, f in enumerate(("uniform_filter", "minimum_filter", "maximum_filter", "median_filter")):
            yield f"{kinds[(k + m) % 7]} filter:{f}:3:{mode}:1:0"
            yield f"wf4 filter:{f}:{'2,3,1' if m else '4,1,3'}:{mode}:2:{'-1,1,0' if m else '1,0,-1'}"
        yield f"line8 filter:minimum_filter:31:{mode}:0:3"
        yield f"wf8 corr1d:1,2,3,-1:{k % 3}:{mode}:1.5:{k % 2 - 1}"
        yield f"wf4 conv1d:1,2,3,-1:{k % 3}:{mode}:1.5:{k % 2}"
        yield f"wf8 conv1d:0.5,-2,3:{k % 3}:{mode}:1:1"
        yield f"ai2 corr1d:1,0,-1:{k % 3}:{mode}:1:0"
        yield f"au1 corr1d:0.25,0.5,0.25:{k % 3}:{mode}:1:0"
        yield f"plane8 ndcorr:k22:{mode}:0.5:0,-1"
        yield f"plane8 ndconv:k22:{mode}:0.5:{k % 2 - 1},0"
        yield f"{kinds[k]} ndconv:k121:{mode}:1:0" if kinds[k][:5] not in ("plane", "line8") else f"wf8 ndcorr:k232:{mode}:1:0"
        yield f"wf8 gauss:{('1', '0.7,0,1.2', '2')[k % 3]}:0:{mode}:1:4"
        yield f"plane8 gauss:1.1,0.6:{k % 3},{(k + 1) % 2}:{mode}:0:3"
    yield "ai2 gauss:1:0:reflect:0:4"
    yield "line8 gauss:6:0:reflect:0:4"
    for mode in ("full", "same", "valid"):
        for f in ("convolve", "correlate"):
            yield f"line8 {f}:k3:{mode}"
            yield f"linei {f}:k4:{mode}"
            yield f"longf {f}:k9:{mode} sl:0:-600::37" if mode == "same" else f"line8 {f}:k9:{mode}"
            yield f"plane8 {f}:k22:{mode}"
            yield f"wf4 {f}:k232:{mode}" if f == "convolve" else f"ai2 {f}:k121:{mode}"
    yield "planei filter:median_filter:4,3:reflect:0:0"


def swept():
    """Every operation of every dtype; what NumPy, SciPy or pandas refuse is left out, and so is what is no number of theirs."""
    for name, dtype in DTYPES.items():
        kind = np.dtype(dtype).kind
        v, l, e, s = ("v" + name, "l" + name, "e" + name, "s" + name)
        for op in "cumsum cumprod nancumsum nancumprod cummin cummax nancummin nancummax".split():
            if kind == "c" and op[-3:] in ("min", "max"):
                continue  # refused here: complex numbers have no order
            # What complex infinities times others give is left open; nancumsum skips NaT here, as nansum does, and not in NumPy.
            a = v if kind == "c" or op == "cumprod" and kind == "f" else l
            if kind == "m" and op == "nancumsum":
                continue
            yield from [f"{a} {op}:1", f"{a} {op}:", f"{e} {op}:0", f"{e} {op}:1"] if name != "M" or "m" in op[-3:] else []
        yield from [f"{v} cumulative_sum:2:i", f"{v} cumulative_prod:0:i", f"{s} cumulative_sum::i"]
        yield from [f"{l} ffill:1:", f"{l} bfill:2:1", f"{l} diff:1:1", f"{l} diff:2:2", f"{e} diff:1:0", f"{e} diff:1:1"] + [f"{v} diff:1:0:3:"] * (kind != "b")
        yield f"{l} swv:2,3:1,2"
        if kind not in "mM":  # refused here
            yield from [f"{v} gradient:1:0.5:1", f"{v} gradient:2:2.0:2", f"{v} trapezoid:0.5:1"]
        for mode in ("constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "mean", "maximum", "minimum"):
            if mode in ("linear_ramp", "mean") and kind not in "iuf" or mode in ("maximum", "minimum") and kind in "bcmM":
                continue
            yield f"{v if mode in ('linear_ramp', 'mean') else l} pad:{mode}:1,1;0,2;3,0:"
            yield f"{e} pad:{mode}:1,2;0,0:"
        if kind in "iuf":
            for op in ("sum", "mean", "min", "max", "std@1"):
                yield f"{v} rolling:{op}:1:3:2:c"
            for op in ("sum", "mean", "min", "max"):
                yield f"{v} coarsen:{op}:1=2,2=2:trim"
            for f in ("uniform_filter", "minimum_filter", "maximum_filter", "median_filter"):
                yield f"{v} filter:{f}:2,3,1:mirror:0:0"
                yield f"{e} filter:{f}:3:reflect:0:0"
            yield from [f"{v} gauss:0.8:0:nearest:0:4", f"{v} corr1d:1,-2,0.5:2:reflect:0:0", f"{v} conv1d:1,-2,0.5:1:wrap:0:1"]
            yield from [f"{v} ndcorr:k232:nearest:0:0", f"{v} ndconv:k232:constant:2:0"]
        if kind in "iuf":  # others are refused here
            yield from [f"{v} convolve:k232:same", f"{v} correlate:k232:full", f"{v} convolve:k121:valid"]


body = bytearray()


def put(a):
    a = np.asarray(a)
    record = dict(dtype=str(a.dtype), shape=list(a.shape), offset=len(body))
    body.extend(np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<")).tobytes())
    return record


def magnitude(a):
    if a.dtype.kind not in "fc":
        return 0.0
    b = np.abs(a[np.isfinite(a)]).astype("f8")
    return float(b.max()) if b.size else 0.0


def main():
    inputs = {name: put(a) for name, a in X.items()}
    cases, seen = [], set()
    refused = 0
    for source in (scans, differences, pads, windows, filters, swept):
        for program in source():
            if program in seen:
                continue
            seen.add(program)
            stack, scale, loose = [], 0.0, False
            try:
                for token in program.split():
                    word(stack, token)
                    scale = max(scale, magnitude(stack[-1]))
                    loose |= stack[-1].dtype in (np.dtype("f4"), np.dtype("c8"))
            except Exception:
                if source is not swept:
                    raise
                refused += 1
                continue
            if stack[0].dtype in (np.float16, np.longdouble):
                continue
            assert len(stack) == 1, program
            cases.append(dict(family=source.__name__, program=program, scale=scale, loose=bool(loose), **put(stack[0])))
    made = f"numpy {np.__version__} scipy {scipy.__version__} pandas {pd.__version__} xarray {xr.__version__} python {platform.python_version()}"
    head = json.dumps(dict(made=made, inputs=inputs, cases=cases, labelled=[], datasets=[])).encode()
    data = struct.pack("<I", len(head)) + head + bytes(body)
    packed = struct.pack("<Q", len(data)) + zlib.compress(data, 9)
    (HERE / "along.bin").write_bytes(packed)
    print(made, f"{len(cases)} cases ({refused} refused), {len(data)} bytes, {len(packed)} packed")


main()
