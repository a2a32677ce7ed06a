//! Tools of functions: their schemas, what they read and write, and how they state a call.

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use chrono::DateTime;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::config::{Template, TemplatePiece};
use crate::failure::FailureCode;
use crate::ids::SecretName;
use crate::schema::Compiled;

/// Which share.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StockInput {
    /// Ticker symbol, such as IBM.
    #[schemars(length(min = 1, max = 10))]
    symbol: String,
    /// How many days back.
    #[serde(default)]
    days: u8,
    /// Whole shares.
    shares: Option<i16>,
}

#[derive(Serialize, JsonSchema)]
struct StockOutput {
    /// The latest price.
    price: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// The latest price
/// of one listed share.
///
/// In US dollars.
#[tool(read_only, tags = ["finance"], timeout_ms = 5000)]
async fn get_stock_quote(ctx: ToolContext, input: StockInput) -> Result<StockOutput, ToolError> {
    if input.symbol == "?" {
        return Err(ToolError::input("/symbol", "no such share", "look it up"));
    }
    let request = Request::get("https://quotes.example.com/v1").segment(input.symbol);
    let answer = ctx.call(request).await?;
    Ok(StockOutput {
        price: answer.value()?["price"].as_f64().unwrap_or(f64::NAN),
        note: input
            .shares
            .map(|shares| format!("{shares} × {}", input.days)),
    })
}

/// Runs a future that never has to wait.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// A context whose upstream answers 200 with this body, and the requests that it got.
fn upstream(body: &'static str) -> (ToolContext, Arc<Mutex<Vec<Request>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let context = ToolContext::new(DateTime::UNIX_EPOCH, move |request| {
        keep.lock().unwrap().push(request);
        let answer = Answer {
            status: 200,
            content_type: None,
            body: body.as_bytes().to_vec(),
        };
        Box::pin(std::future::ready(Ok(answer)))
    });
    (context, seen)
}

fn run(input: Value, body: &'static str) -> Result<Value, ToolError> {
    at_once(get_stock_quote::tool().run(upstream(body).0, input))
}

#[test]
fn a_function_says_everything_about_its_tool() {
    let tool = get_stock_quote::tool();
    let definition = tool.definition;
    assert_eq!(
        (definition.id, definition.name),
        ("get_stock_quote", "get_stock_quote")
    );
    assert_eq!(
        definition.description,
        "The latest price of one listed share.\n\nIn US dollars."
    );
    assert_eq!((definition.tags, definition.version), (&["finance"][..], 1));
    assert_eq!(definition.timeout_ms, 5000);
    let effects = definition.effects;
    assert!(effects.read_only && effects.idempotent && effects.open_world);
    assert!(!effects.destructive);
}

#[test]
fn schemas_come_from_the_types() {
    let tool = get_stock_quote::tool();
    assert_eq!(
        tool.input_schema,
        json!({
            "type": "object",
            "properties": {
                "symbol": { "description": "Ticker symbol, such as IBM.", "type": "string",
                            "minLength": 1, "maxLength": 10 },
                "days": { "description": "How many days back.", "type": "integer",
                          "minimum": 0, "maximum": 255, "default": 0 },
                "shares": { "description": "Whole shares.", "type": ["integer", "null"],
                            "minimum": -32768, "maximum": 32767 },
            },
            "additionalProperties": false,
            "required": ["symbol"],
        })
    );
    assert_eq!(
        tool.output_schema,
        json!({
            "type": "object",
            "properties": {
                "price": { "description": "The latest price.", "type": "number" },
                "note": { "type": ["string", "null"] },
            },
            "required": ["price"],
        })
    );
    assert!(Compiled::new(&tool.input_schema).is_ok());
    assert!(Compiled::new(&tool.output_schema).is_ok());
}

#[test]
fn runs_with_json_in_and_json_out() {
    let input = json!({ "symbol": "IBM", "shares": 3 });
    assert_eq!(
        run(input, r#"{"price":185.2}"#),
        Ok(json!({ "price": 185.2, "note": "3 × 0" }))
    );
}

#[test]
fn an_input_that_the_type_cannot_hold_is_a_fault_at_its_place() {
    let Err(ToolError::Input(faults)) = run(json!({ "symbol": "IBM", "days": 1.5 }), "{}") else {
        panic!("it was taken");
    };
    assert_eq!(
        (faults[0].pointer.as_str(), faults[0].code),
        ("/days", "invalid_value")
    );
    assert!(matches!(
        run(json!({ "symbol": "?" }), "{}"),
        Err(ToolError::Input(_))
    ));
}

#[test]
fn an_answer_that_is_no_json_is_an_invalid_response() {
    let Err(ToolError::Failed(failure)) = run(json!({ "symbol": "IBM" }), "<html>") else {
        panic!("it was read");
    };
    assert_eq!(failure.code, FailureCode::InvalidResponse);
    assert_eq!(failure.details["status"], 200);
}

#[test]
fn an_input_is_data_in_the_request() {
    let (context, seen) = upstream(r#"{"price":1}"#);
    let input = json!({ "symbol": "a/b?c=1" });
    assert!(at_once(get_stock_quote::tool().run(context, input)).is_ok());
    let draft = seen.lock().unwrap().remove(0).into_draft().unwrap();
    assert_eq!(
        (draft.host.as_str(), draft.port),
        ("quotes.example.com", 443)
    );
    assert_eq!(draft.segments, ["v1", "a/b?c=1"]);
    assert_eq!(draft.query, []);
}

#[test]
fn a_request_names_its_secrets() {
    let draft = Request::post("http://a.example.com:8080/x/?a=1%202")
        .bearer("TOKEN")
        .secret_query("k", "KEY")
        .header("X-Plain", "${NOT_EXPANDED}")
        .json(json!([1]))
        .into_draft()
        .unwrap();
    let names: Vec<&str> = draft.secrets().map(SecretName::as_str).collect();
    assert_eq!(names, ["KEY", "TOKEN"]);
    assert_eq!(
        (draft.segments, draft.trailing_slash),
        (vec!["x".into()], true)
    );
    assert_eq!(
        draft.query[0],
        (
            "a".to_owned(),
            Template(vec![TemplatePiece::Text("1 2".to_owned())])
        )
    );
}

#[test]
fn a_request_that_cannot_be_is_told_when_it_is_used() {
    for request in [
        Request::get("not a url"),
        Request::get("ftp://example.com"),
        Request::get("https://me:secret@example.com"),
        Request::get("https://example.com/a//b"),
        Request::get("https://example.com").segment(".."),
        Request::get("https://example.com")
            .bearer("not-a-name")
            .query("a", "b"),
    ] {
        let Err(ToolError::Failed(failure)) = request.into_draft() else {
            panic!("it was made");
        };
        assert_eq!(failure.code, FailureCode::EgressBlocked);
    }
}
