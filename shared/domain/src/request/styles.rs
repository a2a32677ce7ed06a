//! How arrays and objects are written in queries, forms, paths and headers (OpenAPI 3.1, `style` and `explode`).

use serde_json::Value;

use super::room::Room;
use super::segment::Bit;
use crate::config::ParamStyle;

/// Longest name that an object's members make, in bytes.
const MAX_NAME: usize = 1024;

/// The pairs that a value is in a query or a form; none for `null` and for empty arrays and objects.
pub(super) fn pairs(
    name: &str,
    value: &Value,
    style: ParamStyle,
    room: &mut Room,
) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Pairs {
        list: Vec::new(),
        room,
    };
    if let Some(text) = scalar(value) {
        pairs.push(name, text)?;
        return Ok(pairs.list);
    }
    match (value, style) {
        (Value::Array(items), ParamStyle::FormExplode) => {
            for text in scalars(items)? {
                pairs.push(name, text)?;
            }
        }
        (Value::Object(members), ParamStyle::FormExplode) => {
            for (member, value) in members.iter().filter(|(_, value)| !value.is_null()) {
                pairs.push(member, scalar(value).ok_or_else(nested)?)?;
            }
        }
        (Value::Array(items), ParamStyle::DeepObject) if items.iter().all(|it| !has_parts(it)) => {
            return Err("an array has no deepObject form; use another style".to_owned());
        }
        (Value::Object(_) | Value::Array(_), ParamStyle::DeepObject) => {
            deep(name, value, &mut pairs)?;
        }
        (
            _,
            ParamStyle::Form
            | ParamStyle::Simple
            | ParamStyle::SimpleExplode
            | ParamStyle::SpaceDelimited
            | ParamStyle::PipeDelimited
            | ParamStyle::Label
            | ParamStyle::LabelExplode
            | ParamStyle::Matrix
            | ParamStyle::MatrixExplode,
        ) => {
            if let Some(text) = line(value, style)? {
                pairs.push(name, text)?;
            }
        }
        (_, ParamStyle::FormExplode | ParamStyle::DeepObject) => {}
    }
    Ok(pairs.list)
}

/// A value as one text, for a header or a delimited query value; `None` for `null` and for empty
/// arrays and objects.
pub(super) fn line(value: &Value, style: ParamStyle) -> Result<Option<String>, String> {
    let delimiter = match style {
        ParamStyle::SpaceDelimited => " ",
        ParamStyle::PipeDelimited => "|",
        ParamStyle::Form
        | ParamStyle::Simple
        | ParamStyle::SimpleExplode
        | ParamStyle::FormExplode
        | ParamStyle::DeepObject
        | ParamStyle::Label
        | ParamStyle::LabelExplode
        | ParamStyle::Matrix
        | ParamStyle::MatrixExplode => ",",
    };
    let parts: Vec<String> = match value {
        Value::Null => return Ok(None),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => return Ok(scalar(value)),
        Value::Array(items) => scalars(items)?.collect(),
        Value::Object(_) if style == ParamStyle::SimpleExplode => {
            let named = members(value)?.into_iter();
            named.map(|(name, text)| format!("{name}={text}")).collect()
        }
        Value::Object(_) => {
            let named = members(value)?.into_iter();
            named.flat_map(|(name, text)| [name, text]).collect()
        }
    };
    Ok((!parts.is_empty()).then(|| parts.join(delimiter)))
}

/// A value in a path (RFC 6570 as OpenAPI names it); `None` for `null` and for empty arrays and objects.
pub(super) fn path(
    name: &str,
    value: &Value,
    style: ParamStyle,
) -> Result<Option<Vec<Bit>>, String> {
    let (lead, explode) = match style {
        ParamStyle::Label => (Some('.'), false),
        ParamStyle::LabelExplode => (Some('.'), true),
        ParamStyle::Matrix => (Some(';'), false),
        ParamStyle::MatrixExplode => (Some(';'), true),
        ParamStyle::SimpleExplode => (None, true),
        ParamStyle::Simple
        | ParamStyle::Form
        | ParamStyle::FormExplode
        | ParamStyle::SpaceDelimited
        | ParamStyle::PipeDelimited
        | ParamStyle::DeepObject => (None, false),
    };
    let named = lead == Some(';');
    // Each item is a value, or a member and its value.
    let items: Vec<(Option<String>, String)> = match value {
        Value::Null => return Ok(None),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            scalar(value).map(|text| (None, text)).into_iter().collect()
        }
        Value::Array(items) => scalars(items)?.map(|text| (None, text)).collect(),
        Value::Object(_) if explode => {
            let members = members(value)?.into_iter();
            members.map(|(name, text)| (Some(name), text)).collect()
        }
        Value::Object(_) => {
            let members = members(value)?.into_iter();
            let flat = members.flat_map(|(name, text)| [name, text]);
            flat.map(|text| (None, text)).collect()
        }
    };
    let mut bits = Vec::new();
    for (at, (member, text)) in items.into_iter().enumerate() {
        match lead {
            Some(lead) if at == 0 || explode => bits.push(Bit::Mark(lead)),
            None if at == 0 => {}
            Some(_) | None => bits.push(Bit::Mark(',')),
        }
        let label = match member {
            Some(member) => Some(member),
            None if named && (at == 0 || explode) => Some(name.to_owned()),
            None => None,
        };
        if let Some(label) = label {
            bits.extend([Bit::Text(label), Bit::Mark('=')]);
        }
        bits.push(Bit::Text(text));
    }
    Ok((!bits.is_empty()).then_some(bits))
}

