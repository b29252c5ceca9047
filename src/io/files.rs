//! Files that are read: opened when their first bytes are wanted, by the ranks that want them, and closed again when too many are
//! open. A job over thousands of files opens on a rank those whose chunks it reads, and a limit of the system on open files
//! does not bound a dataset.

use super::sniff::open_unchanged;
use crate::error::Result;
use crate::spec::FileId;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Files that are open at once before a job has asked for its limit.
const USUAL: usize = 256;

/// Files that this process keeps open at once, about.
static MOST_OPEN: AtomicUsize = AtomicUsize::new(USUAL);
/// Files that the pool has open.
static OPEN: AtomicUsize = AtomicUsize::new(0);
/// Counts uses, so that the file that was not used for longest is known.
static CLOCK: AtomicU64 = AtomicU64::new(0);
static POOL: Mutex<Pool> = Mutex::new(Pool { known: None });

struct Pool {
    /// Files that sources have, by what they are.
    known: Option<HashMap<FileId, Weak<PooledFile>>>,
}

/// A file that is open when it is needed.
pub(super) struct PooledFile {
    id: FileId,
    open: Mutex<Option<Arc<File>>>,
    used: AtomicU64,
}

/// For the start of a job: as many open files as the system lets this process have; half of them are for inputs.
pub(crate) fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without it the usual limit serves.
    let _ = setrlimit(Resource::Nofile, limit);
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let half = usize::try_from(allowed / 2).unwrap_or(usize::MAX);
    MOST_OPEN.store(half.clamp(1, 1 << 16), Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PooledFile {
    /// The file of this identity, shared by all of its variables.
    pub(super) fn of(id: &FileId) -> Arc<PooledFile> {
        let mut pool = lock(&POOL);
        let known = pool.known.get_or_insert_default();
        if let Some(file) = known.get(id).and_then(Weak::upgrade) {
            return file;
        }
        let file = Arc::new(PooledFile {
            id: id.clone(),
            open: Mutex::default(),
            used: AtomicU64::new(0),
        });
        known.insert(id.clone(), Arc::downgrade(&file));
        file
    }

    /// The open file; it stays open as long as the caller holds it.
    ///
    /// # Errors
    /// Data when the file is not the one that was described; no input when it is gone.
    pub(super) fn get(&self) -> Result<Arc<File>> {
        self.used.store(CLOCK.fetch_add(1, Relaxed), Relaxed);
        let mut open = lock(&self.open);
        if let Some(file) = &*open {
            return Ok(file.clone());
        }
        make_room();
        let file = Arc::new(open_unchanged(&self.id)?);
        *open = Some(file.clone());
        OPEN.fetch_add(1, Relaxed);
        Ok(file)
    }
}

impl Drop for PooledFile {
    fn drop(&mut self) {
        if lock(&self.open).take().is_some() {
            OPEN.fetch_sub(1, Relaxed);
        }
        let mut pool = lock(&POOL);
        let known = pool.known.get_or_insert_default();
        // Another one of this identity may have been made since.
        if known
            .get(&self.id)
            .is_some_and(|file| file.strong_count() == 0)
        {
            known.remove(&self.id);
        }
    }
}

/// When as many files are open as may be, closes a quarter of them: those that were not used for longest.
fn make_room() {
    let most = MOST_OPEN.load(Relaxed);
    if OPEN.load(Relaxed) < most {
        return;
    }
    // None of these may be dropped under the lock, which dropping takes.
    let all: Vec<Arc<PooledFile>> = {
        let pool = lock(&POOL);
        let known = pool.known.iter().flat_map(HashMap::values);
        known.filter_map(Weak::upgrade).collect()
    };
    let mut open: Vec<(u64, &PooledFile)> = all
        .iter()
        .map(|file| (file.used.load(Relaxed), &**file))
        .collect();
    open.sort_unstable_by_key(|(used, _)| *used);
    let mut wanted = most.div_ceil(4);
    for (_, file) in open {
        if wanted == 0 {
            return;
        }
        // One that is asked for just now stays.
        if let Ok(mut open) = file.open.try_lock()
            && open.take().is_some()
        {
            OPEN.fetch_sub(1, Relaxed);
            wanted -= 1;
        }
    }
}
