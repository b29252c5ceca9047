//! Reads a script and runs it.

use super::failure::Script;
use super::registry::Registry;
use super::show::Untold;
use super::{
    along, choose, combine, create, elementwise, fourier, group, index, kernels, labelled_along,
    labels, methods, names, numpy, operators, plot, random, reduce, resample, rolling_exp, select,
    shape, show, times, windows,
};
use crate::array::Array;
use crate::driver::Driver;
use crate::error::{Error, Fault, Result};
use crate::labelled::{DataArray, Dataset};
use rhai::{AST, Dynamic, Engine, EvalAltResult, Module, ParseError, Scope, Token};
use std::path::Path;

/// Depths that no sensible script reaches: they keep a runaway recursion from overflowing the stack.
const CALL_LEVELS: usize = 100;
const EXPRESSION_DEPTH: usize = 256;

/// Runs the script at `path` with the constants of `sets` (`name`, `value`: an integer, a number, true, false, else a text).
/// What it prints goes to `out`, one call per `print`.
///
/// # Errors
/// No input when the script cannot be read; else the first error, with file, line and column before its message.
pub fn run_script(
    driver: &Driver,
    path: &Path,
    sets: &[(String, String)],
    out: &mut (dyn FnMut(&str) + Send),
) -> Result<()> {
    let source = std::fs::read_to_string(path).map_err(|e| {
        Error::new(
            Fault::NoInput,
            format!("reading the script {}: {e}", path.display()),
        )
    })?;
    run_text(driver, &path.display().to_string(), &source, sets, out)
}

/// As [`run_script`], with the text at hand; `name` stands for the file in messages.
///
/// # Errors
/// As [`run_script`].
pub fn run_text(
    driver: &Driver,
    name: &str,
    source: &str,
    sets: &[(String, String)],
    out: &mut (dyn FnMut(&str) + Send),
) -> Result<()> {
    let mut engine = Engine::new();
    let (functions, untold) = prepare(&mut engine, driver);
    let (scope, constants) = constants(sets)?;
    engine.register_global_module(constants.into());
    let script = Script {
        path: name,
        source,
        sets: sets.iter().map(|(name, _)| name.as_str()).collect(),
        functions: &functions,
    };
    let ast = compile(&engine, &scope, source).map_err(|e| script.report(e))?;
    let (sender, lines) = crossbeam_channel::unbounded::<String>();
    let debugged = sender.clone();
    let kept = untold.clone();
    engine.on_print(move |text| {
        // A text with the name of a type where a value should be is not shown.
        if kept.error().is_none() {
            let _ = sender.send(text.to_owned());
        }
    });
    engine.on_debug(move |text, _, _| {
        let _ = debugged.send(text.to_owned());
    });
    // The engine wants 'static callbacks; the caller's `out` lives on this stack: lines cross by a channel.
    std::thread::scope(|threads| {
        threads.spawn(move || {
            for line in lines {
                out(&line);
            }
        });
        let result = engine.run_ast(&ast);
        // Dropping the engine closes the channel, so that all lines are out before this returns.
        drop(engine);
        result.map_err(|e| script.report(*e))?;
        // The last step of a script has none after it.
        match untold.error() {
            Some(error) => Err(error.at_script(name.to_owned())),
            None => Ok(()),
        }
    })
}

/// For fuzzing: scripts one after another by one engine, which takes longer to make than they take. None loops for ever.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn run_each(
    driver: &Driver,
    sources: impl Iterator<Item = String>,
    mut told: impl FnMut(Result<()>),
) {
    const MOST_OPERATIONS: u64 = 20_000;
    let make = || {
        let mut engine = Engine::new();
        let (functions, untold) = prepare(&mut engine, driver);
        engine.set_max_operations(MOST_OPERATIONS);
        engine.on_print(|_| ());
        engine.on_debug(|_, _, _| ());
        (engine, functions, untold)
    };
    let (mut engine, mut functions, mut untold) = make();
    for source in sources {
        let script = Script {
            path: "fuzz.rhai",
            source: &source,
            sets: Vec::new(),
            functions: &functions,
        };
        let result = compile(&engine, &Scope::new(), &source)
            .map_err(|e| script.report(e))
            .and_then(|ast| engine.run_ast(&ast).map_err(|e| script.report(*e)));
        match untold.error() {
            None => told(result),
            Some(error) => {
                told(Err(error));
                (engine, functions, untold) = make();
            }
        }
    }
}

/// What an expression of the script language works on, and what it gives.
#[derive(Clone)]
pub enum Item {
    /// An array by position.
    Array(Array),
    /// A labelled array.
    DataArray(DataArray),
    /// A dataset.
    Dataset(Dataset),
}

