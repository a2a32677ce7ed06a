//! Seals and opens bytes with AES-256-GCM under a random nonce. Pure but for the randomness.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;

/// Bytes of a nonce: 96 random bits. One key seals far fewer than 2³² values (NIST SP 800-38D, 8.3).
pub(crate) const NONCE_BYTES: usize = NONCE_LEN;

/// A key in memory; wiped when dropped.
pub(crate) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// What a sealing answers: the nonce, and the ciphertext with its tag behind it.
pub(crate) struct Sealed {
    pub(crate) nonce: [u8; NONCE_BYTES],
    pub(crate) ciphertext: Vec<u8>,
}

/// Why bytes could not be sealed or opened. Says nothing more on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes could not be sealed or opened")]
pub(crate) struct SealError;

/// Random bytes for a key.
pub(crate) fn random_key() -> Result<KeyBytes, SealError> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    rand::fill(key.as_mut()).map_err(|_| SealError)?;
    Ok(key)
}

/// Seals; the same context has to be given to open.
pub(crate) fn seal(key: &KeyBytes, context: &[u8], plain: &[u8]) -> Result<Sealed, SealError> {
    let mut nonce = [0; NONCE_BYTES];
    rand::fill(&mut nonce).map_err(|_| SealError)?;
    let mut ciphertext = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
    ciphertext.extend_from_slice(plain);
    cipher(key)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context),
            &mut ciphertext,
        )
        .map_err(|_| SealError)?;
    Ok(Sealed { nonce, ciphertext })
}

/// Opens what was sealed with this key in this context.
pub(crate) fn open(
    key: &KeyBytes,
    context: &[u8],
    nonce: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
    let mut bytes = Zeroizing::new(ciphertext.to_vec());
    let length = cipher(key)?
        .open_in_place(nonce, Aad::from(context), &mut bytes)
        .map_err(|_| SealError)?
        .len();
    bytes.truncate(length);
    Ok(bytes)
}

fn cipher(key: &KeyBytes) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM, key.as_ref())
        .map(LessSafeKey::new)
        .map_err(|_| SealError)
}

/// What a value is bound to: moved to another workspace, name or version, it does not open.
pub(crate) fn value_context(workspace: Uuid, name: &str, version: i32) -> Vec<u8> {
    context(b"value/1", workspace, name, &version.to_be_bytes())
}

/// What a connection's tokens are bound to: moved to another workspace, connection or version, they do not open.
pub(crate) fn token_context(workspace: Uuid, connection: Uuid, version: i32) -> Vec<u8> {
    let id = connection.to_string();
    context(b"tokens/1", workspace, &id, &version.to_be_bytes())
}

/// What is kept of a consent under way is bound to it and to how far it has come.
pub(crate) fn authorization_context(workspace: Uuid, id: Uuid, stage: &[u8]) -> Vec<u8> {
    context(b"authorization/1", workspace, &id.to_string(), stage)
}

/// What a wrapped data key is bound to.
pub(crate) fn data_key_context(workspace: Uuid, master_key_id: &str) -> Vec<u8> {
    context(b"data-key/1", workspace, master_key_id, &[])
}

/// The parts in a form that no other parts have: a purpose that ends in a zero byte, 16 bytes, a text
/// with its length before it, the rest.
fn context(purpose: &[u8], workspace: Uuid, text: &str, rest: &[u8]) -> Vec<u8> {
    let length = (text.len() as u64).to_be_bytes();
    [
        purpose,
        &[0],
        workspace.as_bytes(),
        &length,
        text.as_bytes(),
        rest,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Uuid = Uuid::from_u128(1);
    const NEIGHBOUR: Uuid = Uuid::from_u128(2);

    #[test]
    fn opens_what_it_sealed() {
        let key = random_key().unwrap();
        let context = value_context(HOME, "API_KEY", 1);
        for plain in [&b""[..], b"a value", &[7; 70_000]] {
            let sealed = seal(&key, &context, plain).unwrap();
            assert_eq!(sealed.ciphertext.len(), plain.len() + 16);
            let opened = open(&key, &context, &sealed.nonce, &sealed.ciphertext).unwrap();
            assert_eq!(opened.as_slice(), plain);
        }
    }

    #[test]
    fn a_value_opens_nowhere_else() {
        let key = random_key().unwrap();
        let home = value_context(HOME, "API_KEY", 1);
        let sealed = seal(&key, &home, b"a value").unwrap();
        for elsewhere in [
            value_context(NEIGHBOUR, "API_KEY", 1),
            value_context(HOME, "API_KEY2", 1),
            value_context(HOME, "API_KEY", 2),
            data_key_context(HOME, "API_KEY"),
        ] {
            assert!(open(&key, &elsewhere, &sealed.nonce, &sealed.ciphertext).is_err());
        }
        let other = random_key().unwrap();
        assert!(open(&other, &home, &sealed.nonce, &sealed.ciphertext).is_err());
        assert!(open(&key, &home, &sealed.nonce[1..], &sealed.ciphertext).is_err());
        for at in 0..sealed.ciphertext.len() {
            let mut changed = sealed.ciphertext.clone();
            changed[at] ^= 1;
            assert!(open(&key, &home, &sealed.nonce, &changed).is_err(), "{at}");
        }
    }

    #[test]
    fn tokens_open_for_their_connection_and_version_only() {
        let key = random_key().unwrap();
        let (one, two) = (Uuid::from_u128(3), Uuid::from_u128(4));
        let sealed = seal(&key, &token_context(HOME, one, 2), b"tokens").unwrap();
        for elsewhere in [
            token_context(NEIGHBOUR, one, 2),
            token_context(HOME, two, 2),
            token_context(HOME, one, 1),
            value_context(HOME, &one.to_string(), 2),
            authorization_context(HOME, one, &2_i32.to_be_bytes()),
        ] {
            assert!(open(&key, &elsewhere, &sealed.nonce, &sealed.ciphertext).is_err());
        }
        let begun = seal(&key, &authorization_context(HOME, one, b"begun"), b"x").unwrap();
        let answered = authorization_context(HOME, one, b"answered");
        assert!(open(&key, &answered, &begun.nonce, &begun.ciphertext).is_err());
    }

    #[test]
    fn never_seals_twice_alike() {
        let key = random_key().unwrap();
        let one = seal(&key, b"", b"a value").unwrap();
        let two = seal(&key, b"", b"a value").unwrap();
        assert_ne!(one.nonce, two.nonce);
        assert_ne!(one.ciphertext, two.ciphertext);
    }
}
