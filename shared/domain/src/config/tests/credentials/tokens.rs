//! OAuth 2: what its grants are read as, and what is refused.

use serde_json::{Value, json};

use super::super::super::*;
use super::{auth, refused, secret, template, text};

fn client() -> Value {
    json!({"method": "oauth2_client_credentials", "oauth2": {
        "token_url": "https://login.example.com/token", "client_id": "abc",
        "client_secret_ref": "${SECRET}", "scopes": ["a", "b"], "audience": "api",
        "token_params": {"username": "${USER_NAME}"},
    }})
}

#[test]
fn client_credentials() {
    let Auth::Token(token) = auth(client()) else {
        panic!("another kind");
    };
    assert_eq!(
        (token.place, token.key_name.as_str(), token.prefix.as_str()),
        (Place::Header, "Authorization", "Bearer")
    );
    let TokenSource::ClientCredentials(read) = token.source else {
        panic!("another source");
    };
    assert_eq!(read.token_url.bound_host(), "login.example.com");
    assert_eq!(read.client_auth, ClientAuth::Basic);
    assert_eq!(read.scopes, ["a", "b"]);
    let params = [
        ("username".to_owned(), template(&[secret("USER_NAME")])),
        ("audience".to_owned(), template(&[text("api")])),
    ];
    assert_eq!(read.token_params, params);
}

#[test]
fn client_credentials_refused() {
    refused(
        &client(),
        &[
            ("/oauth2", json!(null), "/oauth2", "required"),
            (
                "/oauth2/token_url",
                json!(null),
                "/oauth2/token_url",
                "required",
            ),
            (
                "/oauth2/token_url",
                json!("http://login.example.com/token"),
                "/oauth2/token_url",
                "host_not_allowed",
            ),
            (
                "/oauth2/token_url",
                json!("https://localhost/token"),
                "/oauth2/token_url",
                "host_not_allowed",
            ),
            (
                "/oauth2/token_url",
                json!("https://169.254.169.254/"),
                "/oauth2/token_url",
                "host_not_allowed",
            ),
            (
                "/oauth2/token_url",
                json!("https://a:b@login.example.com/"),
                "/oauth2/token_url",
                "invalid_url",
            ),
            (
                "/oauth2/token_url",
                json!("https://login.example.com/#a"),
                "/oauth2/token_url",
                "invalid_url",
            ),
            (
                "/oauth2/token_url",
                json!("https://login.example.com/a/../b"),
                "/oauth2/token_url",
                "invalid_url",
            ),
            (
                "/oauth2/token_url",
                json!("https://LOGIN.example.com/"),
                "/oauth2/token_url",
                "invalid_url",
            ),
            (
                "/oauth2/token_url",
                json!("https://{t}.example.com/"),
                "/oauth2/token_url",
                "invalid_url",
            ),
            (
                "/oauth2/token_url",
                json!("https://${T}.example.com/"),
                "/oauth2/token_url",
                "secret_not_allowed",
            ),
            (
                "/oauth2/token_url",
                json!("login.example.com"),
                "/oauth2/token_url",
                "invalid_url",
            ),
            (
                "/oauth2/token_url",
                json!("https://login.example.com:22/"),
                "/oauth2/token_url",
                "host_not_allowed",
            ),
            (
                "/oauth2/token_url",
                json!("https://login.example.com/a b"),
                "/oauth2/token_url",
                "invalid_url",
            ),
            (
                "/oauth2/client_id",
                json!(null),
                "/oauth2/client_id",
                "required",
            ),
            (
                "/oauth2/client_id",
                json!(""),
                "/oauth2/client_id",
                "invalid_length",
            ),
            (
                "/oauth2/client_secret_ref",
                json!(null),
                "/oauth2/client_secret_ref",
                "required",
            ),
            (
                "/oauth2/client_secret_ref",
                json!("s3cr3t"),
                "/oauth2/client_secret_ref",
                "literal_secret",
            ),
            (
                "/oauth2/client_auth",
                json!("none"),
                "/oauth2/client_auth",
                "conflict",
            ),
            (
                "/oauth2/client_auth",
                json!("jwt"),
                "/oauth2/client_auth",
                "invalid_value",
            ),
            (
                "/oauth2/scopes",
                json!("a b"),
                "/oauth2/scopes",
                "invalid_type",
            ),
            (
                "/oauth2/scopes",
                json!(["a b"]),
                "/oauth2/scopes/0",
                "invalid_value",
            ),
            (
                "/oauth2/token_params",
                json!({"client_secret": "x"}),
                "/oauth2/token_params/client_secret",
                "conflict",
            ),
            (
                "/oauth2/token_params",
                json!({"audience": "x"}),
                "/oauth2/audience",
                "conflict",
            ),
            (
                "/oauth2/authorization_url",
                json!("https://a.example.com"),
                "/oauth2/authorization_url",
                "unknown_field",
            ),
            (
                "/oauth2/client_secret",
                json!("x"),
                "/oauth2/client_secret",
                "unknown_field",
            ),
        ],
    );
}

fn code() -> Value {
    json!({"method": "oauth2_authorization_code", "key_name": "X-Token", "oauth2": {
        "token_url": "https://login.example.com:8443/token",
        "authorization_url": "https://login.example.com/authorize?policy=1",
        "revoke_url": "https://login.example.com/revoke", "client_id": "abc",
        "authorize_params": {"access_type": "offline"}, "audience": "api", "per": "workspace",
    }})
}

#[test]
fn authorization_code() {
    let Auth::Token(token) = auth(code()) else {
        panic!("another kind");
    };
    assert_eq!(
        (token.key_name.as_str(), token.prefix.as_str()),
        ("X-Token", "")
    );
    let TokenSource::AuthorizationCode(read) = token.source else {
        panic!("another source");
    };
    assert_eq!(read.client.token_url.bound_host(), "login.example.com:8443");
    assert_eq!(
        (read.client.client_auth, read.per),
        (ClientAuth::None, ConnectionOwner::Workspace)
    );
    let params = [("access_type", "offline"), ("audience", "api")];
    let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(read.authorize_params, params);
    refused(
        &code(),
        &[
            (
                "/oauth2/authorization_url",
                json!(null),
                "/oauth2/authorization_url",
                "required",
            ),
            (
                "/oauth2/authorization_url",
                json!("https://a.example.com/?state=1"),
                "/oauth2/authorization_url",
                "conflict",
            ),
            (
                "/oauth2/authorize_params",
                json!({"state": "1"}),
                "/oauth2/authorize_params/state",
                "conflict",
            ),
            (
                "/oauth2/authorize_params",
                json!({"a": "${A}"}),
                "/oauth2/authorize_params/a",
                "secret_not_allowed",
            ),
            (
                "/oauth2/client_id",
                json!("${ID}"),
                "/oauth2/client_id",
                "secret_not_allowed",
            ),
            (
                "/oauth2/client_auth",
                json!("basic"),
                "/oauth2/client_secret_ref",
                "required",
            ),
            ("/oauth2/per", json!("tool"), "/oauth2/per", "invalid_value"),
            (
                "/oauth2/connection",
                json!("My Crm"),
                "/oauth2/connection",
                "invalid_value",
            ),
            (
                "/oauth2/redirect_uri",
                json!("x"),
                "/oauth2/redirect_uri",
                "unknown_field",
            ),
            (
                "/oauth2/token_params",
                json!({"grant_type": "x"}),
                "/oauth2/token_params/grant_type",
                "conflict",
            ),
        ],
    );
}
