//! Plain types and pure rules of the product: no I/O, nothing async; time, ids and randomness come in as arguments.

// `#[tool]` names this crate as its users do.
#[cfg(test)]
extern crate self as domain;

pub mod audit;
pub mod binding;
pub mod caller;
pub mod canonical;
pub mod code;
pub mod coerce;
pub mod config;
pub mod cut;
pub mod egress;
pub mod failure;
pub mod fault;
pub mod flow;
pub mod formats;
pub mod graphql;
pub mod ids;
pub mod json;
pub mod latency;
pub mod model;
pub mod output;
pub mod pages;
pub mod path;
pub mod price;
pub mod prompt;
pub mod publication;
pub mod ranking;
pub mod reading;
pub mod request;
pub mod rest;
pub mod retry;
pub mod rights;
pub mod run;
pub mod schema;
mod steps;
pub mod strict;
pub mod text;
pub mod tokens;
pub mod verdict;
mod walk;
mod weight;

#[cfg(test)]
mod sample;
