//! `prompts/list` and `prompts/get`: the workspace's prompt templates.

use domain::caller::Caller;
use domain::ids::PromptId;
use domain::prompt;
use registry::{Argument, Offered, PromptError, Prompts, Rendered};
use rmcp::model::{
    ErrorData, GetPromptResult, ListPromptsResult, Prompt, PromptArgument, PromptMessage, Role,
};
use serde_json::{Map, Value, json};
use web::{Problem, cursor};

use crate::call::broken;
use crate::server::bad_cursor;

const LIST: &str = "mcp_prompts";

/// Prompts of one page; a page stays far below 1 MB.
const PAGE: i64 = 200;

/// One page, by id.
pub(crate) async fn list(
    prompts: &Prompts,
    caller: &Caller,
    cursor: Option<&str>,
) -> Result<ListPromptsResult, ErrorData> {
    let after: Option<PromptId> = match cursor {
        None => None,
        Some(cursor) => Some(cursor::decode(LIST, cursor).map_err(|_| bad_cursor())?),
    };
    let after = after.as_ref().map(PromptId::as_str);
    let offered = prompts.offered(caller, after, PAGE + 1).await;
    let mut offered = offered.map_err(refused)?;
    let more = offered.len() > PAGE as usize;
    offered.truncate(PAGE as usize);
    let next = offered.last().filter(|_| more);
    let next = next.map(|last| cursor::encode(LIST, &last.id));
    let mut result = ListPromptsResult::with_all_items(offered.into_iter().map(shown).collect());
    result.next_cursor = next;
    Ok(result)
}

fn shown(offered: Offered) -> Prompt {
    let arguments = offered.arguments.into_iter().map(argument).collect();
    let description = Some(offered.description).filter(|text| !text.is_empty());
    Prompt::new(offered.id, description, Some(arguments)).with_title(offered.name)
}

fn argument(argument: Argument) -> PromptArgument {
    let mut shown = PromptArgument::new(argument.name).with_required(argument.required);
    shown.description = argument.description;
    shown
}

/// A prompt filled in.
pub(crate) async fn get(
    prompts: &Prompts,
    caller: &Caller,
    name: &str,
    arguments: Map<String, Value>,
) -> Result<GetPromptResult, ErrorData> {
    let id: PromptId = name.parse().map_err(|_| refused(PromptError::NotFound))?;
    let rendered = prompts.render_texts(caller, &id, arguments).await;
    rendered.map(filled).map_err(refused)
}

/// The protocol has no role for instructions: they are the first thing that the user says.
fn filled(rendered: Rendered) -> GetPromptResult {
    let Rendered {
        description,
        filled,
        ..
    } = rendered;
    let instructions = filled.instructions.into_iter();
    let instructions = instructions.map(|text| PromptMessage::new_text(Role::User, text));
    let messages = filled.messages.into_iter().map(|message| {
        let role = match message.role {
            prompt::Role::User => Role::User,
            prompt::Role::Assistant => Role::Assistant,
        };
        PromptMessage::new_text(role, message.text)
    });
    let mut result = GetPromptResult::new(instructions.chain(messages).collect());
    result.description = Some(description).filter(|text| !text.is_empty());
    result
}

fn refused(error: PromptError) -> ErrorData {
    let text = error.to_string();
    match error {
        PromptError::NotFound => ErrorData::invalid_params("Unknown prompt", None),
        PromptError::Variables(mut faults) => {
            for fault in &mut faults {
                if let Some(rest) = fault.pointer.strip_prefix("/variables") {
                    fault.pointer = format!("/arguments{rest}");
                }
            }
            let first = faults.first().map_or(text, |fault| fault.message.clone());
            ErrorData::invalid_params(first, Some(json!({ "errors": faults })))
        }
        PromptError::Invalid(faults) => {
            let why = "the stored prompt is not valid any more; save it anew";
            ErrorData::invalid_params(why, Some(json!({ "errors": faults })))
        }
        error @ (PromptError::Exists { .. }
        | PromptError::Conflict { .. }
        | PromptError::InstalledCopy
        | PromptError::Database(_)) => broken(Problem::from(error)),
    }
}
