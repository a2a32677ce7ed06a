//! Everything in one local process: all functions' routes on one port, a database of its own, a
//! development user with a token, sample tools and sample flows. And the same process for others, without any of that ([`Server`]).

mod app;
mod compose;
mod database;
mod demo;
mod development;
mod error;
mod health;
mod keys;
mod people;
mod private_file;
mod ready;
mod samples;
pub mod server;
mod serving;
pub mod welcome;

pub use app::{App, Options, Running, token_for};
pub use compose::{Rooms, compose, work};
pub use error::Error;
pub use health::health;
pub use keys::{Claims, token};

/// The port of the API, unless another one is asked for.
pub const PORT: u16 = 8000;
