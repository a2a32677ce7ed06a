//! Reads `hmac`: what is signed, how, and where the signature goes.

use serde_json::Value;

use super::super::fields::{Names, Object};
use super::super::{
    Hmac, HmacAlgorithm, KeyEncoding, MessagePart, Nonce, Place, SignatureEncoding, SignaturePiece,
    Spot, TemplatePiece, Timestamp, TimestampFormat, headers,
};
use super::{part, reference};
use crate::schema::cut;
use crate::text;
use crate::walk::{At, Faults};

const NAMES: Names = Names {
    known: &[
        "algorithm",
        "encoding",
        "key_encoding",
        "message",
        "separator",
        "timestamp",
        "nonce",
        "value",
    ],
    elsewhere: &[
        ("in", "beside \"hmac\""),
        ("key_name", "beside \"hmac\""),
        ("prefix", "beside \"hmac\""),
        ("secret_ref", "beside \"hmac\""),
    ],
};

const ALGORITHMS: [(&str, HmacAlgorithm); 3] = [
    ("sha256", HmacAlgorithm::Sha256),
    ("sha512", HmacAlgorithm::Sha512),
    ("sha1", HmacAlgorithm::Sha1),
];
const ENCODINGS: [(&str, SignatureEncoding); 3] = [
    ("hex", SignatureEncoding::Hex),
    ("base64", SignatureEncoding::Base64),
    ("base64url", SignatureEncoding::Base64Url),
];
pub(super) const KEY_ENCODINGS: [(&str, KeyEncoding); 3] = [
    ("text", KeyEncoding::Text),
    ("hex", KeyEncoding::Hex),
    ("base64", KeyEncoding::Base64),
];
const FORMATS: [(&str, TimestampFormat); 5] = [
    ("unix", TimestampFormat::Unix),
    ("unix_ms", TimestampFormat::UnixMs),
    ("iso8601", TimestampFormat::Iso8601),
    ("iso8601_ms", TimestampFormat::Iso8601Ms),
    ("http_date", TimestampFormat::HttpDate),
];
const PLACES: [(&str, Place); 2] = [("header", Place::Header), ("query", Place::Query)];

/// Parts of a message at most.
const MOST: usize = 32;

/// Reads the whole credential.
pub(super) fn read(auth: Object<'_, '_>, faults: &mut Faults) -> Option<Hmac> {
    let place = faults.choice(auth, "in", &PLACES).unwrap_or(Place::Header);
    let key_name = reference::key_name(auth, place, faults);
    let usual = match place {
        Place::Query => "signature",
        Place::Header | Place::Cookie => "X-Signature",
    };
    let key_name = key_name.unwrap_or(usual).to_owned();
    let secret = reference::required_key(auth, "secret_ref", faults);
    part(auth, "hmac", faults, |hmac, faults| {
        faults.only(hmac, NAMES);
        let algorithm = faults.choice(hmac, "algorithm", &ALGORITHMS);
        let encoding = faults.choice(hmac, "encoding", &ENCODINGS);
        let key_encoding = faults.choice(hmac, "key_encoding", &KEY_ENCODINGS);
        let separator = separator(hmac, faults);
        let timestamp = timestamp(hmac, faults);
        let nonce = nonce(hmac, faults);
        let value = value(auth, hmac, place, faults);
        let message = message(hmac, faults);
        let read = Hmac {
            secret: secret?,
            key_encoding: key_encoding.unwrap_or(KeyEncoding::Text),
            algorithm: algorithm.unwrap_or(HmacAlgorithm::Sha256),
            encoding: encoding.unwrap_or(SignatureEncoding::Hex),
            message,
            separator,
            place,
            key_name,
            value,
            timestamp,
            nonce,
        };
        whole(&read, hmac, faults);
        Some(read)
    })
}

fn separator(hmac: Object<'_, '_>, faults: &mut Faults) -> String {
    match hmac.members.get("separator") {
        None => "\n".to_owned(),
        Some(Value::String(text)) if text.len() <= 16 => text.clone(),
        Some(Value::String(_)) => {
            let message = "a separator has at most 16 bytes";
            faults.add(&hmac.at.name("separator"), "invalid_length", message);
            String::new()
        }
        Some(other) => {
            faults.wrong_type(&hmac.at.name("separator"), "a string", other);
            String::new()
        }
    }
}

/// `{"header": …}` or `{"param": …}`: where a text is sent by itself.
fn spot(object: Object<'_, '_>, faults: &mut Faults) -> Option<Spot> {
    let header = faults.text(object, "header");
    let param = faults.text(object, "param");
    if let Some(name) = header {
        reference::name(name, Place::Header, &object.at.name("header"), faults);
    }
    if let Some(name) = param {
        reference::name(name, Place::Query, &object.at.name("param"), faults);
    }
    match (header, param) {
        (Some(_), Some(_)) => {
            let message = "\"header\" and \"param\" say the same thing";
            faults.advise(
                &object.at.name("param"),
                "conflict",
                message,
                "write one of them",
            );
            None
        }
        (Some(name), None) => Some(Spot::Header(name.to_owned())),
        (None, Some(name)) => Some(Spot::Query(name.to_owned())),
        (None, None) => None,
    }
}

