//! What fills the placeholders of host and path.

use regex::Regex;
use serde_json::{Map, Value};

use crate::config::{ConnectionVar, InputRule, ParamStyle, Piece, Target};
use crate::fault::Fault;

use super::plan::{Given, pointer, unfit};
use super::room::MAX_SEGMENT_BYTES;
use super::segment::{Bit, Segment};
use super::styles;

/// A part of one path segment.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(String),
    Input {
        placeholder: String,
        name: String,
        default: Option<Value>,
        style: ParamStyle,
    },
    /// Nothing can fill it.
    Unfilled(Fault),
}

/// What fills a placeholder, in the order of the module's documentation.
pub(super) fn filled(
    placeholder: &str,
    rules: Option<&[InputRule]>,
    properties: Option<&Map<String, Value>>,
    variables: &[ConnectionVar],
) -> Part {
    let of_rule = |wanted: fn(&Target) -> Option<(&String, ParamStyle)>| {
        rules.into_iter().flatten().find_map(|rule| {
            let (_, style) = wanted(&rule.target).filter(|(name, _)| *name == placeholder)?;
            Some(Part::Input {
                placeholder: placeholder.to_owned(),
                name: rule.input.clone(),
                default: rule.default.clone(),
                style,
            })
        })
    };
    let by_path = of_rule(|target| match target {
        Target::Path { name, style } => Some((name, *style)),
        Target::Query { .. }
        | Target::Header { .. }
        | Target::Body { .. }
        | Target::Field { .. } => None,
    });
    let by_params = || {
        of_rule(|target| match target {
            Target::Query { name, .. } => Some((name, ParamStyle::Simple)),
            Target::Path { .. }
            | Target::Header { .. }
            | Target::Body { .. }
            | Target::Field { .. } => None,
        })
    };
    let by_name = || {
        let declared = properties.is_some_and(|properties| properties.contains_key(placeholder));
        let fill = declared
            || !variables
                .iter()
                .any(|variable| variable.name == placeholder);
        fill.then(|| Part::Input {
            placeholder: placeholder.to_owned(),
            name: placeholder.to_owned(),
            default: None,
            style: ParamStyle::Simple,
        })
    };
    by_path
        .or_else(by_params)
        .or_else(by_name)
        .unwrap_or_else(|| match variable(placeholder, variables) {
            Ok(text) => Part::Text(text),
            Err(fault) => Part::Unfilled(fault),
        })
}

/// A connection variable's value, if it has one that it allows.
fn variable(name: &str, variables: &[ConnectionVar]) -> Result<String, Fault> {
    let fault = |why: &str| {
        let message = format!("the connection variable {name:?} {why}");
        Fault::new("", "connection_var", message)
            .hint("set its default in api.connection_vars of the tool")
    };
    let variable = variables.iter().find(|variable| variable.name == name);
    let variable = variable.ok_or_else(|| fault("is not declared"))?;
    let value = variable.value().ok_or_else(|| fault("has no value"))?;
    let pattern = variable
        .pattern
        .as_ref()
        .map(|pattern| Regex::new(&format!("^(?:{pattern})$")));
    let allowed = variable.allowed.is_empty() || variable.allowed.iter().any(|one| one == value);
    let matches = match pattern {
        None => true,
        Some(Ok(pattern)) => pattern.is_match(value),
        Some(Err(_)) => false,
    };
    if allowed && matches {
        Ok(value.to_owned())
    } else {
        Err(fault("has a value that it does not allow"))
    }
}

/// The whole host.
pub(super) fn host(pieces: &[Piece], variables: &[ConnectionVar]) -> Result<String, Fault> {
    let mut host = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => host.push_str(text),
            Piece::Placeholder(name) => {
                let value = variable(name, variables)?;
                let label = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
                if value.is_empty() || !value.bytes().all(label) {
                    let message = format!("the connection variable {name:?} is no part of a host");
                    return Err(Fault::new("", "connection_var", message));
                }
                host.push_str(&value.to_ascii_lowercase());
            }
        }
    }
    Ok(host)
}

/// One segment, filled; never empty, `.` or `..`.
pub(super) fn segment(parts: &[Part], given: &Given<'_>) -> Result<Segment, Fault> {
    let mut whole = Segment::new();
    let mut last = None;
    for part in parts {
        match part {
            Part::Text(text) => whole.push(Bit::Text(text.clone())),
            Part::Unfilled(fault) => return Err(fault.clone()),
            Part::Input {
                placeholder,
                name,
                default,
                style,
            } => {
                last = Some(name);
                let found = given.value(name).filter(|value| !value.is_null());
                let bits = match found.or(default.as_ref()) {
                    Some(value) => styles::path(placeholder, value, *style),
                    None => Ok(None),
                };
                let bits = bits.map_err(|why| unfit(name, "path", &why))?;
                let bits = bits.ok_or_else(|| {
                    let message = format!("{name:?} is part of the path and has no value");
                    Fault::new(pointer(name), "required", message)
                })?;
                for bit in bits {
                    if let Bit::Text(text) = &bit
                        && (text.is_empty() || text.chars().any(char::is_control))
                    {
                        return Err(no_segment(name));
                    }
                    whole.push(bit);
                }
                if whole.text().len() > MAX_SEGMENT_BYTES {
                    let why = format!("it would be longer than {} KB", MAX_SEGMENT_BYTES / 1024);
                    return Err(unfit(name, "path", &why));
                }
            }
        }
    }
    match last {
        Some(name) if whole.leads_elsewhere() => Err(no_segment(name)),
        None if whole.leads_elsewhere() => Err(Fault::new(
            "",
            "connection_var",
            "a connection variable in the path may not be empty, `.` or `..`",
        )),
        Some(_) | None => Ok(whole),
    }
}

fn no_segment(input: &str) -> Fault {
    let message = format!(
        "{input:?} is part of the path: it may not be empty, `.` or `..`, nor hold control characters"
    );
    Fault::new(pointer(input), "invalid_path_value", message)
}
