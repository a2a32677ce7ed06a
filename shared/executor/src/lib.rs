//! Runs one tool once: validate, read secrets, build, send, read, map, validate, mask, record.
//!
//! [`Executor::execute`] is the only way to run a tool; every door (REST, model, MCP, flow) leads here.
//! Deciding is pure and stands in small files of its own (`input`, `render`, `response`, `record`, the rules
//! of `repetition`); effects are the vault before the call, [`outbound`] for the call, and one row after it.
//! No database connection is held while the upstream is waited for.

mod attempt;
mod breaker;
mod cache;
mod code;
mod credentials;
mod cut;
mod effect;
mod error;
mod exchange;
mod execute;
mod fixtures;
mod input;
mod ledger;
mod limits;
pub mod outbound;
mod preview;
mod record;
mod render;
mod repetition;
mod response;
mod run;
mod timeline;
mod tokens;
mod trace;
mod verify;

pub use cut::{Cut, CutAt};
pub use effect::{effect, timeout_ms};
pub use error::ExecuteError;
pub use execute::{Asked, ExecuteOptions, Execution, Executor, Origin, accept, callable, placed};
pub use fixtures::{Tried, fixtures};
pub use input::accept_key;
pub use preview::Preview;
pub use record::redacted;
pub use run::MAX_DEADLINE;
pub use tokens::{Arrival, ConnectError, Consent, ConsentError, Link};
pub use verify::Verified;
