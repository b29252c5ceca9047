//! Raw calls of the HDF5 C library: the only unsafe code of `io`.
//!
//! Laws: every call runs under the library's one lock (`hdf5::sync::sync`), which also silences its printing of errors;
//! every identifier is owned by a [`Handle`], which closes it; every function checks the return code and gives the
//! library's innermost description of a failure as text; no pointer leaves this file. Files are opened with locking off.
//! Longer than other files, because unsafe code stays in one place.

#![allow(deprecated)] // calls that HDF5 1.12 renamed, present in every version

use super::attributes::MOST_SMALL;
use super::datatype::{COMPLEX_PARTS, Type};
use super::messages::RawFilter;
use super::texts::text_of;
use crate::dtype::Physical;
use hdf5::sync::sync;
use hdf5_sys::h5::{H5_index_t, H5_iter_order_t, hsize_t};
use hdf5_sys::h5a::{H5A_info_t, H5Acreate2, H5Aget_space, H5Aget_type, H5Aiterate2, H5Aopen};
use hdf5_sys::h5a::{H5Aread, H5Awrite};
use hdf5_sys::h5d::{
    H5D_alloc_time_t, H5D_fill_time_t, H5D_fill_value_t, H5D_layout_t, H5Dcreate2,
    H5Dget_chunk_info, H5Dget_chunk_info_by_coord, H5Dget_create_plist, H5Dget_num_chunks,
    H5Dget_offset, H5Dget_space, H5Dget_type, H5Dread, H5Dwrite, H5Dwrite_chunk,
};
use hdf5_sys::h5e::{H5E_DEFAULT, H5E_direction_t, H5E_error2_t, H5Ewalk2};
use hdf5_sys::h5f::H5F_scope_t;
use hdf5_sys::h5f::{
    H5F_ACC_EXCL, H5F_ACC_RDONLY, H5F_ACC_RDWR, H5F_libver_t, H5Fcreate, H5Fflush, H5Fopen,
};
use hdf5_sys::h5i::{H5I_type_t, H5Idec_ref, H5Iget_type, hid_t};
use hdf5_sys::h5l::{H5L_info_t, H5L_type_t, H5Literate};
use hdf5_sys::h5o::{H5O_info1_t, H5Oget_info1, H5Oopen, H5Oopen_by_addr};
use hdf5_sys::h5p::*;
use hdf5_sys::h5s::{
    H5S_class_t, H5S_seloper_t, H5Screate, H5Screate_simple, H5Sget_simple_extent_dims,
    H5Sget_simple_extent_ndims, H5Sget_simple_extent_type, H5Sselect_hyperslab,
};
use hdf5_sys::h5t::*;
use hdf5_sys::h5z::H5Zfilter_avail;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::path::Path;

/// A failed call: the library's words.
pub(crate) type Raw<T> = Result<T, String>;

/// Never allocated.
pub(crate) const UNDEFINED: u64 = u64::MAX;
/// No limit of an axis.
pub(crate) const UNLIMITED: u64 = u64::MAX;
/// The most axes of a dataset.
const MAX_RANK: usize = 32;

/// An identifier of the library, closed on drop.
#[derive(Debug)]
pub(crate) struct Handle(hid_t);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the identifier is valid and owned by this handle alone.
        sync(|| unsafe { H5Idec_ref(self.0) });
    }
}

impl Handle {
    /// Closes now, to see whether that fails (a file writes its cache when it closes).
    pub(crate) fn close(self) -> Raw<()> {
        let id = self.0;
        std::mem::forget(self);
        // SAFETY: the identifier is valid, and forgotten by its handle.
        code(|| unsafe { H5Idec_ref(id) })
    }
}

/// The innermost description on the library's error stack. Under the lock.
fn last_error() -> String {
    extern "C" fn visit(n: c_uint, error: *const H5E_error2_t, text: *mut c_void) -> c_int {
        if n == 0 {
            // SAFETY: the library passes a valid record, and `text` is the String given below.
            unsafe {
                let desc = (*error).desc;
                if !desc.is_null() {
                    *text.cast::<String>() = CStr::from_ptr(desc).to_string_lossy().into_owned();
                }
            }
        }
        0
    }
    let mut text = String::new();
    // SAFETY: `visit` matches the type asked for; `text` outlives the call.
    unsafe {
        H5Ewalk2(
            H5E_DEFAULT,
            H5E_direction_t::H5E_WALK_UPWARD,
            Some(visit),
            (&raw mut text).cast::<c_void>(),
        )
    };
    // System failures come with the time, the file and pointers: keep what happened and why.
    let why = text
        .split_once("error message = '")
        .and_then(|(_, rest)| rest.split_once('\''));
    if let (Some((why, _)), Some((what, _))) = (why, text.split_once(':')) {
        return format!("{what}: {why}");
    }
    if text.is_empty() {
        "unknown HDF5 failure".to_owned()
    } else {
        text
    }
}

fn code(call: impl FnOnce() -> c_int) -> Raw<()> {
    sync(|| {
        if call() < 0 {
            Err(last_error())
        } else {
            Ok(())
        }
    })
}

fn id(call: impl FnOnce() -> hid_t) -> Raw<Handle> {
    sync(|| {
        let id = call();
        if id < 0 {
            Err(last_error())
        } else {
            Ok(Handle(id))
        }
    })
}

fn c_string(text: &str) -> Raw<CString> {
    CString::new(text).map_err(|_| format!("the name {text:?} contains a zero byte"))
}

fn c_path(path: &Path) -> Raw<CString> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes()).map_err(|_| "the path contains a zero byte".into())
}

/// Version of the linked library, `1.10.8`.
pub(crate) fn library_version() -> String {
    let v = hdf5::library_version();
    format!("{}.{}.{}", v.0, v.1, v.2)
}

