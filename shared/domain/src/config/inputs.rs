//! Reads how inputs become the request: `mapping.input_to_*`, and what fills the path's placeholders.

use serde_json::{Map, Value};

use super::fields::{Names, Object};
use super::{
    Api, BodyKind, BodyRules, InputMapping, InputRule, Method, ParamStyle, Piece, Target, body,
    headers, route, targets,
};
use crate::request::tree;
use crate::schema::cut;
use crate::text;
use crate::walk::{At, Faults};

mod hidden;

/// Largest index of an array in a place of the body.
const MAX_INDEX: usize = 255;

/// The inputs that the schema declares.
pub(super) struct Inputs<'s> {
    properties: Option<&'s Map<String, Value>>,
    /// Other inputs may come as well.
    open: bool,
}

impl<'s> Inputs<'s> {
    /// Looks at the input schema; notes hidden inputs without a value, and those that cannot be hidden.
    pub(super) fn of(schema: &'s Value, root: &At<'_>, faults: &mut Faults) -> Self {
        hidden::check(schema, &root.name("input_schema"), faults);
        let properties = schema.get("properties").and_then(Value::as_object);
        let open = ["$ref", "allOf", "anyOf", "oneOf", "patternProperties"]
            .iter()
            .any(|keyword| schema.get(keyword).is_some())
            || schema
                .get("additionalProperties")
                .is_some_and(|allowed| *allowed != Value::Bool(false));
        Self { properties, open }
    }

    /// Whether the schema declares this input.
    pub(super) fn declares(&self, name: &str) -> bool {
        self.properties
            .is_some_and(|properties| properties.contains_key(name))
    }

    /// The declared inputs.
    pub(super) fn names(&self) -> impl Iterator<Item = &'s String> + use<'s> {
        self.properties.into_iter().flat_map(Map::keys)
    }

    /// Notes a mapping of an input that there is not.
    pub(super) fn known(&self, name: &str, at: &At<'_>, faults: &mut Faults) {
        if self.open || self.declares(name) {
            return;
        }
        let near = text::nearest(name, self.names().map(String::as_str));
        let hint = match near {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "declare it in \"input_schema.properties\"".to_owned(),
        };
        let message = format!("there is no input \"{}\"", cut(name));
        faults.advise(at, "unknown_input", message, hint);
    }
}

/// The members of `mapping`; those of the output are read in `outputs`.
const NAMES: Names = Names {
    known: &[
        "input_to_params",
        "input_to_path",
        "input_to_headers",
        "input_to_body",
        "response_path",
        "response_to_output",
    ],
    elsewhere: &[],
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Params,
    Path,
    Headers,
    Body,
    /// `input_to_body` of a form.
    Fields,
    /// `input_to_body` of a multipart body.
    Parts,
}

const GROUPS: [(&str, Group); 4] = [
    ("input_to_params", Group::Params),
    ("input_to_path", Group::Path),
    ("input_to_headers", Group::Headers),
    ("input_to_body", Group::Body),
];

/// Reads the mapping of inputs and checks it against the rest of the request.
pub(super) fn read(
    root: Object<'_, '_>,
    api: Option<&Api>,
    method: Method,
    body: &BodyRules,
    inputs: &Inputs<'_>,
    faults: &mut Faults,
) -> InputMapping {
    let at = root.at.name("mapping");
    let value = root.members.get("mapping");
    let mapping = value.and_then(|value| faults.object(value, &at));
    let mut rules = None;
    if let Some(mapping) = mapping {
        faults.only(mapping, NAMES);
        for (name, group) in GROUPS {
            if let Some(value) = mapping.members.get(name) {
                let rules = rules.get_or_insert_with(Vec::new);
                let group = match group {
                    Group::Body if body.kind == BodyKind::Form => Group::Fields,
                    Group::Body if body.kind == BodyKind::Multipart => Group::Parts,
                    group => group,
                };
                self::group(value, group, &at.name(name), inputs, rules, faults);
            }
        }
        body_fits(mapping, method, body, faults);
    }
    if let Some(api) = api {
        let path_at = root.at.name("api");
        let path_at = path_at.name("path");
        targets::placeholders(api, rules.as_deref(), inputs, &path_at, &at, faults);
        targets::conflicts(api, rules.as_deref().unwrap_or_default(), &at, faults);
        let request = body::Request {
            api,
            body,
            inputs,
            rules: rules.as_deref(),
        };
        body::fits(&request, root.at, faults);
    }
    rules.map_or(InputMapping::Identity, InputMapping::Exact)
}

