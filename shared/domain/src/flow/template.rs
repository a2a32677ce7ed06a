//! A JSON value with expressions in it.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::expression::Expression;
use super::render::Reader;
use super::scope::{Scope, Unrendered};
use super::values::{Room, deeper};

/// A JSON value whose texts may hold expressions; parsed once.
///
/// A text that is one whole expression keeps the type of what it comes to; in other texts a value that is no
/// text is written as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(pub(super) Node);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// Without expressions.
    Literal(Value),
    Whole(Expression),
    Mixed(Vec<Part>),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    Expression(Expression),
}

impl Template {
    /// The value with its expressions evaluated.
    ///
    /// # Errors
    /// The first expression that comes to nothing, or a value larger than [`MAX_RENDERED_BYTES`] or nested
    /// deeper than 128 levels.
    ///
    /// [`MAX_RENDERED_BYTES`]: super::MAX_RENDERED_BYTES
    pub fn render(&self, scope: &Scope<'_>) -> Result<Value, Unrendered> {
        self.rendered(&mut Reader::new(scope))
    }

    pub(super) fn rendered(&self, reader: &mut Reader<'_>) -> Result<Value, Unrendered> {
        let mut room = Room::new(super::MAX_RENDERED_BYTES);
        self.0.render(reader, &mut room, 0)
    }

    /// The expression that it is, if it is one.
    pub(super) fn expression(&self) -> &str {
        match &self.0 {
            Node::Whole(expression) => expression.source(),
            Node::Literal(_) | Node::Mixed(_) | Node::Array(_) | Node::Object(_) => "",
        }
    }

    /// A value as it stands.
    pub(super) const fn literal(value: Value) -> Self {
        Self(Node::Literal(value))
    }

    /// Whether it holds no expression.
    pub fn is_literal(&self) -> bool {
        matches!(self.0, Node::Literal(_))
    }
}

impl Node {
    pub(super) fn render(
        &self,
        reader: &mut Reader<'_>,
        room: &mut Room,
        level: usize,
    ) -> Result<Value, Unrendered> {
        let plainly = |message: String| Unrendered::new("", message);
        match self {
            Self::Literal(value) => {
                room.json(value, level).map_err(plainly)?;
                Ok(value.clone())
            }
            Self::Whole(expression) => value(expression, reader, room, level),
            Self::Mixed(parts) => text(parts, reader, room).map(Value::String),
            Self::Array(items) => {
                deeper(level).map_err(plainly)?;
                let items = items
                    .iter()
                    .map(|item| item.render(reader, room, level + 1));
                items.collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Self::Object(members) => {
                deeper(level).map_err(plainly)?;
                let mut rendered = Map::with_capacity(members.len());
                for (name, member) in members {
                    room.take(name.len() + 4).map_err(plainly)?;
                    rendered.insert(name.clone(), member.render(reader, room, level + 1)?);
                }
                Ok(Value::Object(rendered))
            }
        }
    }
}

fn value(
    expression: &Expression,
    reader: &mut Reader<'_>,
    room: &mut Room,
    level: usize,
) -> Result<Value, Unrendered> {
    expression
        .value(reader, room, level)
        .map_err(|message| Unrendered::new(expression.source(), message))
}

fn text(parts: &[Part], reader: &mut Reader<'_>, room: &mut Room) -> Result<String, Unrendered> {
    let mut rendered = String::new();
    for part in parts {
        match part {
            Part::Text(text) => {
                room.take(text.len())
                    .map_err(|message| Unrendered::new("", message))?;
                rendered.push_str(text);
            }
            Part::Expression(expression) => match value(expression, reader, room, 0)? {
                Value::String(text) => rendered.push_str(&text),
                other => {
                    let _ = write!(rendered, "{other}");
                }
            },
        }
    }
    Ok(rendered)
}
