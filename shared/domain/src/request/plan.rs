//! The compiled form of a tool's request: which input fills what.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::config::{
    BodyRules, InputMapping, InputRule, ParamStyle, PathSegment, Piece, Rest, Target, Template,
    TemplatePiece, ToolConfig,
};
use crate::fault::Fault;
use crate::formats::is_hidden;
use crate::path::escape_token;

use super::body::{self, Content, Field};
use super::fill::{Part, filled, host, segment};
use super::place::{place_auth, set_header};
use super::room::{MAX_HEADER_BYTES, Room};
use super::{Body, Draft, styles, template};

const TAKEN: &str = "the tool or another input sets this parameter";

/// A compiled request mapping.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The host, or what is wrong with a connection variable in it.
    host: Result<String, Fault>,
    segments: Vec<Vec<Part>>,
    /// Inputs that a placeholder or the body's template takes.
    taken: HashSet<String>,
    /// Rules besides those of placeholders; `None` is identity.
    rules: Option<Vec<InputRule>>,
    /// Hidden inputs and what they are.
    hidden: Vec<(String, Value)>,
    /// Whether any input is declared that nothing takes.
    has_more: bool,
}

impl Plan {
    /// Compiles the mapping. Never fails: what cannot work (saving a tool refuses it) is a fault of
    /// [`build`](Self::build).
    pub fn compile(config: &ToolConfig) -> Self {
        let api = &config.api;
        let properties = config
            .input_schema
            .get("properties")
            .and_then(Value::as_object);
        let rules = match &config.mapping.inputs {
            InputMapping::Identity => None,
            InputMapping::Exact(rules) => Some(rules.as_slice()),
        };
        let mut taken = HashSet::new();
        let mut segments = Vec::with_capacity(api.path.len());
        for segment in &api.path {
            let parts = segment.0.iter().map(|piece| match piece {
                Piece::Text(text) => Part::Text(text.clone()),
                Piece::Placeholder(name) => {
                    let part = filled(name, rules, properties, &api.connection_vars);
                    if let Part::Input { name, .. } = &part {
                        taken.insert(name.clone());
                    }
                    part
                }
            });
            segments.push(parts.collect());
        }
        if let Some(template) = &config.body.template {
            taken.extend(template.inputs().into_iter().map(str::to_owned));
        }
        Self {
            host: host(&api.base_url.host, &api.connection_vars),
            segments,
            rules: rules.map(|rules| besides_path(rules, &api.path)),
            has_more: properties.is_some_and(|all| all.keys().any(|name| !taken.contains(name))),
            taken,
            hidden: properties
                .into_iter()
                .flatten()
                .filter_map(hidden_value)
                .collect(),
        }
    }

    /// The request for this input, credential included.
    ///
    /// # Errors
    /// Every input that cannot stand where it is to go; pointers are into the input.
    pub fn build(
        &self,
        config: &ToolConfig,
        input: &Map<String, Value>,
    ) -> Result<Draft, Vec<Fault>> {
        let api = &config.api;
        let mut faults = Vec::new();
        let given = Given {
            input,
            hidden: &self.hidden,
        };
        let host = self.host.clone().unwrap_or_else(|fault| {
            faults.push(fault);
            String::new()
        });
        let mut draft = Draft {
            method: api.method,
            scheme: api.base_url.scheme,
            host,
            port: api.base_url.port,
            segments: Vec::with_capacity(self.segments.len()),
            trailing_slash: api.trailing_slash,
            query: api.params.clone(),
            headers: api.headers.clone(),
            basic: None,
            body: None,
        };
        for parts in &self.segments {
            match segment(parts, &given) {
                Ok(text) => draft.segments.push(text),
                Err(fault) => faults.push(fault),
            }
        }
        let content = match &self.rules {
            None => self.identity(&config.body, &given, &mut draft, &mut faults),
            Some(rules) => exact(rules, &given, &mut draft, &mut faults),
        };
        match written(&config.body, content, &given) {
            Ok(body) => draft.body = body,
            Err((Some(input), why)) => faults.push(unfit(&input, "body", &why)),
            Err((None, why)) => {
                let message = format!("the inputs cannot be written into the body: {why}");
                faults.push(Fault::new("", "unfit_value", message));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        place_auth(&api.auth, &mut draft);
        Ok(draft)
    }

    fn identity<'a>(
        &self,
        rules: &BodyRules,
        given: &Given<'a>,
        draft: &mut Draft,
        faults: &mut Vec<Fault>,
    ) -> Content<'a> {
        let mut content = Content::default();
        let left = given
            .all()
            .filter(|(name, _)| !self.taken.contains(name.as_str()));
        match rules.rest(draft.method) {
            Rest::Query => query_of(left, given, draft, faults),
            Rest::Nowhere => {}
            Rest::Body => {
                content.wanted = self.has_more;
                for (name, value) in left {
                    content.wanted = true;
                    if rules.kind.has_fields() {
                        content.fields.push(Field {
                            input: name,
                            name,
                            value,
                            style: ParamStyle::FormExplode,
                        });
                    } else if rules.kind.is_whole() {
                        content.tree.put(&[], value);
                    } else {
                        content.tree.member(name, value);
                    }
                }
            }
        }
        content
    }
}

