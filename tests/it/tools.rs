//! Registering, running and versioning tools.

mod builtin;
mod errors_inside;
mod execute;
mod formats;
mod list;
mod list_saved;
mod pagination;
mod preview;
mod read;
mod read_more;
mod register;
mod restore;
mod retire;
mod revise;
mod save;
mod versions;
