//! The file of a picture: refused early, written under a temporary name, published whole.

use super::canvas::Canvas;
use crate::driver::Session;
use crate::error::{Error, Fault, Result};
use crate::io::check_file;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Where a picture will be; dropped before it is published it leaves nothing.
pub(super) struct Place {
    operation: &'static str,
    path: PathBuf,
    temporary: PathBuf,
    overwrite: bool,
}

impl Place {
    /// Checks the path, before anything is computed.
    pub(super) fn check(
        operation: &'static str,
        path: &Path,
        extension: &str,
        session: &Session,
    ) -> Result<Place> {
        if !path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case(extension))
        {
            return Err(Error::new(
                Fault::Output,
                format!(
                    "{operation}: {}: the format follows from the name, and this one is written as .{extension} alone",
                    path.display()
                ),
            ));
        }
        check_file(operation, path, session.overwrite())?;
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let part = format!(".{name}.hyperslab-{}.part", std::process::id());
        Ok(Place {
            operation,
            path: path.to_owned(),
            temporary: path.with_file_name(part),
            overwrite: session.overwrite(),
        })
    }

    pub(super) fn failed(&self, why: impl std::fmt::Display) -> Error {
        let text = format!("{}: writing {}: {why}", self.operation, self.path.display());
        Error::new(Fault::Io, text)
    }

    /// The file under its temporary name.
    pub(super) fn create(&self) -> Result<BufWriter<File>> {
        let file = File::create(&self.temporary).map_err(|e| self.failed(e))?;
        Ok(BufWriter::new(file))
    }

    /// Gives the complete file its name.
    pub(super) fn publish(self, file: BufWriter<File>, session: &Session) -> Result<()> {
        let file = file.into_inner().map_err(|e| self.failed(e.error()))?;
        file.sync_all().map_err(|e| self.failed(e))?;
        if !self.overwrite && self.path.symlink_metadata().is_ok() {
            return Err(self.failed("it appeared meanwhile; --overwrite replaces it"));
        }
        std::fs::rename(&self.temporary, &self.path).map_err(|e| self.failed(e))?;
        session.wrote(self.path.clone());
        Ok(())
    }

    /// Writes a canvas as PNG.
    pub(super) fn write_png(self, canvas: &Canvas, session: &Session) -> Result<()> {
        let mut out = self.create()?;
        let encoded = png(&mut out, canvas);
        encoded.map_err(|e| self.failed(e))?;
        out.flush().map_err(|e| self.failed(e))?;
        self.publish(out, session)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // After the rename there is none.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

fn png(out: &mut impl Write, canvas: &Canvas) -> std::result::Result<(), png::EncodingError> {
    let (width, height) = canvas.size();
    let mut encoder = png::Encoder::new(out, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Cells, bars and paper are runs of one colour: they pack best as they are.
    encoder.set_filter(png::FilterType::NoFilter);
    encoder.set_compression(png::Compression::Best);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(canvas.rgb())?;
    writer.finish()
}
