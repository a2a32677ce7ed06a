//! From inputs to a request, without its secrets: pure, structural, nothing joined as a string.
//!
//! A value of an input is data wherever it lands. It becomes one segment, one query value, one header value
//! or one node of the body, and is encoded as such when the request is written; `${NAME}` or `{{ x }}` in
//! it is never expanded, because only static text of the config is ever read as a [`Template`].
//!
//! What goes where:
//! - Inputs follow `mapping`. Without one they fill the placeholders of their name; the rest are query
//!   parameters (GET, HEAD, DELETE) or members of a JSON body (POST, PUT, PATCH).
//! - A `{placeholder}` is filled from `input_to_path`, else from the `input_to_params` entry that
//!   leads to that name, else from the input of that name, else from `connection_vars`.
//! - `x-hidden` inputs that are absent take their `const` or `default`. Defaults of visible inputs are
//!   documentation; `default` in a mapping rule is what is sent.
//! - `null` is left out of path, query and headers, and stays `null` in a body.

mod fill;
mod place;
mod plan;
mod styles;

use serde_json::Value;

use crate::config::{Method, Scheme, Template};
use crate::ids::SecretName;

pub use place::place_auth;
pub use plan::Plan;

/// A request whose secrets are still names.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The HTTP method.
    pub method: Method,
    /// The URL's scheme.
    pub scheme: Scheme,
    /// The URL's host, connection variables filled in.
    pub host: String,
    /// The URL's port.
    pub port: u16,
    /// The path's segments, not percent-encoded; none is empty, `.` or `..`.
    pub segments: Vec<String>,
    /// Whether the path ends with a slash.
    pub trailing_slash: bool,
    /// The query's pairs, in order, not percent-encoded.
    pub query: Vec<(String, Template)>,
    /// Headers; none from an input holds a control character.
    pub headers: Vec<(String, Template)>,
    /// User name and password of `Authorization: Basic`.
    pub basic: Option<(Template, Template)>,
    /// The JSON body.
    pub body: Option<Value>,
}

impl Draft {
    /// The secrets that must be known to send it, each as often as it is named.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        let pairs = self.query.iter().chain(&self.headers);
        let basic = self
            .basic
            .iter()
            .flat_map(|(user, password)| [user, password]);
        let templates = pairs.map(|(_, template)| template).chain(basic);
        templates.flat_map(Template::secrets)
    }
}

#[cfg(test)]
mod tests;
