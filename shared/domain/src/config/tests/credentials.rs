//! Every kind of credential: what it is read as, its defaults, and what is refused.

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
fn hmac_with_its_defaults() {
    let least = json!({"method": "hmac", "secret_ref": "${KEY}", "hmac": {"message": ["body"]}});
    let expected = Hmac {
        secret: template(&[secret("KEY")]),
        key_encoding: KeyEncoding::Text,
        algorithm: HmacAlgorithm::Sha256,
        encoding: SignatureEncoding::Hex,
        message: vec![MessagePart::Body],
        separator: "\n".to_owned(),
        place: Place::Header,
        key_name: "X-Signature".to_owned(),
        value: vec![SignaturePiece::Signature],
        timestamp: None,
        nonce: None,
    };
    assert_eq!(auth(least), Auth::Hmac(expected));
}

fn whole_hmac() -> Value {
    json!({
        "method": "hmac", "secret_ref": "${KEY}", "key_name": "Authorization",
        "hmac": {
            "algorithm": "sha512", "encoding": "base64", "key_encoding": "base64", "separator": "",
            "message": ["method", "target", "timestamp", {"header": "X-Date"}, {"text": "v0:${ID}"}],
            "timestamp": {"header": "X-Timestamp", "format": "unix_ms"},
            "nonce": {"param": "nonce"},
            "value": "HMAC id=${ID},ts={timestamp},sig={signature}",
        },
    })
}

#[test]
fn hmac_with_everything() {
    let Auth::Hmac(hmac) = auth(whole_hmac()) else {
        panic!("another kind");
    };
    assert_eq!(
        hmac.value,
        [
            SignaturePiece::Text("HMAC id=".to_owned()),
            SignaturePiece::Secret("ID".parse().unwrap()),
            SignaturePiece::Text(",ts=".to_owned()),
            SignaturePiece::Timestamp,
            SignaturePiece::Text(",sig=".to_owned()),
            SignaturePiece::Signature,
        ]
    );
    assert_eq!(
        hmac.message[4],
        MessagePart::Text(template(&[text("v0:"), secret("ID")]))
    );
    assert_eq!(
        hmac.nonce,
        Some(Nonce {
            spot: Some(Spot::Query("nonce".to_owned()))
        })
    );
    let time = Timestamp {
        spot: Some(Spot::Header("X-Timestamp".to_owned())),
        format: TimestampFormat::UnixMs,
    };
    assert_eq!(hmac.timestamp, Some(time));
    assert_eq!(hmac.separator, "");
}

#[test]
fn hmac_refused() {
    refused(
        &whole_hmac(),
        &[
            (
                "/secret_ref",
                json!("a${KEY}"),
                "/secret_ref",
                "invalid_secret_ref",
            ),
            ("/secret_ref", json!("key"), "/secret_ref", "literal_secret"),
            ("/secret_ref", json!(null), "/secret_ref", "required"),
            ("/in", json!("cookie"), "/in", "invalid_value"),
            ("/prefix", json!("x="), "/hmac/value", "conflict"),
            (
                "/hmac/algorithm",
                json!("md5"),
                "/hmac/algorithm",
                "invalid_value",
            ),
            (
                "/hmac/encoding",
                json!("base32"),
                "/hmac/encoding",
                "invalid_value",
            ),
            ("/hmac/message", json!(null), "/hmac/message", "required"),
            (
                "/hmac/message",
                json!([]),
                "/hmac/message",
                "invalid_length",
            ),
            (
                "/hmac/message",
                json!(["methud"]),
                "/hmac/message/0",
                "invalid_value",
            ),
            (
                "/hmac/message",
                json!([7]),
                "/hmac/message/0",
                "invalid_type",
            ),
            (
                "/hmac/message",
                json!([{"headr": "a"}]),
                "/hmac/message/0/headr",
                "unknown_field",
            ),
            (
                "/hmac/value",
                json!("no place"),
                "/hmac/value",
                "invalid_value",
            ),
            (
                "/hmac/value",
                json!("{signatur}"),
                "/hmac/value",
                "unknown_placeholder",
            ),
            (
                "/hmac/timestamp",
                json!(null),
                "/hmac/timestamp",
                "required",
            ),
            (
                "/hmac/timestamp",
                json!({"header": "Authorization"}),
                "/hmac/timestamp",
                "conflict",
            ),
            (
                "/hmac/timestamp",
                json!({"header": "a", "param": "b"}),
                "/hmac/timestamp/param",
                "conflict",
            ),
            ("/hmac/nonce", json!({}), "/hmac/nonce", "required"),
            (
                "/hmac/timestmp",
                json!({}),
                "/hmac/timestmp",
                "unknown_field",
            ),
            ("/hmac/prefix", json!("a"), "/hmac/prefix", "unknown_field"),
        ],
    );
}

#[test]
fn aws() {
    let aws = json!({"method": "aws_sigv4", "aws": {
        "access_key_ref": "${ID}", "secret_key_ref": "${KEY}", "session_token_ref": "${TOKEN}",
        "region": "eu-central-1", "service": "execute-api",
    }});
    let Auth::AwsSigV4(read) = auth(aws.clone()) else {
        panic!("another kind");
    };
    assert_eq!(read.session_token, Some(template(&[secret("TOKEN")])));
    refused(
        &aws,
        &[
            ("/aws", json!(null), "/aws", "required"),
            (
                "/aws/access_key_ref",
                json!("AKIDEXAMPLE"),
                "/aws/access_key_ref",
                "literal_secret",
            ),
            (
                "/aws/secret_key_ref",
                json!(null),
                "/aws/secret_key_ref",
                "required",
            ),
            (
                "/aws/secret_key_ref",
                json!("${ID}"),
                "/aws/secret_key_ref",
                "conflict",
            ),
            (
                "/aws/region",
                json!("EU Central"),
                "/aws/region",
                "invalid_value",
            ),
            ("/aws/service", json!(null), "/aws/service", "required"),
            ("/aws/regoin", json!("x"), "/aws/regoin", "unknown_field"),
            (
                "/secret_ref",
                json!("${KEY}"),
                "/secret_ref",
                "unknown_field",
            ),
        ],
    );
}

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
