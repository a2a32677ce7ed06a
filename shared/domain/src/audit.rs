//! The hash chain of the audit: what a row's hash is made of, and what breaks a chain. Pure.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::canonical;

/// A SHA-256.
pub type Hash = [u8; 32];

/// A row of the audit at its place in the workspace's chain.
///
/// Its hash is the SHA-256 of the canonical JSON (RFC 8785) of an object with exactly these members:
/// `workspace_id`, `actor`, `key_id` as lower-case UUIDs or null; `seq` and `id` as numbers; `at` in
/// UTC with six digits of a second, such as `2026-01-31T09:00:00.000000Z` (RFC 3339); `action`,
/// `subject_kind`, `subject` as text; `detail` as it is stored; `previous`, the hash of the row with the
/// `seq` before, in lower-case hex, or null in the first row.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Whose chain.
    pub workspace_id: Uuid,
    /// The place in it, from 1.
    pub seq: i64,
    /// The row.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who; nobody when it was the system.
    pub actor: Option<Uuid>,
    /// With which API key.
    pub key_id: Option<Uuid>,
    /// What was done.
    pub action: &'a str,
    /// To what kind of thing.
    pub subject_kind: &'a str,
    /// To which one.
    pub subject: &'a str,
    /// Facts.
    pub detail: &'a Value,
}

impl Line<'_> {
    /// The row's hash behind the row whose hash is `previous`.
    pub fn hash(&self, previous: Option<&[u8]>) -> Hash {
        Sha256::digest(self.canonical(previous)).into()
    }

    /// What the hash is of.
    fn canonical(&self, previous: Option<&[u8]>) -> String {
        canonical::to_string(&json!({
            "workspace_id": self.workspace_id,
            "seq": self.seq,
            "id": self.id,
            "at": time(self.at),
            "actor": self.actor,
            "key_id": self.key_id,
            "action": self.action,
            "subject_kind": self.subject_kind,
            "subject": self.subject,
            "detail": self.detail,
            "previous": previous.map(hex::encode),
        }))
    }
}

/// A time as it is hashed and answered: UTC, six digits of a second (RFC 3339).
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Why a chain does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// No row has this place: it was removed, or moved to another place or workspace.
    Missing,
    /// The row does not have the hash that it had when it was linked.
    Changed,
    /// The row does not continue the row before it.
    Unlinked,
    /// The chain does not end where its head says: rows were removed from its end, or added to it.
    Head,
    /// The row at the place that the caller had noted has another hash than the caller had noted.
    Unexpected,
}

impl Break {
    /// As it is answered.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Unlinked => "unlinked",
            Self::Head => "head",
            Self::Unexpected => "unexpected",
        }
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The way along a chain: where it stands and what the next row must continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    seq: i64,
    hash: Option<Vec<u8>>,
}

impl Walk {
    /// Stands behind the row of this place and hash; at `(0, None)`, before the first row.
    pub fn after(seq: i64, hash: Option<Vec<u8>>) -> Self {
        Self { seq, hash }
    }

    /// The place that comes next.
    pub fn next(&self) -> i64 {
        self.seq.saturating_add(1)
    }

    /// The hash of the row it stands behind.
    pub fn hash(&self) -> Option<&[u8]> {
        self.hash.as_deref()
    }

