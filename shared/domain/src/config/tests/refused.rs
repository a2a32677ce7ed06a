//! One change to the example, and the fault that it must bring.

use serde_json::{Value, json};

use super::{accepted, faults, with};

fn refused(cases: &[(&str, Value, &str, &str)]) {
    for (change, value, pointer, code) in cases {
        let found = faults(&with(&[(change, value.clone())]));
        let hit = found
            .iter()
            .any(|fault| fault.pointer == *pointer && fault.code == *code);
        assert!(hit, "{change} = {value}: {found:#?}");
    }
}

#[test]
fn names_and_texts() {
    let long = "a".repeat(1025);
    refused(&[
        ("/name", json!(5), "/name", "invalid_type"),
        ("/name", json!(""), "/name", "invalid_length"),
        ("/name", json!("tools/list"), "/name", "invalid_character"),
        (
            "/name",
            json!("x'; drop table tools;--"),
            "/name",
            "invalid_character",
        ),
        (
            "/name",
            json!("a\u{202e}txt.exe"),
            "/name",
            "invalid_character",
        ),
        ("/name", json!("saved"), "/name", "reserved_id"),
        ("/name", json!("日本"), "/name", "reserved_id"),
        ("/name", json!(" a"), "/name", "invalid_value"),
        ("/id", json!("Upper"), "/id", "invalid_value"),
        ("/id", json!("import"), "/id", "reserved_id"),
        ("/id", json!(7), "/id", "invalid_type"),
        (
            "/description",
            json!(long),
            "/description",
            "invalid_length",
        ),
        (
            "/description",
            json!("  "),
            "/description",
            "invalid_length",
        ),
        (
            "/description",
            json!("\u{1b}[2Jhidden"),
            "/description",
            "invalid_character",
        ),
        (
            "/description",
            json!("Weather\u{e0049}"),
            "/description",
            "invalid_character",
        ),
        (
            "/description",
            json!("uses ${API_KEY}"),
            "/description",
            "secret_not_allowed",
        ),
        ("/title", json!("a".repeat(129)), "/title", "invalid_length"),
        ("/tags", json!("a"), "/tags", "invalid_type"),
        ("/tags", json!(["a", "a"]), "/tags/1", "conflict"),
        ("/enabled", json!("yes"), "/enabled", "invalid_type"),
        ("/metadata", json!([]), "/metadata", "invalid_type"),
        (
            "/annotations",
            json!({"readOnlyHint": true}),
            "/annotations/readOnlyHint",
            "unknown_field",
        ),
        (
            "/annotations",
            json!({"read_only": true, "destructive": true}),
            "/annotations/destructive",
            "conflict",
        ),
        ("/mock", json!({"output": 1}), "/mock/enabled", "required"),
        (
            "/tests",
            json!([{"inptu": {}}]),
            "/tests/0/inptu",
            "unknown_field",
        ),
    ]);
    accepted(&with(&[("/name", json!("Bob's C# tool (50 %)"))]));
    accepted(&with(&[("/name", json!("日本")), ("/id", json!("nihon"))]));
    accepted(&with(&[(
        "/description",
        json!("<img src=x onerror=alert(1)>"),
    )]));
}

#[test]
fn base_urls() {
    for url in [
        "",
        "api.example.com",
        "//api.example.com",
        "https://",
        "https:///x",
        "https://api.example.com:443",
        "https://api.example.com:-1",
        "https://api.example.com:+443",
        "https://api.example.com:99999",
        "https://api.example.com:0443",
        "https://API.example.com",
        "https://api.example.com/a/../b",
        "https://api.example.com/a//b",
        "https://api.example.com/%2e%2e/",
        "https://api.example.com/?",
        "https://api.example.com/#",
        "https://api.example.com.",
        "https://api.example.com:8080",
        "http://api.example.com",
        "ftp://api.example.com",
        "https://user@api.example.com",
        "https://münchen.de",
        "https://xn--a.com",
        "https://a b.com",
        "https://api.example.com/${KEY}",
        "https://{region}.example.com",
        "https://api.{{input.tenant}}.example.com",
        "https://api.example.com\\@10.0.0.1",
        "https://10.0.0.1",
        "https://8.8.8.8",
        "https://[::1",
        "https://api.example.com/a b",
    ] {
        refused(&[(
            "/api/base_url",
            json!(url),
            "/api/base_url",
            match url {
                "https://api.example.com."
                | "https://api.example.com:8080"
                | "http://api.example.com"
                | "https://10.0.0.1"
                | "https://8.8.8.8" => "host_not_allowed",
                "https://{region}.example.com" => "unknown_placeholder",
                "https://api.example.com/a//b"
                | "https://api.example.com/a/../b"
                | "https://api.example.com/%2e%2e/" => "invalid_path",
                _ => "invalid_base_url",
            },
        )]);
    }
    for vars in [
        json!({"region": "eu"}),
        json!({"region": {"default": "eu"}}),
        json!({"region": {"enum": ["eu", "evil.internal/"]}}),
        json!({"region": {"pattern": ".*", "default": "evil.com/x?"}}),
    ] {
        let found = faults(&with(&[
            ("/api/base_url", json!("https://{region}.example.com")),
            ("/api/connection_vars", vars.clone()),
        ]));
        assert!(!found.is_empty(), "{vars}");
    }
    let found = faults(&with(&[(
        "/api/base_url",
        json!("https://API.Example.com/v1"),
    )]));
    assert_eq!(
        found[0].hint.as_deref(),
        Some("write \"https://api.example.com/v1\"")
    );
}

