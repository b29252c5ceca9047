"""Makes files of every form of HDF5 structures for tests/io_read.rs and tests/io_faults.rs, and hdf5_forms.json, what h5py reads in them.

Run with the versions of tests/golden/requirements.txt; those that made the files are in the JSON.
`make_hdf5.py --large DIR` makes files too large to keep, for the long tests.
"""
import json
import os
import sys
import h5py
import netCDF4
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
# The newest bounds that HDF5 1.10 reads, and the newest of all.
BOUNDS = {"earliest": "earliest", "latest": ("v110", "v110"), "newest": "latest"}
text = h5py.string_dtype()
# Housekeeping of HDF5 and netCDF, and what has no value in hyperslab.
HIDDEN = ["CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties", "left_out"]


def pattern(shape, dtype):
    n = int(np.prod(shape, dtype=np.int64))
    return ((np.arange(n) * 7 + 3) % 120).astype(dtype).reshape(shape)


def put(attrs, name, data, dtype=None, shape=None):
    attrs.create(name, data, dtype=dtype, shape=shape)


def raw_attribute(at, name, type_id, data=None):
    """An attribute of a type that h5py makes no array of."""
    space = h5py.h5s.create(h5py.h5s.SCALAR if data is not None else h5py.h5s.NULL)
    a = h5py.h5a.create(at.id, name.encode(), type_id, space)
    if data is not None:
        a.write(np.array(data, dtype=f"S{type_id.get_size()}"), mtype=type_id)


def all_attributes(at, file):
    for t in ["i1", "<i2", ">i2", "<u4", ">i8", "<f4", ">f4", "<f8", ">f8"]:
        put(at.attrs, "n_" + t.replace("<", "le_").replace(">", "be_"), pattern((3,), t))
    put(at.attrs, "scalar", np.float64(-2.5))
    put(at.attrs, "flag", np.bool_(True))
    put(at.attrs, "half", np.float16(1.5))
    put(at.attrs, "half_be", np.array([1.5, -0.0009765625, 65504, 0.25], ">f2"))
    put(at.attrs, "long_double", np.array([1.5, -3e300, 0.1], np.longdouble))
    bits = h5py.h5t.STD_I16BE.copy()
    bits.set_precision(11)
    bits.set_offset(3)
    a = h5py.h5a.create(at.id, b"eleven_bits", bits, h5py.h5s.create_simple((3,)))
    a.write(np.array([-1, 1000, -1024], "i2"))
    put(at.attrs, "enum", np.int16(2), dtype=h5py.enum_dtype({"a": 1, "b": 2}, basetype="i2"))
    put(at.attrs, "committed", pattern((2,), "<i4"), dtype=file["types/whole"])
    put(at.attrs, "none", np.zeros((0,), "f4"))
    put(at.attrs, "text", "variable length", dtype=text)
    put(at.attrs, "utf8", "été ☃", dtype=text)
    put(at.attrs, "empty", "", dtype=text)
    put(at.attrs, "several", np.array(["one", "", "three, longer than the others"], object), dtype=text)
    put(at.attrs, "grid", np.array([["a", "b"], ["c", "d"]], object), dtype=text)
    put(at.attrs, "fixed", np.bytes_("fixed"))
    put(at.attrs, "fixed_several", np.array([b"ab", b"cde"], "S3"))
    t = h5py.h5t.C_S1.copy()
    t.set_size(8)
    t.set_strpad(h5py.h5t.STR_SPACEPAD)
    raw_attribute(at, "padded", t, b"padded  ")
    raw_attribute(at, "null", t)
    put(at.attrs, "long", "x" * 5000, dtype=text)
    # Left out: no value of this library.
    put(at.attrs, "left_out", np.zeros(2, [("a", "i4"), ("b", "f4")]))


def all_texts(group):
    names = np.array(["DJF", "MAM", "été", "", "SON " * 20], object)
    group.create_dataset("variable", data=names, dtype=text)
    group.create_dataset("scalar", data="alone", dtype=text)
    group.create_dataset("grid", data=np.array([["a", "bb"], ["", "dddd"]], object), dtype=text)
    group.create_dataset("chunked", data=names, dtype=text, chunks=(2,), maxshape=(None,))
    group.create_dataset("packed", data=names, dtype=text, chunks=(2,), compression=1, shuffle=True)
    group.create_dataset("both", data=np.array([["a", "bb"], ["", "dddd"]], object), dtype=text, chunks=(1, 1), maxshape=(None, None), compression=1)
    some = group.create_dataset("some", shape=(6,), dtype=text, chunks=(2,))
    some[2:4] = np.array(["written", "too"], object)
    group.create_dataset("never", shape=(3,), dtype=text)
    group.create_dataset("fixed", data=np.array([b"ab", b"cde", b""], "S5"))
    group.create_dataset("fixed_packed", data=np.array([b"ab", b"cde", b"fghij"], "S5"), chunks=(2,), compression=1, shuffle=True)
    filled = group.create_dataset("fixed_fill", shape=(4,), dtype="S3", chunks=(2,), fillvalue=b"xy")
    filled[:2] = np.array([b"a", b"b"], "S3")
    group.create_dataset("zero", shape=(0,), dtype=text, maxshape=(None,), chunks=(4,))


