#!/usr/bin/env python3
"""Makes tests/golden/oracle.bin (and oracle.nc): what NumPy and xarray answer, for the whole engine.

Every case is a program in reverse Polish notation, which this script runs with NumPy or xarray and tests/oracle.rs with
hyperslab; the two lists of words are in `word` and `labelled` below. Words have arguments behind colons:
  f4                      pushes an input              #2.5 #3    a weak number (float, integer)
  add negative ...        NumPy's name of a ufunc      where where_or fillna clip astype:int16
  r:sum:0,2:sk            reduction over axes; s skips missing values, k keeps dims
  g:mean:0:codes:5:s      group-by along an axis by codes (4294967295: no group) into 5 groups
  ds:tas,pr var:pr        a dataset of these variables; a variable of it (labelled programs; other words take datasets, too)
  sl:0:1:9:2 ix:0:-1 tr:2,0,1 bc:3,4,5 bx:1:3,4        slice, index, transpose, broadcast_to, axes into a new shape

oracle.bin: zlib of  u32 length of the JSON | JSON {made, inputs, cases} | values (little endian, times as int64, bool
as bytes) at the offsets that the JSON tells. `scale` of a case is the largest finite magnitude on the way: tolerances
are relative to it; they are those of float32 when `loose`. oracle.nc: the file that the labelled cases read.

Run: python tests/golden/make_oracle.py [random cases [seed]]
"""
import json, math, operator, pathlib, platform, struct, sys, warnings, zlib
import numpy as np
import pandas as pd
import xarray as xr

xr.set_options(use_flox=False)
warnings.simplefilter("ignore")
np.seterr(all="ignore")
HERE = pathlib.Path(__file__).parent
RANDOM = int(sys.argv[1]) if len(sys.argv) > 1 else 250
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
OUT = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else HERE
NONE = 2**32 - 1
SHAPE = (13, 10, 7)
rng = np.random.default_rng(2026)

# ---- inputs -----------------------------------------------------------------------------------------------------------
X = {}
X["b1"] = rng.random(SHAPE) < 0.6
for name, dtype in dict(i1="i1", i2="i2", i4="i4", i8="i8", u1="u1", u2="u2", u4="u4", u8="u8").items():
    low = 0 if dtype[0] == "u" else -100
    X[name] = rng.integers(low, 101, SHAPE).astype(dtype)
X["u8"][0, 0, 0] = 2**64 - 1
X["i8"][1, 1, 1] = -(2**63) + 1
for name, dtype in dict(f4="f4", f8="f8").items():
    x = (rng.normal(2, 30, SHAPE)).astype(dtype)
    x[rng.random(SHAPE) < 0.1] = np.nan
    x[:, 3, 2] = np.nan
    x[5, :, 4] = np.nan
    X[name] = x
X["g4"] = rng.normal(0, 5, SHAPE).astype("f4")
X["c8"] = (rng.normal(0, 3, SHAPE) + 1j * rng.normal(0, 3, SHAPE)).astype("c8")
X["c16"] = rng.normal(0, 3, SHAPE) + 1j * rng.normal(0, 3, SHAPE)
X["c16"][2, 3, 4] = complex(np.nan, 1)
NAT = np.iinfo("i8").min
when = rng.integers(0, 10**9, SHAPE)
when[rng.random(SHAPE) < 0.1] = NAT
when[:, 1, 1] = NAT
X["M"] = when.view("M8[s]")
X["m"] = np.where(rng.random(SHAPE) < 0.1, NAT, rng.integers(-9999, 9999, SHAPE)).view("m8[ms]")
X["plane"] = rng.normal(0, 9, SHAPE[1:]).astype("f4")
X["row"] = rng.normal(0, 9, SHAPE[2])
X["column"] = rng.integers(1, 9, (13, 1, 1)).astype("i2")
X["zero"] = np.array(2.5)
X["zeroi"] = np.array(7, "i4")
X["empty"] = np.zeros((0, 7), "f4")
X["empty2"] = np.zeros((5, 0, 3), "i2")
X["one"] = np.full((1, 1, 1), 1.5)
X["line"] = rng.normal(0, 1, 101).astype("f4")
X["prime"] = rng.integers(-30, 30, (3, 2, 53, 5)).astype("i2")
X["primef"] = rng.normal(10, 3, (3, 2, 53, 5))
X["primef"][1, 1, 50, :] = np.nan
CODES = dict(
    half=[0, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0, 1, 1],
    gaps=[4, NONE, 0, 0, 4, 2, 2, NONE, 4, 0, 2, 2, 0],
    each=list(range(12, -1, -1)),
    y=[2, 1, 0, 2, 1, 0, 0, 0, 1, 2],
    x=[0, NONE, 1, NONE, 1, 0, 1],
    none=[NONE] * 13,
    prime=[i * i % 7 for i in range(53)],
)
for name, codes in CODES.items():
    X["codes_" + name] = np.array(codes, "u4")


# ---- the machine on NumPy ---------------------------------------------------------------------------------------------
class Skip(Exception):
    """NumPy has no answer, or none worth comparing."""


def isna(v):
    return np.isnat(v) if v.dtype.kind in "mM" else np.isnan(v) if v.dtype.kind in "fc" else np.zeros(v.shape, bool)


def nothing(dtype):
    if dtype.kind in "fc":
        return np.array(np.nan, dtype)[()]
    if dtype.kind in "mM":
        return np.array(NAT).view(dtype)[()]
    raise Skip


