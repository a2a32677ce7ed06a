//! Reads a whole document: every part is read even when another is wrong, so that all faults are told.

use serde_json::Value;

use super::fields::{Names, Object};
use super::inputs::Inputs;
use super::{ToolConfig, api, body, inputs, outputs, pagination, response, rules, semantics};
use crate::egress::Policy;
use crate::fault::Fault;
use crate::ids::{ToolId, ToolIdError};
use crate::schema;
use crate::walk::{At, Faults};

const NAMES: Names = Names {
    known: &[
        "id",
        "name",
        "title",
        "description",
        "tags",
        "enabled",
        "metadata",
        "examples",
        "annotations",
        "api",
        "input_schema",
        "output_schema",
        "mapping",
        "body",
        "response",
        "output",
        "retry",
        "idempotency",
        "cache",
        "limits",
        "mock",
        "tests",
    ],
    elsewhere: &[
        ("base_url", "into \"api\""),
        ("path", "into \"api\""),
        ("method", "into \"api\""),
        ("auth", "into \"api\""),
        ("headers", "into \"api\""),
        ("params", "into \"api\""),
        ("timeout", "into \"api\""),
        ("timeout_ms", "into \"api\""),
        ("redirects", "into \"api\""),
        ("allowed_hosts", "into \"api\""),
        ("connection_vars", "into \"api\""),
        ("pagination", "into \"response\""),
        ("success_when", "into \"response\""),
        ("errors", "into \"response\""),
        ("max_tokens", "into \"output\""),
        ("redact", "into \"output\""),
        ("graphql", "into \"body\""),
        ("template", "into \"body\""),
        ("oauth2", "into \"auth\", which belongs into \"api\""),
        ("rate_per_minute", "into \"limits\""),
        ("concurrency", "into \"limits\""),
        ("read_only", "into \"annotations\""),
        ("input_to_params", "into \"mapping\""),
        ("input_to_path", "into \"mapping\""),
        ("input_to_headers", "into \"mapping\""),
        ("input_to_body", "into \"mapping\""),
        ("response_to_output", "into \"mapping\""),
    ],
};

/// Reads a tool config and checks everything that can be known without the database or the network.
///
/// # Errors
/// Every fault of the document (at most a hundred), with JSON pointers into it.
pub fn read(document: &Value, policy: &Policy) -> Result<ToolConfig, Vec<Fault>> {
    let mut faults = Faults::default();
    let config = faults
        .object(document, &At::ROOT)
        .and_then(|root| whole(root, policy, &mut faults));
    match config {
        Some(config) if faults.count() == 0 => Ok(config),
        _ => Err(faults.into_vec()),
    }
}

fn whole(root: Object<'_, '_>, policy: &Policy, faults: &mut Faults) -> Option<ToolConfig> {
    faults.only(root, NAMES);
    let name = name(root, faults);
    let id = id(root, name, faults);
    let description = description(root, faults);
    let title = faults.text(root, "title");
    if let Some(title) = title {
        faults.length(title, 128, &root.at.name("title"));
    }
    let tags = rules::tags(root, faults);
    let enabled = faults.flag(root, "enabled").unwrap_or(true);
    rules::free(root, faults);

    let input_schema = schema_of(root, "input_schema", faults);
    let output_schema = schema_of(root, "output_schema", faults);
    let inputs = Inputs::of(&input_schema, root.at, faults);
    let api = api::read(root, policy, faults);
    let method = api
        .as_ref()
        .map(|api| api.method)
        .unwrap_or(super::Method::Get);
    let effects = rules::effects(root, method, faults);
    let body = body::read(root, method, &inputs, faults);
    let mapping = super::Mapping {
        inputs: inputs::read(root, api.as_ref(), method, &body, &inputs, faults),
        output: outputs::read(root, &output_schema, faults),
    };
    let mut response = response::read(root, faults);
    let around = pagination::Surroundings {
        api: api.as_ref(),
        method,
        effects,
        body: body.kind,
        format: response.format,
    };
    response.pagination = pagination::read(root, around, faults);
    let output = rules::output(root, faults);
    let retry = rules::retry(root, faults);
    let idempotency = semantics::idempotency(root, api.as_ref(), &mapping.inputs, &inputs, faults);
    let cache = semantics::cache(root, effects, &output, faults);
    let limits = semantics::limits(root, faults);
    let mock = rules::mock(root, faults);
    Some(ToolConfig {
        id: id?,
        name: name?.to_owned(),
        title: title.map(str::to_owned),
        description: description?.to_owned(),
        tags,
        enabled,
        effects,
        api: api?,
        input_schema,
        output_schema,
        mapping,
        body,
        response,
        output,
        retry,
        idempotency,
        cache,
        limits,
        mock,
    })
}

