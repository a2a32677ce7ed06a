//! Documents that are read, and documents that are not.

use serde_json::{Value, json};

use super::*;
use crate::egress::Policy;
use crate::fault::Fault;

mod badinputs;
mod bodies;
mod credentials;
mod documented;
mod refused_calls;
mod refused_pages;
mod refused_rules;
mod responses;
mod semantics;

/// The example of the product's specification.
pub(super) fn example() -> Value {
    json!({
        "name": "tool_name",
        "description": "What it does",
        "api": {
            "base_url": "https://api.example.com",
            "method": "GET",
            "auth": { "method": "api_key_query", "key_name": "apikey", "secret_ref": "${API_KEY}" }
        },
        "input_schema": { "properties": { "symbol": { "type": "string" } } },
        "output_schema": { "properties": { "price": { "type": "number" } } },
        "mapping": {
            "input_to_params": { "symbol": "symbol" },
            "response_to_output": { "price": "Global Quote.05. price" }
        }
    })
}

/// The example with the value at a pointer replaced (or removed, when it is null in `value`).
pub(super) fn with(changes: &[(&str, Value)]) -> Value {
    let mut document = example();
    for (pointer, value) in changes {
        let mut at = &mut document;
        for token in pointer.split('/').skip(1) {
            if at.get(token).is_none() {
                at[token] = json!({});
            }
            at = &mut at[token];
        }
        *at = value.clone();
    }
    document
}

pub(super) fn accepted(document: &Value) -> ToolConfig {
    match read(document, &Policy::default()) {
        Ok(config) => config,
        Err(faults) => panic!("{document}: {faults:#?}"),
    }
}

pub(super) fn faults(document: &Value) -> Vec<Fault> {
    read(document, &Policy::default()).err().unwrap_or_default()
}

fn text(text: &str) -> TemplatePiece {
    TemplatePiece::Text(text.to_owned())
}

fn secret(name: &str) -> TemplatePiece {
    TemplatePiece::Secret(name.parse().unwrap())
}

#[test]
fn the_specifications_example_is_read_unchanged() {
    let config = accepted(&example());
    assert_eq!(config.id.as_str(), "tool_name");
    assert_eq!(
        config.api.base_url.host,
        [Piece::Text("api.example.com".into())]
    );
    assert_eq!(
        (config.api.base_url.port, config.api.timeout_ms),
        (443, 25_000)
    );
    assert_eq!(
        config.api.auth,
        Auth::ApiKeyQuery {
            key_name: "apikey".into(),
            secret: Template(vec![secret("API_KEY")])
        }
    );
    assert_eq!(config.input_schema["type"], "object");
    assert_eq!(
        config.mapping.inputs,
        InputMapping::Exact(vec![InputRule {
            input: "symbol".into(),
            target: Target::Query {
                name: "symbol".into(),
                style: ParamStyle::FormExplode
            },
            default: None,
            omit_empty: false
        }])
    );
    let rules = config.mapping.output.rules.unwrap();
    assert_eq!(
        rules[0].source,
        OutputSource::Path(ResponsePath("Global Quote.05. price".into()))
    );
    assert!(!rules[0].required);
    assert!(config.effects.read_only && !config.effects.destructive);
}

#[test]
fn the_least_that_a_tool_needs() {
    let config = accepted(&json!({
        "name": "Get Weather",
        "description": "d",
        "api": { "base_url": "https://api.example.com" },
        "input_schema": {},
        "output_schema": {}
    }));
    assert_eq!(config.id.as_str(), "get_weather");
    assert_eq!(
        (config.api.method, config.api.auth),
        (Method::Get, Auth::None)
    );
    assert_eq!(config.mapping.inputs, InputMapping::Identity);
    assert_eq!(config.mapping.output.rules, None);
    assert!(config.enabled);
}