def fold(kind, v, skip, out):
    """One cell: a vector to a value."""
    kind, _, ddof = kind.partition("@")
    na = isna(v)
    if kind == "count":
        return int((~na).sum())
    if kind in ("any", "all"):
        return getattr(np, kind)(v[~na] if skip else v)
    if kind in ("argmin", "argmax"):
        if v.size == 0 or (skip and na.all()):
            raise Skip
        if v.dtype.kind == "f":
            return getattr(np, "nan" * skip + kind)(v)
        keep = np.flatnonzero(~na) if skip else np.arange(v.size)
        if na.any() and not skip:
            return np.flatnonzero(na)[0]
        return keep[getattr(np, kind)(v[keep].astype("i8") if v.dtype.kind in "mM" else v[keep])]
    if skip:
        v = v[~na]
    elif na.any() and kind not in ("first", "last"):
        return nothing(out)
    if kind in ("sum", "prod"):
        if v.dtype.kind == "f":
            return math.fsum(v.astype("f8")) if kind == "sum" else np.prod(v.astype("g"))
        if v.dtype.kind == "c":
            w = v.astype("c16")
            if kind == "sum":
                return complex(math.fsum(w.real), math.fsum(w.imag))
            product = np.prod(w.astype("G")).astype(out)
            if not np.isfinite(product):
                raise Skip  # what an overflow of complex numbers gives depends on the order
            return product
        return getattr(np, kind)(v)
    if v.size == 0:
        return nothing(out)
    if kind in ("min", "max"):
        return getattr(np, kind)(v)
    if kind == "first":
        return v[0]
    if kind == "last":
        return v[-1]
    if v.dtype.kind == "m":
        return np.mean(v)
    w = v.astype("G" if v.dtype.kind == "c" else "g")
    mean = w.sum() / w.size
    if kind == "mean":
        return mean
    if w.size <= int(ddof or 0):
        return np.nan
    d = w - mean
    var = (d * d.conj()).real.sum() / (w.size - int(ddof or 0))
    return var if kind == "var" else np.sqrt(var)


def result_dtype(kind, dtype):
    kind = kind.partition("@")[0]
    k = dtype.kind
    if kind in ("count", "argmin", "argmax"):
        return np.dtype("i8")
    if kind in ("any", "all"):
        return np.dtype("?")
    if kind in ("sum", "prod"):
        return np.dtype("u8") if k == "u" else np.dtype("i8") if k in "bi" else dtype
    if kind == "mean":
        return np.dtype("f8") if k in "biu" else dtype
    if kind in ("var", "std"):
        return np.dtype("f4") if dtype in (np.dtype("f4"), np.dtype("c8")) else np.dtype("f8")
    return dtype


def reduce(a, kind, axes, skip, keep):
    axes = sorted(ax % a.ndim for ax in axes) or list(range(a.ndim))
    kept = [ax for ax in range(a.ndim) if ax not in axes]
    if kind in ("first", "last") and len(axes) > 1:
        raise Skip
    shape = [a.shape[ax] for ax in kept]
    if kind in ("min", "max", "argmin", "argmax", "first", "last") and 0 in (a.shape[ax] for ax in axes):
        raise Skip
    out = np.zeros(shape, result_dtype(kind, a.dtype))
    flat = a.transpose(kept + axes).reshape(shape + [-1 if a.size else math.prod(a.shape[ax] for ax in axes)])
    for cell in np.ndindex(*shape):
        out[cell] = fold(kind, flat[cell], skip, out.dtype)
    return np.expand_dims(out, tuple(axes)) if keep else out


def group(a, kind, axis, codes, groups, skip):
    axis %= a.ndim
    out = np.zeros(a.shape[:axis] + (groups,) + a.shape[axis + 1 :], result_dtype(kind, a.dtype))
    moved, into = np.moveaxis(a, axis, -1), np.moveaxis(out, axis, -1)
    for cell in np.ndindex(*moved.shape[:-1]):
        for g in range(groups):
            into[cell + (g,)] = fold(kind, moved[cell][codes == g], skip, out.dtype)
    return out


class Weak(float):
    pass


def numbers(text):
    return [int(t) for t in text.split(",") if t]


def promoted(a, value):
    return value if not isinstance(value, Weak) else (int(value) if value.integer else float(value))


