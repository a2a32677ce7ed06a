//! Properties that hold for thousands of generated schemas.

use proptest::prelude::*;

use super::generate::{self, Dice, arguments};
use super::*;
use crate::schema::Compiled;

/// So many of the usual cases, which `PROPTEST_CASES` multiplies.
fn times(factor: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases * factor,
        failure_persistence: None,
        ..usual
    }
}

/// What a model would write for a value of the original schema: the way back, backwards.
fn written(node: &Node, parts: &[Node], value: &Value) -> Option<Value> {
    match (&node.kind, value) {
        (Kind::Plain(types), value) => types.take(value).then(|| value.clone()),
        (Kind::Values(values), value) => values.contains(value).then(|| value.clone()),
        (Kind::Object(members), Value::Object(given)) => {
            let known = |name: &String| members.iter().any(|member| member.name == *name);
            if !given.keys().all(known) {
                return None;
            }
            let written = members.iter().map(|member| {
                let value = match (given.get(&member.name), member.optional) {
                    (None, true) => Value::Null,
                    (None, false) => return None,
                    (Some(Value::Null), true) => match &member.node.kind {
                        Kind::Union(nodes) if nodes.contains(&Kind::SetNull.plainly()) => {
                            set_null()
                        }
                        _ => return None,
                    },
                    (Some(value), _) => written(&member.node, parts, value)?,
                };
                Some((member.name.clone(), value))
            });
            written
                .collect::<Option<serde_json::Map<_, _>>>()
                .map(Value::Object)
        }
        (Kind::List(element), Value::Array(items)) => {
            let items = items.iter().map(|item| written(element, parts, item));
            items.collect::<Option<Vec<_>>>().map(Value::Array)
        }
        (Kind::Union(nodes), value) => nodes.iter().find_map(|node| written(node, parts, value)),
        (Kind::Part(number), value) => written(&parts[*number], parts, value),
        (Kind::SetNull | Kind::Object(_) | Kind::List(_), _) => None,
    }
}

proptest! {
    #![proptest_config(times(8))]

    #[test]
    fn every_strict_schema_keeps_the_rules_and_settles(seed: u64, nasty: bool) {
        let kind = if nasty { generate::Kind::Nasty } else { generate::Kind::Plain };
        let schema = arguments(&mut Dice::new(seed), kind);
        if let Ok(strict) = strict(&schema) {
            rules::check(strict.schema());
            prop_assert!(!strict.schema().to_string().contains("x-hidden"));
            // Made strict again, it may lose a reference that was used once; then it stays as it is.
            let again = made(strict.schema());
            let settled = made(again.schema());
            prop_assert_eq!(settled.schema(), again.schema(), "{}", schema);
        }
        let size = schema.to_string().len();
        let definition = definition(&view(schema));
        if let Ok(definition) = definition {
            rules::check_definition(&definition);
            prop_assert!(definition.function().to_string().len() < 4_000 + size * 40);
        }
    }
}

proptest! {
    #![proptest_config(times(4))]

    #[test]
    fn arguments_survive_both_ways(seed: u64) {
        let mut dice = Dice::new(seed);
        let schema = arguments(&mut dice, generate::Kind::Plain);
        let (Ok(strict), Ok(original)) = (strict(&schema), Compiled::new(&schema)) else {
            return Ok(());
        };
        // What only fits because an object is open cannot be said.
        let closed = Compiled::new(&generate::sealed(&schema, false));
        let sent = Compiled::new(strict.schema())
            .map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
        for _ in 0..4 {
            // What a model may write is what the tool takes.
            if let Some(given) = generate::value(&mut dice, strict.schema(), strict.schema(), 6) {
                prop_assert!(sent.is_valid(&given), "{} is no {}", given, strict.schema());
                let restored = strict.restore(given.clone());
                prop_assert!(original.is_valid(&restored), "{} became {}, of {}", given, restored, schema);
            }
            // What the tool takes can be written.
            if let Some(meant) = generate::value(&mut dice, &schema, &schema, 6)
                && closed.as_ref().is_ok_and(|closed| closed.is_valid(&meant)) && meant.is_object()
            {
                let meant_by = if strict.wrapped { json!({ "input": meant }) } else { meant.clone() };
                let given = written(&strict.root, &strict.parts, &meant_by);
                prop_assert!(given.is_some(), "{} cannot be written for {}, of {}", meant, strict.schema(), schema);
                let given = given.unwrap();
                prop_assert!(sent.is_valid(&given), "{} is no {}", given, strict.schema());
                prop_assert_eq!(strict.restore(given), meant, "{}", schema);
            }
        }
    }

    #[test]
    fn no_arguments_crash_it(seed: u64) {
        let mut dice = Dice::new(seed);
        let schema = arguments(&mut dice, generate::Kind::Nasty);
        let other = arguments(&mut dice, generate::Kind::Plain);
        if let Ok(strict) = strict(&schema) {
            if let Some(value) = generate::value(&mut dice, &other, &other, 5) {
                strict.restore(value);
            }
            strict.restore(other);
        }
    }
}

/// How many of the generated schemas the properties speak of.
#[test]
fn most_plain_schemas_become_strict() {
    let made = |kind| {
        let strict =
            (0..1_000).filter(|seed| strict(&arguments(&mut Dice::new(*seed), kind)).is_ok());
        strict.count()
    };
    let (plain, nasty) = (made(generate::Kind::Plain), made(generate::Kind::Nasty));
    assert!(
        plain > 500 && nasty > 150,
        "{plain} plain, {nasty} nasty of 1,000"
    );
}

#[test]
fn multiplied_alternatives_end_early() {
    let doubled = |inner: Value, _| json!({ "anyOf": [inner, inner] });
    let choice = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let deep = (0..13).fold(choice, doubled);
    let side = json!({ "anyOf": (0..40).map(|n| json!({ "properties": { format!("p{n}"): { "type": "string" } } })).collect::<Vec<_>>() });
    let product = json!({ "type": "object", "allOf": [side, side, side, side] });
    let grown = json!({ "$defs": { "a": { "allOf": [
        { "properties": { "x": { "$ref": "#/$defs/a" } } },
        { "properties": { "x": { "$ref": "#/$defs/b" } } } ] },
        "b": { "allOf": [{ "$ref": "#/$defs/a" }, { "properties": { "x": { "$ref": "#/$defs/a" } } }] } },
        "properties": { "x": { "$ref": "#/$defs/a" } } });
    let own = json!({ "type": "object", "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] });
    for schema in [deep, product, grown, own] {
        if let Ok(strict) = strict(&schema) {
            rules::check(strict.schema());
        }
    }
}

#[test]
fn ambiguous_values_end_early() {
    let schema = json!({
        "properties": { "x": { "$ref": "#/$defs/u" } },
        "$defs": { "u": { "anyOf": [
            { "type": "object", "properties": { "x": { "$ref": "#/$defs/u" }, "k": { "const": 1 } }, "required": ["k"] },
            { "type": "object", "properties": { "x": { "$ref": "#/$defs/u" }, "k": { "const": 2 } }, "required": ["k"] },
        ] } },
    });
    let strict = made(&schema);
    let deep = (0..100).fold(json!(null), |inner, _| json!({ "x": inner, "k": 3 }));
    strict.restore(json!({ "x": deep }));
}
