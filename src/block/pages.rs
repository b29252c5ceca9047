//! How memory comes from the system: huge pages for large buffers, and freed memory that is kept for the next ones.
//!
//! The first write to every 4 KiB of fresh memory is an interrupt, and the kernel clears that page: for results of hundreds of
//! MiB this took longer than computing them (a redistribution of 800 MB on 2 ranks: 0.60 s, with huge pages 0.16 s). Most
//! clusters leave `transparent_hugepage` at `madvise`: pages of 2 MiB for those who ask.

#![allow(unsafe_code)] // calls of the C library

/// Buffers from this size on ask: of smaller ones the allocator reuses memory that was touched before.
const LARGE_BYTES: usize = 4 << 20;

/// Asks for huge pages under a buffer that was not written yet. Only advice: nothing depends on it.
pub(super) fn advise<T>(values: &mut [T]) {
    let bytes = size_of_val(values);
    if bytes < LARGE_BYTES {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let start = values.as_mut_ptr() as usize;
        let first = start.next_multiple_of(PAGE);
        let length = (start + bytes).saturating_sub(first) / PAGE * PAGE;
        // SAFETY: whole pages inside a slice that is borrowed for writing; this advice changes no byte of them. Where pages
        // are larger than 4 KiB, or the kernel knows no such advice, the call fails and nothing happens.
        unsafe { libc::madvise(first as *mut libc::c_void, length, libc::MADV_HUGEPAGE) };
    }
}

/// For the start of a job, which owns its process: the C library keeps what is freed. Left alone, it hands the 4 MiB of a slab
/// back to the system after every round of an exchange, and gets them page by page for the next one. Elsewhere than on glibc
/// nothing happens.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Free memory at the end of a heap goes back from here on.
        const KEPT_BYTES: libc::c_int = 256 << 20;
        /// Allocations from here on are mapped apart, and go back when they are freed: the most that glibc allows.
        const APART_BYTES: libc::c_int = 32 << 20;
        // SAFETY: three numbers of the allocator; the first one before threads allocate, the others at any time.
        unsafe {
            // The heaps of other threads are 64 MiB each, and go back to the system whenever they are empty.
            libc::mallopt(libc::M_ARENA_MAX, 1);
            libc::mallopt(libc::M_MMAP_THRESHOLD, APART_BYTES);
            libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
        }
    }
}
