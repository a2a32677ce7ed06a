//! Makes schemas, and values for them, from a number: the same number makes the same ones.

use serde_json::{Map, Value, json};

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to choose with.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

const NAMES: [&str; 8] = ["a", "b", "c", "null", "input", "a/b", "ü~", "type"];
const PARTS: [&str; 3] = ["p", "q", "q r"];

/// What a schema may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only what strict mode expresses in full.
    Plain,
    /// Everything that there is.
    Nasty,
}

/// A schema of arguments.
pub(super) fn arguments(dice: &mut Dice, kind: Kind) -> Value {
    let mut schema = if dice.one_in(4) {
        any_of(dice, kind, 3)
    } else {
        object(dice, kind, 3)
    };
    let members = schema.as_object_mut().unwrap();
    let mut parts = Map::new();
    for name in PARTS {
        let part = if dice.one_in(3) {
            part(dice, kind, 2)
        } else {
            object(dice, kind, 2)
        };
        parts.insert(name.to_owned(), part);
    }
    members.insert("$defs".to_owned(), Value::Object(parts));
    schema
}

fn part(dice: &mut Dice, kind: Kind, levels: usize) -> Value {
    let mut schema = match dice.below(if levels == 0 { 4 } else { 9 }) {
        0 => json!({ "type": dice.pick(&["string", "integer", "number", "boolean"]) }),
        1 => json!({ "type": [dice.pick(&["string", "integer", "boolean"]), "null"] }),
        2 => {
            json!({ "enum": dice.pick(&[json!(["x", "y"]), json!([1, "x", null]), json!([true]), json!([1.5, 2])]) })
        }
        3 => json!({ "const": dice.pick(&[json!("k"), json!(7), json!(null), json!(true)]) }),
        4 | 5 => object(dice, kind, levels - 1),
        6 => {
            let items = part(dice, kind, levels - 1);
            json!({ "type": "array", "items": items })
        }
        7 => any_of(dice, kind, levels - 1),
        _ => json!({ "$ref": format!("#/$defs/{}", dice.pick(&["p", "q", "q%20r"])) }),
    };
    if dice.one_in(6) {
        schema["description"] = "Words".into();
    }
    if kind == Kind::Nasty && dice.one_in(3) {
        spoil(dice, &mut schema, levels);
    }
    schema
}