fn timestamp(hmac: Object<'_, '_>, faults: &mut Faults) -> Option<Timestamp> {
    let at = hmac.at.name("timestamp");
    let object = faults.object(hmac.members.get("timestamp")?, &at)?;
    const NAMES: Names = Names {
        known: &["header", "param", "format"],
        elsewhere: &[],
    };
    faults.only(object, NAMES);
    let format = faults.choice(object, "format", &FORMATS);
    Some(Timestamp {
        spot: spot(object, faults),
        format: format.unwrap_or(TimestampFormat::Unix),
    })
}

fn nonce(hmac: Object<'_, '_>, faults: &mut Faults) -> Option<Nonce> {
    let at = hmac.at.name("nonce");
    let object = faults.object(hmac.members.get("nonce")?, &at)?;
    const NAMES: Names = Names {
        known: &["header", "param"],
        elsewhere: &[],
    };
    faults.only(object, NAMES);
    Some(Nonce {
        spot: spot(object, faults),
    })
}

/// What is written where the signature goes: `hmac.value`, or `prefix` and the signature.
fn value(
    auth: Object<'_, '_>,
    hmac: Object<'_, '_>,
    place: Place,
    faults: &mut Faults,
) -> Vec<SignaturePiece> {
    let prefix = reference::prefix_as_is(auth, faults);
    let Some(text) = faults.text(hmac, "value") else {
        let prefix = prefix.filter(|prefix| !prefix.is_empty());
        let prefix = prefix.map(|prefix| SignaturePiece::Text(prefix.to_owned()));
        return prefix
            .into_iter()
            .chain([SignaturePiece::Signature])
            .collect();
    };
    let at = hmac.at.name("value");
    if prefix.is_some() {
        let message = "\"prefix\" and \"hmac.value\" say the same thing";
        faults.advise(
            &at,
            "conflict",
            message,
            "write it into \"hmac.value\" alone",
        );
    }
    let Some(template) = headers::template(text, &at, faults) else {
        return Vec::new();
    };
    if place == Place::Header {
        headers::header_text(&template, &at, faults);
    }
    let mut pieces = Vec::new();
    for piece in template.0 {
        match piece {
            TemplatePiece::Secret(name) => pieces.push(SignaturePiece::Secret(name)),
            TemplatePiece::Text(text) => placeholders(&text, &mut pieces, &at, faults),
            TemplatePiece::Token => {}
        }
    }
    pieces
}

/// Cuts a text at `{signature}`, `{timestamp}` and `{nonce}`; other braces stand as they are.
fn placeholders(text: &str, pieces: &mut Vec<SignaturePiece>, at: &At<'_>, faults: &mut Faults) {
    const WORDS: [(&str, SignaturePiece); 3] = [
        ("signature", SignaturePiece::Signature),
        ("timestamp", SignaturePiece::Timestamp),
        ("nonce", SignaturePiece::Nonce),
    ];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((word, behind)) = after.split_once('}') else {
            break;
        };
        let found = WORDS.iter().find(|(known, _)| *known == word);
        let Some((_, piece)) = found else {
            let message = format!("\"{{{}}}\" is not known here", cut(word).escape_debug());
            let hint = text::did_you_mean(word, &WORDS.map(|(word, _)| word))
                .unwrap_or_else(|| "allowed: {signature}, {timestamp}, {nonce}".to_owned());
            return faults.advise(at, "unknown_placeholder", message, hint);
        };
        if !before.is_empty() {
            pieces.push(SignaturePiece::Text(before.to_owned()));
        }
        pieces.push(piece.clone());
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(SignaturePiece::Text(rest.to_owned()));
    }
}

fn message(hmac: Object<'_, '_>, faults: &mut Faults) -> Vec<MessagePart> {
    let at = hmac.at.name("message");
    let Some(value) = hmac.members.get("message") else {
        faults.advise(
            &at,
            "required",
            "\"message\" is required",
            "list what is signed, such as [\"method\", \"path\", \"timestamp\", \"body\"]",
        );
        return Vec::new();
    };
    let listed = faults.list(value, &at, MOST);
    if value.is_array() && listed.is_empty() {
        faults.add(&at, "invalid_length", "signs nothing at all");
    }
    let mut parts = Vec::with_capacity(listed.len());
    for (index, value) in listed.iter().enumerate() {
        parts.extend(message_part(value, &at.index(index), faults));
    }
    parts
}

