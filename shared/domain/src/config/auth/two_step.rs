//! Reads `two_step`: a login call whose answer holds the token.

use super::super::fields::{Names, Object};
use super::super::{
    JsonTemplate, LoginBody, Method, ResponsePath, Template, TwoStep, endpoint, headers,
    json_template,
};
use super::{keys, reference};
use crate::egress::Policy;
use crate::path::Path;
use crate::walk::Faults;

const NAMES: Names = Names {
    known: &["url", "login", "token_path", "expires_in_path", "ttl_s"],
    elsewhere: &[
        ("body", "into \"login\""),
        ("headers", "into \"login\""),
        ("method", "into \"login\""),
        ("token_url", "into \"url\""),
        ("key_name", "beside \"two_step\""),
        ("prefix", "beside \"two_step\""),
        ("verify", "beside \"two_step\""),
    ],
};

const LOGIN: Names = Names {
    known: &[
        "method",
        "type",
        "body",
        "headers",
        "username_ref",
        "password_ref",
    ],
    elsewhere: &[
        ("url", "beside \"login\""),
        ("token_path", "beside \"login\""),
    ],
};

const METHODS: [(&str, Method); 3] = [
    ("POST", Method::Post),
    ("GET", Method::Get),
    ("PUT", Method::Put),
];

const TYPES: [(&str, bool); 2] = [("json", false), ("form", true)];

const TTL_S: u64 = 3600;
const MOST_TTL_S: u64 = 30 * 24 * 3600;

/// Reads `auth.two_step`.
pub(super) fn read(part: Object<'_, '_>, policy: &Policy, faults: &mut Faults) -> Option<TwoStep> {
    faults.only(part, NAMES);
    for name in ["url", "login", "token_path"] {
        if !part.members.contains_key(name) {
            faults.missing(part.at, name);
        }
    }
    let url = endpoint::read(part, "url", policy, faults);
    let token_path = path(part, "token_path", faults);
    let expires_in_path = path(part, "expires_in_path", faults);
    let ttl_s = faults.whole(part, "ttl_s", 1, MOST_TTL_S);
    let at = part.at.name("login");
    let login = faults.object(part.members.get("login")?, &at)?;
    faults.only(login, LOGIN);
    let method = faults.choice(login, "method", &METHODS);
    let method = method.unwrap_or(Method::Post);
    let body = body(login, method, faults);
    let headers = headers(login, faults);
    let basic =
        login.members.contains_key("username_ref") || login.members.contains_key("password_ref");
    let basic = basic.then(|| keys::pair(login, faults));
    let twice = |name: &str| name.eq_ignore_ascii_case("authorization");
    if basic.is_some() && headers.iter().any(|(name, _)| twice(name)) {
        let message = "\"username_ref\" writes the header Authorization";
        faults.add(&at.name("headers"), "conflict", message);
    }
    let read = TwoStep {
        url: url?,
        method,
        body,
        headers,
        basic,
        token_path: token_path?,
        expires_in_path,
        ttl_s: ttl_s.unwrap_or(TTL_S),
    };
    if !read
        .templates()
        .iter()
        .any(|text| text.secrets().next().is_some())
    {
        let message = "the login names no secret";
        faults.advise(&at, "literal_secret", message, headers::STORE_IT);
    }
    Some(read)
}

fn path(part: Object<'_, '_>, name: &str, faults: &mut Faults) -> Option<ResponsePath> {
    let text = faults.text(part, name)?;
    let at = part.at.name(name);
    faults.without_secret(text, &at);
    match Path::parse(text) {
        Ok(_) => Some(ResponsePath(text.to_owned())),
        Err(why) => {
            faults.add(&at, "invalid_path", why);
            None
        }
    }
}

fn body(login: Object<'_, '_>, method: Method, faults: &mut Faults) -> LoginBody {
    let at = login.at.name("body");
    let form = faults.choice(login, "type", &TYPES).unwrap_or(false);
    let Some(value) = login.members.get("body") else {
        return LoginBody::None;
    };
    if method == Method::Get {
        let hint = "write \"method\": \"POST\", or leave the body out";
        faults.advise(&at, "conflict", "a GET has no body", hint);
    }
    if form {
        return LoginBody::Form(reference::pairs(login, "body", &[], faults));
    }
    if !value.is_object() && !value.is_array() {
        faults.wrong_type(&at, "an object", value);
    }
    match json_template::read(login, "body", faults) {
        Some(body) => LoginBody::Json(body),
        None => LoginBody::Json(JsonTemplate::List(Vec::new())),
    }
}

/// Headers of the login: the same rules as for a tool's own.
fn headers(login: Object<'_, '_>, faults: &mut Faults) -> Vec<(String, Template)> {
    headers::read(login, faults)
}
