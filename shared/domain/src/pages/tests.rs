//! Lists in pages, as APIs answer them, and what becomes of them.

mod hostile;

use serde_json::{Value, json};

use super::*;
use crate::config::{self, TemplatePiece, ToolConfig};
use crate::egress::Policy;
use crate::request::Plan;

fn config(pagination: Value) -> ToolConfig {
    let mut document = json!({
        "name": "List things",
        "description": "Lists things.",
        "api": {
            "base_url": "https://api.example.com/v1",
            "path": "/things",
            "method": "GET",
            "params": { "key": "${KEY}", "kind": "all" },
        },
        "input_schema": { "properties": {
            "q": { "type": "string" }, "offset": { "type": "integer" }, "limit": { "type": "integer" },
            "page": { "type": "integer" }, "cursor": { "type": "string" } } },
        "output_schema": {},
        "response": {},
    });
    document["response"]["pagination"] = pagination;
    match config::read(&document, &Policy::default()) {
        Ok(config) => config,
        Err(faults) => panic!("{faults:#?}"),
    }
}

/// One answer: its body, and its header `Link`.
type Page = (Value, Option<&'static str>);

fn page(body: Value) -> Page {
    (body, None)
}

struct Listed {
    answer: Value,
    warnings: Vec<String>,
    /// The queries that were asked with, without what is the same in all.
    asked: Vec<String>,
}

/// Reads these pages, as long as it wants more; the last one repeats.
fn list(pagination: Value, input: Value, pages: &[Page]) -> Result<Listed, Failure> {
    let config = config(pagination);
    let rules = config.response.pagination.as_ref().unwrap();
    let Value::Object(input) = input else {
        panic!("{input}");
    };
    let mut draft = Plan::compile(&config).build(&config, &input).unwrap();
    first(rules, &mut draft);
    let mut state = Pages::begin(rules, &config.api.auth, draft);
    let mut asked = Vec::new();
    for number in 0.. {
        asked.push(shown(state.draft()));
        let (body, link) = &pages[number.min(pages.len() - 1)];
        if !state.take(body.clone(), *link)? {
            break;
        }
    }
    let (answer, warnings) = state.joined();
    Ok(Listed {
        answer,
        warnings,
        asked,
    })
}

fn shown(draft: &Draft) -> String {
    let secret = draft.query.iter().filter(|(name, value)| {
        name == "key" && matches!(value.0.as_slice(), [TemplatePiece::Secret(_)])
    });
    assert_eq!(secret.count(), 1, "the secret stays ours: {draft:?}");
    let pairs = draft
        .query
        .iter()
        .filter(|(name, _)| name != "key" && name != "kind");
    let pairs = pairs.map(|(name, value)| match value.0.as_slice() {
        [TemplatePiece::Text(text)] => format!("{name}={text}"),
        other => panic!("{other:?}"),
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn cursor() -> Value {
    json!({ "type": "cursor", "items_path": "data", "cursor_path": "meta.next" })
}

#[test]
fn a_cursor_leads_from_page_to_page() {
    let pages = [
        page(json!({ "data": [1, 2], "meta": { "next": "b", "total": 5 } })),
        page(json!({ "data": [3], "meta": { "next": 17 } })),
        page(json!({ "data": [4, 5], "meta": { "next": null } })),
    ];
    let listed = list(cursor(), json!({}), &pages).unwrap();
    assert_eq!(
        listed.answer,
        json!({ "data": [1, 2, 3, 4, 5], "meta": { "next": "b", "total": 5 } })
    );
    assert_eq!(listed.asked, ["", "cursor=b", "cursor=17"]);
    assert!(listed.warnings.is_empty(), "{:?}", listed.warnings);
}

#[test]
fn what_names_no_next_page_ends_the_list() {
    for next in [
        json!(null),
        json!(""),
        json!(0),
        json!("0"),
        json!(false),
        json!({}),
    ] {
        let pages = [page(json!({ "data": [1], "meta": { "next": next } }))];
        let listed = list(cursor(), json!({}), &pages).unwrap();
        assert_eq!(
            (listed.asked.len(), listed.warnings.len()),
            (1, 0),
            "{next}"
        );
    }
    let has_more = json!({ "type": "cursor", "items_path": "data", "cursor_path": "$.data[-1].id",
                           "cursor_param": "after", "has_more_path": "more" });
    let pages = [
        page(json!({ "data": [{ "id": "a" }, { "id": "b" }], "more": true })),
        page(json!({ "data": [{ "id": "c" }], "more": false })),
    ];
    let listed = list(has_more, json!({}), &pages).unwrap();
    assert_eq!(listed.asked, ["", "after=b"]);
    assert_eq!(listed.answer["data"].as_array().unwrap().len(), 3);
}

#[test]
fn an_empty_page_in_between_is_passed_and_two_end_the_list() {
    let next = |next: &str, items: Value| page(json!({ "data": items, "meta": { "next": next } }));
    let pages = [
        next("b", json!([])),
        next("c", json!([1])),
        next("", json!([2])),
    ];
    let listed = list(cursor(), json!({}), &pages).unwrap();
    assert_eq!(listed.answer["data"], json!([1, 2]));
    assert_eq!(listed.warnings.len(), 0);
    let pages = [
        next("b", json!([1])),
        next("c", json!([])),
        next("d", json!([])),
    ];
    let listed = list(cursor(), json!({}), &pages).unwrap();
    assert_eq!(
        (listed.asked.len(), listed.answer["data"].clone()),
        (3, json!([1]))
    );
    assert!(listed.warnings[0].contains("two pages in a row were empty"));
}

#[test]
fn a_loop_ends_and_is_told() {
    let pages = [
        page(json!({ "data": [1], "meta": { "next": "b" } })),
        page(json!({ "data": [2], "meta": { "next": "c" } })),
        page(json!({ "data": [3], "meta": { "next": "b" } })),
    ];
    let listed = list(cursor(), json!({}), &pages).unwrap();
    assert_eq!(
        (listed.asked.len(), listed.answer["data"].clone()),
        (3, json!([1, 2, 3]))
    );
    assert!(
        listed.warnings[0].contains("was read before"),
        "{:?}",
        listed.warnings
    );
    // The parameter is not known: the same page comes for ever.
    let listed = list(cursor(), json!({}), &pages[..1]).unwrap();
    assert_eq!(
        (listed.asked.len(), listed.answer["data"].clone()),
        (2, json!([1]))
    );
    assert!(listed.warnings[0].contains("the same as the one before"));
    let offset = json!({ "type": "offset", "items_path": "data" });
    let listed = list(offset, json!({}), &pages[..1]).unwrap();
    assert_eq!(
        (listed.asked.len(), listed.answer["data"].clone()),
        (2, json!([1]))
    );
    assert_eq!(listed.warnings.len(), 1);
}

#[test]
fn links_lead_from_page_to_page() {
    let own = json!({ "type": "link" });
    let pages = [
        (
            json!([1]),
            Some("<https://api.example.com/v1/things?p=2&kind=x>; rel=\"next\""),
        ),
        (json!([2]), Some("<?p=3&key=stolen#x>; rel=next")),
        (json!([3]), Some("</v1/others/?p=4>; rel=next")),
        (
            json!([4]),
            Some("<http://api.example.com/v1/things?p=5>; rel=next"),
        ),
        (json!([5]), Some("</first>; rel=first")),
    ];
    let listed = list(own, json!({ "q": "x" }), &pages).unwrap();
    assert_eq!(listed.answer, json!([1, 2, 3, 4, 5]));
    assert_eq!(listed.asked, ["q=x", "p=2", "p=3", "p=4", "p=5"]);

    let in_body = json!({ "type": "link", "items_path": "data", "next_path": "links.next" });
    let pages = [
        page(json!({ "data": [1], "links": { "next": "/v1/things?p=2" } })),
        page(json!({ "data": [2], "links": { "next": "" } })),
    ];
    let listed = list(in_body, json!({}), &pages).unwrap();
    assert_eq!(listed.asked, ["", "p=2"]);

    // A cursor that is a URL is a link.
    let pages = [
        page(json!({ "data": [1], "meta": { "next": "https://api.example.com/v1/things?p=2" } })),
        page(json!({ "data": [2] })),
    ];
    assert_eq!(
        list(cursor(), json!({}), &pages).unwrap().asked,
        ["", "p=2"]
    );
}

#[test]
fn a_link_leads_nowhere_else() {
    for target in [
        "https://evil.example.com/v1/things",
        "//evil.example.com/v1/things",
        "https://api.example.com:8443/v1/things",
        "http://api.example.com:443/v1/things",
        "https://user@api.example.com/v1/things",
        "https://api.example.com.evil.example/",
        "gopher://api.example.com/",
        "javascript:alert(1)",
        "file:///etc/passwd",
    ] {
        let pages = [page(json!({ "next": target, "data": [1] }))];
        let rules = json!({ "type": "link", "items_path": "data", "next_path": "next" });
        let failure = list(rules, json!({}), &pages).err().unwrap();
        assert_eq!(failure.code, FailureCode::EgressBlocked, "{target}");
        assert_eq!(failure.details["page"], 1);
    }
    for target in [
        "/a//b",
        "/a/%2e%2e%2fb/..%2f",
        "/%00",
        "https://[",
        "/\u{7f}%7f",
    ] {
        let pages = [page(json!({ "next": target, "data": [1] }))];
        let rules = json!({ "type": "link", "items_path": "data", "next_path": "next" });
        match list(rules, json!({}), &pages) {
            Err(failure) => assert_eq!(failure.code, FailureCode::InvalidResponse, "{target}"),
            // What is a name with a slash in it stays one.
            Ok(_) => assert!(target.contains("%2f"), "{target}"),
        }
    }
}

#[test]
fn offsets_and_numbers_count_on() {
    let offset =
        json!({ "type": "offset", "items_path": "data", "limit_param": "limit", "page_size": 2 });
    let pages = [
        page(json!({ "data": [1, 2] })),
        page(json!({ "data": [3, 4] })),
        page(json!({ "data": [5] })),
    ];
    let listed = list(offset.clone(), json!({}), &pages).unwrap();
    assert_eq!(listed.answer, json!({ "data": [1, 2, 3, 4, 5] }));
    assert_eq!(
        listed.asked,
        ["offset=0&limit=2", "offset=2&limit=2", "offset=4&limit=2"]
    );
    // The caller's own beginning and size.
    let pages = [
        page(json!({ "data": [1, 2, 3] })),
        page(json!({ "data": [4] })),
    ];
    let listed = list(offset, json!({ "offset": 40, "limit": 3 }), &pages).unwrap();
    assert_eq!(listed.asked, ["offset=40&limit=3", "offset=43&limit=3"]);

    let numbers = json!({ "type": "page", "items_path": "data" });
    let pages = [
        page(json!({ "data": [1, 2] })),
        page(json!({ "data": [3] })),
        page(json!({ "data": [] })),
    ];
    let listed = list(numbers, json!({}), &pages).unwrap();
    assert_eq!(listed.asked, ["page=1", "page=2", "page=3"]);
    assert_eq!(listed.warnings.len(), 0);
    let from_zero = json!({ "type": "page", "page_param": "p", "start": 0, "page_size": 2 });
    let listed = list(
        from_zero,
        json!({}),
        &[page(json!([1, 2])), page(json!([3]))],
    )
    .unwrap();
    assert_eq!(
        (listed.asked, listed.answer),
        (vec!["p=0".into(), "p=1".into()], json!([1, 2, 3]))
    );
}

#[test]
fn an_empty_page_that_claims_more_is_told() {
    let pages = [
        page(json!({ "data": [1], "more": true })),
        page(json!({ "data": [], "more": true })),
    ];
    for kind in ["offset", "page"] {
        let rules = json!({ "type": kind, "items_path": "data", "has_more_path": "more" });
        let listed = list(rules, json!({}), &pages).unwrap();
        assert_eq!(listed.answer["data"], json!([1]));
        assert_eq!(listed.warnings.len(), 1, "{kind}");
    }
    // Nothing new under the same cursor: that was all.
    let same = [
        page(json!({ "data": [1], "meta": { "next": "b" } })),
        page(json!({ "data": [], "meta": { "next": "b" } })),
    ];
    let listed = list(cursor(), json!({}), &same).unwrap();
    assert_eq!((listed.asked.len(), listed.warnings.len()), (2, 0));
}

#[test]
fn limits_are_told() {
    let endless = |rules: Value| {
        let mut rules = rules;
        rules["type"] = json!("page");
        rules["items_path"] = json!("data");
        let pages: Vec<Page> = (0..200).map(|n| page(json!({ "data": [n, n] }))).collect();
        list(rules, json!({}), &pages).unwrap()
    };
    let listed = endless(json!({}));
    assert_eq!(listed.asked.len(), 10);
    assert!(
        listed.warnings[0].starts_with("Stopped after 10 pages with 20 items"),
        "{:?}",
        listed.warnings
    );
    assert_eq!(endless(json!({ "max_pages": 1 })).asked.len(), 1);
    let listed = endless(json!({ "max_items": 5 }));
    assert_eq!(listed.asked.len(), 3);
    assert_eq!(listed.answer["data"], json!([0, 0, 1, 1, 2]));
    assert!(listed.warnings[0].contains("max_items is 5"));
    // Exactly as many as there are: nothing is left out.
    let pages = [page(json!({ "data": [1, 2] })), page(json!({ "data": [] }))];
    let rules = json!({ "type": "page", "items_path": "data", "page_size": 3, "max_items": 2 });
    let listed = list(rules, json!({}), &pages).unwrap();
    assert_eq!(listed.warnings, Vec::<String>::new());
}

#[test]
fn items_that_are_not_there_are_told() {
    let pages = [page(json!({ "dat": [1], "meta": { "next": null } }))];
    let listed = list(cursor(), json!({}), &pages).unwrap();
    assert_eq!(listed.answer, pages[0].0);
    assert!(
        listed.warnings[0].contains("nearest key: \"dat\""),
        "{:?}",
        listed.warnings
    );
    let pages = [
        page(json!({ "dat": [1], "meta": { "next": "b" } })),
        page(json!({ "dat": [2], "meta": { "next": "c" } })),
    ];
    let failure = list(cursor(), json!({}), &pages).err().unwrap();
    assert_eq!(failure.code, FailureCode::MappingFailed);
    for odd in [
        json!({ "data": "x" }),
        json!({ "data": { "a": 1 } }),
        json!({ "data": 7 }),
    ] {
        let failure = list(cursor(), json!({}), &[page(odd)]).err().unwrap();
        assert_eq!(failure.code, FailureCode::MappingFailed);
    }
    let odd = json!({ "data": [1], "meta": { "next": { "a": 1 } } });
    let failure = list(cursor(), json!({}), &[page(odd)]).err().unwrap();
    assert!(
        failure.hint.contains("\"in\": \"body\""),
        "{}",
        failure.hint
    );
}

#[test]
fn parameters_can_stand_in_the_body() {
    let document = json!({
        "name": "Search", "description": "Searches.",
        "api": { "base_url": "https://api.example.com", "method": "POST" },
        "annotations": { "read_only": true },
        "input_schema": { "properties": { "q": { "type": "string" } } },
        "output_schema": {},
        "response": { "pagination": {
            "type": "cursor", "in": "body", "items_path": "hits", "cursor_path": "last",
            "cursor_param": "page.after", "limit_param": "/page/size", "page_size": 50 } },
    });
    let config = config::read(&document, &Policy::default()).unwrap();
    let rules = config.response.pagination.as_ref().unwrap();
    let input = json!({ "q": "x" });
    let mut draft = Plan::compile(&config)
        .build(&config, input.as_object().unwrap())
        .unwrap();
    first(rules, &mut draft);
    let mut pages = Pages::begin(rules, &config.api.auth, draft);
    let more = pages.take(json!({ "hits": [1], "last": [17, "a"] }), None);
    assert_eq!(more, Ok(true));
    assert_eq!(
        pages.draft().body_json(),
        Some(&json!({ "q": "x", "page": { "size": 50, "after": [17, "a"] } }))
    );
}