fn message_part(value: &Value, at: &At<'_>, faults: &mut Faults) -> Option<MessagePart> {
    const WORDS: [(&str, MessagePart); 10] = [
        ("method", MessagePart::Method),
        ("path", MessagePart::Path),
        ("query", MessagePart::Query),
        ("target", MessagePart::Target),
        ("url", MessagePart::Url),
        ("host", MessagePart::Host),
        ("body", MessagePart::Body),
        ("body_sha256", MessagePart::BodySha256),
        ("timestamp", MessagePart::Timestamp),
        ("nonce", MessagePart::Nonce),
    ];
    const NAMES: Names = Names {
        known: &["header", "text"],
        elsewhere: &[],
    };
    if let Value::String(word) = value {
        let found = WORDS.iter().find(|(known, _)| known == word);
        if found.is_none() {
            let words = WORDS.map(|(word, _)| word);
            let message = format!("\"{}\" is no part of a request", cut(word).escape_debug());
            let hint = text::did_you_mean(word, &words).unwrap_or_else(|| {
                format!(
                    "allowed: {}, {{\"header\": …}}, {{\"text\": …}}",
                    words.join(", ")
                )
            });
            faults.advise(at, "invalid_value", message, hint);
        }
        return found.map(|(_, part)| part.clone());
    }
    let Value::Object(_) = value else {
        faults.wrong_type(at, "a part's name, {\"header\": …} or {\"text\": …}", value);
        return None;
    };
    let object = faults.object(value, at)?;
    faults.only(object, NAMES);
    if let Some(header) = faults.text(object, "header") {
        headers::name(header, &at.name("header"), faults);
        return Some(MessagePart::Header(header.to_owned()));
    }
    let place = at.name("text");
    match object.members.get("text") {
        Some(Value::String(text)) => headers::template(text, &place, faults).map(MessagePart::Text),
        Some(other) => {
            faults.wrong_type(&place, "a string", other);
            None
        }
        None => {
            faults.missing(at, "text");
            None
        }
    }
}

/// Notes what does not go together.
fn whole(hmac: &Hmac, object: Object<'_, '_>, faults: &mut Faults) {
    let at = object.at.name("value");
    if !hmac.value.contains(&SignaturePiece::Signature) && object.members.contains_key("value") {
        let message = "\"value\" does not say where the signature stands";
        faults.advise(&at, "invalid_value", message, "write {signature}");
    }
    let signed = |part: &MessagePart| hmac.message.contains(part);
    let written = |piece: &SignaturePiece| hmac.value.contains(piece);
    for (name, wanted, stated, sent) in [
        (
            "timestamp",
            signed(&MessagePart::Timestamp) || written(&SignaturePiece::Timestamp),
            hmac.timestamp.is_some(),
            written(&SignaturePiece::Timestamp)
                || hmac
                    .timestamp
                    .as_ref()
                    .is_some_and(|time| time.spot.is_some()),
        ),
        (
            "nonce",
            signed(&MessagePart::Nonce) || written(&SignaturePiece::Nonce),
            hmac.nonce.is_some(),
            written(&SignaturePiece::Nonce)
                || hmac
                    .nonce
                    .as_ref()
                    .is_some_and(|nonce| nonce.spot.is_some()),
        ),
    ] {
        let place = object.at.name(name);
        if wanted && !stated && !object.members.contains_key(name) {
            let message = format!("the {name} is used, but not described");
            let hint = format!("write \"{name}\": {{\"header\": \"X-…\"}}");
            faults.advise(&place, "required", message, hint);
        } else if stated && !sent {
            let message = format!("the {name} is not sent, so nobody can check the signature");
            let hint =
                format!("give it a \"header\" or a \"param\", or write {{{name}}} into \"value\"");
            faults.advise(&place, "required", message, hint);
        }
    }
    let mut taken = vec![signature_spot(hmac)];
    let time = hmac.timestamp.as_ref().and_then(|time| time.spot.clone());
    let nonce = hmac.nonce.as_ref().and_then(|nonce| nonce.spot.clone());
    for (name, spot) in [("timestamp", time), ("nonce", nonce)] {
        let Some(spot) = spot else { continue };
        if taken.iter().any(|other| same(other, &spot)) {
            let message = format!("the {name} would overwrite another part of the signature");
            faults.add(&object.at.name(name), "conflict", message);
        }
        taken.push(spot);
    }
}

fn signature_spot(hmac: &Hmac) -> Spot {
    match hmac.place {
        Place::Query => Spot::Query(hmac.key_name.clone()),
        Place::Header | Place::Cookie => Spot::Header(hmac.key_name.clone()),
    }
}

fn same(one: &Spot, other: &Spot) -> bool {
    match (one, other) {
        (Spot::Header(one), Spot::Header(other)) => one.eq_ignore_ascii_case(other),
        (Spot::Query(one), Spot::Query(other)) => one == other,
        (Spot::Header(_), Spot::Query(_)) | (Spot::Query(_), Spot::Header(_)) => false,
    }
}