#[test]
fn paths() {
    for path in [
        "//evil.example/x",
        "/\\evil.example/x",
        "https://evil.example/x",
        "@evil.example/x",
        ":8443/x",
        "/a?x=1",
        "/a#b",
        "/a\u{0}",
        "/a\tb",
        "/..",
        "/a/../b",
        "/a/./b",
        "/%2e%2e/a",
        "/..;/a",
        "/a//b",
        "/a//",
        "/{",
        "/}",
        "/{}",
        "/{a{b}}",
        "/{{symbol}}",
        "/%zz",
        "/%ff",
        "/%00",
        "/a%5Cb",
    ] {
        refused(&[("/api/path", json!(path), "/api/path", "invalid_path")]);
    }
    refused(&[
        (
            "/api/path",
            json!("/users/{nope}"),
            "/api/path",
            "unknown_placeholder",
        ),
        (
            "/api/path",
            json!(format!("/{}", "a".repeat(10_240))),
            "/api/path",
            "invalid_length",
        ),
        (
            "/api/path",
            json!("/${API_KEY}"),
            "/api/path",
            "secret_not_allowed",
        ),
        ("/api/path", json!(1), "/api/path", "invalid_type"),
    ]);
    let found = faults(&with(&[("/api/path", json!("/x/{symbl}"))]));
    assert_eq!(found[0].hint.as_deref(), Some("did you mean \"{symbol}\"?"));
}

#[test]
fn headers_and_params() {
    for header in [
        "Host",
        "connection",
        "Upgrade",
        "TE",
        "Trailer",
        "Proxy-Connection",
        "Proxy-Authorization",
        "Expect",
        "Keep-Alive",
        "X-Forwarded-For",
        "Forwarded",
        "Via",
        "X-Amz-Security-Token",
        "X-Amzn-Trace-Id",
        "Accept-Encoding",
        "Content-Length",
        "Transfer-Encoding",
        "X-aws-ec2-metadata-token",
        "Metadata-Flavor",
    ] {
        let pointer = format!("/api/headers/{header}");
        refused(&[(
            pointer.as_str(),
            json!("x"),
            pointer.as_str(),
            "header_not_allowed",
        )]);
    }
    refused(&[
        (
            "/api/headers",
            json!({"": "a"}),
            "/api/headers/",
            "invalid_header",
        ),
        (
            "/api/headers",
            json!({"X-é": "a"}),
            "/api/headers/X-é",
            "invalid_header",
        ),
        (
            "/api/headers",
            json!({"X A": "a"}),
            "/api/headers/X A",
            "invalid_header",
        ),
        (
            "/api/headers",
            json!({"X-A": "a\r\nHost: b"}),
            "/api/headers/X-A",
            "invalid_header",
        ),
        (
            "/api/headers",
            json!({"X-A": " a"}),
            "/api/headers/X-A",
            "invalid_header",
        ),
        (
            "/api/headers",
            json!({"X-A": "a".repeat(65_536)}),
            "/api/headers/X-A",
            "invalid_length",
        ),
        (
            "/api/headers",
            json!({"X-A": null}),
            "/api/headers/X-A",
            "invalid_type",
        ),
        (
            "/api/headers",
            json!({"X-A": "1", "x-a": "2"}),
            "/api/headers/x-a",
            "conflict",
        ),
        (
            "/api/headers",
            json!({"X-A": "${api_key}"}),
            "/api/headers/X-A",
            "invalid_secret_ref",
        ),
        (
            "/api/headers",
            json!({"X-A": "${API"}),
            "/api/headers/X-A",
            "invalid_secret_ref",
        ),
        (
            "/api/headers",
            json!({"Authorization": "Basic dTpw"}),
            "/api/headers/Authorization",
            "literal_secret",
        ),
        (
            "/api/params",
            json!({"a": {}}),
            "/api/params/a",
            "invalid_type",
        ),
        (
            "/api/params",
            json!({"apikey": "x"}),
            "/api/params/apikey",
            "conflict",
        ),
    ]);
}

