//! Reads `api`: which call is made, with which credential, within which limits.

use serde_json::Value;

use super::fields::{Names, Object};
use super::{Api, ConnectionVar, Method, Scheme, auth, base_url, headers, route};
use crate::egress::{HostPort, Policy};
use crate::walk::{At, Faults};

const NAMES: Names = Names {
    known: &[
        "base_url",
        "path",
        "method",
        "auth",
        "headers",
        "params",
        "timeout",
        "timeout_ms",
        "connect_timeout_ms",
        "max_response_bytes",
        "redirects",
        "allowed_hosts",
        "connection_vars",
    ],
    elsewhere: &[
        ("retry", "beside \"api\", at the top of the document"),
        (
            "retries",
            "beside \"api\": {\"retry\": {\"max_attempts\": …}}",
        ),
        ("body", "beside \"api\", at the top of the document"),
        ("response", "beside \"api\", at the top of the document"),
        ("limits", "beside \"api\", at the top of the document"),
        ("cache", "beside \"api\", at the top of the document"),
        ("idempotency", "beside \"api\", at the top of the document"),
        ("pagination", "into \"response\", beside \"api\""),
        ("oauth2", "into \"auth\""),
        ("output", "beside \"api\", at the top of the document"),
        ("mapping", "beside \"api\", at the top of the document"),
        ("input_schema", "beside \"api\", at the top of the document"),
        (
            "output_schema",
            "beside \"api\", at the top of the document",
        ),
        ("url", "into \"base_url\" and \"path\""),
    ],
};

const METHODS: [(&str, Method); 6] = [
    ("GET", Method::Get),
    ("POST", Method::Post),
    ("PUT", Method::Put),
    ("PATCH", Method::Patch),
    ("DELETE", Method::Delete),
    ("HEAD", Method::Head),
];

/// The total deadline when none is stated, in milliseconds.
const TIMEOUT_MS: u64 = 25_000;
const MOST_TIMEOUT_MS: u64 = 900_000;
const CONNECT_TIMEOUT_MS: u64 = 5_000;
const RESPONSE_BYTES: u64 = 5 * 1024 * 1024;
const MOST_RESPONSE_BYTES: u64 = 20 * 1024 * 1024;
const MOST_REDIRECTS: u64 = 3;

/// Reads `api`; `None` when it or its `base_url` cannot be used.
pub(super) fn read(root: Object<'_, '_>, policy: &Policy, faults: &mut Faults) -> Option<Api> {
    let at = root.at.name("api");
    let Some(value) = root.members.get("api") else {
        faults.missing(root.at, "api");
        return None;
    };
    let api = faults.object(value, &at)?;
    faults.only(api, NAMES);
    let method = match faults.choice(api, "method", &METHODS) {
        Some(method) => method,
        None => Method::Get,
    };
    let connection_vars = connection_vars(api, faults);
    let base = base_url::read(api, &connection_vars, policy, faults);
    let path = route::read(api, faults);
    let (auth, verify) = auth::read(api, &connection_vars, policy, faults);
    let headers = headers::read(api, faults);
    let params = headers::params(api, faults);
    auth::check_against(&auth, &headers, &params, api, faults);
    let (follow_redirects, cross_host_redirects) = redirects(api, faults);
    let (base_url, mut segments, base_slash) = base?;
    let trailing_slash = path.as_ref().map_or(base_slash, |(_, slash)| *slash);
    let verify = verify.map(|mut verify| {
        verify.path.splice(0..0, segments.iter().cloned());
        verify
    });
    segments.extend(path.into_iter().flat_map(|(segments, _)| segments));
    Some(Api {
        base_url,
        trailing_slash: trailing_slash && !segments.is_empty(),
        path: segments,
        method,
        headers,
        params,
        auth,
        verify,
        timeout_ms: timeout(api, faults),
        connect_timeout_ms: faults
            .whole(api, "connect_timeout_ms", 1, 30_000)
            .unwrap_or(CONNECT_TIMEOUT_MS),
        max_response_bytes: faults
            .whole(api, "max_response_bytes", 1, MOST_RESPONSE_BYTES)
            .unwrap_or(RESPONSE_BYTES),
        follow_redirects,
        cross_host_redirects,
        allowed_hosts: allowed_hosts(api, policy, faults),
        connection_vars,
    })
}

fn timeout(api: Object<'_, '_>, faults: &mut Faults) -> u64 {
    let milliseconds = faults.whole(api, "timeout_ms", 1, MOST_TIMEOUT_MS);
    let Some(seconds) = api.members.get("timeout") else {
        return milliseconds.unwrap_or(TIMEOUT_MS);
    };
    let at = api.at.name("timeout");
    if api.members.contains_key("timeout_ms") {
        let message = "\"timeout\" (seconds) and \"timeout_ms\" say the same thing";
        faults.advise(&at, "conflict", message, "write one of them");
    }
    match seconds.as_f64().map(|seconds| (seconds * 1000.0).round()) {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and 900,000"
        )]
        Some(found) if (1.0..=900_000.0).contains(&found) => found as u64,
        _ => {
            faults.wrong_number(&at, "seconds, from 0.001 to 900", seconds);
            TIMEOUT_MS
        }
    }
}

