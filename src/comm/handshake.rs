//! The first exchange: all ranks must run the same program.

use super::Comm;
use crate::error::{Error, Result};

/// Changes when plans or messages between ranks change their form.
pub const WIRE_VERSION: u32 = 1;

/// Compares the crate's version, the wire version and the hash of the registered kernels over all ranks. Collective.
///
/// # Errors
/// Invalid input, the same on all ranks, naming the ranks that differ from rank 0.
pub fn handshake(comm: &dyn Comm, registry_hash: u64) -> Result<()> {
    handshake_as(
        comm,
        &format!(
            "hyperslab {}, wire version {WIRE_VERSION}, kernel registry {registry_hash:016x}",
            env!("CARGO_PKG_VERSION")
        ),
    )
}

fn handshake_as(comm: &dyn Comm, identity: &str) -> Result<()> {
    let all = comm.all_gather(identity.as_bytes())?;
    let Some((first, _)) = all.split_first() else {
        return Ok(());
    };
    let others: Vec<(usize, &Vec<u8>)> = all
        .iter()
        .enumerate()
        .filter(|(_, other)| *other != first)
        .collect();
    let Some((rank, other)) = others.first() else {
        return Ok(());
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Err(Error::invalid(format!(
        "the ranks run different programs: rank 0 is {}; rank {rank} is {}; {} of {} ranks differ from rank 0; start one \
         and the same executable on every node",
        text(first),
        text(other),
        others.len(),
        all.len(),
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::comm::{Fabric, launch, verdict};

    #[test]
    fn equal_programs_pass_and_different_ones_are_named_on_all_ranks() {
        launch(Fabric::Threads(4), 1 << 20, |comm| handshake(comm, 7)).unwrap();
        launch(Fabric::Threads(3), 1 << 20, |comm| {
            let error = handshake(comm, comm.rank() as u64 / 2).unwrap_err();
            assert!(error.is_invalid_input());
            assert!(error.message().contains("rank 2 is hyperslab"), "{error}");
            verdict(comm, Ok(()))
        })
        .unwrap();
    }
}
