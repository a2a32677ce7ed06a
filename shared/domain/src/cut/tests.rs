//! What stays and what goes, by example and by rule.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::rest::{Cursor, part};
use crate::schema::Compiled;
use crate::tokens::estimate;

fn cut_by(output: &Value, max_tokens: u32, schema: &Value) -> Option<Cut> {
    let compiled = Compiled::new(schema).unwrap();
    cut(output, max_tokens, schema, &|value| {
        compiled.is_valid(value)
    })
}

/// Puts everything back, read in pieces of so many tokens.
fn whole_again(cut: &Cut, piece: u32) -> Value {
    let mut whole = cut.output.clone();
    let mut cursor = Some(Cursor::begin(uuid::Uuid::nil()));
    while let Some(at) = cursor {
        let found = part(&cut.rests, at, piece).unwrap();
        match (whole.pointer_mut(&found.at).unwrap(), found.part) {
            (Value::Array(items), Value::Array(more)) => {
                assert_eq!(items.len() as u64, found.from);
                items.extend(more);
            }
            (Value::String(text), Value::String(more)) => {
                assert_eq!(text.chars().count() as u64, found.from);
                text.push_str(&more);
            }
            (Value::Object(members), Value::Object(more)) => members.extend(more),
            (found, part) => panic!("{found} and {part}"),
        }
        cursor = found.next;
    }
    whole
}

#[test]
fn what_is_small_enough_is_not_cut() {
    let output = json!({ "rows": [1, 2, 3] });
    assert_eq!(cut_by(&output, 100, &json!({})), None);
}

#[test]
fn the_largest_array_is_shortened_first() {
    let output = json!({
        "title": "A list of many things",
        "few": [1, 2, 3],
        "many": vec![json!({ "id": 1, "name": "something" }); 100],
    });
    let cut = cut_by(&output, 100, &json!({})).unwrap();
    assert_eq!((cut.rests.len(), cut.rests[0].at.as_str()), (1, "/many"));
    assert_eq!(cut.output["few"], json!([1, 2, 3]));
    assert_eq!(cut.output["title"], output["title"]);
    let kept = cut.output["many"].as_array().unwrap().len();
    assert!(kept > 3, "{kept}");
    assert!(cut.kept <= 100 && cut.total == estimate(&output), "{cut:?}");
    assert_eq!(whole_again(&cut, 40), output);
}

#[test]
fn texts_are_cut_when_arrays_are_not_enough() {
    let output = json!({ "text": "word ".repeat(1000), "short": "abc", "rows": [1, 2, 3, 4] });
    let cut = cut_by(&output, 300, &json!({})).unwrap();
    assert_eq!(cut.output["short"], "abc");
    assert!(cut.rests.iter().any(|rest| rest.at == "/text"));
    assert!(cut.kept <= 300);
    assert_eq!(whole_again(&cut, 100), output);
    // A character is never divided.
    let output = json!("日本語のテキスト".repeat(100));
    let cut = cut_by(&output, 101, &json!({ "type": "string" })).unwrap();
    assert!(
        output
            .as_str()
            .unwrap()
            .starts_with(cut.output.as_str().unwrap())
    );
    assert_eq!(whole_again(&cut, 7), output);
}

#[test]
fn what_the_schema_demands_stays() {
    let long = "x".repeat(2000);
    let schema = json!({ "properties": {
        "rows": { "type": "array", "minItems": 5 },
        "pair": { "type": "array", "prefixItems": [{ "type": "string" }, { "type": "string" }] },
        "id": { "type": "string", "pattern": "^x+$" },
        "kind": { "enum": [long] },
        "note": { "type": "string", "minLength": 1500 },
        "free": { "$ref": "#/$defs/text" },
    }, "required": ["rows", "id"], "$defs": { "text": { "type": "string", "maxLength": 5000 } } });
    let output = json!({
        "rows": vec![1; 500], "pair": [long, long], "id": long, "kind": long,
        "note": "n".repeat(2000), "free": long, "extra": vec![1; 500],
    });
    let cut = cut_by(&output, 10, &schema).unwrap();
    assert_eq!(cut.output["rows"].as_array().unwrap().len(), 5);
    assert_eq!(cut.output["id"], output["id"]);
    assert_eq!(cut.output["kind"], output["kind"]);
    assert_eq!(cut.output["note"].as_str().unwrap().len(), 1500);
    assert_eq!(cut.output["free"], "");
    assert_eq!(cut.output.get("extra"), None);
    assert_eq!(cut.output["pair"].as_array().unwrap().len(), 2);
    assert_eq!(whole_again(&cut, 500), output);
}

