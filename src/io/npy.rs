//! NumPy's `.npy`: one array, without names. It opens as a dataset with the variable `data` on the dimensions `dim_0`,
//! `dim_1`, …, which are xarray's names for axes without one.
//!
//! After NumPy Enhancement Proposal 1 and `numpy.lib.format`: magic, version, length of the header, the header (a Python
//! dictionary), then the elements as one run of bytes.

use super::index::StorageIndex;
use super::info::{DimInfo, FileInfo, VariableInfo};
use super::sniff::{open_unchanged, read_up_to};
use crate::dtype::{DType, Scalar, TimeUnit};
use crate::error::{Error, Result};
use crate::spec::{Attrs, FileId, Format, Layout, SourceSpec};

/// The first bytes of a file.
pub(crate) const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// The name of the one variable: the same for every file, so that many of them can be joined.
const VARIABLE: &str = "data";
/// The longest header: NumPy itself refuses more than 10,000 bytes.
const MOST_HEADER: u64 = 1 << 20;

/// The metadata of a file.
///
/// # Errors
/// Data when its header is damaged or the file is shorter than the header says; unsupported when there is no dtype here
/// for its elements.
pub(crate) fn open(id: FileId) -> Result<FileInfo> {
    let header = Header::read(&id)?;
    // Stored column by column is stored row by row with the axes in opposite order.
    let mut stored = header.shape.clone();
    if header.fortran_order {
        stored.reverse();
    }
    let dims = header.shape.iter().enumerate().map(|(axis, len)| DimInfo {
        name: format!("dim_{axis}"),
        len: *len,
        unlimited: false,
    });
    let dims: Vec<DimInfo> = dims.collect();
    let data = VariableInfo {
        name: VARIABLE.to_owned(),
        dims: dims.iter().map(|d| d.name.clone()).collect(),
        attrs: Attrs::default(),
        source: SourceSpec {
            file: id.clone(),
            format: Format::Npy,
            variable: VARIABLE.to_owned(),
            dtype: header.dtype,
            shape: stored,
            layout: Layout::Contiguous,
            big_endian: header.big_endian,
            fill: Scalar::zero(header.dtype),
            library_only: None,
        },
        fortran_order: header.fortran_order,
        texts: None,
        readable: None,
    };
    Ok(FileInfo {
        id,
        dims,
        attrs: Attrs::default(),
        variables: vec![data],
        left_out: Vec::new(),
    })
}

/// Where the elements lie.
///
/// # Errors
/// Those of [`open`].
pub(crate) fn index(spec: &SourceSpec) -> Result<StorageIndex> {
    Ok(StorageIndex::Contiguous {
        address: Some(Header::read(&spec.file)?.data),
    })
}

/// What is known about the array.
#[derive(Debug)]
struct Header {
    dtype: DType,
    big_endian: bool,
    fortran_order: bool,
    shape: Vec<usize>,
    /// The first byte of the elements.
    data: u64,
}

