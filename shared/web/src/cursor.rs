//! Where a list goes on: an opaque text that holds the last key seen and the list it belongs to.

use std::fmt::{self, Display};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use uuid::Uuid;

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
        .filter(|key| !key.contains('\0'))
        .and_then(|key| key.parse().ok())
        .ok_or_else(refused)
}

/// The key of a list in the order of making: when the last row was made, to the microsecond as Postgres
/// keeps it, and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// When it was made.
    pub at: DateTime<Utc>,
    /// Its id.
    pub id: Uuid,
}

impl Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.timestamp_micros(), self.id)
    }
}

impl FromStr for Made {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = text.split_once('.').ok_or(())?;
        let at = at.parse().ok().and_then(DateTime::from_timestamp_micros);
        Ok(Self {
            at: at.ok_or(())?,
            id: id.parse().map_err(drop)?,
        })
    }
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
    fn gives_back_a_time_of_making() {
        let made = Made {
            at: DateTime::from_timestamp_micros(1_795_365_251_727_954).unwrap(),
            id: Uuid::from_u128(7),
        };
        let cursor = encode("keys", &made);
        assert_eq!(decode::<Made>("keys", &cursor).unwrap(), made);
        for bad in ["x", "1.x", "99999999999999999999.0"] {
            assert!(
                decode::<Made>("keys", &encode("keys", &bad)).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn refuses_a_key_that_postgres_cannot_hold() {
        let cursor = encode("secrets", &"A\0");
        assert!(decode::<String>("secrets", &cursor).is_err());
    }

    #[test]
    fn refuses_foreign_and_broken_cursors() {
        let of_versions = encode("versions", &"x");
        for bad in ["AAAA", "", "%%%", &of_versions, &"A".repeat(300)] {
            assert!(decode::<i32>("versions", bad).is_err(), "{bad}");
        }
    }
}
