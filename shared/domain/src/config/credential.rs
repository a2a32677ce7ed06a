//! What `api.auth` says: which credential, where it goes, and how it is obtained or computed.

use serde_json::{Map, Value};

use super::{
    AwsSigV4, Condition, Endpoint, Hmac, JsonTemplate, KeyEncoding, Method, PathSegment,
    ResponsePath, Template,
};

/// `api.auth`: the credential of a tool.
#[derive(Clone, Debug, PartialEq)]
pub enum Auth {
    /// No credential.
    None,
    /// A header of its own (default `X-API-Key`).
    ApiKeyHeader {
        /// Header name.
        key_name: String,
        /// The value, prefix included.
        secret: Template,
    },
    /// A query parameter (default `apikey`).
    ApiKeyQuery {
        /// Parameter name.
        key_name: String,
        /// The value, prefix included.
        secret: Template,
    },
    /// A cookie (RFC 6265).
    ApiKeyCookie {
        /// Cookie name.
        key_name: String,
        /// The value, prefix included.
        secret: Template,
    },
    /// `Authorization: Bearer …`, or another header name or prefix.
    Bearer {
        /// Header name.
        key_name: String,
        /// `prefix` and a space, then the secret; as it is sent.
        secret: Template,
    },
    /// RFC 7617: `Authorization: Basic base64(username:password)`.
    Basic {
        /// User name.
        username: Template,
        /// Password.
        password: Template,
    },
    /// Several places at once.
    Custom {
        /// At least one.
        placements: Vec<Placement>,
    },
    /// A keyed hash over parts of the request (RFC 2104).
    Hmac(Hmac),
    /// AWS Signature Version 4.
    AwsSigV4(AwsSigV4),
    /// A token that is obtained first and then sent.
    Token(Box<TokenAuth>),
}

/// One place of a custom credential.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// Where.
    pub place: Place,
    /// Name of the header, parameter or cookie.
    pub name: String,
    /// The value.
    pub value: Template,
}

/// Where a credential can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Place {
    Header,
    Query,
    Cookie,
}

/// A token that is obtained first, and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenAuth {
    /// Where it stands in the tool's calls; a header unless stated.
    pub place: Place,
    /// Name of the header, parameter or cookie; `Authorization` unless stated.
    pub key_name: String,
    /// Stands before the token with a space; `Bearer` in `Authorization` unless stated, may be empty.
    pub prefix: String,
    /// Where it comes from.
    pub source: TokenSource,
}

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenSource {
    /// RFC 6749, 4.4.
    ClientCredentials(OAuth2),
    /// RFC 6749, 4.1, with PKCE (RFC 7636).
    AuthorizationCode(AuthorizationCode),
    /// RFC 7523.
    JwtBearer(JwtBearer),
    /// A login call whose answer holds the token.
    TwoStep(TwoStep),
}

impl TokenSource {
    /// Where the token is asked for; `None` when it is made here.
    pub const fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::ClientCredentials(client) => Some(&client.token_url),
            Self::AuthorizationCode(code) => Some(&code.client.token_url),
            Self::JwtBearer(jwt) => jwt.token_url.as_ref(),
            Self::TwoStep(login) => Some(&login.url),
        }
    }
}

/// A token that a person grants in a browser.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthorizationCode {
    /// Client and token endpoint.
    pub client: OAuth2,
    /// Where the person is asked; may have a query of its own.
    pub authorization_url: Endpoint,
    /// Further parameters of that URL (`audience`, `access_type`, `prompt`, …).
    pub authorize_params: Vec<(String, String)>,
    /// Whose connection it is; the user's unless stated.
    pub per: ConnectionOwner,
    /// Name under which tools share a connection; the tool's id unless stated.
    pub connection: Option<String>,
    /// RFC 7009.
    pub revoke_url: Option<Endpoint>,
}

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ConnectionOwner {
    User,
    Workspace,
}

/// An OAuth 2 client at a token endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct OAuth2 {
    /// The token endpoint.
    pub token_url: Endpoint,
    /// Public, or `${NAME}`.
    pub client_id: Template,
    /// `None` for a public client.
    pub client_secret: Option<Template>,
    /// How the client names itself.
    pub client_auth: ClientAuth,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Further parameters of the token request (`audience`, `resource`, …); values may hold `${NAME}`.
    /// Of client credentials a `grant_type` here replaces `client_credentials`.
    pub token_params: Vec<(String, Template)>,
}

