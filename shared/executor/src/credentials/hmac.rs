//! A keyed hash over parts of a request (RFC 2104); pure.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::config::{
    Hmac, HmacAlgorithm, KeyEncoding, MessagePart, Place, SignatureEncoding, SignaturePiece, Spot,
    Template, TemplatePiece, TimestampFormat,
};
use domain::failure::Failure;
use http::HeaderValue;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::Credentials;
use super::signer::{Moment, host_of, secret, set_header, unreadable_key};
use crate::outbound::Call;
use crate::render;

/// What goes with a signature.
struct Along {
    timestamp: Option<String>,
    nonce: Option<String>,
}

/// Adds time, nonce and signature to the call. Answers what must be masked.
pub(super) fn sign(
    rules: &Hmac,
    held: &Credentials,
    moment: Moment,
    call: &mut Call<'_>,
) -> Result<Vec<SecretString>, Failure> {
    let key = shared_key(&rules.secret, rules.key_encoding, held)?;
    let along = Along {
        timestamp: rules
            .timestamp
            .as_ref()
            .map(|time| written(moment.now, time.format)),
        nonce: rules
            .nonce
            .as_ref()
            .map(|_| moment.nonce.simple().to_string()),
    };
    let time = rules.timestamp.as_ref().and_then(|time| time.spot.as_ref());
    let nonce = rules.nonce.as_ref().and_then(|nonce| nonce.spot.as_ref());
    for (spot, text) in [(time, &along.timestamp), (nonce, &along.nonce)] {
        if let (Some(spot), Some(text)) = (spot, text) {
            put(spot, text, call)?;
        }
    }
    if rules.place == Place::Query {
        // What will not be sent is not signed.
        let name = render::in_query(&rules.key_name).to_string();
        let query = without(call.url.query().unwrap_or_default(), &name);
        let query = query.strip_suffix('&').unwrap_or_default();
        call.url
            .set_query(Some(query).filter(|query| !query.is_empty()));
    }
    let message = message(rules, held, &along, call)?;
    let key = hmac::Key::new(algorithm(rules.algorithm), &key);
    let tag = hmac::sign(&key, &message);
    let signature = encoded(tag.as_ref(), rules.encoding);
    let value = value(&rules.value, held, &along, &signature)?;
    let spot = match rules.place {
        Place::Query => Spot::Query(rules.key_name.clone()),
        Place::Header | Place::Cookie => Spot::Header(rules.key_name.clone()),
    };
    put(&spot, &value, call)?;
    Ok(vec![secret(signature)])
}

const fn algorithm(algorithm: HmacAlgorithm) -> hmac::Algorithm {
    match algorithm {
        HmacAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        HmacAlgorithm::Sha256 => hmac::HMAC_SHA256,
        HmacAlgorithm::Sha512 => hmac::HMAC_SHA512,
    }
}

/// The bytes of a shared key.
pub(super) fn shared_key(
    template: &Template,
    encoding: KeyEncoding,
    held: &Credentials,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let text = Zeroizing::new(render::fill(template, held)?);
    let bytes = match encoding {
        KeyEncoding::Text => Some(text.as_bytes().to_vec()),
        KeyEncoding::Hex => hex::decode(text.trim()).ok(),
        KeyEncoding::Base64 => {
            let plain = text
                .trim()
                .trim_end_matches('=')
                .replace('-', "+")
                .replace('_', "/");
            STANDARD_NO_PAD.decode(plain).ok()
        }
    };
    let form = match encoding {
        KeyEncoding::Text => "text",
        KeyEncoding::Hex => "hexadecimal",
        KeyEncoding::Base64 => "base64",
    };
    bytes
        .filter(|bytes| !bytes.is_empty())
        .map(Zeroizing::new)
        .ok_or_else(|| unreadable_key(template, form))
}

/// A time as an API wants to read it.
fn written(now: DateTime<Utc>, format: TimestampFormat) -> String {
    match format {
        TimestampFormat::Unix => now.timestamp().to_string(),
        TimestampFormat::UnixMs => now.timestamp_millis().to_string(),
        TimestampFormat::Iso8601 => now.to_rfc3339_opts(SecondsFormat::Secs, true),
        TimestampFormat::Iso8601Ms => now.to_rfc3339_opts(SecondsFormat::Millis, true),
        // RFC 9110, 5.6.7: the preferred form.
        TimestampFormat::HttpDate => now.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
    }
}

