//! The secrets of a local installation: made once, kept in the data directory; and tokens signed
//! with them.

use std::path::Path;

use chrono::{Duration, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::SecretString;
use serde::Serialize;
use vault::MasterKeys;

use crate::error::Error;
use crate::private_file;

/// Signs the development user's tokens.
pub(crate) const JWT_SECRET: &str = "jwt-secret";
/// Wraps the data keys of stored secrets.
pub(crate) const MASTER_KEYS: &str = "master-keys";

/// What a Supabase session token says, as far as we read it.
#[derive(Clone, Debug, Serialize)]
pub struct Claims<'a> {
    /// The user.
    pub sub: &'a str,
    /// The user's address.
    pub email: &'a str,
    /// The database role: `authenticated`.
    pub role: &'a str,
    /// Who signed.
    pub iss: &'a str,
    /// For whom.
    pub aud: &'a str,
    /// Since when, in seconds since 1970.
    pub iat: i64,
    /// Until when, in seconds since 1970.
    pub exp: i64,
}

/// The secret for HS256: 256 random bits.
pub(crate) fn jwt_secret(dir: &Path) -> Result<String, Error> {
    private_file::read_or_make(&dir.join(JWT_SECRET), || {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::System(format!("no random bytes: {error}")))?;
        Ok(hex::encode(bytes))
    })
}

/// The master key, as `MASTER_KEYS` has it.
pub(crate) fn master_keys(dir: &Path) -> Result<String, Error> {
    use secrecy::ExposeSecret;
    private_file::read_or_make(&dir.join(MASTER_KEYS), || {
        MasterKeys::generate("local")
            .map(|key| key.expose_secret().to_owned())
            .map_err(|error| Error::System(error.to_string()))
    })
}

/// A session token of `user`, good for seven days.
///
/// # Errors
/// When it cannot be signed.
pub fn token(
    secret: &SecretString,
    issuer: &str,
    audience: &str,
    user: &str,
    email: &str,
) -> Result<String, Error> {
    use secrecy::ExposeSecret;
    let now = Utc::now();
    let claims = Claims {
        sub: user,
        email,
        role: "authenticated",
        iss: issuer,
        aud: audience,
        iat: now.timestamp(),
        exp: (now + Duration::days(7)).timestamp(),
    };
    encode(
        &Header::new(Algorithm::HS256),
        &claims,
        &EncodingKey::from_secret(secret.expose_secret().as_bytes()),
    )
    .map_err(|error| Error::System(format!("the token cannot be signed: {error}")))
}
