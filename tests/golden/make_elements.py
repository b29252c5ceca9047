#!/usr/bin/env python3
"""Makes tests/golden/elements.bin: what NumPy and SciPy answer for creation, element-wise functions with parameters and
statistics, in the form of oracle.bin (see make_oracle.py). Programs are in reverse Polish notation; the words are those of
`word` below and of tests/support/elements.rs. Words have arguments behind colons, lists by commas.

Run: python tests/golden/make_elements.py
"""
import json, pathlib, platform, struct, warnings, zlib
import numpy as np
import scipy
import scipy.stats as st

warnings.simplefilter("ignore")
np.seterr(all="ignore")
HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)
SHAPE = (7, 5, 6)

X = {}
X["b"] = rng.random(SHAPE) < 0.6
X["i1"] = rng.integers(-128, 128, SHAPE).astype("i1")
X["i4"] = rng.integers(-2000, 2000, SHAPE).astype("i4")
X["u2"] = rng.integers(0, 60000, SHAPE).astype("u2")
X["i8"] = rng.integers(-100, 100, SHAPE)
for name, dtype in dict(f4="f4", f8="f8").items():
    x = rng.normal(1, 20, SHAPE).astype(dtype)
    x.flat[::17], x.flat[5::41], x.flat[7::43], x.flat[9::37] = np.nan, np.inf, -np.inf, -0.0
    X[name] = x
X["g4"] = rng.normal(3, 2, SHAPE).astype("f4")
X["g8"] = rng.gamma(2, 3, SHAPE)
X["c8"] = (rng.normal(0, 3, SHAPE) + 1j * rng.normal(0, 3, SHAPE)).astype("c8")
X["c16"] = rng.normal(0, 3, SHAPE) + 1j * rng.normal(0, 3, SHAPE)
X["m"] = rng.integers(-999, 999, SHAPE).astype("m8[s]")
X["M"] = rng.integers(0, 10**6, SHAPE).astype("M8[s]")
X["M"][2, 1, :] = np.datetime64("NaT")
X["line"] = rng.normal(0, 5, 9)
X["linei"] = rng.integers(0, 9, 4)
X["w5"] = rng.random(5)
X["wi"] = rng.integers(1, 5, SHAPE).astype("i2")
X["w5x"] = np.arange(5.0)[:, None] - 2
X["three"] = np.arange(np.prod(SHAPE)).reshape(SHAPE) % 3
X["table"] = rng.normal(0, 2, (4, 23)) + 10
X["table"][2] *= 3
X["tablei"] = rng.integers(0, 50, (3, 11)).astype("i2")
X["tablec"] = rng.normal(0, 2, (3, 12)) + 1j * rng.normal(0, 2, (3, 12))
X["tablef"] = rng.normal(0, 2, (3, 8)).astype("f4")
X["same"] = np.full((4, 6), 2.5)
X["zero"] = np.array(2.5)
X["one"] = np.full((1, 1), -1.5)
X["empty"] = np.zeros((0, 3))

# Of every dtype: limits of integers, NaN, infinities and -0.0, NaT; empty arrays and such without axes.
SMALL = (3, 4, 5)
DTYPES = dict(b1="?", i1="i1", i2="i2", i4="i4", i8="i8", u1="u1", u2="u2", u4="u4", u8="u8", f4="f4", f8="f8", c8="c8", c16="c16", M="M8[s]", m="m8[ms]")
for name, dtype in DTYPES.items():
    d = np.dtype(dtype)
    v = rng.integers(0, 9, SMALL)
    X["v" + name] = x = (v > 4) if d.kind == "b" else v.astype("i8").view(d) if d.kind in "mM" else v.astype(d)
    X["e" + name] = np.zeros((3, 0), d)
    X["s" + name] = np.array(x[0, 1, 1])
    X["t" + name] = x[1].copy()
    X["l" + name] = x = x.copy()
    if d.kind in "iu":
        x.flat[7], x.flat[8], x.flat[30] = np.iinfo(d).max, np.iinfo(d).min, np.iinfo(d).max
    if d.kind in "fc":
        x.flat[5], x.flat[17], x.flat[18], x.flat[33] = np.nan, np.inf, -np.inf, -0.0
    if d.kind in "mM":
        x.flat[9] = np.array(np.iinfo("i8").min).view(d)
