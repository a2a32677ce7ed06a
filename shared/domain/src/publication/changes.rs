//! What an update changes, by what it allows and by what its callers see.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::breaks::{Side, breaks};
use super::{Document, Kind, Manifest, Needs};

/// What is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ChangeKind {
    HostAdded,
    HostRemoved,
    MethodAdded,
    MethodRemoved,
    SecretAdded,
    SecretRemoved,
    SecretHostAdded,
    SecretHostRemoved,
    ScopeAdded,
    ScopeRemoved,
    VariableAdded,
    VariableRemoved,
    BuiltInAdded,
    BuiltInRemoved,
    ToolAdded,
    ToolRemoved,
    /// A property of the effect class that is worse: no longer read-only, destructive, not repeatable, reaching outside.
    EffectsWorse,
    EffectsBetter,
    ConsentAdded,
    InputBroken,
    OutputBroken,
    /// What is sent: path, static parameters and headers, body, where inputs go, how the credential is placed.
    RequestChanged,
    /// What goes from one step of a flow to another, or whether a step runs.
    WiringChanged,
    /// A text that models read.
    TextChanged,
}

impl ChangeKind {
    /// Its stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HostAdded => "host_added",
            Self::HostRemoved => "host_removed",
            Self::MethodAdded => "method_added",
            Self::MethodRemoved => "method_removed",
            Self::SecretAdded => "secret_added",
            Self::SecretRemoved => "secret_removed",
            Self::SecretHostAdded => "secret_host_added",
            Self::SecretHostRemoved => "secret_host_removed",
            Self::ScopeAdded => "scope_added",
            Self::ScopeRemoved => "scope_removed",
            Self::VariableAdded => "variable_added",
            Self::VariableRemoved => "variable_removed",
            Self::BuiltInAdded => "built_in_added",
            Self::BuiltInRemoved => "built_in_removed",
            Self::ToolAdded => "tool_added",
            Self::ToolRemoved => "tool_removed",
            Self::EffectsWorse => "effects_worse",
            Self::EffectsBetter => "effects_better",
            Self::ConsentAdded => "consent_added",
            Self::InputBroken => "input_broken",
            Self::OutputBroken => "output_broken",
            Self::RequestChanged => "request_changed",
            Self::WiringChanged => "wiring_changed",
            Self::TextChanged => "text_changed",
        }
    }

    /// Whether an admin has to accept it: it allows more, sends something else, breaks callers, or tells models something else.
    pub const fn must_be_accepted(self) -> bool {
        match self {
            Self::HostAdded
            | Self::MethodAdded
            | Self::SecretAdded
            | Self::SecretHostAdded
            | Self::ScopeAdded
            | Self::VariableAdded
            | Self::BuiltInAdded
            | Self::ToolAdded
            | Self::EffectsWorse
            | Self::ConsentAdded
            | Self::InputBroken
            | Self::OutputBroken
            | Self::RequestChanged
            | Self::WiringChanged
            | Self::TextChanged => true,
            Self::HostRemoved
            | Self::MethodRemoved
            | Self::SecretRemoved
            | Self::SecretHostRemoved
            | Self::ScopeRemoved
            | Self::VariableRemoved
            | Self::BuiltInRemoved
            | Self::ToolRemoved
            | Self::EffectsBetter => false,
        }
    }
}

/// One difference between two contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is different.
    pub kind: ChangeKind,
    /// Of what: a host, a secret's name, a JSON pointer behind a document's id.
    pub subject: String,
    /// More about it.
    pub detail: Option<String>,
}

