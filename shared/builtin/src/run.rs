//! Runs a tool in a test: what it is given, what the upstream answers, what comes out.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use chrono::{DateTime, Utc};
use domain::code::{Answer, CodeTool, Request, ToolContext, ToolError};
use domain::rest::Rest;
use domain::schema::Compiled;
use serde_json::Value;
use uuid::Uuid;

/// 2026-03-14 15:09:26 UTC.
pub(crate) const NOW: i64 = 1_773_500_966;

/// Runs a tool that makes no call.
pub(crate) fn run(tool: &CodeTool, input: Value) -> Result<Value, ToolError> {
    let (output, requests) = run_on(tool, input, "");
    assert!(requests.is_empty(), "it calls {requests:?}");
    output
}

/// Runs a tool whose every call is answered with this body.
pub(crate) fn run_on(
    tool: &CodeTool,
    input: Value,
    body: &'static str,
) -> (Result<Value, ToolError>, Vec<Request>) {
    let faults = Compiled::new(&tool.input_schema).unwrap().faults(&input);
    assert_eq!(faults, []);
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    let now: DateTime<Utc> = DateTime::from_timestamp(NOW, 0).unwrap();
    let context = ToolContext::new(now, move |request| {
        seen.lock().unwrap().push(request);
        let answer = Answer {
            status: 200,
            content_type: None,
            body: body.as_bytes().to_vec(),
        };
        Box::pin(std::future::ready(Ok(answer)))
    });
    let output = at_once(tool.run(context, input));
    if let Ok(output) = &output {
        let faults = Compiled::new(&tool.output_schema).unwrap().faults(output);
        assert_eq!(faults, []);
    }
    let requests = std::mem::take(&mut *requests.lock().unwrap());
    (output, requests)
}

/// Runs a tool where this is kept.
pub(crate) fn run_with_kept(
    tool: &CodeTool,
    input: Value,
    kept: fn(Uuid) -> Option<Vec<Rest>>,
) -> Result<Value, ToolError> {
    let context = ToolContext::new(DateTime::UNIX_EPOCH, |request| {
        panic!("it calls {request:?}")
    })
    .with_kept(move |id| Box::pin(std::future::ready(Ok(kept(id)))));
    let output = at_once(tool.run(context, input));
    if let Ok(output) = &output {
        let faults = Compiled::new(&tool.output_schema).unwrap().faults(output);
        assert_eq!(faults, []);
    }
    output
}

/// Where in the input the fault is.
pub(crate) fn pointer(output: Result<Value, ToolError>) -> String {
    match output {
        Err(ToolError::Input(faults)) => faults[0].pointer.clone(),
        other => panic!("{other:?}"),
    }
}

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
