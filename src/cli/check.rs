//! `hyperslab check FILE`: whether the stored bytes are those that were written.

use super::args::CheckArgs;
use super::job::{fail, print};
use crate::config::format_bytes;
use crate::error::{Error, Fault, Result};
use crate::io::{self, Checked};
use serde_json::{Value, json};
use std::path::Path;

/// Damages of one file that are listed; of the rest the number is told.
const MOST_LISTED: usize = 20;

pub(super) fn check(args: &CheckArgs) -> u8 {
    let mut code = 0;
    for path in &args.files {
        let checked = io::check(path);
        let verdict = verdict(path, &checked);
        if args.json {
            print(&object(path, &checked).to_string());
        }
        match verdict {
            Ok(_) if args.json || args.quiet => {}
            Ok(text) => print(&text),
            Err(error) if args.json => code = code.max(error.fault().exit_code()),
            Err(error) => code = code.max(fail(true, false, &error)),
        }
    }
    code
}

fn verdict(path: &Path, checked: &Result<Checked>) -> Result<String> {
    let checked = match checked {
        Ok(checked) => checked,
        Err(error) => return Err(error.clone()),
    };
    if checked.damages.is_empty() {
        return Ok(format!(
            "{}: {} in {} pieces, as they were written",
            path.display(),
            format_bytes(checked.bytes),
            checked.pieces
        ));
    }
    let count = checked.damages.len();
    let mut listed: Vec<String> = checked.damages.iter().take(MOST_LISTED).cloned().collect();
    if count > MOST_LISTED {
        listed.push(format!("and {} more", count - MOST_LISTED));
    }
    Err(Error::new(
        Fault::Data,
        format!(
            "check: {}: {count} of {} pieces are not as they were written:\n  {}",
            path.display(),
            checked.pieces,
            listed.join("\n  ")
        ),
    ))
}

fn object(path: &Path, checked: &Result<Checked>) -> Value {
    let path = path.display().to_string();
    match checked {
        Ok(checked) => json!({
            "path": path,
            "ok": checked.damages.is_empty(),
            "pieces": checked.pieces,
            "bytes": checked.bytes,
            "damages": checked.damages,
        }),
        Err(error) => json!({ "path": path, "ok": false, "error": error.to_string() }),
    }
}
