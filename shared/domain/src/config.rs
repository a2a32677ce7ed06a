//! A tool config, version 1: the typed form of the JSON document that a person writes.
//!
//! [`read`] turns a document into a [`ToolConfig`] or into every fault that it has. The document
//! itself is what is stored; this form is only ever derived from it.

mod api;
mod auth;
mod base_url;
mod body;
mod conditions;
mod credential;
mod endpoint;
pub(crate) mod fields;
mod headers;
mod inputs;
mod json_template;
mod outputs;
mod pagination;
mod read;
mod reading;
mod response;
mod route;
mod rules;
mod semantics;
mod signature;
mod targets;
mod verdict;

use serde_json::{Map, Value};

use crate::ids::{SecretName, ToolId};

pub(crate) use auth::query_parameters;
pub use body::{BodyKind, BodyRules, GraphQlQuery, Node, Rest, Variable};
pub use credential::{
    Auth, AuthorizationCode, ClientAuth, ConnectionOwner, JwtAlgorithm, JwtBearer, LoginBody,
    OAuth2, Place, Placement, TokenAuth, TokenSource, TwoStep, Verify,
};
pub use endpoint::{Endpoint, bound_host};
pub use json_template::JsonTemplate;
pub use pagination::{PageKind, PageTarget, Pagination};
pub use read::read;
pub(crate) use read::{id, name};
pub use reading::{CsvHeader, CsvRules, ReadingRules, XmlRules};
pub(crate) use rules::tags;
pub use semantics::{
    CacheRules, DEFAULT_KEY_HEADER, DEFAULT_KEY_TTL_S, IdempotencyRules, LimitRules,
};
pub use signature::{
    AwsSigV4, Hmac, HmacAlgorithm, KeyEncoding, MessagePart, Nonce, SignatureEncoding,
    SignaturePiece, Spot, Timestamp, TimestampFormat,
};
pub use verdict::{Condition, ErrorRule, Test};

/// One tool, as far as its document says; defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolConfig {
    /// Stated, or the slug of `name`.
    pub id: ToolId,
    /// What a person calls it.
    pub name: String,
    /// A longer display name.
    pub title: Option<String>,
    /// What it does, for models: 1 to 1024 characters.
    pub description: String,
    /// For finding it.
    pub tags: Vec<String>,
    /// False: listed, but not run.
    pub enabled: bool,
    /// Effect class: stated, else by the method.
    pub effects: Effects,
    /// Which call is made.
    pub api: Api,
    /// JSON Schema 2020-12 of the input; always with a `type`.
    pub input_schema: Value,
    /// JSON Schema of the output; always with a `type`.
    pub output_schema: Value,
    /// How inputs become the request and the response becomes the output.
    pub mapping: Mapping,
    /// How the request's body is written.
    pub body: BodyRules,
    /// How the answer's bytes are read.
    pub response: ResponseRules,
    /// What is checked about the output.
    pub output: OutputRules,
    /// When a failed call is repeated.
    pub retry: RetryRules,
    /// Whether the upstream honours an idempotency key.
    pub idempotency: Option<IdempotencyRules>,
    /// Whether answers are used again.
    pub cache: Option<CacheRules>,
    /// How often the workspace may call it.
    pub limits: LimitRules,
    /// A fixed answer instead of a call.
    pub mock: Option<Value>,
}

/// What running the tool does to the world (`annotations`); drives retry, approval and hints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects {
    /// Changes nothing.
    pub read_only: bool,
    /// May remove or overwrite.
    pub destructive: bool,
    /// Twice is as good as once.
    pub idempotent: bool,
    /// Reaches things outside the workspace.
    pub open_world: bool,
}

/// HTTP methods that a tool may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are RFC 9110's")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
}

impl Method {
    /// Every method, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::Get,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Head,
    ];

    /// The method's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
        }
    }
}

