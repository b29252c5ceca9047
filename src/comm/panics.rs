//! Panics: under MPI each ends the job with one report, unless the caller said that it turns them into errors.

use crate::error::{Error, Result};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::{Once, OnceLock};

/// What a fatal panic does: prints its report and ends the job.
pub(super) type Fatal = Box<dyn Fn(&str) + Send + Sync>;

static HOOK: Once = Once::new();
static FATAL: OnceLock<Fatal> = OnceLock::new();

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static LAST_PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The text of a panic's payload.
pub(super) fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a payload without text".to_owned())
}

fn install() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            let place = info
                .location()
                .map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
            // A thread that ends has no thread-locals any more: then the panic is not quiet.
            let quiet = QUIET.try_with(Cell::get).unwrap_or(false);
            if quiet {
                let _ = LAST_PLACE.try_with(|last| last.replace(Some(place)));
            } else if let Some(fatal) = FATAL.get() {
                fatal(&format!(
                    "panicked at {place}: {}",
                    panic_text(info.payload())
                ));
            } else {
                before(info);
            }
        }));
    });
}

/// From now on a panic that nobody turns into an error ends the process by `fatal`.
pub(super) fn make_fatal(fatal: Fatal) {
    install();
    // A second start of MPI in one process is refused elsewhere; the first report stays.
    let _ = FATAL.set(fatal);
}

/// Runs `f` on this thread; a panic in it prints nothing and becomes an internal error with its text and place.
///
/// # Errors
/// Internal when `f` panics.
pub fn quiet_panics<R>(f: impl FnOnce() -> R) -> Result<R> {
    install();
    let before = QUIET.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(f));
    QUIET.set(before);
    outcome.map_err(|payload| {
        let place = LAST_PLACE
            .take()
            .map(|place| format!(" at {place}"))
            .unwrap_or_default();
        Error::internal(format!("panicked{place}: {}", panic_text(payload.as_ref())))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_text_and_place() {
        assert_eq!(quiet_panics(|| 3).unwrap(), 3);
        let error = quiet_panics(|| -> u8 { panic!("kernel {}", 7) }).unwrap_err();
        assert!(error.is_internal());
        assert!(error.message().contains("panics.rs:"), "{error}");
        assert!(error.message().ends_with("kernel 7"), "{error}");
        assert!(!QUIET.get());
    }
}