X["sw"] = rng.integers(1, 5, SMALL).astype("f4")
X["index2"] = rng.integers(0, 3, SMALL).astype("u1")


def ints(text):
    return tuple(int(t) for t in text.split(",") if t)


def number(text):
    return float(text) if any(c in text for c in ".einf") else int(text)


def option(text):
    return None if text == "" else number(text)


def axis(text):
    return ints(text) or None


def word(stack, token):
    if token in X:
        return stack.append(X[token])
    if token.startswith("#"):
        return stack.append(number(token[1:]))
    name, *a = token.split(":")
    if name == "arange":
        r = np.arange(*map(number, a))
    elif name == "linspace":
        r = np.linspace(number(a[0]), number(a[1]), int(a[2]), endpoint=a[3] == "1")
    elif name in ("eye", "tri"):
        r = getattr(np, name)(int(a[0]), int(a[1]), int(a[2]))
    elif name == "indices":
        r = np.indices(ints(a[0]))
    elif name == "fromfunction":
        r = np.fromfunction(lambda i, j: i * 2.5 - j, ints(a[0]))
    elif name in ("full_like",):
        r = np.full_like(stack.pop(), number(a[0]))
    elif name in ("zeros_like", "ones_like"):
        r = getattr(np, name)(stack.pop())
    elif name in ("tril", "triu", "diag"):
        r = getattr(np, name)(stack.pop(), int(a[0]))
    elif name == "diagonal":
        r = np.diagonal(stack.pop(), *map(int, a))
    elif name == "meshgrid":
        y, x = stack.pop(), stack.pop()
        r = np.meshgrid(x, y, indexing=a[0])[int(a[1])]
    elif name == "round":
        r = np.round(stack.pop(), int(a[0]))
    elif name == "clip":
        r = np.clip(stack.pop(), option(a[0]), option(a[1]))
    elif name == "nan_to_num":
        r = np.nan_to_num(stack.pop(), nan=number(a[0]), posinf=option(a[1]), neginf=option(a[2]))
    elif name == "isin":
        r = np.isin(stack.pop(), [number(t) for t in a[0].split(",") if t])
    elif name == "select":
        y, x = stack.pop(), stack.pop()
        r = np.select([x < 0, x > 5], [x, y], number(a[0]))
    elif name in ("modf", "frexp"):
        x = stack.pop()
        r = getattr(np, name)(x)[int(a[0])]
        if name == "frexp" and a[0] == "1":  # C leaves the exponents of infinities and NaN open
            r = np.where(np.isfinite(x), r, 0).astype(r.dtype)
    elif name == "notnull":
        x = stack.pop()
        r = ~(np.isnat(x) if x.dtype.kind in "mM" else np.isnan(x))
    elif name == "ediff1d":
        r = np.ediff1d(stack.pop())
    elif name == "ediff1d_ends":
        begin, end, x = stack.pop(), stack.pop(), stack.pop()
        r = np.ediff1d(x, to_end=end, to_begin=begin)
    elif name == "choose":
        z, y, x, index = stack.pop(), stack.pop(), stack.pop(), stack.pop()
        r = np.choose(index, [x, y, z], mode=a[0])
    elif name == "piecewise":
        x = stack.pop()
        r = np.piecewise(x, [x < 0, x > 5, x > 8], [lambda v: -v, 2.5, lambda v: v + 1] + ([7] if a[0] == "1" else []))
    elif name == "rollaxis":
        r = np.rollaxis(stack.pop(), int(a[0]), int(a[1]))
    elif name == "ravel_multi_index":
        y, x = stack.pop(), stack.pop()
        r = np.ravel_multi_index((x, y), ints(a[0]), mode=tuple(a[1].split(",")), order=a[2])
    elif name == "unravel_index":
        r = np.unravel_index(stack.pop(), ints(a[0]), order=a[1])[int(a[2])]
    elif name in ("tril_indices", "triu_indices"):
        r = getattr(np, name)(int(a[0]), int(a[1]), int(a[2]))[int(a[3])]
    elif name == "divmod":
        y, x = stack.pop(), stack.pop()
        r = np.divmod(x, y)[int(a[0])]
    elif name in ("isclose", "allclose"):
        y, x = stack.pop(), stack.pop()
        r = getattr(np, name)(x, y, number(a[0]), number(a[1]), a[2] == "1")
    elif name in ("ptp", "count_nonzero"):
        r = getattr(np, name)(stack.pop(), axis=axis(a[0]))
    elif name == "average":
        r = np.average(stack.pop(), axis=axis(a[0]))
    elif name == "weighted":
        w, x = stack.pop(), stack.pop()
        r = np.average(x, axis=axis(a[0]) if len(ints(a[0])) != 1 else int(a[0]), weights=w)
    elif name == "cov":
        r = np.cov(stack.pop(), rowvar=a[0] == "1", ddof=int(a[1]))
    elif name == "corrcoef":
        r = np.corrcoef(stack.pop(), rowvar=a[0] == "1")
    elif name == "moment":
        r = st.moment(stack.pop(), int(a[0]), axis=axis(a[1]))
    elif name == "skew":
        r = st.skew(stack.pop(), axis=axis(a[0]), bias=a[1] == "1")
    elif name == "kurtosis":
        r = st.kurtosis(stack.pop(), axis=axis(a[0]), fisher=a[1] == "1", bias=a[2] == "1")
    else:
        f = getattr(np, name)
        if getattr(f, "nin", 1) == 1:
            r = f(stack.pop())
        else:
            y, x = stack.pop(), stack.pop()
            r = f(x, y)
    stack.append(np.asarray(r))


