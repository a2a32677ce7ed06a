//! `GET /docs`: the description for people, by Swagger UI, with no asset from another host.

use std::io::Read as _;

use axum::response::{Html, IntoResponse, Response};
use flate2::read::GzDecoder;
use http::HeaderMap;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderValue, VARY,
};
use web::{Path, Problem};

const PAGE: &str = include_str!("../assets/docs.html");

/// Scripts from here only; Swagger UI writes styles into its elements.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

struct Asset {
    name: &'static str,
    content_type: &'static str,
    gzip: bool,
    bytes: &'static [u8],
}

const ASSETS: [Asset; 3] = [
    Asset {
        name: "docs.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: false,
        bytes: include_bytes!("../assets/docs.js"),
    },
    Asset {
        name: "swagger-ui.css",
        content_type: "text/css; charset=utf-8",
        gzip: true,
        bytes: include_bytes!("../assets/swagger-ui.css.gz"),
    },
    Asset {
        name: "swagger-ui-bundle.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: true,
        bytes: include_bytes!("../assets/swagger-ui-bundle.js.gz"),
    },
];

/// The documentation page
#[utoipa::path(
    get, path = "/docs", operation_id = "docs", tag = "system",
    responses((status = 200, description = "A page that shows this description.", body = String, content_type = "text/html"))
)]
pub(crate) async fn docs() -> Response {
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE)).into_response()
}

/// What the page loads. Not an operation of the API.
pub(crate) async fn docs_asset(
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let asset = ASSETS
        .iter()
        .find(|asset| asset.name == name)
        .ok_or_else(Problem::not_found)?;
    let packed = asset.gzip && accepts_gzip(&headers);
    let mut response = if asset.gzip && !packed {
        unpack(asset.bytes)?.into_response()
    } else {
        asset.bytes.into_response()
    };
    let answer = response.headers_mut();
    answer.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    answer.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=3600"),
    );
    answer.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if packed {
        answer.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes)
        .read_to_end(&mut unpacked)
        .map_err(|error| Problem::internal(&error))?;
    Ok(unpacked)
}

/// RFC 9110, section 12.5.3, as far as gzip goes.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
            matches!(name.trim(), "gzip" | "*") && weight.trim().parse() != Ok(0.0_f32)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_assets_unpack() {
        for asset in ASSETS.iter().filter(|asset| asset.gzip) {
            assert!(
                unpack(asset.bytes).unwrap().len() > asset.bytes.len(),
                "{}",
                asset.name
            );
        }
    }

    #[test]
    fn nothing_is_loaded_from_another_host() {
        assert!(!PAGE.contains("//"), "{PAGE}");
    }

    #[test]
    fn reads_accept_encoding() {
        for (text, expected) in [
            ("gzip, br", true),
            ("br;q=1.0, gzip;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("identity", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, text.parse().unwrap());
            assert_eq!(accepts_gzip(&headers), expected, "{text}");
        }
    }
}
