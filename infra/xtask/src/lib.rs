//! Chores of this repository, as a library so that the tests can ask whether the generated documents are fresh.

mod errors;
pub mod export;
pub mod migrate;
mod postman;
mod rights;
pub mod sweep;