def trees(group):
    a = pattern((12, 12), "u1")
    group.create_dataset("plain", data=a, chunks=(1, 1), maxshape=(None, None))
    group.create_dataset("filtered", data=pattern((13, 11), "<i2"), chunks=(1, 1), maxshape=(None, None), compression=1, shuffle=True)
    group.create_dataset("small", data=pattern((5, 7), ">f4"), chunks=(2, 3), maxshape=(None, None), fletcher32=True)
    group.create_dataset("three", data=pattern((3, 4, 5), "<i4"), chunks=(2, 2, 2), maxshape=(None, 9, None), compression=1)
    some = group.create_dataset("some", shape=(9, 9), dtype="<i4", chunks=(2, 2), maxshape=(None, None), fillvalue=-5)
    some[4:6, 3:8] = pattern((9, 9), "<i4")[4:6, 3:8]
    # Shrunk: chunks beyond the present shape go, those across the edge stay.
    shrunk = group.create_dataset("shrunk", data=pattern((9, 9), "<i4"), chunks=(2, 2), maxshape=(None, None))
    shrunk.resize((5, 7))
    group.create_dataset("never", shape=(4, 4), dtype="<i2", chunks=(2, 2), maxshape=(None, None), fillvalue=7)
    # The other indices: one chunk, implicit, fixed array (in pages, too), extensible array.
    group.create_dataset("single", data=a, chunks=(12, 12))
    group.create_dataset("single_filtered", data=a, chunks=(12, 12), compression=1)
    group.create_dataset("fixed", data=a, chunks=(5, 5))
    group.create_dataset("fixed_filtered", data=a, chunks=(5, 5), compression=1, maxshape=(20, 30))
    paged = group.create_dataset("paged", shape=(2500,), dtype="u1", chunks=(1,), fillvalue=9)
    paged[1040:1050] = pattern((10,), "u1")
    group.create_dataset("extensible", data=a, chunks=(1, 5), maxshape=(None, 12))
    group.create_dataset("extensible_filtered", data=a, chunks=(5, 1), maxshape=(12, None), compression=1)
    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_chunk((5, 5))
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple((12, 12), (20, 15))
    h5py.Dataset(h5py.h5d.create(group.id, b"implicit", h5py.h5t.STD_U8LE, space, early))[...] = a


def path(name):
    p = os.path.join(here, name)
    if os.path.exists(p):
        os.remove(p)
    return p


def plain(value):
    """A value of h5py as JSON: a text, or a list of texts or numbers; {"repeat", "count"} for a long one of one element."""
    value = listed(value)
    if len(value) > 300 and all(v == value[0] for v in value):
        return {"repeat": value[0], "count": len(value)}
    return value


def listed(value):
    if isinstance(value, h5py.Empty):
        return ""
    if isinstance(value, (bytes, np.bytes_)):
        return value.decode()
    if isinstance(value, str):
        return value
    a = np.asarray(value)
    if a.dtype.kind in "OSU":
        texts = [v.decode() if isinstance(v, bytes) else v for v in a.ravel().tolist()]
        # One text is a text, as in xarray.
        return texts[0] if len(texts) == 1 else texts
    return [float(v) for v in a.ravel().tolist()]


def read(name):
    """What h5py reads: names by group, attributes by object, texts and numbers by dataset."""
    result = {"links": {}, "attrs": {}, "texts": {}, "numbers": {}}
    with h5py.File(os.path.join(here, name)) as f:
        def is_variable(at):
            return isinstance(at, h5py.Dataset) and not at.attrs.get("NAME", b"").startswith(b"This is a netCDF dimension but")

        def visit(path, at):
            if isinstance(at, h5py.Dataset) and not is_variable(at):
                return
            result["attrs"][path] = [[k, plain(at.attrs[k])] for k in at.attrs if k not in HIDDEN]
            if isinstance(at, h5py.Group):
                result["links"][path] = [k for k in at if is_variable(at.get(k))]
            if isinstance(at, h5py.Dataset):
                if h5py.check_string_dtype(at.dtype) is not None:
                    result["texts"][path] = np.asarray(at.asstr()[()], object).ravel().tolist()
                elif at.dtype.kind == "c":
                    result["numbers"][path] = plain(at[()].astype("c16").view("f8"))
                elif at.dtype.kind in "iuf":
                    result["numbers"][path] = plain(at[()])
        visit("", f)
        f.visititems(visit)
    return result