def word(stack, token):
    name, *args = token.split(":")
    if token.startswith("#"):
        w = Weak(token[1:])
        w.integer = "." not in token
        stack.append(w)
    elif token in X:
        stack.append(X[token])
    elif name == "where":
        c, a = stack.pop(), stack.pop()
        d = a.dtype if a.dtype.kind in "fcmM" else np.result_type(a.dtype, np.float32) if a.dtype.itemsize < 4 else np.dtype("f8")
        if a.dtype.kind == "b" or (a.dtype.kind in "iu" and a.dtype.itemsize <= 2):
            d = np.dtype("f4")
        stack.append(np.where(c, a.astype(d), nothing(d)))
    elif name == "where_or":
        o, c, a = stack.pop(), stack.pop(), stack.pop()
        stack.append(np.where(c, a, promoted(a, o)))
    elif name == "fillna":
        v, a = stack.pop(), stack.pop()
        stack.append(np.where(isna(a), promoted(a, v), a) if a.dtype.kind in "fcmM" else a)
    elif name == "clip":
        hi, lo, a = stack.pop(), stack.pop(), stack.pop()
        stack.append(np.minimum(np.maximum(a, promoted(a, lo)), promoted(a, hi)))
    elif name == "astype":
        stack.append(stack.pop().astype(args[0]))
    elif name == "r":
        stack.append(reduce(stack.pop(), args[0], numbers(args[1]), "s" in args[2], "k" in args[2]))
    elif name == "g":
        a = stack.pop()
        stack.append(group(a, args[0], int(args[1]), X["codes_" + args[2]], int(args[3]), "s" in args[4]))
    elif name == "sl":
        a = stack.pop()
        at = [slice(None)] * a.ndim
        at[int(args[0])] = slice(*[int(t) if t else None for t in args[1:]])
        stack.append(a[tuple(at)])
    elif name == "ix":
        a = stack.pop()
        stack.append(np.take(a, int(args[1]), axis=int(args[0])))
    elif name == "tr":
        stack.append(stack.pop().transpose(numbers(args[0])))
    elif name == "bc":
        stack.append(np.broadcast_to(stack.pop(), numbers(args[0])))
    elif name == "bx":
        a, axes, shape = stack.pop(), numbers(args[0]), numbers(args[1])
        a = a.transpose(np.argsort(axes))
        full = a.reshape([a.shape[sorted(axes).index(i)] if i in axes else 1 for i in range(len(shape))])
        stack.append(np.broadcast_to(full, shape))
    else:
        f = getattr(np, name)
        if f.nin == 1:
            stack.append(f(stack.pop()))
        else:
            b, a = stack.pop(), stack.pop()
            stack.append(f(promoted(b, a), promoted(a, b)))
    top = stack[-1]
    return np.asarray(top) if not isinstance(top, Weak) else None


def magnitude(a):
    if a is None or a.dtype.kind not in "fciub" or a.size == 0:
        return 0.0
    m = np.abs(a.astype("c16" if a.dtype.kind == "c" else "f8"))
    m = m[np.isfinite(m)]
    return float(m.max()) if m.size else 0.0


def run(program):
    stack, scale, loose = [], 0.0, False
    for token in program.split():
        top = word(stack, token)
        scale = max(scale, magnitude(top))
        loose |= top is not None and top.dtype in (np.float32, np.complex64) and token[:2] in ("r:", "g:")
    assert len(stack) == 1, program
    return np.asarray(stack[0]), scale, bool(loose)


# ---- the table --------------------------------------------------------------------------------------------------------
CASES = []
ALL = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "c8", "c16", "M", "m"]
KINDS = ["sum", "prod", "mean", "min", "max", "var@0", "std@1", "count", "any", "all", "argmin", "argmax", "first", "last"]


def defined(kind, dtype):
    k = kind.partition("@")[0]
    if k in ("count", "first", "last"):
        return True
    if dtype.kind == "c":
        return k not in ("min", "max", "argmin", "argmax")
    if dtype.kind == "M":
        return k in ("min", "max", "argmin", "argmax")
    if dtype.kind == "m":
        return k in ("min", "max", "argmin", "argmax", "sum", "mean")
    return True


def elementwise():
    for a, b in [("f4", "i2"), ("i1", "u1"), ("u8", "i8"), ("f4", "f8"), ("i4", "f4"), ("b1", "i1"), ("c8", "f8"), ("u2", "f4"),
                 ("f8", "plane"), ("plane", "f8"), ("row", "f4"), ("i4", "column"), ("column", "row"), ("f4", "zero"), ("one", "i2"),
                 ("i1", "zeroi"), ("zero", "zeroi")]:
        yield f"{a} {b} add"
        yield f"{a} {b} multiply"
    for a in ["i2", "u1", "f4", "f8", "i8"]:
        yield f"{a} #3 subtract"
        yield f"#3 {a} subtract" if a != "u1" else "#100 u1 subtract"
        yield f"#1.5 {a} divide"
        yield f"{a} #7 floor_divide"
        yield f"#7 {a} remainder"
        yield f"{a} #2.5 greater {a} #30 less logical_and"
    yield from ["M m add", "M M subtract", "m #3 multiply", "#2 m multiply", "m #2.5 divide", "m #7 add", "M #7 subtract", "m negative", "M M greater", "m #2 floor_divide"]
    yield from ["i2 #3 bitwise_and", "u1 #2 left_shift", "i4 u1 #7 bitwise_and right_shift", "b1 invert", "i1 invert", "b1 b1 logical_not bitwise_xor"]
    yield from ["f4 b1 where", "i2 b1 where", "i4 b1 where", "b1 b1 where", "M b1 where", "f4 b1 #0 where_or", "i2 b1 f8 where_or",
                "f4 i2 #0 greater plane where_or", "plane b1 where", "row i1 #5 less column where_or"]
    yield from ["f4 #0 fillna", "f8 plane fillna", "f4 f4 r:mean:0:s fillna", "i4 #3 fillna", "f4 #-1.5 #20 clip", "i2 #-3 #90 clip",
                "f4 plane #60 clip"]
    yield from ["f4 #0 fillna astype:int16", "i4 astype:float32", "f8 astype:float32", "b1 astype:uint8", "u1 astype:bool", "f4 astype:complex64",
                "M astype:datetime64[ms]", "m astype:int64", "i2 astype:timedelta64[s]", "c16 absolute", "f4 isnan", "M isnan", "f8 isfinite"]