/// Prepares this process for writing; to be called before MPI starts.
///
/// A library that finds MPI running asks `MPI_Finalize` to end it, and then closes every file that is still open. A file
/// whose last bytes found no room cannot be closed: the library (1.10.8) frees it but keeps its identifier, and would
/// follow that into freed memory, after the job has failed in good order and before its message is printed. A library
/// that starts first is never ended; nothing is lost, since every file is closed by its [`Handle`].
///
/// A write beyond the limit of file sizes (`ulimit -f`, set by some batch systems) shall be an error as a full disk is,
/// not the signal that ends a process without a word: CPython ignores it, too. `mpirun` sets signals back for its ranks,
/// so this cannot be left to the shell.
pub(crate) fn start() {
    sync(|| ());
    // SAFETY: no handler is installed; the disposition of one signal is set.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

fn access_list() -> Raw<Handle> {
    // SAFETY: a property list of a class of the library; plain arguments.
    let list = id(|| unsafe { H5Pcreate(*H5P_CLS_FILE_ACCESS) })?;
    // SAFETY: as above.
    code(|| unsafe { H5Pset_file_locking(list.0, 0, 1) })?;
    Ok(list)
}

/// Opens a file for reading, without locking it.
pub(crate) fn open_file(path: &Path) -> Raw<Handle> {
    let (path, access) = (c_path(path)?, access_list()?);
    // SAFETY: a zero-terminated path and a valid list.
    id(|| unsafe { H5Fopen(path.as_ptr(), H5F_ACC_RDONLY, access.0) })
}

/// Creates a file that must not exist, readable by HDF5 1.8, with creation order of its links and attributes.
pub(crate) fn create_file(path: &Path) -> Raw<Handle> {
    let (path, access) = (c_path(path)?, access_list()?);
    // SAFETY: property lists of classes of the library, plain arguments, a zero-terminated path.
    unsafe {
        code(|| {
            H5Pset_libver_bounds(
                access.0,
                H5F_libver_t::H5F_LIBVER_V18,
                hdf5_sys::h5f::H5F_LIBVER_LATEST,
            )
        })?;
        let create = id(|| H5Pcreate(*H5P_CLS_FILE_CREATE))?;
        code(|| H5Pset_link_creation_order(create.0, TRACKED))?;
        code(|| H5Pset_attr_creation_order(create.0, TRACKED))?;
        // Without times a file is the same bytes whenever and on whatever ranks it was written.
        code(|| H5Pset_obj_track_times(create.0, 0))?;
        id(|| H5Fcreate(path.as_ptr(), H5F_ACC_EXCL, create.0, access.0))
    }
}

/// Opens a file that `create_file` has made, to write on.
pub(crate) fn open_for_writing(path: &Path) -> Raw<Handle> {
    let (path, access) = (c_path(path)?, access_list()?);
    // SAFETY: a property list of a class of the library, plain arguments, a zero-terminated path.
    unsafe {
        code(|| {
            H5Pset_libver_bounds(
                access.0,
                H5F_libver_t::H5F_LIBVER_V18,
                hdf5_sys::h5f::H5F_LIBVER_LATEST,
            )
        })?;
        id(|| H5Fopen(path.as_ptr(), H5F_ACC_RDWR, access.0))
    }
}

/// `H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED`.
const TRACKED: c_uint = 3;

/// Writes the library's caches to the file.
pub(crate) fn flush(file: &Handle) -> Raw<()> {
    // SAFETY: a valid identifier.
    code(|| unsafe { H5Fflush(file.0, H5F_scope_t::H5F_SCOPE_LOCAL) })
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Group,
    Dataset,
    Other,
}

/// Opens an object by its path.
pub(crate) fn open_object(at: &Handle, path: &str) -> Raw<(Handle, Kind)> {
    let path = c_string(path)?;
    // SAFETY: a valid identifier and a zero-terminated path; 0 is the default list.
    let object = id(|| unsafe { H5Oopen(at.0, path.as_ptr(), 0) })?;
    let kind = kind(&object);
    Ok((object, kind))
}

/// What an opened object is.
pub(crate) fn kind(object: &Handle) -> Kind {
    // SAFETY: a valid identifier.
    match sync(|| unsafe { H5Iget_type(object.0) }) {
        H5I_type_t::H5I_GROUP => Kind::Group,
        H5I_type_t::H5I_DATASET => Kind::Dataset,
        _ => Kind::Other,
    }
}

/// Opens an object by the address of its header.
pub(crate) fn open_by_address(file: &Handle, address: u64) -> Raw<Handle> {
    // SAFETY: a valid identifier; the library refuses an address without an object.
    id(|| unsafe { H5Oopen_by_addr(file.0, address) })
}

/// Address of an object's header, without the file's base address.
pub(crate) fn header_address(object: &Handle) -> Raw<u64> {
    let mut info = H5O_info1_t::default();
    // SAFETY: a valid identifier and a record that the call fills.
    code(|| unsafe { H5Oget_info1(object.0, &raw mut info) })?;
    Ok(info.addr)
}

/// Names of the hard and soft links of a group, in order of creation where the file knows it.
pub(crate) fn links(group: &Handle) -> Raw<Vec<String>> {
    extern "C" fn visit(
        _: hid_t,
        name: *const c_char,
        info: *const H5L_info_t,
        names: *mut c_void,
    ) -> c_int {
        // SAFETY: the library passes a valid name and record, and `names` is the Vec given below.
        unsafe {
            if matches!(
                (*info).type_,
                H5L_type_t::H5L_TYPE_HARD | H5L_type_t::H5L_TYPE_SOFT
            ) {
                let name = CStr::from_ptr(name).to_string_lossy().into_owned();
                (*names.cast::<Vec<String>>()).push(name);
            }
        }
        0
    }
    let walk = |index| {
        let mut names: Vec<String> = Vec::new();
        let mut at: hsize_t = 0;
        // SAFETY: `visit` matches the type asked for; `names` and `at` outlive the call.
        code(|| unsafe {
            H5Literate(
                group.0,
                index,
                H5_iter_order_t::H5_ITER_INC,
                &raw mut at,
                Some(visit),
                (&raw mut names).cast::<c_void>(),
            )
        })?;
        Ok(names)
    };
    walk(H5_index_t::H5_INDEX_CRT_ORDER).or_else(|_: String| walk(H5_index_t::H5_INDEX_NAME))
}

/// Names of the attributes of an object, in order of creation where the file knows it.
pub(crate) fn attribute_names(object: &Handle) -> Raw<Vec<String>> {
    extern "C" fn visit(
        _: hid_t,
        name: *const c_char,
        _: *const H5A_info_t,
        names: *mut c_void,
    ) -> c_int {
        // SAFETY: the library passes a valid name, and `names` is the Vec given below.
        unsafe {
            (*names.cast::<Vec<String>>())
                .push(CStr::from_ptr(name).to_string_lossy().into_owned());
        }
        0
    }
    let walk = |index, order| {
        let mut names: Vec<String> = Vec::new();
        let mut at: hsize_t = 0;
        // SAFETY: `visit` matches the type asked for; `names` and `at` outlive the call.
        code(|| unsafe {
            H5Aiterate2(
                object.0,
                index,
                order,
                &raw mut at,
                Some(visit),
                (&raw mut names).cast::<c_void>(),
            )
        })?;
        Ok(names)
    };
    walk(H5_index_t::H5_INDEX_CRT_ORDER, H5_iter_order_t::H5_ITER_INC)
        .or_else(|_: String| walk(H5_index_t::H5_INDEX_NAME, H5_iter_order_t::H5_ITER_NATIVE))
}

fn describe_type(t: &Handle) -> Raw<Type> {
    let t = t.0;
    // SAFETY: `t` is a valid datatype for as long as its handle lives; every call below only asks about it.
    unsafe {
        let (class, bytes) = sync(|| (H5Tget_class(t), H5Tget_size(t)));
        let big_endian = sync(|| H5Tget_order(t) == H5T_ORDER_BE);
        let signed = sync(|| H5Tget_sign(t) == H5T_SGN_2);
        Ok(match class {
            H5T_INTEGER => {
                let bits = sync(|| H5Tget_precision(t));
                Type::Integer {
                    signed,
                    bytes,
                    bits,
                    big_endian,
                }
            }
            H5T_BITFIELD => {
                let bits = sync(|| H5Tget_precision(t));
                Type::Integer {
                    signed: false,
                    bytes,
                    bits,
                    big_endian,
                }
            }
            H5T_FLOAT => Type::Float {
                bytes,
                ieee: is_ieee(t),
                big_endian,
            },
            H5T_ENUM => {
                let base = id(|| H5Tget_super(t))?;
                let signed = sync(|| H5Tget_sign(base.0) == H5T_SGN_2);
                let big_endian = sync(|| H5Tget_order(base.0) == H5T_ORDER_BE);
                let mut members = Vec::new();
                let count = sync(|| H5Tget_nmembers(t)).clamp(0, 3);
                for i in 0..count as c_uint {
                    let mut value = vec![0u8; bytes];
                    code(|| H5Tget_member_value(t, i, value.as_mut_ptr().cast()))?;
                    members.push((member_name(t, i)?, value));
                }
                let boolean = bytes == 1
                    && count == 2
                    && members.contains(&("FALSE".into(), vec![0]))
                    && members.contains(&("TRUE".into(), vec![1]));
                Type::Enum {
                    signed,
                    bytes,
                    big_endian,
                    boolean,
                }
            }
            H5T_STRING => {
                if sync(|| H5Tis_variable_str(t)) > 0 {
                    Type::VariableString
                } else {
                    let pad = sync(|| H5Tget_strpad(t));
                    Type::FixedString {
                        bytes,
                        space_padded: pad == H5T_STR_SPACEPAD,
                    }
                }
            }
            H5T_COMPOUND => describe_compound(t, bytes)?,
            H5T_VLEN => Type::Other("variable-length lists".into()),
            H5T_OPAQUE => Type::Other("opaque bytes".into()),
            H5T_REFERENCE => Type::Other("references".into()),
            H5T_ARRAY => Type::Other("arrays as elements".into()),
            _ => Type::Other("a type of HDF5 that is not known here".into()),
        })
    }
}

/// SAFETY: `t` must be a valid datatype.
unsafe fn is_ieee(t: hid_t) -> bool {
    // SAFETY: both are valid datatypes.
    sync(|| unsafe {
        [
            *H5T_IEEE_F32LE,
            *H5T_IEEE_F32BE,
            *H5T_IEEE_F64LE,
            *H5T_IEEE_F64BE,
        ]
        .iter()
        .any(|known| H5Tequal(t, *known) > 0)
    })
}

/// SAFETY: `t` must be a valid compound or enum datatype with more than `i` members.
unsafe fn member_name(t: hid_t, i: c_uint) -> Raw<String> {
    sync(|| {
        // SAFETY: as this function's; the name is freed by the library that made it.
        unsafe {
            let name = H5Tget_member_name(t, i);
            if name.is_null() {
                return Err(last_error());
            }
            let text = CStr::from_ptr(name).to_string_lossy().into_owned();
            hdf5_sys::h5::H5free_memory(name.cast());
            Ok(text)
        }
    })
}

/// SAFETY: `t` must be a valid compound datatype.
unsafe fn describe_compound(t: hid_t, bytes: usize) -> Raw<Type> {
    // SAFETY: `t` is valid; members are asked for inside their number.
    unsafe {
        let count = sync(|| H5Tget_nmembers(t)).max(0) as c_uint;
        let mut names = Vec::new();
        for i in 0..count.min(8) {
            names.push(member_name(t, i)?);
        }
        if count == 2 && bytes.is_multiple_of(2) {
            let (a, b) = (
                id(|| H5Tget_member_type(t, 0))?,
                id(|| H5Tget_member_type(t, 1))?,
            );
            let offset = sync(|| H5Tget_member_offset(t, 1));
            if let (
                Type::Float {
                    bytes: half,
                    ieee,
                    big_endian,
                },
                Type::Float { .. },
            ) = (describe_type(&a)?, describe_type(&b)?)
                && sync(|| H5Tequal(a.0, b.0)) > 0
                && half * 2 == bytes
                && offset == half
                && COMPLEX_PARTS.contains(&names.join(",").as_str())
            {
                return Ok(Type::Complex {
                    bytes,
                    ieee,
                    big_endian,
                });
            }
        }
        Ok(Type::Other(format!(
            "a compound of {count} fields ({})",
            names.join(", ")
        )))
    }
}

/// Lengths and limits of a dataspace; `None` for a null one.
fn describe_space(space: &Handle) -> Raw<Option<(Vec<u64>, Vec<u64>)>> {
    let s = space.0;
    // SAFETY: `s` is valid; the arrays hold the most axes that the library knows.
    unsafe {
        if sync(|| H5Sget_simple_extent_type(s)) == H5S_class_t::H5S_NULL {
            return Ok(None);
        }
        let rank = sync(|| H5Sget_simple_extent_ndims(s));
        if rank < 0 || rank as usize > MAX_RANK {
            return Err(format!("a dataspace of {rank} axes"));
        }
        let (mut dims, mut limits) = (vec![0u64; MAX_RANK], vec![0u64; MAX_RANK]);
        code(|| H5Sget_simple_extent_dims(s, dims.as_mut_ptr(), limits.as_mut_ptr()))?;
        dims.truncate(rank as usize);
        limits.truncate(rank as usize);
        Ok(Some((dims, limits)))
    }
}

/// The library's type for elements in memory.
fn native(physical: Physical) -> Raw<Handle> {
    // SAFETY: predefined types are valid after the library's start; copies are owned.
    unsafe {
        let copy = |t: hid_t| id(|| H5Tcopy(t));
        sync(|| match physical {
            Physical::Bool | Physical::U8 => copy(*H5T_NATIVE_UINT8),
            Physical::I8 => copy(*H5T_NATIVE_INT8),
            Physical::I16 => copy(*H5T_NATIVE_INT16),
            Physical::I32 => copy(*H5T_NATIVE_INT32),
            Physical::I64 => copy(*H5T_NATIVE_INT64),
            Physical::U16 => copy(*H5T_NATIVE_UINT16),
            Physical::U32 => copy(*H5T_NATIVE_UINT32),
            Physical::U64 => copy(*H5T_NATIVE_UINT64),
            Physical::F32 => copy(*H5T_NATIVE_FLOAT),
            Physical::F64 => copy(*H5T_NATIVE_DOUBLE),
            Physical::C64 => complex(*H5T_NATIVE_FLOAT, 4),
            Physical::C128 => complex(*H5T_NATIVE_DOUBLE, 8),
        })
    }
}

/// SAFETY: `half` must be a valid datatype of `bytes` bytes.
unsafe fn complex(half: hid_t, bytes: usize) -> Raw<Handle> {
    // SAFETY: as this function's; names are zero-terminated.
    unsafe {
        let pair = id(|| H5Tcreate(H5T_COMPOUND, 2 * bytes))?;
        code(|| H5Tinsert(pair.0, c"r".as_ptr(), 0, half))?;
        code(|| H5Tinsert(pair.0, c"i".as_ptr(), bytes, half))?;
        Ok(pair)
    }
}

fn variable_string() -> Raw<Handle> {
    // SAFETY: a predefined type, copied; plain arguments.
    unsafe {
        let t = id(|| H5Tcopy(*H5T_C_S1))?;
        code(|| H5Tset_size(t.0, H5T_VARIABLE))?;
        code(|| H5Tset_cset(t.0, H5T_CSET_UTF8))?;
        Ok(t)
    }
}

fn fixed_string(bytes: usize) -> Raw<Handle> {
    // SAFETY: a predefined type, copied; plain arguments.
    unsafe {
        let t = id(|| H5Tcopy(*H5T_C_S1))?;
        code(|| H5Tset_size(t.0, bytes.max(1)))?;
        code(|| H5Tset_strpad(t.0, H5T_STR_NULLTERM))?;
        Ok(t)
    }
}

/// What a dataset or an attribute looks like.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) kind: Type,
    /// `None` for a null dataspace.
    pub(crate) dims: Option<Vec<u64>>,
    pub(crate) limits: Vec<u64>,
    type_id: Handle,
    space_id: Handle,
}

