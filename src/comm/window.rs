//! Memory that the ranks of a node share: what goes to a neighbour is packed straight into it and unpacked straight out of it.
//!
//! A message between two processes is copied four times: packed, into and out of the memory of MPI, unpacked. Through a window
//! it is packed and unpacked, and no more; the slots are small enough to stay in the cache between the two.
//!
//! Every rank makes one window, of the same size whatever the number of ranks: [`SLOTS`] slots into which it packs, one word
//! each that says for whom and how long. The word is 0 while the slot belongs to its maker, and not 0 while it belongs to the
//! rank that it names; nobody touches the bytes of a slot that belongs to the other. A stream begins at the first slot and
//! goes round. Slots are filled in their order, each when it is free again, so two streams meet neither on the way to one rank
//! nor on the way to two.
//!
//! The window is a file without a name (`memfd`), opened by the others through `/proc/PID/fd`: nothing lies in `/dev/shm`, which
//! is small in many containers, and nothing is left when a job is killed. Its pages are claimed when it is made, so a later
//! write never fails for want of memory.

#![allow(unsafe_code)] // memory that other processes change

use super::wire::host_name;
use crate::config::WINDOW_BYTES;
use crate::error::{Error, Result};
use rustix::fs::{
    FallocateFlags, MemfdFlags, Mode, OFlags, fallocate, ftruncate, memfd_create, open,
};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

/// Slots of a window: both sides work at once, and a short pause of one does not stop the other.
const SLOTS: usize = 4;
/// The words of the slots, and a number by which a window is known.
const HEADER_BYTES: usize = 4096;
/// Bytes from word to word: no two in a line of the cache, nor in the pair of lines that are fetched together.
const WORD_STEP: usize = 128;
/// Largest piece that goes through a slot.
pub(super) const SLOT_BYTES: usize = (WINDOW_BYTES - HEADER_BYTES) / SLOTS / 4096 * 4096;

/// Where the other ranks of a node find a window.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Address {
    /// Equal on ranks of one node that see the same processes.
    node: u64,
    process: u32,
    descriptor: u32,
    /// Stands in the window, too.
    mark: u64,
}

impl Address {
    fn encode(self) -> Vec<u8> {
        let numbers = [
            self.node,
            self.process.into(),
            self.descriptor.into(),
            self.mark,
        ];
        numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, []) = bytes.as_chunks::<8>() else {
            return None;
        };
        let &[node, process, descriptor, mark] = numbers else {
            return None;
        };
        Some(Address {
            node: u64::from_le_bytes(node),
            process: u32::try_from(u64::from_le_bytes(process)).ok()?,
            descriptor: u32::try_from(u64::from_le_bytes(descriptor)).ok()?,
            mark: u64::from_le_bytes(mark),
        })
    }
}

/// A window as one rank sees it.
struct Mapped {
    start: *mut u8,
}

impl Mapped {
    fn new(file: BorrowedFd<'_>) -> std::io::Result<Self> {
        // SAFETY: a new mapping at an address that the system chooses; nothing else of this process is touched.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                WINDOW_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Mapped {
            start: start.cast(),
        })
    }

    /// The word of a slot; that of slot [`SLOTS`] is the mark.
    fn word(&self, slot: usize) -> &AtomicU64 {
        debug_assert!(slot <= SLOTS);
        // SAFETY: inside the header, aligned to 128 bytes, and only ever used as an atomic, by all processes.
        unsafe { AtomicU64::from_ptr(self.start.add(slot * WORD_STEP).cast()) }
    }

    /// The first byte of a slot.
    fn slot(&self, slot: usize) -> *mut u8 {
        debug_assert!(slot < SLOTS);
        // SAFETY: header and slots together are no longer than the mapping.
        unsafe { self.start.add(HEADER_BYTES + slot * SLOT_BYTES) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: our own mapping; what was borrowed of it has ended with it.
        unsafe { libc::munmap(self.start.cast(), WINDOW_BYTES) };
    }
}

/// The window of this rank, not yet known to others.
pub(super) struct Own {
    window: Mapped,
    address: Address,
    /// Others open it by its number.
    _file: OwnedFd,
}

impl Own {
    /// Makes a window.
    pub(super) fn new() -> std::io::Result<Self> {
        let file = memfd_create("hyperslab-window", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, WINDOW_BYTES as u64)?;
        fallocate(&file, FallocateFlags::empty(), 0, WINDOW_BYTES as u64)?;
        let window = Mapped::new(std::os::fd::AsFd::as_fd(&file))?;
        let mut hasher = DefaultHasher::new();
        host_name().hash(&mut hasher);
        // Hosts of the same name, and containers that do not see one another's processes.
        std::fs::read("/proc/sys/kernel/random/boot_id")?.hash(&mut hasher);
        std::fs::read_link("/proc/self/ns/pid")?.hash(&mut hasher);
        let node = hasher.finish();
        std::time::SystemTime::now().hash(&mut hasher);
        let address = Address {
            node,
            process: std::process::id(),
            descriptor: file.as_raw_fd().cast_unsigned(),
            mark: hasher.finish(),
        };
        window.word(SLOTS).store(address.mark, Ordering::Release);
        Ok(Own {
            window,
            address,
            _file: file,
        })
    }

