//! Registering, running and versioning tools.

mod execute;
mod register;
