//! What is known about a file before its data are read: plain data, the same for every format.

use crate::spec::{Attrs, FileId, SourceSpec};
use serde::{Deserialize, Serialize};

/// A dimension of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DimInfo {
    /// Its name; inside a nested group `group/name`.
    pub name: String,
    /// Its length.
    pub len: usize,
    /// True when the file may grow along it.
    pub unlimited: bool,
}

/// The values of a text variable, in row-major order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// Lengths per axis; the axis of the characters of a char array is gone.
    pub shape: Vec<usize>,
    /// One text per element.
    pub values: Vec<String>,
}

/// A variable of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariableInfo {
    /// Its name; inside a nested group `group/name`.
    pub name: String,
    /// Names of its dimensions.
    pub dims: Vec<String>,
    /// Its attributes, `_FillValue` among them.
    pub attrs: Attrs,
    /// What a rank needs to read it; for texts only its shape means something.
    pub source: SourceSpec,
    /// True when it is stored column by column: the axes of `source` are those of `dims` in opposite order.
    pub fortran_order: bool,
    /// The values, when it is a small text variable.
    pub texts: Option<Texts>,
    /// Why its numbers cannot be read, when they cannot: texts, compounds, an unknown filter.
    pub readable: Option<String>,
}

/// All that is known about a file without reading its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Which version of the file was seen.
    pub id: FileId,
    /// Dimensions, in the file's order.
    pub dims: Vec<DimInfo>,
    /// Global attributes, of the opened group.
    pub attrs: Attrs,
    /// Variables, in the file's order; those of nested groups follow as `group/name`.
    pub variables: Vec<VariableInfo>,
    /// Objects that could not be opened at all, with the library's reason: to explain an unknown variable.
    pub left_out: Vec<(String, String)>,
}

impl VariableInfo {
    /// Its lengths, in the order of `dims`.
    pub fn shape(&self) -> Vec<usize> {
        let mut shape = self.source.shape.clone();
        if self.fortran_order {
            shape.reverse();
        }
        shape
    }
}

impl FileInfo {
    /// The variable of this name.
    pub fn variable(&self, name: &str) -> Option<&VariableInfo> {
        self.variables.iter().find(|v| v.name == name)
    }
}