def creation():
    for a in ["0:10:1", "2:20:3", "20:2:-3", "5:5:1", "3:1:1", "0:1:0.1", "-1.5:2.25:0.375", "1:0:-0.3", "0.5:3:1", "1e16:1.00000000000001e16:3",
              "0:1e-300:1e300", "9223372036854775800:9223372036854775807:3"]:
        yield f"arange:{a}"
    for a in ["0:1:5:1", "0:1:5:0", "-3.5:7.25:11:1", "2:2:4:1", "1:5:1:1", "1:5:1:0", "0:1:0:1", "5:-5:7:0", "0:4e-324:3:1", "0:1:49:1"]:
        yield f"linspace:{a}"
    for a in ["4:4:0", "4:6:1", "5:3:-2", "3:3:7", "0:3:0", "3:0:1"]:
        yield f"eye:{a}"
        yield f"tri:{a}"
    yield from ["indices:4,3,2", "indices:5", "indices:0,3", "fromfunction:6,5", "i4 full_like:3", "f4 full_like:2.5", "c8 zeros_like", "u2 ones_like", "zero ones_like"]
    for a in ["f8", "i4", "table", "b", "c16"]:
        for k in [0, -1, 2, 40, -40]:
            yield f"{a} tril:{k}"
            yield f"{a} triu:{k}"
    for k in [0, 2, -3]:
        yield f"line diag:{k}"
        yield f"linei diag:{k}"
    for k in [0, 1, -2, 22, 23, -3, -4]:
        yield f"table diag:{k}"
    for k in ["0:0:1", "1:0:1", "-1:2:0", "2:1:2", "0:-1:-2", "9:0:1"]:
        yield f"f8 diagonal:{k}"
        yield f"M diagonal:{k}"
    for indexing in ["xy", "ij"]:
        for number in [0, 1]:
            yield f"line linei meshgrid:{indexing}:{number}"
    yield "arange:0:30:1 #7 remainder arange:0:30:1 multiply"
    yield "indices:7,5,6 g8 multiply"


UNARY = ("positive square reciprocal cbrt exp2 expm1 log1p arcsinh arctanh degrees radians sinc fabs signbit isposinf isneginf isreal iscomplex real imag "
         "conjugate angle bitwise_count").split()
