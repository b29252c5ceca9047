#!/usr/bin/env python3
"""Makes tests/golden/kernel.txt: what NumPy answers for every element-wise operation, cast and reduction.

One record a line, fields apart by blanks:
  set NAME DTYPE : values                      operands; a binary operation takes all pairs (left slow, right fast)
  unary OP DTYPE SET RESULT : values
  binary OP DTYPE SET DTYPE SET RESULT : values
  cast DTYPE SET RESULT : values               '?' where NumPy does not define the value
  data DTYPE LENGTHS : values                  input of reductions
  reduce KIND DDOF SKIPNA DTYPE ROLES CODES RESULT : values   roles k(eep) r(educe) g(roup); 'error' where none is defined
Values: integers and times as numbers (NaT is the smallest int64), bool as 0 or 1, floats in their shortest form,
complex numbers as real,imaginary. Transcendental functions are computed in wider floats and rounded.

Run: python tests/golden/make_kernel.py   (NumPy 2)
"""
import itertools, pathlib, platform, sys, warnings
import numpy as np

warnings.simplefilter("ignore")
np.seterr(all="ignore")
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS, COMPLEX = ["float32", "float64"], ["complex64", "complex128"]
TIMES = ["datetime64[s]", "timedelta64[s]"]
NAT = np.iinfo(np.int64).min
out = [f"# numpy {np.__version__} python {platform.python_version()} {platform.machine()}"]


def text(a):
    a = np.atleast_1d(np.asarray(a)).ravel()
    if a.dtype.kind in "mM":
        a = a.view("i8")
    if a.dtype.kind == "b":
        return " ".join("1" if v else "0" for v in a)
    if a.dtype.kind == "c":
        return " ".join(f"{short(v.real)},{short(v.imag)}" for v in a)
    if a.dtype.kind == "f":
        return " ".join(short(v) for v in a)
    return " ".join(str(v) for v in a)


def short(v):
    if not np.isfinite(v):
        return "nan" if np.isnan(v) else "inf" if v > 0 else "-inf"
    # shortest text that gives back the same float
    return np.format_float_scientific(v, trim="-", exp_digits=1) if v and not 1e-3 < abs(v) < 1e6 else np.format_float_positional(v, trim="-")


sets = {}


def add(name, dtype, values):
    values = np.array(values).astype(dtype) if not dtype.startswith(("date", "time")) else np.array(values, "i8").view(np.dtype(dtype))
    sets[name, dtype] = values
    out.append(f"set {name} {dtype} : {text(values)}")


def ints(dtype):
    i = np.iinfo(dtype)
    return [i.min, i.max, 0, 1, 2, 3, 7, 100] + ([-1, -5, -100] if i.min else [])


for d in ["bool"]:
    add("full", d, [0, 1])
for d in INTS:
    add("full", d, ints(d))
    i = np.iinfo(d)
    add("exponents", d, [0, 1, 2, 3, 7, 100])
for d in FLOATS:
    f = np.finfo(d)
    base = [0.0, -0.0, 1, -1, 0.5, 1.5, 2.5, -2.5, 3, -7.25, 1e10, np.inf, -np.inf, np.nan]
    add("full", d, base)
    add("wide", d, base + [float(f.max), float(f.tiny), float(f.smallest_subnormal), 0.1, -0.1, 0.7, 20.0, -30.5, 88.0, 123456.7, 1e-8])
for d in COMPLEX:
    add("full", d, [0, 1, -1, 1j, 1 + 2j, 1 - 2j, -3.5 + 0.25j, complex(np.nan, 1), complex(1, np.nan)])
    add("finite", d, [0.5 + 0.25j, 1 + 2j, 1 - 2j, -3.5 + 0.25j, -0.75 - 1.5j, 2j, 3])
for d in TIMES:
    add("full", d, [0, 1, -1, 7, -3, 86400, -100000, NAT, np.iinfo("i8").max])
for d in ["int32", "int64"]:
    i = np.iinfo(d)
    add("shifts", d, [0, 1, -1, 10, -24, -140, 127, -1060, 1023, 2000, -2000, i.max, i.min])