fn redirects(api: Object<'_, '_>, faults: &mut Faults) -> (u8, bool) {
    let at = api.at.name("redirects");
    let defaults = (3, false);
    let Some(value) = api.members.get("redirects") else {
        return defaults;
    };
    let Some(redirects) = faults.object(value, &at) else {
        return defaults;
    };
    const NAMES: Names = Names {
        known: &["follow", "cross_host"],
        elsewhere: &[],
    };
    faults.only(redirects, NAMES);
    let follow = faults
        .whole(redirects, "follow", 0, MOST_REDIRECTS)
        .and_then(|follow| u8::try_from(follow).ok());
    let cross_host = faults.flag(redirects, "cross_host");
    (follow.unwrap_or(3), cross_host.unwrap_or(false))
}

fn allowed_hosts(api: Object<'_, '_>, policy: &Policy, faults: &mut Faults) -> Vec<String> {
    let at = api.at.name("allowed_hosts");
    let Some(value) = api.members.get("allowed_hosts") else {
        return Vec::new();
    };
    let mut hosts = Vec::new();
    for (index, value) in faults.list(value, &at, 32).iter().enumerate() {
        let place = at.index(index);
        let Value::String(text) = value else {
            faults.wrong_type(&place, "a host name", value);
            continue;
        };
        let host = text.to_ascii_lowercase();
        let (name, port) = match host.parse::<HostPort>() {
            Ok(HostPort { host, port }) => (host, port),
            Err(_) => (host.clone(), 443),
        };
        match policy.check_host(Scheme::Https, &name, port) {
            Ok(()) => hosts.push(host),
            Err(why) => faults.advise(
                &place,
                "host_not_allowed",
                format!("this host {why}"),
                "write a public DNS name, such as \"files.example.com\"",
            ),
        }
    }
    hosts
}

fn connection_vars(api: Object<'_, '_>, faults: &mut Faults) -> Vec<ConnectionVar> {
    let at = api.at.name("connection_vars");
    let Some(value) = api.members.get("connection_vars") else {
        return Vec::new();
    };
    let Some(object) = faults.object(value, &at) else {
        return Vec::new();
    };
    if object.members.len() > 32 {
        faults.add(
            &at,
            "too_large",
            "at most 32 connection variables are allowed",
        );
        return Vec::new();
    }
    let vars = object.members.iter().filter_map(|(name, value)| {
        let place = at.name(name);
        if let Err(why) = route::placeholder(name) {
            faults.add(&place, "invalid_value", why);
        }
        connection_var(name, value, &place, faults)
    });
    vars.collect()
}

fn connection_var(
    name: &str,
    value: &Value,
    at: &At<'_>,
    faults: &mut Faults,
) -> Option<ConnectionVar> {
    // A text alone is its value.
    if let Value::String(default) = value {
        variable_value(default, at, faults);
        return Some(ConnectionVar {
            name: name.to_owned(),
            default: Some(default.clone()),
            allowed: Vec::new(),
            pattern: None,
        });
    }
    let var = faults.object(value, at)?;
    const NAMES: Names = Names {
        known: &["default", "enum", "pattern", "title", "description"],
        elsewhere: &[],
    };
    faults.only(var, NAMES);
    for text in ["title", "description"] {
        faults.text(var, text);
    }
    let mut allowed = Vec::new();
    if let Some(value) = var.members.get("enum") {
        let place = at.name("enum");
        let values = faults.list(value, &place, 100);
        if value.is_array() && values.is_empty() {
            faults.add(&place, "invalid_value", "allows no value at all");
        }
        for (index, value) in values.iter().enumerate() {
            match value {
                Value::String(text) => {
                    variable_value(text, &place.index(index), faults);
                    allowed.push(text.clone());
                }
                other => faults.wrong_type(&place.index(index), "a string", other),
            }
        }
    }
    let pattern = faults.text(var, "pattern");
    let whole = pattern.and_then(|pattern| whole_match(pattern, &at.name("pattern"), faults));
    let default = faults.text(var, "default");
    if let Some(default) = default {
        let place = at.name("default");
        variable_value(default, &place, faults);
        let listed = allowed.is_empty() || allowed.iter().any(|one| one == default);
        if !listed || whole.is_some_and(|whole| !whole.is_match(default)) {
            let message = "the default is not one of the allowed values";
            faults.add(&place, "invalid_value", message);
        }
    }
    Some(ConnectionVar {
        name: name.to_owned(),
        default: default.map(str::to_owned),
        allowed,
        pattern: pattern.map(str::to_owned),
    })
}

/// What a variable may be wherever it is filled in: it stands in a host or is part of a path.
fn variable_value(text: &str, at: &At<'_>, faults: &mut Faults) {
    faults.without_secret(text, at);
    faults.length(text, 256, at);
    faults.visible(text, at);
    if matches!(text, "." | "..") || text.contains(char::is_control) {
        let message = "this is no part of a host or a path";
        faults.add(at, "invalid_value", message);
    }
}

fn whole_match(pattern: &str, at: &At<'_>, faults: &mut Faults) -> Option<regex::Regex> {
    let whole = regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(256 * 1024)
        .build();
    if whole.is_err() || pattern.len() > 1024 {
        let message = "this is no regular expression that runs in linear time within 256 KB";
        faults.add(at, "invalid_pattern", message);
        return None;
    }
    whole.ok()
}
