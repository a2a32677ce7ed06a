//! A request that names a prompt: the prompt is filled in, and the request's own fields win.

use domain::caller::Caller;
use domain::fault::Fault;
use domain::ids::PromptId;
use domain::prompt::FilledMessage;
use orchestrator::Ask;
use registry::Registry;
use serde_json::{Map, Value};
use web::{Fields, Problem};

/// The member `variables`: an object, or nothing. The outer `None` only after a fault was recorded.
pub(crate) fn variables(fields: &mut Fields) -> Option<Option<Map<String, Value>>> {
    match fields.optional::<Value>("variables") {
        None => Some(None),
        Some(Value::Object(variables)) => Some(Some(variables)),
        Some(_) => {
            let hint = "send an object such as {\"city\": \"Oslo\"}";
            fields.refuse("variables", "\"variables\" must be an object", hint);
            None
        }
    }
}

/// Puts the prompt of this id, filled in, where the request says nothing itself. Without an id the
/// request stays as it is. An empty `ask.prompt` is none.
///
/// # Errors
/// The faults of the variables; that there is no such prompt; that neither says what is asked.
pub(crate) async fn fill(
    registry: &Registry,
    caller: &Caller,
    id: Option<&PromptId>,
    variables: Option<&Map<String, Value>>,
    mut ask: Ask,
) -> Result<Ask, Problem> {
    match id {
        Some(id) => {
            let none = Map::new();
            let variables = variables.unwrap_or(&none);
            let rendered = registry.prompts().render(caller, id, variables).await?;
            let filled = rendered.filled;
            ask.instructions = ask.instructions.or_else(|| filled.instructions.clone());
            ask.tools = ask.tools.or_else(|| filled.tools.clone());
            ask.model = ask.model.or_else(|| filled.model.clone());
            ask.text_format = ask.text_format.or_else(|| filled.text_format.clone());
            let (before, prompt): (Vec<FilledMessage>, Option<String>) = filled.split_prompt();
            ask.before = before;
            if ask.prompt.is_empty() {
                ask.prompt = prompt.unwrap_or_default();
            }
        }
        None if variables.is_some_and(|variables| !variables.is_empty()) => {
            let message = "\"variables\" belong to a prompt";
            let hint = "name it as \"prompt_id\", or leave the variables out";
            let fault = Fault::new("/variables", "invalid_value", message).hint(hint);
            return Err(Problem::invalid_request(vec![fault]));
        }
        None => {}
    }
    if ask.prompt.is_empty() {
        let hint = "write what is asked, or name a \"prompt_id\" whose last message is a user's";
        let fault = Fault::new("/prompt", "required", "\"prompt\" is required").hint(hint);
        return Err(Problem::invalid_request(vec![fault]));
    }
    Ok(ask)
}
