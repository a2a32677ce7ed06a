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