/// The query of the inputs that nothing else takes.
fn query_of<'a>(
    left: impl Iterator<Item = (&'a String, &'a Value)>,
    given: &Given<'_>,
    draft: &mut Draft,
    faults: &mut Vec<Fault>,
) {
    let mut query = Vec::new();
    let mut room = Room::query();
    for (name, value) in left {
        let pairs = match styles::pairs(name, value, ParamStyle::FormExplode, &mut room) {
            Ok(pairs) => pairs,
            Err(why) => {
                faults.push(unfit(name, "query", &why));
                continue;
            }
        };
        let elsewhere =
            |other: &String| stands(draft, other) || other != name && given.value(other).is_some();
        if pairs.iter().any(|(other, _)| elsewhere(other)) {
            faults.push(unfit(name, "query", TAKEN));
        } else {
            query.extend(pairs);
        }
    }
    put_query(draft, query);
}

/// The body of what the inputs put together, or of the template.
fn written(
    rules: &BodyRules,
    content: Content<'_>,
    given: &Given<'_>,
) -> Result<Option<Body>, body::Unfit> {
    let mut room = Room::body();
    let whole = |why| (None, why);
    let body = match &rules.template {
        None => body::of_content(rules, content, &mut room)?,
        Some(node) => {
            let value = template::fill(node, given, &mut room).map_err(whole)?;
            body::of_value(rules, value, &mut Room::body()).map_err(whole)?
        }
    };
    if let Some(body) = &body {
        body::fits(body).map_err(whole)?;
    }
    Ok(body)
}

/// The rules that no placeholder uses up. One of `input_to_params` fills a placeholder only where
/// `input_to_path` has none.
fn besides_path(rules: &[InputRule], path: &[PathSegment]) -> Vec<InputRule> {
    let by_path: Vec<&String> = rules.iter().filter_map(path_target).collect();
    let placeholder = |wanted: &String| {
        let mut pieces = path.iter().flat_map(|segment| &segment.0);
        pieces.any(|piece| matches!(piece, Piece::Placeholder(name) if name == wanted))
    };
    let left = rules.iter().filter(|rule| match &rule.target {
        Target::Path { .. } => false,
        Target::Query { name, .. } => !placeholder(name) || by_path.contains(&name),
        Target::Header { .. } | Target::Body { .. } | Target::Field { .. } => true,
    });
    left.cloned().collect()
}

fn path_target(rule: &InputRule) -> Option<&String> {
    match &rule.target {
        Target::Path { name, .. } => Some(name),
        Target::Query { .. }
        | Target::Header { .. }
        | Target::Body { .. }
        | Target::Field { .. } => None,
    }
}

fn hidden_value((name, property): (&String, &Value)) -> Option<(String, Value)> {
    if !is_hidden(property) {
        return None;
    }
    let value = property.get("const").or_else(|| property.get("default"))?;
    Some((name.clone(), value.clone()))
}

/// The input, and what hidden inputs are when it does not say.
pub(super) struct Given<'a> {
    input: &'a Map<String, Value>,
    hidden: &'a [(String, Value)],
}

