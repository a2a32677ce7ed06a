//! A document without what is its workspace's own business.

use serde_json::Value;

use super::Kind;

/// The document as everybody may see it, under this id: without `metadata`, `x-` members (also in schemas, with their `$comment` and
/// `examples`), recorded fixtures and fixed answers (both
/// may hold somebody's data), and without values of connection variables that are not among those that the document lists
/// anyway.
pub fn scrub(kind: Kind, id: &str, document: &Value) -> Value {
    let mut scrubbed = document.clone();
    let Some(root) = scrubbed.as_object_mut() else {
        return scrubbed;
    };
    root.retain(|name, _| name != "metadata" && !name.starts_with("x-"));
    root.insert("id".to_owned(), id.into());
    for name in ["input_schema", "output_schema"] {
        if let Some(schema) = root.get_mut(name) {
            notes(schema);
        }
    }
    if let Some(Value::Object(api)) = root.get_mut("api") {
        api.retain(|name, _| !name.starts_with("x-"));
    }
    if kind == Kind::Tool {
        root.remove("tests");
        root.remove("mock");
        root.remove("examples");
        variables(root.get_mut("api"));
    }
    scrubbed
}

/// Leaves what a schema means, and takes out what its author noted in it. `x-hidden` means something.
fn notes(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(notes),
        Value::Object(members) => {
            members.retain(|name, _| {
                name == "x-hidden"
                    || !name.starts_with("x-") && name != "$comment" && name != "examples"
            });
            for (name, member) in members {
                match name.as_str() {
                    // Names of the author's own, which mean a schema each.
                    "properties" | "patternProperties" | "$defs" | "definitions"
                    | "dependentSchemas" => {
                        let schemas = member.as_object_mut().into_iter().flatten();
                        schemas.for_each(|(_, schema)| notes(schema));
                    }
                    "enum" | "const" | "default" => {}
                    _ => notes(member),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn variables(api: Option<&mut Value>) {
    let variables = api.and_then(|api| api.get_mut("connection_vars"));
    let Some(Value::Object(variables)) = variables else {
        return;
    };
    for variable in variables.values_mut() {
        // A plain text is a variable's value, and nothing else is known of it.
        if variable.is_string() {
            *variable = Value::Object(serde_json::Map::new());
            continue;
        }
        let listed = |default: &Value| {
            let choices = variable.get("enum").and_then(Value::as_array);
            choices.is_some_and(|choices| choices.contains(default))
        };
        let own = variable
            .get("default")
            .is_some_and(|default| !listed(default));
        if let (true, Some(variable)) = (own, variable.as_object_mut()) {
            variable.remove("default");
        }
    }
}
