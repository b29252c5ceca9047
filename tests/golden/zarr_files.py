"""Zarr hierarchies as other tools write them, and checks of those that hyperslab writes.

    zarr_files.py make DIR            writes hierarchies by zarr-python and xarray, versions 2 and 3, and `plain.nc`
    zarr_files.py same DIR A=B ...    compares A with B (paths below DIR): names, dims, dtypes, values bit by bit, attributes
    zarr_files.py versions            prints what made the files
"""
import os
import sys
import warnings

import numpy as np
import xarray as xr

warnings.filterwarnings("ignore")


def cube():
    rng = np.random.default_rng(1)
    t = np.array("2001-01-01", "M8[ns]") + np.arange(25) * np.timedelta64(1, "D").astype("m8[ns]")
    data = (rng.standard_normal((25, 13, 17)) * 10).astype("f4")
    data[3, 4, 5] = np.nan
    return xr.Dataset(
        {
            "t2m": (("time", "lat", "lon"), data, {"units": "K", "note": ["a", "é"], "big": 1e300, "levels": [1, 2]}),
            "count": (("time", "lat"), rng.integers(-5, 100, (25, 13)).astype("i2"), {"valid": 1}),
            "flag": (("time",), rng.random(25) > 0.5),
        },
        coords={
            "time": t,
            "lat": np.linspace(-30, 30, 13),
            "lon": np.linspace(0, 350, 17),
            "name": ("lat", [f"row {i} é" for i in range(13)]),
        },
        attrs={"title": "x", "n": 3},
    )


def make(folder):
    import zarr
    from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec, BytesCodec

    at = lambda name: os.path.join(folder, name)
    ds = cube()
    chunks = (7, 5, 6)
    ds.to_netcdf(at("plain.nc"), encoding={"t2m": {"zlib": True, "shuffle": True, "chunksizes": chunks}})
    ds.to_zarr(at("v3.zarr"), zarr_format=3, encoding={"t2m": {"chunks": chunks}})
    ds.to_zarr(at("v2.zarr"), zarr_format=2, encoding={"t2m": {"chunks": chunks}})
    # Not consolidated: the folders are walked.
    ds.to_zarr(at("walked2.zarr"), zarr_format=2, consolidated=False)
    ds.to_zarr(at("walked3.zarr"), zarr_format=3, consolidated=False)
    one = ds[["t2m"]]
    one.to_zarr(at("shards.zarr"), zarr_format=3, encoding={"t2m": {"chunks": (4, 5, 6), "shards": (8, 10, 12)}})
    lz4 = [BloscCodec(cname="lz4", shuffle="bitshuffle", typesize=4)]
    one.to_zarr(at("blosc.zarr"), zarr_format=3, encoding={"t2m": {"chunks": chunks, "compressors": lz4}})
    gzip = [GzipCodec(level=3), Crc32cCodec()]
    one.to_zarr(at("gzip.zarr"), zarr_format=3, encoding={"t2m": {"chunks": chunks, "compressors": gzip}})
    # Packed numbers, with the missing value of version 2's fill_value.
    packed = {"t2m": {"dtype": "i2", "scale_factor": 0.01, "add_offset": 5.0, "_FillValue": -32768, "chunks": chunks}}
    one.to_zarr(at("packed2.zarr"), zarr_format=2, encoding=packed)
    one.to_zarr(at("packed3.zarr"), zarr_format=3, encoding=packed)
    rng = np.random.default_rng(2)
    values = rng.standard_normal((10, 11))
    group = zarr.open_group(at("turned2.zarr"), mode="w", zarr_format=2)
    a = group.create_array(
        "f", shape=(10, 11), chunks=(4, 5), dtype=">f8", order="F", fill_value=-1.5,
        attributes={"_ARRAY_DIMENSIONS": ["y", "x"], "odd": float("nan")},
    )
    a[:8] = values[:8]
    group = zarr.open_group(at("turned3.zarr"), mode="w", zarr_format=3)
    a = group.create_array(
        "f", shape=(10, 11, 3), chunks=(4, 5, 2), dtype="f8", filters=[TransposeCodec(order=(1, 2, 0))],
        fill_value=float("nan"), dimension_names=["y", "x", "z"],
    )
    a[:8] = rng.standard_normal((8, 11, 3))
    # The index before the chunks, one shard missing, single chunks missing.
    inner = [BytesCodec(), ZstdCodec(level=1)]
    a = group.create_array(
        "g", shape=(10, 12), dtype="i4", fill_value=7, dimension_names=["y", "w"], chunks=(10, 4),
        serializer=ShardingCodec(chunk_shape=(5, 2), codecs=inner, index_location="start"), compressors=None,
    )
    a[:5, :4] = np.arange(20).reshape(5, 4)
    a[:, 8:] = 3
    group = zarr.open_group(at("nested.zarr"), mode="w", zarr_format=3)
    group.create_group("deep").create_array("h", data=np.arange(6, dtype="u2"), dimension_names=["k"])
    # A hierarchy that is one array, without names of dimensions.
    zarr.save_array(at("alone.zarr"), values.astype("c16"), zarr_format=3)


def read(path, group=None):
    engine = "zarr" if path.rstrip("/").endswith(".zarr") else None
    return xr.open_dataset(path, engine=engine, group=group)


def same(folder, pairs):
    for pair in pairs:
        names = [os.path.join(folder, name) for name in pair.split("=")]
        a, b = (read(name).load() for name in names)
        assert set(a.variables) == set(b.variables), (pair, list(a.variables), list(b.variables))
        for name in a.variables:
            x, y = a[name], b[name]
            assert x.dims == y.dims, (pair, name, x.dims, y.dims)
            kinds = {x.dtype.kind, y.dtype.kind}
            assert x.dtype == y.dtype or kinds <= set("OUT"), (pair, name, x.dtype, y.dtype)
            if kinds <= set("OUT"):
                assert (x.values.astype(object) == y.values.astype(object)).all(), (pair, name)
            else:
                assert x.values.tobytes() == y.values.tobytes(), (pair, name)
            skip = {"coordinates", "_FillValue"}
            left, right = ({k: v for k, v in d.attrs.items() if k not in skip} for d in (x, y))
            assert left.keys() == right.keys(), (pair, name, left, right)
            for key in left:
                assert np.array_equal(np.asarray(left[key]), np.asarray(right[key]), equal_nan=True) if np.asarray(
                    left[key]).dtype.kind == "f" else np.array_equal(left[key], right[key]), (pair, name, key)
        print("same", pair, len(a.variables))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2])
    elif sys.argv[1] == "same":
        same(sys.argv[2], sys.argv[3:])
    else:
        import zarr

        print("python", sys.version.split()[0], "zarr", zarr.__version__, "xarray", xr.__version__)
