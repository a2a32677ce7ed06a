//! Conditional requests (RFC 9110, section 13): `ETag`, `If-Match`, `If-None-Match`.

use axum::extract::FromRequestParts;
use domain::fault::Fault;
use http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;

use crate::problem::Problem;

/// The hash that `If-Match` demands; `None` when the header is absent or `*`.
#[derive(Clone, Debug)]
pub struct IfMatch(pub Option<String>);

/// The tags of `If-None-Match`.
#[derive(Clone, Debug)]
pub struct IfNoneMatch(Vec<String>);

/// The `ETag` of a version with this content hash.
pub fn etag(hash: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{hash}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

impl IfNoneMatch {
    /// Whether the caller has the version of this hash already.
    pub fn has(&self, hash: &str) -> bool {
        self.0.iter().any(|tag| tag == "*" || tag == hash)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut tags = tags(&parts.headers, &IF_MATCH).map_err(|()| refused(&IF_MATCH))?;
        match (tags.pop(), tags.is_empty()) {
            (None, _) => Ok(Self(None)),
            (Some(tag), true) => Ok(Self(Some(tag).filter(|tag| tag != "*"))),
            (Some(_), false) => Err(refused(&IF_MATCH)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        tags(&parts.headers, &IF_NONE_MATCH)
            .map(Self)
            .map_err(|()| refused(&IF_NONE_MATCH))
    }
}

fn refused(name: &HeaderName) -> Problem {
    let message = format!("the header {name} is malformed");
    let fault = Fault::new(name.as_str(), "invalid_header", message)
        .hint("send one ETag as it was answered, in double quotes");
    Problem::invalid_request(vec![fault])
}

/// Tags without their quotes; weak ones (`W/"…"`) count as strong, since our hashes are of content.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Vec<String>, ()> {
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        for tag in value.to_str().map_err(|_| ())?.split(',') {
            let tag = tag.trim();
            let strong = tag.strip_prefix("W/").unwrap_or(tag);
            let bare = strong
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'));
            match bare {
                Some(bare) => tags.push(bare.to_owned()),
                None if tag == "*" => tags.push(tag.to_owned()),
                None => return Err(()),
            }
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &'static str) -> Result<Vec<String>, ()> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, HeaderValue::from_static(value));
        tags(&headers, &IF_MATCH)
    }

    #[test]
    fn reads_tags() {
        assert_eq!(read("\"abc\"").unwrap(), ["abc"]);
        assert_eq!(read("W/\"abc\", \"d\"").unwrap(), ["abc", "d"]);
        assert_eq!(read("*").unwrap(), ["*"]);
        assert!(read("abc").is_err());
        assert!(read("\"").is_err());
    }
}
