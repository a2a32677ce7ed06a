//! What an install of a manifest has to bind, and what it allows.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::binding;
use crate::config::{Auth, Effects, Endpoint, Piece, TokenSource, ToolConfig};

/// A secret that has to be there, under this name or another that is bound to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeededSecret {
    /// Its name in the manifest.
    pub name: String,
    /// Where it is sent; a host may hold `{variables}`.
    pub hosts: BTreeSet<String>,
}

/// A connection variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeededVariable {
    /// Its name.
    pub name: String,
    /// The only values that it may have; empty: any that `pattern` allows.
    #[serde(rename = "enum", default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// A regular expression that the whole value matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What it is unless it is bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What an install has to bind and what it allows, over all tools of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Secrets, by name.
    pub secrets: Vec<NeededSecret>,
    /// Connection variables, by name.
    pub variables: Vec<NeededVariable>,
    /// Scopes of OAuth 2 that are asked for.
    pub scopes: BTreeSet<String>,
    /// Every host that may be called, with its port unless that is 443; it may hold `{variables}`.
    pub hosts: BTreeSet<String>,
    /// Every HTTP method that is used.
    pub methods: BTreeSet<String>,
    /// Code-based tools that it calls.
    pub built_in: BTreeSet<String>,
    /// Whether a person has to connect an account.
    pub consent: bool,
    /// Changes nothing.
    pub read_only: bool,
    /// May remove or overwrite.
    pub destructive: bool,
    /// Twice is as good as once.
    pub idempotent: bool,
    /// Reaches things outside of the workspace.
    pub open_world: bool,
}

impl Default for Needs {
    /// Of what calls nothing.
    fn default() -> Self {
        Self {
            secrets: Vec::new(),
            variables: Vec::new(),
            scopes: BTreeSet::new(),
            hosts: BTreeSet::new(),
            methods: BTreeSet::new(),
            built_in: BTreeSet::new(),
            consent: false,
            read_only: true,
            destructive: false,
            idempotent: true,
            open_world: false,
        }
    }
}

impl Needs {
    /// What these tools need together.
    pub fn of<'c>(configs: impl IntoIterator<Item = &'c ToolConfig>) -> Self {
        let mut needs = Self::default();
        let mut secrets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut variables: BTreeMap<String, NeededVariable> = BTreeMap::new();
        for config in configs {
            let hosts = hosts(config);
            for named in binding::named(config) {
                let known = secrets.entry(named.name.to_string()).or_default();
                match named.hosts {
                    Some(named) => known.extend(named),
                    // A variable in one of them has no value yet: where it goes is not known better.
                    None => known.extend(hosts.iter().cloned()),
                }
            }
            for variable in &config.api.connection_vars {
                variables
                    .entry(variable.name.clone())
                    .or_insert_with(|| NeededVariable {
                        name: variable.name.clone(),
                        allowed: variable.allowed.clone(),
                        pattern: variable.pattern.clone(),
                        value: variable.value().map(str::to_owned),
                    });
            }
            needs.hosts.extend(hosts);
            needs.methods.insert(config.api.method.as_str().to_owned());
            needs.add_auth(&config.api.auth);
            needs.add_effects(config.effects);
        }
        needs.secrets = secrets
            .into_iter()
            .map(|(name, hosts)| NeededSecret { name, hosts })
            .collect();
        needs.variables = variables.into_values().collect();
        needs
    }

    /// Adds a code-based tool.
    pub fn add_built_in(&mut self, id: &str, effects: Effects) {
        self.built_in.insert(id.to_owned());
        self.add_effects(effects);
    }

    fn add_effects(&mut self, effects: Effects) {
        self.read_only &= effects.read_only;
        self.destructive |= effects.destructive;
        self.idempotent &= effects.idempotent;
        self.open_world |= effects.open_world;
    }

    fn add_auth(&mut self, auth: &Auth) {
        let Auth::Token(token) = auth else { return };
        match &token.source {
            TokenSource::ClientCredentials(client) => {
                self.scopes.extend(client.scopes.iter().cloned());
            }
            TokenSource::AuthorizationCode(code) => {
                self.consent = true;
                self.scopes.extend(code.client.scopes.iter().cloned());
            }
            TokenSource::JwtBearer(_) | TokenSource::TwoStep(_) => {}
        }
    }
}

/// Every host that a tool may reach: its own, those that redirects may lead to, the one that gives its token and the one where a
/// person consents.
fn hosts(config: &ToolConfig) -> BTreeSet<String> {
    let api = &config.api;
    let mut hosts = BTreeSet::from([own_host(config)]);
    hosts.extend(api.allowed_hosts.iter().cloned());
    if let Auth::Token(token) = &api.auth {
        hosts.extend(token.source.endpoint().map(Endpoint::bound_host));
        if let TokenSource::AuthorizationCode(code) = &token.source {
            hosts.insert(code.authorization_url.bound_host());
            hosts.extend(code.revoke_url.as_ref().map(Endpoint::bound_host));
        }
    }
    hosts
}

/// The host as it is written, with the values of variables that have one.
fn own_host(config: &ToolConfig) -> String {
    if let Some(host) = binding::host(config) {
        return host;
    }
    let base = &config.api.base_url;
    let mut host = String::new();
    for piece in &base.host {
        match piece {
            Piece::Text(text) => host.push_str(text),
            Piece::Placeholder(name) => {
                host.push('{');
                host.push_str(name);
                host.push('}');
            }
        }
    }
    match base.port {
        443 => host,
        port => format!("{host}:{port}"),
    }
}
