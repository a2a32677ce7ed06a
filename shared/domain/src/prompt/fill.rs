//! Filling a prompt in: values are checked, then put between the pieces; what was put in is never read again.

use serde_json::{Map, Value};

use super::variable::as_text;
use super::{Filled, FilledMessage, MAX_FILLED_BYTES, Message, Piece, Prompt, Text};
use crate::fault::Fault;
use crate::schema::cut;
use crate::text;
use crate::walk::{At, Faults};

/// A variable's name and its text, by the order of the variables.
type Values<'p> = Vec<(&'p str, String)>;

impl Prompt {
    /// Fills the variables in. A value of null counts as none.
    ///
    /// # Errors
    /// Every fault of the values, with pointers such as `/variables/city`: missing, unknown, of another
    /// type, out of bounds; or that the text would have more than [`MAX_FILLED_BYTES`].
    pub fn fill(&self, values: &Map<String, Value>) -> Result<Filled, Vec<Fault>> {
        let mut faults = Faults::default();
        let at = At::ROOT.name("variables");
        self.refuse_unknown(values, &at, &mut faults);
        let values = self.values(values, &at, &mut faults);
        if faults.count() > 0 {
            return Err(faults.into_vec());
        }
        self.filled(&values).ok_or_else(|| {
            let message = format!("the filled-in text has more than {MAX_FILLED_BYTES} bytes");
            vec![Fault::new("/variables", "too_large", message).hint("send shorter values")]
        })
    }

    /// The values of arguments that came as texts, as MCP sends them.
    pub fn typed(&self, texts: Map<String, Value>) -> Map<String, Value> {
        let typed = |name: String, value: Value| {
            let variable = self.variables.iter().find(|known| known.name == name);
            match (variable, &value) {
                (Some(variable), Value::String(text)) => (name, variable.read_text(text)),
                (Some(_) | None, _) => (name, value),
            }
        };
        texts
            .into_iter()
            .map(|(name, value)| typed(name, value))
            .collect()
    }

    fn refuse_unknown(&self, values: &Map<String, Value>, at: &At<'_>, faults: &mut Faults) {
        for name in values.keys() {
            if faults.full() {
                return;
            }
            if self.variables.iter().any(|known| known.name == *name) {
                continue;
            }
            let message = format!(
                "the prompt has no variable \"{}\"",
                cut(name).escape_debug()
            );
            faults.advise(&at.name(name), "unknown_variable", message, self.near(name));
        }
    }

    /// What to do about a name that is no variable.
    pub(super) fn near(&self, name: &str) -> String {
        let known: Vec<&str> = self
            .variables
            .iter()
            .map(|known| known.name.as_str())
            .collect();
        text::did_you_mean(name, &known).unwrap_or_else(|| match known.as_slice() {
            [] => "it has no variables".to_owned(),
            known => format!("its variables: {}", known.join(", ")),
        })
    }

    fn values<'p>(
        &'p self,
        values: &Map<String, Value>,
        at: &At<'_>,
        faults: &mut Faults,
    ) -> Values<'p> {
        let mut texts = Vec::with_capacity(self.variables.len());
        for variable in &self.variables {
            let value = values.get(&variable.name).filter(|value| !value.is_null());
            if let Some(value) = value {
                variable.check(value, &at.name(&variable.name), faults);
            } else if variable.required {
                let place = at.name(&variable.name);
                let message = format!("the variable \"{}\" is required", variable.name);
                let hint = format!("send a {}", variable.kind.as_str());
                faults.advise(&place, "required", message, hint);
            }
            let text = value.or(variable.default.as_ref()).map(as_text);
            texts.push((variable.name.as_str(), text.unwrap_or_default()));
        }
        texts
    }

    fn filled(&self, values: &Values<'_>) -> Option<Filled> {
        let mut room = MAX_FILLED_BYTES;
        let mut filled = |text: &Text| joined(text, values, &mut room);
        let instructions = match &self.instructions {
            Some(text) => Some(filled(text)?),
            None => None,
        };
        let mut messages = Vec::with_capacity(self.messages.len());
        for Message { role, text } in &self.messages {
            let text = filled(text)?;
            messages.push(FilledMessage { role: *role, text });
        }
        Some(Filled {
            instructions,
            messages,
            tools: self.tools.clone(),
            model: self.model.clone(),
            text_format: self.text_format.clone(),
        })
    }
}

/// The pieces one after another; `None` when there is no room for them.
fn joined(text: &Text, values: &Values<'_>, room: &mut usize) -> Option<String> {
    let mut joined = String::new();
    for piece in &text.0 {
        let part = match piece {
            Piece::Plain(text) => text.as_str(),
            Piece::Variable(name) => values
                .iter()
                .find(|(known, _)| known == name)
                .map_or("", |(_, text)| text),
        };
        *room = room.checked_sub(part.len())?;
        joined.push_str(part);
    }
    Some(joined)
}