impl<'a> Given<'a> {
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.input.get(name).or_else(|| {
            let hidden = self.hidden.iter().find(|(hidden, _)| hidden == name);
            hidden.map(|(_, value)| value)
        })
    }

    fn all(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let input = self.input;
        let absent = self
            .hidden
            .iter()
            .filter(|(name, _)| !input.contains_key(name));
        input
            .iter()
            .chain(absent.map(|(name, value)| (name, value)))
    }
}

fn exact<'a>(
    rules: &'a [InputRule],
    given: &Given<'a>,
    draft: &mut Draft,
    faults: &mut Vec<Fault>,
) -> Content<'a> {
    let mut content = Content::default();
    let mut query = Vec::new();
    let mut room = Room::query();
    for rule in rules {
        content.wanted |= match &rule.target {
            Target::Body { pointer } => !pointer.is_empty(),
            Target::Field { .. } => true,
            Target::Query { .. } | Target::Path { .. } | Target::Header { .. } => false,
        };
        let Some(value) = given.value(&rule.input).or(rule.default.as_ref()) else {
            continue;
        };
        if rule.omit_empty && styles::is_empty(value) {
            continue;
        }
        match &rule.target {
            Target::Path { .. } => {}
            Target::Query { name, style } => match styles::pairs(name, value, *style, &mut room) {
                // An object names its parameters itself: never those of the tool or of another input.
                Ok(pairs)
                    if pairs.iter().any(|(other, _)| {
                        other != name && (stands(draft, other) || fills(rules, other))
                    }) =>
                {
                    faults.push(unfit(&rule.input, "query", TAKEN));
                }
                Ok(pairs) => query.extend(pairs),
                Err(why) => faults.push(unfit(&rule.input, "query", &why)),
            },
            Target::Header { name, style } => match header(&rule.input, value, *style) {
                Ok(Some(text)) => set_header(&mut draft.headers, name, plain(text)),
                Ok(None) => {}
                Err(fault) => faults.push(fault),
            },
            Target::Body { pointer: place } => {
                if !content.tree.put(place, value) {
                    let why = "another input stands where it would go";
                    faults.push(unfit(&rule.input, "body", why));
                }
            }
            Target::Field { name, style } => content.fields.push(Field {
                input: &rule.input,
                name,
                value,
                style: *style,
            }),
        }
    }
    put_query(draft, query);
    content
}

/// Whether a rule fills the query parameter of that name.
fn fills(rules: &[InputRule], wanted: &String) -> bool {
    rules
        .iter()
        .any(|rule| matches!(&rule.target, Target::Query { name, .. } if name == wanted))
}

/// Whether the query has a parameter of that name.
fn stands(draft: &Draft, name: &str) -> bool {
    draft.query.iter().any(|(known, _)| known == name)
}

/// Adds the inputs' pairs; they take the place of static parameters of their names.
fn put_query(draft: &mut Draft, pairs: Vec<(String, String)>) {
    draft
        .query
        .retain(|(known, _)| !pairs.iter().any(|(name, _)| name == known));
    let pairs = pairs.into_iter().map(|(name, text)| (name, plain(text)));
    draft.query.extend(pairs);
}

fn header(input: &str, value: &Value, style: ParamStyle) -> Result<Option<String>, Fault> {
    let line = styles::line(value, style).map_err(|why| unfit(input, "header", &why))?;
    match line {
        Some(text) if text.len() > MAX_HEADER_BYTES => Err(unfit(
            input,
            "header",
            &format!("it would be longer than {} KB", MAX_HEADER_BYTES / 1024),
        )),
        Some(text) if !text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) => {
            let message = format!("{input:?} goes into a header, which holds visible ASCII only");
            Err(Fault::new(pointer(input), "invalid_header_value", message)
                .hint("remove line breaks, control and other characters"))
        }
        line => Ok(line),
    }
}

/// Data: its text is never read as a template.
fn plain(text: String) -> Template {
    Template(vec![TemplatePiece::Text(text)])
}

pub(super) fn pointer(input: &str) -> String {
    format!("/{}", escape_token(input))
}

pub(super) fn unfit(input: &str, place: &str, why: &str) -> Fault {
    let message = format!("{input:?} cannot be written into the {place}: {why}");
    Fault::new(pointer(input), "unfit_value", message)
}