/// `api`: which call is made, with which credential, within which limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Api {
    /// Scheme, host, port and the fixed start of the path.
    pub base_url: BaseUrl,
    /// Segments of `base_url`'s path followed by those of `path`.
    pub path: Vec<PathSegment>,
    /// Whether `path` (or `base_url` without a `path`) ended with a slash.
    pub trailing_slash: bool,
    /// The HTTP method.
    pub method: Method,
    /// Static headers; values may hold `${NAME}`.
    pub headers: Vec<(String, Template)>,
    /// Static query parameters; values may hold `${NAME}`.
    pub params: Vec<(String, Template)>,
    /// The credential.
    pub auth: Auth,
    /// The call that tests the credential.
    pub verify: Option<Verify>,
    /// Total deadline over retries and pages, in milliseconds.
    pub timeout_ms: u64,
    /// Deadline of one TCP and TLS connect, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Largest answer after decompression, in bytes.
    pub max_response_bytes: u64,
    /// How many redirects are followed; 0 is none.
    pub follow_redirects: u8,
    /// Whether a redirect may lead to another host (of `allowed_hosts`).
    pub cross_host_redirects: bool,
    /// Hosts besides `base_url`'s that the call may reach, lower case, `host` or `host:port`.
    pub allowed_hosts: Vec<String>,
    /// Values that an installation fills in (a region, an account's subdomain).
    pub connection_vars: Vec<ConnectionVar>,
}

/// `api.base_url`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// `https`, or `http` for a host of the operator's `EGRESS_ALLOW`.
    pub scheme: Scheme,
    /// Host with `{placeholders}` of connection variables, or a plain lower-case name.
    pub host: Vec<Piece>,
    /// Stated port, else the scheme's.
    pub port: u16,
}

/// URL schemes that a tool may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Scheme {
    Http,
    Https,
}

/// A part of a host or a path segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands (not percent-encoded).
    Text(String),
    /// `{name}`: filled at execution.
    Placeholder(String),
}

/// One segment of the path, between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathSegment(pub Vec<Piece>);

/// A value of `api.connection_vars`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionVar {
    /// The placeholder's name.
    pub name: String,
    /// What it is when nothing else is set.
    pub default: Option<String>,
    /// The only allowed values; empty: any that `pattern` allows.
    pub allowed: Vec<String>,
    /// A regular expression that the whole value matches.
    pub pattern: Option<String>,
}

impl ConnectionVar {
    /// Its value: the default, or the only one that it allows.
    pub fn value(&self) -> Option<&str> {
        match (&self.default, self.allowed.as_slice()) {
            (Some(default), _) => Some(default),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}

/// Static text with secrets in it, such as `Token ${NAME}`. Never glued by string replacement:
/// the pieces are resolved one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<TemplatePiece>);

/// A piece of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplatePiece {
    /// Text as it stands.
    Text(String),
    /// `${NAME}`.
    Secret(SecretName),
    /// The token that was obtained for the tool's auth; only [`Auth::Token`] places it.
    Token,
}

impl Template {
    /// The secrets that it names, in order.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        self.0.iter().filter_map(|piece| match piece {
            TemplatePiece::Secret(name) => Some(name),
            TemplatePiece::Text(_) | TemplatePiece::Token => None,
        })
    }
}

/// `mapping`: absent is identity, present is exact.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Where inputs go.
    pub inputs: InputMapping,
    /// Where the output comes from.
    pub output: OutputMapping,
}

/// Where inputs go.
#[derive(Clone, Debug, PartialEq)]
pub enum InputMapping {
    /// No mapping of inputs was given: those not taken by a `{placeholder}` go to the query
    /// (GET, HEAD, DELETE) or are the members of a JSON body.
    Identity,
    /// Exactly these rules.
    Exact(Vec<InputRule>),
}

/// One input's way into the request.
#[derive(Clone, Debug, PartialEq)]
pub struct InputRule {
    /// The input's name.
    pub input: String,
    /// Where it goes.
    pub target: Target,
    /// Used when the input is absent.
    pub default: Option<Value>,
    /// Leave the target out when the value is null, `""`, `[]` or `{}`.
    pub omit_empty: bool,
}

/// A place in the request.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A query parameter.
    Query {
        /// Its name on the wire.
        name: String,
        /// How arrays and objects are written.
        style: ParamStyle,
    },
    /// A `{placeholder}` of the path.
    Path {
        /// The placeholder.
        name: String,
        /// How arrays are written.
        style: ParamStyle,
    },
    /// A header.
    Header {
        /// Its name.
        name: String,
        /// How arrays are written.
        style: ParamStyle,
    },
    /// A place in the body: names of members, and indexes of arrays, from the root; none is the whole.
    Body {
        /// One name or index a level.
        pointer: Vec<String>,
    },
    /// A field of a form or of a multipart body.
    Field {
        /// Its name on the wire.
        name: String,
        /// How arrays and objects are written.
        style: ParamStyle,
    },
}

