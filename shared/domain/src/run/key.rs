//! Names that are the same however often they are asked for: of calls, of the runs of steps, of what a run was started with.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::canonical;

/// The `Idempotency-Key` of a step's call, the same over all of its attempts: version 5 over run, step and item.
pub fn call_key(run: Uuid, step: &str, item: Option<u64>) -> Uuid {
    let name = match item {
        None => step.to_owned(),
        Some(item) => format!("{step}[{item}]"),
    };
    Uuid::new_v5(&run, name.as_bytes())
}

/// The run that a step of kind `flow` starts: however often it is started, it is one run.
pub fn child_run(call_key: Uuid) -> Uuid {
    Uuid::new_v5(&call_key, b"run")
}

/// What a run was started with: the same key with another hash is a conflict. SHA-256.
pub fn input_hash(flow: &str, input: &Value) -> [u8; 32] {
    canonical::digest(&json!({ "flow": flow, "input": input }))
}

/// The same of a tool's execution that is owed to the queue.
pub fn execution_hash(tool: &str, input: &Value) -> [u8; 32] {
    canonical::digest(&json!({ "tool": tool, "input": input }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_one_call() {
        let run = Uuid::from_u128(7);
        let key = call_key(run, "mail", None);
        assert_eq!(key, call_key(run, "mail", None));
        assert_eq!(key.get_version_num(), 5);
        assert_ne!(key, call_key(run, "mail", Some(0)));
        assert_ne!(key, call_key(Uuid::from_u128(8), "mail", None));
        assert_ne!(child_run(key), key);
    }

    #[test]
    fn the_same_values_are_the_same_request() {
        let one = json!({ "a": 1, "b": 2.0 });
        let other = json!({ "b": 2, "a": 1 });
        assert_eq!(input_hash("f", &one), input_hash("f", &other));
        assert_ne!(input_hash("f", &one), input_hash("g", &one));
        assert_ne!(input_hash("f", &one), execution_hash("f", &one));
    }
}
