//! The operator's master keys: they wrap the data keys of the workspaces, and nothing else.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::SecretString;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::seal::{self, KEY_BYTES, KeyBytes, NONCE_BYTES, SealError, data_key_context};

/// The longest id of a key.
const MAX_ID_BYTES: usize = 64;

/// The operator's keys: the first wraps new data keys, all of them open.
///
/// To rotate, put a new key in front and keep the old ones until nothing is wrapped with them.
pub struct MasterKeys {
    keys: Vec<MasterKey>,
}

struct MasterKey {
    id: String,
    bytes: KeyBytes,
}

/// Why a text is no list of master keys; for the operator. Holds no part of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// Nothing is there.
    #[error("no master key is given: write id:base64 of 32 random bytes")]
    Empty,
    /// An entry without `:`, or an id with other characters.
    #[error("master key {0} must read id:base64, the id of letters, digits, '.', '_' and '-'")]
    Malformed(usize),
    /// Not base64, or not 32 bytes.
    #[error("master key \"{0}\" is not base64 of exactly 32 bytes")]
    NotAKey(String),
    /// Two entries have one id.
    #[error("master key \"{0}\" is given twice")]
    Twice(String),
    /// The system gave no random bytes for a new key.
    #[error("the system gave no random bytes")]
    NoRandomness,
}

/// A data key wrapped by a master key: the nonce and the ciphertext in one.
pub(crate) struct Wrapped {
    pub(crate) bytes: Vec<u8>,
    pub(crate) master_key_id: String,
}

impl MasterKeys {
    /// Reads `id:base64,older-id:base64`: each 32 bytes, the current one first.
    ///
    /// # Errors
    /// What the operator has to mend, by position or id.
    pub fn from_base64(text: &str) -> Result<Self, MasterKeyError> {
        let mut keys: Vec<MasterKey> = Vec::new();
        for (at, entry) in text.split(',').map(str::trim).enumerate() {
            if text.trim().is_empty() {
                return Err(MasterKeyError::Empty);
            }
            let (id, encoded) = entry
                .split_once(':')
                .filter(|(id, _)| is_id(id))
                .ok_or(MasterKeyError::Malformed(at + 1))?;
            if keys.iter().any(|key| key.id == id) {
                return Err(MasterKeyError::Twice(id.to_owned()));
            }
            let bytes = key_bytes(encoded).ok_or_else(|| MasterKeyError::NotAKey(id.to_owned()))?;
            keys.push(MasterKey {
                id: id.to_owned(),
                bytes,
            });
        }
        Ok(Self { keys })
    }

    /// A new random key as [`from_base64`](Self::from_base64) reads it: for a first start.
    ///
    /// # Errors
    /// When the id is malformed or the system gives no random bytes.
    pub fn generate(id: &str) -> Result<SecretString, MasterKeyError> {
        if !is_id(id) {
            return Err(MasterKeyError::Malformed(1));
        }
        let key = seal::random_key().map_err(|_| MasterKeyError::NoRandomness)?;
        let encoded = Zeroizing::new(STANDARD.encode(key.as_ref()));
        Ok(SecretString::from(format!("{id}:{}", *encoded)))
    }

    /// The id of the key that wraps new data keys.
    pub(crate) fn current_id(&self) -> &str {
        self.keys.first().map_or("", |key| key.id.as_str())
    }

    /// The ids of the keys that wrap nothing new any more.
    pub(crate) fn older_ids(&self) -> Vec<&str> {
        self.keys
            .iter()
            .skip(1)
            .map(|key| key.id.as_str())
            .collect()
    }

    /// Wraps a workspace's data key with the current master key.
    pub(crate) fn wrap(&self, workspace: Uuid, key: &KeyBytes) -> Result<Wrapped, SealError> {
        let master = self.keys.first().ok_or(SealError)?;
        let context = data_key_context(workspace, &master.id);
        let sealed = seal::seal(&master.bytes, &context, key.as_ref())?;
        Ok(Wrapped {
            bytes: [&sealed.nonce[..], &sealed.ciphertext].concat(),
            master_key_id: master.id.clone(),
        })
    }

    /// Opens a workspace's data key.
    pub(crate) fn unwrap(
        &self,
        workspace: Uuid,
        master_key_id: &str,
        wrapped: &[u8],
    ) -> Result<KeyBytes, UnwrapError> {
        let master = self
            .keys
            .iter()
            .find(|key| key.id == master_key_id)
            .ok_or_else(|| UnwrapError::UnknownMasterKey(master_key_id.to_owned()))?;
        let (nonce, ciphertext) = wrapped
            .split_at_checked(NONCE_BYTES)
            .ok_or(UnwrapError::Seal(SealError))?;
        let context = data_key_context(workspace, master_key_id);
        let bytes = seal::open(&master.bytes, &context, nonce, ciphertext)?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != KEY_BYTES {
            return Err(SealError.into());
        }
        key.copy_from_slice(&bytes);
        Ok(key)
    }
}

