//! What `body` says: how the request's body is written.

mod graphql;
mod read;
mod template;

use std::collections::HashSet;

use serde_json::Value;

use super::Method;

pub(super) use read::{Request, fits, read};

/// `body`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BodyRules {
    /// `body.type`; `json` or `graphql` where `template` or `graphql` alone is stated.
    pub kind: BodyKind,
    /// `body.template`.
    pub template: Option<Node>,
    /// `body.graphql`.
    pub graphql: Option<GraphQlQuery>,
}

/// `body.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyKind {
    /// Not stated: the method and the mapping decide; a body is JSON.
    #[default]
    Unstated,
    /// No body.
    None,
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data` (RFC 7578).
    Multipart,
    /// `text/plain`.
    Text,
    /// `application/xml`.
    Xml,
    /// GraphQL over HTTP: `query` and `variables` as JSON.
    GraphQl,
}

/// A node of a template: JSON in which inputs stand for nodes.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// JSON as it stands; `{"$literal": …}` is one, too.
    Literal(Value),
    /// `{"$input": "name"}`: the input's value, whatever its type. Absent, the member or element is
    /// left out.
    Input {
        /// The input's name.
        name: String,
        /// Used when the input is absent.
        default: Option<Value>,
        /// Leave it out when the value is null, `""`, `[]` or `{}`.
        omit_empty: bool,
    },
    /// An object with an input somewhere below.
    Object(Vec<(String, Node)>),
    /// An array with an input somewhere below.
    Array(Vec<Node>),
}

/// `body.graphql`: one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphQlQuery {
    /// The whole text, fragments included.
    pub text: String,
    /// The operation's name, when it has one.
    pub operation: Option<String>,
    /// The variables that it declares.
    pub variables: Vec<Variable>,
}

/// A variable that a GraphQL operation declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name, without `$`.
    pub name: String,
    /// It is non-null and has no default.
    pub required: bool,
}

/// Where inputs go that neither the path nor a mapping nor a template names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// To the query.
    Query,
    /// Into the body.
    Body,
    /// Nowhere: the template says all of the body.
    Nowhere,
}

impl BodyRules {
    /// Where inputs go without a mapping.
    pub const fn rest(&self, method: Method) -> Rest {
        match (self.kind, method) {
            (BodyKind::Unstated, Method::Get | Method::Head | Method::Delete)
            | (BodyKind::None, _) => Rest::Query,
            _ if self.template.is_some() => Rest::Nowhere,
            (BodyKind::Unstated, Method::Post | Method::Put | Method::Patch)
            | (
                BodyKind::Json
                | BodyKind::Form
                | BodyKind::Multipart
                | BodyKind::Text
                | BodyKind::Xml
                | BodyKind::GraphQl,
                _,
            ) => Rest::Body,
        }
    }
}

impl BodyKind {
    /// Whether the body is a flat list of named fields.
    pub const fn has_fields(self) -> bool {
        matches!(self, Self::Form | Self::Multipart)
    }

    /// Whether one input is the whole body, whatever its name.
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Text)
    }
}

impl Node {
    /// The inputs that it names.
    pub fn inputs(&self) -> HashSet<&str> {
        let mut names = HashSet::new();
        self.collect(&mut names);
        names
    }

    fn collect<'a>(&'a self, names: &mut HashSet<&'a str>) {
        match self {
            Self::Literal(_) => {}
            Self::Input { name, .. } => {
                names.insert(name);
            }
            Self::Object(members) => members.iter().for_each(|(_, node)| node.collect(names)),
            Self::Array(items) => items.iter().for_each(|node| node.collect(names)),
        }
    }
}
