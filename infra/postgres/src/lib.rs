//! Finds, starts and stops a real Postgres of our own: the local server's database and the tests'
//! throw-away cluster.
//!
//! The server listens on a unix socket in a private directory, on no port, and needs no password:
//! who can enter the directory may connect. Everything here is blocking; a start takes about two
//! seconds the first time and a tenth of a second later.

mod account;
mod binaries;
mod download;
mod error;
mod home;
mod pooler;
mod postmaster;
mod server;
mod throwaway;
mod wire;

pub use binaries::{Binaries, Search};
pub use error::Error;
pub use pooler::{Pooler, PoolerError};
pub use server::Server;
pub use throwaway::Throwaway;
pub use wire::Rows;

/// The superuser that `initdb` makes; it owns what the migrations create.
pub const OWNER: &str = "postgres";
