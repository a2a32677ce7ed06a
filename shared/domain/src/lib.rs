//! Plain types and pure rules of the product: no I/O, nothing async; time, ids and randomness come in as arguments.

// `#[tool]` names this crate as its users do.
#[cfg(test)]
extern crate self as domain;

pub mod binding;
pub mod caller;
pub mod canonical;
pub mod code;
pub mod coerce;
pub mod config;
pub mod egress;
pub mod failure;
pub mod fault;
pub mod formats;
pub mod ids;
pub mod json;
pub mod output;
pub mod path;
pub mod request;
pub mod retry;
pub mod schema;
pub mod text;
mod walk;
mod weight;

#[cfg(test)]
mod sample;
