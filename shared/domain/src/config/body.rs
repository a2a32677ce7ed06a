//! What `body` says: how the request's body is written.

use serde_json::Value;

/// `body`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BodyRules {
    /// `body.type`.
    pub kind: BodyKind,
    /// `body.template`: JSON with `{"$input": "name"}` nodes.
    pub template: Option<Value>,
    /// `body.graphql`: the query.
    pub graphql: Option<String>,
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
