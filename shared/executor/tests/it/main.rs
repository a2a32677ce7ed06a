//! The way out, tried against upstreams on loopback that answer well and badly.

#![allow(clippy::unwrap_used, reason = "a broken set-up ends the test")]

mod answers;
mod destinations;
mod redirects;
mod tls;
mod upstream;