add("scale", "float64", [0.0, 2.5, -1.5, np.nan, np.inf])
add("scale", "int64", [0, 2, -3, 7])

UNARY_EXACT = ("negative absolute sign floor ceil trunc rint isnan isfinite isinf invert logical_not sqrt "
               "positive square reciprocal fabs signbit isposinf isneginf isreal iscomplex real imag conjugate bitwise_count "
               "degrees radians").split()
UNARY_MATH = "exp log log2 log10 sin cos tan arcsin arccos arctan sinh cosh tanh exp2 expm1 log1p arcsinh arccosh arctanh angle cbrt".split()
BINARY = ("add subtract multiply divide floor_divide remainder bitwise_and bitwise_or bitwise_xor left_shift right_shift "
          "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor minimum maximum "
          "fmin fmax fmod gcd lcm copysign nextafter heaviside").split()
WIDER = {"float32": np.float64, "float64": np.longdouble, "complex64": np.complex128, "complex128": np.clongdouble}
PART = {"float32": "float32", "float64": "float64", "complex64": "float32", "complex128": "float64"}


def emit_unary(op, d, s, r):
    words = text(r).split()
    if op == "sign" and d in TIMES:  # NumPy says -1 for NaT; here NaT stays
        words = ["?" if w else v for v, w in zip(words, np.isnat(sets[s, d]))]
    if op == "reciprocal" and d in INTS:  # NumPy leaves that of zero to the machine
        words = ["?" if w else v for v, w in zip(words, sets[s, d] == 0)]
    out.append(f"unary {op} {d} {s} {r.dtype} : {' '.join(words)}")


for d in ["bool"] + INTS + FLOATS + COMPLEX + TIMES:
    for op in UNARY_EXACT:
        if op == "sqrt" and d not in FLOATS:
            continue
        if op == "rint" and d in INTS:
            continue  # NumPy gives a float; an integer keeps its dtype here, as in numpy.round
        s = "wide" if d in FLOATS else "full"
        try:
            r = getattr(np, op)(sets[s, d])
        except (TypeError, ValueError):
            continue
        if r.dtype == np.float16 or op in ("real", "imag", "isreal", "iscomplex") and d in TIMES:
            continue
        emit_unary(op, d, s, r)
for d in FLOATS + COMPLEX:
    s = "wide" if d in FLOATS else "finite"
    for op in UNARY_MATH + (["sqrt"] if d in COMPLEX else []):
        if op == "cbrt" and d in COMPLEX:
            continue
        r = getattr(np, op)(sets[s, d].astype(WIDER[d]))
        emit_unary(op, d, s, r.astype(PART[d] if op == "angle" else d))
    if d in FLOATS:
        m, e = np.frexp(sets[s, d])
        emit_unary("frexp_mantissa", d, s, m)
        emit_unary("frexp_exponent", d, s, np.where(np.isfinite(sets[s, d]), e, 0).astype("int32"))
        emit_unary("i0", d, s, np.i0(sets[s, d].astype("float64")).astype(d))
    emit_unary("sinc", d, s, np.sinc(sets[s, d]))  # in its own precision: the product with π decides


def emit_binary(op, l, ls, r, rs, wide=None):
    a, b = sets[ls, l][:, None], sets[rs, r][None, :]
    try:
        v = getattr(np, op)(a.astype(wide), b.astype(wide)).astype(l) if wide else getattr(np, op)(a, b)
    except TypeError:
        return
    out.append(f"binary {op} {l} {ls} {r} {rs} {v.dtype} : {text(v)}")


