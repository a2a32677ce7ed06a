//! Knows the tools: compiled, cached per process, as fresh as the request that asks.
//!
//! A request's first round trip to the database brings its workspace's catalog revision
//! ([`Caller::catalog_revision`](domain::caller::Caller)). The registry answers from memory while the
//! revision stands still, and otherwise loads what changed since: a tool saved through one process is
//! live in every other on its very next request, without a time window and without a query of its own.

mod cache;
mod catalog;
mod effects;
mod error;
mod flow_entry;
mod flows;
mod known;
mod live;
mod market;
mod pinned;
mod prompts;
mod quarantine;
mod saved;
mod schema;
mod search;
mod tool;

pub use catalog::Catalog;
pub use error::Error;
pub use flow_entry::FlowVersion;
pub use flows::{Defined, FlowError, Flows, Written};
pub use live::Registry;
pub use market::{Asked, Install, Market, MarketError, Offer, Public, Standing, Update};
pub use prompts::{Argument, Offered, PromptError, Prompts, Rendered};
pub use saved::Registered;
pub use schema::Schema;
pub use tool::{CompiledTool, Function};

/// Reads and checks a tool's document and compiles what a call needs of it: all that registering a
/// tool does before the database is asked.
///
/// # Errors
/// Every fault of the document.
pub fn check(
    document: &serde_json::Value,
    policy: &domain::egress::Policy,
) -> Result<domain::config::ToolConfig, Vec<domain::fault::Fault>> {
    saved::checked(document, policy)
}