def write():
    for bound in ["earliest", "latest", "newest"]:
        with h5py.File(path(f"attributes_{bound}.h5"), "w", libver=BOUNDS[bound]) as f:
            f["types/whole"] = np.dtype("<i4")
            all_attributes(f, f)
            d = f.create_dataset("data", data=pattern((4,), "<i2"))
            all_attributes(d, f)
            if bound == "newest":
                # Complex numbers as HDF5 2 has them.
                for name, t in [("<c8", h5py.h5t.COMPLEX_IEEE_F32LE), (">c16", h5py.h5t.COMPLEX_IEEE_F64BE)]:
                    numbers = (pattern((3,), "c16") * (1 - 2j)).astype(name)
                    d = h5py.h5d.create(f.id, name[1:].encode(), t, h5py.h5s.create_simple((3,)))
                    d.write(h5py.h5s.ALL, h5py.h5s.ALL, numbers, mtype=t)
            g = f.create_group("group")
            g.attrs["title"] = "of a group"
            g["soft"] = h5py.SoftLink("/data")
            g["dangling"] = h5py.SoftLink("nowhere/at/all")
            g["outside"] = h5py.ExternalLink("other.h5", "/x")
    with h5py.File(path("dense_latest.h5"), "w", libver=BOUNDS["latest"]) as f:
        # More than one level of the name index; objects in several rows of the heap; one too large for the heap.
        g = f.create_group("many", track_order=True)
        for i in range(120):
            g.attrs[f"a{(i * 37) % 120:03d}"] = f"value {i}" if i % 2 else np.int16(i)
        g.attrs["huge"] = np.zeros(5000, "u1")
        d = f.create_dataset("data", data=pattern((4,), "<i2"))
        for i in range(12):
            d.attrs[f"b{(i * 5) % 12:02d}"] = ["list", f"of {i}"]
        links = f.create_group("links", track_order=True)
        for i in range(60):
            links[f"g{(i * 7) % 60:02d}"] = np.int8(i)
        by_name = f.create_group("by_name")
        for i in range(20):
            by_name[f"s{(i * 7) % 20:02d}"] = h5py.SoftLink("/data")
    for bound in ["earliest", "latest"]:
        with h5py.File(path(f"texts_{bound}.h5"), "w", libver=BOUNDS[bound]) as f:
            all_texts(f)
    for bound in ["latest", "newest"]:
        with h5py.File(path(f"trees_{bound}.h5"), "w", libver=BOUNDS[bound]) as f:
            trees(f)
    with netCDF4.Dataset(path("strings.nc"), "w") as d:
        d.setncattr_string("history", ["first", "second"])
        d.setncattr_string("title", "été")
        d.createDimension("time", None)
        d.createDimension("name", 3)
        s = d.createVariable("name", str, ("name",))
        s[:] = np.array(["north", "", "süd"], object)
        s.setncattr_string("long_name", "names of stations")
        log = d.createVariable("log", str, ("time",), zlib=True, chunksizes=(2,))
        log[:] = np.array(["a", "bb", "ccc"], object)
        v = d.createVariable("v", "f4", ("time", "name"))
        v.setncattr_string("units", "K")
        v[:] = pattern((3, 3), "f4")
    names = [n for n in sorted(os.listdir(here)) if n.split("_")[0] in ("attributes", "dense", "texts", "trees") or n == "strings.nc"]
    result = {"versions": {"h5py": h5py.version.version, "hdf5": h5py.version.hdf5_version, "netCDF4": netCDF4.__version__, "numpy": np.__version__}}
    result["files"] = {n: read(n) for n in names}
    with open(os.path.join(here, "hdf5_forms.json"), "w") as out:
        json.dump(result, out, ensure_ascii=False, separators=(",", ":"))
        out.write("\n")


def write_large(folder):
    """Inner nodes two deep, a heap with indirect blocks below its root: their values follow from their names."""
    with h5py.File(os.path.join(folder, "large.h5"), "w", libver=BOUNDS["latest"]) as f:
        f.create_dataset("tree", data=pattern((110, 110), "u1"), chunks=(1, 1), maxshape=(None, None))
        f.create_dataset("tree_filtered", data=pattern((110, 110), "u1"), chunks=(1, 1), maxshape=(None, None), compression=1)
        g = f.create_group("many", track_order=True)
        for i in range(700):
            g.attrs[f"a{i}"] = np.full(1000 + i, i, "i2")
        for i in range(900):
            f[f"links/g{i}"] = np.int8(1)
    with h5py.File(os.path.join(folder, "large_old.h5"), "w") as f:
        for i in range(900):
            f[f"links/g{i}"] = np.int8(1)


if sys.argv[1:2] == ["--large"]:
    write_large(sys.argv[2])
else:
    write()