#[test]
fn a_map_loses_members_that_nothing_names() {
    let members: Map<String, Value> = (0..200)
        .map(|n| (format!("key{n}"), json!({ "n": n })))
        .collect();
    let schema = json!({ "required": ["key7"], "additionalProperties": { "type": "object" } });
    let output = Value::Object(members);
    let cut = cut_by(&output, 100, &schema).unwrap();
    assert!(cut.kept <= 100 && cut.output.get("key7").is_some());
    assert_eq!(
        (cut.rests[0].at.as_str(), cut.rests[0].left.unit()),
        ("", "members")
    );
    assert_eq!(whole_again(&cut, 50), output);
}

#[test]
fn what_breaks_the_schema_otherwise_stays_whole() {
    // Nothing in the limits of one place says that these belong together.
    let schema = json!({
        "properties": { "a": { "type": "array" }, "b": { "type": "array" } },
        "not": { "properties": { "a": { "maxItems": 99 } } },
    });
    let output = json!({ "a": vec![1; 100], "b": vec![1; 100] });
    let cut = cut_by(&output, 150, &schema).unwrap();
    assert_eq!(cut.output["a"], output["a"]);
    assert!(cut.output["b"].as_array().unwrap().len() < 100);
    let only = json!({ "not": { "properties": { "a": { "maxItems": 99 } } } });
    assert_eq!(cut_by(&json!({ "a": vec![1; 100] }), 10, &only), None);
}

#[test]
fn an_output_that_did_not_fit_is_cut_all_the_same() {
    let schema = json!({ "properties": { "rows": { "type": "string" } } });
    let cut = cut_by(&json!({ "rows": vec![1; 1000] }), 50, &schema).unwrap();
    assert!(cut.kept <= 50);
}

#[test]
fn large_outputs_are_cut_quickly() {
    let row = json!({ "id": 1, "name": "a name of some length", "tags": ["a", "b"], "more": { "x": 1.5 } });
    let output = json!({ "rows": vec![row; 40_000] });
    let schema = json!({ "properties": { "rows": { "items": { "properties": { "id": { "type": "integer" } } } } } });
    let cut = cut_by(&output, 4_000, &schema).unwrap();
    assert!(cut.kept <= 4_000);
    let deep = (0..120).fold(
        json!("x".repeat(10_000)),
        |below, _| json!({ "a": [below, 1] }),
    );
    let cut = cut_by(&deep, 3_000, &json!({})).unwrap();
    assert!(cut.kept <= 3_000);
    assert_eq!(whole_again(&cut, 1_000), deep);
}

/// Schemas whose values are made by [`value`] fit.
fn schema() -> Value {
    json!({ "properties": {
        "rows": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/row" } },
        "text": { "type": "string", "minLength": 3 },
        "by": { "type": "object", "minProperties": 1, "additionalProperties": { "$ref": "#/$defs/row" } },
        "any": {},
    }, "required": ["rows", "text", "by"], "$defs": { "row": {
        "anyOf": [{ "type": "string", "pattern": "^a" }, {
            "type": "object", "required": ["id"], "properties": {
                "id": { "type": "integer" }, "note": { "type": "string", "minLength": 1 },
                "tags": { "type": "array", "maxItems": 50, "uniqueItems": true } } }] } } })
}

