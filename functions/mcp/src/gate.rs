//! Which hosts and which browsers' origins may reach the protocol: the rule against DNS rebinding (MCP, "Security Warning").

use http::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use http::uri::{Authority, Uri};
use web::{Code, Problem};

/// Who is let through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate<'a> {
    /// Where callers reach this product, as the operator says.
    pub(crate) public_url: Option<&'a str>,
    /// Origins of browsers that may call, or `*`.
    pub(crate) origins: &'a [String],
}

impl Gate<'_> {
    /// The host by which the request came.
    ///
    /// # Errors
    /// `forbidden` when the host is not ours or the browser's origin not allowed.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<Authority, Problem> {
        let host = authority(headers)
            .ok_or_else(|| forbidden("the Host header is missing or malformed"))?;
        if !self.is_ours(&host) {
            return Err(forbidden("this host is not where this product is reached"));
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => Ok(host),
            (Some(origin), None) if self.allows(origin, &host) => Ok(host),
            (Some(_), _) => Err(forbidden(
                "pages of this origin may not call; CORS_ORIGINS lists those that may",
            )),
        }
    }

    /// A page cannot rebind any of these names: our own, the machine itself, and those that API Gateway serves.
    fn is_ours(&self, host: &Authority) -> bool {
        let name = host.host().to_ascii_lowercase();
        let public = self.public_url.and_then(|url| url.parse::<Uri>().ok());
        let public = public.as_ref().and_then(Uri::host);
        is_loopback(&name)
            || public.is_some_and(|public| public.eq_ignore_ascii_case(&name))
            || (name.contains(".execute-api.") && name.ends_with(".amazonaws.com"))
    }

    fn allows(&self, origin: &HeaderValue, host: &Authority) -> bool {
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let Some(authority) = origin_authority(origin) else {
            return false;
        };
        authority.as_str().eq_ignore_ascii_case(host.as_str())
            || self
                .origins
                .iter()
                .any(|allowed| allowed == "*" || allowed == origin)
    }
}

/// Whether it names the machine itself.
pub(crate) fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// Exactly one `Host`.
fn authority(headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
        (None | Some(_), _) => None,
    }
}

/// `scheme://host:port` and nothing behind it; `null` is no place.
fn origin_authority(origin: &str) -> Option<Authority> {
    let rest = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"))?;
    Authority::try_from(rest).ok()
}

fn forbidden(why: &str) -> Problem {
    Problem::new(Code::Forbidden, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(gate: Gate<'_>, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        gate.admit(&headers).is_ok()
    }

    #[test]
    fn only_our_own_hosts_are_served() {
        let origins = [];
        let gate = Gate {
            public_url: Some("https://api.example.com"),
            origins: &origins,
        };
        for (host, expected) in [
            ("api.example.com", true),
            ("API.example.com:443", true),
            ("127.0.0.1:3000", true),
            ("localhost:3000", true),
            ("[::1]:3000", true),
            ("a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com", true),
            ("evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("a.execute-api.amazonaws.com.evil.example", false),
            ("user@localhost", true),
        ] {
            assert_eq!(admits(gate, host, None), expected, "{host}");
        }
        assert!(gate.admit(&HeaderMap::new()).is_err());
    }

    #[test]
    fn only_known_origins_are_served() {
        let origins = ["https://app.example.com".to_owned()];
        let gate = Gate {
            public_url: None,
            origins: &origins,
        };
        for (origin, expected) in [
            ("https://app.example.com", true),
            ("http://localhost:3000", true),
            ("http://localhost:4000", false),
            ("https://app.example.com.evil.example", false),
            ("https://evil.example", false),
            ("null", false),
            ("", false),
            ("file://", false),
        ] {
            assert_eq!(
                admits(gate, "localhost:3000", Some(origin)),
                expected,
                "{origin}"
            );
        }
        let all = ["*".to_owned()];
        let gate = Gate {
            public_url: None,
            origins: &all,
        };
        assert!(admits(gate, "localhost:3000", Some("https://evil.example")));
        assert!(!admits(gate, "localhost:3000", Some("null")));
    }
}