/// Whether `omit_empty` leaves it out.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Pairs that are counted.
struct Pairs<'r> {
    list: Vec<(String, String)>,
    room: &'r mut Room,
}

impl Pairs<'_> {
    fn push(&mut self, name: &str, text: String) -> Result<(), String> {
        self.room.take(name.len() + text.len() + 2)?;
        self.list.push((name.to_owned(), text));
        Ok(())
    }
}

/// `a[b]=1`, and so on downwards; arrays repeat their name. What OpenAPI leaves open, objects in an array, is
/// written by index (`a[0][b]=1`), as PHP, Rails and Stripe read it.
fn deep(name: &str, value: &Value, pairs: &mut Pairs<'_>) -> Result<(), String> {
    if name.len() > MAX_NAME {
        return Err("its members' names are too long".to_owned());
    }
    match value {
        Value::Object(members) => members
            .iter()
            .try_for_each(|(member, value)| deep(&format!("{name}[{member}]"), value, pairs)),
        Value::Array(items) if items.iter().any(has_parts) => items
            .iter()
            .enumerate()
            .try_for_each(|(at, item)| deep(&format!("{name}[{at}]"), item, pairs)),
        Value::Array(items) => scalars(items)?.try_for_each(|text| pairs.push(name, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            scalar(value).map_or(Ok(()), |text| pairs.push(name, text))
        }
    }
}

fn has_parts(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

/// The members of an object and their texts, without nulls.
fn members(value: &Value) -> Result<Vec<(String, String)>, String> {
    let members = value.as_object().into_iter().flatten();
    let members = members.filter(|(_, value)| !value.is_null());
    members
        .map(|(name, value)| Ok((name.clone(), scalar(value).ok_or_else(nested)?)))
        .collect()
}

/// The texts of an array's elements, without nulls.
fn scalars(items: &[Value]) -> Result<impl Iterator<Item = String> + '_, String> {
    if items.iter().any(has_parts) {
        return Err(nested());
    }
    Ok(items.iter().filter_map(scalar))
}

/// Text, number or `true`/`false` as text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn nested() -> String {
    "arrays and objects inside it have no form here; map it to the body".to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The wire form of a path value, marks as they are and data with its own encoded.
    fn written(value: &Value, style: ParamStyle) -> String {
        let bits = path("color", value, style).unwrap().unwrap_or_default();
        bits.iter()
            .map(|bit| match bit {
                Bit::Text(text) => text.replace([';', '=', '.'], "~"),
                Bit::Mark(mark) => mark.to_string(),
            })
            .collect()
    }

    #[test]
    fn path_styles_are_those_of_the_openapi_table() {
        // OpenAPI 3.1.1, 4.8.12.6, "Style Examples".
        let list = json!(["blue", "black", "brown"]);
        let object = json!({"R": 100, "G": 200, "B": 150});
        for (style, of_text, of_list, of_object) in [
            (
                ParamStyle::Matrix,
                ";color=blue",
                ";color=blue,black,brown",
                ";color=R,100,G,200,B,150",
            ),
            (
                ParamStyle::MatrixExplode,
                ";color=blue",
                ";color=blue;color=black;color=brown",
                ";R=100;G=200;B=150",
            ),
            (
                ParamStyle::Label,
                ".blue",
                ".blue,black,brown",
                ".R,100,G,200,B,150",
            ),
            (
                ParamStyle::LabelExplode,
                ".blue",
                ".blue.black.brown",
                ".R=100.G=200.B=150",
            ),
            (
                ParamStyle::Simple,
                "blue",
                "blue,black,brown",
                "R,100,G,200,B,150",
            ),
            (
                ParamStyle::SimpleExplode,
                "blue",
                "blue,black,brown",
                "R=100,G=200,B=150",
            ),
        ] {
            assert_eq!(written(&json!("blue"), style), of_text, "{style:?}");
            assert_eq!(written(&list, style), of_list, "{style:?}");
            assert_eq!(written(&object, style), of_object, "{style:?}");
        }
        assert_eq!(
            written(&json!("a;b=c."), ParamStyle::Matrix),
            ";color=a~b~c~"
        );
        assert_eq!(path("color", &json!([]), ParamStyle::Matrix), Ok(None));
    }

    #[test]
    fn short_inputs_do_not_become_long_queries() {
        let items = json!(vec![1; 10_000]);
        let name = "n".repeat(256);
        let mut room = Room::query();
        assert!(pairs(&name, &items, ParamStyle::FormExplode, &mut room).is_err());
        let deep = json!({"k".repeat(600): {"k".repeat(600): items}});
        assert!(pairs("q", &deep, ParamStyle::DeepObject, &mut Room::body()).is_err());
        assert!(pairs("q", &items, ParamStyle::FormExplode, &mut Room::query()).is_ok());
    }

    #[test]
    fn objects_in_arrays_are_written_by_index() {
        let value = json!([{"id": 1, "tags": ["a", "b"]}, {"id": 2}]);
        let found = pairs("items", &value, ParamStyle::DeepObject, &mut Room::body()).unwrap();
        let expected = [
            ("items[0][id]", "1"),
            ("items[0][tags]", "a"),
            ("items[0][tags]", "b"),
            ("items[1][id]", "2"),
        ];
        let found: Vec<(&str, &str)> = found.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(found, expected);
    }
}
