//! x
use super::args::DoctorArgs;
pub(super) fn doctor(args: &DoctorArgs) -> u8 { let _ = args; 0 }
