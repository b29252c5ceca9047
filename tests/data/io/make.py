"""Makes the small files of tests/io_read.rs. Element i (row-major) of every number variable is (7 i + 3) mod 120."""
import os
import h5py
import netCDF4
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))


def pattern(shape, dtype):
    n = int(np.prod(shape, dtype=np.int64))
    a = (np.arange(n) * 7 + 3) % 120
    if np.dtype(dtype) == np.bool_:
        a = a % 2
    if np.dtype(dtype).kind == "c":
        return (a - 1j * a).astype(dtype).reshape(shape)
    return a.astype(dtype).reshape(shape)


def path(name):
    p = os.path.join(here, name)
    if os.path.exists(p):
        os.remove(p)
    return p


types = ["?", "i1", "<i2", ">i2", "<i4", ">i4", "<i8", "u1", "<u2", "<u4", ">u8", "<f4", ">f4", "<f8", ">f8", "<c8", ">c16"]

# The newest bounds that HDF5 1.10 reads.
bounds = {"earliest": "earliest", "latest": ("v110", "v110")}

# Plain HDF5: every dtype x layout, in both format bounds.
for bound in ["earliest", "latest"]:
    with h5py.File(path(f"types_{bound}.h5"), "w", libver=bounds[bound]) as f:
        # Old B-trees take 2 KiB each: there a quarter of the types.
        for t in types if bound == "latest" else types[::4]:
            name = t.replace("<", "le_").replace(">", "be_").replace("?", "bool")
            a = pattern((5, 7), t)
            f.create_dataset(f"{name}_contiguous", data=a)
            f.create_dataset(f"{name}_deflate", data=a, chunks=(2, 3), compression="gzip", shuffle=True)
    with h5py.File(path(f"layouts_{bound}.h5"), "w", libver=bounds[bound]) as f:
        a = pattern((9, 11), "<i4")
        f.create_dataset("single", data=a, chunks=(9, 11))
        f.create_dataset("single_deflate", data=a, chunks=(9, 11), compression="gzip")
        f.create_dataset("plain", data=a, chunks=(4, 3))
        f.create_dataset("shuffle", data=a, chunks=(4, 3), shuffle=True)
        f.create_dataset("fletcher", data=a, chunks=(4, 3), fletcher32=True)
        f.create_dataset("all", data=a, chunks=(4, 3), compression=3, shuffle=True, fletcher32=True)
        f.create_dataset("scalar", data=np.float64(3))
        f.create_dataset("limit", data=a, chunks=(4, 3), maxshape=(20, 30), compression=1)
        f.create_dataset("unlimited", data=a, chunks=(4, 3), maxshape=(None, 11), compression=1)
        f.create_dataset("unlimited_inner", data=a, chunks=(4, 3), maxshape=(9, None))
        f.create_dataset("unlimited_both", data=a, chunks=(4, 3), maxshape=(None, None), compression=1)
        f.create_dataset("never", shape=(9, 11), dtype="<i4", chunks=(4, 3), fillvalue=-5)
        f.create_dataset("never_contiguous", shape=(9, 11), dtype="<i4", fillvalue=-6)
        some = f.create_dataset("some", shape=(9, 11), dtype="<i4", chunks=(4, 3), fillvalue=-5)
        some[4:8, 3:6] = a[4:8, 3:6]
        if bound == "latest":
            paged = f.create_dataset("paged", shape=(1500,), dtype="u1", chunks=(1,), fillvalue=9)
            paged[1040:1050] = pattern((1500,), "u1")[1040:1050]
        early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        early.set_chunk((4, 3))
        early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        space = h5py.h5s.create_simple((9, 11))
        h5py.Dataset(h5py.h5d.create(f.id, b"implicit", h5py.h5t.STD_I32LE, space, early))[...] = a
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        h5py.Dataset(h5py.h5d.create(f.id, b"compact", h5py.h5t.STD_I32BE, space, compact))[...] = a
        # A chunk whose shuffle and deflate were skipped.
        masked = f.create_dataset("masked", shape=(4, 6), dtype="<i4", chunks=(4, 3), compression=1, shuffle=True)
        masked[...] = pattern((4, 6), "<i4")
        masked.id.write_direct_chunk((0, 3), pattern((4, 6), "<i4")[:, 3:].tobytes(), 3)
        f.create_dataset("half", data=pattern((5, 7), "<f2"))
        f.create_dataset("lzf", data=a, chunks=(4, 3), compression="lzf")
        f.create_dataset("scaleoffset", data=a, chunks=(4, 3), scaleoffset=0)
        f.create_dataset("compound", data=np.zeros(3, dtype=[("a", "i4"), ("b", "f4")]))
        f.create_dataset("enum", data=a % 3, dtype=h5py.enum_dtype({"x": 0, "y": 1, "z": 2}, basetype="i2"))

