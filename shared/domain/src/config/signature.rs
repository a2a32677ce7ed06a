//! What `hmac` and `aws_sigv4` say: what is signed, how, and where the signature goes.

use crate::ids::SecretName;

use super::{Place, Template};

/// A signature by HMAC.
#[derive(Clone, Debug, PartialEq)]
pub struct Hmac {
    /// The key.
    pub secret: Template,
    /// How the key's text is read; text unless stated.
    pub key_encoding: KeyEncoding,
    /// The hash; SHA-256 unless stated.
    pub algorithm: HmacAlgorithm,
    /// How the signature is written; lower-case hex unless stated.
    pub encoding: SignatureEncoding,
    /// What is signed, in order.
    pub message: Vec<MessagePart>,
    /// Stands between the parts; a line feed unless stated.
    pub separator: String,
    /// Where the signature goes: header (unless stated) or query.
    pub place: Place,
    /// Name of that header or parameter; `X-Signature` or `signature` unless stated.
    pub key_name: String,
    /// What is written there; the signature alone unless stated.
    pub value: Vec<SignaturePiece>,
    /// The time that goes with it.
    pub timestamp: Option<Timestamp>,
    /// A text that is never used twice.
    pub nonce: Option<Nonce>,
}

/// A piece of what is written where the signature goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignaturePiece {
    /// As it stands.
    Text(String),
    /// `${NAME}`: a key's id, mostly.
    Secret(SecretName),
    /// The signature.
    Signature,
    /// The time, as it was signed.
    Timestamp,
    /// The nonce, as it was signed.
    Nonce,
}

/// How the text of a shared key is read.
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
    /// The query as sent, without `?`; the signature itself is not in it.
    Query,
    /// The path, and `?` and the query if there is one (RFC 9112, 3.2.1).
    Target,
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
    /// A header's value as it is sent; empty without one.
    Header(String),
    /// Text; may hold `${NAME}`.
    Text(Template),
}

impl MessagePart {
    /// The secrets that it names.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        let text = match self {
            Self::Text(text) => Some(text),
            Self::Method
            | Self::Path
            | Self::Query
            | Self::Target
            | Self::Url
            | Self::Host
            | Self::Body
            | Self::BodySha256
            | Self::Timestamp
            | Self::Nonce
            | Self::Header(_) => None,
        };
        text.into_iter().flat_map(Template::secrets)
    }
}

/// A time that goes with a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Where it is sent by itself; `None`: in the signature's own value only.
    pub spot: Option<Spot>,
    /// Its form.
    pub format: TimestampFormat,
}

/// A nonce that goes with a signature: 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce {
    /// Where it is sent by itself; `None`: in the signature's own value only.
    pub spot: Option<Spot>,
}

/// A header or query parameter that a signature adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The header of this name.
    Header(String),
    /// The query parameter of this name.
    Query(String),
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum TimestampFormat {
    Unix,
    UnixMs,
    Iso8601,
    Iso8601Ms,
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
