#!/usr/bin/env python3
"""Checks files that hyperslab wrote (tests/written.rs) with the readers that people use: netCDF4-python, xarray with both
engines, ncdump, h5dump and cdo where they are installed.

Run: python tests/golden/check_written.py FOLDER           cube.nc and cube3.nc, written by 1 and by 3 ranks
     python tests/golden/check_written.py --real FOLDER SHARED   results over the files of SHARED, by 1 and by 3 ranks
"""
import pathlib, shutil, subprocess, sys
import numpy as np
import netCDF4
import xarray as xr

REAL = sys.argv[1] == "--real"
folder = pathlib.Path(sys.argv[2 if REAL else 1])
T, Y, X = 11, 23, 17
TEXTS = ["", "plain zone", "zone é", "日本", "🛰 4"]


def index(*shape):
    return np.indices(shape)


def expected():
    t, y, x = index(T, Y, X)
    plain = (t * 1000 + y * 20 + x).astype("f4") / 8
    holes = plain.copy()
    holes[(t + y + x) % 7 == 0] = np.nan
    return dict(
        plain=plain, holes=holes.astype("f8"), packed=(t * 31 + y * 7 + x).astype("i2"), late=(t - y * 3 + x).astype("i4"),
        flag=(t + y + x) % 3 == 0, bytes=((t + y + x) % 250).astype("u1"), big=(t * 1000 + x).astype("u8") * 2**40,
        when=(np.datetime64("2020-01-01", "s") + (t[:, :, 0] * 86400 + y[:, :, 0]).astype("m8[s]")),
        lag=(t[:, :, 0] * 60 - y[:, :, 0]).astype("m8[s]"), total=np.float64(plain.astype("f8").sum()), kinds=np.full(5, 1.5),
    )


def check(path, engine):
    want = expected()
    with xr.open_dataset(path, engine=engine) as ds:
        ds.load()
        assert ds.attrs["Conventions"].startswith("CF-1."), ds.attrs
        assert ds.attrs["title"] == "written — by hyperslab", ds.attrs
        assert dict(ds.sizes) == dict(time=T, y=Y, x=X, kind=5), ds.sizes
        times = np.datetime64("2020-02-08T23:56:31") + np.arange(T) * np.timedelta64(8, "D")
        assert (ds.time.values == times).all(), ds.time.values
        assert ds.y.attrs == dict(units="m", standard_name="projection_y_coordinate"), ds.y.attrs
        assert (ds.y.values == 100.5 - 2.5 * np.arange(Y)).all() and (ds.x.values == np.arange(X) * 10).all()
        assert ds.x.dtype == np.dtype("i4")
        assert [str(v) for v in ds.zone.values] == [TEXTS[i % 5] for i in range(Y)], ds.zone.values
        assert list(ds.kind.values) == TEXTS and ds.kinds.dims == ("kind",), ds.kind.values
        assert ds.zone.dims == ("y",) and "zone" in ds.plain.coords and "level" in ds.plain.coords, ds.plain.coords
        assert float(ds.level) == 2.0 and ds.sensor.item() == "été 日本 🛰", ds.sensor
        for name, value in want.items():
            ours = ds[name].values
            assert ours.shape == np.shape(value), (name, ours.shape)
            if name in ("when", "lag"):
                assert (ours == value).all(), (name, ours, value)
                continue
            assert ours.dtype == np.asarray(value).dtype, (name, ours.dtype)
            np.testing.assert_array_equal(ours, value, err_msg=name)
        assert ds.plain.attrs["units"] == "K" and ds.plain.attrs["levels"].tolist() == [1, 2, 3], ds.plain.attrs
        assert np.isnan(ds.plain.encoding["_FillValue"]), ds.plain.encoding


def check_storage(path):
    with netCDF4.Dataset(path) as ds:
        ds.set_auto_maskandscale(False)
        assert ds.data_model == "NETCDF4"
        assert ds["plain"].chunking() == "contiguous", ds["plain"].chunking()
        assert ds["packed"].chunking() == [4, 9, 6], ds["packed"].chunking()
        assert ds["packed"].filters()["zlib"] and ds["packed"].filters()["shuffle"], ds["packed"].filters()
        assert ds["late"].chunking() == [11, 5, 3], ds["late"].chunking()
        assert ds["flag"].dtype == np.dtype("i1") and ds["flag"].getncattr("dtype") == "bool"
        assert ds["plain"].dimensions == ("time", "y", "x")
        for name in ("time", "y", "x"):
            assert ds[name].dimensions == (name,) and "_FillValue" not in ds[name].ncattrs()


