//! What `idempotency`, `cache` and `limits` may say, and what not.

use serde_json::json;

use super::{accepted, faults, refused, with};
use crate::config::{CacheRules, IdempotencyRules, LimitRules};

#[test]
fn rules_are_read_with_their_defaults() {
    let config = accepted(&with(&[
        ("/idempotency", json!({})),
        ("/cache", json!({"ttl_s": 60})),
        ("/limits", json!({"rate_per_minute": 60, "concurrency": 4})),
    ]));
    assert_eq!(
        config.idempotency,
        Some(IdempotencyRules {
            header: "Idempotency-Key".into(),
            key_fields: Vec::new(),
            ttl_s: 86_400,
        })
    );
    assert_eq!(config.cache, Some(CacheRules { ttl_s: 60 }));
    assert_eq!(
        config.limits,
        LimitRules {
            rate_per_minute: Some(60),
            concurrency: Some(4),
        }
    );
    let config = accepted(&with(&[(
        "/idempotency",
        json!({"header": "X-Request-Token", "key_fields": ["symbol"], "ttl_s": 60}),
    )]));
    let rules = config.idempotency.unwrap();
    assert_eq!(rules.header, "X-Request-Token");
    assert_eq!(rules.key_fields, ["symbol"]);
    let plain = accepted(&with(&[]));
    assert_eq!((plain.idempotency, plain.cache), (None, None));
    assert!(plain.limits.is_empty());
}

#[test]
fn what_cannot_be_meant_is_refused() {
    refused(&[
        ("/idempotency", json!(true), "/idempotency", "invalid_type"),
        (
            "/idempotency",
            json!({"fields": ["symbol"]}),
            "/idempotency/fields",
            "unknown_field",
        ),
        (
            "/idempotency",
            json!({"header": "Authorization"}),
            "/idempotency/header",
            "header_not_allowed",
        ),
        (
            "/idempotency",
            json!({"header": "Host"}),
            "/idempotency/header",
            "header_not_allowed",
        ),
        (
            "/idempotency",
            json!({"header": "Content-Type"}),
            "/idempotency/header",
            "header_not_allowed",
        ),
        (
            "/idempotency",
            json!({"header": "a b"}),
            "/idempotency/header",
            "invalid_header",
        ),
        (
            "/idempotency",
            json!({"key_fields": ["symbl"]}),
            "/idempotency/key_fields/0",
            "unknown_input",
        ),
        (
            "/idempotency",
            json!({"key_fields": ["symbol", "symbol"]}),
            "/idempotency/key_fields/1",
            "conflict",
        ),
        (
            "/idempotency",
            json!({"key_fields": [7]}),
            "/idempotency/key_fields/0",
            "invalid_type",
        ),
        (
            "/idempotency",
            json!({"ttl_s": 59}),
            "/idempotency/ttl_s",
            "out_of_range",
        ),
        ("/cache", json!({}), "/cache/ttl_s", "required"),
        (
            "/cache",
            json!({"ttl_s": 0}),
            "/cache/ttl_s",
            "out_of_range",
        ),
        (
            "/cache",
            json!({"ttl_s": 86_401}),
            "/cache/ttl_s",
            "out_of_range",
        ),
        (
            "/limits",
            json!({"rate_per_minute": 0}),
            "/limits/rate_per_minute",
            "out_of_range",
        ),
        (
            "/limits",
            json!({"concurrency": 1.5}),
            "/limits/concurrency",
            "out_of_range",
        ),
        (
            "/limits",
            json!({"per_minute": 5}),
            "/limits/per_minute",
            "unknown_field",
        ),
    ]);
}

#[test]
fn the_key_has_a_header_of_its_own() {
    for (name, value) in [
        ("/api/headers", json!({"x-key": "fixed"})),
        ("/mapping/input_to_headers", json!({"symbol": "X-KEY"})),
        (
            "/api/auth",
            json!({"method": "api_key_header", "key_name": "X-Key", "secret_ref": "${KEY}"}),
        ),
    ] {
        let found = faults(&with(&[
            (name, value),
            ("/idempotency", json!({"header": "X-Key"})),
        ]));
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        assert_eq!(found[0].pointer, "/idempotency/header");
        assert_eq!(found[0].code, "conflict");
    }
}

#[test]
fn only_answers_that_change_nothing_are_used_again() {
    for change in [
        ("/api/method", json!("POST")),
        ("/annotations", json!({"read_only": false})),
        ("/output", json!({"redact": ["/price"]})),
    ] {
        let name = change.0;
        let found = faults(&with(&[change, ("/cache", json!({"ttl_s": 60}))]));
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        assert_eq!(
            (found[0].pointer.as_str(), found[0].code),
            ("/cache", "conflict")
        );
    }
    accepted(&with(&[
        ("/api/method", json!("POST")),
        ("/annotations", json!({"read_only": true})),
        ("/cache", json!({"ttl_s": 60})),
    ]));
}
