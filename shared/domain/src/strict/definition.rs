//! A tool as a function definition of the Responses API, and what becomes of the arguments that a model gives it.

use serde_json::{Value, json};

use super::loose::loose;
use super::{NotStrict, Strict, strict, unwrap};
use crate::formats::ToolView;
use crate::schema;

/// Longest description of a function, in characters: what the strictest of the servers accept.
pub const MAX_DESCRIPTION: usize = 1_024;

/// Longest name of a function.
const MAX_NAME: usize = 64;

/// What is sent to a model of a tool, and how its arguments come back.
#[derive(Clone, Debug)]
pub struct Definition {
    function: Value,
    way: Way,
}

/// How arguments come back.
#[derive(Clone, Debug)]
enum Way {
    Strict(Box<Strict>),
    /// As they are, or out of the wrapping property.
    Loose {
        why: NotStrict,
        wrapped: bool,
    },
}

/// Why a tool can be offered to no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tool \"{tool}\" cannot be offered: {reason}")]
pub struct Unusable {
    /// The tool's id.
    pub tool: String,
    /// What is wrong, in one sentence.
    pub reason: String,
}

/// The function definition of a tool: strict where its schema allows that, else with its own schema.
///
/// # Errors
/// The name or the schema is such that a provider would refuse the whole request because of it.
pub fn definition(view: &ToolView) -> Result<Definition, Unusable> {
    let unusable = |reason: String| Unusable {
        tool: view.id.clone(),
        reason,
    };
    if !is_name(&view.id) {
        let reason = "a function's name has 1 to 64 letters, digits, \"_\" and \"-\"";
        return Err(unusable(reason.to_owned()));
    }
    let (parameters, way) = match strict(&view.input_schema) {
        Ok(strict) => (strict.schema().clone(), Way::Strict(Box::new(strict))),
        Err(why) => {
            if let Some(fault) = schema::check(&view.input_schema).first() {
                let reason = format!("input_schema{}: {}", fault.pointer, fault.message);
                return Err(unusable(reason));
            }
            let (parameters, wrapped) = loose(&view.input_schema);
            (parameters, Way::Loose { why, wrapped })
        }
    };
    let function = json!({
        "type": "function",
        "name": view.id,
        "description": bounded(&view.description),
        "parameters": parameters,
        "strict": matches!(way, Way::Strict(_)),
    });
    Ok(Definition { function, way })
}

impl Definition {
    /// The definition as it stands in `tools` of a request. `strict` is always said.
    pub const fn function(&self) -> &Value {
        &self.function
    }

    /// Why it is not strict; `None` when it is.
    pub const fn not_strict(&self) -> Option<&NotStrict> {
        match &self.way {
            Way::Strict(_) => None,
            Way::Loose { why, .. } => Some(why),
        }
    }

    /// The model's arguments as the tool's own schema means them.
    pub fn restore(&self, arguments: Value) -> Value {
        match &self.way {
            Way::Strict(strict) => strict.restore(arguments),
            Way::Loose { wrapped: true, .. } => unwrap(arguments),
            Way::Loose { wrapped: false, .. } => arguments,
        }
    }
}

fn is_name(id: &str) -> bool {
    (1..=MAX_NAME).contains(&id.len())
        && id
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'))
}

fn bounded(description: &str) -> std::borrow::Cow<'_, str> {
    match description.char_indices().nth(MAX_DESCRIPTION) {
        None => description.into(),
        Some(_) => {
            let end = description.char_indices().nth(MAX_DESCRIPTION - 1);
            let end = end.map_or(0, |(end, _)| end);
            format!("{}…", description[..end].trim_end()).into()
        }
    }
}
