"""Makes the seeds of fuzz/corpus: small inputs of every kind that h5py, netCDF4, zarr and NumPy write. What is there beside
them (`found-*`: inputs that once failed; `plan-*`: see `src/fuzzing.rs`) stays.

Needs the packages of tests/golden/requirements.txt and requirements-make.txt; run: python fuzz/make_corpus.py
"""
import io
import os
import tempfile

import h5py
import hdf5plugin
import netCDF4
import numpy as np
import zarr

here = os.path.dirname(os.path.abspath(__file__))
data = os.path.join(here, "..", "tests", "data", "io")


def keep(target, name, content):
    folder = os.path.join(here, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(content)


def hdf5(name, make, **options):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.h5")
        with h5py.File(path, "w", **options) as f:
            make(f)
        with open(path, "rb") as f:
            keep("hdf5", name, f.read())


a = (np.arange(40) * 7 % 23).reshape(8, 5)
old, new = {"libver": "earliest"}, {"libver": ("v110", "v110")}


def chunked(f):
    f.create_dataset("c", data=a.astype("<f4"), chunks=(3, 4), compression=1, shuffle=True, fletcher32=True)
    f.create_dataset("u", data=a.astype(">i2"), chunks=(2, 5), maxshape=(None, 5))


def growing(f):
    f.create_dataset("tree", data=a.astype("u1"), chunks=(3, 2), maxshape=(None, None))
    f.create_dataset("inner", data=a.astype("u1"), chunks=(8, 2), maxshape=(8, None))


def plain(f):
    f["contiguous"] = a.astype("<f8")
    compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    compact.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple(a.shape)
    h5py.Dataset(h5py.h5d.create(f.id, b"compact", h5py.h5t.STD_I32BE, space, compact))[...] = a
    f.create_dataset("never", shape=(9, 11), dtype="<i4", chunks=(4, 3), fillvalue=-5)
    f.create_dataset("enum", data=a % 3, dtype=h5py.enum_dtype({"x": 0, "y": 1, "z": 2}, basetype="i2"))
    f.create_dataset("compound", data=np.zeros(3, dtype=[("a", "i4"), ("b", "f4")]))


def attributes(f):
    f.attrs["text"] = "degrees"
    f.attrs["fixed"] = np.bytes_("K")
    f.attrs["texts"] = ["one", "two"]
    f.attrs["numbers"] = [1.5, 2.5]
    f.attrs.create("enum", 1, dtype=h5py.enum_dtype({"no": 0, "yes": 1}))
    f.attrs["half"] = np.float16(1.5)
    f.create_dataset("names", data=["a", "bc", "def"], dtype=h5py.string_dtype())
    f.create_dataset("fixed", data=np.array([b"x", b"yz"], "S3"), chunks=(1,), compression=1)


def groups(f):
    for k in range(9):
        f.create_group(f"g{k}")
    f["g0/x"] = np.arange(3)
    f["g0/soft"] = h5py.SoftLink("/g0/x")
    f["g1/again"] = f["g0/x"]


def dense(f):
    g = f.create_group("many", track_order=True)
    for k in range(12):
        g.attrs[f"attribute {k}"] = k


def filters(f):
    one = a.astype("<i2").ravel()
    f.create_dataset("lz4", data=one, chunks=(40,), **hdf5plugin.LZ4(nbytes=32))
    f.create_dataset("bits", data=one, chunks=(40,), **hdf5plugin.Bitshuffle(nelems=16, cname="lz4"))
    f.create_dataset("zstd", data=one, chunks=(40,), **hdf5plugin.Zstd())
    f.create_dataset("szip", data=one, chunks=(40,), compression="szip", compression_opts=("nn", 8))


for make in [chunked, plain, attributes, groups]:
    hdf5(f"{make.__name__}-old", make, **old)
for make in [chunked, growing, plain, attributes, groups, dense, filters]:
    hdf5(f"{make.__name__}-new", make, **new)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "a.nc")
    with netCDF4.Dataset(path, "w") as d:
        d.createDimension("t", None)
        d.createDimension("x", 3)
        d.createVariable("t", "f8", ("t",))[:] = [1, 2]
        d.createVariable("v", "i2", ("t", "x"), fill_value=-9)[:] = np.arange(6).reshape(2, 3)
    with open(path, "rb") as f:
        keep("hdf5", "netcdf", f.read())

for name in ["scipy1.nc", "scipy2.nc", "no_record.nc", "one_record.nc", "scipy_one.nc", "nothing.nc", "cdf5.nc"]:
    with open(os.path.join(data, "formats", name), "rb") as f:
        keep("netcdf3", name, f.read())
for name in ["big_complex128.npy", "fortran.npy", "version2.npy", "version3.npy", "datetime_ns.npy", "scalar.npy", "bool.npy"]:
    with open(os.path.join(data, "formats", name), "rb") as f:
        keep("npy", name, f.read())


