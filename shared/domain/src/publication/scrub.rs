//! A document without what is its workspace's own business.

use serde_json::Value;

use super::Kind;

/// The document as everybody may see it, under this id: without `metadata` and `x-` members, recorded fixtures and fixed answers (both
/// may hold somebody's data), and without values of connection variables that are not among those that the document lists
/// anyway.
pub fn scrub(kind: Kind, id: &str, document: &Value) -> Value {
    let mut scrubbed = document.clone();
    let Some(root) = scrubbed.as_object_mut() else {
        return scrubbed;
    };
    root.retain(|name, _| name != "metadata" && !name.starts_with("x-"));
    root.insert("id".to_owned(), id.into());
    if kind == Kind::Tool {
        root.remove("tests");
        root.remove("mock");
        root.remove("examples");
        variables(root.get_mut("api"));
    }
    scrubbed
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
