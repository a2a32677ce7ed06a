//! Takes a signed token apart: three segments, a header without surprises, bytes to verify. Pure.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::bearer::one_token;
use crate::error::Reason;
use crate::strict::StrictObject;

/// Header fields that change how a token is read or bring their own key (RFC 7515, 7516, 7797).
const REFUSED_FIELDS: [&str; 11] = [
    "crit", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "b64", "zip", "cty", "enc",
];

/// The longest `kid` that is looked up.
const MAX_KID_BYTES: usize = 256;

/// The algorithms that a key here can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// HMAC with SHA-256.
    Hs256,
}

impl Algorithm {
    /// By its name in a header or a key (RFC 7518); names are case-sensitive.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "RS256" => Some(Self::Rs256),
            "HS256" => Some(Self::Hs256),
            _ => None,
        }
    }
}

/// A token taken apart, not yet believed.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    /// What the header claims. The key decides; a token that says otherwise is refused.
    pub(crate) algorithm: Algorithm,
    /// Which key it claims to be signed with.
    pub(crate) kid: Option<String>,
    /// The bytes under the signature: both first segments and the dot between.
    pub(crate) signed: &'a [u8],
    /// The signature.
    pub(crate) signature: Vec<u8>,
    payload: &'a str,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Reason> {
        let text = one_token(text.as_bytes())?;
        let (signed, signature) = text.rsplit_once('.').ok_or(Reason::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Reason::Malformed)?;
        if payload.contains('.') {
            return Err(Reason::Malformed);
        }
        let (algorithm, kid) = read_header(&object(header)?)?;
        Ok(Self {
            algorithm,
            kid,
            signed: signed.as_bytes(),
            signature: bytes(signature)?,
            payload,
        })
    }

    /// The claims; to be asked only after the signature was found good.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, Reason> {
        object(self.payload)
    }
}

fn read_header(header: &Map<String, Value>) -> Result<(Algorithm, Option<String>), Reason> {
    if let Some(field) = REFUSED_FIELDS.into_iter().find(|f| header.contains_key(*f)) {
        return Err(Reason::HeaderField(field));
    }
    match header.get("typ") {
        None => {}
        Some(Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") => {}
        Some(_) => return Err(Reason::HeaderField("typ")),
    }
    let algorithm = header
        .get("alg")
        .and_then(Value::as_str)
        .and_then(Algorithm::named)
        .ok_or(Reason::Algorithm)?;
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) if (1..=MAX_KID_BYTES).contains(&kid.len()) => Some(kid.clone()),
        Some(_) => return Err(Reason::UnknownKey),
    };
    Ok((algorithm, kid))
}

/// Strict base64url: no padding, no other alphabet, no stray bits at the end.
fn bytes(segment: &str) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD
        .decode(segment)
        .map_err(|_| Reason::Malformed)
}

fn object(segment: &str) -> Result<Map<String, Value>, Reason> {
    StrictObject::parse(&bytes(segment)?).ok_or(Reason::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str) -> String {
        format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header))
    }

    #[test]
    fn refuses_headers_with_surprises() {
        for (header, reason) in [
            (r#"{"alg":"ES256","jwk":{}}"#, Reason::HeaderField("jwk")),
            (r#"{"alg":"ES256","jku":null}"#, Reason::HeaderField("jku")),
            (r#"{"alg":"ES256","x5c":[]}"#, Reason::HeaderField("x5c")),
            (
                r#"{"alg":"ES256","typ":"at+jwt"}"#,
                Reason::HeaderField("typ"),
            ),
            (r#"{"alg":"ES256","typ":1}"#, Reason::HeaderField("typ")),
            (r#"{"alg":"es256"}"#, Reason::Algorithm),
            (r#"{"alg":["ES256"]}"#, Reason::Algorithm),
            (r#"{}"#, Reason::Algorithm),
            (r#"{"alg":"ES256","kid":1}"#, Reason::UnknownKey),
            (r#"{"alg":"ES256","kid":""}"#, Reason::UnknownKey),
            (r#"{"alg":"none","alg":"ES256"}"#, Reason::Malformed),
            (r#"["ES256"]"#, Reason::Malformed),
        ] {
            assert_eq!(
                Token::parse(&token(header)).unwrap_err(),
                reason,
                "{header}"
            );
        }
        assert!(Token::parse(&token(r#"{"alg":"ES256","typ":"jwt"}"#)).is_ok());
    }

    #[test]
    fn refuses_other_shapes() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        for text in [
            header.clone(),
            format!("{header}.e30"),
            format!("{header}.e30."),
            format!("{header}.e30.AA.AA"),
            format!("{header}.e30.AA=="),
            format!("{header}.e30.AB"),
            format!("{header}.e30.A+"),
            "..".to_owned(),
        ] {
            match Token::parse(&text) {
                // An empty signature decodes to no bytes, which no key has made.
                Ok(token) => assert!(token.signature.is_empty(), "{text}"),
                Err(reason) => assert_eq!(reason, Reason::Malformed, "{text}"),
            }
        }
    }
}