def reductions():
    for a in ALL:
        for number, kind in enumerate(KINDS):
            if not defined(kind, X[a].dtype):
                continue
            subsets = ["0", "2", "1,2", ""] if number % 2 else ["1", "0,1", "0,2", ""]
            for axes in subsets:
                if kind in ("first", "last"):
                    axes = axes[-1:] or "0"
                if kind.startswith("arg") and "," in axes:
                    continue
                for flags in (["", "s"] if X[a].dtype.kind in "fcmM" else [""]):
                    yield f"{a} r:{kind}:{axes}:{flags}"
    for kind in ["sum", "mean", "max", "std@0", "count", "prod"]:
        for axes in ["0", "1,2", "0,1,2", "-1"]:
            yield f"f8 r:{kind}:{axes}:sk"
            yield f"prime r:{kind}:{axes}:k"
    for kind in KINDS:
        for axes in ["0", "2", "1,3", "0,1,2", ""]:
            if not (kind.startswith("arg") and "," in axes or kind in ("first", "last") and axes not in "02"):
                yield f"primef r:{kind}:{axes}:s"
    for kind in ["sum", "prod", "mean", "count", "any", "all", "var@0"]:
        yield f"empty r:{kind}:0:s"
        yield f"empty r:{kind}:1:"
        yield f"empty2 r:{kind}:1:"
        yield f"empty2 r:{kind}::"
    for kind in KINDS:
        yield f"one r:{kind}:{'0' if kind in ('first', 'last') else ''}:"
        yield f"zero r:{kind}::"
        yield f"line r:{kind}:0:"
        yield f"one r:{kind}:1:"


def groups():
    for a in ["f4", "f8", "i2", "u1", "b1", "M", "m", "c8", "i8", "u8"]:
        for kind in KINDS:
            if kind.startswith("arg") or not defined(kind, X[a].dtype):
                continue
            yield f"{a} g:{kind}:0:half:2:s"
            if X[a].dtype.kind in "fcmM":
                yield f"{a} g:{kind}:0:half:2:"
            yield f"{a} g:{kind}:0:gaps:5:s"
            yield f"{a} g:{kind}:1:y:3:s"
            yield f"{a} g:{kind}:2:x:2:"
    for a in ["i1", "i4", "u2", "u4", "c16"]:
        for kind in KINDS:
            if not kind.startswith("arg") and defined(kind, X[a].dtype):
                yield f"{a} g:{kind}:0:gaps:5:s"
                yield f"{a} g:{kind}:1:y:3:"
    for kind in ["sum", "mean", "last", "count", "std@1", "min"]:
        yield f"f4 g:{kind}:0:each:13:s"
        yield f"f4 g:{kind}:0:none:2:s"
        yield f"prime g:{kind}:2:prime:7:"
        yield f"primef g:{kind}:-2:prime:7:s"
        yield f"f4 g:{kind}:0:gaps:5:s r:mean:1:s"
        yield f"f4 g:{kind}:0:half:2:s ix:0:-1"
        yield f"f4 sl:0:::-1 g:{kind}:0:half:2:s"
        yield f"f4 tr:2,1,0 g:{kind}:2:gaps:5:s"
        yield f"f4 r:max:1:s g:{kind}:0:half:2:s"
        yield f"f4 g:{kind}:0:half:2:s g:{kind}:1:y:3:s" if kind != "count" else f"f4 g:count:0:half:2:s g:sum:1:y:3:s"
    yield "f4 f4 g:mean:0:half:2:s ix:0:0 subtract r:std@0:0:s"


def selections():
    picks = ["sl:0:2:9:3", "sl:0:::-1", "sl:2:5:1:-2", "sl:1:-4::", "sl:0:20::", "ix:0:4", "ix:-1:-1", "ix:1:0 ix:0:-13", "tr:2,0,1", "tr:0,2,1",
             "sl:0:1:12:2 sl:0:::", "sl:0:::-1 sl:0:2:11:3 sl:2:::-2", "tr:1,2,0 sl:0:::-3 ix:1:2", "bx:0,1,3:13,10,4,7", "bx:1,2,3:3,13,10,7",
             "ix:0:0 bc:5,10,7", "tr:2,1,0 bx:2,1,0:13,10,7", "sl:0:12::", "ix:0:3 ix:0:2 ix:0:1", "sl:1:3:4: sl:2:6::"]
    for pick in picks:
        for a in ["f4", "i2", "M"]:
            yield f"{a} {pick}"
    shapes = [s for s in picks if s.count("ix") < 3]
    for number, pick in enumerate(shapes):
        empty = "20" in pick
        for kind in ["sum", "mean"] if empty else ["sum", "max", "std@0", "argmax", "last"]:
            axes = ["0", "", "-1"][number % 3]
            if kind in ("argmax", "last") and axes == "":
                axes = "0"
            yield f"f8 {pick} r:{kind}:{axes}:s"
            yield f"i2 {pick} r:{kind}:{axes}:"
    for pick in ["sl:0:1::", "sl:-1:::-1", "ix:0:1", "tr:1,0", "bx:1,2:3,10,7", "sl:0:8:2:-3 ix:1:-2"]:
        yield f"f4 r:mean:0:s {pick}"
        yield f"u1 r:sum:0: {pick} r:max:0:"
        yield f"f4 r:max:0:s {pick} #2 multiply r:sum::s"


