//! The API as its description says: which routes lead where, and what the gateway answers by itself. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::gateway::responses::{self, GatewayResponse};
use crate::intrinsics::plain;

/// How long the gateway waits when the route says nothing else.
const PATIENCE: Duration = Duration::from_secs(29);

/// A REST API and its stage.
#[derive(Debug, Default)]
pub struct Api {
    routes: Vec<Route>,
    /// What the template says of the gateway's own answers, by their type.
    pub responses: BTreeMap<String, GatewayResponse>,
    /// Media types whose bodies are binary.
    pub binary: Vec<String>,
    /// Whole answers from so many bytes on are compressed.
    pub compress: Option<usize>,
    /// Limits of the stage, the most special first.
    pub limits: Vec<MethodLimit>,
    /// Usage plans, each with the one key that is made for it here.
    pub plans: Vec<Plan>,
}

/// Requests per second, and at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Per second.
    pub rate: f64,
    /// At once.
    pub burst: f64,
}

/// A limit of some methods.
#[derive(Debug)]
pub struct MethodLimit {
    /// `*`, or a path.
    pub path: String,
    /// `*`, or a method.
    pub method: String,
    /// The limit.
    pub limit: Limit,
}

/// A usage plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Of each key.
    pub limit: Option<Limit>,
    /// Requests of each key in each period.
    pub quota: Option<(u64, Duration)>,
}

/// One method of one path.
#[derive(Debug)]
pub struct Route {
    /// The path with its placeholders.
    pub path: String,
    segments: Vec<Segment>,
    method: String,
    /// What answers.
    pub target: Target,
    /// Parameters without which a request is refused.
    pub required: Vec<Required>,
    /// Whether only holders of a key are let in.
    pub wants_key: bool,
}

/// What answers a route.
#[derive(Debug, PartialEq)]
pub enum Target {
    /// A function.
    Function {
        /// Its ARN.
        arn: String,
        /// Whether its answer is handed on while it comes.
        streams: bool,
        /// How long it is waited for.
        patience: Duration,
    },
    /// The gateway itself.
    Mock {
        /// The status.
        status: u16,
        /// The headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
}

/// A parameter that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Required {
    /// A header.
    Header(String),
    /// A member of the query.
    Query(String),
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Exact(String),
    Any(String),
    Rest(String),
}

impl Segment {
    fn of(text: &str) -> Self {
        match text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
        {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Self::Rest(name.to_owned()),
                None => Self::Any(name.to_owned()),
            },
            None => Self::Exact(text.to_owned()),
        }
    }
}

impl Api {
    /// Reads the description in the properties of the API, and what its stage and its usage plans say.
    ///
    /// # Errors
    /// Whatever is not understood, by its name.
    pub fn read(api: &Value, stage: &Value, plans: &[Value]) -> Result<Self, Error> {
        let body = &api["Body"];
        only(
            body,
            "the API",
            &[
                "components",
                "definitions",
                "info",
                "openapi",
                "paths",
                "securityDefinitions",
                "swagger",
                "x-amazon-apigateway-binary-media-types",
                "x-amazon-apigateway-gateway-responses",
                "x-amazon-apigateway-request-validator",
                "x-amazon-apigateway-request-validators",
            ],
        )?;
        let mut routes = Vec::new();
        for (path, methods) in body["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                routes.push(route(body, path, method, operation)?);
            }
        }
        // An exact segment goes before a placeholder.
        routes.sort_by(|one, other| one.segments.cmp(&other.segments));
        let binary = [
            &api["BinaryMediaTypes"],
            &body["x-amazon-apigateway-binary-media-types"],
        ];
        let binary = binary.into_iter().filter_map(Value::as_array).flatten();
        Ok(Self {
            routes,
            responses: responses::read(&body["x-amazon-apigateway-gateway-responses"]),
            binary: binary
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            compress: plain(&api["MinimumCompressionSize"]).and_then(|size| size.parse().ok()),
            limits: limits(&stage["MethodSettings"]),
            plans: plans.iter().map(plan).collect(),
        })
    }

    /// All routes.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// The route of a request, and what its placeholders stand for, as it was sent.
    pub fn find(&self, method: &str, path: &str) -> Option<(&Route, Vec<(String, String)>)> {
        let sent: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let fits = self.routes.iter().filter_map(|route| {
            let values = matched(&route.segments, &sent)?;
            Some((route, values))
        });
        let mut of_path: Vec<_> = fits.collect();
        // The path is chosen first: a method that it lacks is not looked for elsewhere.
        let (best, _) = of_path.first()?;
        let best = best.path.clone();
        of_path.retain(|(route, _)| route.path == best);
        let index = of_path
            .iter()
            .position(|(route, _)| route.method == method)
            .or_else(|| of_path.iter().position(|(route, _)| route.method == "ANY"))?;
        Some(of_path.swap_remove(index))
    }
}

