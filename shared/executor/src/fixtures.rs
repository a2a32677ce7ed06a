//! A tool's recorded fixtures (`tests`): its request and its reading of an answer, tried without sending anything.
//!
//! A fixture has an `input` and says what must come of it: `request` (members of the dry run: `method`, `url`, `headers`, `body`; of
//! headers those that are named), and of the recorded `response` (`status`, `content_type`, `body`) either `output` or the
//! failure's code as `error`. Secrets stand in a request as `${NAME}`.

use chrono::{DateTime, Utc};
use domain::caller::{Caller, Door};
use domain::config::{BodyKind, Validation};
use domain::failure::FailureCode;
use domain::fault::Fault;
use domain::ids::ToolId;
use domain::pages::Pages;
use domain::request::Draft;
use hyper::body::Bytes;
use registry::CompiledTool;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use vault::mask::Masker;

use crate::credentials;
use crate::error::ExecuteError;
use crate::execute::{Executor, accept, draft, usable};
use crate::outbound::Answer;
use crate::preview;
use crate::response::Reader;

/// One fixture, tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Its name.
    pub name: String,
    /// What is wrong, with pointers such as `/tests/0/request/url`; empty: it passed.
    pub faults: Vec<Fault>,
}

impl Executor {
    /// Tries the fixtures of a saved tool. Nothing is sent, no secret is read, nothing is recorded.
    ///
    /// # Errors
    /// [`ExecuteError::ToolNotFound`], [`ExecuteError::ToolDisabled`] when its document is no longer valid,
    /// [`ExecuteError::Database`].
    pub async fn try_fixtures(
        &self,
        caller: &Caller,
        tool_id: &ToolId,
    ) -> Result<Vec<Tried>, ExecuteError> {
        let tool = self.tool(caller, tool_id).await?;
        usable(&tool)?;
        Ok(fixtures(&tool, Utc::now()))
    }
}

/// Tries every fixture in a tool's document.
pub fn fixtures(tool: &CompiledTool, now: DateTime<Utc>) -> Vec<Tried> {
    let document: Value = serde_json::from_str(&tool.document).unwrap_or_default();
    let fixtures = document.get("tests").and_then(Value::as_array);
    let tried = fixtures.into_iter().flatten().enumerate();
    tried
        .map(|(index, fixture)| {
            let name = fixture.get("name").and_then(Value::as_str);
            Tried {
                name: name.map_or_else(|| format!("test {}", index + 1), str::to_owned),
                faults: Fixture { tool, fixture, now }
                    .faults()
                    .into_iter()
                    .map(|fault| Fault {
                        pointer: format!("/tests/{index}{}", fault.pointer),
                        ..fault
                    })
                    .collect(),
            }
        })
        .collect()
}

struct Fixture<'a> {
    tool: &'a CompiledTool,
    fixture: &'a Value,
    now: DateTime<Utc>,
}