for d in ["bool"] + INTS + FLOATS + COMPLEX:
    for op in BINARY:
        if op == "divide" and d in INTS + ["bool"]:
            continue  # computed in float64: covered there
        if op in ("copysign", "nextafter", "heaviside") and d not in FLOATS:
            continue  # computed in floats
        emit_binary(op, d, "full", d, "full")
    if d in INTS:
        emit_binary("power", d, "full", d, "exponents")
    if d in FLOATS:
        emit_binary("power", d, "full", d, "full", WIDER[d])
        for op in ["arctan2", "hypot", "logaddexp", "logaddexp2"]:
            emit_binary(op, d, "full", d, "full", WIDER[d])
    if d in FLOATS:
        for i in ["int32", "int64"]:
            emit_binary("ldexp", d, "wide", i, "shifts")
    if d == "float64":
        emit_binary("float_power", d, "full", d, "full", WIDER[d])
    if d == "complex128":
        emit_binary("float_power", d, "finite", d, "finite", WIDER[d])
    if d in COMPLEX:
        emit_binary("power", d, "finite", d, "finite", WIDER[d])
for l, r in itertools.product(TIMES, TIMES):
    for op in BINARY:
        emit_binary(op, l, "full", r, "full")
emit_binary("multiply", "timedelta64[s]", "full", "float64", "scale")
emit_binary("multiply", "float64", "scale", "timedelta64[s]", "full")
emit_binary("divide", "timedelta64[s]", "full", "float64", "scale")
emit_binary("multiply", "timedelta64[s]", "full", "int64", "scale")
emit_binary("multiply", "int64", "scale", "timedelta64[s]", "full")
emit_binary("floor_divide", "timedelta64[s]", "full", "int64", "scale")

for a, b in itertools.product(["bool"] + INTS + FLOATS + COMPLEX, repeat=2):
    x = sets["full", a]
    v = x.astype(b)
    words = text(v).split()
    if a in FLOATS + COMPLEX and b in INTS:
        i = np.iinfo(b)
        for k, y in enumerate(x.real):
            if not np.isfinite(y) or not i.min <= int(y) <= i.max:
                words[k] = "?"
    out.append(f"cast {a} full {b} : {' '.join(words)}")
UNITS = ["D", "h", "m", "s", "ms", "us", "ns"]
for kind in ["datetime64", "timedelta64"]:
    for unit in UNITS:
        x = sets["full", f"{kind}[s]"][:-1]
        v = x.astype(f"{kind}[{unit}]")
        out.append(f"cast {kind}[s] full {kind}[{unit}] : {text(v)} ?")
x = sets["full", "timedelta64[s]"]
out.append(f"cast timedelta64[s] full float64 : {text(np.where(np.isnat(x), np.nan, x.view('i8').astype(float)))}")
out.append(f"cast timedelta64[s] full int64 : {text(x.view('i8'))}")

# Reductions: every cell by NumPy on a one-dimensional list.
rng = np.random.default_rng(7)
SHAPE = (4, 3, 3)


def make(d):
    x = rng.integers(0, 20, SHAPE)
    if d == "bool":
        return x > 8
    if d in INTS:
        return (x - (5 if d[0] == "i" else 0)).astype(d)
    if d.startswith("timedelta"):
        x = x - 9
        x[:, 1, 1] = NAT
        x[1, 2, 0] = NAT
        return x.astype("i8").view("m8[s]")
    if d.startswith("datetime"):
        x[:, 1, 1] = NAT
        return x.astype("i8").view("M8[s]")
    y = (rng.normal(3, 2, SHAPE) * 8).round() / 8
    if d in COMPLEX:
        y = y + 1j * (rng.normal(-1, 1, SHAPE) * 8).round() / 8
    y[:, 1, 1] = np.nan
    y[2, 0, 2] = np.nan
    return y.astype(d)


