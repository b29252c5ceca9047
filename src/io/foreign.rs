//! Files of formats that are not read here, by their first bytes: what they look like, and what makes them readable.

/// What a file with this beginning looks like.
pub(super) fn looks_like(head: &[u8]) -> String {
    let tiff = "gdal_translate -of netCDF -co FORMAT=NC4 in.tif out.nc";
    let known: [(&[u8], &str, &str); 27] = [
        (b"II*\0", "TIFF", tiff),
        (b"MM\0*", "TIFF", tiff),
        (b"II+\0", "BigTIFF", tiff),
        (b"MM\0+", "BigTIFF", tiff),
        (b"BUFR", "BUFR", ""),
        (b"\x0e\x03\x13\x01", "HDF4", "h4toh5convert in.hdf out.h5"),
        (
            b"SIMPLE  =",
            "FITS",
            "gdal_translate -of netCDF -co FORMAT=NC4 in.fits out.nc",
        ),
        (
            b"MATLAB 5.0 MAT-file",
            "MATLAB before version 7.3",
            "save('out.mat', '-v7.3') in MATLAB",
        ),
        (
            b"PAR1",
            "Parquet",
            "xarray's to_netcdf after pandas.read_parquet(...).to_xarray()",
        ),
        (
            b"ARROW1",
            "Arrow",
            "xarray's to_netcdf after pandas.read_feather(...).to_xarray()",
        ),
        (b"\x80\x03", "a Python pickle", "numpy.save of its array"),
        (b"\x80\x04", "a Python pickle", "numpy.save of its array"),
        (b"\x80\x05", "a Python pickle", "numpy.save of its array"),
        (b"\x1f\x8b", "gzip", "gunzip"),
        (b"BZh", "bzip2", "bunzip2"),
        (b"\xfd7zXZ\0", "xz", "unxz"),
        (b"\x28\xb5\x2f\xfd", "zstd", "unzstd"),
        (b"%PDF", "PDF", ""),
        (b"\x89PNG", "a PNG image", ""),
        (b"\xff\xd8\xff", "a JPEG image", ""),
        (b"GIF8", "a GIF image", ""),
        (
            b"\0\0\0\x0cjP  ",
            "a JPEG 2000 image",
            "gdal_translate -of netCDF -co FORMAT=NC4 in.jp2 out.nc",
        ),
        (b"\x7fELF", "a program", ""),
        (b"#!", "a script", ""),
        (
            b"netcdf ",
            "CDL, the text of ncdump",
            "ncgen -k nc4 -o out.nc in.cdl",
        ),
        (
            b"ENVI",
            "the header of ENVI",
            "gdal_translate -of netCDF -co FORMAT=NC4 in out.nc",
        ),
        (
            b"DSET",
            "the description of GrADS",
            "cdo -f nc4 import_binary in.ctl out.nc",
        ),
    ];
    if head.starts_with(b"version https://git-lfs") {
        return "it is a Git LFS pointer, not the data (git lfs pull)".into();
    }
    if let Some(at) = head.windows(4).position(|four| four == b"GRIB") {
        // Bulletins of the weather services begin with a line of text.
        let edition = head.get(at + 7).filter(|e| [1, 2].contains(*e));
        let edition = edition.map_or(String::new(), |e| format!(" of edition {e}"));
        return format!(
            "it looks like GRIB{edition} (make it readable: cdo -f nc4 copy in.grib out.nc)"
        );
    }
    if head.starts_with(b"PK\x03\x04") {
        let first = head.get(30..).unwrap_or_default();
        return match first.windows(4).take(60).any(|four| four == b".npy") {
            true => "it looks like NumPy's .npz (save each array alone: numpy.save)".into(),
            false => "it looks like a zip archive (unpack it first)".into(),
        };
    }
    if head.get(257..262) == Some(b"ustar") {
        return "it looks like a tar archive (unpack it first)".into();
    }
    if let Some((_, name, how)) = known.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return match *how {
            "" => format!("it looks like {name}"),
            how => format!("it looks like {name} (make it readable: {how})"),
        };
    }
    text(head).unwrap_or_else(|| {
        let shown: Vec<String> = head.iter().take(8).map(|b| format!("{b:02x}")).collect();
        format!("it begins with the bytes {}", shown.join(" "))
    })
}

/// What a text looks like; `None` when it is none that is known.
fn text(head: &[u8]) -> Option<String> {
    let start = String::from_utf8_lossy(head);
    let start = start.trim_start_matches('\u{feff}').trim_start();
    let lower = start.to_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return Some("it looks like an HTML page (a failed download or a login page)".into());
    }
    if start.starts_with('<') {
        return Some("it looks like XML".into());
    }
    if start.starts_with('{') {
        return Some("it looks like JSON".into());
    }
    // A table: its first lines have the same separators.
    let is_text =
        !start.contains(|c: char| c.is_control() && !c.is_whitespace() || c == '\u{fffd}');
    let mut lines = start.lines();
    let (first, second) = (lines.next()?, lines.next()?);
    let columns = |line: &str, by: char| line.matches(by).count();
    let by = [',', ';', '\t'].into_iter().find(|by| {
        let found = columns(first, *by);
        // The second line may be cut.
        found > 0 && (columns(second, *by) == found || lines.clone().next().is_none())
    });
    (is_text && by.is_some()).then(|| {
        "it looks like CSV, a table of text (make it readable: xarray's to_netcdf after pandas.read_csv(...).to_xarray())"
            .into()
    })
}
