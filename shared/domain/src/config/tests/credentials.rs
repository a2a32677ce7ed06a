//! Every kind of credential: what it is read as, its defaults, and what is refused.

mod logins;
mod signatures;
mod tokens;

use serde_json::{Value, json};

use super::super::*;
use super::{accepted, faults, with};

fn auth(auth: Value) -> Auth {
    accepted(&with(&[("/api/auth", auth)])).api.auth
}

/// One change to a credential, and the fault that it must bring, with a pointer below `/api/auth`.
fn refused(whole: &Value, cases: &[(&str, Value, &str, &str)]) {
    for (pointer, value, at, code) in cases {
        let mut changed = whole.clone();
        set(&mut changed, pointer, value.clone());
        let found = faults(&with(&[("/api/auth", changed.clone())]));
        let at = format!("/api/auth{at}");
        let told = found
            .iter()
            .any(|fault| fault.pointer == at && fault.code == *code);
        assert!(told, "{pointer} = {value}: no {code} at {at} in {found:#?}");
    }
}

/// Sets a member; null takes it away.
fn set(document: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap();
    if value.is_null() {
        parent.remove(name);
    } else {
        parent.insert(name.to_owned(), value);
    }
}

fn text(text: &str) -> TemplatePiece {
    TemplatePiece::Text(text.to_owned())
}

fn secret(name: &str) -> TemplatePiece {
    TemplatePiece::Secret(name.parse().unwrap())
}

fn template(pieces: &[TemplatePiece]) -> Template {
    Template(pieces.to_vec())
}

#[test]
fn a_cookie_has_a_name_and_no_spaces() {
    let cookie =
        json!({"method": "api_key_cookie", "key_name": "session", "secret_ref": "v1.${KEY}"});
    let expected = Auth::ApiKeyCookie {
        key_name: "session".to_owned(),
        secret: template(&[text("v1."), secret("KEY")]),
    };
    assert_eq!(auth(cookie.clone()), expected);
    refused(
        &cookie,
        &[
            ("/key_name", json!(null), "/key_name", "required"),
            ("/key_name", json!("a b"), "/key_name", "invalid_cookie"),
            ("/key_name", json!("a;b"), "/key_name", "invalid_cookie"),
            ("/key_name", json!(""), "/key_name", "invalid_cookie"),
            (
                "/secret_ref",
                json!("a ${KEY}"),
                "/secret_ref",
                "invalid_cookie",
            ),
            (
                "/secret_ref",
                json!("a;${KEY}"),
                "/secret_ref",
                "invalid_cookie",
            ),
            (
                "/secret_ref",
                json!("plain"),
                "/secret_ref",
                "literal_secret",
            ),
            ("/prefix", json!("v1"), "/prefix", "invalid_cookie"),
            ("/oauth2", json!({}), "/oauth2", "unknown_field"),
        ],
    );
}

#[test]
fn several_placements() {
    let custom = json!({"method": "custom", "placements": [
        {"in": "header", "name": "X-A", "value": "Token ${KEY}"},
        {"in": "query", "name": "id", "value": "me"},
        {"in": "cookie", "name": "session", "value": "${OTHER}"},
    ]});
    let Auth::Custom { placements } = auth(custom.clone()) else {
        panic!("another kind");
    };
    let places: Vec<Place> = placements.iter().map(|placed| placed.place).collect();
    assert_eq!(places, [Place::Header, Place::Query, Place::Cookie]);
    assert_eq!(
        placements[0].value,
        template(&[text("Token "), secret("KEY")])
    );
    let one = |placed: Value| json!([{"in": "header", "name": "X-B", "value": "${B}"}, placed]);
    refused(
        &custom,
        &[
            ("/placements", json!(null), "/placements", "required"),
            ("/placements", json!([]), "/placements", "invalid_length"),
            (
                "/placements",
                one(json!({"in": "body", "name": "a", "value": "b"})),
                "/placements/1/in",
                "invalid_value",
            ),
            (
                "/placements",
                one(json!({"in": "header", "value": "b"})),
                "/placements/1/name",
                "required",
            ),
            (
                "/placements",
                one(json!({"in": "header", "name": "Host", "value": "b"})),
                "/placements/1/name",
                "header_not_allowed",
            ),
            (
                "/placements",
                one(json!({"in": "header", "name": "Cookie", "value": "${B}"})),
                "/placements/1/name",
                "header_not_allowed",
            ),
            (
                "/placements",
                one(json!({"in": "header", "name": "x-b", "value": "${B}"})),
                "/placements/1/name",
                "conflict",
            ),
            (
                "/placements",
                one(json!({"in": "cookie", "name": "c", "value": "a b"})),
                "/placements/1/value",
                "invalid_cookie",
            ),
            (
                "/placements",
                one(json!({"in": "query", "name": "c", "value": "b", "nmae": 1})),
                "/placements/1/nmae",
                "unknown_field",
            ),
            (
                "/placements",
                json!([{"in": "header", "name": "X-A", "value": "plain"}]),
                "/placements",
                "literal_secret",
            ),
        ],
    );
}