/// OpenAPI 3.1 parameter serialisation (`style` and `explode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamStyle {
    /// `a=1&a=2`; objects as one parameter a member. The default in a query.
    FormExplode,
    /// `a=1,2`.
    Form,
    /// `1,2`. The default in a path and a header.
    Simple,
    /// `1,2`; objects as `a=1,b=2`.
    SimpleExplode,
    /// `a=1%202`.
    SpaceDelimited,
    /// `a=1|2`.
    PipeDelimited,
    /// `a[b]=1`.
    DeepObject,
    /// `.1,2`, in a path.
    Label,
    /// `.1.2`, in a path; objects as `.a=1.b=2`.
    LabelExplode,
    /// `;name=1,2`, in a path.
    Matrix,
    /// `;name=1;name=2`, in a path; objects as `;a=1;b=2`.
    MatrixExplode,
}

/// Where the output comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputMapping {
    /// Where the data starts; `None` is the whole response.
    pub response_path: Option<ResponsePath>,
    /// The rules; `None` is identity: the whole data.
    pub rules: Option<Vec<OutputRule>>,
}

/// One member of the output.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputRule {
    /// The output member's name.
    pub output: String,
    /// Where its value comes from.
    pub source: OutputSource,
    /// Coerce to this type instead of the one in `output_schema`.
    pub as_type: Option<JsonType>,
    /// Used when the path finds nothing.
    pub default: Option<Value>,
    /// Whether finding nothing is a failure. Stated, else: whether `output_schema` requires the
    /// member.
    pub required: bool,
}

/// Where an output member's value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum OutputSource {
    /// A value in the response.
    Path(ResponsePath),
    /// The value itself.
    Const(Value),
    /// An array: `each` maps every element found at `path`.
    Each {
        /// The array.
        path: ResponsePath,
        /// Rules for one element.
        rules: Vec<OutputRule>,
    },
}

/// A path into a response as written; how it is read is said in `crate::path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponsePath(pub String);

/// Types to which a value is coerced without loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are JSON Schema's")]
pub enum JsonType {
    String,
    Number,
    Integer,
    Boolean,
    Object,
    Array,
    Null,
}

/// `response`: how the answer's bytes are read.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseRules {
    /// The format; JSON unless stated.
    pub format: ResponseFormat,
    /// Whether an empty answer is success (`null`) where a value was expected.
    pub empty_ok: bool,
    /// How its characters, tables and elements are read.
    pub reading: ReadingRules,
    /// What must hold besides a status of 200 to 299.
    pub success_when: Option<Condition>,
    /// Failures that the upstream tells in its own way; the first that applies counts.
    pub errors: Vec<ErrorRule>,
    /// How the answer's further pages are asked for.
    pub pagination: Option<Pagination>,
}

/// Formats that an answer can be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ResponseFormat {
    Json,
    Text,
    Xml,
    Csv,
    Ndjson,
}

/// `output`: what is checked about the mapped output.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputRules {
    /// What happens when the output does not fit `output_schema`.
    pub validation: Validation,
    /// JSON pointers into the output whose values are replaced in stored executions.
    pub redact: Vec<String>,
    /// The output is cut to about so many tokens.
    pub max_tokens: Option<u32>,
}

/// What happens when the output does not fit `output_schema`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// The execution fails with `output_invalid`.
    Strict,
    /// The execution succeeds and says so in its warnings.
    Warn,
    /// Nothing is checked.
    Off,
}

/// `retry`: when a failed call is repeated within its total deadline.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryRules {
    /// Calls at most, the first included; 1 to 10.
    pub max_attempts: u32,
    /// Which failures are worth another attempt.
    pub on: Vec<RetryOn>,
    /// First pause at most, in milliseconds; doubles with each attempt.
    pub backoff_ms: u64,
    /// Longest pause, in milliseconds.
    pub max_backoff_ms: u64,
}

/// Failures that may be worth another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryOn {
    /// No connection was made, so nothing was sent.
    ConnectFailed,
    /// One attempt timed out (safe methods only).
    Timeout,
    /// This status, or `5xx` as a whole.
    Status(u16),
    /// Every status of 500 to 599.
    ServerError,
}

/// What a document states, untouched, and what was read from it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolDocument {
    /// The person's own JSON, as sent: no default written in.
    pub document: Map<String, Value>,
    /// Its meaning.
    pub config: ToolConfig,
}

#[cfg(test)]
mod tests;
