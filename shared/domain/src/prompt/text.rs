//! `{{variable}}` in a text: taken apart once, when the document is read.
//!
//! `{{name}}` stands for a variable; spaces inside the braces do not count. `{{{{` stands for two braces as
//! they are. Every other `{{` is a fault. `}}` outside a placeholder is plain text.

use crate::schema::cut;
use crate::walk::{At, Faults};

/// A text with variables in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub Vec<Piece>);

/// A piece of a [`Text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands.
    Plain(String),
    /// A variable's name.
    Variable(String),
}

impl Text {
    /// Takes a text apart.
    pub(super) fn read(text: &str, at: &At<'_>, faults: &mut Faults) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            plain.push_str(before);
            if let Some(after) = after.strip_prefix("{{") {
                plain.push_str("{{");
                rest = after;
                continue;
            }
            match placeholder(after) {
                Some((name, after)) => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Variable(name.to_owned()));
                    rest = after;
                }
                None => {
                    wrong(after, at, faults);
                    rest = after;
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        Self(pieces)
    }

    /// The variables that it names, in order, repeated ones repeatedly.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Variable(name) => Some(name.as_str()),
            Piece::Plain(_) => None,
        })
    }
}

/// What follows `{{`: a variable's name, and the text after `}}`.
fn placeholder(after: &str) -> Option<(&str, &str)> {
    // A name is short: a far `}}` belongs to something else.
    let near = after.len().min(256);
    let near = (0..=near).rev().find(|at| after.is_char_boundary(*at))?;
    let end = after.get(..near)?.find("}}")?;
    let name = after.get(..end)?.trim_matches(' ');
    is_name(name).then_some((name, after.get(end + 2..)?))
}

/// Whether a variable may have this name: `^[A-Za-z_][A-Za-z0-9_]{0,63}$`.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn wrong(after: &str, at: &At<'_>, faults: &mut Faults) {
    let shown = cut(after.lines().next().unwrap_or_default());
    let message = format!("\"{{{{{}\" is no variable", shown.escape_debug());
    let hint = "write {{name}} with the name of a variable (letters, digits and _), or {{{{ for two braces as they are";
    faults.advise(at, "invalid_placeholder", message, hint);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Text, usize) {
        let mut faults = Faults::default();
        let read = Text::read(text, &At::ROOT, &mut faults);
        (read, faults.count())
    }

    fn plain(text: &str) -> Piece {
        Piece::Plain(text.to_owned())
    }

    fn variable(name: &str) -> Piece {
        Piece::Variable(name.to_owned())
    }

    #[test]
    fn takes_texts_apart() {
        for (text, pieces) in [
            ("", vec![]),
            (
                "no variable }} { } {x}",
                vec![plain("no variable }} { } {x}")],
            ),
            ("{{a}}", vec![variable("a")]),
            ("{{ a }}{{b}}", vec![variable("a"), variable("b")]),
            ("x{{a}}y", vec![plain("x"), variable("a"), plain("y")]),
            ("{{{{a}}", vec![plain("{{a}}")]),
            ("{{{{{{a}}}}", vec![plain("{{"), variable("a"), plain("}}")]),
            (
                "{\"k\":{{a}}}",
                vec![plain("{\"k\":"), variable("a"), plain("}")],
            ),
            ("ä{{_A9}}😀", vec![plain("ä"), variable("_A9"), plain("😀")]),
        ] {
            assert_eq!(read(text), (Text(pieces), 0), "{text}");
        }
    }

    #[test]
    fn tells_every_placeholder_that_is_none() {
        for (text, faults) in [
            ("{{", 1),
            ("{{}}", 1),
            ("{{a", 1),
            ("{{a}", 1),
            ("{{a.b}} {{a|upper}} {{a b}}", 3),
            ("{{#if a}}x{{/if}}", 2),
            ("{{1a}}", 1),
            ("{{ä}}", 1),
            ("{{\n a}}", 1),
            ("{{{a}}}", 1),
        ] {
            assert_eq!(read(text).1, faults, "{text}");
        }
        let long = format!("{{{{{}}}}}", "a".repeat(65));
        assert_eq!(read(&long).1, 1);
    }
}
