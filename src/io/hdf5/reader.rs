//! A file's groups, datasets and attributes, read here; what has a form that is not known here is asked of the HDF5 library,
//! with a note in the log. What is damaged never reaches the library: it is an error at once.

use super::attributes::{Attribute, Value, attributes};
use super::bytes::Bytes;
use super::dataset::Dataset;
use super::datatype::{Type, number_type};
use super::groups::{self, Target};
use super::header::Header;
use super::raw::{self, Handle, Kind};
use super::superblock;
use crate::error::{Fault, Result};
use crate::spec::FileId;
use std::cell::OnceCell;

/// An opened file.
pub(crate) struct Reader {
    pub(crate) bytes: Bytes,
    /// Address of the root group's header.
    pub(crate) root: u64,
    /// Why nothing of it can be parsed here, when that is so.
    foreign: Option<String>,
    library: OnceCell<Handle>,
}

/// The attributes of one object.
pub(crate) struct AttributeList {
    /// File and object, for errors.
    bytes: Bytes,
    address: u64,
    list: Listed,
}

enum Listed {
    Parsed(Vec<Attribute>),
    /// Names alone: the library reads the values.
    Names(Vec<String>),
}

impl Reader {
    /// Opens the file; `place` names what is read of it.
    ///
    /// # Errors
    /// Data when it changed since it was described, or its superblock is damaged; no input when it is gone.
    pub(crate) fn open(id: &FileId, place: &str) -> Result<Reader> {
        let (bytes, root, foreign) = superblock::open(id, place)?;
        Ok(Reader {
            bytes,
            root,
            foreign,
            library: OnceCell::new(),
        })
    }

    /// The object at `address`, opened by the library.
    pub(crate) fn by_library(&self, address: u64) -> Result<Handle> {
        if !self.bytes.has_library() {
            return Err(self.bytes.unknown("the library is not asked"));
        }
        let failed = |why: String| self.bytes.failed(why);
        let library = match self.library.get() {
            Some(library) => library,
            None => {
                let library = raw::open_file(self.bytes.path()).map_err(failed)?;
                self.library.get_or_init(|| library)
            }
        };
        raw::open_by_address(library, address).map_err(failed)
    }

    /// What is parsed here, or what the library says where the form is not known here.
    fn known<T>(
        &self,
        file: &Bytes,
        address: u64,
        parse: impl FnOnce(&Bytes) -> Result<T>,
        ask: impl FnOnce(Handle) -> raw::Raw<T>,
    ) -> Result<T> {
        let why = match &self.foreign {
            Some(why) => why.clone(),
            None => match parse(file) {
                Err(e) if e.fault() == Fault::Unsupported => e.message().to_owned(),
                result => return result,
            },
        };
        tracing::info!("the HDF5 library is asked, which is slow: {why}");
        ask(self.by_library(address)?).map_err(|why| file.failed(why))
    }

    /// What the object at `address` is.
    pub(crate) fn kind(&self, place: &str, address: u64) -> Result<Kind> {
        let file = &self.bytes.at(place);
        self.known(
            file,
            address,
            |file| Ok(groups::kind(&Header::read(file, address)?)),
            |object| Ok(raw::kind(&object)),
        )
    }

    /// The links of the group at `address`, in order of creation where the file knows it: name and address of the object,
    /// or why there is none.
    pub(crate) fn links(
        &self,
        place: &str,
        address: u64,
    ) -> Result<Vec<(String, std::result::Result<u64, String>)>> {
        let file = &self.bytes.at(place);
        self.known(
            file,
            address,
            |file| {
                let links = groups::links(file, &Header::read(file, address)?)?;
                let target = |target| match target {
                    Target::Hard(object) => Ok(Ok(object)),
                    Target::Soft(path) => match groups::resolve(file, self.root, address, &path) {
                        Ok(Some(object)) => Ok(Ok(object)),
                        Ok(None) => Ok(Err(format!("a soft link to {path}, which is not there"))),
                        Err(e) if e.is_data() => Ok(Err(e.message().to_owned())),
                        Err(e) => Err(e),
                    },
                };
                links
                    .into_iter()
                    .map(|(name, to)| Ok((name, target(to)?)))
                    .collect()
            },
            |group| {
                let names = raw::links(&group)?.into_iter();
                Ok(names
                    .map(|name| {
                        let address = raw::open_object(&group, &name)
                            .and_then(|(object, _)| raw::header_address(&object));
                        (name, address)
                    })
                    .collect())
            },
        )
    }

