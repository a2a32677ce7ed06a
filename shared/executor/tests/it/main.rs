//! Executions on a real database, and the way out, against upstreams on loopback that answer well and badly.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken set-up ends the test"
)]

mod answers;
mod destinations;
mod execute;
mod failures;
mod redirects;
mod secrets;
mod stand;
mod tls;
mod upstream;