/// Why a data key could not be opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnwrapError {
    /// The operator took a key away too early.
    #[error("the master key \"{0}\" is not configured")]
    UnknownMasterKey(String),
    /// Another key under the same id, or changed bytes.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.id))
            .finish()
    }
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// Both alphabets, with or without padding: what `openssl rand -base64 32` and its like print.
fn key_bytes(encoded: &str) -> Option<KeyBytes> {
    let unpadded = encoded.trim_end_matches('=');
    let plain = Zeroizing::new(unpadded.replace('+', "-").replace('/', "_"));
    let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(plain.as_bytes()).ok()?);
    let bytes: [u8; KEY_BYTES] = decoded.as_slice().try_into().ok()?;
    Some(Zeroizing::new(bytes))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const HOME: Uuid = Uuid::from_u128(1);

    fn generate(id: &str) -> String {
        MasterKeys::generate(id).unwrap().expose_secret().to_owned()
    }

    #[test]
    fn old_keys_open_and_the_first_wraps() {
        let (old, new) = (generate("2023"), generate("2024"));
        let before = MasterKeys::from_base64(&old).unwrap();
        let data_key = seal::random_key().unwrap();
        let wrapped = before.wrap(HOME, &data_key).unwrap();
        assert_eq!(wrapped.master_key_id, "2023");

        let rotated = MasterKeys::from_base64(&format!("{new}, {old}")).unwrap();
        let opened = rotated.unwrap(HOME, "2023", &wrapped.bytes).unwrap();
        assert_eq!(opened.as_slice(), data_key.as_slice());
        assert_eq!(rotated.wrap(HOME, &data_key).unwrap().master_key_id, "2024");

        let after = MasterKeys::from_base64(&new).unwrap();
        assert_eq!(
            after.unwrap(HOME, "2023", &wrapped.bytes),
            Err(UnwrapError::UnknownMasterKey("2023".to_owned()))
        );
    }

    #[test]
    fn a_data_key_opens_in_its_workspace_under_its_master_key_only() {
        let one = generate("a");
        let renamed = one.replacen("a:", "b:", 1);
        let keys = MasterKeys::from_base64(&format!("{one},{renamed}")).unwrap();
        let wrapped = keys.wrap(HOME, &seal::random_key().unwrap()).unwrap().bytes;
        assert!(keys.unwrap(HOME, "a", &wrapped).is_ok());
        let sealed = Err(UnwrapError::Seal(SealError));
        assert_eq!(keys.unwrap(Uuid::from_u128(2), "a", &wrapped), sealed);
        assert_eq!(keys.unwrap(HOME, "b", &wrapped), sealed);
        assert_eq!(keys.unwrap(HOME, "a", &wrapped[..5]), sealed);
    }

    #[test]
    fn tells_the_operator_what_to_mend_without_the_key() {
        let good = generate("a");
        let short = STANDARD.encode([1; 16]);
        for (text, error) in [
            (String::new(), MasterKeyError::Empty),
            (good.replacen("a:", "", 1), MasterKeyError::Malformed(1)),
            (format!("{good},"), MasterKeyError::Malformed(2)),
            (good.replacen("a:", "a b:", 1), MasterKeyError::Malformed(1)),
            (
                format!("{good},{good}"),
                MasterKeyError::Twice("a".to_owned()),
            ),
            (
                format!("x:{short}"),
                MasterKeyError::NotAKey("x".to_owned()),
            ),
            ("x:!!!!".to_owned(), MasterKeyError::NotAKey("x".to_owned())),
        ] {
            assert_eq!(MasterKeys::from_base64(&text).err(), Some(error));
        }
        assert_eq!(
            format!("{:?}", MasterKeys::from_base64(&good).unwrap()),
            r#"["a"]"#
        );
    }

    #[test]
    fn reads_both_alphabets_with_and_without_padding() {
        let bytes = [0xfb; 32];
        let standard = STANDARD.encode(bytes);
        let url = URL_SAFE_NO_PAD.encode(bytes);
        for encoded in [standard.trim_end_matches('='), &standard, &url] {
            let keys = MasterKeys::from_base64(&format!("a:{encoded}")).unwrap();
            assert_eq!(keys.keys[0].bytes.as_slice(), bytes);
        }
    }
}
