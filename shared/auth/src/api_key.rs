//! Workspace API keys: how they look, how they are made, and what of them is stored.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use secrecy::SecretString;

/// What every key begins with, so that people and secret scanners know it.
pub const MARK: &str = "dtk_";

/// Characters after [`MARK`]: 43 of 62 are 256 bits.
const RANDOM_CHARS: usize = 43;

/// Characters of a key that lists show: [`MARK`] and eight more.
const VISIBLE_CHARS: usize = 12;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key that was just made. The value is shown once and not stored.
pub struct NewApiKey {
    /// The key itself.
    pub value: SecretString,
    /// Its beginning, by which people tell keys apart.
    pub prefix: String,
    /// What is stored: SHA-256. A key is 256 random bits, so nothing slower is needed.
    pub hash: [u8; 32],
}

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness;

/// Makes a key of 256 random bits.
///
/// # Errors
/// When the system gives no random bytes.
pub fn generate() -> Result<NewApiKey, NoRandomness> {
    let mut text = String::with_capacity(MARK.len() + RANDOM_CHARS);
    text.push_str(MARK);
    let mut bytes = [0_u8; 64];
    while text.len() < MARK.len() + RANDOM_CHARS {
        rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        // 248 = 4 × 62: bytes above would make the first characters likelier.
        let fair = bytes.iter().filter(|byte| **byte < 248);
        let room = MARK.len() + RANDOM_CHARS - text.len();
        text.extend(
            fair.take(room)
                .map(|byte| char::from(ALPHABET[usize::from(byte % 62)])),
        );
    }
    Ok(NewApiKey {
        prefix: text.chars().take(VISIBLE_CHARS).collect(),
        hash: sha256(&text),
        value: SecretString::from(text),
    })
}

/// Whether this bearer is meant as an API key, well-formed or not.
pub fn is_api_key(bearer: &str) -> bool {
    bearer.starts_with(MARK)
}

/// What is stored of this key; `None` if it does not look like one.
pub fn hash(bearer: &str) -> Option<[u8; 32]> {
    let random = bearer.strip_prefix(MARK)?;
    let well_formed =
        random.len() == RANDOM_CHARS && random.bytes().all(|b| b.is_ascii_alphanumeric());
    well_formed.then(|| sha256(bearer))
}

fn sha256(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn makes_keys_that_it_knows_again() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        let value = one.value.expose_secret();
        assert_eq!(value.len(), 47);
        assert_eq!(one.prefix.len(), 12);
        assert!(value.starts_with(&one.prefix) && is_api_key(value));
        assert_eq!(hash(value), Some(one.hash));
        assert_ne!(one.hash, other.hash);
    }

    #[test]
    fn refuses_what_does_not_look_like_a_key() {
        let long = format!("dtk_{}", "a".repeat(44));
        let strange = format!("dtk_{}!", "a".repeat(42));
        for bad in ["", "dtk_", "dtk_short", &long, &strange, &"a".repeat(47)] {
            assert_eq!(hash(bad), None, "{bad}");
        }
    }
}