def two_stages():
    yield from [
        "f4 f4 r:mean:0:s subtract", "f8 f8 r:mean:0:sk subtract f8 r:std@0:0:sk divide", "f4 f4 r:mean::s subtract r:std@1:1:s",
        "f8 r:mean:1,2:s r:max:0:", "f8 r:mean:0:s r:mean:0:s r:mean:0:s", "f8 r:sum:2:s f8 r:count:2: divide",
        "f8 f8 r:max:2:sk divide r:sum:0:s", "i2 i2 r:max:0: subtract r:min:1,2:", "f4 f4 r:mean:0:s greater r:sum:0:",
        "f8 r:mean:0:s f8 r:mean:1:s r:sum:0:s add", "f8 r:mean:0:s f8 r:mean:0:s add", "f8 f8 r:min:1,2:sk subtract f8 r:max:1,2:sk f8 r:min:1,2:sk subtract divide",
        "primef primef r:mean:2:sk subtract r:std@0:0,1,3:s", "f4 plane r:mean:: subtract", "row row r:sum:0: divide", "f4 row r:max:: multiply r:sum::s",
        "f4 r:mean:0:s plane add", "f8 sl:0:1:: f8 sl:0::-1: subtract", "f8 sl:0:1:: f8 sl:0::-1: subtract r:mean:0:s", "f8 sl:0:::-1 f8 add",
        "f4 tr:2,1,0 tr:2,1,0 f4 add", "f4 ix:0:0 f4 subtract r:max:0:s", "i4 i4 tr:2,1,0 tr:2,1,0 sl:0:::-1 multiply r:sum:0:",
        "f8 r:mean:0:s bx:1,2:13,10,7 r:sum:0:", "M M r:min:0:sk subtract", "M M r:min::sk subtract r:max:0:s", "f8 r:argmax:0:s r:max::",
        "f8 r:mean:0:s r:argmin:1:s", "i2 astype:float32 i2 r:max::k subtract r:mean:2:", "f8 r:std@0:0:s #2 multiply f8 absolute r:max:0:s add r:sum:1:s",
        "f8 r:mean:2:s f8 r:mean:2:s r:mean:: subtract r:sum::s", "f8 r:mean:0:s tr:1,0 f8 r:mean:0:s tr:1,0 r:max:0:s subtract" if False else "f8 r:mean:0:s tr:1,0 r:max:1:s",
        "line line r:mean:: subtract line r:std@0:: divide", "line sl:0:::-1 line add r:sum::", "line line r:max:: equal r:argmax:0:",
    ]