/// Reads `name`.
pub(crate) fn name<'v>(root: Object<'v, '_>, faults: &mut Faults) -> Option<&'v str> {
    if !root.members.contains_key("name") {
        faults.missing(root.at, "name");
    }
    let name = faults.text(root, "name")?;
    let at = root.at.name("name");
    faults.length(name, 128, &at);
    let odd =
        |c: &char| !(c.is_alphanumeric() || " _-.,:&+()'’!?#%@–—".contains(*c) || is_mark(*c));
    if let Some(c) = name.chars().find(odd)
        && crate::text::hidden_character(name).is_none()
    {
        let message = format!("a name does not contain {c:?}");
        let hint = "use letters, digits, spaces and _ - . , : & + ( ) ' ! ? # % @";
        faults.advise(&at, "invalid_character", message, hint);
    } else if name.trim() != name {
        faults.add(
            &at,
            "invalid_value",
            "a name does not begin or end with a space",
        );
    }
    Some(name)
}

/// Combining marks of the scripts in use: letters of many languages need them.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Reads `id`, or makes one of the name.
pub(crate) fn id(root: Object<'_, '_>, name: Option<&str>, faults: &mut Faults) -> Option<ToolId> {
    if root.members.contains_key("id") {
        let id = faults.text(root, "id")?;
        return match id.parse() {
            Ok(id) => Some(id),
            Err(error) => {
                let code = match error {
                    ToolIdError::Malformed => "invalid_value",
                    ToolIdError::Reserved => "reserved_id",
                };
                let at = root.at.name("id");
                match ToolId::from_name(id) {
                    Some(near) if near.as_str() != id => {
                        faults.advise(&at, code, error.to_string(), format!("write \"{near}\""));
                    }
                    _ => faults.add(&at, code, error.to_string()),
                }
                None
            }
        };
    }
    let name = name?;
    let id = ToolId::from_name(name);
    if id.is_none() && !name.trim().is_empty() {
        faults.advise(
            &root.at.name("name"),
            "reserved_id",
            "no id can be made of this name, or the id is reserved",
            "state an \"id\" of 1 to 64 characters of a-z, 0-9, _ and -",
        );
    }
    id
}

fn description<'v>(root: Object<'v, '_>, faults: &mut Faults) -> Option<&'v str> {
    if !root.members.contains_key("description") {
        faults.missing(root.at, "description");
    }
    let text = faults.text(root, "description")?;
    let at = root.at.name("description");
    faults.length(text, 1024, &at);
    faults.without_secret(text, &at);
    Some(text)
}

/// Checks a schema; answers it with its `type`.
fn schema_of(root: Object<'_, '_>, name: &str, faults: &mut Faults) -> Value {
    let at = root.at.name(name);
    let Some(schema) = root.members.get(name) else {
        faults.advise(
            &at,
            "required",
            format!("\"{name}\" is required"),
            "write {\"type\": \"object\"} when nothing is known about it",
        );
        return Value::Null;
    };
    schema::check_at(schema, &at, faults);
    let schema = schema::with_type(schema);
    let of_objects = schema.get("type").is_none_or(|kind| kind == "object");
    if name == "input_schema" && schema.is_object() && !of_objects {
        let message = "the input of a tool is an object";
        faults.add(&at.name("type"), "invalid_value", message);
    }
    schema
}
