//! From inputs to a request, without its secrets: pure, structural, nothing joined as a string.
//!
//! A value of an input is data wherever it lands. It becomes one segment, one query value, one header value
//! or one node of the body, and is encoded as such when the request is written; `${NAME}` or `{{ x }}` in
//! it is never expanded, because only static text of the config is ever read as a [`Template`].
//!
//! What goes where:
//! - Inputs follow `mapping`. Without one they fill the placeholders of their name; the rest are query
//!   parameters (GET, HEAD, DELETE) or members of a JSON body (POST, PUT, PATCH), as `body.type` has it:
//!   fields of a form, variables of a GraphQL query.
//! - `body.template` says all of the body: inputs take the place of its `$input` nodes.
//! - A `{placeholder}` is filled from `input_to_path`, else from the `input_to_params` entry that
//!   leads to that name, else from the input of that name, else from `connection_vars`.
//! - `x-hidden` inputs that are absent take their `const` or `default`. Defaults of visible inputs are
//!   documentation; `default` in a mapping rule is what is sent.
//! - `null` is left out of path, query and headers, and stays `null` in a body.

mod body;
mod fill;
mod multipart;
mod place;
mod plan;
mod room;
mod segment;
mod styles;
mod template;
pub(crate) mod tree;
mod verify;
pub(crate) mod xml;

use serde_json::Value;

use crate::config::{Method, Scheme, Template};
use crate::ids::SecretName;

pub use body::Body;
pub use multipart::FormPart;
pub use place::{is_cookie_octet, place_auth, put};
pub use plan::Plan;
pub use room::MAX_BODY_BYTES;
pub use segment::{Bit, Segment};
pub use verify::verify_draft;

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
    pub segments: Vec<Segment>,
    /// Whether the path ends with a slash.
    pub trailing_slash: bool,
    /// The query's pairs, in order, not percent-encoded.
    pub query: Vec<(String, Template)>,
    /// Headers; none from an input holds a control character.
    pub headers: Vec<(String, Template)>,
    /// User name and password of `Authorization: Basic`.
    pub basic: Option<(Template, Template)>,
    /// The body; its size is checked when it is written.
    pub body: Option<Body>,
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

    /// The JSON body; `None` when the body is none or no JSON.
    pub fn body_json(&self) -> Option<&Value> {
        match self.body.as_ref()? {
            Body::Json(value) => Some(value),
            Body::Form(_) | Body::Multipart(_) | Body::Text(_) | Body::Xml(_) => None,
        }
    }

    /// The JSON body, to set a place in it; `None` when the body is none or no JSON.
    pub fn body_json_mut(&mut self) -> Option<&mut Value> {
        match self.body.as_mut()? {
            Body::Json(value) => Some(value),
            Body::Form(_) | Body::Multipart(_) | Body::Text(_) | Body::Xml(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