fn object(dice: &mut Dice, kind: Kind, levels: usize) -> Value {
    let mut properties = Map::new();
    let mut required: Vec<Value> = Vec::new();
    for _ in 0..1 + dice.below(3) {
        let name = dice.pick(&NAMES);
        if properties
            .insert(name.to_owned(), part(dice, kind, levels))
            .is_none()
            && dice.one_in(2)
        {
            required.push(name.into());
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    if dice.one_in(3) {
        schema["additionalProperties"] = false.into();
    } else if levels > 0 && dice.one_in(8) {
        return json!({ "allOf": [schema, object(dice, kind, levels - 1)] });
    }
    if kind == Kind::Nasty && dice.one_in(5) {
        spoil(dice, &mut schema, levels);
    }
    schema
}

fn any_of(dice: &mut Dice, kind: Kind, levels: usize) -> Value {
    let count = 2 + dice.below(2);
    let alternatives: Vec<Value> = (0..count).map(|_| part(dice, kind, levels)).collect();
    let keyword = if kind == Kind::Nasty && dice.one_in(3) {
        "oneOf"
    } else {
        "anyOf"
    };
    let mut schema = Map::new();
    schema.insert(keyword.to_owned(), alternatives.into());
    Value::Object(schema)
}

/// Adds a keyword that strict mode does not know, or something stranger.
fn spoil(dice: &mut Dice, schema: &mut Value, levels: usize) {
    let below = levels.saturating_sub(1);
    let (name, value) = match dice.below(24) {
        0 => ("default", json!({ "a": [1] })),
        1 => ("minLength", json!(2)),
        2 => ("pattern", json!("^x\"\\\\")),
        3 => ("format", json!("date-time")),
        4 => ("maximum", json!(1e300)),
        5 => ("uniqueItems", json!(true)),
        6 => ("minProperties", json!(1)),
        7 => ("not", part(dice, Kind::Nasty, below)),
        8 => ("if", part(dice, Kind::Nasty, below)),
        9 => ("then", part(dice, Kind::Nasty, below)),
        10 => ("patternProperties", json!({ "^x": true })),
        11 => ("additionalProperties", part(dice, Kind::Nasty, below)),
        12 => ("propertyNames", json!({ "maxLength": 3 })),
        13 => (
            "prefixItems",
            json!([{ "type": "number" }, { "type": "string" }]),
        ),
        14 => ("contains", part(dice, Kind::Nasty, below)),
        15 => ("dependentRequired", json!({ "a": ["b"] })),
        16 => ("unevaluatedProperties", json!(false)),
        17 => ("x-hidden", json!(true)),
        18 => ("required", json!(["a", "zz"])),
        19 => (
            "oneOf",
            json!([{ "required": ["a"] }, { "required": ["b", "c"] }]),
        ),
        20 => (
            "anyOf",
            json!([part(dice, Kind::Nasty, below), true, false]),
        ),
        21 => (
            "allOf",
            json!([
                part(dice, Kind::Nasty, below),
                part(dice, Kind::Nasty, below)
            ]),
        ),
        22 => ("title", json!("T".repeat(300))),
        _ => ("type", json!(["object", "array", "null", "string"])),
    };
    schema[name] = value;
}

/// The same schema, whose objects take no members but those that they declare: others cannot be said in strict mode.
/// `joined` objects are sealed by what joins them.
pub(super) fn sealed(schema: &Value, joined: bool) -> Value {
    let Value::Object(members) = schema else {
        return schema.clone();
    };
    let mut sealed_members = members.clone();
    for (name, value) in &mut sealed_members {
        match (name.as_str(), value) {
            ("properties" | "$defs", Value::Object(named)) => {
                for schema in named.values_mut() {
                    *schema = sealed(schema, false);
                }
            }
            ("anyOf" | "oneOf", Value::Array(schemas)) => {
                for schema in schemas {
                    *schema = sealed(schema, false);
                }
            }
            ("allOf", Value::Array(schemas)) => {
                for schema in schemas {
                    *schema = sealed(schema, true);
                }
            }
            ("items", schema) => *schema = sealed(schema, false),
            _ => {}
        }
    }
    if !joined
        && ["properties", "allOf"]
            .iter()
            .any(|name| members.contains_key(*name))
    {
        sealed_members.insert("unevaluatedProperties".to_owned(), false.into());
    }
    Value::Object(sealed_members)
}

/// A value that a schema describes, with declared members only; `None` where there is none, or it is deep.
/// Who needs one that fits for certain asks the validator.
pub(super) fn value(dice: &mut Dice, root: &Value, schema: &Value, levels: usize) -> Option<Value> {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(&target[1..].replace("%20", " "))?;
        return value(dice, root, target, levels.checked_sub(1)?);
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema.get(keyword).and_then(Value::as_array) {
            let first = dice.below(alternatives.len());
            let mut turned = alternatives
                .iter()
                .cycle()
                .skip(first)
                .take(alternatives.len());
            return turned.find_map(|alternative| value(dice, root, alternative, levels));
        }
    }
    if let Some(schemas) = schema.get("allOf").and_then(Value::as_array) {
        let mut all = Map::new();
        for schema in schemas {
            let Value::Object(members) = value(dice, root, schema, levels)? else {
                return None;
            };
            all.extend(members);
        }
        return Some(Value::Object(all));
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(dice.pick(values));
    }
    if let Some(only) = schema.get("const") {
        return Some(only.clone());
    }
    let kind = match schema.get("type")? {
        Value::Array(kinds) => dice.pick(kinds),
        kind => kind.clone(),
    };
    Some(match kind.as_str()? {
        "object" => return members(dice, root, schema, levels),
        "array" => {
            let count = if levels == 0 { 0 } else { dice.below(3) };
            let items = schema.get("items")?;
            let items: Option<Vec<Value>> = (0..count)
                .map(|_| value(dice, root, items, levels - 1))
                .collect();
            Value::Array(items.unwrap_or_default())
        }
        "string" => dice.pick(&["", "x", "k", "null"]).into(),
        "integer" => dice.pick(&[0, 1, 7, -3]).into(),
        "number" => dice.pick(&[json!(0.5), json!(2)]),
        "boolean" => dice.one_in(2).into(),
        _ => Value::Null,
    })
}

fn members(dice: &mut Dice, root: &Value, schema: &Value, levels: usize) -> Option<Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let mut members = Map::new();
    for (name, property) in schema.get("properties")?.as_object()? {
        let needed = required.is_some_and(|names| names.iter().any(|known| known == name));
        if !needed && (levels == 0 || dice.one_in(2)) {
            continue;
        }
        match levels
            .checked_sub(1)
            .and_then(|levels| value(dice, root, property, levels))
        {
            Some(value) => members.insert(name.clone(), value),
            None if needed => return None,
            None => continue,
        };
    }
    Some(Value::Object(members))
}
