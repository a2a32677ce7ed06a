//! The URLs of a credential (token, login, authorization, revocation), checked as `base_url` is.

use url::Url;

use super::Scheme;
use super::fields::Object;
use crate::egress::Policy;
use crate::fault::Fault;
use crate::schema::cut;
use crate::walk::{At, Faults};

const CODE: &str = "invalid_url";

/// Longest URL of a credential, in bytes.
const MAX_BYTES: usize = 2048;

/// A fixed URL: https (or a host of the operator's `EGRESS_ALLOW`), a public name, no user, no fragment. A
/// query is its own (RFC 6749, 3.1 and 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// Reads a URL that stands alone, in the member of this name of some other document.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str, member: &str, policy: &Policy) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let at = At::ROOT;
        let read = checked(text, &at.name(member), policy, &mut faults);
        read.ok_or_else(|| faults.into_vec())
    }

    /// The URL.
    pub const fn url(&self) -> &Url {
        &self.0
    }

    /// The host as secrets are bound to it: with its port unless that is 443.
    pub fn bound_host(&self) -> String {
        bound_host(&self.0)
    }
}

/// The host of a URL as secrets are bound to it: with its port unless that is 443.
pub fn bound_host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        None | Some(443) => host.to_owned(),
        Some(port) => format!("{host}:{port}"),
    }
}

/// Reads the member as a URL; that it is missing is for the caller to say.
pub(super) fn read(
    object: Object<'_, '_>,
    name: &str,
    policy: &Policy,
    faults: &mut Faults,
) -> Option<Endpoint> {
    let text = faults.text(object, name)?;
    checked(text, &object.at.name(name), policy, faults)
}

fn checked(text: &str, at: &At<'_>, policy: &Policy, faults: &mut Faults) -> Option<Endpoint> {
    let before = faults.count();
    shape(text, at, faults);
    if faults.count() > before {
        return None;
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => {
            faults.add(at, CODE, format!("this is no URL: {error}"));
            return None;
        }
    };
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        _ => Scheme::Http,
    };
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    if let Err(why) = policy.check_host(scheme, host, port) {
        faults.advise(
            at,
            "host_not_allowed",
            format!("\"{}\" {why}", cut(host)),
            "tools reach public https hosts; a private one must be on the operator's EGRESS_ALLOW",
        );
        return None;
    }
    let written = url.as_str();
    if written != text && written.strip_suffix('/') != Some(text) {
        let message = "a client would read this URL as another one";
        faults.advise(at, CODE, message, format!("write \"{}\"", cut(written)));
        return None;
    }
    Some(Endpoint(url))
}

/// Notes what no URL of a credential has.
fn shape(text: &str, at: &At<'_>, faults: &mut Faults) {
    if text.len() > MAX_BYTES {
        return faults.add(at, "invalid_length", "a URL has at most 2 KB");
    }
    if text.contains("${") {
        let hint = "a credential belongs into the other fields of \"api.auth\"";
        return faults.advise(at, "secret_not_allowed", "a URL holds no secret", hint);
    }
    if text.contains(['{', '}']) {
        let message = "a URL of a credential has no placeholders";
        return faults.advise(at, CODE, message, "write the whole URL");
    }
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        let message = "a URL has no spaces, control characters or backslashes";
        return faults.add(at, CODE, message);
    }
    let Some((_, rest)) = ["https://", "http://"].iter().find_map(|scheme| {
        text.split_at_checked(scheme.len())
            .filter(|(start, _)| start == scheme)
    }) else {
        return faults.advise(
            at,
            CODE,
            "a URL begins with https://",
            "write \"https://…\"",
        );
    };
    if rest.contains('#') {
        let hint = "leave it out; it is never sent";
        return faults.advise(at, CODE, "a URL has no fragment here", hint);
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        let hint = "store them as secrets and name them in \"api.auth\"";
        faults.advise(at, CODE, "a URL has no user or password", hint);
    }
}