impl Shape {
    fn new(type_id: Handle, space_id: Handle) -> Raw<Shape> {
        let kind = describe_type(&type_id)?;
        let (dims, limits) = match describe_space(&space_id)? {
            Some((dims, limits)) => (Some(dims), limits),
            None => (None, Vec::new()),
        };
        Ok(Shape {
            kind,
            dims,
            limits,
            type_id,
            space_id,
        })
    }

    /// Number of elements, when it is at most `most`.
    pub(crate) fn elements(&self, most: u64) -> Raw<usize> {
        let Some(dims) = &self.dims else { return Ok(0) };
        dims.iter()
            .try_fold(1u64, |product, len| product.checked_mul(*len))
            .filter(|count| *count <= most)
            .map(|count| count as usize)
            .ok_or_else(|| format!("{dims:?} elements are more than the allowed {most}"))
    }
}

/// An opened attribute.
pub(crate) struct Attribute {
    handle: Handle,
    pub(crate) shape: Shape,
}

/// Opens an attribute.
pub(crate) fn attribute(object: &Handle, name: &str) -> Raw<Attribute> {
    let name = c_string(name)?;
    // SAFETY: valid identifiers and a zero-terminated name.
    unsafe {
        let handle = id(|| H5Aopen(object.0, name.as_ptr(), 0))?;
        let shape = Shape::new(
            id(|| H5Aget_type(handle.0))?,
            id(|| H5Aget_space(handle.0))?,
        )?;
        Ok(Attribute { handle, shape })
    }
}

