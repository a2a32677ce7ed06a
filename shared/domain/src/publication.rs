//! What a workspace shows to everybody in the marketplace, and what an install of it takes over; pure.
//!
//! A [`Manifest`] is the whole content of a publication: a tool, a flow or a prompt, and the tools and flows that it calls,
//! without the values of whoever published it. Its hash is what an install pins. [`Needs`] says what an install has to bind and
//! what it allows; [`changes`] compares two contents by that.

mod aimed;
mod bindings;
mod breaks;
mod changes;
mod credentials;
mod manifest;
mod needs;
mod references;
mod scrub;

use std::fmt;
use std::str::FromStr;

pub use aimed::{faults_of_text, told_to_models};
pub use bindings::{Bindings, BindingsError};
pub use changes::{Change, ChangeKind, changes};
pub use credentials::literal_credentials;
pub use manifest::{Document, MAX_DOCUMENTS, MAX_MANIFEST_BYTES, Manifest};
pub use needs::{NeededSecret, NeededVariable, Needs};
pub use references::{Reference, references};
pub use scrub::scrub;

/// What can be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A tool.
    Tool,
    /// A flow.
    Flow,
    /// A prompt.
    Prompt,
}

impl Kind {
    /// Its name, as stored and told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Flow => "flow",
            Self::Prompt => "prompt",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The public id of a publication, or the id of a tool, flow or prompt as it comes in a path: 1 to 128 characters of a-z, 0-9, _ and -.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicId(String);

impl PublicId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no [`PublicId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 128 characters of a-z, 0-9, _ and -")]
pub struct PublicIdError;

impl FromStr for PublicId {
    type Err = PublicIdError;

    fn from_str(text: &str) -> Result<Self, PublicIdError> {
        let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        match (1..=128).contains(&text.len()) && text.bytes().all(plain) {
            true => Ok(Self(text.to_owned())),
            false => Err(PublicIdError),
        }
    }
}

/// A text that names no [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a kind is tool, flow or prompt")]
pub struct KindError;

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, KindError> {
        [Self::Tool, Self::Flow, Self::Prompt]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(KindError)
    }
}

#[cfg(test)]
mod tests;
