//! What of an answer is told in a failure: its status, its type, the beginning of its body; never a secret.

use domain::failure::{Failure, FailureCode};
use vault::mask::Masker;

use crate::outbound::Answer;

/// Bytes of an upstream's body that are told in a failure's details.
const EXCERPT: usize = 2048;
/// Bytes of it that are searched for secrets that stand across the end of the excerpt.
const SEARCHED: usize = 64 * 1024;
/// Longest media type that is told.
pub(super) const MAX_TYPE: usize = 100;

/// The answer is not what the tool reads.
pub(super) fn invalid(answer: &Answer, masker: &Masker, message: &str, hint: &str) -> Failure {
    told(
        Failure::new(FailureCode::InvalidResponse, message, hint),
        answer,
        masker,
    )
}

/// The failure with what the upstream said: status and the beginning of its body.
pub(super) fn told(failure: Failure, answer: &Answer, masker: &Masker) -> Failure {
    let failure = failure.detail("status", answer.status);
    let failure = match &answer.content_type {
        Some(content_type) => failure.detail(
            "content_type",
            excerpt(content_type.as_bytes(), MAX_TYPE, masker),
        ),
        None => failure,
    };
    if answer.body.is_empty() {
        return failure;
    }
    failure.detail("body", excerpt(&answer.body, EXCERPT, masker))
}

/// At most `limit` bytes as text, cut at a character, without secrets.
fn excerpt(bytes: &[u8], limit: usize, masker: &Masker) -> String {
    let searched = String::from_utf8_lossy(&bytes[..bytes.len().min(SEARCHED)]);
    masker.beginning(&searched, limit).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Masker = Masker::none();

    #[test]
    fn excerpts_end_at_a_character() {
        assert_eq!(excerpt("aä".as_bytes(), 2, &NONE), "a");
        assert_eq!(excerpt(b"a\xffb", 5, &NONE), "a\u{fffd}b");
        assert_eq!(excerpt(&[b'x'; 5000], EXCERPT, &NONE).len(), EXCERPT);
    }

    #[test]
    fn no_part_of_a_secret_is_told() {
        let secret = "secretsecretsecretsecretsecretsecretsecret";
        let masker = Masker::new(&[secret.into()]);
        for before in [0, EXCERPT - 20, EXCERPT - 3, EXCERPT, 3 * EXCERPT] {
            let body = format!("\"{} {secret}\"", "x".repeat(before));
            assert!(
                !excerpt(body.as_bytes(), EXCERPT, &masker).contains("sec"),
                "{before}"
            );
        }
    }
}
