//! Positions in brackets, `x["1:5, ::-1, ..., newaxis"]`, and the functions that select, leave out, put in and replace.

use super::args::{Slice, by_name, indexer, operand, optional, value, whole_list};
use super::failure::{OrRaise, Raised, raise, refuse};
use super::operators::array;
use super::registry::Registry;
use crate::array::{Array, Index, IndexExpr};
use crate::error::{Error, nearest_names};
use crate::labelled::Indexer;
use rhai::Dynamic;
use std::ops::{Range, RangeInclusive};

const INDEX: &str = "a position, a range (0..10), slice(a, b, step), a list of positions, an array of integers or bools";

/// One index.
fn index(operation: &str, given: &Dynamic) -> Raised<Index> {
    if let Some(array) = given.clone().try_cast::<Array>() {
        return Ok(Index::Array(array));
    }
    if given.is_array() {
        return whole_list(operation, given).map(Index::List);
    }
    if given.is_unit() {
        return Ok(Index::NewAxis);
    }
    match indexer(operation, given).map_err(|_| refuse(operation, given, INDEX))? {
        Indexer::At(at) => Ok(Index::At(at)),
        Indexer::Slice(start, stop, step) => Ok(Index::Slice(start, stop, step)),
        Indexer::List(list) => Ok(Index::List(list)),
        Indexer::Points(_) => Err(refuse(operation, given, INDEX)),
    }
}

/// One argument: a text with a whole expression, or one index.
fn expression(operation: &str, given: &Dynamic) -> Raised<IndexExpr> {
    match given.as_immutable_string_ref() {
        Ok(text) => Ok(IndexExpr::from(text.as_str())),
        Err(_) => index(operation, given).map(IndexExpr::from),
    }
}

/// Several arguments: one index each; texts are `"..."` and `"newaxis"`.
fn expressions(operation: &str, given: &[Dynamic]) -> Raised<IndexExpr> {
    if let [one] = given {
        return expression(operation, one);
    }
    given
        .iter()
        .map(
            |part| match part.as_immutable_string_ref().as_ref().map(|t| t.as_str()) {
                Ok("...") => Ok(Index::Ellipsis),
                Ok("newaxis") => Ok(Index::NewAxis),
                _ => index(operation, part),
            },
        )
        .collect::<Raised<Vec<_>>>()
        .map(IndexExpr::from)
}

/// `x["…"]`: an expression when it can be one, else the name of a property that arrays do not have.
fn text_index(this: &Array, text: &str) -> Raised<Dynamic> {
    const PROPERTIES: [&str; 5] = ["shape", "dtype", "ndim", "size", "chunks"];
    let word = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if word && !text.starts_with("newaxis") && !text.starts_with("None") {
        return Err(raise(Error::invalid(format!(
            "an Array of shape {:?} has no property {text:?}; known: {}",
            this.shape(),
            nearest_names(text, PROPERTIES)
        ))));
    }
    array(this.at(text))
}

/// Values to put into an array.
fn values(operation: &str, this: &Array, given: &Dynamic) -> Raised<crate::array::Operand> {
    operand(operation, this, value(operation, given)?)
}

fn one_array(operation: &str, given: &Dynamic) -> Raised<Array> {
    match given.clone().try_cast::<Array>() {
        Some(array) => Ok(array),
        None => Err(refuse(operation, given, "an Array")),
    }
}

pub(super) fn register(registry: &mut Registry<'_>) {
    type Select = fn(&Array, IndexExpr) -> Array;
    let selects: [(&str, Select); 3] = [
        ("at", Array::at),
        ("oindex", Array::oindex),
        ("vindex", Array::vindex),
    ];
    for (name, body) in selects {
        registry.method::<Array>(name, 1..=8, move |this, args| {
            array(body(this, expressions(name, args)?))
        });
    }
    registry.method::<Array>("take", 1..=2, |this, args| {
        let args = by_name("take", args, &["indices", "axis"])?;
        let axis = optional("take", &args[1])?;
        array(this.take(&whole_list("take", &args[0])?, axis))
    });
    registry.method::<Array>("take_along_axis", 1..=2, |this, args| {
        let args = by_name("take_along_axis", args, &["indices", "axis"])?;
        let axis = optional("take_along_axis", &args[1])?.unwrap_or(-1);
        array(this.take_along_axis(&one_array("take_along_axis", &args[0])?, axis))
    });
    registry.method::<Array>("compress", 1..=2, |this, args| {
        let args = by_name("compress", args, &["condition", "axis"])?;
        let condition = one_array("compress", &args[0])?;
        array(this.compress(&condition, optional("compress", &args[1])?))
    });
    registry.method::<Array>("extract", 1..=1, |this, args| {
        array(this.extract(&one_array("extract", &args[0])?))
    });
    registry.method::<Array>("nonzero", 0..=0, |this, _| {
        let lists = this.nonzero().or_raise()?;
        let lists = lists.into_iter().map(array).collect::<Raised<Vec<_>>>()?;
        Ok(Dynamic::from(lists))
    });
    registry.method::<Array>("argwhere", 0..=0, |this, _| {
        array(this.argwhere().or_raise()?)
    });
    registry.method::<Array>("flatnonzero", 0..=0, |this, _| {
        array(this.flatnonzero().or_raise()?)
    });
    registry.method::<Array>("searchsorted", 1..=2, |this, args| {
        let args = by_name("searchsorted", args, &["v", "side"])?;
        let right = match args[1].is_unit() {
            true => false,
            false => match super::args::text("searchsorted", &args[1], "a side")?.as_str() {
                "left" => false,
                "right" => true,
                other => {
                    return Err(raise(Error::invalid(format!(
                        "searchsorted: side {other:?} is not allowed; allowed are \"left\" and \"right\""
                    ))));
                }
            },
        };
        array(this.searchsorted(values("searchsorted", this, &args[0])?, right))
    });
    registry.method::<Array>("delete", 1..=2, |this, args| {
        let args = by_name("delete", args, &["index", "axis"])?;
        array(this.delete(index("delete", &args[0])?, optional("delete", &args[1])?))
    });
    registry.method::<Array>("insert", 2..=3, |this, args| {
        let args = by_name("insert", args, &["index", "values", "axis"])?;
        let put = values("insert", this, &args[1])?;
        array(this.insert(
            index("insert", &args[0])?,
            put,
            optional("insert", &args[2])?,
        ))
    });
    registry.method::<Array>("append", 1..=2, |this, args| {
        let args = by_name("append", args, &["values", "axis"])?;
        let put = values("append", this, &args[0])?;
        array(this.append(put, optional("append", &args[1])?))
    });
    registry.method::<Array>("set_at", 2..=9, |this, args| {
        let Some((put, at)) = args.split_last() else {
            return Err(raise(Error::invalid(
                "set_at: an index and a value are needed",
            )));
        };
        let put = values("set_at", this, put)?;
        array(this.set_at(expressions("set_at", at)?, put))
    });
    let engine = &mut *registry.engine;
    engine.register_indexer_get(|this: &mut Array, text: &str| text_index(this, text));
    macro_rules! brackets {
        ($($Given:ty),*) => {$(
            engine.register_indexer_get(|this: &mut Array, at: $Given| {
                array(this.at(index("[]", &Dynamic::from(at))?))
            });
        )*};
    }
    brackets!(
        i64,
        Range<i64>,
        RangeInclusive<i64>,
        Slice,
        rhai::Array,
        Array
    );
}
