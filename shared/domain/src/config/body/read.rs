//! Reads `body`, and checks it against the method and against what the mapping sends there.

use std::collections::HashSet;

use serde_json::Value;

use super::{BodyKind, BodyRules, GraphQlQuery, Node, Rest, graphql, template};
use crate::config::fields::{Names, Object};
use crate::config::inputs::{Inputs, placeholder_names};
use crate::config::{Api, InputRule, Method, Target};
use crate::request::xml;
use crate::schema::cut;
use crate::text;
use crate::walk::{At, Faults};

const NAMES: Names = Names {
    known: &["type", "template", "graphql"],
    elsewhere: &[
        ("content_type", "into \"api.headers\" as \"Content-Type\""),
        ("query", "here as \"graphql\""),
        ("variables", "here as \"template\""),
    ],
};

const KINDS: [(&str, BodyKind); 7] = [
    ("json", BodyKind::Json),
    ("form", BodyKind::Form),
    ("multipart", BodyKind::Multipart),
    ("text", BodyKind::Text),
    ("xml", BodyKind::Xml),
    ("graphql", BodyKind::GraphQl),
    ("none", BodyKind::None),
];

/// Reads `body`.
pub(in crate::config) fn read(
    root: Object<'_, '_>,
    method: Method,
    inputs: &Inputs<'_>,
    faults: &mut Faults,
) -> BodyRules {
    let at = root.at.name("body");
    let Some(value) = root.members.get("body") else {
        return BodyRules::default();
    };
    let Some(body) = faults.object(value, &at) else {
        return BodyRules::default();
    };
    faults.only(body, NAMES);
    let stated = faults.choice(body, "type", &KINDS);
    let template_at = at.name("template");
    let template = body.members.get("template");
    let template = template.map(|value| template::read(value, &template_at, inputs, faults));
    let graphql = query(body, faults);
    let has = |name: &str| body.members.contains_key(name);
    let kind = stated.unwrap_or(match (has("graphql"), has("template")) {
        (true, _) => BodyKind::GraphQl,
        (false, true) => BodyKind::Json,
        (false, false) => BodyKind::Unstated,
    });
    belongs(body, kind, method, faults);
    if let Some(node) = &template {
        fits_kind(node, kind, &template_at, faults);
    }
    BodyRules {
        kind,
        template,
        graphql,
    }
}

fn query(body: Object<'_, '_>, faults: &mut Faults) -> Option<GraphQlQuery> {
    let text = faults.text(body, "graphql")?;
    let at = body.at.name("graphql");
    faults.without_secret(text, &at);
    match graphql::read(text) {
        Ok(query) => Some(query),
        Err((why, hint)) => {
            faults.advise(&at, "invalid_graphql", why, hint);
            None
        }
    }
}

/// Whether the parts of `body` go together, and with the method.
fn belongs(body: Object<'_, '_>, kind: BodyKind, method: Method, faults: &mut Faults) {
    let has = |name: &str| body.members.contains_key(name);
    if kind == BodyKind::None && has("template") {
        let message = "\"type\" is none, so there is nothing to write";
        faults.add(&body.at.name("template"), "conflict", message);
    }
    if kind == BodyKind::GraphQl && !has("graphql") {
        faults.advise(
            &body.at.name("graphql"),
            "required",
            "a GraphQL body needs its query",
            "write \"graphql\": \"query ($id: ID!) { … }\"",
        );
    } else if kind != BodyKind::GraphQl && has("graphql") {
        let message = "only a body of type graphql has a query";
        let hint = "write \"type\": \"graphql\"";
        faults.advise(&body.at.name("graphql"), "conflict", message, hint);
    }
    let none = matches!(kind, BodyKind::Unstated | BodyKind::None);
    if !none && matches!(method, Method::Get | Method::Head) {
        let name = ["type", "graphql", "template"]
            .into_iter()
            .find(|name| has(name));
        let message = format!("{} has no body", method.as_str());
        let hint = "use \"input_to_params\", or the method that the API's documentation names (often POST)";
        let place = body.at.name(name.unwrap_or("type"));
        faults.advise(&place, "conflict", message, hint);
    }
}