/// A document that states all that can be stated.
fn everything() -> Value {
    json!({
        "id": "create-order", "name": "Create order", "title": "Orders", "description": "Line\nbreaks ${} and $5 are fine",
        "tags": ["shop", "Läden"], "enabled": false, "metadata": {"any": ["thing", null]}, "x-note": 1,
        "examples": [{"input": {}}],
        "annotations": {"read_only": false, "destructive": true, "idempotent": true, "open_world": false},
        "api": {
            "base_url": "https://{region}.api.example.com:8443/v1/", "path": "/shops/{shop}/a%20b:{what}/", "method": "POST",
            "headers": {"X-Token": "Token ${TOKEN}", "Accept": "application/json", "X-Version": 2},
            "params": {"fixed": "a=b&c", "key": "${KEY}", "many": ["1", true]},
            "auth": {"method": "basic", "username_ref": "${USER}", "password_ref": "${PASS}", "x-why": "legacy"},
            "timeout": 2.5, "connect_timeout_ms": 100, "max_response_bytes": 1000,
            "redirects": {"follow": 1, "cross_host": true}, "allowed_hosts": ["CDN.example.com", "files.example.com:8443"],
            "connection_vars": {"region": {"enum": ["eu", "us"], "default": "eu"}, "what": "all"}
        },
        "input_schema": {"type": "object", "properties": {"shop": {"type": "string"}, "ids": {"type": "array"}, "note": {}, "trace": {},
                         "version": {"type": "string", "x-hidden": true, "const": "2"}}},
        "output_schema": {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": {"required": ["id"]}}}},
        "mapping": {
            "input_to_path": {"shop": "shop"},
            "input_to_params": {"ids": {"name": "id", "style": "form", "explode": false, "omit_empty": true}},
            "input_to_headers": {"trace": "X-Trace"},
            "input_to_body": {"note": "order.note", "version": {"name": "/order/a~1b", "default": 7}},
            "response_path": "data",
            "response_to_output": {"items": {"path": "$.list[*]", "each": {"id": "id", "name": {"path": "n", "type": "string", "default": ""}}},
                                   "kind": {"const": "order"}}
        },
        "body": {"type": "json"},
        "response": {"format": "json", "empty_ok": true},
        "output": {"validation": "warn", "redact": ["/items/0/card"]},
        "retry": {"max_attempts": 2, "on": ["connect_failed", 503, "429", "5xx", "timeout"], "backoff_ms": 10, "max_backoff_ms": 20},
        "mock": {"enabled": true, "output": {"items": []}},
        "tests": [{"name": "one", "input": {}, "request": {}, "response": {"status": 200}, "output": []}]
    })
}

#[test]
fn everything_that_can_be_stated_is_read() {
    let config = accepted(&everything());
    assert_eq!(config.id.as_str(), "create-order");
    assert_eq!(
        config.api.base_url.host,
        [
            Piece::Placeholder("region".into()),
            Piece::Text(".api.example.com".into())
        ]
    );
    assert_eq!(config.api.base_url.port, 8443);
    assert_eq!(
        config.api.path,
        [
            PathSegment(vec![Piece::Text("v1".into())]),
            PathSegment(vec![Piece::Text("shops".into())]),
            PathSegment(vec![Piece::Placeholder("shop".into())]),
            PathSegment(vec![
                Piece::Text("a b:".into()),
                Piece::Placeholder("what".into())
            ]),
        ]
    );
    assert!(config.api.trailing_slash);
    assert_eq!(
        config.api.headers[0].1,
        Template(vec![text("Token "), secret("TOKEN")])
    );
    assert_eq!(config.api.params.len(), 4);
    assert_eq!(config.api.timeout_ms, 2500);
    assert_eq!(
        config.api.allowed_hosts,
        ["cdn.example.com", "files.example.com:8443"]
    );
    assert_eq!(config.retry.on.len(), 5);
    assert_eq!(config.mock, Some(json!({"items": []})));
    let InputMapping::Exact(rules) = config.mapping.inputs else {
        panic!()
    };
    assert_eq!(
        rules[0].target,
        Target::Query {
            name: "id".into(),
            style: ParamStyle::Form
        }
    );
    assert_eq!(
        rules[4].target,
        Target::Body {
            pointer: vec!["order".into(), "a/b".into()]
        }
    );
    let output = config.mapping.output.rules.unwrap();
    let OutputSource::Each { rules, .. } = &output[0].source else {
        panic!()
    };
    assert!(output[0].required && rules[0].required && !rules[1].required);
}

#[test]
fn credentials_get_their_defaults() {
    let auth = |auth: Value| accepted(&with(&[("/api/auth", auth)])).api.auth;
    assert_eq!(
        auth(json!({"method": "bearer", "secret_ref": "${T}"})),
        Auth::Bearer {
            key_name: "Authorization".into(),
            secret: Template(vec![text("Bearer "), secret("T")])
        }
    );
    assert_eq!(
        auth(json!({"method": "bearer", "secret_ref": "${T}", "prefix": "", "key_name": "X-Auth"})),
        Auth::Bearer {
            key_name: "X-Auth".into(),
            secret: Template(vec![secret("T")])
        }
    );
    assert_eq!(
        auth(json!({"method": "api_key_header", "secret_ref": "${T}"})),
        Auth::ApiKeyHeader {
            key_name: "X-API-Key".into(),
            secret: Template(vec![secret("T")])
        }
    );
    assert_eq!(
        auth(json!({"method": "basic", "username_ref": "${KEY}"})),
        Auth::Basic {
            username: Template(vec![secret("KEY")]),
            password: Template(vec![])
        }
    );
    assert_eq!(auth(json!({"method": "none"})), Auth::None);
}

#[test]
fn placeholders_are_filled_from_any_of_four_places() {
    for change in [
        ("/mapping/input_to_path", json!({"symbol": "id"})),
        ("/mapping/input_to_params", json!({"symbol": "id"})),
        ("/input_schema/properties/id", json!({"type": "string"})),
        ("/api/connection_vars", json!({"id": "7"})),
    ] {
        accepted(&with(&[("/api/path", json!("/users/{id}")), change]));
    }
}

#[test]
fn the_operators_list_opens_http_and_private_hosts() {
    let policy = Policy {
        allow: Policy::parse_allow("127.0.0.1:9000,localhost:8080,[::1]:80").unwrap(),
        own_hosts: vec![],
    };
    for (url, host, port) in [
        ("http://127.0.0.1:9000/v1", "127.0.0.1", 9000),
        ("https://127.0.0.1:9000", "127.0.0.1", 9000),
        ("http://localhost:8080/", "localhost", 8080),
        ("http://[::1]", "[::1]", 80),
    ] {
        let config = read(&with(&[("/api/base_url", json!(url))]), &policy).unwrap();
        assert_eq!(config.api.base_url.host, [Piece::Text(host.into())]);
        assert_eq!(config.api.base_url.port, port);
    }
    for url in [
        "http://127.0.0.1:9001",
        "http://localhost:9000",
        "http://u:p@127.0.0.1:9000",
        "http://127.1:9000",
        "HTTP://127.0.0.1:9000",
    ] {
        assert!(
            read(&with(&[("/api/base_url", json!(url))]), &policy).is_err(),
            "{url}"
        );
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let found = faults(&json!({
        "name": "bad/name",
        "is_admin": true,
        "api": {
            "base_url": "http://169.254.169.254/?a=b",
            "methd": "GET",
            "path": "//evil",
            "auth": {"method": "bearer", "secret_ref": "sk_live_51Habc"},
            "timeout_ms": 0
        },
        "input_schema": {"type": "objekt"},
        "mapping": {"input_to_params": {"a": "x"}, "response_to_output": {"p": "$.["}},
        "retry": {"max_attempts": 99}
    }));
    let pointers: Vec<&str> = found.iter().map(|fault| fault.pointer.as_str()).collect();
    for pointer in [
        "/name",
        "/is_admin",
        "/description",
        "/api/base_url",
        "/api/methd",
        "/api/path",
        "/api/auth/secret_ref",
        "/input_schema/type",
        "/output_schema",
        "/mapping/input_to_params/a",
        "/mapping/response_to_output/p",
        "/retry/max_attempts",
    ] {
        assert!(
            pointers.contains(&pointer),
            "{pointer} is not among {pointers:?}"
        );
    }
}

#[test]
fn no_fault_repeats_a_credential() {
    let document = with(&[
        ("/api/auth/secret_ref", json!("sk_live_51Habc")),
        (
            "/api/headers",
            json!({"Authorization": "Bearer sk_live_51Habc", "X-Api-Key": "sk_live_51Habc"}),
        ),
    ]);
    let found = faults(&document);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(!format!("{found:?}").contains("sk_live"));
    assert!(
        found
            .iter()
            .all(|fault| fault.hint.as_deref() == Some("store it as a secret and write ${NAME}"))
    );
}

/// Every place of a document, as pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    let mut down = |name: &str, member: &Value| {
        let name = name.replace('~', "~0").replace('/', "~1");
        places(member, &format!("{at}/{name}"), found);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| down(name, value)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                down(&index.to_string(), item);
            }
        }
        _ => {}
    }
}