BINARY = "hypot logaddexp logaddexp2 copysign nextafter heaviside fmin fmax fmod float_power gcd lcm".split()


def element_wise():
    for a in X:
        if X[a].shape == SHAPE and a != "three":  # its zeros: NumPy leaves their reciprocals open
            for op in UNARY:
                if X[a].dtype.kind not in "mM" or op not in "real imag isreal iscomplex":  # refused here: no numbers
                    yield f"{a} {op}"
    for op in BINARY:
        for pair in ["f8 g8", "g4 f4", "f4 line", "i4 i8", "i1 i8", "i8 #7", "c8 c8", "M M", "m m", "g8 w5", "f8 #2.5", "u2 u2", "b b"]:
            yield f"{pair} {op}"
    for a in ["f4", "f8", "i4", "u2", "i1", "zero"]:
        for d in [0, 1, 2, 5, -1, -2]:
            if not (a == "i1" and d < 0):
                yield f"{a} round:{d}"
    for a in ["f4", "f8", "i4"]:
        for bounds in ["-3:9", ":5", "2:", "5:-5"]:
            yield f"{a} clip:{bounds}"
        yield f"{a} nan_to_num:0::"
        yield f"{a} nan_to_num:-1.5:9e3:-7"
    for a in ["i4", "i8", "i1", "u2"]:
        yield f"{a} isin:1,5,-7,99,300"
    yield from ["f8 isin:0,2", "i8 isin:", "f4 isin:0.0", "b isin:1", "f8 g8 select:-1", "i4 g4 select:7", "i4 i8 select:2.5", "g4 g4 select:0.5",
                "f8 g8 divmod:0", "f8 g8 divmod:1", "i4 #7 divmod:0", "i4 #-7 divmod:1", "f8 f8 isclose:1e-5:1e-8:0", "f8 f8 isclose:1e-5:1e-8:1",
                "g8 g4 isclose:0.5:0.1:0", "i4 i8 isclose:0.2:1.0:0", "f8 f8 allclose:1e-5:1e-8:1", "f8 f8 allclose:1e-5:1e-8:0", "g8 g8 square sqrt allclose:1e-9:0.0:0"]


def rest():
    for a in ["f4", "f8", "g4", "g8", "i4", "i8", "u2", "zero"]:
        for part in [0, 1]:
            yield f"{a} modf:{part}"
            yield f"{a} frexp:{part}"
    for a in ["g8", "g4", "i4", "u2", "zero"]:
        yield f"{a} i0"
    yield from ["f8 i8 ldexp", "g4 wi ldexp", "f4 i4 ldexp", "i4 wi ldexp", "g8 #-3 ldexp", "b wi ldexp"]
    for a in ["f8", "f4", "M", "m"]:
        yield f"{a} notnull"
    for a in ["f8", "i4", "u2", "line", "M", "m", "c8", "zero", "one"]:
        yield f"{a} ediff1d"
    yield "line linei line ediff1d_ends"
    yield "linei linei linei ediff1d_ends"
    for index in ["i8", "i1", "u2"]:
        for choices in ["f4 g8 w5x", "i4 wi i8", "g4 zero g4"]:
            for mode in ["wrap", "clip"]:
                yield f"{index} {choices} choose:{mode}"
    yield "three f4 g8 wi choose:raise"
    yield "b f4 g8 wi choose:raise"
    for a in ["g8", "g4", "i4", "f8", "line"]:
        yield f"{a} piecewise:0"
        yield f"{a} piecewise:1"
    for a in ["f8 rollaxis:2:0", "f8 rollaxis:0:3", "f8 rollaxis:1:1", "f8 rollaxis:-1:-2", "table rollaxis:1:0", "f8 rollaxis:0:2"]:
        yield a
    for options in ["9,40000:wrap,wrap:C", "9,40000:clip,wrap:F", "3000,7:wrap,clip:C"]:
        yield f"i4 u2 ravel_multi_index:{options}"
    yield "three b ravel_multi_index:3,2:raise,raise:C"
    yield "three b ravel_multi_index:3,2:raise,raise:F"
    for part in [0, 1, 2]:
        yield f"u2 unravel_index:40,30,50:C:{part}"
        yield f"u2 unravel_index:40,30,50:F:{part}"
    for n, k, m in [(5, 0, 5), (5, 2, 7), (7, -2, 4), (4, -9, 4), (4, 9, 6), (0, 0, 3), (3, 1, 0), (1, 0, 1), (6, -1, 3), (3, 4, 9)]:
        for part in [0, 1]:
            yield f"tril_indices:{n}:{k}:{m}:{part}"
            yield f"triu_indices:{n}:{k}:{m}:{part}"


