//! Prompts in, answers out: the agent loop through the door.

mod nothing_leaks;
mod sdk;
mod weather;
