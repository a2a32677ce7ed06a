//! Answers, cursors and links that are made to lead elsewhere, or to take too much.

use proptest::prelude::*;
use serde_json::Map;

use super::*;
use crate::pages::{follow, link};

#[test]
fn pages_that_would_take_too_much_memory_together_are_not_joined() {
    let large = |text: &str| page(json!({ "data": [text.repeat(40_000_000)] }));
    let by_page = json!({ "type": "page", "items_path": "data" });
    let listed = list(by_page, json!({}), &[large("a"), large("b"), large("c")]).unwrap();
    assert_eq!(listed.answer["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed.asked.len(), 2);
    let warning = listed.warnings.concat();
    assert!(
        warning.starts_with("Stopped after 1 page with 1 items, because with the next"),
        "{warning}"
    );
}

#[test]
fn a_cursor_that_is_no_cursor_is_not_sent() {
    let by_cursor = json!({ "type": "cursor", "items_path": "data", "cursor_path": "next" });
    for (length, sent) in [(8 * 1024, true), (8 * 1024 + 1, false)] {
        let pages = [
            page(json!({ "data": [1], "next": "c".repeat(length) })),
            page(json!({ "data": [2] })),
        ];
        let listed = list(by_cursor.clone(), json!({}), &pages);
        assert_eq!(listed.is_ok(), sent);
        if let Err(failure) = listed {
            assert_eq!(failure.code, FailureCode::InvalidResponse);
        }
    }
}

/// A call with this credential in its query.
fn of_credential(auth: &Value) -> (Auth, Draft) {
    let document = json!({
        "name": "List", "description": "Lists.",
        "api": { "base_url": "https://api.example.com:8443/v1", "path": "/things", "method": "GET", "auth": auth },
        "input_schema": {}, "output_schema": {},
    });
    let config = config::read(&document, &Policy::default()).unwrap();
    let draft = Plan::compile(&config).build(&config, &Map::new()).unwrap();
    (config.api.auth, draft)
}

#[test]
fn nothing_that_a_credential_takes_comes_from_a_link() {
    let token = json!({ "method": "oauth2_client_credentials", "in": "query", "key_name": "access_token",
        "oauth2": { "token_url": "https://id.example.com/token", "client_id": "abc", "client_secret_ref": "${SECRET}" } });
    let hmac = json!({ "method": "hmac", "secret_ref": "${KEY}", "in": "query", "key_name": "sig",
        "hmac": { "message": ["method", "timestamp"], "timestamp": { "param": "ts" } } });
    for (auth, names) in [(token, vec!["access_token"]), (hmac, vec!["sig", "ts"])] {
        let (auth, draft) = of_credential(&auth);
        let own: Vec<String> = config::query_parameters(&auth).map(str::to_owned).collect();
        assert_eq!(own, names);
        let link = format!("?page=2&{}=evil", names.join("=evil&"));
        let next = follow::follow(&draft, &link, &own).unwrap();
        assert!(!format!("{next:?}").contains("evil"), "{next:?}");
        assert!(format!("{next:?}").contains("page"), "{next:?}");
    }
}

proptest! {
    #[test]
    fn a_link_never_leads_elsewhere(
        target in "((https?:)?[/\\\\]{0,3}([a-z@:.%2e]{0,9}api\\.example\\.com(:[0-9]{0,5})?)?[/?#;.%2efFa-z\\\\@:=&]{0,20})|\\PC{0,30}"
    ) {
        let (auth, draft) = of_credential(&json!({ "method": "api_key_query", "secret_ref": "${KEY}" }));
        let own: Vec<String> = config::query_parameters(&auth).map(str::to_owned).collect();
        if let Ok(next) = follow::follow(&draft, &target, &own) {
            let origin = |draft: &Draft| (draft.scheme, draft.host.clone(), draft.port, draft.method);
            prop_assert_eq!(origin(&next), origin(&draft));
            prop_assert_eq!(next.secrets().count(), 1);
            prop_assert!(!next.segments.iter().any(crate::request::Segment::leads_elsewhere));
            prop_assert_eq!(next.query.iter().filter(|(name, _)| name == "apikey").count(), 1);
        }
    }

    #[test]
    fn any_header_is_read_to_its_end(header in "[<>;,=\"\\\\ a-z/]{0,60}", rel in "next|prev") {
        let _ = link::next(&header);
        let appended = format!("{},</2>; rel={rel}", header.replace(['<', '"'], ""));
        let found = link::next(&appended);
        prop_assert_eq!(found, (rel == "next").then_some("/2"));
    }
}
