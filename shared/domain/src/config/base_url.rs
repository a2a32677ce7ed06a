//! Reads `api.base_url`: taken apart by hand, judged by the URL parser and by the egress policy.

use url::Url;

use super::fields::Object;
use super::{BaseUrl, ConnectionVar, PathSegment, Piece, Scheme, route};
use crate::egress::Policy;
use crate::schema::cut;
use crate::text;
use crate::walk::{At, Faults};

const CODE: &str = "invalid_base_url";

/// Longest base URL, in bytes.
const MAX_BYTES: usize = 2048;

/// Values tried for one placeholder of the host at most.
const MAX_VALUES: usize = 100;

/// What the text of a base URL says.
struct Parts<'t> {
    scheme: Scheme,
    host: &'t str,
    port: Option<u16>,
    path: &'t str,
}

/// Reads `base_url`: origin, segments of its path, and whether it ends with a slash.
pub(super) fn read(
    api: Object<'_, '_>,
    vars: &[ConnectionVar],
    policy: &Policy,
    faults: &mut Faults,
) -> Option<(BaseUrl, Vec<PathSegment>, bool)> {
    let at = api.at.name("base_url");
    if !api.members.contains_key("base_url") {
        faults.missing(api.at, "base_url");
    }
    let url = faults.text(api, "base_url")?;
    let before = faults.count();
    let parts = match take_apart(url) {
        Ok(parts) => parts,
        Err((why, hint)) => {
            match hint {
                Some(hint) => faults.advise(&at, CODE, why, hint),
                None => faults.add(&at, CODE, why),
            }
            return None;
        }
    };
    let host = match route::pieces(parts.host) {
        Ok(host) => host,
        Err(why) => {
            faults.add(&at, CODE, format!("in the host: {why}"));
            return None;
        }
    };
    let port = parts.port.unwrap_or(match parts.scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    });
    let (segments, slash) = route::segments(parts.path, &at, faults);
    if faults.count() > before {
        return None;
    }
    for name in candidates(&host, vars, &at, faults) {
        check(url, &parts, &name, port, policy, &at, faults);
    }
    (faults.count() == before).then_some((
        BaseUrl {
            scheme: parts.scheme,
            host,
            port,
        },
        segments,
        slash && !parts.path.is_empty() && parts.path != "/",
    ))
}

/// Takes the text apart without forgiving anything; what is wrong, and what to do.
fn take_apart(url: &str) -> Result<Parts<'_>, (String, Option<String>)> {
    let wrong = |why: &str| Err((why.to_owned(), None));
    let mend = |why: &str, hint: &str| Err((why.to_owned(), Some(hint.to_owned())));
    if url.len() > MAX_BYTES {
        return wrong("a base URL has at most 2 KB");
    }
    if url.contains("${") {
        return mend(
            "a base URL holds no secret",
            "use a {placeholder} with \"connection_vars\" for what differs",
        );
    }
    if url.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return wrong("a base URL has no spaces, control characters or backslashes");
    }
    let (scheme, rest) = match url.split_once("://") {
        Some(("https", rest)) => (Scheme::Https, rest),
        Some(("http", rest)) => (Scheme::Http, rest),
        _ => return mend("a base URL begins with https://", "write \"https://…\""),
    };
    if rest.contains('?') {
        return mend("a base URL has no query", "write it into \"api.params\"");
    }
    if rest.contains('#') {
        return mend(
            "a base URL has no fragment",
            "leave it out; it is never sent",
        );
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return mend(
            "a base URL has no user or password",
            "store them as secrets and use \"api.auth\"",
        );
    }
    let colon = authority
        .rfind(':')
        .filter(|colon| authority.rfind(']').is_none_or(|end| end < *colon));
    let (host, port) = match colon {
        None => (authority, None),
        Some(colon) => {
            let (host, port) = authority.split_at(colon);
            let digits = port.trim_start_matches(':');
            let number = digits
                .parse()
                .ok()
                .filter(|number: &u16| *number > 0 && number.to_string() == digits);
            match number {
                Some(number) => (host, Some(number)),
                None => return wrong("the port is not a number from 1 to 65535"),
            }
        }
    };
    if host.is_empty() {
        return wrong("a base URL needs a host");
    }
    Ok(Parts {
        scheme,
        host,
        port,
        path,
    })
}

