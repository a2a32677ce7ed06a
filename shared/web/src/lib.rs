//! How a route speaks HTTP: who is asking, bodies and parameters in, problems out, and what stands around it all.

pub mod body;
mod caller;
pub mod cursor;
pub mod etag;
mod events;
mod idempotency;
mod line;
pub mod openapi;
mod page;
pub mod path;
mod prefer;
pub mod problem;
pub mod query;
pub mod stack;

pub use body::{
    Created, Document, Field, Fields, FromFields, Json, MaybeJson, NoContent, accepted, json,
};
pub use caller::{Allowed, AllowedInDeleted, Person, WORKSPACE_HEADER, demand};
pub use etag::{IfMatch, IfNoneMatch, etag};
pub use events::events;
pub use idempotency::IdempotencyKey;
pub use line::REGISTRATIONS;
pub use page::page;
pub use path::{Path, PathPair, PathTriple};
pub use prefer::{PREFERENCE_APPLIED, Prefer, RESPOND_ASYNC};
pub use problem::{CATALOGUE, Code, Problem};
pub use query::{FromQuery, Page, PageOf, Params, Query};
pub use stack::{RequestId, StackConfig, serve_stack};
