//! What comes of saving something that has versions: a tool, a prompt, a flow.

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
