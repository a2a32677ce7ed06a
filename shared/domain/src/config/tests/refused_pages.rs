//! What `response.pagination` and `output.max_tokens` may say, and what they may not.

use serde_json::{Value, json};

use super::{accepted, faults, with};
use crate::config::{PageKind, PageTarget, ResponsePath};

/// The faults of this pagination: where (below it) and which.
fn wrong(pagination: &Value) -> Vec<(String, &'static str)> {
    let document = with(&[("/response", json!({ "pagination": pagination }))]);
    let faults = faults(&document).into_iter().map(|fault| {
        let at = fault.pointer.strip_prefix("/response/pagination");
        (at.unwrap_or(&fault.pointer).to_owned(), fault.code)
    });
    faults.collect()
}

fn cursor(name: &str, value: Value) -> Value {
    let mut pagination = json!({ "type": "cursor", "items_path": "data", "cursor_path": "next" });
    pagination[name] = value;
    pagination
}

#[test]
fn every_kind_is_read_with_its_defaults() {
    let read = |pagination: Value| {
        let config = accepted(&with(&[("/response", json!({ "pagination": pagination }))]));
        config.response.pagination.unwrap()
    };
    let query = |name: &str| PageTarget::Query(name.to_owned());
    let path = |path: &str| ResponsePath(path.to_owned());
    let by_cursor = read(cursor("has_more_path", json!("more")));
    assert_eq!((by_cursor.max_pages, by_cursor.max_items), (10, None));
    assert_eq!(by_cursor.items_path, Some(path("data")));
    let kind = PageKind::Cursor {
        path: path("next"),
        to: query("cursor"),
    };
    assert_eq!(
        (by_cursor.kind, by_cursor.has_more_path),
        (kind, Some(path("more")))
    );
    assert_eq!(
        read(json!({ "type": "link" })).kind,
        PageKind::Link { path: None }
    );
    let kind = read(json!({ "type": "offset" })).kind;
    assert_eq!(
        kind,
        PageKind::Offset {
            to: query("offset"),
            start: 0
        }
    );
    let kind = read(json!({ "type": "page", "page_param": "p" })).kind;
    assert_eq!(
        kind,
        PageKind::Page {
            to: query("p"),
            start: 1
        }
    );
}

#[test]
fn wrong_pagination_is_told_where_it_is_wrong() {
    for (pagination, at, code) in [
        (json!(true), "", "invalid_type"),
        (json!({}), "/type", "required"),
        (json!({ "type": "cursr" }), "/type", "invalid_value"),
        (json!({ "type": "cursor" }), "/cursor_path", "required"),
        (
            cursor("cursor_path", json!(7)),
            "/cursor_path",
            "invalid_type",
        ),
        (
            cursor("items_path", json!("$.a[*]")),
            "/items_path",
            "invalid_path",
        ),
        (
            cursor("items_path", json!("$[")),
            "/items_path",
            "invalid_path",
        ),
        (cursor("next_path", json!("a")), "/next_path", "conflict"),
        (cursor("start", json!(1)), "/start", "conflict"),
        (
            cursor("cursor_pth", json!("a")),
            "/cursor_pth",
            "unknown_field",
        ),
        (
            cursor("cursor_param", json!("apikey")),
            "/cursor_param",
            "conflict",
        ),
        (
            cursor("cursor_param", json!("${KEY}")),
            "/cursor_param",
            "secret_not_allowed",
        ),
        (
            cursor("cursor_param", json!("")),
            "/cursor_param",
            "invalid_length",
        ),
        (cursor("in", json!("body")), "/in", "conflict"),
        (cursor("in", json!("header")), "/in", "invalid_value"),
        (
            cursor("limit_param", json!("limit")),
            "/page_size",
            "required",
        ),
        (cursor("page_size", json!(0)), "/page_size", "out_of_range"),
        (cursor("max_pages", json!(0)), "/max_pages", "out_of_range"),
        (
            cursor("max_pages", json!(101)),
            "/max_pages",
            "out_of_range",
        ),
        (
            cursor("max_items", json!("5")),
            "/max_items",
            "invalid_type",
        ),
    ] {
        assert_eq!(wrong(&pagination), [(at.to_owned(), code)], "{pagination}");
    }
}

#[test]
fn only_calls_that_read_have_pages() {
    let with_method = |method: &str, annotations: Value| {
        let mut document = with(&[
            ("/api/method", json!(method)),
            ("/annotations", annotations),
            ("/response", json!({ "pagination": { "type": "link" } })),
        ]);
        document["mapping"] = json!({ "response_to_output": {} });
        faults(&document)
    };
    let at = |faults: Vec<crate::fault::Fault>| {
        faults
            .iter()
            .any(|fault| fault.pointer == "/response/pagination" && fault.code == "conflict")
    };
    for method in ["POST", "PUT", "PATCH", "DELETE", "HEAD"] {
        assert!(at(with_method(method, json!({}))), "{method}");
    }
    assert_eq!(with_method("POST", json!({ "read_only": true })), []);
    assert_eq!(with_method("POST", json!({ "idempotent": true })), []);
    let text = with(&[(
        "/response",
        json!({ "format": "text", "pagination": { "type": "link" } }),
    )]);
    assert!(at(faults(&text)));
}

#[test]
fn max_tokens_is_a_positive_number() {
    let config = accepted(&with(&[("/output", json!({ "max_tokens": 500 }))]));
    assert_eq!(config.output.max_tokens, Some(500));
    for wrong in [
        json!(0),
        json!(-1),
        json!(1.5),
        json!("500"),
        json!(2_000_000),
    ] {
        let document = with(&[("/output", json!({ "max_tokens": wrong }))]);
        assert_eq!(
            faults(&document)[0].pointer,
            "/output/max_tokens",
            "{wrong}"
        );
    }
}
