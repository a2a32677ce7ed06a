//! One change to the example's mappings, limits or newer fields, and the fault that it must bring.

use serde_json::json;

use super::{faults, refused, with};

#[test]
fn mappings() {
    refused(&[
        ("/mapping", json!(null), "/mapping", "invalid_type"),
        (
            "/mapping/input_to_parms",
            json!({}),
            "/mapping/input_to_parms",
            "unknown_field",
        ),
        (
            "/mapping/input_to_params",
            json!({"symbl": "a"}),
            "/mapping/input_to_params/symbl",
            "unknown_input",
        ),
        (
            "/mapping/input_to_params",
            json!({"symbol": 1}),
            "/mapping/input_to_params/symbol",
            "invalid_type",
        ),
        (
            "/mapping/input_to_params",
            json!({"symbol": ""}),
            "/mapping/input_to_params/symbol",
            "invalid_length",
        ),
        (
            "/mapping/input_to_params",
            json!({"symbol": {"in": "auth"}}),
            "/mapping/input_to_params/symbol/in",
            "unknown_field",
        ),
        (
            "/mapping/input_to_params",
            json!({"symbol": {"style": "simple"}}),
            "/mapping/input_to_params/symbol/style",
            "invalid_value",
        ),
        (
            "/mapping/input_to_params",
            json!({"symbol": "apikey"}),
            "/mapping/input_to_params/symbol",
            "conflict",
        ),
        (
            "/mapping/input_to_headers",
            json!({"symbol": "Authorization"}),
            "/mapping/input_to_headers/symbol",
            "header_not_allowed",
        ),
        (
            "/mapping/input_to_headers",
            json!({"symbol": "Cookie"}),
            "/mapping/input_to_headers/symbol",
            "header_not_allowed",
        ),
        (
            "/mapping/input_to_headers",
            json!({"symbol": "Host"}),
            "/mapping/input_to_headers/symbol",
            "header_not_allowed",
        ),
        (
            "/mapping/input_to_path",
            json!({"symbol": "id"}),
            "/mapping/input_to_path/symbol",
            "unknown_placeholder",
        ),
        (
            "/mapping/input_to_body",
            json!({"symbol": "a"}),
            "/mapping/input_to_body",
            "conflict",
        ),
        (
            "/mapping/response_to_output",
            json!({"price": "$.["}),
            "/mapping/response_to_output/price",
            "invalid_path",
        ),
        (
            "/mapping/response_to_output",
            json!({"price": ""}),
            "/mapping/response_to_output/price",
            "invalid_path",
        ),
        (
            "/mapping/response_to_output",
            json!({"price": {"path": "a", "typ": "number"}}),
            "/mapping/response_to_output/price/typ",
            "unknown_field",
        ),
        (
            "/mapping/response_to_output",
            json!({"price": {"path": "a", "type": "float"}}),
            "/mapping/response_to_output/price/type",
            "invalid_value",
        ),
        (
            "/mapping/response_to_output",
            json!({"price": {"path": "a", "const": 1}}),
            "/mapping/response_to_output/price/const",
            "conflict",
        ),
        (
            "/mapping/response_to_output",
            json!({"price": {"each": {}}}),
            "/mapping/response_to_output/price/path",
            "required",
        ),
        (
            "/mapping/response_path",
            json!(5),
            "/mapping/response_path",
            "invalid_type",
        ),
    ]);
    let two = with(&[
        ("/input_schema/properties/b", json!({})),
        (
            "/mapping/input_to_params",
            json!({"symbol": "x", "b": {"name": "x"}}),
        ),
    ]);
    assert_eq!(faults(&two)[0].code, "conflict");
    let nested = with(&[
        ("/api/method", json!("POST")),
        ("/input_schema/properties/b", json!({})),
        ("/mapping/input_to_body", json!({"symbol": "a", "b": "a.b"})),
    ]);
    assert_eq!(faults(&nested)[0].pointer, "/mapping/input_to_body/b");
    let hidden = with(&[("/input_schema/properties/h", json!({"x-hidden": true}))]);
    assert_eq!(faults(&hidden)[0].pointer, "/input_schema/properties/h");
}