/// Every difference that matters to whoever has the old content installed, worst kinds first as they are listed in [`ChangeKind`].
/// Both sides have the same ids and bindings.
pub fn changes(old: (&Manifest, &Needs), new: (&Manifest, &Needs)) -> Vec<Change> {
    let (before, now) = (old.1, new.1);
    let mut found = Vec::new();
    sets(
        (&before.hosts, &now.hosts),
        (ChangeKind::HostAdded, ChangeKind::HostRemoved),
        &mut found,
    );
    sets(
        (&before.methods, &now.methods),
        (ChangeKind::MethodAdded, ChangeKind::MethodRemoved),
        &mut found,
    );
    secrets(before, now, &mut found);
    sets(
        (&before.scopes, &now.scopes),
        (ChangeKind::ScopeAdded, ChangeKind::ScopeRemoved),
        &mut found,
    );
    sets(
        (&variables(before), &variables(now)),
        (ChangeKind::VariableAdded, ChangeKind::VariableRemoved),
        &mut found,
    );
    sets(
        (&before.built_in, &now.built_in),
        (ChangeKind::BuiltInAdded, ChangeKind::BuiltInRemoved),
        &mut found,
    );
    sets(
        (&parts(old.0), &parts(new.0)),
        (ChangeKind::ToolAdded, ChangeKind::ToolRemoved),
        &mut found,
    );
    effects(before, now, &mut found);
    if now.consent && !before.consent {
        found.push(change(ChangeKind::ConsentAdded, "a person's account"));
    }
    for was in old.0.documents() {
        let is = new
            .0
            .documents()
            .find(|other| (other.kind, &other.id) == (was.kind, &was.id));
        if let Some(is) = is {
            documents(was, is, &mut found);
        }
    }
    found
}

fn change(kind: ChangeKind, subject: impl Into<String>) -> Change {
    Change {
        kind,
        subject: subject.into(),
        detail: None,
    }
}

fn sets(
    (before, now): (&BTreeSet<String>, &BTreeSet<String>),
    (added, removed): (ChangeKind, ChangeKind),
    found: &mut Vec<Change>,
) {
    found.extend(now.difference(before).map(|one| change(added, one)));
    found.extend(before.difference(now).map(|one| change(removed, one)));
}

fn variables(needs: &Needs) -> BTreeSet<String> {
    let names = needs.variables.iter();
    names.map(|variable| variable.name.clone()).collect()
}

fn parts(manifest: &Manifest) -> BTreeSet<String> {
    manifest.parts.iter().map(|part| part.id.clone()).collect()
}

fn secrets(before: &Needs, now: &Needs, found: &mut Vec<Change>) {
    let by_name = |needs: &Needs| -> BTreeMap<String, BTreeSet<String>> {
        let secrets = needs.secrets.iter();
        secrets
            .map(|secret| (secret.name.clone(), secret.hosts.clone()))
            .collect()
    };
    let (before, now) = (by_name(before), by_name(now));
    for (name, hosts) in &now {
        let listed = hosts.iter().cloned().collect::<Vec<_>>().join(", ");
        match before.get(name) {
            None => found.push(Change {
                detail: Some(format!("sent to {listed}")),
                ..change(ChangeKind::SecretAdded, name)
            }),
            Some(known) => {
                let told = |kind, host: &String| Change {
                    detail: Some(host.clone()),
                    ..change(kind, name)
                };
                found.extend(
                    hosts
                        .difference(known)
                        .map(|host| told(ChangeKind::SecretHostAdded, host)),
                );
                found.extend(
                    known
                        .difference(hosts)
                        .map(|host| told(ChangeKind::SecretHostRemoved, host)),
                );
            }
        }
    }
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    found.extend(gone.map(|name| change(ChangeKind::SecretRemoved, name)));
}

fn effects(before: &Needs, now: &Needs, found: &mut Vec<Change>) {
    // Each with whether true is the harmless value.
    let facts = [
        ("read_only", before.read_only, now.read_only, true),
        ("destructive", before.destructive, now.destructive, false),
        ("idempotent", before.idempotent, now.idempotent, true),
        ("open_world", before.open_world, now.open_world, false),
    ];
    for (name, was, is, harmless) in facts {
        if was == is {
            continue;
        }
        let kind = match is == harmless {
            true => ChangeKind::EffectsBetter,
            false => ChangeKind::EffectsWorse,
        };
        found.push(Change {
            detail: Some(format!("was {was}, is {is}")),
            ..change(kind, name)
        });
    }
}

