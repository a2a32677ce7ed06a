//! Saving something that has versions, and what comes of it: a tool, a prompt, a flow.

use crate::db::{Query, Record, Tx};
use crate::error::Error;
use crate::statements::row;

/// What came of saving something new.
#[derive(Clone, Debug)]
pub enum Insert<T> {
    /// Saved: as version 1, or as the next one of an id that had been retired.
    Created(T),
    /// Something of that id is there.
    Exists {
        /// Its version.
        version: i32,
        /// Its hash.
        hash: String,
    },
}

/// What came of saving a next version.
#[derive(Clone, Debug)]
pub enum Revise<T> {
    /// Saved, or the same document as the current one, which stays.
    Done(T),
    /// `if_match` names another version than the current one.
    Conflict {
        /// The current version.
        version: i32,
        /// Its hash.
        hash: String,
    },
    /// Nothing of that id is there.
    NotFound,
}

row! {
    /// The current version of an id, retired or not.
    pub(crate) struct Head {
        pub(crate) version: i32,
        pub(crate) hash: String,
        pub(crate) retired: bool,
    }
}

/// A document to be saved, with the statements of its own table.
pub(crate) trait Versioned: Sync {
    /// As it is read back.
    type Saved: Record;

    /// What is said when others keep being faster.
    const CHANGING: &'static str;

    /// SHA-256 of the document's canonical form, in hex.
    fn hash(&self) -> &str;

    /// The id's [`Head`]; locked until the transaction ends, where it is to be changed.
    fn head(&self, lock: bool) -> Query<'_, Head>;

    /// The current version.
    fn current(&self) -> Query<'_, Self::Saved>;

    /// Saves it as version 1; no row where the id is taken.
    fn first(&self) -> Query<'_, Self::Saved>;

    /// Saves it as the next version; a retired one comes back with it.
    fn next(&self) -> Query<'_, Self::Saved>;
}

/// Saves a document under an id that no live one has.
///
/// # Errors
/// Its table's constraints; [`Error::Forbidden`] below member.
pub(crate) async fn insert<V: Versioned>(tx: &mut Tx, new: &V) -> Result<Insert<V::Saved>, Error> {
    let there = match tx.maybe(new.head(true)).await? {
        Some(head) if head.retired => return Ok(Insert::Created(tx.one(new.next()).await?)),
        Some(head) => Some(head),
        None => match tx.maybe(new.first()).await? {
            Some(saved) => return Ok(Insert::Created(saved)),
            // Somebody saved it between the look and the insert; no lock any more, see `INSERT` of tools.
            None => tx.maybe(new.head(false)).await?,
        },
    };
    match there {
        Some(head) if !head.retired => Ok(Insert::Exists {
            version: head.version,
            hash: head.hash,
        }),
        Some(_) | None => Err(Error::timed_out(V::CHANGING)),
    }
}

/// Saves the next version of a document; `if_match` is the hash that the caller last saw.
///
/// # Errors
/// [`Error::Forbidden`] below member.
pub(crate) async fn revise<V: Versioned>(
    tx: &mut Tx,
    new: &V,
    if_match: Option<&str>,
) -> Result<Revise<V::Saved>, Error> {
    let head = tx.maybe(new.head(true)).await?;
    let Some(head) = head.filter(|head| !head.retired) else {
        return Ok(Revise::NotFound);
    };
    if if_match.is_some_and(|expected| expected != head.hash) {
        return Ok(Revise::Conflict {
            version: head.version,
            hash: head.hash,
        });
    }
    let saved = if head.hash == new.hash() {
        tx.one(new.current()).await?
    } else {
        tx.one(new.next()).await?
    };
    Ok(Revise::Done(saved))
}
