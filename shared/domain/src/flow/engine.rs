//! The expression language: what of it there is, and how much of it one expression may use.

use std::sync::OnceLock;

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value};

use super::values::{self, Room};

/// Steps of work and, at 64 bytes each, memory of one expression. A list of 10,000 is sorted with a third.
const FUEL: u64 = 500_000;

/// Steps of work of all expressions of one template together, or of a list's items: a thousand for each of 10,000.
pub(super) const MOST_WORK: u64 = 20 * FUEL;

/// What `map` may come to, in bytes of JSON: it can repeat one value as often as a list has items.
const MOST_MAPPED: usize = 8 * 1024 * 1024;

/// Longest text that an expression makes of a list or an object.
const MOST_TEXT: usize = super::MAX_RENDERED_BYTES;

/// Refuses to repeat a list: `[…] * n` costs nothing until somebody reads it.
pub(super) const NO_LIST: &str = "_n";

/// Turns what `~` joins into text.
pub(super) const AS_TEXT: &str = "_t";

/// Puts beside a value what it cost.
pub(super) const COST: &str = "_c";

/// Every filter that an expression may name.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// Every test that may stand after `is`.
pub(super) const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// Every function.
pub(super) const FUNCTIONS: &[&str] = &["dict", "range"];

/// The one environment: strict, without templates, escaping or debugging.
pub(super) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_debug(false);
        for name in ["safe", "escape", "e", "pprint", "slice"] {
            environment.remove_filter(name);
        }
        for name in ["safe", "escaped", "filter", "test"] {
            environment.remove_test(name);
        }
        for name in ["debug", "namespace"] {
            environment.remove_global(name);
        }
        environment.add_filter("map", map);
        environment.add_filter("batch", batch);
        environment.add_filter("string", text);
        environment.add_filter(AS_TEXT, text);
        environment.add_filter(NO_LIST, no_list);
        environment.add_filter(COST, cost);
        environment
    })
}

/// As it comes, but for its size.
fn map(state: &mut State<'_, '_>, value: Value, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let mapped = minijinja::filters::map(state, value, args)?;
    let mapped = Value::from(mapped);
    values::weigh(&mapped, MOST_MAPPED).map_err(refused)?;
    Ok(mapped)
}

/// Lists of `count` items each, the last one of what is left; nothing is filled in.
fn batch(state: &mut State<'_, '_>, value: Value, count: usize) -> Result<Value, Error> {
    minijinja::filters::batch(state, value, count, None)
}

/// A text as it stands, anything else as JSON.
fn text(value: &Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(ErrorKind::UndefinedError.into());
    }
    if value.kind() == ValueKind::String {
        return Ok(value.clone());
    }
    let mut room = Room::new(MOST_TEXT);
    let json = values::to_json(value, &mut room).map_err(refused)?;
    Ok(Value::from(json.to_string()))
}

fn no_list(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            Err(refused("a list cannot be repeated with *".to_owned()))
        }
        _ => Ok(value),
    }
}

/// The value and the work that was done for it.
fn cost(state: &mut State<'_, '_>, value: Value) -> Value {
    let work = state.fuel_levels().map_or(FUEL, |(consumed, _)| consumed);
    Value::from(vec![value, Value::from(work)])
}

fn refused(why: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}
