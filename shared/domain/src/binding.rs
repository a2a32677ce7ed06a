//! Which secrets a tool names, and the one host that it would send them to.

use std::collections::BTreeSet;

use crate::config::{Auth, ConnectionVar, Piece, Template, TokenSource, ToolConfig};
use crate::ids::SecretName;

/// Every secret that the config names, once each, by name.
pub fn secrets(config: &ToolConfig) -> Vec<SecretName> {
    let statics = config.api.headers.iter().chain(&config.api.params);
    let templates = statics
        .map(|(_, template)| template)
        .chain(credential(&config.api.auth));
    let names: BTreeSet<&SecretName> = templates.flat_map(Template::secrets).collect();
    names.into_iter().cloned().collect()
}

fn credential(auth: &Auth) -> Vec<&Template> {
    match auth {
        Auth::None => Vec::new(),
        Auth::ApiKeyHeader { secret, .. }
        | Auth::ApiKeyQuery { secret, .. }
        | Auth::ApiKeyCookie { secret, .. }
        | Auth::Bearer { secret, .. } => vec![secret],
        Auth::Basic { username, password } => vec![username, password],
        Auth::Custom { placements } => placements.iter().map(|placed| &placed.value).collect(),
        Auth::Hmac(_) | Auth::AwsSigV4(_) => signing(auth),
        Auth::Token(token) => obtaining(&token.source),
    }
}

/// The secrets that a signature is made with: they stand nowhere in the request.
pub fn signing(auth: &Auth) -> Vec<&Template> {
    match auth {
        Auth::None
        | Auth::ApiKeyHeader { .. }
        | Auth::ApiKeyQuery { .. }
        | Auth::ApiKeyCookie { .. }
        | Auth::Bearer { .. }
        | Auth::Basic { .. }
        | Auth::Custom { .. }
        | Auth::Token(_) => Vec::new(),
        Auth::Hmac(hmac) => vec![&hmac.secret],
        Auth::AwsSigV4(aws) => [&aws.access_key, &aws.secret_key]
            .into_iter()
            .chain(&aws.session_token)
            .collect(),
    }
}

/// The secrets that a token is obtained with: they go to its endpoint, not to the tool's host.
pub fn obtaining(source: &TokenSource) -> Vec<&Template> {
    match source {
        TokenSource::ClientCredentials(client) | TokenSource::AuthorizationCode { client, .. } => {
            [&client.client_id]
                .into_iter()
                .chain(&client.client_secret)
                .collect()
        }
        TokenSource::JwtBearer(jwt) => vec![&jwt.key],
        TokenSource::TwoStep(login) => login
            .body
            .iter()
            .chain(&login.headers)
            .map(|(_, value)| value)
            .collect(),
    }
}

/// The host of the config's calls as secrets are bound to it: with its port unless that is 443.
/// `None` when a connection variable in it has no value of its own.
pub fn host(config: &ToolConfig) -> Option<String> {
    let base = &config.api.base_url;
    let pieces: Option<Vec<&str>> = base
        .host
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Placeholder(name) => own_value(name, &config.api.connection_vars),
        })
        .collect();
    let host = pieces?.concat().to_ascii_lowercase();
    Some(match base.port {
        443 => host,
        port => format!("{host}:{port}"),
    })
}

fn own_value<'a>(name: &str, variables: &'a [ConnectionVar]) -> Option<&'a str> {
    let variable = variables.iter().find(|variable| variable.name == name)?;
    match (&variable.default, variable.allowed.as_slice()) {
        (Some(default), _) => Some(default),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config;
    use crate::egress::Policy;

    fn read(api: &serde_json::Value) -> ToolConfig {
        let document = json!({
            "name": "t", "description": "d", "api": api, "input_schema": {}, "output_schema": {},
        });
        config::read(&document, &Policy::default()).unwrap()
    }

    #[test]
    fn names_each_secret_once() {
        let config = read(&json!({
            "base_url": "https://api.example.com", "method": "GET",
            "headers": { "X-One": "Token ${ONE}" }, "params": { "again": "${ONE}" },
            "auth": { "method": "basic", "username_ref": "${USER}", "password_ref": "${TWO}" },
        }));
        let names = secrets(&config);
        let names: Vec<&str> = names.iter().map(SecretName::as_str).collect();
        assert_eq!(names, ["ONE", "TWO", "USER"]);
        assert_eq!(host(&config).as_deref(), Some("api.example.com"));
    }

    #[test]
    fn tells_a_port_that_is_not_443() {
        let config = read(&json!({ "base_url": "https://api.example.com:8443", "method": "GET" }));
        assert_eq!(host(&config).as_deref(), Some("api.example.com:8443"));
        assert_eq!(secrets(&config), []);
    }

    #[test]
    fn a_host_with_several_values_is_not_certain() {
        let api = |variable: serde_json::Value| {
            read(&json!({
                "base_url": "https://{region}.example.com", "method": "GET",
                "connection_vars": { "region": variable },
            }))
        };
        let chosen = api(json!({ "enum": ["eu", "us"], "default": "eu" }));
        assert_eq!(host(&chosen).as_deref(), Some("eu.example.com"));
        assert_eq!(host(&api(json!({ "enum": ["eu", "us"] }))), None);
    }
}
