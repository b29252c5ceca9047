//! Objects on servers: over HTTP(S), and in stores that speak S3.
//!
//! `place` says where an object is, `http` gets it or a part of it, `s3` signs and lists.
//!
//! Laws: nothing waits without an end; no answer is read beyond what was asked for; an object that is not there is no error,
//! an object that may not be read is one; no message holds a signature, a key or a password.

mod http;
mod place;
mod s3;

pub(super) use http::{Failure, Part};
pub(super) use place::{Place, local_path};
pub(crate) use place::{is_url, shown};