def cell(kind, ddof, skipna, d, v):
    """The result for the list v, or 'error'."""
    time = v.dtype.kind in "mM"
    missing = np.isnat(v) if time else np.isnan(v) if v.dtype.kind in "fc" else np.zeros(len(v), bool)
    kept = v[~missing] if skipna else v
    wide = kept if v.dtype.kind not in "fc" else kept.astype(np.complex128 if v.dtype.kind == "c" else np.float64)
    nothing = {"f": np.nan, "c": complex(np.nan, np.nan)}.get(v.dtype.kind)
    if time:
        nothing = np.array([NAT], "i8").view(v.dtype)[0]
    if kind == "count":
        return np.int64((~missing).sum())
    if kind in ("any", "all"):
        return getattr(np, kind)(kept)
    if kind in ("argmin", "argmax"):
        if len(kept) == 0:
            return "error"
        return getattr(np, kind)(kept) if not skipna else np.flatnonzero(~missing)[getattr(np, kind)(kept)]
    if kind in ("min", "max", "first", "last") and len(kept) == 0:
        return "error" if nothing is None else nothing
    if kind == "first":
        return kept[0]
    if kind == "last":
        return kept[-1]
    if kind == "mean" and len(kept) == 0:
        return np.float64(np.nan) if nothing is None else nothing
    if kind in ("var", "std"):
        return np.float64(np.nan) if len(kept) <= ddof else getattr(np, kind)(wide, ddof=ddof)
    if kind in ("sum", "prod") and v.dtype.kind == "f" or kind in ("sum", "prod", "mean") and v.dtype.kind == "c":
        return getattr(np, kind)(wide)
    return getattr(np, kind)(wide)


KINDS = [(k, 0) for k in "sum prod mean min max count any all argmin argmax first last".split()] + [("var", 0), ("var", 1), ("std", 1)]
ROLES = ["rkk", "krk", "kkr", "rkr", "krr", "rrk", "rrr", "gkk", "krg", "rgk", "kgr", "rrg"]
CODES = {4: [0, 1, 0, 4294967295], 3: [2, 0, 2]}  # group 1 of 3 gets one index, group 2 none, and one index has no group
for d in ["bool", "int16", "uint8", "int64", "float32", "float64", "complex128", "timedelta64[s]", "datetime64[s]"]:
    x = make(d)
    out.append(f"data {d} {','.join(map(str, SHAPE))} : {text(x)}")
    result_dtype = {}
    for (kind, ddof), roles, skipna in itertools.product(KINDS, ROLES, [False, True]):
        k = x.dtype.kind
        if skipna and k in "biu":
            continue
        if k == "c" and kind in ("min", "max", "argmin", "argmax"):
            continue
        if k == "m" and kind in ("prod", "var", "std", "any", "all") or k == "M" and kind in ("sum", "prod", "mean", "var", "std", "any", "all"):
            continue
        if d not in ("int16", "float32", "timedelta64[s]") and roles not in ("rkk", "kkr", "gkk", "krg", "rrr"):
            continue
        codes = CODES[SHAPE[roles.index("g")]] if "g" in roles else []
        lengths = [n if r == "k" else 3 if r == "g" else 0 for n, r in zip(SHAPE, roles)]
        lists = {c: [] for c in itertools.product(*[range(n) for n, r in zip(lengths, roles) if r != "r"])}
        for index in itertools.product(*map(range, SHAPE)):
            key = tuple(i if r == "k" else codes[i] for i, r in zip(index, roles) if r != "r")
            if key in lists:
                lists[key].append(index)
        results = []
        for indices in lists.values():
            v = np.array([x[i] for i in indices], x.dtype)
            r = cell(kind, ddof, skipna, d, v)
            if kind.startswith("arg") and not isinstance(r, str):
                # position in the list -> row-major position in the reduced axes
                at = [i for i, role in zip(indices[r], roles) if role != "k"]
                n = [m for m, role in zip(SHAPE, roles) if role != "k"]
                r = np.int64(np.ravel_multi_index(at, n))
            results.append(r)
        if any(isinstance(r, str) for r in results):
            result, words = "-", "error"
        else:
            a = np.array(results)
            if kind not in ("count", "any", "all", "argmin", "argmax"):
                if k in "fc":
                    a = a.astype(d if k == "f" or kind not in ("var", "std") else "float64")
                elif kind in ("min", "max", "first", "last"):
                    a = a.astype(x.dtype)
            result, words = str(a.dtype), text(a)
        out.append(f"reduce {kind} {ddof} {int(skipna)} {d} {roles} {','.join(map(str, codes)) or '-'} {result} : {words}")

path = pathlib.Path(__file__).with_name("kernel.txt")
path.write_text("\n".join(out) + "\n")
print(path, path.stat().st_size, "bytes,", len(out), "records", file=sys.stderr)