impl Route {
    /// The method: `GET`, or `ANY`.
    pub fn method(&self) -> &str {
        &self.method
    }
}

fn plan(plan: &Value) -> Plan {
    Plan {
        name: plain(&plan["UsagePlanName"]).unwrap_or_default(),
        limit: limit(&plan["Throttle"], "RateLimit", "BurstLimit"),
        quota: quota(&plan["Quota"]),
    }
}

fn matched(segments: &[Segment], sent: &[&str]) -> Option<Vec<(String, String)>> {
    let mut values = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        let part = *sent.get(index)?;
        match segment {
            Segment::Exact(exact) if exact == part => {}
            Segment::Exact(_) => return None,
            Segment::Any(_) | Segment::Rest(_) if part.is_empty() => return None,
            Segment::Any(name) => values.push((name.clone(), part.to_owned())),
            Segment::Rest(name) => {
                values.push((name.clone(), sent[index..].join("/")));
                return Some(values);
            }
        }
    }
    (segments.len() == sent.len()).then_some(values)
}

fn route(body: &Value, path: &str, method: &str, operation: &Value) -> Result<Route, Error> {
    let at = format!("{} {path}", method.to_uppercase());
    only(
        operation,
        &at,
        &[
            "consumes",
            "description",
            "operationId",
            "parameters",
            "produces",
            "requestBody",
            "responses",
            "security",
            "summary",
            "tags",
            "x-amazon-apigateway-integration",
            "x-amazon-apigateway-request-validator",
        ],
    )?;
    let security = operation["security"].as_array().into_iter().flatten();
    let schemes: Vec<&str> = security
        .filter_map(Value::as_object)
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect();
    if let Some(other) = schemes.iter().find(|scheme| **scheme != "api_key") {
        return Err(api(&at, format!("the authorizer {other} is not known")));
    }
    Ok(Route {
        path: path.to_owned(),
        segments: path
            .trim_start_matches('/')
            .split('/')
            .map(Segment::of)
            .collect(),
        method: match method {
            "x-amazon-apigateway-any-method" => "ANY".to_owned(),
            other => other.to_uppercase(),
        },
        target: target(&at, &operation["x-amazon-apigateway-integration"])?,
        required: required(body, &at, operation)?,
        wants_key: !schemes.is_empty(),
    })
}

fn target(at: &str, integration: &Value) -> Result<Target, Error> {
    match integration["type"]
        .as_str()
        .unwrap_or_default()
        .to_lowercase()
        .as_str()
    {
        "aws_proxy" => {
            only(
                integration,
                at,
                &[
                    "httpMethod",
                    "passthroughBehavior",
                    "responseTransferMode",
                    "timeoutInMillis",
                    "type",
                    "uri",
                ],
            )?;
            let uri = integration["uri"].as_str().unwrap_or_default();
            let (arn, call) = uri
                .split_once("/functions/")
                .and_then(|(_, rest)| rest.rsplit_once('/'))
                .ok_or_else(|| api(at, format!("its uri names no function: {uri}")))?;
            let streams = match (call, integration["responseTransferMode"].as_str()) {
                ("invocations", None | Some("BUFFERED")) => false,
                ("response-streaming-invocations", Some("STREAM")) => true,
                (call, mode) => {
                    return Err(api(
                        at,
                        format!("{call} does not go with the mode {mode:?}"),
                    ));
                }
            };
            let patience = integration["timeoutInMillis"].as_u64();
            Ok(Target::Function {
                arn: arn.to_owned(),
                streams,
                patience: patience.map_or(PATIENCE, Duration::from_millis),
            })
        }
        "mock" => {
            let answer = &integration["responses"]["default"];
            let status = plain(&answer["statusCode"]).and_then(|status| status.parse().ok());
            let headers = answer["responseParameters"]
                .as_object()
                .into_iter()
                .flatten();
            let headers = headers.filter_map(|(name, value)| {
                let name = name.strip_prefix("method.response.header.")?;
                let value = value.as_str()?.trim_matches('\'');
                Some((name.to_owned(), value.to_owned()))
            });
            let body = answer["responseTemplates"]["application/json"].as_str();
            Ok(Target::Mock {
                status: status.ok_or_else(|| api(at, "its mock has no status"))?,
                headers: headers.collect(),
                body: body.unwrap_or_default().trim().to_owned(),
            })
        }
        other => Err(api(at, format!("the integration {other:?} is not known"))),
    }
}

