//! From a draft of a request and the values of its secrets to the request that is sent; pure.
//!
//! Nothing is joined as a string that could change the URL's structure: every segment, name and value is
//! percent-encoded by itself, and the finished URL is taken apart again and compared.

pub(crate) mod body;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::config::{ResponseFormat, Scheme, Template, TemplatePiece};
use domain::failure::{Failure, FailureCode};
use domain::ids::SecretName;
use domain::request::{Bit, Draft, Segment};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST,
    HeaderMap, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use secrecy::ExposeSecret;
use url::Url;

pub(crate) use self::body::Boundary;
use self::body::bytes;
use crate::credentials::Credentials;
use crate::outbound::Bytes;

/// RFC 3986 unreserved characters, and those delimiters that no server reads anything into: `;`, `=` and `+`
/// are not among them (`..;` is a traversal to some).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b',')
    .remove(b':')
    .remove(b'@');

/// RFC 3986 unreserved characters alone: a value has one encoding, which is also the one that is masked.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Headers that frame the message or choose its destination: ours alone.
const OURS: [HeaderName; 9] = [
    HOST,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    CONNECTION,
    UPGRADE,
    TE,
    TRAILER,
    EXPECT,
    ACCEPT_ENCODING,
];

const AGENT: &str = concat!("tool-executor/", env!("CARGO_PKG_VERSION"));
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const ANY_XML: HeaderValue = HeaderValue::from_static("application/xml, text/xml;q=0.9, */*;q=0.5");
const ANY_CSV: HeaderValue = HeaderValue::from_static("text/csv, */*;q=0.5");
const ANY_NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson, */*;q=0.5");
const ANY_TEXT: HeaderValue = HeaderValue::from_static("text/plain, */*;q=0.5");
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request, ready for the way out.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
}

/// Fills the draft's secrets in.
///
/// # Errors
/// `secret_missing`: not given, or not fit for a header. `egress_blocked`: the URL would not be the one
/// that the tool's config describes.
pub(crate) fn render(
    draft: &Draft,
    format: ResponseFormat,
    secrets: &Credentials,
) -> Result<Rendered, Failure> {
    let boundary = Boundary::random();
    let body = draft.body.as_ref();
    Ok(Rendered {
        url: url(draft, secrets)?,
        headers: headers(draft, format, secrets, &boundary)?,
        body: body.map(|body| bytes(body, &boundary)).transpose()?,
    })
}

/// The draft's URL without its query: what may be told of it.
pub(crate) fn url_without_query(draft: &Draft) -> String {
    let mut text = String::with_capacity(64);
    push_path(&mut text, draft);
    text
}

/// What a template leaves open.
pub(crate) enum Hole<'a> {
    Secret(&'a SecretName),
    Token,
}

/// Writes the whole URL; `hole` writes what no text is, percent-encoded or not.
pub(crate) fn write_url<E>(
    draft: &Draft,
    mut hole: impl FnMut(&mut String, Hole<'_>) -> Result<(), E>,
) -> Result<String, E> {
    let mut text = String::with_capacity(128);
    push_path(&mut text, draft);
    let mut separator = '?';
    for (name, value) in &draft.query {
        text.push(separator);
        separator = '&';
        text.extend(in_query(name));
        text.push('=');
        for piece in &value.0 {
            match piece {
                TemplatePiece::Text(value) => text.extend(in_query(value)),
                TemplatePiece::Secret(name) => hole(&mut text, Hole::Secret(name))?,
                TemplatePiece::Token => hole(&mut text, Hole::Token)?,
            }
        }
    }
    Ok(text)
}

fn push_path(text: &mut String, draft: &Draft) {
    text.push_str(scheme(draft.scheme));
    text.push_str("://");
    text.push_str(&draft.host);
    if draft.port != default_port(draft.scheme) {
        text.push(':');
        text.push_str(&draft.port.to_string());
    }
    for segment in &draft.segments {
        text.push('/');
        for bit in segment.bits() {
            match bit {
                Bit::Text(bit) => text.extend(utf8_percent_encode(bit, SEGMENT)),
                Bit::Mark(mark) => text.push(*mark),
            }
        }
    }
    if draft.trailing_slash || draft.segments.is_empty() {
        text.push('/');
    }
}

/// A name or value of a query, percent-encoded as every one is.
pub(crate) fn in_query(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, QUERY)
}

const fn scheme(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    }
}

const fn default_port(scheme: Scheme) -> u16 {
    match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    }
}

fn url(draft: &Draft, secrets: &Credentials) -> Result<Url, Failure> {
    let text = write_url(draft, |text, hole| {
        let value = match hole {
            Hole::Secret(name) => value_of(name, secrets)?,
            Hole::Token => token(secrets)?,
        };
        text.extend(in_query(value));
        Ok::<_, Failure>(())
    })?;
    let url = Url::parse(&text).map_err(|_| moved())?;
    if is_as_drafted(&url, draft) {
        Ok(url)
    } else {
        Err(moved())
    }
}