/// Something with elements that can be read whole.
pub(crate) trait Readable {
    fn shape(&self) -> &Shape;
    /// SAFETY: `buffer` must have room for all elements of type `t`.
    unsafe fn read(&self, t: hid_t, buffer: *mut c_void) -> c_int;
}

impl Readable for Attribute {
    fn shape(&self) -> &Shape {
        &self.shape
    }
    unsafe fn read(&self, t: hid_t, buffer: *mut c_void) -> c_int {
        // SAFETY: as the trait's.
        unsafe { H5Aread(self.handle.0, t, buffer) }
    }
}

impl Readable for Dataset {
    fn shape(&self) -> &Shape {
        &self.shape
    }
    unsafe fn read(&self, t: hid_t, buffer: *mut c_void) -> c_int {
        // SAFETY: as the trait's; 0 selects everything.
        unsafe { H5Dread(self.handle.0, t, 0, 0, 0, buffer) }
    }
}

/// All elements as native bytes of a number type.
pub(crate) fn read_numbers(from: &dyn Readable, physical: Physical) -> Raw<Vec<u8>> {
    let count = from.shape().elements(MOST_SMALL)?;
    let mut bytes = vec![0u8; count * physical.size()];
    if count > 0 {
        let t = memory_type(&from.shape().type_id, physical)?;
        // SAFETY: the buffer has `count` elements of the size of `t` (checked by `memory_type`).
        code(|| unsafe { from.read(t.0, bytes.as_mut_ptr().cast()) })?;
    }
    Ok(bytes)
}

