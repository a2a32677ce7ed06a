//! Names of things: typed so that one kind cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id! {
    /// A workspace: the tenant that owns tools, secrets and runs.
    WorkspaceId
}
uuid_id! {
    /// A person, by the `sub` claim of the Supabase token.
    UserId
}
uuid_id! {
    /// A workspace API key (its row, not its value).
    ApiKeyId
}
uuid_id! {
    /// An invitation to a workspace.
    InvitationId
}
uuid_id! {
    /// One execution of one tool. Version 7: sorts by time.
    ExecutionId
}
uuid_id! {
    /// A secret's row. Its name may be used again after deletion, the id is not.
    SecretId
}

uuid_id! {
    /// A conversation with a model: one run of the agent loop, and what `previous_id` continues.
    ConversationId
}

uuid_id! {
    /// A connection: the tokens of a person or a workspace at one provider.
    ConnectionId
}

/// Ids that name routes, so no tool or flow may have them.
pub const RESERVED_TOOL_IDS: [&str; 2] = ["saved", "import"];

/// A tool's (or flow's) id in its workspace: `^[a-z0-9_-]{1,64}$` and not reserved.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ToolId(String);

impl TryFrom<String> for ToolId {
    type Error = ToolIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Why a text is no [`ToolId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolIdError {
    /// Empty, too long, or a character outside `a-z 0-9 _ -`.
    #[error("an id has 1 to 64 characters of a-z, 0-9, _ and -")]
    Malformed,
    /// One of [`RESERVED_TOOL_IDS`].
    #[error("this id is reserved")]
    Reserved,
}

impl ToolId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that a tool of this display name gets when it states none: lower case, every run of
    /// other characters one `_`, at most 64 characters. `None` when nothing is left or it is reserved.
    pub fn from_name(name: &str) -> Option<Self> {
        slug(name).parse().ok()
    }
}

/// A display name as an id: lower case, every run of other characters one `_`, at most 64 characters.
fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len().min(64));
    for c in name.trim().chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '-') => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('_') => {}
            _ => slug.push('_'),
        }
        if slug.len() == 64 {
            break;
        }
    }
    slug.truncate(slug.trim_end_matches('_').len());
    slug
}

/// Whether a text has 1 to 64 characters of a-z, 0-9, _ and -.
fn is_slug(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

impl FromStr for ToolId {
    type Err = ToolIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !is_slug(text) {
            return Err(ToolIdError::Malformed);
        }
        if RESERVED_TOOL_IDS.contains(&text) {
            return Err(ToolIdError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ToolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A prompt's id in its workspace: `^[a-z0-9_-]{1,64}$`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PromptId(String);

/// Why a text is no [`PromptId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 64 characters of a-z, 0-9, _ and -")]
pub struct PromptIdError;

impl PromptId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that a prompt of this display name gets when it states none, as for a tool. `None` when
    /// nothing is left of the name.
    pub fn from_name(name: &str) -> Option<Self> {
        slug(name).parse().ok()
    }
}

impl FromStr for PromptId {
    type Err = PromptIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_slug(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PromptIdError)
        }
    }
}

impl fmt::Display for PromptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A workspace secret's name: `^[A-Z][A-Z0-9_]{0,63}$`, written `${NAME}` in a tool config.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SecretName(String);

/// Why a text is no [`SecretName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret's name has 1 to 64 characters of A-Z, 0-9 and _, the first a letter")]
pub struct SecretNameError;

impl SecretName {
    /// The name as text, without `${}`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretName {
    type Err = SecretNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = text.bytes();
        let well_formed = text.len() <= 64
            && bytes.next().is_some_and(|b| b.is_ascii_uppercase())
            && bytes.all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(SecretNameError)
        }
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_ids() {
        for (name, id) in [
            ("tool_name", Some("tool_name")),
            ("Get Weather", Some("get_weather")),
            ("  Ünï  code!! ", Some("n_code")),
            ("saved", None),
            ("", None),
            ("日本", None),
        ] {
            assert_eq!(
                ToolId::from_name(name).as_ref().map(ToolId::as_str),
                id,
                "{name}"
            );
        }
    }

    #[test]
    fn refuses_ids_outside_the_alphabet() {
        for bad in [
            "",
            "A",
            "a b",
            "saved",
            "import",
            "a/b",
            "ä",
            &"a".repeat(65),
        ] {
            assert!(bad.parse::<ToolId>().is_err(), "{bad}");
        }
    }
}