    /// The object at `path` from the root; `None` when there is none.
    pub(crate) fn find(&self, path: &str) -> Result<Option<u64>> {
        self.known(
            &self.bytes,
            self.root,
            |file| groups::resolve(file, self.root, self.root, path),
            |root| {
                let (object, _) = raw::open_object(&root, path)?;
                raw::header_address(&object).map(Some)
            },
        )
    }

    /// The dataset at `address`.
    pub(crate) fn dataset(&self, place: &str, address: u64) -> Result<Dataset> {
        let file = &self.bytes.at(place);
        self.known(
            file,
            address,
            |file| Dataset::parse(file, address, &Header::read(file, address)?),
            |object| Dataset::by_library(object, address),
        )
    }

    /// The dataset at `path` from the root.
    pub(crate) fn dataset_at(&self, path: &str) -> Result<Dataset> {
        let place = self.bytes.place().to_owned();
        match self.find(path)? {
            Some(address) if self.kind(&place, address)? == Kind::Dataset => {
                self.dataset(&place, address)
            }
            Some(_) => Err(self.bytes.failed("it is no dataset")),
            None => Err(self.bytes.failed("there is no object of this name")),
        }
    }

    /// The attributes of the object at `address`.
    pub(crate) fn attributes(&self, place: &str, address: u64) -> Result<AttributeList> {
        let file = self.bytes.at(place);
        let list = self.known(
            &file,
            address,
            |file| {
                let header = Header::read(file, address)?;
                attributes(file, &header).map(Listed::Parsed)
            },
            |object| raw::attribute_names(&object).map(Listed::Names),
        )?;
        Ok(AttributeList {
            bytes: file,
            address,
            list,
        })
    }

    /// The value of an attribute; `None` when there is none of this name.
    pub(crate) fn value(&self, of: &AttributeList, name: &str) -> Result<Option<Value>> {
        let names = match &of.list {
            Listed::Parsed(list) => {
                let found = list.iter().find(|a| a.name == name);
                return found
                    .map(|attribute| attribute.value(&of.bytes))
                    .transpose();
            }
            Listed::Names(names) => names,
        };
        if !names.iter().any(|n| n == name) {
            return Ok(None);
        }
        let ask = |object: Handle| {
            let attribute = raw::attribute(&object, name)?;
            match &attribute.shape.kind {
                Type::VariableString => Ok(Value::Other(
                    "texts of any length, in a form that is not known here".into(),
                )),
                Type::FixedString { .. } => {
                    let scalar = attribute.shape.dims.as_ref().is_none_or(Vec::is_empty);
                    Ok(Value::Texts(raw::read_texts(&attribute)?, scalar))
                }
                kind => match number_type(kind) {
                    Ok((dtype, _)) => Ok(Value::Numbers(
                        dtype,
                        raw::read_numbers(&attribute, dtype.physical())?,
                    )),
                    Err(why) => Ok(Value::Other(why)),
                },
            }
        };
        let value = ask(self.by_library(of.address)?);
        value.map(Some).map_err(|why: String| of.bytes.failed(why))
    }
}

impl AttributeList {
    /// Their names, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        match &self.list {
            Listed::Parsed(list) => list.iter().map(|a| a.name.clone()).collect(),
            Listed::Names(names) => names.clone(),
        }
    }
}