def random_case(r):
    name = r.choice(["f4", "f8", "i2", "i4", "u1", "b1", "i8", "M", "m", "g4", "c8", "primef", "prime", "line", "plane", "row", "one", "column"])
    tokens, exact = [name], True
    a = X[name]
    prefix_of = {}
    for _ in range(int(r.integers(2, 8))):
        k = a.dtype.kind
        options = []
        if a.ndim:
            options += ["sl", "ix", "tr", "bx", "r", "r", "r", "anomaly"]
            options += ["g"] * 2
        if k in "fiu":
            options += ["scalar", "other", "self"]
        if k == "f" and exact:
            options += ["where", "abs"]
        if k == "b":
            options += ["not", "cast"]
        op = r.choice(options) if options else "stop"
        if op == "stop":
            break
        new = None
        if op == "sl":
            ax = int(r.integers(a.ndim))
            n = a.shape[ax]
            start, stop = (("", int(r.integers(-n - 1, n + 2)))[int(r.integers(2))] for _ in range(2))
            step = ("", 2, 3, -1, -2, -1, 1)[int(r.integers(7))]
            new = f"sl:{ax}:{start}:{stop}:{step}"
        elif op == "ix":
            ax = int(r.integers(a.ndim))
            if a.shape[ax] == 0:
                continue
            new = f"ix:{ax}:{int(r.integers(-a.shape[ax], a.shape[ax]))}"
        elif op == "tr":
            new = "tr:" + ",".join(str(int(i)) for i in r.permutation(a.ndim))
        elif op == "bx":
            if a.ndim > 3 or a.size > 3000:
                continue
            at, n = int(r.integers(a.ndim + 1)), int(r.integers(1, 4))
            shape = list(a.shape[:at]) + [n] + list(a.shape[at:])
            axes = [i for i in range(a.ndim + 1) if i != at]
            new = f"bx:{','.join(map(str, axes))}:{','.join(map(str, shape))}"
        elif op in ("r", "anomaly"):
            kind = str(r.choice(KINDS))
            if not defined(kind, a.dtype) or (kind.startswith("arg") and not exact) or (kind in ("var@0", "std@1") and not exact):
                continue
            if kind == "prod" and k in "fc":
                continue
            many = 1 if kind.startswith("arg") else int(r.integers(0, a.ndim + 1))
            axes = ",".join(str(int(i)) for i in sorted(r.permutation(a.ndim)[:many]))
            skip = "s" if r.random() < 0.7 and kind not in ("any", "all") else ""
            if op == "anomaly":
                if k not in "fi" or kind not in ("mean", "max", "min", "sum") or a.dtype == np.dtype("i1"):
                    continue
                new = " ".join(tokens) + f" r:{kind}:{axes}:{skip}k subtract"
                if len(tokens) > 12:
                    continue
            else:
                new = f"r:{kind}:{axes}:{skip}" + ("k" if r.random() < 0.2 else "")
            if k in "fc" and kind.partition("@")[0] in ("sum", "mean", "var", "std") or kind.partition("@")[0] in ("mean", "var", "std"):
                exact = False
        elif op == "g":
            fits = [(n, ax) for n, c in CODES.items() for ax in range(a.ndim) if a.shape[ax] == len(c)]
            if not fits:
                continue
            code, ax = fits[int(r.integers(len(fits)))]
            kind = str(r.choice([x for x in KINDS if not x.startswith("arg")]))
            if not defined(kind, a.dtype) or (kind in ("var@0", "std@1") and not exact) or (kind == "prod" and k in "fc"):
                continue
            count = max([c for c in CODES[code] if c != NONE], default=0) + 1 + int(r.integers(2))
            new = f"g:{kind}:{ax}:{code}:{count}:" + ("s" if r.random() < 0.7 and kind not in ("any", "all") else "")
            if k in "fc" and kind.partition("@")[0] in ("sum", "mean", "var", "std") or kind.partition("@")[0] in ("mean", "var", "std"):
                exact = False
        elif op == "scalar":
            new = str(r.choice(["#2 multiply", "#3 add", "#1 subtract", "#2 maximum"] + (["#0.5 multiply", "#1.5 minimum"] if k == "f" else [])))
        elif op == "other":
            fits = [n for n in ["row", "plane", "column", "g4", "zero", "f4", "i2"] if a.dtype.itemsize < 8 or k == "f"]
            fits = [n for n in fits if len(np.broadcast_shapes(X[n].shape, ())) >= 0]
            ok = []
            for n in fits:
                try:
                    s = np.broadcast_shapes(X[n].shape, a.shape)
                    if math.prod(s) <= 20000:
                        ok.append(n)
                except ValueError:
                    pass
            if not ok:
                continue
            new = str(r.choice(ok)) + " " + str(r.choice(["add", "multiply", "subtract"]))
        elif op == "self":
            if len(tokens) > 12:
                continue
            new = " ".join(tokens) + " " + str(r.choice(["sl:0:::-1 add", "add"]) if a.ndim else "add")
        elif op == "where":
            new = " ".join(tokens) + " #0 greater where" if len(tokens) < 12 else "#0 fillna"
        elif op == "abs":
            new = "absolute"
        elif op == "not":
            new = "logical_not"
        elif op == "cast":
            new = "astype:int32"
        text = " ".join(tokens) + " " + new
        try:
            a, scale, _ = run(text)
        except (Skip, ValueError, IndexError):
            return None
        if a.dtype.kind in "fc" and scale > 1e12:
            return None
        tokens = text.split()
        if len(tokens) > 60:
            break
    if a.size > 2000 and not (a.size <= 20000 and r.random() < 0.3):
        return None
    return " ".join(tokens)


def table():
    for source in (elementwise, reductions, groups, selections, two_stages):
        for program in source():
            yield source.__name__, program
    r = np.random.default_rng(SEED)
    made = 0
    seen = set()
    while made < RANDOM:
        program = random_case(r)
        if program and program not in seen and len(program.split()) > 2:
            seen.add(program)
            made += 1
            yield "random", program


# ---- labelled ---------------------------------------------------------------------------------------------------------
def labelled_file(path):
    n = 41
    steps = np.cumsum(rng.integers(5, 30, n)) * 24 + rng.integers(0, 24, n)
    time = np.datetime64("2019-11-20T00", "ns") + steps.astype("m8[h]")
    y, x = np.linspace(61.5, 41.5, 11), np.arange(9, dtype="i4") * 2 + 10
    dims = ("time", "y", "x")
    shape = (n, 11, 9)
    tas = rng.normal(280, 12, shape)
    tas[rng.random(shape) < 0.08] = np.nan
    tas[:, 2, 3] = np.nan
    pr = rng.gamma(2, 3, shape)
    pr[7] = np.nan
    ds = xr.Dataset(
        {
            "tas": (dims, tas, {"units": "K", "long_name": "temperature", "height": 2.0}),
            "pr": (dims, pr.astype("f4"), {"units": "kg", "cell_methods": "time: sum"}),
            "flag": (dims, rng.integers(0, 9, shape).astype("u1"), {"flag_note": "bits"}),
            "hits": (("time",), rng.integers(-5, 50, n).astype("i4")),
            "stamp": (("y", "x"), np.datetime64("2020-01-01", "s") + rng.integers(0, 10**7, (11, 9)).astype("m8[s]")),
            "ok": (("y", "x"), rng.random((11, 9)) < 0.5),
        },
        {
            "time": ("time", time, {"standard_name": "time"}),
            "y": ("y", y, {"units": "degrees_north"}),
            "x": ("x", x),
            "basin": ("y", np.array([3, 1, np.nan, 1, 3, 2, 2, np.nan, 1, 3, 9.5])),
            "zone": ("x", np.array(["ab", "c", "ab", "d", "d", "c", "ab", "d", "c"])),
            "lat2": (("y", "x"), rng.normal(0, 1, (11, 9))),
            "run": ((), np.float64(4.0)),
        },
        {"title": "oracle", "source": "make_oracle.py"},
    )
    encoding = {
        "tas": dict(dtype="i2", scale_factor=0.005, add_offset=250.0, _FillValue=-32768, chunksizes=(7, 5, 4), zlib=True, shuffle=True),
        "pr": dict(chunksizes=(1, 11, 9), zlib=True), "flag": dict(chunksizes=(41, 3, 2), zlib=True, shuffle=True),
        "time": dict(units="hours since 2019-01-01", dtype="i4"), "stamp": dict(units="seconds since 2019-06-01", dtype="i8"),
        "y": dict(_FillValue=None), "lat2": dict(_FillValue=None),
    }
    ds.to_netcdf(path, engine="netcdf4", encoding=encoding)


