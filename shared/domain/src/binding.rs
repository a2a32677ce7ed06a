//! Which secrets a tool names, and the hosts that it sends each of them to.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{
    Auth, ConnectionVar, Endpoint, MessagePart, Piece, SignaturePiece, Template, TokenSource,
    ToolConfig,
};
use crate::ids::SecretName;

/// A secret that a tool names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: SecretName,
    /// Every host that it is sent to, and every host that a token which it brings is sent to; with its port
    /// unless that is 443. `None` when a connection variable in one has no value of its own.
    pub hosts: Option<Vec<String>>,
}

/// Every secret that the config names, once each, by name.
pub fn secrets(config: &ToolConfig) -> Vec<SecretName> {
    named(config).into_iter().map(|named| named.name).collect()
}

/// Every secret that the config names, once each, by name, with its hosts.
pub fn named(config: &ToolConfig) -> Vec<Named> {
    let own = host(config);
    let own: Option<BTreeSet<String>> = own.map(|host| BTreeSet::from([host]));
    let (at_token, both) = match &config.api.auth {
        Auth::Token(token) => {
            let endpoint = token.source.endpoint().map(Endpoint::bound_host);
            let mut both = own.clone();
            if let (Some(hosts), Some(endpoint)) = (&mut both, endpoint) {
                hosts.insert(endpoint);
            }
            (obtaining(&token.source), both)
        }
        Auth::None
        | Auth::ApiKeyHeader { .. }
        | Auth::ApiKeyQuery { .. }
        | Auth::ApiKeyCookie { .. }
        | Auth::Bearer { .. }
        | Auth::Basic { .. }
        | Auth::Custom { .. }
        | Auth::Hmac(_)
        | Auth::AwsSigV4(_) => (Vec::new(), own.clone()),
    };
    let statics = config.api.headers.iter().chain(&config.api.params);
    let statics = statics.map(|(_, template)| template);
    let placed = statics.chain(placed(&config.api.auth));
    let signing = signing(&config.api.auth);
    let mut found: BTreeMap<&SecretName, Option<BTreeSet<String>>> = BTreeMap::new();
    for (name, hosts) in placed
        .flat_map(Template::secrets)
        .chain(signing)
        .map(|name| (name, &own))
        .chain(
            at_token
                .into_iter()
                .flat_map(Template::secrets)
                .map(|name| (name, &both)),
        )
    {
        let known = found.entry(name).or_insert_with(|| Some(BTreeSet::new()));
        match (known.as_mut(), hosts) {
            (Some(known), Some(hosts)) => known.extend(hosts.iter().cloned()),
            (None, _) | (Some(_), None) => *known = None,
        }
    }
    let named = found.into_iter().map(|(name, hosts)| Named {
        name: name.clone(),
        hosts: hosts.map(|hosts| hosts.into_iter().collect()),
    });
    named.collect()
}

/// The templates that stand in the tool's own calls.
fn placed(auth: &Auth) -> Vec<&Template> {
    match auth {
        Auth::None | Auth::Hmac(_) | Auth::AwsSigV4(_) | Auth::Token(_) => Vec::new(),
        Auth::ApiKeyHeader { secret, .. }
        | Auth::ApiKeyQuery { secret, .. }
        | Auth::ApiKeyCookie { secret, .. }
        | Auth::Bearer { secret, .. } => vec![secret],
        Auth::Basic { username, password } => vec![username, password],
        Auth::Custom { placements } => placements.iter().map(|placed| &placed.value).collect(),
    }
}

/// The secrets that a signature is made with: no draft names them.
pub fn signing(auth: &Auth) -> Vec<&SecretName> {
    match auth {
        Auth::None
        | Auth::ApiKeyHeader { .. }
        | Auth::ApiKeyQuery { .. }
        | Auth::ApiKeyCookie { .. }
        | Auth::Bearer { .. }
        | Auth::Basic { .. }
        | Auth::Custom { .. }
        | Auth::Token(_) => Vec::new(),
        Auth::Hmac(hmac) => {
            let signed = hmac.message.iter().flat_map(MessagePart::secrets);
            let written = hmac.value.iter().filter_map(|piece| match piece {
                SignaturePiece::Secret(name) => Some(name),
                SignaturePiece::Text(_)
                | SignaturePiece::Signature
                | SignaturePiece::Timestamp
                | SignaturePiece::Nonce => None,
            });
            hmac.secret.secrets().chain(signed).chain(written).collect()
        }
        Auth::AwsSigV4(aws) => [&aws.access_key, &aws.secret_key]
            .into_iter()
            .chain(&aws.session_token)
            .flat_map(Template::secrets)
            .collect(),
    }
}

/// The templates that a token is obtained with: they go to its endpoint.
pub fn obtaining(source: &TokenSource) -> Vec<&Template> {
    match source {
        TokenSource::ClientCredentials(client) => client.templates(),
        TokenSource::AuthorizationCode(code) => code.client.templates(),
        TokenSource::JwtBearer(jwt) => {
            let params = jwt.token_params.iter().map(|(_, value)| value);
            let claims = [Some(&jwt.issuer), jwt.subject.as_ref(), jwt.key_id.as_ref()];
            let claims = claims.into_iter().flatten();
            [&jwt.key].into_iter().chain(claims).chain(params).collect()
        }
        TokenSource::TwoStep(login) => login.templates(),
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
    variable.value()
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
