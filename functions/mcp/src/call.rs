//! What a tool's run is to a client of the protocol: content, structured content, or an error that a model can read.

use domain::failure::Failure;
use domain::fault::Fault;
use executor::{Cut, ExecuteError, Execution};
use rmcp::model::{CallToolResult, ContentBlock, ErrorData};
use serde::Serialize;
use serde_json::{Value, json};
use web::Problem;

/// Why a call failed, as a model is told.
#[derive(Debug, Serialize)]
struct Told<'a> {
    code: &'a str,
    message: &'a str,
    hint: &'a str,
    retryable: bool,
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    faults: &'a [Fault],
}

impl Told<'_> {
    fn text(&self) -> String {
        let mut text = format!("{} ({})\n{}", self.message, self.code, self.hint);
        for fault in self.faults {
            let hint = fault.hint.as_deref().map(|hint| format!(" ({hint})"));
            let hint = hint.unwrap_or_default();
            text.push_str(&format!(
                "\narguments{}: {}{hint}",
                fault.pointer, fault.message
            ));
        }
        text
    }

    /// Structured content must fit the output schema that was listed (MCP, "Output Schema"), and an error does not: it is told
    /// in structure only by tools without one.
    fn result(&self, has_schema: bool) -> CallToolResult {
        let mut result = CallToolResult::error(vec![ContentBlock::text(self.text())]);
        if !has_schema {
            result.structured_content = Some(json!({ "error": self }));
        }
        result
    }
}

/// The answer to a run that was made.
pub(crate) fn ran(execution: Execution, has_schema: bool) -> CallToolResult {
    match execution.outcome {
        Ok(output) => succeeded(output, execution.cut.as_ref(), &execution.warnings),
        Err(failure) => failed(&failure, has_schema),
    }
}