/// The type to read stored elements as `physical`: the native form of an enum, else a predefined number.
fn memory_type(stored: &Handle, physical: Physical) -> Raw<Handle> {
    // SAFETY: `stored` is a valid datatype.
    let t = unsafe {
        match sync(|| H5Tget_class(stored.0)) {
            H5T_ENUM | H5T_COMPOUND | H5T_BITFIELD => {
                id(|| H5Tget_native_type(stored.0, H5T_DIR_ASCEND))?
            }
            _ => native(physical)?,
        }
    };
    // SAFETY: a valid datatype.
    let size = sync(|| unsafe { H5Tget_size(t.0) });
    if size != physical.size() {
        return Err(format!(
            "elements of {size} bytes where {} are expected",
            physical.size()
        ));
    }
    Ok(t)
}

/// All elements of a string type of fixed length. HDF5 1.10.8 reads beyond its memory where texts of any length are damaged.
pub(crate) fn read_texts(from: &dyn Readable) -> Raw<Vec<String>> {
    let shape = from.shape();
    let count = shape.elements(MOST_SMALL)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let kind = &shape.kind;
    match kind {
        Type::FixedString { bytes, .. } => {
            let bytes = *bytes;
            if bytes as u64 > (64 * MOST_SMALL) / count as u64 {
                return Err(format!("{count} texts of {bytes} bytes are too long"));
            }
            let mut buffer = vec![0u8; count * bytes];
            // SAFETY: the buffer has `count` elements of the size of the type itself.
            code(|| unsafe { from.read(shape.type_id.0, buffer.as_mut_ptr().cast()) })?;
            Ok(buffer
                .chunks_exact(bytes.max(1))
                .map(|b| text_of(kind, b))
                .collect())
        }
        Type::VariableString => {
            Err("texts of any length, which are read without the HDF5 library only".into())
        }
        _ => Err("not a text".into()),
    }
}

/// How the library says a dataset is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RawLayout {
    Compact,
    Contiguous,
    Chunked,
    Virtual,
}

/// Whether the library can run a filter.
pub(crate) fn filter_available(number: i32) -> bool {
    // SAFETY: a plain argument.
    sync(|| unsafe { H5Zfilter_avail(number) }) > 0
}

/// An opened dataset.
#[derive(Debug)]
pub(crate) struct Dataset {
    handle: Handle,
    pub(crate) shape: Shape,
    pub(crate) layout: RawLayout,
    pub(crate) chunk: Vec<u64>,
    pub(crate) filters: Vec<RawFilter>,
    pub(crate) external: bool,
    create: Handle,
}

