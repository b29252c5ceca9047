//! Hands a script to sbatch.

use crate::error::{Error, Fault, Result};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Submits `script`, which lies in `file` when there is one; gives the number of the job.
pub(super) fn submit(script: &str, file: Option<&Path>) -> Result<String> {
    let failed = |why: String| Error::new(Fault::Io, format!("submitting by sbatch: {why}"));
    let mut command = Command::new("sbatch");
    command.arg("--parsable");
    if let Some(file) = file {
        command.arg(file);
    }
    let input = if file.is_some() {
        Stdio::null()
    } else {
        Stdio::piped()
    };
    let child = command
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => failed(
            "there is no program of this name on PATH; submit from a login node of the cluster, or write the script with -o FILE"
                .to_owned(),
        ),
        _ => failed(e.to_string()),
    })?;
    if let Some(mut stdin) = child.stdin.take() {
        // When sbatch ends before it has read all, its own message says why.
        let _ = stdin.write_all(script.as_bytes());
    }
    let out = child
        .wait_with_output()
        .map_err(|e| failed(e.to_string()))?;
    let (said, complaint) = (
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr),
    );
    // `number`, or `number;cluster`.
    let id = said.trim();
    let number = id.split(';').next().unwrap_or_default();
    if out.status.success() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(id.to_owned());
    }
    let lines = complaint.lines().chain(said.lines()).map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    Err(failed(match lines.is_empty() {
        true => format!("it said nothing and ended with {}", out.status),
        false => format!("{} ({})", lines.join("; "), out.status),
    }))
}