fn body_fits(mapping: Object<'_, '_>, method: Method, body: &BodyRules, faults: &mut Faults) {
    let at = mapping.at.name("input_to_body");
    if !mapping.members.contains_key("input_to_body") {
        return;
    }
    if body.kind == BodyKind::None {
        faults.add(
            &at,
            "conflict",
            "\"body.type\" is none, so nothing goes there",
        );
    } else if body.template.is_some() {
        let message = "\"body.template\" says all of the body";
        let hint = "name the inputs there, or leave the template out";
        faults.advise(&at, "conflict", message, hint);
    } else if matches!(method, Method::Get | Method::Head) {
        let message = format!("{} has no body", method.as_str());
        faults.advise(&at, "conflict", message, "use \"input_to_params\"");
    }
}

fn group(
    value: &Value,
    group: Group,
    at: &At<'_>,
    inputs: &Inputs<'_>,
    rules: &mut Vec<InputRule>,
    faults: &mut Faults,
) {
    let Some(object) = faults.object(value, at) else {
        return;
    };
    if object.members.len() > 256 {
        return faults.add(at, "too_large", "at most 256 inputs are mapped");
    }
    for (input, value) in object.members {
        let place = at.name(input);
        inputs.known(input, &place, faults);
        let rule = match value {
            Value::String(target) => {
                target_of(group, target, None, &place, faults).map(|target| InputRule {
                    input: input.clone(),
                    target,
                    default: None,
                    omit_empty: false,
                })
            }
            Value::Object(_) => long_rule(input, value, group, &place, faults),
            other => {
                faults.wrong_type(&place, "the name of the target, or an object", other);
                None
            }
        };
        rules.extend(rule);
    }
}

/// `{name, style, explode, default, omit_empty}`.
fn long_rule(
    input: &str,
    value: &Value,
    group: Group,
    at: &At<'_>,
    faults: &mut Faults,
) -> Option<InputRule> {
    let rule = faults.object(value, at)?;
    let known: &'static [&'static str] = match group {
        Group::Params => &["name", "style", "explode", "default", "omit_empty"],
        Group::Path => &["name", "style", "explode", "default"],
        Group::Headers => &["name", "style", "explode", "default", "omit_empty"],
        Group::Fields => &["name", "style", "explode", "default", "omit_empty"],
        Group::Body | Group::Parts => &["name", "default", "omit_empty"],
    };
    faults.only(
        rule,
        Names {
            known,
            elsewhere: &[],
        },
    );
    let name = match rule.members.get("name") {
        None => Some(input),
        Some(_) => faults.text(rule, "name"),
    };
    let style = match group {
        Group::Body | Group::Parts => None,
        Group::Params | Group::Path | Group::Headers | Group::Fields => style(rule, group, faults),
    };
    let omit_empty = faults.flag(rule, "omit_empty").unwrap_or(false);
    let default = rule.members.get("default").cloned();
    if let Some(Value::String(text)) = &default {
        faults.without_secret(text, &at.name("default"));
    }
    Some(InputRule {
        input: input.to_owned(),
        target: target_of(group, name?, style, at, faults)?,
        default,
        omit_empty,
    })
}

