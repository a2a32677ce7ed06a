//! Headers that mean the same wherever they stand: what they may say in a request, and what problems tell in them.

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Header, HeaderBuilder, ObjectBuilder, RefOr, Response, Type};

/// An entity tag or `*`, and one tag or more (RFC 9110, 8.8.3). A comma stands between tags only.
const TAG: &str = r#"^(\*|(W/)?"[!#-+.-~-]*")$"#;
const TAGS: &str = r#"^(\*|(W/)?"[!#-+.-~-]*"(, (W/)?"[!#-+.-~-]*")*)$"#;

/// A header of requests: its name, its greatest length, a pattern of its value where others are refused, an example.
const ASKED: [(&str, Option<usize>, Option<&str>, &str); 6] = [
    (
        "X-Workspace-Id",
        Some(64),
        Some("^[A-Za-z0-9_-]+$"),
        "research",
    ),
    ("Idempotency-Key", Some(255), Some("^[ -~]+$"), "order-1234"),
    ("Prefer", None, None, "wait=10"),
    ("If-Match", None, Some(TAG), "\"9f86d081884c7d65\""),
    ("If-None-Match", None, Some(TAGS), "\"9f86d081884c7d65\""),
    ("Last-Event-ID", None, None, "8"),
];

/// Says what the values of an operation's headers look like.
pub(super) fn describe(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.parameter_in == ParameterIn::Header
        {
            describe_one(parameter);
        }
    }
}

fn describe_one(parameter: &mut Parameter) {
    let known = ASKED.iter().find(|(name, ..)| *name == parameter.name);
    if let Some((_, longest, pattern, example)) = known {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(*pattern)
            .max_length(*longest)
            .examples([*example])
            .build();
        parameter.schema = Some(RefOr::T(Schema::Object(schema)));
    }
}

/// The headers that a problem of this status has, or may have.
pub(super) fn tell(status: &str, response: &mut Response) {
    let (name, header) = match status {
        "401" => (
            "WWW-Authenticate",
            text("How to come with a token (RFC 6750)."),
        ),
        "429" | "503" => ("Retry-After", seconds()),
        _ => return,
    };
    let headers = &mut response.headers;
    headers.entry(name.to_owned()).or_insert(header.into());
}

fn text(description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(description))
        .build()
}

fn seconds() -> Header {
    let schema = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1));
    HeaderBuilder::new()
        .schema(Some(schema))
        .description(Some(
            "Seconds after which it may be over, where that is known.",
        ))
        .build()
}