impl Fixture<'_> {
    fn faults(&self) -> Vec<Fault> {
        let has = |name| self.fixture.get(name).is_some();
        if !has("request") && !has("response") && !has("error") {
            let message = "this says nothing that could be wrong";
            let hint = "state the request, or a response with its output";
            return vec![Fault::new("", "empty_test", message).hint(hint)];
        }
        if has("output") && !has("response") {
            let message = "an output comes of a recorded response";
            return vec![Fault::new("/response", "required", message)];
        }
        let mut input = self.fixture.get("input").cloned().unwrap_or(json!({}));
        let accepted = accept(self.tool, &mut input, Door::Rest);
        let drafted = accepted.and_then(|()| draft(self.tool, &input));
        let mut draft = match drafted {
            Ok(draft) => draft,
            Err(faults) => return self.refused_input(faults),
        };
        credentials::show(&self.tool.config.api.auth, &mut draft);
        let mut faults = Vec::new();
        if let Some(expected) = self.fixture.get("request") {
            let shown = preview::show(&draft, self.tool.config.response.format);
            request(expected, &json!(shown), &mut faults);
        }
        match self.fixture.get("response") {
            Some(response) => faults.extend(self.response(response, draft)),
            None if has("error") => {
                let message = "the input is accepted, and no response is recorded that could fail";
                faults.push(Fault::new("/error", "no_failure", message));
            }
            None => {}
        }
        faults
    }

    /// An input that does not fit is a failure that a fixture can expect.
    fn refused_input(&self, faults: Vec<Fault>) -> Vec<Fault> {
        if self.expected_error() == Some(FailureCode::InvalidInput.as_str()) {
            return Vec::new();
        }
        let below = |fault: Fault| Fault {
            pointer: format!("/input{}", fault.pointer),
            ..fault
        };
        faults.into_iter().map(below).collect()
    }

    fn expected_error(&self) -> Option<&str> {
        let error = self.fixture.get("error")?;
        error.as_str().or_else(|| error.get("code")?.as_str())
    }

    fn response(&self, recorded: &Value, draft: Draft) -> Vec<Fault> {
        let answer = match answer(recorded) {
            Ok(answer) => answer,
            Err(fault) => return vec![fault],
        };
        let outcome = self.read(&answer, draft);
        match (outcome, self.expected_error(), self.fixture.get("output")) {
            (Ok(output), None, Some(expected)) => {
                same("/output", expected, &output).into_iter().collect()
            }
            (Ok(_), None, None) => Vec::new(),
            (Ok(output), Some(code), _) => {
                let message = format!(
                    "expected the failure {code}, got the output {}",
                    cut(&output)
                );
                vec![Fault::new("/error", "no_failure", message)]
            }
            (Err((code, message)), expected, _) => {
                if expected == Some(code.as_str()) {
                    return Vec::new();
                }
                let message = format!("the execution fails with {}: {message}", code.as_str());
                let at = if expected.is_some() {
                    "/error"
                } else {
                    "/response"
                };
                vec![Fault::new(at, "failed", message)]
            }
        }
    }

    /// What a run makes of this answer.
    fn read(&self, answer: &Answer, draft: Draft) -> Result<Value, (FailureCode, String)> {
        let tool = self.tool;
        let reader = Reader {
            method: tool.config.api.method,
            rules: &tool.config.response,
            judge: &tool.judge,
            graphql: tool.config.body.kind == BodyKind::GraphQl,
        };
        let told = |failure: domain::failure::Failure| (failure.code, failure.message);
        let value = reader
            .read(answer, Vec::new, &Masker::none(), self.now)
            .map_err(told)?;
        let value = match &tool.config.response.pagination {
            None => value,
            // The recorded answer is the first page, and the last.
            Some(rules) => {
                let mut pages = Pages::begin(rules, &tool.config.api.auth, draft);
                pages.take(value, None).map_err(told)?;
                pages.joined().0
            }
        };
        let output = tool.output_plan.apply(&value).map_err(told)?;
        if tool.config.output.validation == Validation::Strict {
            let faults = tool.output_schema().faults(&output);
            if let Some(first) = faults.first() {
                let message = format!("output{}: {}", first.pointer, first.message);
                return Err((FailureCode::OutputInvalid, message));
            }
        }
        Ok(output)
    }
}

/// The recorded answer.
fn answer(recorded: &Value) -> Result<Answer, Fault> {
    let status = match recorded.get("status") {
        None => 200,
        Some(status) => status
            .as_u64()
            .and_then(|status| u16::try_from(status).ok())
            .filter(|status| (200..=599).contains(status))
            .ok_or_else(|| {
                Fault::new(
                    "/response/status",
                    "invalid_value",
                    "a status is 200 to 599",
                )
            })?,
    };
    let text = |name: &str| recorded.get(name).and_then(Value::as_str);
    let (body, kind) = match recorded.get("body") {
        None => (Bytes::new(), None),
        Some(Value::String(text)) => (Bytes::from(text.clone()), None),
        Some(value) => (Bytes::from(value.to_string()), Some("application/json")),
    };
    Ok(Answer {
        status,
        content_type: text("content_type").or(kind).map(str::to_owned),
        retry_after: None,
        link: None,
        body,
        headers_at: Instant::now(),
    })
}

/// Compares those members of the request that the fixture names.
fn request(expected: &Value, shown: &Value, faults: &mut Vec<Fault>) {
    let empty = Map::new();
    let expected = expected.as_object().unwrap_or(&empty);
    for (name, wanted) in expected {
        let at = format!("/request/{name}");
        match name.as_str() {
            "method" | "url" | "body" => {
                let got = shown.get(name).unwrap_or(&Value::Null);
                faults.extend(same(&at, wanted, got));
            }
            "headers" => headers(wanted, shown.get("headers"), faults),
            _ => {
                let message = "a fixture's request has method, url, headers and body";
                faults.push(Fault::new(at, "unknown_field", message));
            }
        }
    }
}

/// Header names are compared without case (RFC 9110, 5.1).
fn headers(wanted: &Value, shown: Option<&Value>, faults: &mut Vec<Fault>) {
    let shown = shown.and_then(Value::as_object);
    for (name, wanted) in wanted.as_object().into_iter().flatten() {
        let mut shown = shown.into_iter().flatten();
        let got = shown.find(|(shown, _)| shown.eq_ignore_ascii_case(name));
        let got = got.map_or(&Value::Null, |(_, value)| value);
        faults.extend(same(&format!("/request/headers/{name}"), wanted, got));
    }
}

fn same(at: &str, expected: &Value, got: &Value) -> Option<Fault> {
    if domain::canonical::to_string(expected) == domain::canonical::to_string(got) {
        return None;
    }
    let message = format!("expected {}, got {}", cut(expected), cut(got));
    Some(Fault::new(at, "different", message))
}

/// A value as it is told.
fn cut(value: &Value) -> String {
    let mut text: String = value.to_string();
    if let Some((end, _)) = text.char_indices().nth(200) {
        text.truncate(end);
        text.push('…');
    }
    text
}