def statistics():
    for a in ["g4", "g8", "f8", "i4", "u2", "i1", "M", "m"]:
        for axes in ["", "0", "1,2", "-1"]:
            yield f"{a} ptp:{axes}"
    for a in ["f8", "i4", "b", "c8", "wi"]:
        for axes in ["", "0", "1,2"]:
            yield f"{a} count_nonzero:{axes}"
    for a in ["g4", "g8", "i4", "c16", "b"]:
        for axes in ["", "1"]:
            yield f"{a} average:{axes}"
            yield f"{a} wi weighted:{axes}"
        yield f"{a} w5 weighted:1"
        yield f"{a} w5 weighted:-2"
        yield f"{a} g8 weighted:0,2"
    for a in ["table", "tablei", "tablec", "tablef", "line", "same", "one", "zero"]:
        for options in ["1:1", "0:1", "1:0"]:
            if a == "table" and options == "0:1":
                continue
            yield f"{a} cov:{options}"
        if a not in ("same", "one", "zero"):
            yield f"{a} corrcoef:1"
    yield "tablei corrcoef:0"
    for a in ["g4", "g8", "i4", "f8", "table", "b"]:
        for axes in ["0", "", "0,1"]:
            for k in range(5):
                yield f"{a} moment:{k}:{axes}"
            for bias in [0, 1]:
                yield f"{a} skew:{axes}:{bias}"
                for fisher in [0, 1]:
                    yield f"{a} kurtosis:{axes}:{fisher}:{bias}"
    yield from ["same skew:1:1", "same kurtosis:1:1:1", "same moment:2:0", "empty count_nonzero:0", "empty moment:2:1"]


