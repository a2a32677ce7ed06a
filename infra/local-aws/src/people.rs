//! Who signs in: session tokens as Supabase signs them, of people who need no password here.

use chrono::{Duration, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use uuid::Uuid;

use crate::error::Error;

/// The same e-mail address is the same person, at each start.
const NAMES: Uuid = Uuid::from_u128(0x2b1e_6c0f_97a4_4d31_8f5e_3d0c_a1b2_c3d4);

/// A session token, good for seven days.
pub(crate) fn token(
    secret: &str,
    issuer: &str,
    audience: &str,
    email: &str,
) -> Result<String, Error> {
    let now = Utc::now();
    let claims = json!({
        "sub": Uuid::new_v5(&NAMES, email.as_bytes()),
        "email": email,
        "role": "authenticated",
        "iss": issuer,
        "aud": audience,
        "iat": now.timestamp(),
        "exp": (now + Duration::days(7)).timestamp(),
    });
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(Error::system)
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::system)?;
    Ok(bytes)
}