/// The parsed URL has the draft's origin and exactly its segments.
fn is_as_drafted(url: &Url, draft: &Draft) -> bool {
    let expected =
        draft.segments.len() + usize::from(draft.trailing_slash || draft.segments.is_empty());
    let whole_segments = !draft.segments.iter().any(Segment::leads_elsewhere);
    whole_segments
        && url.scheme() == scheme(draft.scheme)
        && url
            .host_str()
            .is_some_and(|host| host.eq_ignore_ascii_case(&draft.host))
        && url.port_or_known_default() == Some(draft.port)
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
        && url.query().is_some() != draft.query.is_empty()
        && url
            .path_segments()
            .is_some_and(|segments| segments.count() == expected)
}

fn moved() -> Failure {
    Failure::new(
        FailureCode::EgressBlocked,
        "The inputs would change where the call goes.",
        "Values in the path may not be empty, \".\" or \"..\"; values in the host must be of the allowed ones.",
    )
}

fn token(held: &Credentials) -> Result<&str, Failure> {
    let token = held.token.as_ref().map(ExposeSecret::expose_secret);
    token.ok_or_else(|| {
        Failure::new(
            FailureCode::AuthFailed,
            "There is no token for this call.",
            "Connect the tool, or check api.auth.",
        )
    })
}

fn value_of<'a>(name: &SecretName, held: &'a Credentials) -> Result<&'a str, Failure> {
    held.secrets
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.expose_secret())
        .ok_or_else(|| {
            Failure::new(
                FailureCode::SecretMissing,
                format!("The secret ${{{name}}} is not stored in this workspace."),
                format!("Store it under the name {name}, then call again."),
            )
        })
}

/// The template with its secrets' values.
pub(crate) fn fill(template: &Template, secrets: &Credentials) -> Result<String, Failure> {
    let mut text = String::new();
    for piece in &template.0 {
        match piece {
            TemplatePiece::Text(piece) => text.push_str(piece),
            TemplatePiece::Secret(name) => text.push_str(value_of(name, secrets)?),
            TemplatePiece::Token => text.push_str(token(secrets)?),
        }
    }
    Ok(text)
}

fn headers(
    draft: &Draft,
    format: ResponseFormat,
    secrets: &Credentials,
    boundary: &Boundary,
) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::with_capacity(draft.headers.len() + 6);
    for (name, template) in &draft.headers {
        let header = header_name(name)?;
        let value = match template.0.as_slice() {
            [TemplatePiece::Text(text)] => header_value(text, name, false)?,
            _ => header_value(
                &fill(template, secrets)?,
                name,
                template
                    .0
                    .iter()
                    .any(|piece| !matches!(piece, TemplatePiece::Text(_))),
            )?,
        };
        headers.append(header, value);
    }
    if let Some((username, password)) = &draft.basic {
        let pair = format!("{}:{}", fill(username, secrets)?, fill(password, secrets)?);
        let value = format!("Basic {}", STANDARD.encode(pair));
        headers.insert(AUTHORIZATION, header_value(&value, "authorization", true)?);
    }
    for (name, value) in defaults(draft, format, boundary) {
        headers.entry(name).or_insert(value);
    }
    Ok(headers)
}

/// What is sent unless the tool states its own.
pub(crate) fn defaults(
    draft: &Draft,
    format: ResponseFormat,
    boundary: &Boundary,
) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let accept = match format {
        ResponseFormat::Json => JSON,
        ResponseFormat::Text => ANY_TEXT,
        ResponseFormat::Xml => ANY_XML,
        ResponseFormat::Csv => ANY_CSV,
        ResponseFormat::Ndjson => ANY_NDJSON,
    };
    let content_type = draft.body.as_ref();
    let content_type = content_type.map(|body| (CONTENT_TYPE, body::content_type(body, boundary)));
    [
        (ACCEPT, accept),
        (ACCEPT_ENCODING, HeaderValue::from_static("gzip")),
        (USER_AGENT, HeaderValue::from_static(AGENT)),
    ]
    .into_iter()
    .chain(content_type)
}

fn header_name(name: &str) -> Result<HeaderName, Failure> {
    HeaderName::from_bytes(name.as_bytes())
        .ok()
        .filter(|name| !OURS.contains(name))
        .ok_or_else(|| {
            Failure::new(
                FailureCode::EgressBlocked,
                format!("The header {name} may not be set by a tool."),
                "Remove it from api.headers and from the mapping.",
            )
        })
}

fn header_value(text: &str, name: &str, secret: bool) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        if secret {
            Failure::new(
                FailureCode::SecretMissing,
                format!("The secret of the header {name} holds a line break or another control character."),
                "Store the secret again without it.",
            )
        } else {
            Failure::new(
                FailureCode::InvalidInput,
                format!("The value of the header {name} holds a control character."),
                "Remove line breaks and control characters from the input.",
            )
        }
    })?;
    value.set_sensitive(secret);
    Ok(value)
}

#[cfg(test)]
pub(crate) mod tests;