#[test]
fn whatever_stands_anywhere_there_is_an_answer_that_points_to_it() {
    let document = everything();
    let mut pointers = Vec::new();
    places(&document, "", &mut pointers);
    let strange = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("${"),
        json!("{"),
        json!("\u{0}\u{202e}"),
        json!([]),
        json!([[null]]),
        json!({}),
        json!({"": {"": null}}),
    ];
    for pointer in &pointers {
        for value in &strange {
            let mut changed = document.clone();
            *changed.pointer_mut(pointer).unwrap() = value.clone();
            for fault in faults(&changed) {
                // The place itself, or (for what is missing) the object that should hold it.
                let parent = fault
                    .pointer
                    .rsplit_once('/')
                    .map_or("", |(parent, _)| parent);
                let known = changed.pointer(&fault.pointer).or(changed.pointer(parent));
                assert!(known.is_some(), "{pointer} = {value}: {fault:?}");
            }
        }
    }
}

/// Each change, `(place, value, pointer, code)`, brings this fault at this pointer.
fn refused(cases: &[(&str, Value, &str, &str)]) {
    for (change, value, pointer, code) in cases {
        let found = faults(&with(&[(change, value.clone())]));
        let hit = found
            .iter()
            .any(|fault| fault.pointer == *pointer && fault.code == *code);
        assert!(hit, "{change} = {value}: {found:#?}");
    }
}