def run(*command):
    if shutil.which(command[0]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout
    print("not installed:", command[0])
    return None


def dumped(path):
    """Every number as h5dump has it: HDF5's own tool, with its own filters."""
    want = expected()
    for name in ("plain", "packed", "late", "bytes", "big", "flag"):
        raw = folder / "dumped.bin"
        raw.unlink(missing_ok=True)
        if run("h5dump", "-d", f"/{name}", "-b", "LE", "-o", str(raw), str(path)) is None:
            return
        value = want[name].astype("i1") if name == "flag" else want[name]
        assert raw.read_bytes() == value.astype(value.dtype.newbyteorder("<")).tobytes(), name
    head = run("h5dump", "-p", "-H", "-d", "/packed", str(path))
    assert "COMPRESSION DEFLATE" in head and "PREPROCESSING SHUFFLE" in head and "CHUNKED ( 4, 9, 6 )" in head, head
    texts = run("h5dump", "-d", "/zone", str(path))
    assert "H5T_CSET_UTF8" in texts and '"plain zone"' in texts, texts
    scales = run("h5dump", "-A", "-d", "/time", str(path))
    assert "DIMENSION_SCALE" in scales, scales


def real(shared):
    """Results over real files: computed on 1 and on 3 ranks."""
    def near(ours, want, what, exact=False):
        a, b = np.asarray(ours.values), np.asarray(want.values)
        assert a.shape == b.shape, (what, a.shape, b.shape)
        assert (np.isnan(a) == np.isnan(b)).all(), what
        scale = np.nanmax(np.abs(b))
        worst = np.nanmax(np.abs(a - b)) / scale
        assert worst <= (0 if exact else 1e-6), (what, worst)

    tmmx = xr.open_dataset(shared / "tmmx_20190121.nc")
    basin = xr.open_dataset(shared / "basin_mask.nc")
    v, b = tmmx.air_temperature, basin.basin
    for ranks in (1, 3):
        ours = xr.open_dataset(folder / f"real_tmmx{ranks}.nc")
        w = v.astype("f8")
        near(ours.mean_lat, w.mean("lat"), "tmmx mean")
        near(ours.max_lon, v.max("lon"), "tmmx max", exact=v.dtype == ours.max_lon.dtype)
        near(ours.mean_all, w.mean(), "tmmx mean of all")
        band = xr.DataArray((np.arange(v.sizes["lat"]) // 50).astype("i4"), dims="lat", name="band")
        near(ours.bands.transpose("band", "lon"), w.groupby(band).mean("lat").transpose("band", "lon"), "tmmx bands")
        ours = xr.open_dataset(folder / f"real_basin{ranks}.nc")
        near(ours.max_z, b.max("Z"), "basin max", exact=True)
        near(ours.mean_x, b.astype("f8").mean("X"), "basin mean")
        near(ours.by_z.transpose("half", "Y", "X"), b.astype("f8").groupby(xr.DataArray(np.arange(b.sizes["Z"]) % 2, dims="Z", name="half")).mean("Z").transpose("half", "Y", "X"), "basin groups")
    print("real files agree on 1 and 3 ranks")


def season():
    """The main job against xarray over the same cube, and what CDO makes of its output."""
    with xr.open_dataset(folder / "landsat.nc") as ds, xr.open_dataset(folder / "season.nc") as ours:
        clear = (ds.qa_pixel & 0b10011001) == 0
        nir, red = ds.nir08.where(clear), ds.red.where(clear)
        want = ((nir - red) / (nir + red)).groupby("time.season").mean("time")
        assert list(ours.season.values) == list(want.season.values), ours.season
        assert ours.ndvi.dims == ("season", "y", "x") and ours.ndvi.dtype == np.dtype("f4"), ours.ndvi
        a, b = ours.ndvi.values, want.transpose("season", "y", "x").values
        assert (np.isnan(a) == np.isnan(b)).all() and np.isnan(b).any() == np.isnan(a).any()
        assert np.nanmax(np.abs(a - b)) <= 2e-6, np.nanmax(np.abs(a - b))
    if shutil.which("cdo"):
        done = subprocess.run(["cdo", "-s", "showname", str(folder / "season.nc")], capture_output=True, text=True)
        assert done.returncode == 0 and "ndvi" in done.stdout, done.stdout + done.stderr
    text = run("ncdump", "-h", str(folder / "season.nc"))
    assert text is None or "float ndvi(season, y, x)" in text, text


def written():
    for name in ("cube.nc", "cube3.nc"):
        path = folder / name
        for engine in ("netcdf4", "h5netcdf"):
            try:
                __import__({"netcdf4": "netCDF4"}.get(engine, engine))
            except ImportError:
                print("not installed:", engine)
                continue
            check(path, engine)
        check_storage(path)
        dumped(path)
        with netCDF4.Dataset(path) as ds:
            assert ds["kind"][...].tolist() == TEXTS and ds["kind"].dtype == "S1", ds["kind"]
        text = run("ncdump", "-h", str(path))
        assert text is None or ("float plain(time, y, x)" in text and "string zone(y)" in text and "char kind(kind, string10)" in text), text
        # CDO 2.1 passes over texts of no other form at these places: no variable is lost for them.
        text = run("cdo", "-s", "showname", str(path))
        assert text is None or set(text.split()) == set(expected()), text
        text = run("cdo", "-s", "ntime", str(path))
        assert text is None or text.split() == [str(T)], text
    with netCDF4.Dataset(folder / "cube.nc") as a, netCDF4.Dataset(folder / "cube3.nc") as b:
        for name in a.variables:
            a[name].set_auto_maskandscale(False), b[name].set_auto_maskandscale(False)
            x, y = np.asarray(a[name][...]), np.asarray(b[name][...])
            assert x.tobytes() == y.tobytes() if x.dtype.kind != "O" else (x == y).all(), name
    season()
    print("written files are as expected")


real(pathlib.Path(sys.argv[3])) if REAL else written()
