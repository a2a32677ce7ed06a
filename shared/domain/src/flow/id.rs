//! A step's name in its flow.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A step's id in its flow: `^[a-z][a-z0-9_]{0,63}$`, so that `steps.<id>` is an expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct StepId(String);

/// Why a text is no [`StepId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a step's id has 1 to 64 characters of a-z, 0-9 and _, the first a letter")]
pub struct StepIdError;

impl StepId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StepId {
    type Err = StepIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = text.bytes();
        let well_formed = text.len() <= 64
            && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
            && bytes.all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(StepIdError)
        }
    }
}

impl AsRef<str> for StepId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_names_in_expressions() {
        for good in ["a", "quotes", "step_2", &"a".repeat(64)] {
            assert_eq!(good.parse::<StepId>().unwrap().as_ref(), good);
        }
        for bad in [
            "",
            "A",
            "1a",
            "_a",
            "a-b",
            "a.b",
            "a b",
            "ä",
            &"a".repeat(65),
        ] {
            assert!(bad.parse::<StepId>().is_err(), "{bad}");
        }
    }
}
