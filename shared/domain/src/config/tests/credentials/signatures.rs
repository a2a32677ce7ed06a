//! HMAC and AWS SigV4: what they are read as, and what is refused.

use serde_json::{Value, json};

use super::super::super::*;
use super::{auth, refused, secret, template, text};

#[test]
fn hmac_with_its_defaults() {
    let least = json!({"method": "hmac", "secret_ref": "${KEY}", "hmac": {"message": ["body"]}});
    let expected = Hmac {
        secret: template(&[secret("KEY")]),
        key_encoding: KeyEncoding::Text,
        algorithm: HmacAlgorithm::Sha256,
        encoding: SignatureEncoding::Hex,
        message: vec![MessagePart::Body],
        separator: "\n".to_owned(),
        place: Place::Header,
        key_name: "X-Signature".to_owned(),
        value: vec![SignaturePiece::Signature],
        timestamp: None,
        nonce: None,
    };
    assert_eq!(auth(least), Auth::Hmac(expected));
}

fn whole_hmac() -> Value {
    json!({
        "method": "hmac", "secret_ref": "${KEY}", "key_name": "Authorization",
        "hmac": {
            "algorithm": "sha512", "encoding": "base64", "key_encoding": "base64", "separator": "",
            "message": ["method", "target", "timestamp", {"header": "X-Date"}, {"text": "v0:${ID}"}],
            "timestamp": {"header": "X-Timestamp", "format": "unix_ms"},
            "nonce": {"param": "nonce"},
            "value": "HMAC id=${ID},ts={timestamp},sig={signature}",
        },
    })
}

#[test]
fn hmac_with_everything() {
    let Auth::Hmac(hmac) = auth(whole_hmac()) else {
        panic!("another kind");
    };
    assert_eq!(
        hmac.value,
        [
            SignaturePiece::Text("HMAC id=".to_owned()),
            SignaturePiece::Secret("ID".parse().unwrap()),
            SignaturePiece::Text(",ts=".to_owned()),
            SignaturePiece::Timestamp,
            SignaturePiece::Text(",sig=".to_owned()),
            SignaturePiece::Signature,
        ]
    );
    assert_eq!(
        hmac.message[4],
        MessagePart::Text(template(&[text("v0:"), secret("ID")]))
    );
    assert_eq!(
        hmac.nonce,
        Some(Nonce {
            spot: Some(Spot::Query("nonce".to_owned()))
        })
    );
    let time = Timestamp {
        spot: Some(Spot::Header("X-Timestamp".to_owned())),
        format: TimestampFormat::UnixMs,
    };
    assert_eq!(hmac.timestamp, Some(time));
    assert_eq!(hmac.separator, "");
}

#[test]
fn hmac_refused() {
    refused(
        &whole_hmac(),
        &[
            (
                "/secret_ref",
                json!("a${KEY}"),
                "/secret_ref",
                "invalid_secret_ref",
            ),
            ("/secret_ref", json!("key"), "/secret_ref", "literal_secret"),
            ("/secret_ref", json!(null), "/secret_ref", "required"),
            ("/in", json!("cookie"), "/in", "invalid_value"),
            ("/prefix", json!("x="), "/hmac/value", "conflict"),
            (
                "/hmac/algorithm",
                json!("md5"),
                "/hmac/algorithm",
                "invalid_value",
            ),
            (
                "/hmac/encoding",
                json!("base32"),
                "/hmac/encoding",
                "invalid_value",
            ),
            ("/hmac/message", json!(null), "/hmac/message", "required"),
            (
                "/hmac/message",
                json!([]),
                "/hmac/message",
                "invalid_length",
            ),
            (
                "/hmac/message",
                json!(["methud"]),
                "/hmac/message/0",
                "invalid_value",
            ),
            (
                "/hmac/message",
                json!([7]),
                "/hmac/message/0",
                "invalid_type",
            ),
            (
                "/hmac/message",
                json!([{"headr": "a"}]),
                "/hmac/message/0/headr",
                "unknown_field",
            ),
            (
                "/hmac/value",
                json!("no place"),
                "/hmac/value",
                "invalid_value",
            ),
            (
                "/hmac/value",
                json!("{signatur}"),
                "/hmac/value",
                "unknown_placeholder",
            ),
            (
                "/hmac/timestamp",
                json!(null),
                "/hmac/timestamp",
                "required",
            ),
            (
                "/hmac/timestamp",
                json!({"header": "Authorization"}),
                "/hmac/timestamp",
                "conflict",
            ),
            (
                "/hmac/timestamp",
                json!({"header": "a", "param": "b"}),
                "/hmac/timestamp/param",
                "conflict",
            ),
            ("/hmac/nonce", json!({}), "/hmac/nonce", "required"),
            (
                "/hmac/timestmp",
                json!({}),
                "/hmac/timestmp",
                "unknown_field",
            ),
            ("/hmac/prefix", json!("a"), "/hmac/prefix", "unknown_field"),
        ],
    );
}

#[test]
fn aws() {
    let aws = json!({"method": "aws_sigv4", "aws": {
        "access_key_ref": "${ID}", "secret_key_ref": "${KEY}", "session_token_ref": "${TOKEN}",
        "region": "eu-central-1", "service": "execute-api",
    }});
    let Auth::AwsSigV4(read) = auth(aws.clone()) else {
        panic!("another kind");
    };
    assert_eq!(read.session_token, Some(template(&[secret("TOKEN")])));
    refused(
        &aws,
        &[
            ("/aws", json!(null), "/aws", "required"),
            (
                "/aws/access_key_ref",
                json!("AKIDEXAMPLE"),
                "/aws/access_key_ref",
                "literal_secret",
            ),
            (
                "/aws/secret_key_ref",
                json!(null),
                "/aws/secret_key_ref",
                "required",
            ),
            (
                "/aws/secret_key_ref",
                json!("${ID}"),
                "/aws/secret_key_ref",
                "conflict",
            ),
            (
                "/aws/region",
                json!("EU Central"),
                "/aws/region",
                "invalid_value",
            ),
            ("/aws/service", json!(null), "/aws/service", "required"),
            ("/aws/regoin", json!("x"), "/aws/regoin", "unknown_field"),
            (
                "/secret_ref",
                json!("${KEY}"),
                "/secret_ref",
                "unknown_field",
            ),
        ],
    );
}
