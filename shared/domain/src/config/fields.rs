//! Reads the members of a config's objects: one method per kind of value, each noting what is wrong.

use serde_json::{Map, Value};

use crate::schema::{cut, names_secret};
use crate::text;
use crate::walk::{At, Faults};

/// A JSON object at its place.
#[derive(Clone, Copy)]
pub(crate) struct Object<'v, 'a> {
    pub(crate) members: &'v Map<String, Value>,
    pub(crate) at: &'a At<'a>,
}

/// The names that an object may have.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names {
    /// Read.
    pub(crate) known: &'static [&'static str],
    /// Belongs elsewhere: the name and where.
    pub(crate) elsewhere: &'static [(&'static str, &'static str)],
}

impl Faults {
    /// The value as an object.
    pub(crate) fn object<'v, 'a>(
        &mut self,
        value: &'v Value,
        at: &'a At<'a>,
    ) -> Option<Object<'v, 'a>> {
        match value {
            Value::Object(members) => Some(Object { members, at }),
            other => {
                self.wrong_type(at, "an object", other);
                None
            }
        }
    }

    /// The value as an array of at most `most` elements.
    pub(crate) fn list<'v>(&mut self, value: &'v Value, at: &At<'_>, most: usize) -> &'v [Value] {
        match value {
            Value::Array(items) if items.len() > most => {
                self.add(
                    at,
                    "too_large",
                    format!("at most {most} elements are allowed"),
                );
                &[]
            }
            Value::Array(items) => items,
            other => {
                self.wrong_type(at, "an array", other);
                &[]
            }
        }
    }

    /// Notes members that do not belong to this object. Names that begin with `x-` are free.
    pub(crate) fn only(&mut self, object: Object<'_, '_>, names: Names) {
        for name in object.members.keys() {
            if self.full() {
                return;
            }
            if names.known.contains(&name.as_str()) || name.starts_with("x-") {
                continue;
            }
            let at = object.at.name(name);
            let place = names.elsewhere.iter().find(|(other, _)| other == name);
            let hint = match place {
                Some((_, place)) => Some(format!("it belongs {place}")),
                None => text::did_you_mean(name, names.known),
            };
            let message = format!("there is no field \"{}\" here", cut(name));
            let hint = hint.unwrap_or_else(|| format!("fields here: {}", names.known.join(", ")));
            self.advise(&at, "unknown_field", message, hint);
        }
    }

    /// A member that is a text; hidden and control characters are refused.
    pub(crate) fn text<'v>(&mut self, object: Object<'v, '_>, name: &str) -> Option<&'v str> {
        let at = object.at.name(name);
        match object.members.get(name)? {
            Value::String(text) => {
                self.visible(text, &at);
                Some(text)
            }
            other => {
                self.wrong_type(&at, "a string", other);
                None
            }
        }
    }

    /// Refuses hidden and control characters.
    pub(crate) fn visible(&mut self, text: &str, at: &At<'_>) {
        if let Some((c, kind)) = text::hidden_character(text) {
            let message = format!("contains U+{:04X}, {kind}", u32::from(c));
            self.add(at, "invalid_character", message);
        }
    }

    /// Refuses `${NAME}` where no secret may stand.
    pub(crate) fn without_secret(&mut self, text: &str, at: &At<'_>) {
        if names_secret(text) {
            self.advise(
                at,
                "secret_not_allowed",
                "a secret is not filled in here",
                "write ${NAME} only in api.auth, api.headers and api.params",
            );
        }
    }

    /// Notes a text that is not between 1 and `most` characters long.
    pub(crate) fn length(&mut self, text: &str, most: usize, at: &At<'_>) {
        // Bytes first: counting characters of a megabyte would be work for nothing.
        let fits = text.len() <= 4 * most && text.chars().count() <= most;
        if text.trim().is_empty() {
            self.add(at, "invalid_length", "must not be empty");
        } else if !fits {
            self.add(
                at,
                "invalid_length",
                format!("must have {most} characters or fewer"),
            );
        }
    }

    /// A member that is true or false.
    pub(crate) fn flag(&mut self, object: Object<'_, '_>, name: &str) -> Option<bool> {
        match object.members.get(name)? {
            Value::Bool(flag) => Some(*flag),
            other => {
                self.wrong_type(&object.at.name(name), "true or false", other);
                None
            }
        }
    }

    /// A member that is a whole number within bounds.
    pub(crate) fn whole(
        &mut self,
        object: Object<'_, '_>,
        name: &str,
        least: u64,
        most: u64,
    ) -> Option<u64> {
        let value = object.members.get(name)?;
        let number = value.as_u64().filter(|n| (least..=most).contains(n));
        if number.is_none() {
            let expected = format!("a whole number from {least} to {most}");
            self.wrong_number(&object.at.name(name), &expected, value);
        }
        number
    }

    /// A member that is one of a few words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        object: Object<'_, '_>,
        name: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let value = object.members.get(name)?;
        let at = object.at.name(name);
        let Value::String(word) = value else {
            self.wrong_type(&at, "a string", value);
            return None;
        };
        let found = choices.iter().find(|(choice, _)| choice == word);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let hint = text::did_you_mean(word, &words)
                .unwrap_or_else(|| format!("allowed: {}", words.join(", ")));
            let message = format!("\"{}\" is not known here", cut(word).escape_debug());
            self.advise(&at, "invalid_value", message, hint);
        }
        found.map(|(_, choice)| *choice)
    }
}
