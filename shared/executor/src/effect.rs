//! What it means that a tool's call has no answer, and how long one may take; pure.

use domain::run::Effect;
use registry::CompiledTool;

use crate::repetition::Repetition;

/// Whether a call may be made again after its process died: by the same rules as within one execution.
pub fn effect(tool: &CompiledTool) -> Effect {
    let config = &tool.config;
    let effects = match &tool.code {
        Some(code) => code.definition.effects,
        None => config.effects,
    };
    if effects.read_only {
        return Effect::Read;
    }
    let repeatable = match &tool.code {
        Some(_) => effects.idempotent,
        None => {
            let honoured = config.idempotency.is_some();
            Repetition::of(&config.retry, config.api.method, effects, honoured).repeatable
        }
    };
    if repeatable {
        Effect::Keyed
    } else {
        Effect::Unsafe
    }
}

/// The tool's own limit of time for one call, in milliseconds.
pub const fn timeout_ms(tool: &CompiledTool) -> u64 {
    match &tool.code {
        Some(code) => code.definition.timeout_ms,
        None => tool.config.api.timeout_ms,
    }
}