/// Whether a template can be written as this kind of body.
fn fits_kind(node: &Node, kind: BodyKind, at: &At<'_>, faults: &mut Faults) {
    let is_object = matches!(node, Node::Object(_) | Node::Literal(Value::Object(_)));
    match kind {
        BodyKind::Unstated | BodyKind::Json | BodyKind::None => {}
        BodyKind::Form | BodyKind::Multipart if !is_object => faults.advise(
            at,
            "invalid_type",
            "fields have names",
            "write {\"field\": {\"$input\": \"name\"}}",
        ),
        BodyKind::GraphQl if !is_object => faults.advise(
            at,
            "invalid_type",
            "the template of a GraphQL body is its variables",
            "write {\"variable\": {\"$input\": \"name\"}}",
        ),
        BodyKind::Form | BodyKind::Multipart | BodyKind::GraphQl => {}
        BodyKind::Text => {
            let is_text = match node {
                Node::Literal(Value::Object(_) | Value::Null) | Node::Object(_) => false,
                Node::Literal(_) | Node::Input { .. } | Node::Array(_) => true,
            };
            if !is_text {
                faults.advise(
                    at,
                    "invalid_type",
                    "a text is no object",
                    "write {\"$input\": \"name\"}, a text, or a list of both: it is joined",
                );
            }
        }
        BodyKind::Xml => xml_root(node, at, faults),
    }
}

/// One root element, and names that XML allows.
fn xml_root(node: &Node, at: &At<'_>, faults: &mut Faults) {
    let roots = match node {
        Node::Object(members) => members.len(),
        Node::Literal(Value::Object(members)) => members.len(),
        // What an input holds is known when it is there.
        Node::Input { .. } => 1,
        Node::Literal(_) | Node::Array(_) => 0,
    };
    if roots != 1 {
        faults.advise(
            at,
            "invalid_value",
            "an XML document has one root element",
            "write {\"root\": {\"child\": {\"$input\": \"name\"}}}",
        );
    }
    xml_names(node, at, faults);
}

fn xml_names(node: &Node, at: &At<'_>, faults: &mut Faults) {
    match node {
        Node::Literal(value) => {
            if let Err(why) = xml::names(value) {
                faults.add(at, "invalid_value", why);
            }
        }
        Node::Input { .. } => {}
        Node::Object(members) => {
            for (name, node) in members {
                let place = at.name(name);
                if let Err(why) = xml::name(name) {
                    faults.add(&place, "invalid_value", why);
                }
                xml_names(node, &place, faults);
            }
        }
        Node::Array(items) => {
            for (index, node) in items.iter().enumerate() {
                xml_names(node, &at.index(index), faults);
            }
        }
    }
}

/// What is checked against.
pub(in crate::config) struct Request<'a, 'v> {
    pub(in crate::config) api: &'a Api,
    pub(in crate::config) body: &'a BodyRules,
    pub(in crate::config) inputs: &'a Inputs<'v>,
    /// `None` is identity.
    pub(in crate::config) rules: Option<&'a [InputRule]>,
}

/// Whether what goes into the body can be written as its type says.
pub(in crate::config) fn fits(request: &Request<'_, '_>, root: &At<'_>, faults: &mut Faults) {
    let left = left(request);
    let body = request.body;
    let rest = body.rest(request.api.method);
    if rest == Rest::Nowhere {
        let at = root.name("input_schema");
        let at = at.name("properties");
        for name in &left {
            faults.advise(
                &at.name(name),
                "unused_input",
                format!("nothing uses the input \"{}\"", cut(name)),
                "name it in \"body.template\", or say in \"mapping\" where it goes",
            );
        }
    }
    let at = root.name("body");
    match body.kind {
        BodyKind::Unstated | BodyKind::None | BodyKind::Json | BodyKind::Form => {}
        BodyKind::Multipart => content_type(request, &at, faults),
        BodyKind::Text if body.template.is_none() => one_text(request, &left, &at, faults),
        BodyKind::Xml if body.template.is_none() => one_root(request, &left, &at, faults),
        BodyKind::Text | BodyKind::Xml => {}
        BodyKind::GraphQl => {
            if let Some(query) = &body.graphql {
                variables(query, request, &left, root, faults);
            }
        }
    }
}

/// Inputs that nothing names, where the mapping is identity.
fn left<'v>(request: &Request<'_, 'v>) -> Vec<&'v str> {
    if request.rules.is_some() {
        return Vec::new();
    }
    let template = request.body.template.as_ref();
    let mut taken = template.map(Node::inputs).unwrap_or_default();
    taken.extend(placeholder_names(request.api));
    let names = request.inputs.names().map(String::as_str);
    names.filter(|name| !taken.contains(name)).collect()
}

