//! Keywords that strict mode does not know, said in words: the model still reads what the validator will ask for.

use std::fmt::Write as _;

use serde_json::Value;

/// Longest quoted value, in bytes.
const QUOTED: usize = 200;

/// Longest sum of all that is said of one part, in bytes.
const MOST: usize = 1_500;

/// What is said of one part beside its author's description.
#[derive(Clone, Debug, Default)]
pub(super) struct Words(String);

impl Words {
    /// Adds a remark, unless too much was said before.
    pub(super) fn say(&mut self, remark: &str) {
        if remark.is_empty() || self.0.len() + remark.len() > MOST || self.says(remark) {
            return;
        }
        if !self.0.is_empty() {
            self.0.push_str("; ");
        }
        self.0.push_str(remark);
    }

    /// Says what a keyword asks for; nothing of those that ask for nothing.
    pub(super) fn keyword(&mut self, name: &str, value: &Value) {
        match name {
            "default" => self.quote("default: ", value),
            "example" => self.quote("for example ", value),
            "examples" => {
                let first = value.as_array().and_then(|all| all.first());
                self.quote("for example ", first.unwrap_or(value));
            }
            "format" => self.quote("format: ", value),
            "pattern" => self.quote("pattern: ", value),
            "minLength" => self.count("at least ", value, " characters"),
            "maxLength" => self.count("at most ", value, " characters"),
            "minItems" => self.count("at least ", value, " items"),
            "maxItems" => self.count("at most ", value, " items"),
            "minProperties" => self.count("at least ", value, " members given"),
            "maxProperties" => self.count("at most ", value, " members given"),
            "minContains" => self.count("at least ", value, " such items"),
            "maxContains" => self.count("at most ", value, " such items"),
            "minimum" => self.quote("at least ", value),
            "maximum" => self.quote("at most ", value),
            "exclusiveMinimum" => self.quote("more than ", value),
            "exclusiveMaximum" => self.quote("less than ", value),
            "multipleOf" => self.quote("a multiple of ", value),
            "contentEncoding" => self.quote("encoding: ", value),
            "contentMediaType" => self.quote("content: ", value),
            "contentSchema" => self.quote("whose content fits ", value),
            "uniqueItems" if *value == Value::Bool(true) => self.say("no item twice"),
            "deprecated" if *value == Value::Bool(true) => self.say("deprecated"),
            "readOnly" if *value == Value::Bool(true) => self.say("read-only"),
            "contains" => self.quote("an item fits ", value),
            "propertyNames" => self.quote("names of members fit ", value),
            "not" => self.quote("must not fit ", value),
            "if" => self.quote("if it fits ", value),
            "then" => self.quote("then it fits ", value),
            "else" => self.quote("else it fits ", value),
            "dependentRequired" | "dependentSchemas" | "dependencies" => {
                self.quote("members that ask for others: ", value);
            }
            _ => {}
        }
    }

    /// Joined to a description.
    pub(super) fn beside(self, description: Option<&str>) -> Option<String> {
        let description = description.map(str::trim_end).unwrap_or_default();
        match (description.is_empty(), self.0.is_empty()) {
            (true, true) => None,
            (true, false) => Some(self.0),
            (false, true) => Some(description.to_owned()),
            (false, false) => Some(format!("{description} ({})", self.0)),
        }
    }

    fn says(&self, remark: &str) -> bool {
        self.0.split("; ").any(|said| said == remark)
    }

    fn count(&mut self, before: &str, value: &Value, after: &str) {
        self.say(&format!("{before}{value}{after}"));
    }

    fn quote(&mut self, before: &str, value: &Value) {
        let mut remark = before.to_owned();
        match value {
            Value::String(text) if !text.is_empty() => remark.push_str(text),
            other => {
                let _ = write!(remark, "{other}");
            }
        }
        // Inputs that nobody sees are not spoken of either.
        if remark.contains("\"x-hidden\"") {
            return;
        }
        self.say(cut(&remark, before.len() + QUOTED).as_ref());
    }
}

/// A text cut to so many bytes, at a character's border, with a sign where something is missing.
pub(super) fn cut(text: &str, most: usize) -> std::borrow::Cow<'_, str> {
    if text.len() <= most {
        return text.into();
    }
    let end = text.floor_char_boundary(most.saturating_sub('…'.len_utf8()));
    format!("{}…", text[..end].trim_end()).into()
}
