//! Tables and properties of paths.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Path;

fn find(path: &str, value: &Value) -> Option<Value> {
    Path::parse(path)
        .unwrap()
        .find(value)
        .unwrap()
        .map(std::borrow::Cow::into_owned)
}

#[test]
fn finds_by_every_notation() {
    let quote = json!({
        "Global Quote": { "05. price": "185.2000", "10. change percent": "0.7946%" },
        "a.b": { "c": 1 },
        "a": { "b": { "c": 2, "d": 3 }, "b.d": null },
        "items": [{ "name": "x", "tags": ["p", "q"] }, { "name": "y" }],
        "$id": "dollar", "/slash": "literal", "m~n": { "o/p": true }, "": { "": 7 }
    });
    for (path, found) in [
        ("Global Quote.05. price", json!("185.2000")),
        ("Global Quote", quote["Global Quote"].clone()),
        ("/Global Quote/05. price", json!("185.2000")),
        ("$['Global Quote']['05. price']", json!("185.2000")),
        ("a.b.c", json!(1)),
        ("a.b.d", json!(null)),
        ("a.b", json!({ "c": 1 })),
        ("items.0.name", json!("x")),
        ("items[1].name", json!("y")),
        ("items.0.tags.1", json!("q")),
        ("items[0].tags[1]", json!("q")),
        ("$id", json!("dollar")),
        ("/slash", json!("literal")),
        ("/m~0n/o~1p", json!(true)),
        ("m~n.o/p", json!(true)),
        (".", json!(7)),
        ("//", json!(7)),
        ("/items/1/name", json!("y")),
        ("$.items[1].name", json!("y")),
        ("$.items[-1].name", json!("y")),
        ("$.items[*].name", json!(["x", "y"])),
        ("$..name", json!(["x", "y"])),
        ("$.items[?@.name == 'y'].name", json!(["y"])),
        ("$.none[*]", json!([])),
        ("$", quote.clone()),
    ] {
        assert_eq!(find(path, &quote), Some(found), "{path}");
    }
    for path in [
        "items.00.name",
        "items.2",
        "items.-1",
        "nope",
        "a.b.x",
        "/items/01",
        "$.nope",
        "items[x]",
    ] {
        assert_eq!(find(path, &quote), None, "{path}");
    }
    assert_eq!(find("0.name", &json!([{ "name": 1 }])), Some(json!(1)));
    assert_eq!(find("[0].name", &json!([{ "name": 1 }])), Some(json!(1)));
    assert_eq!(find("name", &json!("scalar")), None);
}

#[test]
fn goes_back_when_the_longest_key_leads_nowhere() {
    let value = json!({ "a.b": { "x": 1 }, "a": { "b": { "c": 2 } } });
    assert_eq!(find("a.b.c", &value), Some(json!(2)));
}

#[test]
fn refuses_what_is_broken_or_ruinous() {
    let deep = format!("$[?{}@.a{}]", "(".repeat(17), ")".repeat(17));
    let long = "a".repeat(513);
    let doubling = format!("${}", "[0,0]".repeat(7));
    for path in [
        "",
        &long,
        &deep,
        &doubling,
        "$.[",
        "$.a[",
        "$.a]",
        "$.a['x",
        "/a~2b",
        "/a~",
        "$..a..b",
        "$[?match(@.a, 'x{9}')]",
        "$[?search(@.a, 'x')]",
        "$[?count($[*]) > 1]",
        "$[?$..a]",
        "$..[?@[?@.a]]",
    ] {
        assert!(Path::parse(path).is_err(), "{path}");
    }
    for path in [
        "$.a[?@.b == $.c]",
        "$['match(']",
        "$.a[0,1,2]",
        "$[?(@.a > 1 && @.b < 2)].c",
    ] {
        assert!(Path::parse(path).is_ok(), "{path}");
    }
}

#[test]
fn names_the_nearest_key() {
    let quote = json!({
        "Global Quote": { "01. symbol": "IBM", "05. price": "185.2000" },
        "items": [{ "name": "x", "price": { "amount": 1 } }]
    });
    for (path, nearest) in [
        ("Global Quote.06. price", Some("Global Quote.05. price")),
        ("Global quote.05. price", Some("Global Quote")),
        ("05. price", Some("Global Quote.05. price")),
        ("items.nam", Some("items.0.name")),
        ("items.name", Some("items.0.name")),
        ("items.price.amount", Some("items.0.price.amount")),
        ("items[0].amount", Some("items.0.price.amount")),
        ("/Global Quote/05. prize", Some("/Global Quote/05. price")),
        (
            "$['Global Quote'].symbol",
            Some("$['Global Quote']['01. symbol']"),
        ),
        ("$.items[0].nme", Some("$.items[0].name")),
        ("Global Quote.05. price.deeper", None),
    ] {
        let found = Path::parse(path).unwrap().nearest(&quote);
        assert_eq!(found.as_deref(), nearest, "{path}");
    }
    let limited = json!({ "Information": "our standard API rate limit is 25 requests per day" });
    let nearest = Path::parse("Global Quote.05. price")
        .unwrap()
        .nearest(&limited);
    assert_eq!(nearest.as_deref(), Some("Information"));
}

/// JSON whose keys are made of the characters that paths give a meaning to.
fn tricky_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from)];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[ab.0/~$\\[]{0,4}", inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_a_path_or_refused(text in "\\PC{0,40}", value in tricky_json()) {
        if let Ok(path) = Path::parse(&text) {
            let _ = path.find(&value);
            let _ = path.nearest(&value);
        }
    }

    #[test]
    fn any_text_of_path_characters_is_a_path_or_refused(
        text in "[$.\\[\\]()?@*'\",:0-2ab<=!&|/~-]{0,24}",
        value in tricky_json(),
    ) {
        if let Ok(path) = Path::parse(&text) {
            let _ = path.find(&value);
            let _ = path.nearest(&value);
        }
    }

    #[test]
    fn every_member_is_found_by_its_literal_key(value in tricky_json()) {
        for (key, member) in value.as_object().into_iter().flatten() {
            if let Ok(path) = Path::parse(key) {
                let found = path.find(&value).unwrap();
                prop_assert_eq!(found.as_deref(), Some(member));
            }
        }
    }

    #[test]
    fn the_nearest_path_leads_somewhere(text in "[ab.]{1,8}", value in tricky_json()) {
        let path = Path::parse(&text).unwrap();
        if path.find(&value) == Ok(None)
            && let Some(nearest) = path.nearest(&value)
            && let Ok(nearest) = Path::parse(&nearest)
        {
            prop_assert!(nearest.find(&value) != Ok(None) || nearest.as_str().contains(['[', '$', '/']));
        }
    }
}