fn documents(was: &Document, is: &Document, found: &mut Vec<Change>) {
    let empty = Value::Object(serde_json::Map::new());
    let schema = |document: &Document, name: &str| {
        document.value.get(name).cloned().unwrap_or(empty.clone())
    };
    for (name, side, kind) in [
        ("input_schema", Side::Input, ChangeKind::InputBroken),
        ("output_schema", Side::Output, ChangeKind::OutputBroken),
    ] {
        let broken = breaks(side, &schema(was, name), &schema(is, name));
        found.extend(broken.into_iter().map(|broken| Change {
            detail: Some(broken.what),
            ..change(kind, format!("{}/{name}{}", is.id, broken.pointer))
        }));
    }
    sent(was, is, found);
    if was.kind == Kind::Prompt {
        let told = [
            "instructions",
            "template",
            "messages",
            "model",
            "text_format",
        ];
        texts(was, is, &told, found);
        let (before, now) = (variables_of(was), variables_of(is));
        if before != now {
            found.push(change(
                ChangeKind::InputBroken,
                format!("{}/variables", is.id),
            ));
        }
    }
    texts(was, is, &["name", "title", "description"], found);
    let (before, now) = (schema_texts(was), schema_texts(is));
    if before != now {
        found.push(change(
            ChangeKind::TextChanged,
            format!("{}/input_schema", is.id),
        ));
    }
}

/// Members of a document that say what is sent: of a tool to its API, of a flow to its tools.
const SENT: [&str; 8] = [
    "/api/path",
    "/api/params",
    "/api/headers",
    "/api/auth",
    "/api/connection_vars",
    "/body",
    "/mapping",
    "/idempotency",
];

fn sent(was: &Document, is: &Document, found: &mut Vec<Change>) {
    match is.kind {
        Kind::Tool => {
            for pointer in SENT {
                if sent_part(&was.value, pointer) != sent_part(&is.value, pointer) {
                    let subject = format!("{}{pointer}", is.id);
                    found.push(change(ChangeKind::RequestChanged, subject));
                }
            }
        }
        Kind::Flow => {
            for name in ["steps", "output"] {
                if was.value.get(name) != is.value.get(name) {
                    let subject = format!("{}/{name}", is.id);
                    found.push(change(ChangeKind::WiringChanged, subject));
                }
            }
        }
        Kind::Prompt => {}
    }
}

/// The value there; of `mapping` without what is made of the answer.
fn sent_part(document: &Value, pointer: &str) -> Option<Value> {
    let mut value = document.pointer(pointer)?.clone();
    if pointer == "/mapping"
        && let Some(mapping) = value.as_object_mut()
    {
        mapping.retain(|name, _| name.starts_with("input_"));
    }
    Some(value)
}

fn variables_of(prompt: &Document) -> Option<&Value> {
    prompt.value.get("variables")
}

fn texts(was: &Document, is: &Document, names: &[&str], found: &mut Vec<Change>) {
    for name in names {
        let (before, now) = (was.value.get(name), is.value.get(name));
        if before != now {
            let text = now.and_then(Value::as_str).map(str::to_owned);
            found.push(Change {
                detail: text,
                ..change(ChangeKind::TextChanged, format!("{}/{name}", is.id))
            });
        }
    }
}

/// Every description and title of the schemas, in their order.
fn schema_texts(document: &Document) -> Vec<String> {
    fn gather(value: &Value, texts: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| gather(item, texts)),
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(text) if matches!(name.as_str(), "description" | "title") => {
                            texts.push(text.clone());
                        }
                        other => gather(other, texts),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut texts = Vec::new();
    for name in ["input_schema", "output_schema"] {
        if let Some(schema) = document.value.get(name) {
            gather(schema, &mut texts);
        }
    }
    texts
}
