//! From an answer's bytes to a JSON value, or to the failure that it is; pure.
//!
//! The status decides, then the tool's own rules (`domain::verdict`), then the body must be readable in the format
//! that the tool names (`domain::reading`). Secrets are hidden in a value before any part of it can get into a
//! message: there it may be cut, and half a secret is not recognised.

mod content;
mod reader;
mod status;
mod told;

pub(crate) use content::unreadable;
pub(crate) use reader::{Again, Reader};
pub(crate) use status::{failure, retry_after};