/// What a script ends with (arrays or datasets, one or a list of them), with `inputs` as its variables: expressions of the
/// script language for a program that has arrays of its own.
///
/// # Errors
/// As [`run_script`]; invalid input when the script ends with something else.
pub fn evaluate_items(driver: &Driver, source: &str, inputs: &[(&str, Item)]) -> Result<Vec<Item>> {
    let mut engine = Engine::new();
    let (functions, untold) = prepare(&mut engine, driver);
    let script = Script {
        path: "expression",
        source,
        sets: inputs.iter().map(|(name, _)| *name).collect(),
        functions: &functions,
    };
    let mut scope = Scope::new();
    for (name, item) in inputs {
        // No constants: the parser would fold comparisons of them by rules of its own.
        match item.clone() {
            Item::Array(array) => scope.push((*name).to_owned(), array),
            Item::DataArray(array) => scope.push((*name).to_owned(), array),
            Item::Dataset(dataset) => scope.push((*name).to_owned(), dataset),
        };
    }
    let ast = compile(&engine, &scope, source).map_err(|e| script.report(e))?;
    let result: Dynamic = engine
        .eval_ast_with_scope(&mut scope, &ast)
        .map_err(|e| script.report(*e))?;
    if let Some(error) = untold.error() {
        return Err(error);
    }
    let list = match result.as_array_ref() {
        Ok(list) => list.to_vec(),
        Err(_) => vec![result.clone()],
    };
    let item = |value: Dynamic| {
        let value = match value.try_cast_result::<Array>() {
            Ok(array) => return Ok(Item::Array(array)),
            Err(value) => value,
        };
        let value = match value.try_cast_result::<DataArray>() {
            Ok(array) => return Ok(Item::DataArray(array)),
            Err(value) => value,
        };
        value.try_cast_result().map(Item::Dataset).map_err(|value| {
            let kind = super::args::type_name(&value);
            Error::invalid(format!("the expression gives {kind}, not an array"))
        })
    };
    list.into_iter().map(item).collect()
}

/// As [`evaluate_items`], of arrays by position alone.
///
/// # Errors
/// As [`run_script`]; invalid input when the script ends with something else.
pub fn evaluate(driver: &Driver, source: &str, inputs: &[(&str, Array)]) -> Result<Vec<Array>> {
    let items: Vec<(&str, Item)> = inputs
        .iter()
        .map(|(name, array)| (*name, Item::Array(array.clone())))
        .collect();
    let array = |item| match item {
        Item::Array(array) => Ok(array),
        Item::DataArray(_) => Err(Error::invalid(
            "the expression gives a DataArray, not an Array",
        )),
        Item::Dataset(_) => Err(Error::invalid(
            "the expression gives a Dataset, not an Array",
        )),
    };
    let made = evaluate_items(driver, source, &items)?;
    made.into_iter().map(array).collect()
}

/// The engine of the script language; gives the names of its functions, and where errors of texts are kept.
fn prepare(engine: &mut Engine, driver: &Driver) -> (Vec<String>, Untold) {
    engine.set_max_operations(0);
    engine.set_max_call_levels(CALL_LEVELS);
    engine.set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH);
    engine.set_strict_variables(true);
    // `var` is a word of other languages that Rhai keeps; here it is the variance.
    #[allow(deprecated)] // Not deprecated: Rhai marks its volatile calls so.
    engine.on_parse_token(|token, _, _| match token {
        Token::Reserved(word) if *word == "var" => Token::Identifier(word),
        other => other,
    });
    let untold = Untold::default();
    let kept = untold.clone();
    engine.on_progress(move |_| kept.raised());
    let mut registry = Registry {
        engine,
        names: Vec::new(),
    };
    operators::register(&mut registry);
    show::register(&mut registry, &untold);
    create::register(&mut registry, driver);
    times::register(&mut registry, driver);
    random::register(&mut registry, driver);
    numpy::register(&mut registry, driver);
    elementwise::register(&mut registry);
    reduce::register(&mut registry);
    group::register(&mut registry);
    resample::register(&mut registry);
    windows::register(&mut registry);
    rolling_exp::register(&mut registry);
    select::register(&mut registry);
    shape::register(&mut registry);
    index::register(&mut registry);
    fourier::register(&mut registry, driver);
    methods::register(&mut registry);
    plot::register(&mut registry);
    along::register(&mut registry);
    labelled_along::register(&mut registry);
    labels::register(&mut registry);
    combine::register(&mut registry);
    names::register(&mut registry);
    choose::register(&mut registry, driver);
    kernels::register(&mut registry, driver);
    (registry.names, untold)
}

fn compile(
    engine: &Engine,
    scope: &Scope<'_>,
    source: &str,
) -> std::result::Result<AST, EvalAltResult> {
    engine
        .compile_with_scope(scope, source)
        .map_err(|ParseError(kind, position)| EvalAltResult::ErrorParsing(*kind, position))
}

/// The constants of `--set`: for the parser, which refuses unknown names, and for all functions of the script.
fn constants(sets: &[(String, String)]) -> Result<(Scope<'static>, Module)> {
    let mut scope = Scope::new();
    let mut module = Module::new();
    for (number, (name, text)) in sets.iter().enumerate() {
        let word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !word {
            return Err(Error::invalid(format!(
                "--set {name}={text}: {name:?} is no name; names are letters, digits and _, and do not begin with a digit"
            )));
        }
        if sets[..number].iter().any(|(known, _)| known == name) {
            return Err(Error::invalid(format!("--set: {name:?} is set twice")));
        }
        let value = typed(text);
        scope.push_constant_dynamic(name.clone(), value.clone());
        module.set_var(name.clone(), value);
    }
    Ok((scope, module))
}

/// An integer, a number, true or false, else the text itself.
fn typed(text: &str) -> Dynamic {
    if let Ok(integer) = text.parse::<i64>() {
        return integer.into();
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    if let (true, Ok(number)) = (numeric, text.parse::<f64>()) {
        return number.into();
    }
    match text {
        "true" => true.into(),
        "false" => false.into(),
        _ => text.to_owned().into(),
    }
}