    /// Steps over a row, if it is the next one and unchanged.
    ///
    /// # Errors
    /// How the chain breaks here.
    pub fn step(
        &mut self,
        line: &Line<'_>,
        previous: Option<&[u8]>,
        hash: Option<&[u8]>,
    ) -> Result<(), Break> {
        if line.seq != self.next() {
            return Err(Break::Missing);
        }
        if previous != self.hash() {
            return Err(Break::Unlinked);
        }
        let computed = line.hash(previous);
        if hash != Some(computed.as_slice()) {
            return Err(Break::Changed);
        }
        self.seq = line.seq;
        self.hash = Some(computed.to_vec());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: i64, detail: &Value) -> Line<'_> {
        Line {
            workspace_id: Uuid::from_u128(1),
            seq,
            id: 70 + seq,
            at: DateTime::from_timestamp_micros(1_769_850_000_000_000).unwrap(),
            actor: Some(Uuid::from_u128(0xa11ce)),
            key_id: None,
            action: "secret.create",
            subject_kind: "secret",
            subject: "API_KEY",
            detail,
        }
    }

    #[test]
    fn the_hash_is_of_what_is_documented() {
        let detail = json!({ "version": 1, "hosts": ["é.example"] });
        let first = line(1, &detail);
        assert_eq!(
            first.canonical(None),
            "{\"action\":\"secret.create\",\"actor\":\"00000000-0000-0000-0000-0000000a11ce\",\
             \"at\":\"2026-01-31T09:00:00.000000Z\",\"detail\":{\"hosts\":[\"é.example\"],\"version\":1},\
             \"id\":71,\"key_id\":null,\"previous\":null,\"seq\":1,\"subject\":\"API_KEY\",\
             \"subject_kind\":\"secret\",\"workspace_id\":\"00000000-0000-0000-0000-000000000001\"}"
        );
        // By another tool: printf %s '…' | sha256sum
        assert_eq!(
            hex::encode(first.hash(None)),
            "43f9fbaa660e1f8939a9a9b6aca70a6c311e39b59e5223419a21c77fd2e3cae2"
        );
        let second = line(2, &detail);
        assert!(second.canonical(Some(&first.hash(None))).contains(
            "\"previous\":\"43f9fbaa660e1f8939a9a9b6aca70a6c311e39b59e5223419a21c77fd2e3cae2\""
        ));
    }

    #[test]
    fn a_walk_goes_over_an_unchanged_chain_and_stops_where_it_breaks() {
        let (detail, other) = (json!({ "version": 1 }), json!({ "version": 2 }));
        let first = line(1, &detail);
        let one = first.hash(None);
        let second = line(2, &detail);
        let two = second.hash(Some(&one));
        let mut walk = Walk::after(0, None);
        assert_eq!(walk.step(&first, None, Some(&one)), Ok(()));
        let before = walk.clone();
        assert_eq!(walk.step(&second, Some(&one), Some(&two)), Ok(()));
        assert_eq!((walk.next(), walk.hash()), (3, Some(two.as_slice())));

        for (line, previous, hash, broken) in [
            (line(3, &detail), Some(&one), Some(&two), Break::Missing),
            (line(2, &other), Some(&one), Some(&two), Break::Changed),
            (line(2, &detail), Some(&one), None, Break::Changed),
            (line(2, &detail), Some(&two), Some(&two), Break::Unlinked),
            (line(2, &detail), None, Some(&two), Break::Unlinked),
        ] {
            let (previous, hash) = (
                previous.map(<[u8; 32]>::as_slice),
                hash.map(<[u8; 32]>::as_slice),
            );
            assert_eq!(before.clone().step(&line, previous, hash), Err(broken));
        }
    }

    #[test]
    fn every_member_counts() {
        let detail = json!({});
        let base = line(1, &detail);
        let id = Some(Uuid::from_u128(9));
        let changed = [
            Line {
                workspace_id: Uuid::from_u128(2),
                ..base
            },
            Line { seq: 2, ..base },
            Line { id: 72, ..base },
            Line {
                at: DateTime::from_timestamp_micros(1_769_850_000_000_001).unwrap(),
                ..base
            },
            Line { actor: id, ..base },
            Line {
                actor: None,
                ..base
            },
            Line { key_id: id, ..base },
            Line {
                action: "secret.delete",
                ..base
            },
            Line {
                subject_kind: "api_key",
                ..base
            },
            Line {
                subject: "API_KEY_2",
                ..base
            },
        ];
        for line in changed {
            assert_ne!(line.hash(None), base.hash(None), "{line:?}");
        }
        assert_ne!(base.hash(Some(&[0; 32])), base.hash(None));
    }
}