#[test]
fn auth() {
    refused(&[
        ("/api/auth", json!(null), "/api/auth", "invalid_type"),
        ("/api/auth", json!({}), "/api/auth/method", "required"),
        (
            "/api/auth/method",
            json!("api_key"),
            "/api/auth/method",
            "invalid_value",
        ),
        (
            "/api/auth/method",
            json!("aws_sigv4"),
            "/api/auth/method",
            "unsupported",
        ),
        (
            "/api/auth/method",
            json!("oauth2_client_credentials"),
            "/api/auth/method",
            "unsupported",
        ),
        (
            "/api/auth/placements",
            json!([]),
            "/api/auth/placements",
            "unsupported",
        ),
        (
            "/api/auth/secret_ref",
            json!("API_KEY"),
            "/api/auth/secret_ref",
            "literal_secret",
        ),
        (
            "/api/auth/secret_ref",
            json!("arn:aws:secretsmanager:x"),
            "/api/auth/secret_ref",
            "invalid_secret_ref",
        ),
        (
            "/api/auth/secret_ref",
            json!("${other/KEY}"),
            "/api/auth/secret_ref",
            "invalid_secret_ref",
        ),
        (
            "/api/auth/secret_ref",
            json!("${env:PATH}"),
            "/api/auth/secret_ref",
            "invalid_secret_ref",
        ),
        (
            "/api/auth/secret_ref",
            json!({}),
            "/api/auth/secret_ref",
            "invalid_type",
        ),
        (
            "/api/auth",
            json!({"method": "bearer"}),
            "/api/auth/secret_ref",
            "required",
        ),
        (
            "/api/auth",
            json!({"method": "none", "secret_ref": "${A}"}),
            "/api/auth/secret_ref",
            "unknown_field",
        ),
        (
            "/api/auth",
            json!({"method": "basic", "username_ref": "me"}),
            "/api/auth/username_ref",
            "literal_secret",
        ),
        (
            "/api/auth",
            json!({"method": "basic", "username_ref": "me", "password_ref": "pw"}),
            "/api/auth/password_ref",
            "literal_secret",
        ),
        (
            "/api/auth",
            json!({"method": "api_key_header", "key_name": "Host", "secret_ref": "${A}"}),
            "/api/auth/key_name",
            "header_not_allowed",
        ),
        (
            "/api/auth",
            json!({"method": "api_key_header", "key_name": "X\r\nY", "secret_ref": "${A}"}),
            "/api/auth/key_name",
            "invalid_header",
        ),
    ]);
    let found = faults(&with(&[("/auth", json!({}))]));
    assert_eq!(found[0].hint.as_deref(), Some("it belongs into \"api\""));
}

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
        ("/idempotency", json!({}), "/idempotency", "unsupported"),
        ("/cache", json!({"ttl_s": 5}), "/cache", "unsupported"),
        ("/limits", json!({}), "/limits", "unsupported"),
        (
            "/body",
            json!({"type": "form"}),
            "/body/type",
            "unsupported",
        ),
        (
            "/body",
            json!({"type": "yaml"}),
            "/body/type",
            "invalid_value",
        ),
        (
            "/body",
            json!({"template": {}}),
            "/body/template",
            "unsupported",
        ),
        (
            "/body",
            json!({"graphql": {}}),
            "/body/graphql",
            "unsupported",
        ),
        ("/body", json!({"type": "json"}), "/body/type", "conflict"),
        (
            "/response",
            json!({"format": "xml"}),
            "/response/format",
            "unsupported",
        ),
        (
            "/response",
            json!({"success_when": "a"}),
            "/response/success_when",
            "unsupported",
        ),
        (
            "/response",
            json!({"errors": []}),
            "/response/errors",
            "unsupported",
        ),
        (
            "/response",
            json!({"pagination": {}}),
            "/response/pagination",
            "unsupported",
        ),
        (
            "/output",
            json!({"max_tokens": 5}),
            "/output/max_tokens",
            "unsupported",
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