impl Header {
    fn read(id: &FileId) -> Result<Header> {
        let shown = id.path.display();
        let failed = |what: String| Error::data(format!("open: {shown}: {what}"));
        let truncated = || {
            failed(format!(
                "truncated: its {} bytes end inside its .npy header",
                id.bytes
            ))
        };
        let file = open_unchanged(id)?;
        let head = read_up_to(&file, 0, 12);
        let (Some(magic), Some([major, minor])) = (head.get(..6), head.get(6..8)) else {
            return Err(truncated());
        };
        if magic != MAGIC {
            return Err(failed("it is no .npy file any more".to_owned()));
        }
        let width = match (major, minor) {
            (1, 0) => 2,
            (2 | 3, 0) => 4,
            _ => {
                return Err(failed(format!(
                    "version {major}.{minor} of .npy; allowed are 1.0, 2.0 and 3.0"
                )));
            }
        };
        let len = head.get(8..8 + width).ok_or_else(truncated)?;
        let len = len.iter().rev().fold(0, |acc, b| acc << 8 | u64::from(*b));
        let (start, data) = (8 + width as u64, 8 + width as u64 + len);
        if data > id.bytes {
            return Err(truncated());
        }
        if len > MOST_HEADER {
            return Err(failed(format!(
                "a header of {len} bytes; the most are {MOST_HEADER}"
            )));
        }
        let text = read_up_to(&file, start, len as usize);
        let text = String::from_utf8_lossy(&text);
        let fields = Fields::parse(&text)
            .map_err(|why| failed(format!("its .npy header {}: {why}", quoted(&text))))?;
        let (dtype, big_endian) = dtype(&fields.descr).map_err(|why| {
            Error::unsupported(format!(
                "open: {shown} holds elements of the dtype {}: {why}",
                quoted(&fields.descr)
            ))
        })?;
        // Axes of no elements count, too, as in NumPy: the others must still make a size.
        let elements = (fields.shape.iter().filter(|n| **n > 0))
            .try_fold(dtype.size(), |product, n| product.checked_mul(*n))
            .filter(|bytes| *bytes <= isize::MAX as usize);
        let Some(bytes) = elements else {
            return Err(failed(format!(
                "the shape {:?} of {dtype} is more than 2^63 bytes",
                fields.shape
            )));
        };
        let bytes = if fields.shape.contains(&0) {
            0
        } else {
            bytes as u64
        };
        let stored = id.bytes - data;
        if stored < bytes {
            return Err(failed(format!(
                "truncated: the shape {:?} of {dtype} takes {bytes} bytes, {stored} follow the header",
                fields.shape
            )));
        }
        if stored > bytes {
            tracing::warn!(
                "{shown}: {} bytes after the array are left out",
                stored - bytes
            );
        }
        Ok(Header {
            dtype,
            big_endian,
            fortran_order: fields.fortran_order && fields.shape.len() > 1,
            shape: fields.shape,
            data,
        })
    }
}

/// The beginning of a text that may be long.
fn quoted(text: &str) -> String {
    const MOST: usize = 120;
    let start: String = text.trim_end().chars().take(MOST).collect();
    format!("{start:?}")
}

/// The dtype that NumPy calls `descr`, and whether it is big-endian; else why there is none here.
fn dtype(descr: &str) -> std::result::Result<(DType, bool), String> {
    if descr.starts_with(['[', '(', '{']) {
        return Err("structured; save each of its fields alone: np.save(path, a['name'])".into());
    }
    let unknown = || "no dtype of NumPy's that is known here".to_owned();
    let mut characters = descr.chars();
    let (order, kind, size) = (characters.next(), characters.next(), characters.as_str());
    let big_endian = match order {
        Some('<' | '|') => false,
        Some('>') => true,
        _ => return Err(unknown()),
    };
    let dtype = match (kind, size) {
        (Some('b'), "1") => DType::Bool,
        (Some('i'), "1") => DType::I8,
        (Some('i'), "2") => DType::I16,
        (Some('i'), "4") => DType::I32,
        (Some('i'), "8") => DType::I64,
        (Some('u'), "1") => DType::U8,
        (Some('u'), "2") => DType::U16,
        (Some('u'), "4") => DType::U32,
        (Some('u'), "8") => DType::U64,
        (Some('f'), "4") => DType::F32,
        (Some('f'), "8") => DType::F64,
        (Some('c'), "8") => DType::C64,
        (Some('c'), "16") => DType::C128,
        (Some('M'), size) => DType::Datetime(unit(size)?),
        (Some('m'), size) => DType::Timedelta(unit(size)?),
        (Some('f'), "2") => {
            return Err("float16; save it as float32: np.save(path, a.astype('f4'))".into());
        }
        (Some('f' | 'c'), "10" | "12" | "16" | "20" | "24" | "32") => {
            return Err("long double; save it as float64: np.save(path, a.astype('f8'))".into());
        }
        (Some('O'), _) => return Err("Python objects, which are pickled".into()),
        (Some('S' | 'U' | 'a'), _) => {
            return Err("texts; allowed are numbers, bool and times".into());
        }
        (Some('V'), _) => return Err("raw bytes; view them as numbers before saving".into()),
        _ => return Err(unknown()),
    };
    Ok((dtype, big_endian))
}