fn succeeded(output: Value, cut: Option<&Cut>, warnings: &[String]) -> CallToolResult {
    let text = match &output {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut content = vec![ContentBlock::text(text)];
    content.extend(cut.map(|cut| ContentBlock::text(rest(cut))));
    content.extend(
        warnings
            .iter()
            .map(|warning| ContentBlock::text(format!("Note: {warning}"))),
    );
    let mut result = CallToolResult::success(content);
    result.structured_content = Some(output).filter(Value::is_object);
    result
}

/// Where the rest of an output is that was too large.
fn rest(cut: &Cut) -> String {
    let (kept, total) = (cut.kept_tokens, cut.total_tokens);
    let size = format!("The output was cut to about {kept} of {total} tokens.");
    match &cut.cursor {
        Some(cursor) => {
            format!("{size} Call the tool read_more with the cursor {cursor} for the rest.")
        }
        None => format!("{size} The rest was not kept: ask for less."),
    }
}

fn failed(failure: &Failure, has_schema: bool) -> CallToolResult {
    let told = Told {
        code: failure.code.as_str(),
        message: &failure.message,
        hint: &failure.hint,
        retryable: failure.retryable,
        faults: &[],
    };
    told.result(has_schema)
}

/// The answer to a call that was not made.
///
/// # Errors
/// What no model can mend: the tool is unknown (−32602), or this product cannot work now (−32603).
pub(crate) fn not_run(
    name: &str,
    error: ExecuteError,
    has_schema: bool,
) -> Result<CallToolResult, ErrorData> {
    let retryable = matches!(
        error,
        ExecuteError::QuotaExceeded { .. } | ExecuteError::InProgress { .. }
    );
    match error {
        ExecuteError::ToolNotFound => Err(unknown(name)),
        ExecuteError::InvalidInput(faults) => Ok(Told {
            code: "invalid_input",
            message: "The arguments do not fit the tool's inputSchema; nothing was called",
            hint: "Mend each of these and call again.",
            retryable: false,
            faults: &faults,
        }
        .result(has_schema)),
        error @ (ExecuteError::ToolDisabled(_)
        | ExecuteError::NothingToShow
        | ExecuteError::NothingToVerify
        | ExecuteError::KeyReused
        | ExecuteError::InProgress { .. }
        | ExecuteError::QuotaExceeded { .. }) => {
            let problem = Problem::from(error);
            let entry = problem.code().entry();
            let told = Told {
                code: entry.code,
                message: problem.detail(),
                hint: entry.todo,
                retryable,
                faults: &[],
            };
            Ok(told.result(has_schema))
        }
        error @ (ExecuteError::Database(_)
        | ExecuteError::AuditUnavailable(_)
        | ExecuteError::SecretStoreUnavailable(_)) => Err(broken(Problem::from(error))),
    }
}

/// No tool of that name, or not for this caller (MCP, "Error Handling").
pub(crate) fn unknown(name: &str) -> ErrorData {
    let short: String = name.chars().take(64).collect();
    ErrorData::invalid_params(format!("Unknown tool: {short}"), None)
}

/// This product cannot work now; the code is the problem's.
pub(crate) fn broken(problem: Problem) -> ErrorData {
    let problem = problem.within_an_answer();
    let data = json!({ "code": problem.code().as_str() });
    ErrorData::internal_error(problem.detail().to_owned(), Some(data))
}

#[cfg(test)]
mod tests {
    use domain::failure::FailureCode;

    use super::*;

    fn texts(result: &CallToolResult) -> Vec<String> {
        let texts = result.content.iter().filter_map(ContentBlock::as_text);
        texts.map(|text| text.text.clone()).collect()
    }

    #[test]
    fn only_objects_are_structured() {
        let result = succeeded(json!({ "price": 1.5 }), None, &[]);
        assert_eq!(texts(&result), [r#"{"price":1.5}"#]);
        assert_eq!(result.structured_content, Some(json!({ "price": 1.5 })));
        let result = succeeded(json!("plain"), None, &["a field was guessed".to_owned()]);
        assert_eq!(texts(&result), ["plain", "Note: a field was guessed"]);
        assert_eq!(result.structured_content, None);
        assert_eq!(result.is_error, Some(false));
    }

    #[test]
    fn a_cut_says_how_to_go_on() {
        let cut = Cut {
            cursor: Some("more_1".to_owned()),
            at: Vec::new(),
            kept_tokens: 10,
            total_tokens: 90,
        };
        let told = texts(&succeeded(json!([1]), Some(&cut), &[]));
        assert!(
            told[1].contains("read_more") && told[1].contains("more_1"),
            "{told:?}"
        );
    }

    #[test]
    fn an_error_is_structured_only_where_no_schema_forbids_it() {
        let failure = Failure::new(FailureCode::Timeout, "too slow", "try again");
        let result = failed(&failure, false);
        assert_eq!(texts(&result), ["too slow (timeout)\ntry again"]);
        assert_eq!(result.is_error, Some(true));
        let expected = json!({ "error": { "code": "timeout", "message": "too slow", "hint": "try again", "retryable": true } });
        assert_eq!(result.structured_content, Some(expected));
        assert_eq!(failed(&failure, true).structured_content, None);
    }

    #[test]
    fn arguments_are_mended_by_the_model_and_unknown_tools_are_not() {
        let faults = vec![Fault::new("/city", "required", "\"city\" is missing").hint("send it")];
        let result = not_run("a", ExecuteError::InvalidInput(faults), true).unwrap();
        assert!(texts(&result)[0].ends_with("arguments/city: \"city\" is missing (send it)"));
        let error = not_run("a", ExecuteError::ToolNotFound, true).unwrap_err();
        assert_eq!((error.code.0, &*error.message), (-32602, "Unknown tool: a"));
        let off = ExecuteError::ToolDisabled("it is off".to_owned());
        assert_eq!(not_run("a", off, true).unwrap().is_error, Some(true));
    }
}
