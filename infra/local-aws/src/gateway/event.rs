//! A request as the event that a REST API hands to a function. Pure.

use axum::http::{HeaderMap, Method, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::ACCOUNT;
use crate::gateway::api::Route;

/// What belongs to a connection and not to the request, and what the gateway tells differently.
const NOT_HANDED_ON: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request as it came.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The method.
    pub method: &'a Method,
    /// What was asked for, with the stage.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
    /// From where.
    pub source: &'a str,
}

/// What the gateway knows besides.
#[derive(Debug)]
pub struct Context<'a> {
    /// The stage's name.
    pub stage: &'a str,
    /// The path without the stage.
    pub path: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// The trace, as X-Ray writes it.
    pub trace: &'a str,
    /// The port of the gateway.
    pub port: u16,
    /// Media types whose bodies are binary.
    pub binary: &'a [String],
    /// Now.
    pub now: DateTime<Utc>,
}

/// The event.
pub fn build(
    request: &Incoming<'_>,
    context: &Context<'_>,
    route: &Route,
    placeholders: &[(String, String)],
) -> Value {
    let (single, multiple) = headers(request, context);
    let query: Vec<(String, String)> =
        form_urlencoded::parse(request.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let (body, encoded) = body(request, context.binary);
    let parameters: Map<String, Value> = placeholders
        .iter()
        .map(|(name, value)| {
            (
                name.clone(),
                percent_decode_str(value).decode_utf8_lossy().into(),
            )
        })
        .collect();
    let host = single.get("host").cloned().unwrap_or_default();
    json!({
        "resource": route.path,
        "path": context.path,
        "httpMethod": request.method.as_str(),
        "headers": single,
        "multiValueHeaders": multiple,
        "queryStringParameters": last_of_each(&query),
        "multiValueQueryStringParameters": all_of_each(&query),
        "pathParameters": if parameters.is_empty() { Value::Null } else { parameters.into() },
        "stageVariables": null,
        "requestContext": {
            "resourceId": "local",
            "resourcePath": route.path,
            "httpMethod": request.method.as_str(),
            "extendedRequestId": context.request_id,
            "requestTime": context.now.format("%d/%b/%Y:%H:%M:%S %z").to_string(),
            "path": request.uri.path(),
            "accountId": ACCOUNT,
            "protocol": "HTTP/1.1",
            "stage": context.stage,
            "domainPrefix": "local",
            "requestTimeEpoch": context.now.timestamp_millis(),
            "requestId": context.request_id,
            "identity": {
                "cognitoIdentityPoolId": null,
                "accountId": null,
                "cognitoIdentityId": null,
                "caller": null,
                "sourceIp": request.source,
                "principalOrgId": null,
                "accessKey": null,
                "cognitoAuthenticationType": null,
                "cognitoAuthenticationProvider": null,
                "userArn": null,
                "userAgent": request.headers.get("user-agent").and_then(|agent| agent.to_str().ok()),
                "user": null,
            },
            "domainName": host,
            "deploymentId": "local",
            "apiId": "local",
        },
        "body": body,
        "isBase64Encoded": encoded,
    })
}

fn headers(
    request: &Incoming<'_>,
    context: &Context<'_>,
) -> (Map<String, Value>, Map<String, Value>) {
    let mut all: Vec<(String, String)> = request
        .headers
        .iter()
        .filter(|(name, _)| !NOT_HANDED_ON.contains(&name.as_str()))
        .filter(|(name, _)| {
            !name.as_str().starts_with("x-forwarded-") && name.as_str() != "x-amzn-trace-id"
        })
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let before = request
        .headers
        .get("x-forwarded-for")
        .and_then(|value| value.to_str().ok());
    let forwarded = match before {
        Some(before) => format!("{before}, {}", request.source),
        None => request.source.to_owned(),
    };
    all.extend([
        ("x-amzn-trace-id".to_owned(), context.trace.to_owned()),
        ("x-forwarded-for".to_owned(), forwarded),
        ("x-forwarded-port".to_owned(), context.port.to_string()),
        ("x-forwarded-proto".to_owned(), "http".to_owned()),
    ]);
    let (mut single, mut multiple) = (Map::new(), Map::new());
    for (name, value) in all {
        let list = multiple.entry(name.clone()).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(value.clone().into());
        }
        single.insert(name, value.into());
    }
    (single, multiple)
}

/// Text, unless the API takes this media type for binary. What is no UTF-8 then suffers, as it does at AWS.
fn body(request: &Incoming<'_>, binary: &[String]) -> (Value, bool) {
    if request.body.is_empty() {
        return (Value::Null, false);
    }
    let kind = request
        .headers
        .get("content-type")
        .and_then(|kind| kind.to_str().ok());
    if is_binary(kind.unwrap_or_default(), binary) {
        return (STANDARD.encode(request.body).into(), true);
    }
    (String::from_utf8_lossy(request.body).into(), false)
}