impl Dataset {
    /// All there is to know about an opened dataset.
    pub(crate) fn new(handle: Handle) -> Raw<Dataset> {
        // SAFETY: valid identifiers; arrays of the lengths that are passed with them.
        unsafe {
            let shape = Shape::new(
                id(|| H5Dget_type(handle.0))?,
                id(|| H5Dget_space(handle.0))?,
            )?;
            let create = id(|| H5Dget_create_plist(handle.0))?;
            let layout = match sync(|| H5Pget_layout(create.0)) {
                H5D_layout_t::H5D_COMPACT => RawLayout::Compact,
                H5D_layout_t::H5D_CONTIGUOUS => RawLayout::Contiguous,
                H5D_layout_t::H5D_CHUNKED => RawLayout::Chunked,
                _ => RawLayout::Virtual,
            };
            let mut chunk = Vec::new();
            if layout == RawLayout::Chunked {
                chunk = vec![0; MAX_RANK];
                let rank = sync(|| H5Pget_chunk(create.0, MAX_RANK as c_int, chunk.as_mut_ptr()));
                chunk.truncate(rank.max(0) as usize);
            }
            let external = sync(|| H5Pget_external_count(create.0)) > 0;
            let mut filters = Vec::new();
            for i in 0..sync(|| H5Pget_nfilters(create.0)).max(0) as c_uint {
                let (mut flags, mut config, mut count) = (0, 0, 16usize);
                let mut values = vec![0u32; count];
                let number = sync(|| {
                    H5Pget_filter2(
                        create.0,
                        i,
                        &raw mut flags,
                        &raw mut count,
                        values.as_mut_ptr(),
                        0,
                        std::ptr::null_mut(),
                        &raw mut config,
                    )
                });
                values.truncate(count);
                filters.push(RawFilter {
                    number,
                    parameters: values,
                });
            }
            Ok(Dataset {
                handle,
                shape,
                layout,
                chunk,
                filters,
                external,
                create,
            })
        }
    }

    /// The handle, to ask for attributes.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The fill value as native bytes; `None` when there is none but zero.
    pub(crate) fn fill(&self, physical: Physical) -> Raw<Option<Vec<u8>>> {
        let mut status = H5D_fill_value_t::H5D_FILL_VALUE_DEFAULT;
        // SAFETY: a valid list and a place for the answer.
        code(|| unsafe { H5Pfill_value_defined(self.create.0, &raw mut status) })?;
        if status != H5D_fill_value_t::H5D_FILL_VALUE_USER_DEFINED {
            return Ok(None);
        }
        let t = memory_type(&self.shape.type_id, physical)?;
        let mut bytes = vec![0u8; physical.size()];
        // SAFETY: the buffer has the size of an element of `t`.
        code(|| unsafe { H5Pget_fill_value(self.create.0, t.0, bytes.as_mut_ptr().cast()) })?;
        Ok(Some(bytes))
    }

    /// Address of a contiguous dataset in the file, base address included; [`UNDEFINED`] when never allocated.
    pub(crate) fn offset(&self) -> u64 {
        // SAFETY: a valid identifier.
        sync(|| unsafe { H5Dget_offset(self.handle.0) })
    }

    /// Number of chunks that were written, by the library.
    pub(crate) fn chunk_count(&self) -> Raw<u64> {
        let mut count = 0;
        // SAFETY: valid identifiers and a place for the answer.
        code(|| unsafe {
            H5Dget_num_chunks(self.handle.0, self.shape.space_id.0, &raw mut count)
        })?;
        Ok(count)
    }

    /// Chunk number `i` of those written: first element, address, size, filter mask. Quadratic in HDF5 1.10.
    pub(crate) fn chunk_info(&self, i: u64) -> Raw<(Vec<u64>, u64, u64, u32)> {
        let mut offset = vec![0u64; MAX_RANK];
        let (mut mask, mut address, mut size) = (0, 0, 0);
        // SAFETY: valid identifiers; the array holds the most axes that the library knows.
        code(|| unsafe {
            H5Dget_chunk_info(
                self.handle.0,
                self.shape.space_id.0,
                i,
                offset.as_mut_ptr(),
                &raw mut mask,
                &raw mut address,
                &raw mut size,
            )
        })?;
        offset.truncate(self.chunk.len());
        Ok((offset, address, size, mask))
    }

    /// Reads a box as native bytes of `physical`; `bytes` must have exactly its size.
    pub(crate) fn read_box(
        &self,
        start: &[u64],
        shape: &[u64],
        physical: Physical,
        bytes: &mut [u8],
    ) -> Raw<()> {
        let elements: u64 = shape.iter().product();
        if bytes.len() as u64 != elements * physical.size() as u64 {
            return Err("a buffer of another size than the box".into());
        }
        if elements == 0 {
            return Ok(());
        }
        let t = memory_type(&self.shape.type_id, physical)?;
        let (memory, file) = (simple_space(shape, None)?, self.selection(start, shape)?);
        // SAFETY: the buffer has the size of the memory space, checked above.
        code(|| unsafe {
            H5Dread(
                self.handle.0,
                t.0,
                memory.0,
                file.0,
                0,
                bytes.as_mut_ptr().cast(),
            )
        })
    }

    fn selection(&self, start: &[u64], shape: &[u64]) -> Raw<Handle> {
        // SAFETY: valid identifiers; the arrays have the rank of the space, checked.
        unsafe {
            let space = id(|| H5Dget_space(self.handle.0))?;
            let rank = self.shape.dims.as_ref().map_or(0, Vec::len);
            if start.len() != rank || shape.len() != rank {
                return Err(format!(
                    "a box of {} axes in a dataset of {rank}",
                    start.len()
                ));
            }
            if rank > 0 {
                code(|| {
                    H5Sselect_hyperslab(
                        space.0,
                        H5S_seloper_t::H5S_SELECT_SET,
                        start.as_ptr(),
                        std::ptr::null(),
                        shape.as_ptr(),
                        std::ptr::null(),
                    )
                })?;
            }
            Ok(space)
        }
    }

