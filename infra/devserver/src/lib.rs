//! Everything in one local process: all functions' routes on one port, a database of its own, a
//! development user with a token, sample tools and sample flows.

mod app;
mod compose;
mod database;
mod demo;
mod development;
mod error;
mod keys;
mod private_file;
mod ready;
mod samples;
pub mod welcome;

pub use app::{App, Options, Running, token_for};
pub use compose::{Rooms, compose, work};
pub use error::Error;
pub use keys::{Claims, token};