    /// What the others need to know of it.
    pub(super) fn address(&self) -> Vec<u8> {
        self.address.encode()
    }

    /// Opens the windows of the other ranks of this node; `addresses` are those of all ranks.
    pub(super) fn open(self, rank: usize, addresses: &[Vec<u8>]) -> std::io::Result<Windows> {
        let mut others = HashMap::new();
        for (other, address) in addresses.iter().enumerate() {
            let address = Address::decode(address).filter(|a| a.node == self.address.node);
            let Some(address) = address.filter(|_| other != rank) else {
                continue;
            };
            let path = format!("/proc/{}/fd/{}", address.process, address.descriptor);
            let file = open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
            if rustix::fs::fstat(&file)?.st_size != WINDOW_BYTES as i64 {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            let window = Mapped::new(std::os::fd::AsFd::as_fd(&file))?;
            if window.word(SLOTS).load(Ordering::Acquire) != address.mark {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            others.insert(other, window);
        }
        Ok(Windows {
            rank,
            own: self,
            others,
        })
    }
}

/// The windows of a node as one rank uses them. Not `Send`: it stays on the rank's main thread.
pub(super) struct Windows {
    rank: usize,
    own: Own,
    others: HashMap<usize, Mapped>,
}

impl Windows {
    /// The ranks that share memory with this one.
    pub(super) fn neighbours(&self) -> impl Iterator<Item = usize> {
        self.others.keys().copied()
    }

    /// True when this rank and `other` share memory.
    pub(super) fn reach(&self, other: usize) -> bool {
        self.others.contains_key(&other)
    }

    /// Fills slot number `piece` of a stream to `to` when it is free; false when it is not.
    ///
    /// # Errors
    /// Those of `pack`; internal when the piece is too long.
    pub(super) fn put(
        &mut self,
        to: usize,
        piece: usize,
        length: usize,
        pack: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<bool> {
        let slot = piece % SLOTS;
        let word = self.own.window.word(slot);
        if length > SLOT_BYTES {
            return Err(Error::internal(format!(
                "a piece of {length} bytes for a slot of {SLOT_BYTES}"
            )));
        }
        if word.load(Ordering::Acquire) != 0 {
            return Ok(false);
        }
        // SAFETY: the word is 0, so the slot is ours until we change it, and `&mut self` keeps this process from a second
        // use. The bytes lie in the slot, and any bytes are valid.
        pack(unsafe { std::slice::from_raw_parts_mut(self.own.window.slot(slot), length) })?;
        word.store(tagged(to, length), Ordering::Release);
        Ok(true)
    }

    /// Empties slot number `piece` of the stream from `from` when it is for this rank; false when it is not there yet.
    ///
    /// # Errors
    /// Those of `paste`; internal when the piece has another length.
    pub(super) fn take(
        &mut self,
        from: usize,
        piece: usize,
        length: usize,
        paste: impl FnOnce(&[u8]) -> Result<()>,
    ) -> Result<bool> {
        let slot = piece % SLOTS;
        let window = self.others.get(&from).ok_or_else(|| {
            Error::internal(format!(
                "rank {} shares no memory with rank {from}",
                self.rank
            ))
        })?;
        let word = window.word(slot).load(Ordering::Acquire);
        if word >> 32 != self.rank as u64 + 1 {
            return Ok(false);
        }
        if word != tagged(self.rank, length) {
            return Err(Error::internal(format!(
                "rank {} expects {length} bytes from rank {from} and finds {}",
                self.rank,
                word & u64::from(u32::MAX)
            )));
        }
        // SAFETY: the word names this rank, so the slot is ours until we change it. The length is at most that of a slot:
        // it is what the maker checked.
        paste(unsafe { std::slice::from_raw_parts(window.slot(slot), length.min(SLOT_BYTES)) })?;
        window.word(slot).store(0, Ordering::Release);
        Ok(true)
    }
}

/// Sets whether ranks of a node share memory.
const VARIABLE: &str = "HYPERSLAB_WINDOWS";

/// Whether ranks of a node exchange through shared memory: the environment variable `HYPERSLAB_WINDOWS`, `on` (the default)
/// or `off`.
///
/// # Errors
/// Invalid input when the variable is anything else.
pub fn windows_from_env() -> Result<bool> {
    match std::env::var(VARIABLE).as_deref().map(str::trim) {
        Err(_) | Ok("" | "on") => Ok(true),
        Ok("off") => Ok(false),
        Ok(text) => Err(Error::invalid(format!(
            "{VARIABLE}={text:?} is not allowed; allowed are \"on\" and \"off\" (exchange by messages alone)"
        ))),
    }
}

/// The word of a slot of `length` bytes for a rank.
fn tagged(rank: usize, length: usize) -> u64 {
    ((rank as u64 + 1) << 32) | length as u64
}