with h5py.File(path("userblock.h5"), "w", userblock_size=512) as f:
    a = pattern((9, 11), "<i4")
    f.create_dataset("plain", data=a, chunks=(4, 3))
    f.create_dataset("contiguous", data=a)
    f.create_dataset("compact_free", data=a, chunks=(4, 3), compression=1)

with h5py.File(path("unlimited_latest.h5"), "w", libver=bounds["latest"]) as f:
    # Large enough for every kind of block of an extensible array, and for inner nodes of a version 2 B-tree.
    f.create_dataset("array", data=pattern((200, 4), "u1"), chunks=(1, 3), maxshape=(None, 4))
    f.create_dataset("array_deflate", data=pattern((100, 2), "<i2"), chunks=(1, 2), maxshape=(None, 2), compression=1)
    inner = pattern((2, 500), "u1")
    f.create_dataset("array_inner", data=inner, chunks=(1, 5), maxshape=(2, None))
    long = f.create_dataset("array_pages", shape=(200000,), dtype="u1", chunks=(1,), maxshape=(None,), fillvalue=9)
    long[150000:150010] = pattern((200000,), "u1")[150000:150010]
    f.create_dataset("tree", data=pattern((12, 12), "u1"), chunks=(1, 1), maxshape=(None, None))

# NetCDF-4 as netCDF-C writes it.
with netCDF4.Dataset(path("classic_names.nc"), "w") as d:
    d.title = "names"
    d.history = ["one", "two"]
    d.numbers = np.array([1, 2, 3], "i2")
    d.createDimension("time", None)
    d.createDimension("y", 3)
    d.createDimension("x", 4)
    d.createDimension("bare", 2)
    d.createDimension("chars", 5)
    t = d.createVariable("time", "f8", ("time",))
    t.units = "days since 2000-01-01"
    t[:] = pattern((6,), "f8")
    v = d.createVariable("v", "i2", ("time", "y", "x"), zlib=True, chunksizes=(2, 2, 3), fill_value=-9)
    v.setncattr("units", "K")
    v.scale_factor = 0.5
    v.set_auto_maskandscale(False)
    v[:] = pattern((6, 3, 4), "i2")
    short = d.createVariable("short", "i4", ("time", "bare"), fill_value=-7)
    short[:2] = pattern((2, 2), "i4")
    lat2 = d.createVariable("lat", "f4", ("y", "x"))
    lat2[:] = pattern((3, 4), "f4")
    y = d.createVariable("y", "f4", ("y", "x"))
    y[:] = pattern((3, 4), "f4")
    s = d.createVariable("season", str, ("y",))
    s[:] = np.array(["DJF", "MAM", "été"], dtype=object)
    c = d.createVariable("letters", "S1", ("y", "chars"))
    c[:] = netCDF4.stringtochar(np.array(["ab", "cde", "fghij"], "S5"))
    g = d.createGroup("deep")
    g.note = "inside"
    g.createDimension("z", 2)
    w = g.createVariable("w", "f4", ("z", "y"))
    w[:] = pattern((2, 3), "f4")
    u = g.createGroup("deeper").createVariable("u", "u1", ("x",))
    u[:] = pattern((4,), "u1")