fn style(rule: Object<'_, '_>, group: Group, faults: &mut Faults) -> Option<ParamStyle> {
    let explode = faults.flag(rule, "explode");
    const QUERY: [(&str, ParamStyle); 4] = [
        ("form", ParamStyle::FormExplode),
        ("spaceDelimited", ParamStyle::SpaceDelimited),
        ("pipeDelimited", ParamStyle::PipeDelimited),
        ("deepObject", ParamStyle::DeepObject),
    ];
    const PATH: [(&str, ParamStyle); 3] = [
        ("simple", ParamStyle::Simple),
        ("label", ParamStyle::Label),
        ("matrix", ParamStyle::Matrix),
    ];
    let (choices, default): (&[(&str, ParamStyle)], _) = match group {
        Group::Params | Group::Fields => (&QUERY, ParamStyle::FormExplode),
        Group::Path => (&PATH, ParamStyle::Simple),
        Group::Headers | Group::Body | Group::Parts => (&PATH[..1], ParamStyle::Simple),
    };
    let stated = faults.choice(rule, "style", choices);
    Some(match (stated.unwrap_or(default), explode) {
        (ParamStyle::FormExplode, Some(false)) => ParamStyle::Form,
        // OpenAPI: exploded they are all written like `form`.
        (ParamStyle::SpaceDelimited | ParamStyle::PipeDelimited, Some(true)) => {
            ParamStyle::FormExplode
        }
        (ParamStyle::Simple, Some(true)) => ParamStyle::SimpleExplode,
        (ParamStyle::Label, Some(true)) => ParamStyle::LabelExplode,
        (ParamStyle::Matrix, Some(true)) => ParamStyle::MatrixExplode,
        (style, _) => style,
    })
}

fn target_of(
    group: Group,
    name: &str,
    style: Option<ParamStyle>,
    at: &At<'_>,
    faults: &mut Faults,
) -> Option<Target> {
    let simple = style.unwrap_or(ParamStyle::Simple);
    match group {
        Group::Params => {
            headers::param_name(name, at, faults);
            Some(Target::Query {
                name: name.to_owned(),
                style: style.unwrap_or(ParamStyle::FormExplode),
            })
        }
        Group::Path => match route::placeholder(name) {
            Ok(()) => Some(Target::Path {
                name: name.to_owned(),
                style: simple,
            }),
            Err(why) => {
                faults.add(at, "invalid_value", why);
                None
            }
        },
        Group::Headers => headers::name_by_input(name, at, faults).then(|| Target::Header {
            name: name.to_owned(),
            style: simple,
        }),
        Group::Body => body_pointer(name, at, faults).map(|pointer| Target::Body { pointer }),
        Group::Fields | Group::Parts => {
            headers::param_name(name, at, faults);
            Some(Target::Field {
                name: name.to_owned(),
                style: style.unwrap_or(ParamStyle::FormExplode),
            })
        }
    }
}

/// `a.b` and `/a/b` are the same place; `""` is the whole body. Numbers are indexes of arrays.
fn body_pointer(name: &str, at: &At<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    if name.is_empty() {
        return Some(Vec::new());
    }
    faults.visible(name, at);
    let pointer: Vec<String> = match name.strip_prefix('/') {
        Some(rest) => rest
            .split('/')
            .map(|token| token.replace("~1", "/").replace("~0", "~"))
            .collect(),
        None => name.split('.').map(str::to_owned).collect(),
    };
    let far = |name: &String| tree::index(name).is_some_and(|index| index > MAX_INDEX);
    let odd = pointer.iter().any(String::is_empty) || pointer.len() > 32 || name.len() > 1024;
    if pointer.iter().any(far) {
        let message = format!(
            "an array in the body has at most {} elements",
            MAX_INDEX + 1
        );
        faults.add(at, "invalid_value", message);
    } else if odd {
        let message = "a place in the body is written \"a.b\" or \"/a/b\"";
        faults.add(at, "invalid_value", message);
    }
    (!odd).then_some(pointer)
}

/// The placeholders of the path.
pub(super) fn placeholder_names(api: &Api) -> impl Iterator<Item = &str> {
    let pieces = api.path.iter().flat_map(|segment| &segment.0);
    pieces.filter_map(|piece| match piece {
        Piece::Placeholder(name) => Some(name.as_str()),
        Piece::Text(_) => None,
    })
}
