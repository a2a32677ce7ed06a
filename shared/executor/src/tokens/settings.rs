//! What names a token's connection: its kind, its name, and the settings that the token is obtained with; pure.

use aws_lc_rs::digest::{SHA256, digest};
use domain::canonical;
use domain::config::{
    AuthorizationCode, ClientAuth, ConnectionOwner, Endpoint, JsonTemplate, JwtBearer, LoginBody,
    OAuth2, Template, TemplatePiece, TokenSource, TwoStep,
};
use domain::ids::{SecretName, ToolId};
use persistence::connections::ConnectionKey;
use serde_json::{Value, json};

/// `auth.method` of connections that people make.
pub(crate) const AUTHORIZATION_CODE: &str = "oauth2_authorization_code";

/// A connection as its tools name it.
pub(crate) struct Named {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) personal: bool,
    /// All that a token depends on; secrets by name, never by value.
    pub(crate) settings: Value,
    pub(crate) fingerprint: [u8; 32],
}

impl Named {
    /// The connection that a tool with this auth uses.
    pub(crate) fn of(source: &TokenSource, tool_id: &ToolId) -> Self {
        let (kind, name, personal, settings) = match source {
            TokenSource::ClientCredentials(client) => {
                let settings = client_settings(client);
                (
                    "oauth2_client_credentials",
                    "client_credentials",
                    false,
                    settings,
                )
            }
            TokenSource::AuthorizationCode(code) => {
                let name = code.connection.as_deref().unwrap_or(tool_id.as_str());
                let personal = code.per == ConnectionOwner::User;
                (AUTHORIZATION_CODE, name, personal, code_settings(code))
            }
            TokenSource::JwtBearer(jwt) => ("jwt_bearer", "jwt_bearer", false, jwt_settings(jwt)),
            TokenSource::TwoStep(login) => ("two_step", "two_step", false, login_settings(login)),
        };
        let mut fingerprint = [0; 32];
        let hash = digest(&SHA256, canonical::to_string(&settings).as_bytes());
        fingerprint.copy_from_slice(hash.as_ref());
        Self {
            kind,
            name: name.to_owned(),
            personal,
            settings,
            fingerprint,
        }
    }

    /// As the vault asks for it.
    pub(crate) fn key(&self) -> ConnectionKey<'_> {
        ConnectionKey {
            kind: self.kind,
            name: &self.name,
            personal: self.personal,
            fingerprint: &self.fingerprint,
            settings: &self.settings,
        }
    }
}

fn client_settings(client: &OAuth2) -> Value {
    json!({
        "token_url": url(&client.token_url),
        "client_id": text(&client.client_id),
        "client_secret": client.client_secret.as_ref().map(text),
        "client_auth": match client.client_auth {
            ClientAuth::Basic => "basic",
            ClientAuth::Post => "post",
            ClientAuth::None => "none",
        },
        "scopes": client.scopes,
        "token_params": texts(&client.token_params),
    })
}

fn code_settings(code: &AuthorizationCode) -> Value {
    let mut settings = client_settings(&code.client);
    settings["authorization_url"] = url(&code.authorization_url);
    settings["authorize_params"] = json!(code.authorize_params);
    settings["revoke_url"] = code.revoke_url.as_ref().map(url).into();
    settings
}

fn jwt_settings(jwt: &JwtBearer) -> Value {
    json!({
        "token_url": jwt.token_url.as_ref().map(url),
        "issuer": text(&jwt.issuer),
        "subject": jwt.subject.as_ref().map(text),
        "audience": jwt.audience,
        "key": text(&jwt.key),
        "key_encoding": format!("{:?}", jwt.key_encoding),
        "algorithm": format!("{:?}", jwt.algorithm),
        "key_id": jwt.key_id.as_ref().map(text),
        "scopes": jwt.scopes,
        "lifetime_s": jwt.lifetime_s,
        "claims": jwt.claims,
        "token_params": texts(&jwt.token_params),
    })
}

fn login_settings(login: &TwoStep) -> Value {
    json!({
        "token_url": url(&login.url),
        "method": login.method.as_str(),
        "body": match &login.body {
            LoginBody::None => Value::Null,
            LoginBody::Json(body) => json!({ "json": template(body) }),
            LoginBody::Form(fields) => json!({ "form": texts(fields) }),
        },
        "headers": texts(&login.headers),
        "basic": login.basic.as_ref().map(|(user, password)| [text(user), text(password)]),
        "token_path": login.token_path.0,
        "expires_in_path": login.expires_in_path.as_ref().map(|path| path.0.as_str()),
        "ttl_s": login.ttl_s,
    })
}

fn url(endpoint: &Endpoint) -> Value {
    endpoint.url().as_str().into()
}

/// Pieces, so that a text which looks like a secret's name is never taken for one.
fn text(template: &Template) -> Value {
    let pieces = template.0.iter().map(|piece| match piece {
        TemplatePiece::Text(text) => json!({ "text": text }),
        TemplatePiece::Secret(name) => json!({ "secret": name }),
        TemplatePiece::Token => json!({ "token": true }),
    });
    pieces.collect()
}

fn texts(pairs: &[(String, Template)]) -> Value {
    let pairs = pairs.iter().map(|(name, value)| json!([name, text(value)]));
    pairs.collect()
}

fn template(body: &JsonTemplate) -> Value {
    match body {
        JsonTemplate::Constant(value) => json!({ "constant": value }),
        JsonTemplate::Text(value) => text(value),
        JsonTemplate::List(items) => {
            json!({ "list": items.iter().map(template).collect::<Value>() })
        }
        JsonTemplate::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| json!([name, template(value)]));
            json!({ "object": members.collect::<Value>() })
        }
    }
}

/// What is needed to tell a provider that a connection has ended (RFC 7009), from its stored settings. `None`:
/// the provider has no such endpoint.
pub(crate) struct Revocation {
    pub(crate) url: url::Url,
    pub(crate) client_id: Template,
    pub(crate) client_secret: Option<Template>,
    pub(crate) client_auth: ClientAuth,
}

impl Revocation {
    pub(crate) fn read(settings: &Value) -> Option<Self> {
        Some(Self {
            url: settings["revoke_url"].as_str()?.parse().ok()?,
            client_id: stored(&settings["client_id"])?,
            client_secret: stored(&settings["client_secret"]),
            client_auth: match settings["client_auth"].as_str()? {
                "basic" => ClientAuth::Basic,
                "post" => ClientAuth::Post,
                _ => ClientAuth::None,
            },
        })
    }
}

fn stored(pieces: &Value) -> Option<Template> {
    let pieces = pieces.as_array()?.iter().map(|piece| {
        let secret = piece["secret"]
            .as_str()
            .and_then(|name| name.parse::<SecretName>().ok());
        match (piece["text"].as_str(), secret) {
            (Some(text), _) => Some(TemplatePiece::Text(text.to_owned())),
            (None, secret) => secret.map(TemplatePiece::Secret),
        }
    });
    pieces.collect::<Option<Vec<_>>>().map(Template)
}