#[test]
fn only_inputs_themselves_are_hidden() {
    let hidden = || json!({"const": 1, "x-hidden": true});
    for (change, value, pointer) in [
        (
            "/input_schema/x-hidden",
            json!(true),
            "/input_schema/x-hidden",
        ),
        (
            "/input_schema/properties/a",
            json!({"properties": {"b": hidden()}}),
            "/input_schema/properties/a/properties/b/x-hidden",
        ),
        (
            "/input_schema/properties/a",
            json!({"allOf": [hidden()]}),
            "/input_schema/properties/a/allOf/0/x-hidden",
        ),
        (
            "/input_schema/properties/a",
            json!({"items": hidden()}),
            "/input_schema/properties/a/items/x-hidden",
        ),
        (
            "/input_schema/$defs/a",
            hidden(),
            "/input_schema/$defs/a/x-hidden",
        ),
        (
            "/input_schema/allOf",
            json!([{"properties": {"a": hidden()}}]),
            "/input_schema/allOf/0/properties/a/x-hidden",
        ),
    ] {
        refused(&[(change, value, pointer, "misplaced")]);
    }
    // The name of an input, data, and a switch that is off are no hidden inputs.
    let allowed = with(&[
        ("/input_schema/properties/h", hidden()),
        ("/input_schema/properties/x-hidden", json!({"const": true})),
        (
            "/input_schema/properties/a",
            json!({"default": {"x-hidden": true}, "items": {"x-hidden": false}}),
        ),
    ]);
    assert_eq!(faults(&allowed), []);
}

#[test]
fn nothing_refers_to_a_hidden_input() {
    for target in ["#/properties/h", "#/properties/%68", "#"] {
        let document = with(&[
            (
                "/input_schema/properties/h",
                json!({"const": 1, "x-hidden": true}),
            ),
            (
                "/input_schema/properties/a",
                json!({"items": {"$ref": target}}),
            ),
        ]);
        let found = faults(&document);
        assert_eq!(found.len(), 1, "{target}: {found:#?}");
        assert_eq!(found[0].pointer, "/input_schema/properties/a/items/$ref");
        assert_eq!(found[0].code, "invalid_ref");
    }
}

#[test]
fn limits() {
    refused(&[
        ("/api/timeout", json!(901), "/api/timeout", "out_of_range"),
        ("/api/timeout", json!(0), "/api/timeout", "out_of_range"),
        ("/api/timeout", json!("5"), "/api/timeout", "invalid_type"),
        (
            "/api/timeout_ms",
            json!(900_001),
            "/api/timeout_ms",
            "out_of_range",
        ),
        (
            "/api/timeout_ms",
            json!(1.5),
            "/api/timeout_ms",
            "out_of_range",
        ),
        (
            "/api/connect_timeout_ms",
            json!(-1),
            "/api/connect_timeout_ms",
            "out_of_range",
        ),
        (
            "/api/max_response_bytes",
            json!(10_000_000_000_u64),
            "/api/max_response_bytes",
            "out_of_range",
        ),
        (
            "/api/redirects",
            json!({"follow": 4}),
            "/api/redirects/follow",
            "out_of_range",
        ),
        (
            "/api/allowed_hosts",
            json!(["10.0.0.1"]),
            "/api/allowed_hosts/0",
            "host_not_allowed",
        ),
        (
            "/api/allowed_hosts",
            json!(["*"]),
            "/api/allowed_hosts/0",
            "host_not_allowed",
        ),
        (
            "/api/retry",
            json!({"max": 1}),
            "/api/retry",
            "unknown_field",
        ),
        (
            "/retry",
            json!({"max": 1_000_000_000}),
            "/retry/max",
            "unknown_field",
        ),
        (
            "/retry",
            json!({"max_attempts": 0}),
            "/retry/max_attempts",
            "out_of_range",
        ),
        (
            "/retry",
            json!({"on": ["teapot"]}),
            "/retry/on/0",
            "invalid_value",
        ),
        (
            "/retry",
            json!({"on": [200]}),
            "/retry/on/0",
            "invalid_value",
        ),
        (
            "/retry",
            json!({"backoff_ms": 50, "max_backoff_ms": 5}),
            "/retry/max_backoff_ms",
            "conflict",
        ),
    ]);
    let both = with(&[("/api/timeout", json!(1)), ("/api/timeout_ms", json!(1))]);
    assert_eq!(faults(&both)[0].code, "conflict");
}

#[test]
fn what_is_not_supported_is_never_ignored() {
    refused(&[
        (
            "/body",
            json!({"type": "yaml"}),
            "/body/type",
            "invalid_value",
        ),
        ("/body", json!({"type": "json"}), "/body/type", "conflict"),
        (
            "/response",
            json!({"format": "yaml"}),
            "/response/format",
            "invalid_value",
        ),
        (
            "/output",
            json!({"validation": "stirct"}),
            "/output/validation",
            "invalid_value",
        ),
        (
            "/output",
            json!({"redact": ["a.b"]}),
            "/output/redact/0",
            "invalid_value",
        ),
        (
            "/api/method",
            json!("TRACE"),
            "/api/method",
            "invalid_value",
        ),
        ("/api/method", json!("get"), "/api/method", "invalid_value"),
        ("/api/method", json!(123), "/api/method", "invalid_type"),
        ("/api/method", json!(null), "/api/method", "invalid_type"),
        (
            "/input_schema",
            json!({"type": "array"}),
            "/input_schema/type",
            "invalid_value",
        ),
    ]);
}