/// Whether a media type is among these; `*/*` is every one.
pub(crate) fn is_binary(kind: &str, binary: &[String]) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    binary.iter().any(|one| one == "*/*" || one == kind)
}

fn last_of_each(query: &[(String, String)]) -> Value {
    let members: Map<String, Value> = query
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    if members.is_empty() {
        Value::Null
    } else {
        members.into()
    }
}

fn all_of_each(query: &[(String, String)]) -> Value {
    let mut members = Map::new();
    for (name, value) in query {
        let list = members.entry(name.clone()).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(value.clone().into());
        }
    }
    if members.is_empty() {
        Value::Null
    } else {
        members.into()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::gateway::api::Api;

    fn built(
        uri: &str,
        headers: &[(&'static str, &'static str)],
        body: &[u8],
        binary: &[String],
    ) -> Value {
        let integration =
            json!({ "type": "mock", "responses": { "default": { "statusCode": "200" } } });
        let properties = json!({ "Body": { "paths": { "/tools/{id}": { "post": { "x-amazon-apigateway-integration": integration } } } } });
        let api = Api::read(&properties, &json!({}), &[]).unwrap();
        let uri: Uri = uri.parse().unwrap();
        let path = uri.path().strip_prefix("/prod").unwrap();
        let (route, values) = api.find("POST", path).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let request = Incoming {
            method: &Method::POST,
            uri: &uri,
            headers: &map,
            body,
            source: "127.0.0.1",
        };
        let now = DateTime::from_timestamp(1_762_429_471, 604_000_000).unwrap();
        let context = Context {
            stage: "prod",
            path,
            request_id: "r-1",
            trace: "Root=1-a-b",
            port: 8080,
            binary,
            now,
        };
        build(&request, &context, route, &values)
    }

    #[test]
    fn an_event_is_that_of_a_rest_api() {
        let event = built(
            "/prod/tools/a%20b?q=1&q=2%203&z=",
            &[
                ("host", "127.0.0.1:8080"),
                ("connection", "close"),
                ("x-workspace-id", "a"),
                ("x-workspace-id", "b"),
                ("x-forwarded-for", "10.0.0.1"),
            ],
            br#"{"a":"b"}"#,
            &[],
        );
        assert_eq!(event["resource"], "/tools/{id}");
        assert_eq!(event["path"], "/tools/a%20b");
        assert_eq!(event["requestContext"]["path"], "/prod/tools/a%20b");
        assert_eq!(event["pathParameters"], json!({ "id": "a b" }));
        assert_eq!(
            event["queryStringParameters"],
            json!({ "q": "2 3", "z": "" })
        );
        assert_eq!(
            event["multiValueQueryStringParameters"],
            json!({ "q": ["1", "2 3"], "z": [""] })
        );
        assert_eq!(
            event["multiValueHeaders"]["x-workspace-id"],
            json!(["a", "b"])
        );
        assert_eq!(event["headers"]["x-workspace-id"], "b");
        assert_eq!(event["headers"]["x-forwarded-for"], "10.0.0.1, 127.0.0.1");
        assert_eq!(event["headers"]["x-amzn-trace-id"], "Root=1-a-b");
        assert_eq!(event["headers"].get("connection"), None);
        assert_eq!(
            event["requestContext"]["requestTime"],
            "06/Nov/2025:11:44:31 +0000"
        );
        assert_eq!(event["requestContext"]["identity"]["sourceIp"], "127.0.0.1");
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("{\"a\":\"b\"}"), &json!(false))
        );
    }

    /// The sample events of the repository are what AWS sends.
    #[test]
    fn an_event_has_the_members_of_a_recorded_one() {
        let recorded: Value =
            serde_json::from_str(include_str!("../../../../events/tools/execute.json")).unwrap();
        let event = built("/prod/tools/a", &[("host", "x")], b"{}", &[]);
        let names = |value: &Value| {
            let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        };
        assert_eq!(names(&event), names(&recorded));
        let (ours, theirs) = (&event["requestContext"], &recorded["requestContext"]);
        assert_eq!(names(ours), names(theirs));
        assert_eq!(names(&ours["identity"]), names(&theirs["identity"]));
    }

    #[test]
    fn a_body_is_base64_where_the_api_says_so() {
        let zip = [("content-type", "application/zip")];
        let binary = ["application/zip".to_owned()];
        let event = built("/prod/tools/a", &zip, &[0xff, 0], &binary);
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("/wA="), &json!(true))
        );
        let event = built("/prod/tools/a", &zip, &[0xff, 0], &[]);
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("\u{fffd}\0"), &json!(false))
        );
        assert_eq!(built("/prod/tools/a", &[], b"", &[])["body"], Value::Null);
    }
}
