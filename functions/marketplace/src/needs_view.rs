//! What an install has to bind and what it allows, as it is answered.

use std::collections::BTreeSet;

use domain::publication::{NeededSecret, NeededVariable, Needs};
use serde::Serialize;
use utoipa::ToSchema;

/// What something from the marketplace needs and may do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Needs)]
pub(crate) struct NeedsView {
    /// Secrets that have to be stored.
    secrets: Vec<SecretNeed>,
    /// Connection variables; those without a `value` have to be bound.
    variables: Vec<VariableNeed>,
    /// Scopes of OAuth 2 that are asked for.
    #[schema(value_type = Vec<String>, example = json!(["read:orders"]))]
    scopes: BTreeSet<String>,
    /// Whether a person has to connect an account (`POST /api/v1/connections`).
    consent: bool,
    /// Every host that may be called, with its port unless that is 443; it may hold `{variables}`.
    #[schema(value_type = Vec<String>, example = json!(["api.example.com"]))]
    hosts: BTreeSet<String>,
    /// Every HTTP method that is used.
    #[schema(value_type = Vec<String>, example = json!(["GET"]))]
    methods: BTreeSet<String>,
    /// Built-in tools that it calls.
    #[schema(value_type = Vec<String>)]
    built_in: BTreeSet<String>,
    effects: EffectsView,
}

/// A secret that has to be stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretNeed {
    /// Its name.
    #[schema(example = "QUOTE_API_KEY")]
    name: String,
    /// Where it is sent.
    #[schema(value_type = Vec<String>, example = json!(["api.example.com"]))]
    hosts: BTreeSet<String>,
    /// Whether the workspace has it; absent where it is not installed, and for viewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<bool>,
}

/// A connection variable.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VariableNeed {
    /// Its name.
    #[schema(example = "region")]
    name: String,
    /// The only values that it may have.
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, example = json!(["eu", "us"]))]
    allowed: Vec<String>,
    /// A regular expression that the whole value matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

/// What running it does to the world.
#[derive(Debug, Serialize, ToSchema)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct EffectsView {
    /// Changes nothing.
    read_only: bool,
    /// May remove or overwrite.
    destructive: bool,
    /// Twice is as good as once.
    idempotent: bool,
    /// Reaches things outside of the workspace.
    open_world: bool,
}

impl NeedsView {
    /// With what of it is there, if that is to be told.
    pub(crate) fn new(needs: Needs, stored: Option<&[String]>) -> Self {
        let secret = |secret: NeededSecret| SecretNeed {
            stored: stored.map(|stored| stored.contains(&secret.name)),
            name: secret.name,
            hosts: secret.hosts,
        };
        let variable = |variable: NeededVariable| VariableNeed {
            name: variable.name,
            allowed: variable.allowed,
            pattern: variable.pattern,
            value: variable.value,
        };
        Self {
            secrets: needs.secrets.into_iter().map(secret).collect(),
            variables: needs.variables.into_iter().map(variable).collect(),
            scopes: needs.scopes,
            consent: needs.consent,
            hosts: needs.hosts,
            methods: needs.methods,
            built_in: needs.built_in,
            effects: EffectsView {
                read_only: needs.read_only,
                destructive: needs.destructive,
                idempotent: needs.idempotent,
                open_world: needs.open_world,
            },
        }
    }

    /// Whether everything is bound, as far as it is known.
    pub(crate) fn is_met(&self) -> bool {
        let stored = |secret: &SecretNeed| secret.stored != Some(false);
        let bound = |variable: &VariableNeed| variable.value.is_some();
        self.secrets.iter().all(stored) && self.variables.iter().all(bound)
    }
}
