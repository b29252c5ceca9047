"""Makes filters.h5: datasets behind every registered filter that hyperslab undoes, as h5py writes them with the plugins of
hdf5plugin. Dataset `plain/DTYPE_NDIM` has the values that every dataset of a name that ends so must have; h5py reads the same
from each of them, which is checked here. Needs h5py and hdf5plugin; run: python make_filters.py
"""
import os
import h5py
import hdf5plugin
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
dtypes = {"f4": "<f4", "f8": "<f8", "i2": "<i2", "u1": "u1", "be": ">f4", "b2": ">i2"}
# Shape and chunk: ragged at every edge.
shapes = {1: ((53,), (16,)), 2: ((13, 11), (4, 7)), 3: ((5, 7, 6), (2, 4, 5))}


def values(dtype, ndim):
    shape, _ = shapes[ndim]
    n = int(np.prod(shape))
    rng = np.random.default_rng(n)
    walk = np.cumsum(rng.integers(-3, 4, n)) + 100
    if np.dtype(dtype).kind == "f":
        walk = walk / 8 + 0.25
        walk[n // 3] = np.nan
        walk[n // 2] = -0.0
    return walk.astype(dtype).reshape(shape)


def blosc(cname, shuffle):
    return hdf5plugin.Blosc(cname=cname, clevel=5, shuffle=shuffle)


filters = {
    "zstd": hdf5plugin.Zstd(clevel=3),
    "blosc_blosclz": blosc("blosclz", 1),
    "blosc_lz4": blosc("lz4", 2),
    "blosc_lz4hc": blosc("lz4hc", 1),
    "blosc_zlib": blosc("zlib", 0),
    "blosc_zstd": blosc("zstd", 2),
    "lz4": hdf5plugin.LZ4(),
    "lz4_blocks": hdf5plugin.LZ4(nbytes=24),
    "bzip2": hdf5plugin.BZip2(blocksize=1),
    "bitshuffle": hdf5plugin.Bitshuffle(nelems=8, cname="none"),
    "bitshuffle_usual": hdf5plugin.Bitshuffle(nelems=0, cname="none"),
    "bitshuffle_lz4": hdf5plugin.Bitshuffle(nelems=0, cname="lz4"),
    "bitshuffle_lz4_blocks": hdf5plugin.Bitshuffle(nelems=16, cname="lz4"),
    "bitshuffle_zstd": hdf5plugin.Bitshuffle(nelems=0, cname="zstd"),
    "lzf": {"compression": "lzf"},
    "szip_nn": {"compression": "szip", "compression_opts": ("nn", 8)},
    "szip_ec": {"compression": "szip", "compression_opts": ("ec", 16)},
    "szip_nn_32": {"compression": "szip", "compression_opts": ("nn", 32)},
}

path = os.path.join(here, "filters.h5")
if os.path.exists(path):
    os.remove(path)
with h5py.File(path, "w", libver=("v110", "v110")) as f:
    plain = {}
    for name, dtype in dtypes.items():
        for ndim in shapes:
            plain[name, ndim] = values(dtype, ndim)
            f.create_dataset(f"plain/{name}_{ndim}", data=plain[name, ndim])
    for name, options in filters.items():
        def create(tag, dtype, ndim, **more):
            shape, chunk = shapes[ndim]
            more = {**options, **more}
            if "szip" in name:
                # A chunk has a scan line of at least one block.
                chunk = tuple(min(2 * c, s) for c, s in zip(chunk, shape))
            f.create_dataset(f"{name}/{tag}_{dtype}_{ndim}", data=plain[dtype, ndim], chunks=chunk, **more)
        create("alone", "f4", 3)
        create("alone", "f8", 2)
        create("alone", "i2", 2)
        create("alone", "b2", 3)
        create("alone", "u1", 1)
        create("shuffle", "f4", 2, shuffle=True)
        create("shuffle", "i2", 3, shuffle=True)
        create("shuffle", "be", 3, shuffle=True)
        create("sum", "f8", 1, fletcher32=True)
        create("both", "f4", 1, shuffle=True, fletcher32=True)

    # A pipeline in an order of its own; each filter skipped for some chunk. The filters' numbers with their parameters.
    def ordered(tag, dtype, ndim, *pipeline):
        data = plain[dtype, ndim]
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk(shapes[ndim][1])
        for number, parameters in pipeline:
            plist.set_filter(number, h5py.h5z.FLAG_OPTIONAL, parameters)
        space = h5py.h5s.create_simple(data.shape)
        made = h5py.h5d.create(f.require_group("order").id, f"{tag}_{dtype}_{ndim}".encode(), h5py.h5t.py_create(data.dtype), space, plist)
        made = h5py.Dataset(made)
        made[...] = data
        return made

    zstd, shuffle, fletcher = (32015, (3,)), (2, (4,)), (3, ())
    ordered("sum_inside", "f4", 3, fletcher, zstd)
    ordered("sums", "f4", 2, shuffle, fletcher, zstd, fletcher)
    ordered("shuffle_after", "f4", 1, zstd, shuffle)
    ordered("bits_then_zstd", "i2", 2, (32008, (8, 0)), zstd)
    ordered("bytes_then_bits", "i2", 3, (2, (2,)), (32008, (0, 2)))
    masked = ordered("masked", "f4", 2, shuffle, zstd, fletcher)
    alone = f["zstd/alone_i2_2"]
    bare = plain["f4", 2]
    # All skipped; then shuffle and checksum alone; a chunk of the edge is stored whole.
    edge = np.zeros((4, 7), "<f4")
    edge[:, :4] = bare[4:8, 7:]
    masked.id.write_direct_chunk((4, 7), edge.tobytes(), 7)
    masked.id.write_direct_chunk((0, 0), np.ascontiguousarray(bare[:4, :7]).view("u1").reshape(-1, 4).T.tobytes(), 6)
    source = ordered("only_zstd", "f4", 2, zstd)
    masked.id.write_direct_chunk((8, 0), source.id.read_direct_chunk((8, 0))[1], 5)

    # Several usual blocks and some elements at the end; values that compress to little.
    steps = (np.arange(10007) // 50).astype("<i2")
    long = f.create_group("long")
    long.create_dataset("plain", data=steps, chunks=(10007,), compression="gzip", shuffle=True)
    for name in ["bitshuffle_lz4", "bitshuffle_zstd", "lz4", "blosc_lz4", "bzip2", "zstd", "lzf", "szip_nn"]:
        long.create_dataset(name, data=steps, chunks=(10007,), **filters[name])
    bits = hdf5plugin.Bitshuffle(nelems=0, cname="none")
    both = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    both.set_chunk((10007,))
    both.set_filter(32008, h5py.h5z.FLAG_OPTIONAL, (0, 0))
    both.set_filter(1, h5py.h5z.FLAG_OPTIONAL, (9,))
    made = h5py.h5d.create(long.id, b"bitshuffle_deflate", h5py.h5t.STD_I16LE, h5py.h5s.create_simple((10007,)), both)
    h5py.Dataset(made)[...] = steps
    # What does not get smaller is stored as it is, or its filter is skipped.
    noise = np.random.default_rng(1).integers(0, 256, 200).astype("u1")
    noisy = f.create_group("noise")
    noisy.create_dataset("plain", data=noise)
    for name in ["zstd", "blosc_lz4", "lz4", "lz4_blocks", "bzip2", "bitshuffle_lz4", "lzf", "szip_nn"]:
        noisy.create_dataset(name, data=noise, chunks=(77,), **filters[name])
    texts = f.create_group("texts")
    words = np.array([b"one", b"two", b"three", b"four", b"five"], "S5")
    texts.create_dataset("zstd", data=words, chunks=(2,), **filters["zstd"])
    texts.create_dataset("bitshuffle_lz4", data=np.tile(words, 5), chunks=(9,), **filters["bitshuffle_lz4"])
    texts.create_dataset("any_zstd", data=["un", "deux", "trois"], dtype=h5py.string_dtype(), chunks=(2,), **filters["zstd"])
    # Of filters that are nobody's here.
    a = plain["f4", 2]
    foreign = f.create_group("foreign")
    foreign.create_dataset("blosc2", data=a, chunks=(4, 7), **hdf5plugin.Blosc2())
    foreign.create_dataset("zfp", data=a, chunks=(4, 7), **hdf5plugin.Zfp(reversible=True))
    twice = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    twice.set_chunk((4, 7))
    twice.set_filter(32004, h5py.h5z.FLAG_OPTIONAL, (0,))
    twice.set_filter(1, h5py.h5z.FLAG_OPTIONAL, (9,))
    made = h5py.h5d.create(foreign.id, b"twice", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(a.shape), twice)
    h5py.Dataset(made)[...] = a

# What h5py reads is what is expected.
with h5py.File(path) as f:
    count = 0

    def check(name, object):
        global count
        if not isinstance(object, h5py.Dataset) or object.dtype.kind in "SO":
            return
        group, last = name.split("/")
        if group in ("long", "noise"):
            expected = f[f"{group}/plain"][...]
        elif group == "foreign":
            expected = plain["f4", 2]
        else:
            dtype, ndim = last.split("_")[-2:]
            expected = plain[dtype, int(ndim)]
        assert object[...].tobytes() == expected.tobytes(), name
        count += 1

    f.visititems(check)
print(count, "datasets", os.path.getsize(path), "bytes")