    /// Writes all elements from native bytes.
    pub(crate) fn write_all(&self, physical: Physical, bytes: &[u8]) -> Raw<()> {
        let elements = self.shape.elements(u64::MAX / 16)?;
        if bytes.len() != elements * physical.size() {
            return Err("a buffer of another size than the dataset".into());
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let t = memory_type(&self.shape.type_id, physical)?;
        // SAFETY: the buffer has the size of the dataset, checked above.
        code(|| unsafe { H5Dwrite(self.handle.0, t.0, 0, 0, 0, bytes.as_ptr().cast()) })
    }

    /// Writes all texts of a dataset of texts of any length.
    pub(crate) fn write_texts(&self, texts: &[String]) -> Raw<()> {
        if texts.len() != self.shape.elements(MOST_SMALL)? {
            return Err("a number of texts other than the dataset's".into());
        }
        let owned = texts.iter().map(|t| c_string(t)).collect::<Raw<Vec<_>>>()?;
        let pointers: Vec<*const c_char> = owned.iter().map(|t| t.as_ptr()).collect();
        let t = variable_string()?;
        if texts.is_empty() {
            return Ok(());
        }
        // SAFETY: one zero-terminated text per element, alive until the call returns.
        code(|| unsafe { H5Dwrite(self.handle.0, t.0, 0, 0, 0, pointers.as_ptr().cast()) })
    }

    /// Writes all characters of a dataset of single bytes.
    pub(crate) fn write_chars(&self, chars: &[u8]) -> Raw<()> {
        if chars.len() != self.shape.elements(MOST_SMALL)? {
            return Err("a number of characters other than the dataset's".into());
        }
        let t = fixed_string(1)?;
        if chars.is_empty() {
            return Ok(());
        }
        // SAFETY: one byte per element, alive until the call returns.
        code(|| unsafe { H5Dwrite(self.handle.0, t.0, 0, 0, 0, chars.as_ptr().cast()) })
    }

    /// The first byte in the file of the chunk whose first element is `start`.
    pub(crate) fn chunk_address(&self, start: &[u64]) -> Raw<u64> {
        if start.len() != self.chunk.len() {
            return Err("a chunk position of another rank than the dataset".into());
        }
        let (mut mask, mut address, mut size) = (0, UNDEFINED, 0);
        // SAFETY: the position has the dataset's rank, the rest is alive until the call returns.
        code(|| unsafe {
            H5Dget_chunk_info_by_coord(
                self.handle.0,
                start.as_ptr(),
                &raw mut mask,
                &raw mut address,
                &raw mut size,
            )
        })?;
        match address {
            UNDEFINED => Err("it has no address".into()),
            address => Ok(address),
        }
    }

    /// Appends the ready bytes of the chunk whose first element is `start`.
    pub(crate) fn write_chunk(&self, start: &[u64], bytes: &[u8]) -> Raw<()> {
        if start.len() != self.chunk.len() {
            return Err("a chunk position of another rank than the dataset".into());
        }
        // SAFETY: the position has the dataset's rank, the buffer its length.
        code(|| unsafe {
            H5Dwrite_chunk(
                self.handle.0,
                0,
                0,
                start.as_ptr(),
                bytes.len(),
                bytes.as_ptr().cast(),
            )
        })
    }
}

/// A dataspace; scalar for no axes, null for `None`.
fn simple_space(dims: &[u64], limits: Option<&[u64]>) -> Raw<Handle> {
    // SAFETY: the arrays have the rank that is passed with them.
    unsafe {
        if dims.is_empty() {
            return id(|| H5Screate(H5S_class_t::H5S_SCALAR));
        }
        let limits = limits.map_or(std::ptr::null(), <[u64]>::as_ptr);
        id(|| H5Screate_simple(dims.len() as c_int, dims.as_ptr(), limits))
    }
}

/// What to create a dataset of.
pub(crate) enum Element {
    /// Numbers, stored in little-endian order.
    Number(Physical),
    /// Single bytes of texts.
    Char,
    /// Texts of any length, UTF-8.
    Text,
    /// A dimension without a variable: 4-byte big-endian floats, as netCDF does.
    Placeholder,
}

/// How to create a dataset.
pub(crate) struct Creation<'a> {
    pub(crate) element: Element,
    pub(crate) dims: &'a [u64],
    pub(crate) chunk: Option<&'a [u64]>,
    pub(crate) shuffle: bool,
    pub(crate) deflate: Option<u8>,
    /// Native bytes of one element.
    pub(crate) fill: Option<&'a [u8]>,
    /// Allocate now, so that the address is known, and write no fill values.
    pub(crate) allocate: bool,
}

/// Creates a dataset at the root.
pub(crate) fn create_dataset(file: &Handle, name: &str, how: &Creation<'_>) -> Raw<Dataset> {
    let name = c_string(name)?;
    // SAFETY: valid identifiers, zero-terminated names, arrays of the ranks that are passed with them; the fill value has
    // the size of an element, checked.
    unsafe {
        let t = match how.element {
            Element::Number(physical) => native(physical)?,
            Element::Char => fixed_string(1)?,
            Element::Text => variable_string()?,
            Element::Placeholder => id(|| H5Tcopy(*H5T_IEEE_F32BE))?,
        };
        let space = simple_space(how.dims, None)?;
        let create = id(|| H5Pcreate(*H5P_CLS_DATASET_CREATE))?;
        code(|| H5Pset_attr_creation_order(create.0, TRACKED))?;
        code(|| H5Pset_obj_track_times(create.0, 0))?;
        if let Some(chunk) = how.chunk {
            code(|| H5Pset_chunk(create.0, chunk.len() as c_int, chunk.as_ptr()))?;
            if how.shuffle {
                code(|| H5Pset_shuffle(create.0))?;
            }
            if let Some(level) = how.deflate {
                code(|| H5Pset_deflate(create.0, level.into()))?;
            }
        }
        if let Some(fill) = how.fill {
            if fill.len() != sync(|| H5Tget_size(t.0)) {
                return Err("a fill value of another size than an element".into());
            }
            code(|| H5Pset_fill_value(create.0, t.0, fill.as_ptr().cast()))?;
        }
        if how.allocate {
            code(|| H5Pset_alloc_time(create.0, H5D_alloc_time_t::H5D_ALLOC_TIME_EARLY))?;
            code(|| H5Pset_fill_time(create.0, H5D_fill_time_t::H5D_FILL_TIME_NEVER))?;
        }
        let handle = id(|| H5Dcreate2(file.0, name.as_ptr(), t.0, space.0, 0, create.0, 0))?;
        Dataset::new(handle)
    }
}

