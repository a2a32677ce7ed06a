//! People of an installation that signs its tokens itself: known by their address alone.

use uuid::Uuid;

use crate::error::Error;

/// The person of this address, in every process the same.
///
/// # Errors
/// It is no address.
pub(crate) fn user_of(email: &str) -> Result<Uuid, Error> {
    let parts = email.split_once('@');
    let fine = parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
        && !email.contains(|c: char| c.is_whitespace() || c.is_control());
    if !fine {
        return Err(Error::NoAddress {
            text: email.to_owned(),
        });
    }
    let digest = domain::canonical::digest(&email.to_ascii_lowercase().into());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Ok(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_person_however_it_is_written() {
        let carol = user_of("carol@example.com").unwrap();
        assert_eq!(user_of("Carol@Example.com").unwrap(), carol);
        assert_ne!(user_of("dave@example.com").unwrap(), carol);
        for wrong in ["carol", "@example.com", "carol@", "a b@example.com"] {
            assert!(user_of(wrong).is_err(), "{wrong}");
        }
    }
}
