//! Where a list goes on: an opaque text that holds the last key seen and the list it belongs to.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::problem::{Code, Problem};

/// Longer cursors are not ours.
const MAX_LENGTH: usize = 256;

/// The cursor after `key` in the list named `list`.
pub fn encode(list: &str, key: &impl Display) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}:{key}"))
}

/// The key that a cursor of the list named `list` holds.
///
/// # Errors
/// `invalid_cursor` when it was not made by [`encode`] for this list.
pub fn decode<K: FromStr>(list: &str, cursor: &str) -> Result<K, Problem> {
    let refused = || Problem::new(Code::InvalidCursor, "this list did not make that cursor");
    if cursor.len() > MAX_LENGTH {
        return Err(refused());
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    let text = String::from_utf8(bytes).map_err(|_| refused())?;
    text.strip_prefix(list)
        .and_then(|rest| rest.strip_prefix(':'))
        .and_then(|key| key.parse().ok())
        .ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_the_key() {
        let cursor = encode("tools", &"get_weather");
        assert_eq!(decode::<String>("tools", &cursor).unwrap(), "get_weather");
    }

    #[test]
    fn refuses_foreign_and_broken_cursors() {
        let of_versions = encode("versions", &"x");
        for bad in ["AAAA", "", "%%%", &of_versions, &"A".repeat(300)] {
            assert!(decode::<i32>("versions", bad).is_err(), "{bad}");
        }
    }
}
