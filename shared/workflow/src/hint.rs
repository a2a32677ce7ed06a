//! What a message holds: the ids of one step that is ready, nothing else.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A step that may be claimed. Whoever gets it looks at the row; it may long have been done.
///
/// As a message: `{"run_id":"…","step_id":"quotes[3]"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hint {
    /// The run.
    pub run_id: Uuid,
    /// The step of the run, as its row is called.
    pub step_id: String,
}

impl Hint {
    /// The message's body.
    pub fn body(&self) -> String {
        serde_json::json!({ "run_id": self.run_id, "step_id": self.step_id }).to_string()
    }

    /// Reads a message's body. Members that are not known are passed over: a newer sender may add some.
    ///
    /// # Errors
    /// Why the body is no hint, without any part of it.
    pub fn read(body: &str) -> Result<Self, String> {
        serde_json::from_str(body).map_err(|error| {
            format!(
                "the body is no hint with run_id and step_id ({:?} error in line {}, column {})",
                error.classify(),
                error.line(),
                error.column()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_as_it_was_written() {
        let hint = Hint {
            run_id: Uuid::from_u128(7),
            step_id: "quotes[3]".to_owned(),
        };
        let body = hint.body();
        assert_eq!(
            body,
            r#"{"run_id":"00000000-0000-0000-0000-000000000007","step_id":"quotes[3]"}"#
        );
        assert_eq!(Hint::read(&body), Ok(hint.clone()));
        let newer = body.replace('}', r#","priority":1}"#);
        assert_eq!(Hint::read(&newer), Ok(hint));
    }

    #[test]
    fn what_is_no_hint_is_told_without_the_body() {
        for body in [
            "",
            "hunter22",
            "[]",
            r#"{"run_id":"hunter22","step_id":"a"}"#,
            r#"{"run_id":"00000000-0000-0000-0000-000000000007"}"#,
        ] {
            let told = Hint::read(body).unwrap_err();
            assert!(!told.contains("hunter22"), "{told}");
        }
    }
}