impl OAuth2 {
    /// Every text that may hold a secret.
    pub fn templates(&self) -> Vec<&Template> {
        let params = self.token_params.iter().map(|(_, value)| value);
        let secret = self.client_secret.as_ref();
        [&self.client_id]
            .into_iter()
            .chain(secret)
            .chain(params)
            .collect()
    }
}

/// How a client names itself at the token endpoint (RFC 6749, 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ClientAuth {
    Basic,
    Post,
    None,
}

/// A signed assertion.
#[derive(Clone, Debug, PartialEq)]
pub struct JwtBearer {
    /// Where it is exchanged for a token; `None`: the assertion itself is the token.
    pub token_url: Option<Endpoint>,
    /// `iss`.
    pub issuer: Template,
    /// `sub`.
    pub subject: Option<Template>,
    /// `aud`; the token endpoint unless stated. A direct one may have none.
    pub audience: Option<String>,
    /// The private key (PEM), or the shared key of HS256, HS384 and HS512.
    pub key: Template,
    /// How a shared key's text is read; text unless stated.
    pub key_encoding: KeyEncoding,
    /// The signature's algorithm; RS256 unless stated.
    pub algorithm: JwtAlgorithm,
    /// `kid`.
    pub key_id: Option<Template>,
    /// `scope`, joined with spaces.
    pub scopes: Vec<String>,
    /// Lifetime of one assertion, in seconds.
    pub lifetime_s: u64,
    /// Further claims.
    pub claims: Map<String, Value>,
    /// Further parameters of the token request; values may hold `${NAME}`.
    pub token_params: Vec<(String, Template)>,
}

/// Algorithms of a signed assertion (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are JOSE's")]
pub enum JwtAlgorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
    Hs256,
    Hs384,
    Hs512,
}

impl JwtAlgorithm {
    /// Whether the key is shared with whoever checks the signature.
    pub const fn is_shared(self) -> bool {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => true,
            Self::Rs256
            | Self::Rs384
            | Self::Rs512
            | Self::Ps256
            | Self::Ps384
            | Self::Ps512
            | Self::Es256
            | Self::Es384
            | Self::EdDsa => false,
        }
    }
}

/// A login call.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoStep {
    /// Where.
    pub url: Endpoint,
    /// POST unless stated.
    pub method: Method,
    /// What is sent.
    pub body: LoginBody,
    /// Headers; values may hold `${NAME}`.
    pub headers: Vec<(String, Template)>,
    /// User name and password of `Authorization: Basic`.
    pub basic: Option<(Template, Template)>,
    /// Where the token stands in the answer.
    pub token_path: ResponsePath,
    /// Where its lifetime in seconds stands.
    pub expires_in_path: Option<ResponsePath>,
    /// Lifetime when the answer does not say, in seconds.
    pub ttl_s: u64,
}

impl TwoStep {
    /// Every text of the login that may hold a secret.
    pub fn templates(&self) -> Vec<&Template> {
        let body = match &self.body {
            LoginBody::None => Vec::new(),
            LoginBody::Json(body) => body.texts(),
            LoginBody::Form(pairs) => pairs.iter().map(|(_, value)| value).collect(),
        };
        let basic = self
            .basic
            .iter()
            .flat_map(|(user, password)| [user, password]);
        let headers = self.headers.iter().map(|(_, value)| value);
        body.into_iter().chain(basic).chain(headers).collect()
    }
}

/// The body of a login call.
#[derive(Clone, Debug, PartialEq)]
pub enum LoginBody {
    /// None.
    None,
    /// `application/json`.
    Json(JsonTemplate),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, Template)>),
}

/// `auth.verify`: the call that tests a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Verify {
    /// GET unless stated.
    pub method: Method,
    /// Segments of `base_url`'s path followed by those of its own path.
    pub path: Vec<PathSegment>,
    /// Whether the path ends with a slash.
    pub trailing_slash: bool,
    /// What must hold besides a status of 200 to 299.
    pub success_when: Option<Condition>,
}
