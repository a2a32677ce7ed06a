//! What `api.auth` says: which credential, where it goes, and how it is obtained or computed.

use serde_json::{Map, Value};

use super::{Condition, Method, PathSegment, Template};

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
    Token(TokenAuth),
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

/// A signature by HMAC.
#[derive(Clone, Debug, PartialEq)]
pub struct Hmac {
    /// The key.
    pub secret: Template,
    /// How the key's text is read.
    pub key_encoding: KeyEncoding,
    /// The hash.
    pub algorithm: HmacAlgorithm,
    /// How the signature is written.
    pub encoding: SignatureEncoding,
    /// What is signed, in order.
    pub message: Vec<MessagePart>,
    /// Stands between the parts.
    pub separator: String,
    /// Where the signature goes: header or query.
    pub place: Place,
    /// Name of that header or parameter.
    pub key_name: String,
    /// Stands before the signature.
    pub prefix: String,
    /// Where the time is sent, and how it is written.
    pub timestamp: Option<Timestamp>,
    /// Header in which a nonce is sent.
    pub nonce_header: Option<String>,
}

/// How an HMAC key's text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum KeyEncoding {
    Text,
    Hex,
    Base64,
}

/// Hashes of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum HmacAlgorithm {
    Sha1,
    Sha256,
    Sha512,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum SignatureEncoding {
    Hex,
    Base64,
    Base64Url,
}

/// A part of what an HMAC signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessagePart {
    /// The method's name.
    Method,
    /// The path as sent, percent-encoded.
    Path,
    /// The query as sent, without `?`.
    Query,
    /// The whole URL.
    Url,
    /// The host, with its port unless it is the scheme's.
    Host,
    /// The body's bytes.
    Body,
    /// Lower-case hex SHA-256 of the body.
    BodySha256,
    /// The time, as it is sent.
    Timestamp,
    /// The nonce, as it is sent.
    Nonce,
    /// A header's value.
    Header(String),
    /// Text as it stands.
    Text(String),
}

/// A time that goes with a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// The header.
    pub header: String,
    /// Its form.
    pub format: TimestampFormat,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum TimestampFormat {
    Unix,
    UnixMs,
    Iso8601,
    HttpDate,
}

/// AWS Signature Version 4.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsSigV4 {
    /// Access key id.
    pub access_key: Template,
    /// Secret access key.
    pub secret_key: Template,
    /// Session token of temporary credentials.
    pub session_token: Option<Template>,
    /// Region, such as `eu-central-1`.
    pub region: String,
    /// Service, such as `execute-api`.
    pub service: String,
}

/// A token that is obtained first, and the header that it goes to.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenAuth {
    /// Header name, `Authorization` unless stated.
    pub key_name: String,
    /// Stands before the token with a space; `Bearer` unless stated, may be empty.
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
    AuthorizationCode {
        /// Client and token endpoint.
        client: OAuth2,
        /// Where a person is asked.
        authorization_url: String,
        /// Further parameters of that URL.
        authorize_params: Vec<(String, String)>,
        /// Whose connection it is.
        per: ConnectionOwner,
        /// Name under which tools share a connection; the tool's id unless stated.
        connection: Option<String>,
        /// RFC 7009.
        revoke_url: Option<String>,
    },
    /// RFC 7523.
    JwtBearer(JwtBearer),
    /// A login call whose answer holds the token.
    TwoStep(TwoStep),
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
    pub token_url: String,
    /// Public, or `${NAME}`.
    pub client_id: Template,
    /// `None` for a public client.
    pub client_secret: Option<Template>,
    /// How the client names itself.
    pub client_auth: ClientAuth,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Further parameters of the token request (`audience`, `resource`, …).
    pub token_params: Vec<(String, String)>,
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
    pub token_url: Option<String>,
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: Option<String>,
    /// `aud`.
    pub audience: Option<String>,
    /// The private key (PEM), or the shared key of HS256.
    pub key: Template,
    /// JOSE name of the algorithm, such as `RS256`.
    pub algorithm: String,
    /// `kid`.
    pub key_id: Option<String>,
    /// `scope`.
    pub scopes: Vec<String>,
    /// Lifetime of one assertion, in seconds.
    pub lifetime_s: u64,
    /// Further claims.
    pub claims: Map<String, Value>,
}

/// A login call.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoStep {
    /// Where.
    pub url: String,
    /// POST unless stated.
    pub method: Method,
    /// Whether the fields are sent as a form instead of JSON.
    pub form: bool,
    /// Fields of the body; values may hold `${NAME}`.
    pub body: Vec<(String, Template)>,
    /// Headers; values may hold `${NAME}`.
    pub headers: Vec<(String, Template)>,
    /// Where the token stands in the answer.
    pub token_path: String,
    /// Where its lifetime in seconds stands.
    pub expires_in_path: Option<String>,
    /// Lifetime when the answer does not say, in seconds.
    pub ttl_s: u64,
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
