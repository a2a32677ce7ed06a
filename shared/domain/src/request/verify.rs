//! The request that tests a tool's credential: its own path, the tool's credential and static headers, no input.

use crate::config::{Piece, ToolConfig, Verify};
use crate::fault::Fault;

use super::fill::{self, Part};
use super::place::place_auth;
use super::{Draft, Segment};

/// The draft of `auth.verify`, credential included.
///
/// # Errors
/// A connection variable in the host or the path that has no value.
pub fn verify_draft(config: &ToolConfig, verify: &Verify) -> Result<Draft, Fault> {
    let api = &config.api;
    let mut segments = Vec::with_capacity(verify.path.len());
    for segment in &verify.path {
        let mut text = String::new();
        for piece in &segment.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Placeholder(name) => {
                    match fill::filled(name, None, None, &api.connection_vars) {
                        Part::Text(value) => text.push_str(&value),
                        Part::Unfilled(fault) => return Err(fault),
                        Part::Input { .. } => return Err(unfilled(name)),
                    }
                }
            }
        }
        let segment = Segment::from(text);
        if segment.leads_elsewhere() {
            let message = "a connection variable would change the path of \"verify\"";
            return Err(Fault::new("", "connection_var", message));
        }
        segments.push(segment);
    }
    let mut draft = Draft {
        method: verify.method,
        scheme: api.base_url.scheme,
        host: fill::host(&api.base_url.host, &api.connection_vars)?,
        port: api.base_url.port,
        trailing_slash: verify.trailing_slash && !segments.is_empty(),
        segments,
        // Static ones may be part of the credential (a key's id), or say which version of the API is called.
        query: api.params.clone(),
        headers: api.headers.clone(),
        basic: None,
        body: None,
    };
    place_auth(&api.auth, &mut draft);
    Ok(draft)
}

fn unfilled(name: &str) -> Fault {
    let message = format!("nothing fills the placeholder {{{name}}} of \"verify\"");
    Fault::new("", "connection_var", message)
        .hint("a test has no inputs: write a path that needs none")
}