/// What a validator demands. Without one nothing is looked at, whatever the parameters say.
fn required(body: &Value, at: &str, operation: &Value) -> Result<Vec<Required>, Error> {
    let name = "x-amazon-apigateway-request-validator";
    let Some(name) = operation[name].as_str().or(body[name].as_str()) else {
        return Ok(Vec::new());
    };
    let validator = body["x-amazon-apigateway-request-validators"]
        .get(name)
        .ok_or_else(|| api(at, format!("there is no validator {name}")))?;
    if validator["validateRequestBody"] == true {
        return Err(api(at, "bodies are not validated here"));
    }
    if validator["validateRequestParameters"] != true {
        return Ok(Vec::new());
    }
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let required = parameters.filter(|parameter| parameter["required"] == true);
    required
        .filter_map(|parameter| {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            match parameter["in"].as_str().unwrap_or_default() {
                "header" => Some(Ok(Required::Header(name))),
                "query" => Some(Ok(Required::Query(name))),
                "path" => None,
                other => Some(Err(api(at, format!("a parameter in {other} is not known")))),
            }
        })
        .collect()
}

fn limits(settings: &Value) -> Vec<MethodLimit> {
    let settings = settings.as_array().into_iter().flatten();
    let mut limits: Vec<MethodLimit> = settings
        .filter_map(|setting| {
            // `/*` stands for every path, and `~1` for a slash within one.
            let path = setting["ResourcePath"].as_str()?.replace("~1", "/");
            Some(MethodLimit {
                path: match path.trim_start_matches('/') {
                    "*" => "*".to_owned(),
                    path => format!("/{path}"),
                },
                method: setting["HttpMethod"].as_str()?.to_owned(),
                limit: limit(setting, "ThrottlingRateLimit", "ThrottlingBurstLimit")?,
            })
        })
        .collect();
    limits.sort_by_key(|limit| (limit.path == "*", limit.method == "*"));
    limits
}

fn limit(value: &Value, rate: &str, burst: &str) -> Option<Limit> {
    let number = |name: &str| plain(&value[name])?.parse::<f64>().ok();
    Some(Limit {
        rate: number(rate)?,
        burst: number(burst)?,
    })
}

fn quota(value: &Value) -> Option<(u64, Duration)> {
    let days = match value["Period"].as_str()? {
        "DAY" => 1,
        "WEEK" => 7,
        _ => 30,
    };
    let limit = plain(&value["Limit"])?.parse().ok()?;
    Some((limit, Duration::from_secs(days * 86_400)))
}

fn only(value: &Value, at: &str, known: &[&str]) -> Result<(), Error> {
    let mut members = value.as_object().into_iter().flatten();
    match members.find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(api(at, format!("{name} is not known"))),
        None => Ok(()),
    }
}

