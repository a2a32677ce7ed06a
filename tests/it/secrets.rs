//! Credentials that tools use.

mod aws;
mod aws_down;
mod aws_killed;
mod change;
mod create;
mod delete;
mod environment;
mod list;
mod list_audit;
mod providers;
mod verify_audit;
