//! What a journal says.

use crate::geom::NodeId;
use crate::io::Piece;
use serde::{Deserialize, Serialize};

/// Bytes in a file of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// The file, in the journal's folder.
    pub name: String,
    /// First byte.
    pub at: u64,
    /// Number of bytes.
    pub bytes: u64,
    /// Their CRC-32C.
    pub crc32c: u32,
}

/// A partial result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoredState {
    /// Of a subtree of the segments of one piece of a sink.
    Node {
        /// Number of the sink in its pass.
        sink: u32,
        /// The piece: tile positions of the kept axes.
        piece: Vec<usize>,
        /// The subtree.
        node: NodeId,
        /// The encoded state.
        blob: Blob,
    },
    /// Of the first tiles of a segment, per sink that runs along it.
    Running {
        /// The column of tiles.
        column: Vec<usize>,
        /// Number of the segment.
        segment: usize,
        /// Tiles that are in it.
        tiles: usize,
        /// Number and encoded state of each sink.
        sinks: Vec<(u32, Blob)>,
    },
}

/// One thing that is finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A piece of an unfinished output.
    Piece {
        /// Number of the output.
        file: u32,
        /// Which piece, with its checksum.
        piece: Piece,
        /// In a NetCDF-4 file: the first byte of the chunk, or of the contiguous variable.
        address: u64,
    },
    /// The descriptions of an unfinished NetCDF-4 file all of whose computed variables are contiguous: the library does not touch it
    /// again before its end.
    Layout {
        /// Number of the output.
        file: u32,
        /// Bytes of the file.
        end: u64,
        /// CRC-32C of all bytes that no computed variable has.
        crc32c: u32,
        /// First byte of each computed variable.
        addresses: Vec<u64>,
    },
    /// A finished piece of a result that stays in memory.
    Result {
        /// Number of the stage.
        stage: u32,
        /// Number of the sink.
        sink: u32,
        /// First index of the piece.
        start: Vec<usize>,
        /// Its lengths.
        shape: Vec<usize>,
        /// Its elements.
        blob: Blob,
    },
    /// Partial results of a stage that wait for others (lane 0), or that a thread works on; they stand for those that the same
    /// lane noted before.
    States {
        /// Number of the stage.
        stage: u32,
        /// Who notes: 0 for the rank, n for its thread n.
        lane: u32,
        /// The partial results.
        states: Vec<StoredState>,
    },
}