LABELLED = [
    "tas", "pr", "flag", "stamp", "ok", "tas pr add", "tas hits multiply", "hits tas multiply", "flag #3 bitwise_and #0 equal", "tas flag #4 less where",
    "flag ok where", "pr #0 fillna", "tas r:mean:time", "tas r:max:y,x", "tas r:std:", "pr r:sum:x", "flag r:sum:time", "flag r:mean:y", "stamp r:max:x", "stamp r:min:",
    "hits r:argmax:time", "tas r:count:time", "ok r:any:y", "tas #0 multiply r:any:time", "pr #0 multiply g:any:time.year", "pr #0 multiply r:all:time", "ok r:sum:", "tas r:mean:time r:max:y",
    *[f"tas g:{k}:time.{c}" for k in ["mean", "max", "count", "first", "last", "std", "sum"] for c in ["season", "month", "year", "hour"]],
    "tas g:mean:time.dayofyear", "pr g:mean:basin", "flag g:sum:basin", "flag g:max:zone", "pr g:min:zone", "hits g:sum:time.season", "flag g:first:time.year",
    "tas g:mean:time.dayofweek", "tas g:sum:time.quarter", "flag flag #0 greater where g:last:time.season",
    "tas isel:time:3", "tas isel:time:-1 isel:y:2", "tas isel:time:2:30:5 isel:y:::-1", "tas sel:y:51.5", "tas sel:x:14 sel:y:41.5", "tas near:y:47.9 near:x:25",
    "tas range:y:57.5:45", "tas range:x:12:20", "tas range:time:2020-02:2020-05", "tas range:time:2020:2020 r:mean:time", "tas near:time:2020-08-01",
    "tas tr:x,time,y", "tas tr:x,time,y r:mean:time", "tas tr:x,time,y flag add", "tas tas r:mean:time subtract", "tas r:mean:time tas subtract",
    "tas tas r:mean:time subtract tas r:std:time divide", "tas isel:time:0 pr isel:time:1 add", "tas isel:x:2 hits add", "stamp stamp r:min: subtract",
    "lat2 tas multiply", "y tas multiply r:sum:time", "pr r:sum:time hits r:sum:time divide", "tas pr divide g:mean:time.season", "tas range:time:2020-02:2020-05 g:mean:time.month",
    "tas isel:time:::-1 g:first:time.month", "tas #273.15 subtract r:max:time", "#1.0 pr subtract", "pr #2 multiply pr add", "tas isel:y:3 g:count:zone",
    # Datasets: names that both have; an array, a number beside each; labels of all; reductions over dimensions that some lack.
    "ds:tas,pr,hits ds:pr,hits,flag add", "ds:tas,pr ds:flag,ok subtract", "ds:tas,hits ds:hits multiply", "ds:tas,hits pr multiply",
    "pr ds:tas,hits divide", "ds:tas,pr #2 multiply", "#1.0 ds:tas,pr,hits subtract", "ds:tas,pr #5 greater", "ds:flag,hits #3 bitwise_and",
    "ds:tas,flag,hits ok where", "ds:tas,flag ds:flag,pr #4 greater where", "ds:tas,pr #0 fillna", "ds:tas,pr hits fillna", "ds:tas,pr ds:pr r:mean: fillna",
    "ds:tas,pr ds:tas,pr r:mean:time subtract", "ds:tas,pr isel:time:3 ds:tas,pr isel:time:4 subtract", "ds:tas,pr negative", "ds:tas,pr,flag,ok,hits isnan",
    *[f"ds:tas,pr,flag,hits,ok r:{k}:{d}" for k in ["mean", "sum", "std", "count", "max", "any"] for d in ["time", "y,x", ""]],
    "ds:tas,stamp,ok r:mean:time", "ds:tas,flag r:argmax:x", "ds:tas,pr range:y:57.5:45 r:max:x",
    *[f"ds:tas,flag,ok,hits g:{k}:{c}" for k in ["mean", "std", "count", "max"] for c in ["time.season", "basin"]],
    "ds:tas,flag ds:tas,flag r:mean:time subtract g:std:time.year",
]


def arrays(item):
    """The arrays in an item of the stack."""
    if isinstance(item, xr.Dataset):
        return list(item.data_vars.values())
    return [item] if isinstance(item, xr.DataArray) else []


