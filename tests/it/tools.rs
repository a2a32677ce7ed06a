//! Registering, running and versioning tools.

mod builtin;
mod execute;
mod list;
mod list_saved;
mod preview;
mod read;
mod register;
mod restore;
mod retire;
mod revise;
mod save;
mod versions;
