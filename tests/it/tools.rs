//! Registering, running and versioning tools.

mod builtin;
mod execute;
mod register;