/// Every host that the pieces may become, as far as it is known when the tool is saved.
fn candidates(
    host: &[Piece],
    vars: &[ConnectionVar],
    at: &At<'_>,
    faults: &mut Faults,
) -> Vec<String> {
    let mut values: Vec<(&str, Vec<&str>)> = Vec::new();
    for piece in host {
        let Piece::Placeholder(name) = piece else {
            continue;
        };
        let Some(var) = vars.iter().find(|var| var.name == *name) else {
            let message = format!("\"{}\" is not among the connection_vars", cut(name));
            let names: Vec<&str> = vars.iter().map(|var| var.name.as_str()).collect();
            let hint = text::did_you_mean(name, &names).unwrap_or_else(|| {
                "a placeholder in the host is filled from \"connection_vars\" only".to_owned()
            });
            faults.advise(at, "unknown_placeholder", message, hint);
            return Vec::new();
        };
        if var.allowed.is_empty() && var.pattern.is_none() {
            faults.advise(
                at,
                CODE,
                format!("\"{}\" could become any host", cut(name)),
                "give the connection variable an \"enum\" or a \"pattern\"",
            );
            return Vec::new();
        }
        let allowed: Vec<&str> = var.allowed.iter().map(String::as_str).collect();
        // Of a pattern only its default is known; what is filled in later is checked then.
        let probe = var.default.as_deref().unwrap_or("x");
        values.push((
            name,
            if allowed.is_empty() {
                vec![probe]
            } else {
                allowed
            },
        ));
    }
    let widest = values.iter().map(|(_, values)| values.len()).max();
    let rounds = widest.unwrap_or(1).min(MAX_VALUES);
    (0..rounds)
        .map(|round| filled(host, &values, round))
        .collect()
}

fn filled(host: &[Piece], values: &[(&str, Vec<&str>)], round: usize) -> String {
    host.iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Placeholder(name) => values
                .iter()
                .find(|(known, _)| known == name)
                .and_then(|(_, values)| values.get(round % values.len().max(1)))
                .copied()
                .unwrap_or_default(),
        })
        .collect()
}

/// Judges one filled host: the URL must be what it looks like, and the policy must allow it.
fn check(
    url: &str,
    parts: &Parts<'_>,
    host: &str,
    port: u16,
    policy: &Policy,
    at: &At<'_>,
    faults: &mut Faults,
) {
    let scheme = match parts.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let port_text = parts
        .port
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let path: String = parts.path.chars().filter(|c| !"{}".contains(*c)).collect();
    let text = format!("{scheme}://{host}{port_text}{path}");
    match Url::parse(&text) {
        Err(error) => return faults.add(at, CODE, format!("this is no URL: {error}")),
        Ok(parsed) => {
            let written = parsed.as_str();
            let same =
                written == text || (path.is_empty() && written.strip_suffix('/') == Some(&text));
            if !same {
                let message = "a client would read this URL as another one";
                let templated = text != url;
                return match Some(written).filter(|_| !templated && policy_allows(&parsed, policy))
                {
                    Some(written) => {
                        faults.advise(at, CODE, message, format!("write \"{}\"", cut(written)));
                    }
                    None => faults.add(at, CODE, message),
                };
            }
        }
    }
    if let Err(why) = policy.check_host(parts.scheme, host, port) {
        faults.advise(
            at,
            "host_not_allowed",
            format!("\"{}\" {why}", cut(host)),
            "tools reach public https hosts; a private one must be on the operator's EGRESS_ALLOW",
        );
    }
}

/// Advice must not lead to what is refused next.
fn policy_allows(url: &Url, policy: &Policy) -> bool {
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        _ => Scheme::Http,
    };
    let port = url.port_or_known_default().unwrap_or(0);
    policy
        .check_host(scheme, url.host_str().unwrap_or_default(), port)
        .is_ok()
}
