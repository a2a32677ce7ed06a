//! Reads `aws_sigv4`: AWS Signature Version 4.

use super::super::fields::{Names, Object};
use super::super::{AwsSigV4, TemplatePiece};
use super::{part, reference};
use crate::walk::Faults;

const NAMES: Names = Names {
    known: &[
        "access_key_ref",
        "secret_key_ref",
        "session_token_ref",
        "region",
        "service",
    ],
    elsewhere: &[],
};

/// Reads `auth.aws`.
pub(super) fn read(auth: Object<'_, '_>, faults: &mut Faults) -> Option<AwsSigV4> {
    part(auth, "aws", faults, |aws, faults| {
        faults.only(aws, NAMES);
        let access_key = reference::required_key(aws, "access_key_ref", faults);
        let secret_key = reference::required_key(aws, "secret_key_ref", faults);
        let session_token = reference::key(aws, "session_token_ref", faults);
        let region = word(aws, "region", "such as \"eu-central-1\"", faults);
        let service = word(aws, "service", "such as \"execute-api\" or \"s3\"", faults);
        let (access_key, secret_key) = (access_key?, secret_key?);
        if let ([TemplatePiece::Secret(id)], [TemplatePiece::Secret(key)]) =
            (access_key.0.as_slice(), secret_key.0.as_slice())
            && id == key
        {
            let message = "the key's id and the key are two secrets";
            faults.add(&aws.at.name("secret_key_ref"), "conflict", message);
        }
        Some(AwsSigV4 {
            access_key,
            secret_key,
            session_token,
            region: region?,
            service: service?,
        })
    })
}

/// A part of the credential scope: lower-case letters, digits and hyphens.
fn word(aws: Object<'_, '_>, name: &str, like: &str, faults: &mut Faults) -> Option<String> {
    if !aws.members.contains_key(name) {
        faults.missing(aws.at, name);
    }
    let word = faults.text(aws, name)?;
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=64).contains(&word.len()) || !word.bytes().all(fine) {
        let message = format!("\"{name}\" has 1 to 64 lower-case letters, digits and -");
        faults.advise(&aws.at.name(name), "invalid_value", message, like);
        return None;
    }
    Some(word.to_owned())
}