/// The first names of all places in the body.
fn roots<'a>(request: &Request<'a, '_>) -> Vec<Option<&'a str>> {
    let rules = request.rules.into_iter().flatten();
    let pointers = rules.filter_map(|rule| match &rule.target {
        Target::Body { pointer } => Some(pointer.first().map(String::as_str)),
        Target::Query { .. }
        | Target::Path { .. }
        | Target::Header { .. }
        | Target::Field { .. } => None,
    });
    pointers.collect()
}

fn one_text(request: &Request<'_, '_>, left: &[&str], at: &At<'_>, faults: &mut Faults) {
    let whole = match request.rules {
        None => left.len() == 1,
        Some(_) => roots(request).as_slice() == [None],
    };
    if !whole {
        faults.advise(
            at,
            "required",
            "which input is the text?",
            "write \"template\": {\"$input\": \"name\"}",
        );
    }
}

fn one_root(request: &Request<'_, '_>, left: &[&str], at: &At<'_>, faults: &mut Faults) {
    let single = match request.rules {
        None => left.len() == 1,
        Some(_) => match roots(request).as_slice() {
            [] => false,
            [None] => true,
            [first, others @ ..] => first.is_some() && others.iter().all(|other| other == first),
        },
    };
    if !single {
        faults.advise(
            at,
            "required",
            "an XML document has one root element",
            "write \"template\": {\"root\": {\"child\": {\"$input\": \"name\"}}}",
        );
    }
    for name in left
        .iter()
        .copied()
        .chain(roots(request).into_iter().flatten())
    {
        if let Err(why) = xml::name(name) {
            faults.add(at, "invalid_value", why);
        }
    }
}

/// The boundary is chosen when the body is written, so nobody else states the type.
fn content_type(request: &Request<'_, '_>, at: &At<'_>, faults: &mut Faults) {
    let is_type = |name: &String| name.eq_ignore_ascii_case("content-type");
    let fixed = request.api.headers.iter().any(|(name, _)| is_type(name));
    let rules = request.rules.into_iter().flatten();
    let mut headers = rules.filter_map(|rule| match &rule.target {
        Target::Header { name, .. } => Some(name),
        Target::Query { .. } | Target::Path { .. } | Target::Body { .. } | Target::Field { .. } => {
            None
        }
    });
    if fixed || headers.any(is_type) {
        let message = "a multipart body says its Content-Type itself";
        let hint = "remove Content-Type from the headers";
        faults.advise(&at.name("type"), "conflict", message, hint);
    }
}

/// Every variable that is set is declared, and every one that must be set is.
fn variables(
    query: &GraphQlQuery,
    request: &Request<'_, '_>,
    left: &[&str],
    root: &At<'_>,
    faults: &mut Faults,
) {
    let at = root.name("body");
    let set: HashSet<&str> = match (&request.body.template, request.rules) {
        (Some(Node::Object(members)), _) => members.iter().map(|(name, _)| name.as_str()).collect(),
        (Some(Node::Literal(Value::Object(members))), _) => {
            members.keys().map(String::as_str).collect()
        }
        (Some(Node::Input { .. } | Node::Array(_) | Node::Literal(_)), _) => return,
        (None, None) => left.iter().copied().collect(),
        (None, Some(_)) => {
            let roots = roots(request);
            if roots.contains(&None) {
                return;
            }
            roots.into_iter().flatten().collect()
        }
    };
    let declared: HashSet<&str> = query
        .variables
        .iter()
        .map(|variable| variable.name.as_str())
        .collect();
    for name in set.difference(&declared) {
        if faults.full() {
            return;
        }
        let near = text::nearest(name, declared.iter().copied());
        let hint = match near {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!(
                "declare it behind the operation's name: (${}: …)",
                cut(name)
            ),
        };
        let message = format!("the query declares no variable \"{}\"", cut(name));
        faults.advise(&at.name("graphql"), "unknown_variable", message, hint);
    }
    let needed = query.variables.iter().filter(|variable| variable.required);
    for variable in needed.filter(|variable| !set.contains(variable.name.as_str())) {
        faults.advise(
            &at.name("graphql"),
            "required",
            format!("nothing sets the variable \"{}\"", cut(&variable.name)),
            "declare an input of its name, or map one to it in \"mapping.input_to_body\"",
        );
    }
}