def hierarchy(name, make):
    with tempfile.TemporaryDirectory() as folder:
        make(folder)
        documents = b""
        for top, _, files in os.walk(folder):
            for file in sorted(files):
                path = os.path.join(top, file)
                with open(path, "rb") as f:
                    content = f.read()
                if not file.startswith(".z") and file != "zarr.json":
                    content = b"hex:" + content.hex().encode()
                documents += os.path.relpath(path, folder).encode() + b"\n" + content + b"\0"
        keep("zarr", name, documents)


def array(folder, version, **options):
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    group.attrs["title"] = "x"
    v = group.create_array("v", shape=(6,), chunks=(6,), dtype="<i2", **options)
    v[:] = np.arange(6)


codecs = zarr.codecs
hierarchy("v2", lambda f: array(f, 2))
hierarchy("v2-none", lambda f: array(f, 2, compressors=None, fill_value=-1))
hierarchy("v3", lambda f: array(f, 3, dimension_names=["x"]))
hierarchy("v3-blosc", lambda f: array(f, 3, compressors=[codecs.BloscCodec(cname="lz4", typesize=2)]))
hierarchy("v3-gzip", lambda f: array(f, 3, compressors=[codecs.GzipCodec(level=1), codecs.Crc32cCodec()]))
hierarchy("v3-turned", lambda f: array(f, 3, filters=[codecs.TransposeCodec(order=(0,))], compressors=None))


def sharded(folder):
    group = zarr.open_group(folder, mode="w", zarr_format=3)
    v = group.create_array("v", shape=(6,), chunks=(2,), shards=(6,), dtype="<i2")
    v[:] = np.arange(6)


def consolidated(version):
    def make(folder):
        array(folder, version)
        zarr.consolidate_metadata(folder)

    return make


hierarchy("v3-shards", sharded)
hierarchy("v2-consolidated", consolidated(2))
hierarchy("v3-consolidated", consolidated(3))

# A chunk: filter, size (2 bytes, least significant first), two parameters, the stored bytes.
values = (np.arange(100) // 3).astype("<i2")


def chunk(name, kind, one, two, **options):
    file = h5py.File.in_memory() if hasattr(h5py.File, "in_memory") else h5py.File(io.BytesIO(), "w")
    made = file.create_dataset("x", data=values, chunks=(100,), **options)
    stored = made.id.read_direct_chunk((0,))[1]
    keep("chunk", name, bytes([kind, 100 * values.itemsize, 0, one, two]) + stored)


chunk("deflate", 0, 0, 0, compression=1)
chunk("zstd", 1, 0, 0, **hdf5plugin.Zstd())
chunk("blosc-lz4", 2, 0, 0, **hdf5plugin.Blosc(cname="lz4", shuffle=1))
chunk("blosc-zstd", 2, 0, 0, **hdf5plugin.Blosc(cname="zstd", shuffle=2))
chunk("lz4", 3, 0, 0, **hdf5plugin.LZ4(nbytes=64))
chunk("bzip2", 4, 0, 0, **hdf5plugin.BZip2())
chunk("lzf", 5, 0, 0, compression="lzf")
chunk("bits", 6, 2, 2, **hdf5plugin.Bitshuffle(nelems=16, cname="none"))
chunk("bits-lz4", 16, 2, 2, **hdf5plugin.Bitshuffle(nelems=16, cname="lz4"))
chunk("bits-zstd", 32 + 4, 2, 2, **hdf5plugin.Bitshuffle(nelems=16, cname="zstd"))
chunk("fletcher", 8, 2, 0, fletcher32=True)
chunk("shuffle", 9, 2, 0, shuffle=True)
# Of 8 bits, in blocks of 8: parameters of bits, options and line that the target makes of these bytes.
values = (np.arange(200) // 3).astype("u1")
chunk("szip", 7, 32, 8, compression="szip", compression_opts=("nn", 8))

examples = os.path.join(here, "..", "examples")
for name in sorted(os.listdir(examples)):
    if name.endswith(".rhai"):
        with open(os.path.join(examples, name), "rb") as f:
            keep("script", name, f.read())
scripts = {
    "arrays": 'let a = arange(24).reshape([4, 6]); print(a.sum(0)); print(((a - 1) / 2)[1, 2]); a.mean()',
    "labels": 'let a = zeros([4, 6], "f4").with_dims(["y", "x"]); print(a.isel(#{x: 2}).mean("y"));',
    "loops": 'let s = 0; for i in 0..10 { s += i; } while s > 3 { s -= 1; } fn f(x) { x * 2 } print(f(s) + `${s}`);',
    "reductions": 'let a = random(1).normal([100]); print([a.std(), a.max(), a.cumsum(0).min()]); where(a > 0, a, -a)',
    "times": 'let t = date_range("2000-01-01", 5, "D"); print(t);',
}
for name, text in scripts.items():
    keep("script", name, text.encode())
total = 0
for top, _, files in os.walk(os.path.join(here, "corpus")):
    total += sum(os.path.getsize(os.path.join(top, f)) for f in files)
print(total, "bytes")
