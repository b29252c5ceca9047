//! What fails on this rank alone while the others are with it in a collective.
//!
//! A rank that left would let them wait for ever. So it goes on, with bytes that mean nothing, and says what has failed in the
//! verdict after the collective.

use crate::comm::quiet_panics;
use crate::error::{Error, Result};
use std::cell::RefCell;

/// The first failure of this rank in a collective.
#[derive(Default)]
pub(super) struct Local(RefCell<Option<Error>>);

impl Local {
    /// Does work of this rank, unless some has failed; `None` when it fails, or panics, or one did.
    pub(super) fn attempt<T>(&self, work: impl FnOnce() -> Result<T>) -> Option<T> {
        if self.0.borrow().is_some() {
            return None;
        }
        match quiet_panics(work).flatten() {
            Ok(value) => Some(value),
            Err(error) => {
                self.0.replace(Some(error));
                None
            }
        }
    }

    /// What has failed.
    pub(super) fn ended(self) -> Result<()> {
        self.0.into_inner().map_or(Ok(()), Err)
    }
}