#[test]
fn a_placement_does_not_share_its_place() {
    let placed = |place: &str, name: &str| json!({"method": "custom", "placements": [{"in": place, "name": name, "value": "${KEY}"}]});
    let fixed = |changes: &[(&str, Value)]| faults(&with(changes));
    for (credential, headers, params, at) in [
        (
            placed("header", "X-A"),
            json!({"x-a": "1"}),
            json!({}),
            "/api/headers/x-a",
        ),
        (
            placed("query", "k"),
            json!({}),
            json!({"k": "1"}),
            "/api/params/k",
        ),
        (
            placed("cookie", "s"),
            json!({"Cookie": "a=1; s=2"}),
            json!({}),
            "/api/headers/Cookie",
        ),
    ] {
        let found = fixed(&[
            ("/api/auth", credential),
            ("/api/headers", headers),
            ("/api/params", params),
        ]);
        assert_eq!(
            (found[0].pointer.as_str(), found[0].code),
            (at, "conflict"),
            "{found:?}"
        );
    }
    let beside = [
        ("/api/auth", placed("cookie", "s")),
        ("/api/headers", json!({"Cookie": "a=1; other=2"})),
    ];
    accepted(&with(&beside));
}

#[test]
fn tests_of_a_connection() {
    let verify = |verify: Value| {
        let auth = json!({"method": "bearer", "secret_ref": "${KEY}", "verify": verify});
        with(&[
            ("/api/auth", auth),
            ("/api/base_url", json!("https://api.example.com/v2")),
        ])
    };
    let read = accepted(&verify(
        json!({"path": "/me", "success_when": {"path": "ok", "equals": true}}),
    ));
    let read = read.api.verify.unwrap();
    assert_eq!((read.method, read.path.len()), (Method::Get, 2));
    assert!(read.success_when.is_some());
    for (wrong, at, code) in [
        (json!({}), "/path", "required"),
        (json!({"path": "me"}), "/path", "invalid_path"),
        (json!({"path": "/{id}"}), "/path", "unknown_placeholder"),
        (
            json!({"path": "/me", "method": "DELETE"}),
            "/method",
            "invalid_value",
        ),
        (json!({"path": "/me", "body": {}}), "/body", "unknown_field"),
    ] {
        let found = faults(&verify(wrong));
        let at = format!("/api/auth/verify{at}");
        assert!(
            found
                .iter()
                .any(|fault| fault.pointer == at && fault.code == code),
            "{found:?}"
        );
    }
}

#[test]
fn names_the_field_that_was_meant() {
    let near = |auth: Value| {
        let found = faults(&with(&[("/api/auth", auth)]));
        found
            .into_iter()
            .filter_map(|fault| fault.hint)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let hints = near(json!({"method": "oauth2_client_credential"}));
    assert!(hints.contains("oauth2_client_credentials"), "{hints}");
    let hints = near(json!({"method": "bearer", "secret": "${A}"}));
    assert!(hints.contains("secret_ref"), "{hints}");
    let hints =
        near(json!({"method": "bearer", "secret_ref": "${A}", "token_url": "https://a.example"}));
    assert!(hints.contains("oauth2"), "{hints}");
}
