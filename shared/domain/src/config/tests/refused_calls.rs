//! One change to what the example calls, and the fault that it must bring.

use serde_json::json;

use super::{accepted, faults, refused, with};

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
fn values_of_connection_variables() {
    for value in ["", " ", ".", "..", "a\nb", "a\u{202e}", "${KEY}"] {
        for variable in [
            json!(value),
            json!({ "default": value }),
            json!({ "enum": ["eu", value], "default": "eu" }),
        ] {
            let found = faults(&with(&[
                ("/api/path", json!("/{account}")),
                ("/api/connection_vars", json!({ "account": variable })),
            ]));
            assert!(!found.is_empty(), "{variable}");
            let pointer = &found[0].pointer;
            assert!(
                pointer.starts_with("/api/connection_vars/account"),
                "{pointer}"
            );
        }
    }
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
            "/api/auth/placements",
            json!([]),
            "/api/auth/placements",
            "unknown_field",
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
