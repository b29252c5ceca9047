//! The wire form of a plan: a version byte, postcard bytes, and a checksum, so that a damaged or foreign plan is an error.

use super::plan::Plan;
use crate::error::{Error, Result};

/// Changes with the records of a plan.
const VERSION: u8 = 3;

/// The bytes that are broadcast.
///
/// # Errors
/// Internal when a record cannot be encoded.
pub fn encode(plan: &Plan) -> Result<Vec<u8>> {
    let body = postcard::to_stdvec(plan)
        .map_err(|e| Error::internal(format!("encoding the plan: {e}")))?;
    Ok(sealed(&body))
}

/// These bytes of a plan behind version and checksum.
pub(crate) fn sealed(body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&checksum(body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// The plan of [`encode`].
///
/// # Errors
/// Internal when the bytes are damaged or of another version.
pub fn decode(bytes: &[u8]) -> Result<Plan> {
    let damaged = |why: &str| Error::internal(format!("the plan's wire form is damaged: {why}"));
    let (version, rest) = bytes.split_first().ok_or_else(|| damaged("it is empty"))?;
    if *version != VERSION {
        return Err(damaged(&format!(
            "version {version}, this program speaks {VERSION}"
        )));
    }
    let (sum, body) = rest
        .split_first_chunk::<8>()
        .ok_or_else(|| damaged("it ends early"))?;
    if u64::from_le_bytes(*sum) != checksum(body) {
        return Err(damaged("the checksum differs"));
    }
    postcard::from_bytes(body).map_err(|e| damaged(&e.to_string()))
}

/// FNV-1a, 64 bits: against accidents, not attackers.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| {
        (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3)
    })
}
