//! Credentials that tools use.

mod aws;
mod aws_killed;
mod change;
mod create;
mod delete;
mod environment;
mod list;
mod providers;
mod list_audit;
mod verify_audit;
