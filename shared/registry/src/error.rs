//! What can go wrong with a workspace's tools.

use domain::fault::Fault;
use domain::ids::ToolId;

/// Why the registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The document is no tool; every fault, with pointers into the document.
    #[error("the tool's config has {} fault(s)", .0.len())]
    Invalid(Vec<Fault>),
    /// A tool of that id is there.
    #[error("a tool of this id exists in version {version}")]
    Exists {
        /// Its version.
        version: i32,
        /// Its hash.
        hash: String,
    },
    /// A flow has the id; tools and flows share one namespace.
    #[error("the id belongs to a flow, and tools and flows share their ids")]
    TakenByFlow,
    /// A code-based tool has the id; such tools are part of the product.
    #[error("{0} is a built-in tool")]
    BuiltIn(ToolId),
    /// The tool changed since the caller read it (`If-Match`).
    #[error("the tool is in version {version} by now")]
    Conflict {
        /// The current version.
        version: i32,
        /// Its hash.
        hash: String,
    },
    /// It was installed from the marketplace: only its updates change it.
    #[error("the tool is an installed copy, which is changed by its updates only")]
    InstalledCopy,
    /// No such tool or version in the workspace.
    #[error("no such tool")]
    NotFound,
    /// The stored document of that version is not accepted any more, so it is not run; why.
    #[error("the stored document is no longer valid: {0}")]
    Quarantined(String),
    /// The database.
    #[error(transparent)]
    Database(#[from] persistence::Error),
}
