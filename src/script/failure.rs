//! Errors between the library and Rhai: raised with the script's position, given back with file, line and column.

use super::args::type_name;
use crate::error::{Error, Result, nearest_names};
use rhai::{Dynamic, EvalAltResult, ParseErrorType, Position};

/// What a function of the script language returns.
pub(super) type Raised<T> = std::result::Result<T, Box<EvalAltResult>>;

/// An error of the library on its way through the script engine.
#[derive(Clone)]
pub(super) struct Failure(pub(super) Error);

/// Raises an error of the library; the engine adds the position of the call.
pub(super) fn raise(error: Error) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(Dynamic::from(Failure(error)), Position::NONE).into()
}

/// `?` for results of the library inside script functions.
pub(super) trait OrRaise<T> {
    fn or_raise(self) -> Raised<T>;
}

impl<T> OrRaise<T> for Result<T> {
    fn or_raise(self) -> Raised<T> {
        self.map_err(raise)
    }
}

/// What the report of a script's error needs to know about the script.
pub(super) struct Script<'a> {
    /// Its path as the user wrote it.
    pub(super) path: &'a str,
    pub(super) source: &'a str,
    /// Names given with `--set`.
    pub(super) sets: Vec<&'a str>,
    /// Functions of the script language.
    pub(super) functions: &'a [String],
}

impl Script<'_> {
    /// The error of a run, at its place in the script.
    pub(super) fn report(&self, error: EvalAltResult) -> Error {
        let mut callers = Vec::new();
        let mut error = error;
        loop {
            match error {
                EvalAltResult::ErrorInFunctionCall(name, _, inner, position) => {
                    callers.push(format!("{name}, called at {}", self.place(position)));
                    error = *inner;
                }
                EvalAltResult::ErrorInModule(_, inner, _) => error = *inner,
                _ => break,
            }
        }
        let position = error.position();
        let mut result = self
            .explain(error, position)
            .at_script(self.place(position));
        for caller in callers.into_iter().rev() {
            result = result.context(format!("running the function {caller}"));
        }
        result
    }

    fn explain(&self, error: EvalAltResult, position: Position) -> Error {
        use EvalAltResult as E;
        match error {
            E::ErrorRuntime(value, _) | E::ErrorTerminated(value, _) => {
                match value.try_cast_result::<Failure>() {
                    Ok(Failure(error)) => error,
                    Err(value) => Error::invalid(value),
                }
            }
            E::ErrorParsing(ParseErrorType::VariableUndefined(name), _)
            | E::ErrorVariableNotFound(name, _) => Error::invalid(format!(
                "unknown variable {name:?}; set it in the script, or from outside with --set {name}=…{}{}",
                match self.sets.is_empty() {
                    true => String::new(),
                    false => format!(
                        " (set so far: {})",
                        nearest_names(&name, self.sets.iter().copied())
                    ),
                },
                self.caret(position)
            )),
            E::ErrorParsing(kind, _) => {
                Error::invalid(format!("syntax error: {kind}{}", self.caret(position)))
            }
            E::ErrorFunctionNotFound(signature, _) => self.unknown_function(&signature),
            E::ErrorMismatchDataType(wanted, actual, _) if wanted == "bool" => {
                // Rhai gives Rust's name here, with its path.
                let actual = actual.rsplit("::").next().unwrap_or_default();
                Error::invalid(match actual {
                    "DataArray" | "Array" | "Dataset" => format!(
                        "a condition must be true or false, not {actual}: combine arrays with & and | (not && and ||), choose their \
                         elements with where(condition)"
                    ),
                    _ => format!("a condition must be true or false, not {actual}"),
                })
            }
            other => {
                let mut other = other;
                Error::invalid(other.take_position_text())
            }
        }
    }

    fn unknown_function(&self, signature: &str) -> Error {
        let (name, args) = signature.split_once(" (").unwrap_or((signature, ""));
        let args = args.trim_end_matches(')');
        if self.functions.iter().any(|f| f == name) {
            return Error::invalid(format!("{name}: not defined for ({args})"));
        }
        let operator = !name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if operator {
            return Error::invalid(format!("the operator {name} is not defined for ({args})"));
        }
        let known = nearest_names(name, self.functions.iter().map(String::as_str));
        Error::invalid(format!(
            "unknown function {name:?} of ({args}); known: {known}"
        ))
    }

    fn place(&self, position: Position) -> String {
        match (position.line(), position.position()) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}", self.path),
            (Some(line), None) => format!("{}:{line}", self.path),
            _ => self.path.to_owned(),
        }
    }

    /// The line of the script with a caret below the place.
    fn caret(&self, position: Position) -> String {
        let (Some(line), Some(column)) = (position.line(), position.position()) else {
            return String::new();
        };
        let Some(text) = self.source.lines().nth(line - 1) else {
            return String::new();
        };
        let number = line.to_string();
        // Tabs stay tabs, so that the caret stands below its character.
        let lead: String = text
            .chars()
            .take(column.saturating_sub(1))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        format!(
            "\n  {number} | {text}\n  {} | {lead}^",
            " ".repeat(number.len())
        )
    }
}

trait PositionText {
    fn take_position_text(&mut self) -> String;
}

impl PositionText for EvalAltResult {
    /// The text without Rhai's own "(line 3, position 14)".
    fn take_position_text(&mut self) -> String {
        self.clear_position();
        self.to_string()
    }
}

/// A value that a function does not take.
pub(super) fn refuse(operation: &str, value: &Dynamic, allowed: &str) -> Box<EvalAltResult> {
    raise(Error::invalid(format!(
        "{operation}: {} is not allowed here; give {allowed}",
        type_name(value)
    )))
}