/// Writes an attribute of `t` from memory of the same type.
///
/// SAFETY: `bytes` must hold as many elements of `t` as `dims` says.
unsafe fn write_attribute(
    object: &Handle,
    name: &str,
    t: &Handle,
    space: &Handle,
    bytes: *const c_void,
) -> Raw<()> {
    let name = c_string(name)?;
    // SAFETY: as this function's.
    unsafe {
        let attribute = id(|| H5Acreate2(object.0, name.as_ptr(), t.0, space.0, 0, 0))?;
        if !bytes.is_null() {
            code(|| H5Awrite(attribute.0, t.0, bytes))?;
        }
    }
    Ok(())
}

/// A text attribute, as netCDF writes characters: one fixed string; a null space when empty.
pub(crate) fn write_text(object: &Handle, name: &str, text: &str) -> Raw<()> {
    let t = fixed_string(text.len())?;
    // SAFETY: the text has the length of the type.
    unsafe {
        if !text.is_ascii() {
            code(|| H5Tset_cset(t.0, H5T_CSET_UTF8))?;
        }
        if text.is_empty() {
            let null = id(|| H5Screate(H5S_class_t::H5S_NULL))?;
            return write_attribute(object, name, &t, &null, std::ptr::null());
        }
        write_attribute(
            object,
            name,
            &t,
            &simple_space(&[], None)?,
            text.as_ptr().cast(),
        )
    }
}

/// A fixed text with its closing zero, as the dimension scale convention wants `CLASS` and `NAME`.
pub(crate) fn write_c_text(object: &Handle, name: &str, text: &str) -> Raw<()> {
    let owned = c_string(text)?;
    let t = fixed_string(text.len() + 1)?;
    // SAFETY: the text with its closing zero has the length of the type.
    unsafe {
        write_attribute(
            object,
            name,
            &t,
            &simple_space(&[], None)?,
            owned.as_ptr().cast(),
        )
    }
}

/// A list of texts.
pub(crate) fn write_text_list(object: &Handle, name: &str, texts: &[String]) -> Raw<()> {
    let owned = texts.iter().map(|t| c_string(t)).collect::<Raw<Vec<_>>>()?;
    let pointers: Vec<*const c_char> = owned.iter().map(|t| t.as_ptr()).collect();
    let (t, space) = (
        variable_string()?,
        simple_space(&[texts.len() as u64], None)?,
    );
    let bytes = if texts.is_empty() {
        std::ptr::null()
    } else {
        pointers.as_ptr().cast()
    };
    // SAFETY: one zero-terminated text per element, alive until the call returns.
    unsafe { write_attribute(object, name, &t, &space, bytes) }
}

/// A list of numbers from native bytes.
pub(crate) fn write_numbers(
    object: &Handle,
    name: &str,
    physical: Physical,
    bytes: &[u8],
) -> Raw<()> {
    let (t, count) = (native(physical)?, bytes.len() / physical.size());
    let space = simple_space(&[count as u64], None)?;
    let bytes = if count == 0 {
        std::ptr::null()
    } else {
        bytes.as_ptr().cast()
    };
    // SAFETY: the buffer has `count` elements.
    unsafe { write_attribute(object, name, &t, &space, bytes) }
}

/// One 4-byte integer.
pub(crate) fn write_number(object: &Handle, name: &str, value: i32) -> Raw<()> {
    let (t, space) = (native(Physical::I32)?, simple_space(&[], None)?);
    // SAFETY: one element.
    unsafe { write_attribute(object, name, &t, &space, (&raw const value).cast()) }
}

/// `DIMENSION_LIST`: one dimension scale per axis, by header address.
pub(crate) fn write_dimension_list(object: &Handle, scales: &[u64]) -> Raw<()> {
    let mut owned = scales.to_vec();
    // SAFETY: one list of one reference per axis, alive until the call returns.
    unsafe {
        let t = id(|| H5Tvlen_create(*H5T_STD_REF_OBJ))?;
        let lists: Vec<hvl_t> = owned
            .iter_mut()
            .map(|r| hvl_t {
                len: 1,
                p: (&raw mut *r).cast(),
            })
            .collect();
        let space = simple_space(&[lists.len() as u64], None)?;
        write_attribute(object, "DIMENSION_LIST", &t, &space, lists.as_ptr().cast())
    }
}

/// `REFERENCE_LIST` of a dimension scale: the datasets that use it, by header address, and on which axis.
pub(crate) fn write_reference_list(object: &Handle, users: &[(u64, i32)]) -> Raw<()> {
    #[repr(C)]
    struct User {
        dataset: u64,
        axis: i32,
        padding: i32,
    }
    let users: Vec<User> = users
        .iter()
        .map(|&(dataset, axis)| User {
            dataset,
            axis,
            padding: 0,
        })
        .collect();
    // SAFETY: the type describes `User`; one record per element.
    unsafe {
        let t = id(|| H5Tcreate(H5T_COMPOUND, size_of::<User>()))?;
        code(|| H5Tinsert(t.0, c"dataset".as_ptr(), 0, *H5T_STD_REF_OBJ))?;
        code(|| H5Tinsert(t.0, c"dimension".as_ptr(), 8, *H5T_NATIVE_INT32))?;
        let space = simple_space(&[users.len() as u64], None)?;
        write_attribute(object, "REFERENCE_LIST", &t, &space, users.as_ptr().cast())
    }
}
