//! From a link to the request of the page that it names: our origin, our credential, its path and query.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::config::{Method, Scheme, Template, TemplatePiece};
use crate::failure::{Failure, FailureCode};
use crate::request::{Draft, Segment};

/// Longest link, in bytes.
const LONGEST: usize = 8 * 1024;

/// The draft with the link's path and query. Parameters that hold a credential stay the draft's own; a link's
/// parameters of their names (`own`) are left out.
pub(super) fn follow(draft: &Draft, target: &str, own: &[String]) -> Result<Draft, Failure> {
    if target.len() > LONGEST {
        return Err(invalid("is longer than 8 KB"));
    }
    let from = url(draft).ok_or_else(|| invalid("has no URL to start from"))?;
    let to = from.join(target).map_err(|_| invalid("is no URL"))?;
    if !is_ours(&from, &to) {
        return Err(foreign(&to));
    }
    let mut segments = Vec::new();
    for segment in to.path_segments().into_iter().flatten() {
        let segment = percent_decode_str(segment).decode_utf8();
        segments.push(segment.map_err(|_| invalid("is not UTF-8"))?.into_owned());
    }
    let trailing_slash = segments.len() > 1 && segments.last().is_some_and(String::is_empty);
    if segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    let segments: Vec<Segment> = segments.into_iter().map(Segment::from).collect();
    let odd = |segment: &Segment| {
        segment.leads_elsewhere() || segment.text().chars().any(char::is_control)
    };
    if segments.iter().any(odd) {
        return Err(invalid(
            "has an empty part in its path, or one that leads elsewhere",
        ));
    }
    let same = segments
        .iter()
        .map(Segment::text)
        .eq(draft.segments.iter().map(Segment::text));
    if draft.method != Method::Get && !same {
        return Err(blocked(
            "The next page's link leads to another path, and the call is no GET.",
        ));
    }
    let secret = |template: &Template| {
        let mut pieces = template.0.iter();
        pieces.any(|piece| !matches!(piece, TemplatePiece::Text(_)))
    };
    let ours: Vec<(String, Template)> = draft
        .query
        .iter()
        .filter(|(_, value)| secret(value))
        .cloned()
        .collect();
    let mut query: Vec<(String, Template)> = to
        .query_pairs()
        .filter(|(name, _)| {
            !own.iter().any(|own| own == name) && !ours.iter().any(|(own, _)| own == name)
        })
        .map(|(name, value)| {
            let value = Template(vec![TemplatePiece::Text(value.into_owned())]);
            (name.into_owned(), value)
        })
        .collect();
    query.extend(ours);
    Ok(Draft {
        segments,
        trailing_slash,
        query,
        ..draft.clone()
    })
}

/// The draft's path and query without its secrets, for telling whether it was asked for before.
pub(super) fn written(draft: &Draft) -> String {
    let segments: Vec<_> = draft.segments.iter().map(Segment::text).collect();
    let mut text = segments.join("/");
    if draft.trailing_slash {
        text.push('/');
    }
    for (name, value) in &draft.query {
        text.push('\n');
        text.push_str(name);
        text.push('=');
        for piece in &value.0 {
            if let TemplatePiece::Text(piece) = piece {
                text.push_str(piece);
            }
        }
    }
    text
}

/// The draft's URL without its query.
fn url(draft: &Draft) -> Option<Url> {
    let scheme = match draft.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let mut url = Url::parse(&format!("{scheme}://{}:{}/", draft.host, draft.port)).ok()?;
    {
        let mut segments = url.path_segments_mut().ok()?;
        segments.clear();
        segments.extend(draft.segments.iter().map(Segment::text));
        if draft.trailing_slash {
            segments.push("");
        }
    }
    Some(url)
}

/// The same origin. A link that says http where we call https is ours: servers behind a proxy do not know better, and
/// it is https that is called.
fn is_ours(from: &Url, to: &Url) -> bool {
    let port = to.port_or_known_default();
    let upgraded = from.scheme() == "https" && to.scheme() == "http" && to.port().is_none();
    from.host_str() == to.host_str()
        && to.username().is_empty()
        && to.password().is_none()
        && (from.scheme() == to.scheme() && from.port_or_known_default() == port
            || upgraded && from.port().is_none())
}

fn foreign(to: &Url) -> Failure {
    let host = to.host_str().unwrap_or_default();
    let origin = match to.port() {
        Some(port) => format!("{}://{host}:{port}", to.scheme()),
        None => format!("{}://{host}", to.scheme()),
    };
    blocked(&format!(
        "The next page's link leads to another origin, {origin}."
    ))
}

fn blocked(message: &str) -> Failure {
    let hint = "Pages are read from the origin of base_url only. If the API names a cursor as well, use pagination of \
                the type \"cursor\".";
    Failure::new(FailureCode::EgressBlocked, message, hint)
}

fn invalid(what: &str) -> Failure {
    Failure::new(
        FailureCode::InvalidResponse,
        format!("The next page's link {what}."),
        "Let response.pagination.next_path lead to the URL, or read it from the header Link.",
    )
}
