//! Where a document names tools and flows.

use serde_json::Value;

use super::Kind;

/// A place at which a document names a tool or a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// JSON pointer of the name.
    pub pointer: String,
    /// The tool or flow, by its id.
    pub id: String,
}

/// Every place at which a document of this kind names a tool or a flow. A tool names none.
pub fn references(kind: Kind, document: &Value) -> Vec<Reference> {
    let mut found = Vec::new();
    match kind {
        Kind::Tool => {}
        Kind::Flow => {
            let steps = document.get("steps").and_then(Value::as_array);
            for (index, step) in steps.into_iter().flatten().enumerate() {
                for place in ["tool", "flow", "compensate/tool"] {
                    let id = step.pointer(&format!("/{place}")).and_then(Value::as_str);
                    found.extend(id.map(|id| reference(format!("/steps/{index}/{place}"), id)));
                }
            }
        }
        Kind::Prompt => {
            let tools = document.get("tools").and_then(Value::as_array);
            for (index, tool) in tools.into_iter().flatten().enumerate() {
                found.extend(
                    tool.as_str()
                        .map(|id| reference(format!("/tools/{index}"), id)),
                );
            }
        }
    }
    found
}

fn reference(pointer: String, id: &str) -> Reference {
    Reference {
        pointer,
        id: id.to_owned(),
    }
}

/// Gives every named tool and flow the name that `renamed` says.
pub(super) fn rename(kind: Kind, document: &mut Value, renamed: impl Fn(&str) -> Option<String>) {
    for reference in references(kind, document) {
        let name = renamed(&reference.id);
        if let (Some(place), Some(name)) = (document.pointer_mut(&reference.pointer), name) {
            *place = name.into();
        }
    }
}
