//! What an install fills in: its own secrets and values where the manifest names them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Kind, Manifest, references};
use crate::fault::Fault;
use crate::ids::SecretName;
use crate::path::escape_token;

/// What stands for what in one install.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bindings {
    /// The workspace's secret for each of the manifest's that has another name here.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// The value of each connection variable that is bound.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

/// Every fault of bindings, with pointers such as `/secrets/API_KEY`.
pub type BindingsError = Vec<Fault>;

impl Bindings {
    /// These bindings with the others over them.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        self.secrets.extend(other.secrets.clone());
        self.variables.extend(other.variables.clone());
        self
    }

    /// Only those whose secrets and variables there are: an update may have dropped some.
    #[must_use]
    pub fn kept(mut self, secrets: &[&str], variables: &[&str]) -> Self {
        self.secrets
            .retain(|name, _| secrets.contains(&name.as_str()));
        self.variables
            .retain(|name, _| variables.contains(&name.as_str()));
        self
    }

    /// Whether everything bound is there to be bound, and every secret's name is one. Values of variables are checked with
    /// the whole document.
    ///
    /// # Errors
    /// Every fault.
    pub fn check(&self, secrets: &[&str], variables: &[&str]) -> Result<(), BindingsError> {
        let mut faults = Vec::new();
        let unknown = |place: &str, name: &str, known: &[&str]| {
            let pointer = format!("/{place}/{}", escape_token(name));
            let fault = Fault::new(
                pointer,
                "unknown_field",
                "what is installed needs no such thing",
            );
            match known {
                [] => fault.hint("it needs none"),
                known => fault.hint(format!("it needs {}", known.join(", "))),
            }
        };
        for (name, own) in &self.secrets {
            if !secrets.contains(&name.as_str()) {
                faults.push(unknown("secrets", name, secrets));
            } else if let Err(error) = own.parse::<SecretName>() {
                let pointer = format!("/secrets/{}", escape_token(name));
                faults.push(Fault::new(pointer, "invalid_value", error.to_string()));
            }
        }
        for name in self.variables.keys() {
            if !variables.contains(&name.as_str()) {
                faults.push(unknown("variables", name, variables));
            }
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(faults),
        }
    }

    /// The manifest as it is installed: with these secrets and values, and each document under its local id. `local` says it of
    /// an id of the manifest.
    #[must_use]
    pub fn apply(&self, manifest: &Manifest, local: impl Fn(Kind, &str) -> String) -> Manifest {
        let called: BTreeMap<&str, String> = manifest
            .parts
            .iter()
            .map(|part| (part.id.as_str(), local(part.kind, &part.id)))
            .collect();
        let mut bound = manifest.clone();
        for document in [&mut bound.root].into_iter().chain(&mut bound.parts) {
            document.id = local(document.kind, &document.id);
            references::rename(document.kind, &mut document.value, |id| {
                called.get(id).cloned()
            });
            if let Some(root) = document.value.as_object_mut() {
                root.insert("id".to_owned(), document.id.as_str().into());
            }
            if document.kind == Kind::Tool
                && let Some(api) = document.value.get_mut("api")
            {
                self.fill(api);
            }
        }
        bound
    }

    fn fill(&self, api: &mut Value) {
        if !self.secrets.is_empty() {
            for (name, member) in api.as_object_mut().into_iter().flatten() {
                if matches!(name.as_str(), "auth" | "headers" | "params") {
                    self.name_secrets(member);
                }
            }
        }
        let variables = api
            .get_mut("connection_vars")
            .and_then(Value::as_object_mut);
        for (name, variable) in variables.into_iter().flatten() {
            let Some(value) = self.variables.get(name) else {
                continue;
            };
            match variable {
                Value::Object(variable) => {
                    variable.insert("default".to_owned(), value.as_str().into());
                }
                other => *other = json!({ "default": value }),
            }
        }
    }

    fn name_secrets(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(named) = self.named(text) {
                    *text = named;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.name_secrets(item)),
            Value::Object(members) => members
                .values_mut()
                .for_each(|member| self.name_secrets(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The text with every `${NAME}` that is bound to another name; `None` when nothing changes. One pass: what was put in is not
    /// read again.
    fn named(&self, text: &str) -> Option<String> {
        let mut rest = text;
        let mut named = String::new();
        let mut changed = false;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}') else {
                break;
            };
            let own = self.secrets.get(name);
            changed |= own.is_some();
            named.push_str(before);
            named.push_str("${");
            named.push_str(own.map_or(name, String::as_str));
            named.push('}');
            rest = behind;
        }
        named.push_str(rest);
        changed.then_some(named)
    }
}
