//! Finds the one token in a request's `Authorization` headers. Pure.

use crate::error::{AuthError, Reason};

/// The largest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The token of a request, from the values of all its `Authorization` headers.
///
/// There must be exactly one value of the form `Bearer <token>` (RFC 6750). Tokens in cookies or in
/// the query are not looked for.
///
/// # Errors
/// [`AuthError::MissingToken`] without a header; [`AuthError::InvalidToken`] for another scheme, no
/// token, several, characters that no token has, or more than [`MAX_TOKEN_BYTES`].
pub fn bearer<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<&'a str, AuthError> {
    let mut values = values.into_iter();
    let value = values.next().ok_or(AuthError::MissingToken)?;
    if values.next().is_some() {
        return Err(Reason::Several.into());
    }
    let value = value.trim_ascii();
    let Some((scheme, rest)) = value.split_at_checked(b"bearer".len()) else {
        return Err(Reason::NotBearer.into());
    };
    let separated = rest.is_empty() || rest.starts_with(b" ");
    if !scheme.eq_ignore_ascii_case(b"bearer") || !separated {
        return Err(Reason::NotBearer.into());
    }
    Ok(one_token(rest.trim_ascii_start())?)
}

/// The bytes as a token: the `b64token` of RFC 6750, within the size limit.
pub(crate) fn one_token(bytes: &[u8]) -> Result<&str, Reason> {
    if bytes.is_empty() {
        return Err(Reason::Empty);
    }
    if bytes.len() > MAX_TOKEN_BYTES {
        return Err(Reason::TooLarge);
    }
    if !bytes.iter().all(|b| of_a_token(*b)) {
        let separated = bytes.iter().any(|b| matches!(b, b' ' | b',' | b'\t'));
        return Err(if separated {
            Reason::Several
        } else {
            Reason::Malformed
        });
    }
    std::str::from_utf8(bytes).map_err(|_| Reason::Malformed)
}

const fn of_a_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(values: &[&str]) -> Reason {
        match bearer(values.iter().map(|v| v.as_bytes())) {
            Err(AuthError::InvalidToken(reason)) => reason,
            other => panic!("{values:?}: {other:?}"),
        }
    }

    #[test]
    fn finds_the_one_token() {
        for value in [
            "Bearer abc.def.ghi",
            "bearer abc.def.ghi",
            "BEARER  abc.def.ghi ",
        ] {
            assert_eq!(bearer([value.as_bytes()]).unwrap(), "abc.def.ghi");
        }
        assert!(matches!(bearer([]), Err(AuthError::MissingToken)));
    }

    #[test]
    fn refuses_all_else() {
        let large = format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES + 1));
        for (values, reason) in [
            (&["Bearer a", "Bearer b"][..], Reason::Several),
            (&["Bearer a, Bearer b"], Reason::Several),
            (&["Bearer a b"], Reason::Several),
            (&["Bearer"], Reason::Empty),
            (&["Bearer "], Reason::Empty),
            (&["Basic YTpi"], Reason::NotBearer),
            (&["Bearera"], Reason::NotBearer),
            (&[""], Reason::NotBearer),
            (&["Bearer é"], Reason::Malformed),
            (&["Bearer a\nb"], Reason::Malformed),
            (&[&large], Reason::TooLarge),
        ] {
            assert_eq!(refusal(values), reason, "{values:?}");
        }
    }
}
