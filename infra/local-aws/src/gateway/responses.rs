//! What the gateway answers by itself, as the template words it. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::gateway::api::Api;
use crate::intrinsics::plain;

/// One type of answer, as the template sets it.
#[derive(Clone, Debug, Default)]
pub struct GatewayResponse {
    status: Option<u16>,
    headers: Vec<(String, String)>,
    template: Option<String>,
}

/// Why the gateway answers itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A required parameter is missing: which ones.
    BadRequestParameters(Vec<String>),
    /// No such route.
    MissingAuthenticationToken,
    /// No key, or one that is not known, where one is demanded.
    InvalidApiKey,
    /// The body is larger than what the gateway, or the function, takes.
    RequestTooLarge,
    /// Too fast.
    Throttled,
    /// Too many in this period.
    QuotaExceeded,
    /// The function failed, or answered what is no answer.
    Malformed,
    /// The function is not there.
    IntegrationFailure,
    /// The function did not answer in time.
    IntegrationTimeout,
}

impl Refusal {
    /// Its type, the one that stands in for it, its status without a template, and its words.
    fn facts(&self) -> (&'static str, &'static str, u16, String) {
        let (kind, stand_in, status, message) = match self {
            Self::BadRequestParameters(names) => {
                let message = format!(
                    "Missing required request parameters: [{}]",
                    names.join(", ")
                );
                return ("BAD_REQUEST_PARAMETERS", "DEFAULT_4XX", 400, message);
            }
            Self::MissingAuthenticationToken => (
                "MISSING_AUTHENTICATION_TOKEN",
                "DEFAULT_4XX",
                403,
                "Missing Authentication Token",
            ),
            Self::InvalidApiKey => ("INVALID_API_KEY", "DEFAULT_4XX", 403, "Forbidden"),
            Self::RequestTooLarge => ("REQUEST_TOO_LARGE", "DEFAULT_4XX", 413, "Request Too Long"),
            Self::Throttled => ("THROTTLED", "DEFAULT_4XX", 429, "Too Many Requests"),
            Self::QuotaExceeded => ("QUOTA_EXCEEDED", "DEFAULT_4XX", 429, "Limit Exceeded"),
            Self::Malformed => ("DEFAULT_5XX", "DEFAULT_5XX", 502, "Internal server error"),
            Self::IntegrationFailure => (
                "INTEGRATION_FAILURE",
                "DEFAULT_5XX",
                504,
                "Internal server error",
            ),
            Self::IntegrationTimeout => (
                "INTEGRATION_TIMEOUT",
                "DEFAULT_5XX",
                504,
                "Endpoint request timed out",
            ),
        };
        (kind, stand_in, status, message.to_owned())
    }
}

/// Reads the types that a template sets.
pub(crate) fn read(all: &Value) -> BTreeMap<String, GatewayResponse> {
    let all = all.as_object().into_iter().flatten();
    all.map(|(kind, response)| {
        let headers = response["responseParameters"]
            .as_object()
            .into_iter()
            .flatten();
        let headers = headers.filter_map(|(name, value)| {
            let name = name.strip_prefix("gatewayresponse.header.")?;
            Some((name.to_owned(), value.as_str()?.to_owned()))
        });
        let template = response["responseTemplates"]["application/json"].as_str();
        let response = GatewayResponse {
            status: plain(&response["statusCode"]).and_then(|status| status.parse().ok()),
            headers: headers.collect(),
            template: template.map(str::to_owned),
        };
        (kind.clone(), response)
    })
    .collect()
}

/// Status, headers and body of an answer of the gateway's own.
pub fn render(
    api: &Api,
    refusal: &Refusal,
    request_id: &str,
) -> (u16, Vec<(String, String)>, String) {
    let (kind, stand_in, status, message) = refusal.facts();
    let response = api
        .responses
        .get(kind)
        .or_else(|| api.responses.get(stand_in));
    let response = response.cloned().unwrap_or_default();
    let quoted = json!(message).to_string();
    let filled = |text: &str| {
        text.replace("$context.error.messageString", &quoted)
            .replace("$context.error.message", &message)
            .replace("$context.error.responseType", kind)
            .replace("$context.requestId", request_id)
    };
    let mut headers: Vec<(String, String)> = response
        .headers
        .iter()
        .map(|(name, value)| {
            let literal = value
                .strip_prefix('\'')
                .and_then(|value| value.strip_suffix('\''));
            let value = match literal {
                Some(literal) => literal.to_owned(),
                None => filled(&format!("${value}")),
            };
            (name.to_ascii_lowercase(), value)
        })
        .collect();
    if !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    headers.push(("x-amzn-errortype".to_owned(), error_type(kind).to_owned()));
    let template = response.template.as_deref();
    let body = filled(template.unwrap_or(r#"{"message":$context.error.messageString}"#));
    (response.status.unwrap_or(status), headers, body)
}

fn error_type(kind: &str) -> &'static str {
    match kind {
        "MISSING_AUTHENTICATION_TOKEN" => "MissingAuthenticationTokenException",
        "INVALID_API_KEY" => "ForbiddenException",
        "BAD_REQUEST_PARAMETERS" => "BadRequestException",
        "THROTTLED" => "TooManyRequestsException",
        "QUOTA_EXCEEDED" => "LimitExceededException",
        "REQUEST_TOO_LARGE" => "RequestTooLongException",
        _ => "InternalServerErrorException",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(responses: &Value) -> Api {
        let properties = json!({ "Body": { "x-amazon-apigateway-gateway-responses": responses } });
        Api::read(&properties, &json!({}), &[]).unwrap()
    }

    #[test]
    fn a_type_is_worded_by_its_template() {
        let api = api(
            &json!({ "MISSING_AUTHENTICATION_TOKEN": { "statusCode": "404",
            "responseParameters": { "gatewayresponse.header.X-Request-Id": "context.requestId", "gatewayresponse.header.Content-Type": "'application/problem+json'" },
            "responseTemplates": { "application/json": "{\"request_id\":\"$context.requestId\"}" } } }),
        );
        let (status, headers, body) = render(&api, &Refusal::MissingAuthenticationToken, "r-1");
        assert_eq!((status, body.as_str()), (404, r#"{"request_id":"r-1"}"#));
        let has = |name: &str, value: &str| headers.contains(&(name.to_owned(), value.to_owned()));
        assert!(
            has("x-request-id", "r-1") && has("content-type", "application/problem+json"),
            "{headers:?}"
        );
    }

    #[test]
    fn the_default_stands_in_with_the_status_of_the_type() {
        let api = api(
            &json!({ "DEFAULT_4XX": { "responseTemplates": { "application/json": "$context.error.responseType: $context.error.message" } } }),
        );
        let refusal = Refusal::BadRequestParameters(vec!["Authorization".to_owned()]);
        let (status, _, body) = render(&api, &refusal, "r");
        assert_eq!(
            (status, body.as_str()),
            (
                400,
                "BAD_REQUEST_PARAMETERS: Missing required request parameters: [Authorization]"
            )
        );
    }

    #[test]
    fn without_a_template_the_answer_is_that_of_aws() {
        let (status, _, body) = render(&api(&json!({})), &Refusal::IntegrationTimeout, "r");
        assert_eq!(
            (status, body.as_str()),
            (504, r#"{"message":"Endpoint request timed out"}"#)
        );
    }
}
