//! Assertions and login calls: what they are read as, and what is refused.

use serde_json::{Value, json};

use super::super::super::*;
use super::{auth, refused};

fn assertion() -> Value {
    json!({"method": "jwt_bearer", "jwt": {
        "token_url": "https://login.example.com/token", "issuer": "me@example.com",
        "key_ref": "${KEY}", "scopes": ["read"], "claims": {"tenant": 7},
    }})
}

#[test]
fn assertions() {
    let Auth::Token(token) = auth(assertion()) else {
        panic!("another kind");
    };
    let TokenSource::JwtBearer(read) = token.source else {
        panic!("another source");
    };
    assert_eq!(
        read.audience.as_deref(),
        Some("https://login.example.com/token")
    );
    assert_eq!(
        (read.algorithm, read.lifetime_s),
        (JwtAlgorithm::Rs256, 300)
    );
    let direct = json!({"method": "jwt_bearer", "jwt": {
        "use": "direct", "issuer": "${APP_ID}", "key_ref": "${KEY}", "algorithm": "ES256", "key_id": "k1",
    }});
    let Auth::Token(token) = auth(direct) else {
        panic!("another kind");
    };
    assert_eq!(token.source.endpoint(), None);
    refused(
        &assertion(),
        &[
            ("/jwt/token_url", json!(null), "/jwt/token_url", "required"),
            ("/jwt/use", json!("direct"), "/jwt/token_url", "conflict"),
            ("/jwt/issuer", json!(null), "/jwt/issuer", "required"),
            (
                "/jwt/key_ref",
                json!("-----BEGIN PRIVATE KEY-----"),
                "/jwt/key_ref",
                "literal_secret",
            ),
            (
                "/jwt/algorithm",
                json!("none"),
                "/jwt/algorithm",
                "invalid_value",
            ),
            (
                "/jwt/key_encoding",
                json!("hex"),
                "/jwt/key_encoding",
                "conflict",
            ),
            (
                "/jwt/lifetime_s",
                json!(86400),
                "/jwt/lifetime_s",
                "out_of_range",
            ),
            (
                "/jwt/claims",
                json!({"iss": "x"}),
                "/jwt/claims/iss",
                "conflict",
            ),
            (
                "/jwt/claims",
                json!({"x": "${KEY}"}),
                "/jwt/claims",
                "secret_not_allowed",
            ),
            (
                "/jwt/token_params",
                json!({"assertion": "x"}),
                "/jwt/token_params/assertion",
                "conflict",
            ),
            (
                "/jwt/private_key",
                json!("x"),
                "/jwt/private_key",
                "unknown_field",
            ),
        ],
    );
}

fn login() -> Value {
    json!({"method": "two_step", "in": "cookie", "key_name": "session", "two_step": {
        "url": "https://login.example.com/login",
        "login": {"body": {"auth": {"user": "${USER_NAME}", "keys": ["${PASS}", 1]}}},
        "token_path": "data.token",
    }})
}

#[test]
fn logins() {
    let Auth::Token(token) = auth(login()) else {
        panic!("another kind");
    };
    assert_eq!((token.place, token.prefix.as_str()), (Place::Cookie, ""));
    let TokenSource::TwoStep(read) = &token.source else {
        panic!("another source");
    };
    assert_eq!((read.method, read.ttl_s), (Method::Post, 3600));
    let LoginBody::Json(body) = &read.body else {
        panic!("another body");
    };
    let filled = body.filled::<()>(&|template| {
        Ok(format!(
            "{:?}",
            template.secrets().collect::<Vec<_>>().len()
        ))
    });
    assert_eq!(filled, Ok(json!({"auth": {"user": "1", "keys": ["1", 1]}})));
    refused(
        &login(),
        &[
            ("/key_name", json!(null), "/key_name", "required"),
            ("/prefix", json!("v1"), "/prefix", "invalid_cookie"),
            ("/two_step/url", json!(null), "/two_step/url", "required"),
            (
                "/two_step/token_path",
                json!("$["),
                "/two_step/token_path",
                "invalid_path",
            ),
            (
                "/two_step/login",
                json!(null),
                "/two_step/login",
                "required",
            ),
            (
                "/two_step/login",
                json!({}),
                "/two_step/login",
                "literal_secret",
            ),
            (
                "/two_step/login",
                json!({"method": "GET", "body": {"a": "${A}"}}),
                "/two_step/login/body",
                "conflict",
            ),
            (
                "/two_step/login",
                json!({"type": "form", "body": {"a": 1}}),
                "/two_step/login/body/a",
                "invalid_type",
            ),
            (
                "/two_step/login",
                json!({"username_ref": "me", "password_ref": "pw"}),
                "/two_step/login/password_ref",
                "literal_secret",
            ),
            (
                "/two_step/login",
                json!({"headers": {"Host": "${A}"}}),
                "/two_step/login/headers/Host",
                "header_not_allowed",
            ),
            (
                "/two_step/ttl_s",
                json!(0),
                "/two_step/ttl_s",
                "out_of_range",
            ),
        ],
    );
}