fn put(spot: &Spot, text: &str, call: &mut Call<'_>) -> Result<(), Failure> {
    match spot {
        Spot::Header(name) => set_header(call, name, text),
        Spot::Query(name) => {
            let name = render::in_query(name).to_string();
            let mut query = without(call.url.query().unwrap_or_default(), &name);
            query.push_str(&name);
            query.push('=');
            query.extend(render::in_query(text));
            call.url.set_query(Some(&query));
            Ok(())
        }
    }
}

/// The query without the parameter of this name, ready for another one: no input stands beside the credential.
fn without(query: &str, name: &str) -> String {
    let mut left = String::with_capacity(query.len() + 1);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if pair.split('=').next() != Some(name) {
            left.push_str(pair);
            left.push('&');
        }
    }
    left
}

fn message(
    rules: &Hmac,
    held: &Credentials,
    along: &Along,
    call: &Call<'_>,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut message = Zeroizing::new(Vec::new());
    for (index, part) in rules.message.iter().enumerate() {
        if index > 0 {
            message.extend_from_slice(rules.separator.as_bytes());
        }
        let body = call.body.as_deref().unwrap_or_default();
        match part {
            MessagePart::Method => message.extend_from_slice(call.method.as_str().as_bytes()),
            MessagePart::Path => message.extend_from_slice(call.url.path().as_bytes()),
            MessagePart::Query => {
                message.extend_from_slice(call.url.query().unwrap_or_default().as_bytes());
            }
            MessagePart::Target => {
                message.extend_from_slice(call.url.path().as_bytes());
                if let Some(query) = call.url.query() {
                    message.push(b'?');
                    message.extend_from_slice(query.as_bytes());
                }
            }
            MessagePart::Url => message.extend_from_slice(call.url.as_str().as_bytes()),
            MessagePart::Host => message.extend_from_slice(host_of(&call.url).as_bytes()),
            MessagePart::Body => message.extend_from_slice(body),
            MessagePart::BodySha256 => {
                let hash = digest::digest(&digest::SHA256, body);
                message.extend_from_slice(hex::encode(hash).as_bytes());
            }
            MessagePart::Timestamp => {
                message
                    .extend_from_slice(along.timestamp.as_deref().unwrap_or_default().as_bytes());
            }
            MessagePart::Nonce => {
                message.extend_from_slice(along.nonce.as_deref().unwrap_or_default().as_bytes());
            }
            MessagePart::Header(name) if name.eq_ignore_ascii_case("host") => {
                message.extend_from_slice(host_of(&call.url).as_bytes());
            }
            MessagePart::Header(name) => {
                let value = call.headers.get(name.as_str());
                message.extend_from_slice(value.map(HeaderValue::as_bytes).unwrap_or_default());
            }
            MessagePart::Text(text) => {
                message.extend_from_slice(render::fill(text, held)?.as_bytes());
            }
        }
    }
    Ok(message)
}

fn encoded(tag: &[u8], encoding: SignatureEncoding) -> String {
    match encoding {
        SignatureEncoding::Hex => hex::encode(tag),
        SignatureEncoding::Base64 => STANDARD.encode(tag),
        SignatureEncoding::Base64Url => URL_SAFE_NO_PAD.encode(tag),
    }
}

fn value(
    pieces: &[SignaturePiece],
    held: &Credentials,
    along: &Along,
    signature: &str,
) -> Result<String, Failure> {
    let mut value = String::new();
    for piece in pieces {
        match piece {
            SignaturePiece::Text(text) => value.push_str(text),
            SignaturePiece::Secret(name) => {
                let named = Template(vec![TemplatePiece::Secret(name.clone())]);
                value.push_str(&render::fill(&named, held)?);
            }
            SignaturePiece::Signature => value.push_str(signature),
            SignaturePiece::Timestamp => {
                value.push_str(along.timestamp.as_deref().unwrap_or_default());
            }
            SignaturePiece::Nonce => value.push_str(along.nonce.as_deref().unwrap_or_default()),
        }
    }
    Ok(value)
}
