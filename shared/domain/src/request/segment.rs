//! One segment of a path: text that is percent-encoded, and the marks of a style, which are not.

use std::borrow::Cow;

/// One segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment(Vec<Bit>);

/// A part of a [`Segment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bit {
    /// Data, not percent-encoded yet.
    Text(String),
    /// `;`, `=`, `.` or `,` of a parameter's style: sent as it stands.
    Mark(char),
}

impl Segment {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn push(&mut self, bit: Bit) {
        self.0.push(bit);
    }

    /// Its parts, in order.
    pub fn bits(&self) -> &[Bit] {
        &self.0
    }

    /// The whole, not percent-encoded.
    pub fn text(&self) -> Cow<'_, str> {
        if let [Bit::Text(text)] = self.0.as_slice() {
            return Cow::Borrowed(text);
        }
        let mut whole = String::new();
        for bit in &self.0 {
            match bit {
                Bit::Text(text) => whole.push_str(text),
                Bit::Mark(mark) => whole.push(*mark),
            }
        }
        Cow::Owned(whole)
    }

    /// Empty, `.` or `..`, also to a server that drops `;…` before it resolves dots.
    pub fn leads_elsewhere(&self) -> bool {
        let text = self.text();
        matches!(text.split(';').next().unwrap_or_default(), "" | "." | "..")
            && !matches!(self.0.first(), Some(Bit::Mark(';')))
    }
}

impl From<String> for Segment {
    fn from(text: String) -> Self {
        Self(vec![Bit::Text(text)])
    }
}

impl From<&str> for Segment {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl PartialEq<&str> for Segment {
    fn eq(&self, other: &&str) -> bool {
        self.text() == *other
    }
}
