//! x
use super::args::InfoArgs;
pub(super) fn info(args: &InfoArgs) -> u8 { let _ = args; 0 }
