//! Finished pieces on their way to rank 0: encoded storage chunks for the one writer of a file, and gathered pieces.
//!
//! Workers put pieces into a bounded channel (their back-pressure); the rank's main thread, which alone speaks to other
//! ranks, sends them on, and on rank 0 also receives and delivers. A phase ends when every rank has said that it has
//! nothing more to send, so that no message of one phase is met in the next, also after a failure.

use crate::comm::{Comm, Tag, quiet_panics};
use crate::error::{Error, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Bytes that may be on their way from one rank before its workers wait.
const MOST_IN_FLIGHT: usize = 32 << 20;
/// How long the main thread sleeps when nothing moves: short beside any piece of work.
const PAUSE: Duration = Duration::from_micros(200);
/// The same when no message of this rank is on its way: its own threads wake it.
const LONG_PAUSE: Duration = Duration::from_millis(20);

/// One piece for rank 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Parcel {
    /// An encoded storage chunk of an output variable.
    Chunk {
        /// Output file.
        file: u32,
        /// Variable of that file.
        variable: u32,
        /// Grid position.
        chunk: Vec<usize>,
        /// Encoded bytes.
        bytes: Vec<u8>,
        /// Their CRC-32C.
        crc32c: u32,
    },
    /// A piece of a gathered result.
    Piece {
        /// Number of the result.
        number: u32,
        /// First index of the piece.
        start: Vec<usize>,
        /// Lengths of the piece.
        shape: Vec<usize>,
        /// Native-endian elements.
        bytes: Vec<u8>,
    },
    /// This rank has nothing more to send in this phase.
    End,
}

/// Moves parcels until `outgoing` is closed and empty on this rank, and, on rank 0, until all ranks have ended the phase.
/// Collective.
///
/// After the first failure of `deliver` parcels are still taken, and dropped, so that no rank waits for ever.
///
/// # Errors
/// The first error of `deliver`, or of the fabric.
pub(super) fn pump(
    comm: &dyn Comm,
    tag: Tag,
    outgoing: &Receiver<Parcel>,
    deliver: &mut dyn FnMut(Parcel) -> Result<()>,
) -> Result<()> {
    let root = comm.rank() == 0;
    let mut failed: Option<Error> = None;
    let mut accept = |parcel: Parcel| {
        if failed.is_none() {
            failed = quiet_panics(|| deliver(parcel)).flatten().err();
        }
    };
    let mut open = true;
    let pulse = comm.pulse();
    let mut waits = None;
    let mut waiting_for = comm.size() - 1;
    while open || (root && waiting_for > 0) {
        let mut idle = true;
        if root {
            while let Some(message) = comm.try_receive(tag)? {
                idle = false;
                let parcel: Parcel = postcard::from_bytes(&message.bytes).map_err(|e| {
                    Error::internal(format!("a parcel of rank {}: {e}", message.source))
                })?;
                match parcel {
                    Parcel::End => waiting_for -= 1,
                    parcel => accept(parcel),
                }
            }
        } else if comm.bytes_in_flight() > 0 {
            // Moves our own messages along.
            comm.try_receive(tag)?;
        }
        if open && (root || comm.bytes_in_flight() < MOST_IN_FLIGHT) {
            // Only messages on their way want to be looked after; else the threads that compute get the core.
            let pause = match (idle, root && waiting_for > 0 || comm.bytes_in_flight() > 0) {
                (false, _) => Duration::ZERO,
                (true, true) => PAUSE,
                (true, false) => LONG_PAUSE,
            };
            match outgoing.recv_timeout(pause) {
                Ok(parcel) if root => accept(parcel),
                Ok(parcel) => comm.send(0, tag, encode(&parcel)?)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    open = false;
                    waits = Some(pulse.waiting());
                    if !root {
                        comm.send(0, tag, encode(&Parcel::End)?)?;
                    }
                }
            }
        } else if idle {
            std::thread::sleep(PAUSE);
        }
    }
    drop(waits);
    comm.flush()?;
    match failed {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn encode(parcel: &Parcel) -> Result<Vec<u8>> {
    postcard::to_stdvec(parcel).map_err(|e| Error::internal(format!("encoding a parcel: {e}")))
}
