//! What a schema means for strict mode: a small tree that is printed as a schema and restores arguments.

use serde_json::{Value, json};

/// Some of the seven types of JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Types {
    pub(super) const NONE: Self = Self(0);
    pub(super) const STRING: Self = Self(1);
    pub(super) const NUMBER: Self = Self(2);
    pub(super) const INTEGER: Self = Self(4);
    pub(super) const BOOLEAN: Self = Self(8);
    pub(super) const NULL: Self = Self(16);
    pub(super) const OBJECT: Self = Self(32);
    pub(super) const ARRAY: Self = Self(64);
    pub(super) const ALL: Self = Self(127);
    pub(super) const SCALARS: Self = Self(31);

    const NAMED: [(Self, &'static str); 7] = [
        (Self::STRING, "string"),
        (Self::NUMBER, "number"),
        (Self::INTEGER, "integer"),
        (Self::BOOLEAN, "boolean"),
        (Self::OBJECT, "object"),
        (Self::ARRAY, "array"),
        (Self::NULL, "null"),
    ];

    /// The type of this name; none for a name that is none.
    pub(super) fn named(name: &str) -> Self {
        let named = Self::NAMED.iter().find(|(_, known)| *known == name);
        named.map_or(Self::NONE, |(types, _)| *types)
    }

    /// The types that a value has: whole numbers have two.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(number) if number.as_f64().is_some_and(|n| n.fract() == 0.0) => {
                Self(Self::NUMBER.0 | Self::INTEGER.0)
            }
            Value::Number(_) => Self::NUMBER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those in both; a whole number is a number.
    pub(super) const fn and(self, other: Self) -> Self {
        let whole = self.widened().0 & other.widened().0;
        Self(whole).narrowed()
    }

    /// Whether a value is of one of them.
    pub(super) fn take(self, value: &Value) -> bool {
        self.widened().0 & Self::of(value).0 != 0
    }

    /// Whether they have one in common.
    pub(super) const fn meet(self, other: Self) -> bool {
        self.widened().0 & other.widened().0 != 0
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// With `integer` wherever there is `number`.
    const fn widened(self) -> Self {
        if self.0 & Self::NUMBER.0 == 0 {
            self
        } else {
            Self(self.0 | Self::INTEGER.0)
        }
    }

    /// Without `integer` where there is `number`, which says more.
    pub(super) const fn narrowed(self) -> Self {
        if self.0 & Self::NUMBER.0 == 0 {
            self
        } else {
            Self(self.0 & !Self::INTEGER.0)
        }
    }

    /// As the value of `type`.
    pub(super) fn json(self) -> Value {
        let mut names = Self::NAMED
            .iter()
            .filter(|(types, _)| self.0 & types.0 != 0)
            .map(|(_, name)| Value::from(*name));
        match (names.next(), names.next()) {
            (Some(only), None) => only,
            (first, second) => first.into_iter().chain(second).chain(names).collect(),
        }
    }
}

/// A part of a schema: what a model reads about it, and what it allows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) note: Option<String>,
    pub(super) kind: Kind,
}

/// What a part allows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Any value of these types, which are neither objects nor arrays.
    Plain(Types),
    /// One of these values, which are neither objects nor arrays.
    Values(Vec<Value>),
    /// An object with exactly these members.
    Object(Vec<Member>),
    /// An array of such elements.
    List(Box<Node>),
    /// What one of these allows.
    Union(Vec<Node>),
    /// What the part of this number allows.
    Part(usize),
    /// `{"null": true}`: an explicit null where a plain one means "left out".
    SetNull,
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) node: Node,
    /// A null means that the member is left out.
    pub(super) optional: bool,
}

impl Kind {
    /// Without a note.
    pub(super) const fn plainly(self) -> Node {
        Node {
            note: None,
            kind: self,
        }
    }
}

