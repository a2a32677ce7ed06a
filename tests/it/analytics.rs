//! The execution log.

mod list_executions;
mod read_execution;