/// The unit of `8[ms]`.
fn unit(size: &str) -> std::result::Result<TimeUnit, String> {
    let code = size
        .strip_prefix("8[")
        .and_then(|rest| rest.strip_suffix(']'));
    (TimeUnit::ALL.into_iter())
        .find(|unit| Some(unit.code()) == code)
        .ok_or_else(|| {
            let codes = TimeUnit::ALL.map(TimeUnit::code).join(", ");
            format!(
                "times in another unit than {codes}; save it so: np.save(path, a.astype('M8[s]'))"
            )
        })
}

/// The dictionary of a header: exactly these three keys, in any order.
#[derive(Debug, Default, PartialEq)]
struct Fields {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Fields {
    fn parse(text: &str) -> std::result::Result<Fields, String> {
        let mut rest = Rest(text);
        rest.expect('{')?;
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        while !rest.accept('}') {
            let key = rest.text()?;
            rest.expect(':')?;
            let twice = match key {
                "descr" => descr.replace(rest.descr()?).is_some(),
                "fortran_order" => fortran_order.replace(rest.truth()?).is_some(),
                "shape" => shape.replace(rest.shape()?).is_some(),
                _ => {
                    return Err(format!(
                        "the key {key:?}; allowed are descr, fortran_order and shape"
                    ));
                }
            };
            if twice {
                return Err(format!("the key {key:?} twice"));
            }
            if !rest.accept(',') {
                rest.expect('}')?;
                break;
            }
        }
        if !rest.0.trim().is_empty() {
            return Err("more after its dictionary".into());
        }
        let lacks = |key: &str| format!("the key {key:?} is not there");
        Ok(Fields {
            descr: descr.ok_or_else(|| lacks("descr"))?,
            fortran_order: fortran_order.ok_or_else(|| lacks("fortran_order"))?,
            shape: shape.ok_or_else(|| lacks("shape"))?,
        })
    }
}

/// What is left of a header.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes a character, when it is the next one.
    fn accept(&mut self, wanted: char) -> bool {
        let rest = self.0.trim_start().strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, wanted: char) -> std::result::Result<(), String> {
        match self.accept(wanted) {
            true => Ok(()),
            false => Err(match self.0.trim_start().chars().next() {
                Some(found) => format!("{found:?} where {wanted:?} is due"),
                None => format!("it ends where {wanted:?} is due"),
            }),
        }
    }

    /// A text in quotes, without escapes.
    fn text(&mut self) -> std::result::Result<&'a str, String> {
        let quote = if self.accept('"') { '"' } else { '\'' };
        if quote == '\'' {
            self.expect(quote)?;
        }
        let Some((text, rest)) = self.0.split_once(quote) else {
            return Err("a text without an end".into());
        };
        self.0 = rest;
        Ok(text)
    }

    /// A dtype: a text, or a list of fields as it stands there.
    fn descr(&mut self) -> std::result::Result<String, String> {
        let all = self.0.trim_start();
        if !all.starts_with(['[', '(']) {
            return self.text().map(str::to_owned);
        }
        let mut depth = 0usize;
        for (at, character) in all.char_indices() {
            match character {
                '[' | '(' => depth += 1,
                ']' | ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.0 = &all[at + 1..];
                return Ok(all[..=at].to_owned());
            }
        }
        Err("a list of fields without an end".into())
    }

    fn truth(&mut self) -> std::result::Result<bool, String> {
        let all = self.0.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = all.strip_prefix(word) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err("fortran_order must be True or False".into())
    }

    fn shape(&mut self) -> std::result::Result<Vec<usize>, String> {
        self.expect('(')?;
        let mut shape = Vec::new();
        while !self.accept(')') {
            let all = self.0.trim_start();
            let digits = all.find(|c: char| !c.is_ascii_digit()).unwrap_or(all.len());
            let len = all[..digits].parse::<usize>();
            shape.push(len.map_err(|_| "a length in shape must be a whole number of 0 … 2^64-1")?);
            // NumPy of Python 2 wrote long integers so.
            self.0 = all[digits..].strip_prefix('L').unwrap_or(&all[digits..]);
            if !self.accept(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }
}
