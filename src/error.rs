//! The one public error of the library: opaque, with predicates by whose fault it is.
//!
//! A message says the operation, the offending value, what is allowed, and the place. Modules own their texts in
//! private `thiserror` enums or build them with the constructors here. An error travels between ranks as plain data
//! (serde), so that every rank returns the same one.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::panic::Location;

/// The result of every fallible call of the library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault an error is; each kind has an exit code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// The caller asked for something that does not exist or does not fit (exit code 2).
    InvalidInput,
    /// A file's content is damaged or contradicts itself (65).
    Data,
    /// An input file is missing or may not be read (66).
    NoInput,
    /// Valid, but outside what this version can do (69).
    Unsupported,
    /// A bug of hyperslab or of a registered kernel (70).
    Internal,
    /// Memory budget or machine too small for the plan (71).
    Resource,
    /// The output cannot be created: missing directory, no permission, exists already (73).
    Output,
    /// The operating system failed a read or a write: disk full, EIO (74).
    Io,
    /// Stopped before the end by a signal or by the walltime; a later run may resume (75).
    Stopped,
}

impl Fault {
    /// The process exit code, after `sysexits.h` where it has a fitting one.
    pub fn exit_code(self) -> u8 {
        match self {
            Fault::InvalidInput => 2,
            Fault::Data => 65,
            Fault::NoInput => 66,
            Fault::Unsupported => 69,
            Fault::Internal => 70,
            Fault::Resource => 71,
            Fault::Output => 73,
            Fault::Io => 74,
            Fault::Stopped => 75,
        }
    }
}

/// Where an error was born when it was born on a rank at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Rank in the job, from 0.
    pub rank: usize,
    /// Number of ranks in the job.
    pub size: usize,
    /// Host name of that rank.
    pub host: String,
}

/// A failed operation: one message, whose fault it is, and where it happened.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Inner {
    fault: Fault,
    message: String,
    /// Outermost last: "while reading variable nir08 of landsat.nc".
    context: Vec<String>,
    /// What the reader should know beside.
    note: Option<String>,
    origin: Option<Origin>,
    /// `file:line` of the user's call that built the failing node.
    call_site: Option<String>,
}

impl Error {
    /// A new error with the full text of its message.
    pub fn new(fault: Fault, message: impl fmt::Display) -> Self {
        Error(Box::new(Inner {
            fault,
            message: message.to_string(),
            context: Vec::new(),
            note: None,
            origin: None,
            call_site: None,
        }))
    }

    /// The caller's input is wrong.
    pub fn invalid(message: impl fmt::Display) -> Self {
        Self::new(Fault::InvalidInput, message)
    }

    /// A file's content is damaged.
    pub fn data(message: impl fmt::Display) -> Self {
        Self::new(Fault::Data, message)
    }

    /// Valid input that this version cannot handle.
    pub fn unsupported(message: impl fmt::Display) -> Self {
        Self::new(Fault::Unsupported, message)
    }

    /// A bug: an invariant of the library does not hold.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new(Fault::Internal, message)
    }

    /// The plan does not fit the budget or the machine.
    pub fn resource(message: impl fmt::Display) -> Self {
        Self::new(Fault::Resource, message)
    }

    /// Adds what was being done, innermost first: `error.context("reading nir08 of landsat.nc")`.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.0.context.push(doing.to_string());
        self
    }

    /// Adds a line of advice below the message; the last one stays.
    #[must_use]
    pub fn note(mut self, text: impl fmt::Display) -> Self {
        self.0.note = Some(text.to_string());
        self
    }

    /// Notes the rank where the error was born; the first note stays.
    #[must_use]
    pub fn at_rank(mut self, origin: Origin) -> Self {
        self.0.origin.get_or_insert(origin);
        self
    }

    /// Notes the user's line that built the failing operation; the first note stays.
    #[must_use]
    pub fn at_call(mut self, location: &Location<'_>) -> Self {
        self.0
            .call_site
            .get_or_insert_with(|| format!("{}:{}", location.file(), location.line()));
        self
    }

    /// Puts the place in a script (`file:line:column`) before the message. A call site in Rust code goes: it would lie inside
    /// the library.
    #[must_use]
    pub fn at_script(mut self, place: impl fmt::Display) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self.0.call_site = None;
        self
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        self.0.fault
    }

    /// The message alone, without context and place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The rank where it was born, if it was born on a rank at work.
    pub fn origin(&self) -> Option<&Origin> {
        self.0.origin.as_ref()
    }

    /// `file:line` of the user's call, if it is known.
    pub fn call_site(&self) -> Option<&str> {
        self.0.call_site.as_deref()
    }

    /// True when the caller asked for something that does not exist or does not fit.
    pub fn is_invalid_input(&self) -> bool {
        matches!(
            self.0.fault,
            Fault::InvalidInput | Fault::NoInput | Fault::Output
        )
    }

    /// True when a file's content is damaged.
    pub fn is_data(&self) -> bool {
        self.0.fault == Fault::Data
    }

    /// True when memory, disk or the machine did not suffice.
    pub fn is_resource(&self) -> bool {
        matches!(self.0.fault, Fault::Resource | Fault::Io)
    }

    /// True when the request is valid but outside what this version can do.
    pub fn is_unsupported(&self) -> bool {
        self.0.fault == Fault::Unsupported
    }

    /// True for a bug of hyperslab or of a registered kernel.
    pub fn is_internal(&self) -> bool {
        self.0.fault == Fault::Internal
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for doing in &self.0.context {
            write!(f, "\n  while {doing}")?;
        }
        if let Some(origin) = &self.0.origin {
            write!(
                f,
                "\n  on rank {} of {}, host {}",
                origin.rank, origin.size, origin.host
            )?;
        }
        if let Some(site) = &self.0.call_site {
            write!(f, "\n  called at {site}")?;
        }
        if let Some(note) = &self.0.note {
            write!(f, "\n  {note}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `fn main() -> Result<()>` prints Debug: a user must see the sentence, not the fields.
        write!(f, "{self}")
    }
}

impl std::error::Error for Error {}

/// Adds what was being done to the error of a result.
pub trait Context<T> {
    /// `result.context(|| format!("reading {name}"))`: the text is only made on failure.
    fn context<S: fmt::Display>(self, doing: impl FnOnce() -> S) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn context<S: fmt::Display>(self, doing: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|e| e.context(doing()))
    }
}

/// "did you mean" for unknown names: the known ones, nearest first (Levenshtein distance), at most 12.
pub fn nearest_names<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = known.into_iter().collect();
    names.sort_by_key(|name| edit_distance(wanted, name));
    let more = names.len().saturating_sub(12);
    names.truncate(12);
    match (names.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (_, 0) => names.join(", "),
        (_, more) => format!("{} and {more} more", names.join(", ")),
    }
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != *y))
                .min(above + 1)
                .min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}