fn api(at: &str, what: impl Into<String>) -> Error {
    Error::Resource {
        logical: at.to_owned(),
        what: what.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn proxy() -> Value {
        json!({ "x-amazon-apigateway-integration": { "type": "aws_proxy", "httpMethod": "POST",
            "uri": "arn:aws:apigateway:r:lambda:path/2015-03-31/functions/arn:f/invocations" }, "responses": {} })
    }

    fn read(paths: &Value) -> Result<Api, Error> {
        let properties = json!({ "Body": { "paths": paths, "x-amazon-apigateway-request-validators":
            { "params-only": { "validateRequestParameters": true, "validateRequestBody": false } } } });
        Api::read(&properties, &json!({}), &[])
    }

    #[test]
    fn exact_segments_go_before_placeholders() {
        let api = read(&json!({
            "/tools/{id}": { "get": proxy(), "delete": proxy() }, "/tools/saved": { "get": proxy() },
            "/tools/{id}/run": { "post": proxy() }, "/files/{rest+}": { "x-amazon-apigateway-any-method": proxy() },
        }))
        .unwrap();
        let found = |method: &str, path: &str| {
            let (route, values) = api.find(method, path)?;
            let values: Vec<String> = values
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            Some(format!("{} {}", route.path, values.join(",")))
        };
        for (method, path, expected) in [
            ("GET", "/tools/saved", Some("/tools/saved ")),
            ("GET", "/tools/a%20b", Some("/tools/{id} id=a%20b")),
            ("POST", "/tools/x/run", Some("/tools/{id}/run id=x")),
            ("PUT", "/files/a/b", Some("/files/{rest+} rest=a/b")),
            ("GET", "/tools", None),
            ("GET", "/tools/", None),
            ("POST", "/tools/x", None),
            ("DELETE", "/tools/saved", None),
            ("GET", "/tools/x/y/z", None),
        ] {
            assert_eq!(found(method, path).as_deref(), expected, "{method} {path}");
        }
    }

    #[test]
    fn a_validator_demands_what_is_required() {
        let mut operation = proxy();
        operation["parameters"] = json!([
            { "name": "Authorization", "in": "header", "required": true }, { "name": "q", "in": "query", "required": true },
            { "name": "Accept", "in": "header", "required": false }, { "name": "id", "in": "path", "required": true },
        ]);
        let api = read(&json!({ "/a": { "post": operation } })).unwrap();
        assert_eq!(api.find("POST", "/a").unwrap().0.required, []);
        operation["x-amazon-apigateway-request-validator"] = "params-only".into();
        let api = read(&json!({ "/a": { "post": operation } })).unwrap();
        let demanded = [
            Required::Header("Authorization".into()),
            Required::Query("q".into()),
        ];
        assert_eq!(api.find("POST", "/a").unwrap().0.required, demanded);
    }

    #[test]
    fn a_route_streams_when_both_its_mode_and_its_call_say_so() {
        let mut operation = proxy();
        let integration = &mut operation["x-amazon-apigateway-integration"];
        integration["responseTransferMode"] = "STREAM".into();
        integration["timeoutInMillis"] = 900_000.into();
        let refused = read(&json!({ "/a": { "get": operation.clone() } }))
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("GET /a") && refused.contains("STREAM"),
            "{refused}"
        );
        let uri = "arn:aws:apigateway:r:lambda:path/2021-11-15/functions/arn:f/response-streaming-invocations";
        operation["x-amazon-apigateway-integration"]["uri"] = uri.into();
        let api = read(&json!({ "/a": { "get": operation } })).unwrap();
        let patience = Duration::from_secs(900);
        let expected = Target::Function {
            arn: "arn:f".to_owned(),
            streams: true,
            patience,
        };
        assert_eq!(api.find("GET", "/a").unwrap().0.target, expected);
    }

    #[test]
    fn what_is_not_known_is_an_error_that_names_it() {
        let mut secured = proxy();
        secured["security"] = json!([{ "Cognito": [] }]);
        for (operation, told) in [
            (
                json!({ "x-amazon-apigateway-integration": { "type": "http" } }),
                "http",
            ),
            (
                json!({ "x-amazon-apigateway-integration": { "type": "mock" }, "x-amazon-apigateway-auth": {} }),
                "x-amazon-apigateway-auth",
            ),
            (secured, "Cognito"),
        ] {
            let error = read(&json!({ "/a": { "get": operation } }))
                .unwrap_err()
                .to_string();
            assert!(error.contains("GET /a") && error.contains(told), "{error}");
        }
    }

    #[test]
    fn the_most_special_limit_comes_first() {
        let settings = json!([
            { "ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": "200", "ThrottlingBurstLimit": 400 },
            { "ResourcePath": "/~1api~1v1~1tools", "HttpMethod": "POST", "ThrottlingRateLimit": 1, "ThrottlingBurstLimit": 2 },
        ]);
        let limits = limits(&settings);
        assert_eq!(
            (limits[0].path.as_str(), limits[0].method.as_str()),
            ("/api/v1/tools", "POST")
        );
        assert_eq!(
            (limits[1].path.as_str(), limits[1].limit),
            (
                "*",
                Limit {
                    rate: 200.0,
                    burst: 400.0
                }
            )
        );
    }
}