fn row() -> impl Strategy<Value = Value> {
    prop_oneof![
        "a[a-z日\"\n]{0,30}".prop_map(Value::from),
        (
            any::<i32>(),
            ".{1,300}",
            prop::collection::hash_set(any::<u8>(), 0..20)
        )
            .prop_map(
                |(id, note, tags)| json!({ "id": id, "note": note, "tags": Vec::from_iter(tags) })
            ),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,400}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 10, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..10).prop_map(Value::from),
            prop::collection::hash_map(".{0,8}", inner, 0..10)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    let rows = prop::collection::vec(row(), 1..30);
    let by = prop::collection::hash_map("[a-c]{1,3}", row(), 1..10);
    (rows, ".{3,500}", by, anything()).prop_map(|(rows, text, by, any)| {
        let by: Map<String, Value> = by.into_iter().collect();
        json!({ "rows": rows, "text": text, "by": by, "any": any })
    })
}

/// Whether not a thing more could be taken out.
fn is_minimal(cut: &Cut, schema: &Value) -> bool {
    let mut cutter = Cutter {
        fixed: &[],
        depth: Depth::All,
        way: Vec::new(),
        rests: Vec::new(),
    };
    cutter.floor(&cut.output, &Here::new(schema)) == weigh(&cut.output)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn a_cut_output_fits_the_schema_and_the_budget_and_loses_nothing(
        output in value(), max_tokens in 1_u32..600, piece in 1_u32..200,
    ) {
        let schema = schema();
        let compiled = Compiled::new(&schema).unwrap();
        prop_assume!(compiled.is_valid(&output));
        match cut(&output, max_tokens, &schema, &|value| compiled.is_valid(value)) {
            None => prop_assert!(estimate(&output) <= u64::from(max_tokens)),
            Some(cut) => {
                prop_assert!(compiled.is_valid(&cut.output));
                prop_assert!(cut.kept < cut.total && cut.kept == estimate(&cut.output));
                let small = cut.kept <= u64::from(max_tokens);
                prop_assert!(small || is_minimal(&cut, &schema), "{} of {max_tokens}", cut.kept);
                prop_assert_eq!(whole_again(&cut, piece), output);
            }
        }
    }

    #[test]
    fn without_a_schema_everything_can_be_cut(output in anything(), max_tokens in 1_u32..300) {
        let cut = cut(&output, max_tokens, &json!({}), &|_| true);
        if let Some(cut) = cut {
            let minimal = is_minimal(&cut, &json!({}));
            prop_assert!(minimal || cut.kept <= u64::from(max_tokens));
            prop_assert_eq!(whole_again(&cut, 50), output);
        }
    }
}

#[test]
fn what_takes_too_many_looks_stays_whole() {
    // Of each pair of lists one must be whole: found only by trying, one list after the other.
    let names: Vec<String> = (0..24).map(|n| format!("k{n}")).collect();
    let lists = |length: usize| -> Value {
        let lists = names
            .iter()
            .map(|name| (name.clone(), json!(vec![1; length])));
        Value::Object(lists.collect())
    };
    let schema = |length: usize| {
        let whole = |name: &String| json!({ "properties": { name: { "minItems": length } } });
        let pairs = names
            .chunks(2)
            .map(|pair| json!({ "anyOf": [whole(&pair[0]), whole(&pair[1])] }));
        let properties: Map<String, Value> =
            names.iter().map(|name| (name.clone(), json!({}))).collect();
        json!({ "properties": properties, "not": { "not": { "allOf": pairs.collect::<Vec<_>>() } } })
    };
    for (length, looks_allowed) in [(100, 200..=300), (40_000, 40..=70)] {
        let (output, schema) = (lists(length), schema(length));
        let compiled = Compiled::new(&schema).unwrap();
        let looks = std::cell::Cell::new(0);
        let fits = |value: &Value| {
            looks.set(looks.get() + 1);
            compiled.is_valid(value)
        };
        let cut = cut(&output, 100, &schema, &fits);
        assert!(cut.is_none_or(|cut| compiled.is_valid(&cut.output)));
        assert!(
            looks_allowed.contains(&looks.get()),
            "{length}: {}",
            looks.get()
        );
    }
}
