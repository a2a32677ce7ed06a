//! Prompts in, answers out: the agent loop through the door.

mod sdk;
