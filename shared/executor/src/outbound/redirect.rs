//! Whether, and to where, a redirect is followed: pure rules, the answer's headers in, the next URL out.

use domain::config::Method;
use http::header::{HeaderMap, LOCATION};
use url::Url;
use vault::mask::Masker;

use super::stopped::Cause;

/// What a tool allows about redirects.
#[derive(Clone, Copy)]
pub struct Redirects<'a> {
    /// How many are followed.
    pub follow: u8,
    /// Whether one may lead to another origin, of `allowed_hosts`.
    pub cross_host: bool,
    /// `host` or `host:port`, lower case.
    pub allowed_hosts: &'a [String],
}

/// Where to go next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) url: Url,
    /// Another origin: nothing of the request but its method goes there.
    pub(crate) foreign: bool,
}

/// Whether this status is a redirect with a `Location`.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The next hop after an answer that [`is_redirect`], or why there is none. The destination's own
/// rules (scheme, name, port, address) are checked by the guard, as for any URL.
pub(crate) fn next(
    method: Method,
    from: &Url,
    headers: &HeaderMap,
    followed: u8,
    rules: Redirects<'_>,
    secrets: Option<&Masker>,
) -> Result<Hop, Cause> {
    if !matches!(method, Method::Get | Method::Head) {
        return Err(Cause::invalid(
            format!(
                "The upstream answered a {} with a redirect.",
                method.as_str()
            ),
            "Only GET and HEAD are redirected; write the final URL into base_url and path.",
        ));
    }
    if followed >= rules.follow {
        return Err(Cause::invalid(
            format!("The upstream redirects more than {} times.", rules.follow),
            "Write the final URL into base_url and path, or raise redirects.follow.",
        ));
    }
    let mut locations = headers.get_all(LOCATION).iter();
    let (Some(location), None) = (locations.next(), locations.next()) else {
        return Err(bad_location());
    };
    let location = location.to_str().map_err(|_| bad_location())?;
    let mut url = from.join(location).map_err(|_| bad_location())?;
    url.set_fragment(None);
    let foreign = url.origin() != from.origin() || url.scheme() != from.scheme();
    if foreign && !(rules.cross_host && listed(&url, rules.allowed_hosts)) {
        return Err(Cause::Blocked(format!(
            "the upstream redirects to another origin, {}",
            origin(&url)
        )));
    }
    if foreign && secrets.is_some_and(|secrets| holds_secret(secrets, &url)) {
        return Err(Cause::Blocked(format!(
            "the upstream redirects to {} with the credential in the URL",
            origin(&url)
        )));
    }
    Ok(Hop { url, foreign })
}

fn bad_location() -> Cause {
    Cause::invalid(
        "The upstream answered a redirect without exactly one valid Location.",
        "Write the final URL into base_url and path.",
    )
}

fn listed(url: &Url, allowed: &[String]) -> bool {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return false;
    };
    allowed.iter().any(|entry| match entry.rsplit_once(':') {
        Some((name, number)) if number.parse() == Ok(port) => name == host,
        _ => entry == host && url.port().is_none(),
    })
}

fn holds_secret(secrets: &Masker, url: &Url) -> bool {
    matches!(secrets.text(url.as_str()), std::borrow::Cow::Owned(_))
}

/// Scheme, host and port, as far as there are any: what may be told of a refused URL.
fn origin(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{}://{host}:{port}", url.scheme()),
        (Some(host), None) => format!("{}://{host}", url.scheme()),
        (None, _) => format!("{}:", url.scheme()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const ALLOWED: &[&str] = &["cdn.example.com", "files.example.com:8443"];

    fn hop(method: Method, location: &[&str], cross_host: bool) -> Result<Hop, Cause> {
        let mut headers = HeaderMap::new();
        for value in location {
            headers.append(LOCATION, HeaderValue::from_str(value).unwrap());
        }
        let allowed: Vec<String> = ALLOWED.iter().map(ToString::to_string).collect();
        let rules = Redirects {
            follow: 3,
            cross_host,
            allowed_hosts: &allowed,
        };
        let from = Url::parse("https://api.example.com/v1/a?k=1").unwrap();
        next(method, &from, &headers, 0, rules, None)
    }

    #[test]
    fn relative_locations_stay_at_the_origin() {
        for (location, expected) in [
            ("/b", "https://api.example.com/b"),
            ("b#part", "https://api.example.com/v1/b"),
            ("?x=1", "https://api.example.com/v1/a?x=1"),
            ("https://api.example.com:443/c", "https://api.example.com/c"),
        ] {
            let hop = hop(Method::Get, &[location], false).unwrap();
            assert_eq!((hop.url.as_str(), hop.foreign), (expected, false));
        }
    }

    #[test]
    fn another_origin_is_blocked() {
        for location in [
            "http://api.example.com/b",
            "https://api.example.com:8443/b",
            "//evil.example.com/b",
            "gopher://127.0.0.1:6379/_INFO",
            "http://169.254.169.254/latest",
            "https://cdn.example.com/x",
        ] {
            assert!(
                matches!(hop(Method::Get, &[location], false), Err(Cause::Blocked(_))),
                "{location}"
            );
        }
    }

    #[test]
    fn listed_hosts_are_reached_only_when_the_tool_says_so() {
        for location in [
            "https://cdn.example.com/x",
            "https://files.example.com:8443/x",
        ] {
            assert!(hop(Method::Get, &[location], true).unwrap().foreign);
        }
        for location in [
            "https://cdn.example.com:8443/x",
            "https://files.example.com/x",
            "https://other.example.com/x",
        ] {
            assert!(hop(Method::Get, &[location], true).is_err(), "{location}");
        }
    }

    #[test]
    fn a_redirect_needs_exactly_one_location_and_a_safe_method() {
        for (method, location) in [
            (Method::Get, &[][..]),
            (Method::Get, &["/a", "/b"]),
            (Method::Get, &["https://[bad"]),
            (Method::Post, &["/a"]),
            (Method::Delete, &["/a"]),
        ] {
            assert!(matches!(
                hop(method, location, false),
                Err(Cause::Invalid { .. })
            ));
        }
    }
}