def swept():
    """Every operation of every dtype; what NumPy or SciPy refuses is left out."""
    for name, dtype in DTYPES.items():
        kind = np.dtype(dtype).kind
        l, v, e, s = ("l" + name, "v" + name, "e" + name, "s" + name)
        yield from [f"{a} {op}" for a in (l, e, s) for op in ("zeros_like", "ones_like", "tril:1", "triu:0", "notnull", "ediff1d") if not (op[:3] in ("tri",) and a == s)]
        yield from [f"{l} diagonal:1:0:2", f"{e} diagonal:0:0:1", f"{l} rollaxis:2:0", f"{l} count_nonzero:1", f"{l} count_nonzero:", f"{e} count_nonzero:0", f"{e} count_nonzero:1", f"{s} count_nonzero:"]
        yield from [f"index2 {l} {v} {l} choose:raise", f"{l} {v} select:0" if kind not in "cmMb" else f"{l} notnull"]
        if kind not in "mM":
            yield from [f"{l} full_like:1", f"{e} full_like:1", f"{l} isin:1,5,7", f"{e} isin:1", f"{s} isin:1,2,3", f"{l} {l} isclose:1e-5:1e-8:1", f"{l} {v} isclose:0.25:1:0", f"{e} {e} allclose:1e-5:1e-8:0",
                        f"{l} {l} allclose:1e-5:1e-8:1"]
        if kind in "iuf":
            yield from [f"{l} round:1", f"{l} clip:2:5", f"{e} clip:2:5", f"{s} clip::4", f"{l} nan_to_num:1::", f"{e} nan_to_num:1::", f"{l} modf:0", f"{l} modf:1", f"{l} frexp:0", f"{v} i0"]
            yield from [f"{v} #3 divmod:0", f"{l} #3 divmod:1", f"{v} piecewise:1", f"{v} piecewise:0"]
            yield from [f"{v} average:1", f"{v} average:", f"{v} sw weighted:1", f"{e} average:0", f"{e} average:1", f"{l} ptp:", f"{l} ptp:0,2", f"{e} ptp:0"]
            yield from [f"t{name} cov:1:1", f"t{name} cov:0:0", f"t{name} corrcoef:1"]
            yield from [f"{v} moment:2:1", f"{v} moment:3:", f"{v} skew:0:1", f"{v} kurtosis:2:1:0"]
        if kind in "iu":
            yield from [f"{v} {v} ravel_multi_index:7,9:clip,wrap:C", f"{v} unravel_index:3,3:C:1", f"{l} {v} gcd", f"{l} bitwise_count", f"{l} #3 left_shift", f"{l} #2 right_shift"]
        if kind in "mM":
            yield from [f"{l} ptp:1", f"{v} ptp:", f"{l} {v} fmax", f"{l} {v} fmin", f"{l} isnan"]
        if kind == "c":
            yield from [f"{v} average:1", f"{v} sw weighted:0,2", f"{l} angle", f"{l} conjugate", f"{v} sinc"]
        if kind in "biuf":
            yield from [f"{l} {v} {op}" for op in ("hypot", "arctan2", "logaddexp", "copysign", "fmin", "fmax", "heaviside", "float_power", "logical_xor")]
            yield from [f"{v} {op}" for op in ("sqrt exp exp2 expm1 log log1p log2 log10 sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh arccosh "
                                                 "arctanh cbrt degrees radians sinc fabs").split()]
        # 0-length axes and 0-d arrays of operations of one and of two operands.
        if kind in "biufc":
            yield from [f"{e} {op}" for op in ("negative", "absolute", "sqrt", "exp", "isnan", "signbit", "logical_not", "square", "real")]
            yield from [f"{a} {a} {op}" for a in (e, s) for op in ("add", "multiply", "divide", "maximum", "equal", "power", "logical_or")]


def magnitude(a):
    if not isinstance(a, np.ndarray) or a.dtype.kind not in "fciub" or a.size == 0:
        return 0.0
    m = np.abs(a.astype("c16" if a.dtype.kind == "c" else "f8"))
    m = m[np.isfinite(m)]
    return float(m.max()) if m.size else 0.0


body = bytearray()


def put(a):
    record = dict(dtype=str(a.dtype), shape=list(a.shape), offset=len(body))
    body.extend(np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<")).tobytes())
    return record


def main():
    inputs = {name: put(a) for name, a in X.items()}
    cases, left = [], 0
    for source in (creation, element_wise, rest, statistics, swept):
        for program in source():
            stack = []
            try:
                for token in program.split():
                    word(stack, token)
            except (TypeError, ValueError, ZeroDivisionError):  # NumPy refuses; so do we, or more is allowed here
                left += 1
                continue
            (result,) = stack
            if result.dtype == np.float16:
                left += 1
                continue
            name = program.split()[-1].split(":")[0]
            # Tolerances are relative to the result; of statistics to what they are made of.
            scale = max([magnitude(result)] + [magnitude(X[t]) for t in program.split() if t in X]) if source in (statistics, swept) else 0.0
            if name in ("sinc", "fmod", "remainder", "arctanh", "square"):
                scale = magnitude(result)
            loose = bool(result.dtype in (np.float32, np.complex64) or any(t in X and X[t].dtype in (np.float32, np.complex64) for t in program.split()) and source in (statistics, swept))
            cases.append(dict(family=source.__name__, program=program, scale=scale, loose=loose, **put(result)))
    made = f"numpy {np.__version__} scipy {scipy.__version__} python {platform.python_version()} {platform.machine()}"
    head = json.dumps(dict(made=made, inputs=inputs, cases=cases, labelled=[], datasets=[])).encode()
    data = struct.pack("<I", len(head)) + head + bytes(body)
    packed = struct.pack("<Q", len(data)) + zlib.compress(data, 9)
    (HERE / "elements.bin").write_bytes(packed)
    print(made, f"{len(cases)} cases ({left} left out), {len(data)} bytes, {len(packed)} packed")


main()
