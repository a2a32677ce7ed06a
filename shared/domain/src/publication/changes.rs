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
    /// Anything else that is not known to be harmless: what is made of an answer, what is kept out of storage.
    OtherChanged,
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
            Self::OtherChanged => "other_changed",
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
            | Self::OtherChanged
            | Self::ToolRemoved
            | Self::TextChanged => true,
            Self::HostRemoved
            | Self::MethodRemoved
            | Self::SecretRemoved
            | Self::SecretHostRemoved
            | Self::ScopeRemoved
            | Self::VariableRemoved
            | Self::BuiltInRemoved
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
    parts(old.0, new.0, &mut found);
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

/// What is brought along no longer, and what is new: a flow in the place of a tool of that id is both.
fn parts(before: &Manifest, now: &Manifest, found: &mut Vec<Change>) {
    let has = |manifest: &Manifest, part: &Document| {
        let mut parts = manifest.parts.iter();
        parts.any(|other| (other.kind, &other.id) == (part.kind, &part.id))
    };
    let added = now.parts.iter().filter(|part| !has(before, part));
    found.extend(added.map(|part| change(ChangeKind::ToolAdded, &part.id)));
    let removed = before.parts.iter().filter(|part| !has(now, part));
    found.extend(removed.map(|part| change(ChangeKind::ToolRemoved, &part.id)));
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

/// Members of a tool that change nothing that anybody has to accept: how long is waited, how often is tried, how it is found.
const HARMLESS: [&str; 6] = ["id", "tags", "enabled", "retry", "limits", "cache"];

/// The same of its `api`.
const HARMLESS_API: [&str; 4] = [
    "timeout",
    "timeout_ms",
    "connect_timeout_ms",
    "max_response_bytes",
];

/// The same of a flow.
const HARMLESS_FLOW: [&str; 5] = ["id", "tags", "enabled", "timeout_ms", "max_concurrency"];

/// Members of a tool that say what is sent.
const SENT: [&str; 2] = ["body", "idempotency"];

/// Every difference between two versions of one document. What is not known to be harmless is told.
fn documents(was: &Document, is: &Document, found: &mut Vec<Change>) {
    for name in differing(&was.value, &is.value) {
        let subject = format!("{}/{name}", is.id);
        match (is.kind, name) {
            (_, "name" | "title" | "description") => {
                let text = is.value.get(name).and_then(Value::as_str);
                found.push(Change {
                    detail: text.map(str::to_owned),
                    ..change(ChangeKind::TextChanged, subject)
                });
            }
            (_, "input_schema") => schema(was, is, name, Side::Input, found),
            (_, "output_schema") => schema(was, is, name, Side::Output, found),
            (Kind::Tool, name) if HARMLESS.contains(&name) => {}
            (Kind::Flow, name) if HARMLESS_FLOW.contains(&name) => {}
            (Kind::Prompt, "id" | "tags") => {}
            (Kind::Tool, "api") => {
                let part = |document: &Document| document.value["api"].clone();
                for name in differing(&part(was), &part(is)) {
                    if !HARMLESS_API.contains(&name) {
                        let subject = format!("{}/api/{name}", is.id);
                        found.push(change(ChangeKind::RequestChanged, subject));
                    }
                }
            }
            (Kind::Tool, "mapping") => mapping(was, is, found),
            (Kind::Tool, name) if SENT.contains(&name) => {
                found.push(change(ChangeKind::RequestChanged, subject));
            }
            (Kind::Tool, _) => found.push(change(ChangeKind::OtherChanged, subject)),
            (Kind::Flow, _) => found.push(change(ChangeKind::WiringChanged, subject)),
            (Kind::Prompt, _) => found.push(change(ChangeKind::TextChanged, subject)),
        }
    }
}

/// Names of members that differ between two objects, in their order, those that are gone last.
fn differing<'v>(was: &'v Value, is: &'v Value) -> Vec<&'v str> {
    let now = is.as_object().into_iter().flatten();
    let changed = now.filter(|(name, value)| was.get(name.as_str()) != Some(*value));
    let before = was.as_object().into_iter().flatten();
    let gone = before.filter(|(name, _)| is.get(name.as_str()).is_none());
    let names = changed.chain(gone);
    names.map(|(name, _)| name.as_str()).collect()
}

/// A schema breaks callers, or it says something else to models: other choices, names, defaults and descriptions are read by them.
fn schema(was: &Document, is: &Document, name: &str, side: Side, found: &mut Vec<Change>) {
    let empty = Value::Object(serde_json::Map::new());
    let part = |document: &Document| document.value.get(name).cloned().unwrap_or(empty.clone());
    let kind = match side {
        Side::Input => ChangeKind::InputBroken,
        Side::Output => ChangeKind::OutputBroken,
    };
    let broken = breaks(side, &part(was), &part(is));
    if broken.is_empty() {
        let subject = format!("{}/{name}", is.id);
        found.push(change(ChangeKind::TextChanged, subject));
    }
    found.extend(broken.into_iter().map(|broken| Change {
        detail: Some(broken.what),
        ..change(kind, format!("{}/{name}{}", is.id, broken.pointer))
    }));
}

/// Where inputs go is sent; the rest of a mapping makes the output.
fn mapping(was: &Document, is: &Document, found: &mut Vec<Change>) {
    let part = |document: &Document| document.value.get("mapping").cloned().unwrap_or_default();
    let (was, now) = (part(was), part(is));
    let differing = differing(&was, &now);
    let (sent, read): (Vec<&str>, Vec<&str>) = differing
        .into_iter()
        .partition(|name| name.starts_with("input_"));
    for (names, kind) in [
        (sent, ChangeKind::RequestChanged),
        (read, ChangeKind::OtherChanged),
    ] {
        found.extend(
            names
                .into_iter()
                .map(|name| change(kind, format!("{}/mapping/{name}", is.id))),
        );
    }
}