impl Node {
    /// Whether it stands as one small schema wherever it is used. No part of these `parts` is bottomless.
    pub(super) fn is_small(&self, parts: &[Self]) -> bool {
        match &self.kind {
            Kind::Plain(_) => true,
            Kind::Values(values) => values.len() <= 8,
            Kind::Part(number) => parts[*number].is_small(parts),
            Kind::Object(_) | Kind::List(_) | Kind::Union(_) | Kind::SetNull => false,
        }
    }

    /// Whether one comes from it to a type without going in circles, given which parts do.
    fn ends(&self, ends: &[bool]) -> bool {
        match &self.kind {
            Kind::Union(nodes) => nodes.iter().all(|node| node.ends(ends)),
            Kind::Part(number) => ends[*number],
            Kind::Plain(_) | Kind::Values(_) | Kind::Object(_) | Kind::List(_) | Kind::SetNull => {
                true
            }
        }
    }

    /// Makes the members that may be left out accept null for it. `nullable` says the same of the
    /// parts as [`Node::has_null`] of a node.
    pub(super) fn settle(&mut self, nullable: &[bool]) {
        match &mut self.kind {
            Kind::Object(members) => {
                for member in members {
                    member.node.settle(nullable);
                    if member.optional {
                        member.node.leave_out(nullable);
                    }
                }
            }
            Kind::List(element) => element.settle(nullable),
            Kind::Union(nodes) => nodes.iter_mut().for_each(|node| node.settle(nullable)),
            Kind::Plain(_) | Kind::Values(_) | Kind::Part(_) | Kind::SetNull => {}
        }
    }

    /// Adds the null that means "left out", and a way to say null where that was possible before.
    fn leave_out(&mut self, nullable: &[bool]) {
        if self.has_null(nullable) {
            return self.add(Kind::SetNull);
        }
        match &mut self.kind {
            Kind::Plain(types) => *types = types.or(Types::NULL),
            Kind::Values(values) => values.push(Value::Null),
            Kind::Object(_) | Kind::List(_) | Kind::Union(_) | Kind::Part(_) | Kind::SetNull => {
                self.add(Kind::Plain(Types::NULL));
            }
        }
    }

    /// Whether null is among what it allows.
    pub(super) fn has_null(&self, nullable: &[bool]) -> bool {
        match &self.kind {
            Kind::Plain(types) => types.meet(Types::NULL),
            Kind::Values(values) => values.contains(&Value::Null),
            Kind::Union(nodes) => nodes.iter().any(|node| node.has_null(nullable)),
            Kind::Part(number) => nullable[*number],
            Kind::Object(_) | Kind::List(_) | Kind::SetNull => false,
        }
    }

    /// One alternative more; the note stands above all of them.
    fn add(&mut self, kind: Kind) {
        if let Kind::Union(nodes) = &mut self.kind {
            nodes.push(kind.plainly());
        } else {
            let before = std::mem::replace(&mut self.kind, Kind::Union(Vec::with_capacity(2)));
            self.kind = Kind::Union(vec![before.plainly(), kind.plainly()]);
        }
    }
}

/// Which parts allow null.
pub(super) fn nullable(parts: &[Node]) -> Vec<bool> {
    let mut known = vec![false; parts.len()];
    loop {
        let next: Vec<bool> = parts.iter().map(|part| part.has_null(&known)).collect();
        if next == known {
            return known;
        }
        known = next;
    }
}

/// Whether a part is nothing but itself: a circle of references and choices that no value ends.
pub(super) fn has_bottomless(parts: &[Node]) -> bool {
    let mut ends = vec![false; parts.len()];
    loop {
        let next: Vec<bool> = parts.iter().map(|part| part.ends(&ends)).collect();
        if next == ends {
            return ends.contains(&false);
        }
        ends = next;
    }
}

/// The value that [`Kind::SetNull`] allows.
pub(super) fn set_null() -> Value {
    json!({ "null": true })
}