def labelled(ds, program):
    stack, scale, loose = [], 0.0, False
    for token in program.split():
        name, *args = token.split(":")
        if token.startswith("#"):
            stack.append(float(token[1:]) if "." in token else int(token[1:]))
        elif token in ds.variables:
            stack.append(ds[token])
        elif name == "ds":
            stack.append(ds[args[0].split(",")])
        elif name == "var":
            stack.append(stack.pop()[args[0]])
        elif name == "r":
            dims = args[1].split(",") if args[1] else None
            stack.append(getattr(stack.pop(), args[0])(*([dims[0] if args[0].startswith("arg") else dims] if dims else [])))
            if args[0] in ("count", "argmin", "argmax"):
                for a in arrays(stack[-1]):
                    a.attrs.pop("units", None)  # a deliberate difference: numbers of elements have no unit
        elif name == "g":
            a = stack.pop()
            f = getattr(a.groupby(args[1]), args[0])
            dim = args[1].split(".")[0] if "." in args[1] else a[args[1]].dims[0]
            stack.append(f() if args[0] in ("first", "last") else f(dim))
            # xarray puts the groups of a first or last where it likes: the order of the array is what we keep. In a dataset it
            # puts the groups of all else first, also those that are new to a variable.
            group = args[1].split(".")[-1]
            order = lambda v: [group] * (dim not in v.dims) + [d if d != dim else group for d in v.dims]
            if isinstance(a, xr.Dataset) and args[0] not in ("first", "last"):
                pass
            elif isinstance(a, xr.Dataset):
                done = stack[-1]
                stack[-1] = done.assign({n: done[n].transpose(*order(v)) for n, v in a.data_vars.items()})
            else:
                stack[-1] = stack[-1].transpose(*order(a))
            if args[0] == "count":
                for v in arrays(stack[-1]):
                    v.attrs.pop("units", None)
        elif name == "isel":
            at = int(args[1]) if len(args) == 2 else slice(*[int(t) if t else None for t in args[1:]])
            stack.append(stack.pop().isel({args[0]: at}))
        elif name == "sel":
            stack.append(stack.pop().sel({args[0]: float(args[1])}))
        elif name == "near":
            v = args[1] if args[0] == "time" else float(args[1])
            stack.append(stack.pop().sel({args[0]: v}, method="nearest"))
            if stack[-1].ndim and args[0] == "time" and "time" in stack[-1].dims:
                raise Skip
        elif name == "range":
            v = [t if args[0] == "time" else float(t) for t in args[1:]]
            stack.append(stack.pop().sel({args[0]: slice(*v)}))
        elif name == "tr":
            stack.append(stack.pop().transpose(*args[0].split(",")))
        elif name == "where":
            c, a = stack.pop(), stack.pop()
            stack.append(a.where(c))
        elif name == "fillna":
            v, a = stack.pop(), stack.pop()
            stack.append(a.fillna(v))
        elif name in ("negative", "isnan"):
            stack.append(getattr(np, name)(stack.pop()))
        else:
            b, a = stack.pop(), stack.pop()
            op = getattr(operator, dict(subtract="sub", multiply="mul", divide="truediv", bitwise_and="and_", greater="gt", less="lt", equal="eq").get(name, name))
            stack.append(op(a, b))
        for top in arrays(stack[-1]):
            loose |= top.dtype == np.float32
            scale = max(scale, magnitude(np.asarray(top.values)))
    return stack[0], scale, bool(loose)


# ---- writing ----------------------------------------------------------------------------------------------------------
body = bytearray()


def put(a):
    a = np.asarray(a)
    record = dict(dtype=str(a.dtype), shape=list(a.shape), offset=len(body))
    body.extend(np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<")).tobytes())
    return record


def main():
    inputs = {name: put(a) for name, a in X.items()}
    cases = []
    left_out = 0
    for family, program in table():
        try:
            result, scale, loose = run(program)
        except Skip:
            left_out += 1
            continue
        cases.append(dict(family=family, program=program, scale=scale, loose=loose, **put(result)))
    path = OUT / "oracle.nc"
    labelled_file(path)
    ds = xr.open_dataset(path).load()
    programs, datasets = [], []
    for program in LABELLED:
        a, scale, loose = labelled(ds, program)
        if isinstance(a, xr.Dataset):
            attrs = {k: str(v) for k, v in a.attrs.items()}
            datasets.append(dict(program=program, variables=list(a.data_vars), coords=sorted(a.coords), attrs=attrs))
            programs += [(f"{program} var:{n}", v, scale, loose) for n, v in a.data_vars.items()]
        else:
            programs.append((program, a, scale, loose))
    names = []
    for program, a, scale, loose in programs:
        coords = {}
        for name, c in a.coords.items():
            if c.dtype.kind in "TUO":
                coords[name] = dict(dims=list(c.dims), texts=[str(t) for t in c.values.ravel()])
            else:
                coords[name] = dict(dims=list(c.dims), **put(c.values))
        attrs = {k: str(v) for k, v in a.attrs.items()}
        names.append(dict(program=program, scale=scale, loose=loose, dims=list(a.dims), coords=coords, attrs=attrs, name=a.name, **put(a.values)))
    made = f"numpy {np.__version__} xarray {xr.__version__} python {platform.python_version()} {platform.machine()}"
    head = json.dumps(dict(made=made, inputs=inputs, cases=cases, labelled=names, datasets=datasets)).encode()
    data = struct.pack("<I", len(head)) + head + bytes(body)
    packed = struct.pack("<Q", len(data)) + zlib.compress(data, 9)
    (OUT / "oracle.bin").write_bytes(packed)
    print(made, f"{len(cases)} cases ({left_out} left out), {len(names)} labelled, {len(datasets)} datasets, {len(data)} bytes, {len(packed)} packed")


main()
