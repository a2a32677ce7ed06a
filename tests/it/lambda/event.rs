//! The sample events: read, filled, sent as they are to a function, or as plain HTTP to the local server.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::{Value, json};

/// What the placeholders of the events stand for, such as `TOKEN`.
pub(crate) type Fill = BTreeMap<&'static str, String>;

/// The folder of the events.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events")
}

/// Functions that no route leads to: their events are none of HTTP.
const WITHOUT_ROUTES: [&str; 1] = ["flow-worker"];

/// Every event of an operation as (group, verb), sorted.
pub(crate) fn all() -> Vec<(String, String)> {
    let names = |path: &Path| -> Vec<String> {
        let entries = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut names: Vec<String> = entries
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    names(&folder())
        .into_iter()
        .filter(|group| !WITHOUT_ROUTES.contains(&group.as_str()))
        .flat_map(|group| {
            let verbs = names(&folder().join(&group));
            verbs.into_iter().map(move |verb| (group.clone(), verb))
        })
        .collect()
}

/// One event as it stands in its file.
pub(crate) fn text(group: &str, verb: &str) -> String {
    let path = folder().join(group).join(format!("{verb}.json"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One event with its placeholders filled.
pub(crate) fn filled(group: &str, verb: &str, fill: &Fill) -> Value {
    let mut text = text(group, verb);
    for (name, value) in fill {
        text = text.replace(&format!("{{{{{name}}}}}"), value);
    }
    assert!(
        !text.contains("{{"),
        "{group}/{verb} has a placeholder that is not filled"
    );
    serde_json::from_str(&text).unwrap()
}

/// Sets (or with `None` removes) a header in both of the event's maps.
pub(crate) fn set_header(event: &mut Value, name: &str, value: Option<&str>) {
    for (map, value) in [
        ("headers", value.map(|value| json!(value))),
        ("multiValueHeaders", value.map(|value| json!([value]))),
    ] {
        let map = event[map].as_object_mut().unwrap();
        match value {
            Some(value) => map.insert(name.to_owned(), value),
            None => map.remove(name),
        };
    }
}

/// An answer, from wherever it came, without what differs from one call to the next.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) status: u16,
    /// Those headers that an operation sets.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

const HEADERS: [&str; 8] = [
    "content-type",
    "etag",
    "location",
    "retry-after",
    "www-authenticate",
    "cache-control",
    "access-control-allow-origin",
    "vary",
];

impl Told {
    fn new(status: u16, headers: &[(String, String)], body: &str, fill: &Fill) -> Self {
        assert!(
            headers.iter().any(|(name, _)| name == "x-request-id"),
            "no x-request-id"
        );
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            if HEADERS.contains(&name.as_str()) {
                told.entry(name.clone())
                    .or_default()
                    .push(normal(value, fill));
            }
        }
        let body = normal(body, fill);
        Self {
            status,
            headers: told
                .into_iter()
                .map(|(name, mut values)| {
                    values.sort();
                    (name, values.join(", "))
                })
                .collect(),
            body: serde_json::from_str(&body).unwrap_or_else(|_| body.into()),
        }
    }

    /// The answer of a function: the REST API's proxy response.
    pub(crate) fn by_function(response: &Value, fill: &Fill) -> Self {
        assert_eq!(
            response["isBase64Encoded"], false,
            "the gateway has no binary media types"
        );
        let headers: Vec<(String, String)> = response["multiValueHeaders"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(name, values)| {
                let values = values.as_array().unwrap().iter().filter_map(Value::as_str);
                values.map(|value| (name.to_ascii_lowercase(), value.to_owned()))
            })
            .collect();
        let status = response["statusCode"].as_u64().unwrap();
        let body = response["body"].as_str().unwrap_or_default();
        Self::new(u16::try_from(status).unwrap(), &headers, body, fill)
    }

    /// The answer of the local server to the request that the event describes.
    pub(crate) async fn over_http(event: &Value, url: &str, fill: &Fill) -> (Self, Value) {
        let method = event["httpMethod"].as_str().unwrap().parse().unwrap();
        let query = event["queryStringParameters"]
            .as_object()
            .into_iter()
            .flatten();
        let query = query.map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let url = format!("{url}{}", event["path"].as_str().unwrap());
        let mut url = reqwest::Url::parse(&url).unwrap();
        if event["queryStringParameters"].is_object() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let mut request = client.request(method, url);
        for (name, value) in event["headers"].as_object().unwrap() {
            if name != "Host" {
                request = request.header(name, value.as_str().unwrap());
            }
        }
        if let Some(body) = event["body"].as_str() {
            request = request.body(body.to_owned());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let body = response.text().await.unwrap();
        let told = Self::new(status, &headers, &body, fill);
        (told, serde_json::from_str(&body).unwrap_or_default())
    }
}

/// A text without the caller's own values, ids, times and keys.
fn normal(text: &str, fill: &Fill) -> String {
    const CHANGING: [(&str, &str); 11] = [
        // Public ids begin with their publisher.
        (
            r"\b[ab]_(weather_api|weather_of_a_city|weather_report)\b",
            "<public>_$1",
        ),
        (r#""publisher":"[ab]""#, r#""publisher":"<own>""#),
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "<id>",
        ),
        (
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)",
            "<time>",
        ),
        (r"dtk_[A-Za-z0-9_-]+", "<key>"),
        (r"(alice|bob)@example\.com", "<email>"),
        (
            r#""Workspace [AB]","slug":"[ab]""#,
            r#""<own>","slug":"<own>""#,
        ),
        (
            r#""(execution_time_ms|duration_ms|duration_us|at_us|at_ms|mean_ms|p50_ms|p95_ms|p99_ms)":\s*[0-9.]+"#,
            r#""$1":0"#,
        ),
        (r#""(took_us|took_ms|ms|us)":\s*[0-9.]+"#, r#""$1":0"#),
        // Of the audit: ids of rows, and hashes over them.
        (r#"\{"id":\d+,"#, r#"{"id":0,"#),
        (
            r#""seq":(\d+),"hash":"[0-9a-f]{64}""#,
            r#""seq":$1,"hash":"<hash>""#,
        ),
    ];
    let mut text = text.to_owned();
    for (name, value) in fill {
        text = text.replace(value.as_str(), &format!("<{name}>"));
    }
    for (pattern, replacement) in CHANGING {
        text = Regex::new(pattern)
            .unwrap()
            .replace_all(&text, replacement)
            .into_owned();
    }
    text
}
