//! What a GraphQL answer says: `errors` is a failure, whatever its status; `data` is the data.
//!
//! Source: GraphQL, October 2021, 7.1 (response format); codes as Apollo, GitHub and Shopify name them.

use serde_json::{Map, Value};

use crate::failure::{Failure, FailureCode};
use crate::verdict::said;

/// Errors whose messages are told.
const MOST: usize = 3;

/// The failure that an answer tells; `None` when it tells none. An answer with data *and* errors is a
/// failure: what is missing from its data nobody could tell.
pub fn failure(body: &Value) -> Option<Failure> {
    let errors = match body.get("errors")? {
        Value::Array(errors) => errors.as_slice(),
        Value::Null | Value::Bool(false) => return None,
        Value::Object(members) if members.is_empty() => return None,
        // Gateways before the service say it without a list.
        other => std::slice::from_ref(other),
    };
    let first = errors.first()?;
    let messages = errors
        .iter()
        .filter_map(|error| error.get("message").unwrap_or(error).as_str());
    let messages: Vec<&str> = messages.take(MOST).collect();
    let message = match messages.as_slice() {
        [] => "The upstream answered with GraphQL errors.".to_owned(),
        messages => said(&messages.join("; ")),
    };
    let code = first.pointer("/extensions/code");
    let code = code.or_else(|| first.get("type")).and_then(Value::as_str);
    let kind = match code {
        Some("UNAUTHENTICATED" | "FORBIDDEN" | "ACCESS_DENIED") => FailureCode::AuthFailed,
        Some("THROTTLED" | "RATE_LIMITED") => FailureCode::RateLimited,
        Some(_) | None => FailureCode::UpstreamError,
    };
    let hint = match kind {
        FailureCode::AuthFailed => "Check the credential of the tool and what it may do.",
        FailureCode::RateLimited => "Wait, then call again.",
        _ => "Check the inputs and the query; details.errors holds the upstream's words.",
    };
    let mut failure = Failure::new(kind, message, hint).detail("errors", told(errors));
    if let Some(code) = code {
        failure = failure.detail("upstream_code", code);
    }
    Some(failure)
}

/// Message, path and code of the first errors.
fn told(errors: &[Value]) -> Vec<Value> {
    let told = errors.iter().take(MOST).map(|error| {
        if error.is_string() {
            return error.clone();
        }
        let mut few = Map::new();
        for name in ["message", "path", "type"] {
            if let Some(value) = error.get(name) {
                few.insert(name.to_owned(), value.clone());
            }
        }
        if let Some(code) = error.pointer("/extensions/code") {
            few.insert("code".to_owned(), code.clone());
        }
        Value::Object(few)
    });
    told.collect()
}

/// The data of an answer that tells no failure; of an empty answer nothing.
///
/// # Errors
/// `invalid_response`: it is no answer of GraphQL, which has `data`, `errors` or both.
pub fn data(body: Value) -> Result<Value, Failure> {
    match body {
        Value::Null => Ok(Value::Null),
        Value::Object(mut members) if members.contains_key("data") => {
            Ok(members.remove("data").unwrap_or_default())
        }
        Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => Err(Failure::new(
            FailureCode::InvalidResponse,
            "The upstream's answer has neither data nor errors: it is none of GraphQL.",
            "Check base_url and path; details.body holds the upstream's words.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_are_a_failure_even_beside_data() {
        let body = json!({
            "data": {"order": null},
            "errors": [
                {"message": "no such order", "path": ["order"], "extensions": {"code": "NOT_FOUND", "trace": "x"}},
                {"message": "and so on"},
            ],
        });
        let failure = failure(&body).unwrap();
        assert_eq!(failure.code, FailureCode::UpstreamError);
        assert_eq!(
            failure.message,
            "The upstream says: no such order; and so on"
        );
        assert_eq!(failure.details["upstream_code"], "NOT_FOUND");
        assert_eq!(
            failure.details["errors"][0],
            json!({"message": "no such order", "path": ["order"], "code": "NOT_FOUND"})
        );
    }

    #[test]
    fn some_errors_have_a_kind_of_their_own() {
        for (error, code, retryable) in [
            (
                json!({"message": "m", "extensions": {"code": "UNAUTHENTICATED"}}),
                FailureCode::AuthFailed,
                false,
            ),
            (
                json!({"message": "m", "type": "RATE_LIMITED"}),
                FailureCode::RateLimited,
                true,
            ),
            (json!("odd"), FailureCode::UpstreamError, false),
            (json!(7), FailureCode::UpstreamError, false),
        ] {
            let failure = failure(&json!({ "errors": [error] })).unwrap();
            assert_eq!((failure.code, failure.retryable), (code, retryable));
        }
    }

    #[test]
    fn errors_that_are_no_list_are_errors() {
        for (errors, message) in [
            (json!("no such key"), "The upstream says: no such key"),
            (json!({"message": "m"}), "The upstream says: m"),
            (
                json!({"a": 1}),
                "The upstream answered with GraphQL errors.",
            ),
            (json!(true), "The upstream answered with GraphQL errors."),
        ] {
            let failure = failure(&json!({ "data": {"a": 1}, "errors": errors })).unwrap();
            assert_eq!(failure.message, message);
        }
    }

    #[test]
    fn an_answer_without_errors_is_its_data() {
        for (body, expected) in [
            (json!({"data": {"a": 1}}), json!({"a": 1})),
            (json!({"data": null, "errors": []}), json!(null)),
            (json!({"data": 1, "errors": null}), json!(1)),
            (json!({"data": 1, "errors": {}}), json!(1)),
            (json!(null), json!(null)),
        ] {
            assert_eq!(failure(&body), None);
            assert_eq!(data(body), Ok(expected));
        }
    }

    #[test]
    fn what_has_neither_data_nor_errors_is_no_answer() {
        for body in [
            json!({"message": "try later"}),
            json!([{"data": 1}]),
            json!("ok"),
            json!({}),
        ] {
            assert_eq!(failure(&body), None);
            assert_eq!(data(body).unwrap_err().code, FailureCode::InvalidResponse);
        }
    }
}
