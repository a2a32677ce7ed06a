//! A secret goes to its host and nowhere else: no answer, no log line and no row ever holds it, in no spelling.

mod every_body;
mod every_kind;
mod every_token;
mod other_ways;
mod panics;
mod routes;
mod scene;
pub(crate) mod spellings;
