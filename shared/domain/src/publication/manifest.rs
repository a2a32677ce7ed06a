//! The whole content of a publication.

use serde_json::{Value, json};

use super::Kind;
use crate::canonical;

/// Documents of one manifest at most: what is published, and what it calls.
pub const MAX_DOCUMENTS: usize = 33;

/// Largest manifest, in bytes of canonical JSON.
pub const MAX_MANIFEST_BYTES: usize = 512 * 1024;

/// One document of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it is.
    pub kind: Kind,
    /// Its id, by which the others name it.
    pub id: String,
    /// The document; its `id` is [`id`](Self::id).
    pub value: Value,
}

/// What is published, and the tools and flows that it calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// What is published.
    pub root: Document,
    /// What it calls, directly or through others, each once and by id; without code-based tools, which are everywhere.
    pub parts: Vec<Document>,
}

impl Manifest {
    /// As JSON: `{kind, id, document, with: [{kind, id, document}]}`.
    pub fn to_value(&self) -> Value {
        let one = |document: &Document| json!({ "kind": document.kind.as_str(), "id": document.id, "document": document.value });
        let mut value = one(&self.root);
        if !self.parts.is_empty() {
            value["with"] = self.parts.iter().map(one).collect();
        }
        value
    }

    /// Reads what [`to_value`](Self::to_value) wrote; `None` of anything else.
    pub fn read(value: &Value) -> Option<Self> {
        let parts = match value.get("with") {
            None => Vec::new(),
            Some(with) => {
                let with = with.as_array()?.iter().map(document);
                with.collect::<Option<_>>()?
            }
        };
        Some(Self {
            root: document(value)?,
            parts,
        })
    }

    /// SHA-256 of the canonical form, in hex: what an install pins.
    pub fn hash(&self) -> String {
        canonical::hash(&self.to_value())
    }

    /// All of its documents, the root first.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        [&self.root].into_iter().chain(&self.parts)
    }
}

fn document(value: &Value) -> Option<Document> {
    Some(Document {
        kind: value.get("kind")?.as_str()?.parse().ok()?,
        id: value.get("id")?.as_str()?.to_owned(),
        value: value
            .get("document")
            .filter(|document| document.is_object())?
            .clone(),
    })
}
