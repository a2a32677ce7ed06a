//! The compiled form of a tool's request: which input fills what.

use serde_json::{Map, Value};

use crate::config::{
    InputMapping, InputRule, Method, ParamStyle, PathSegment, Piece, Target, Template,
    TemplatePiece, ToolConfig,
};
use crate::fault::Fault;
use crate::formats::is_hidden;
use crate::path::escape_token;

use super::fill::{Part, filled, host, segment};
use super::place::{place_auth, set_header};
use super::{Draft, styles};

const TAKEN: &str = "the tool or another input sets this parameter";

/// A compiled request mapping.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The host, or what is wrong with a connection variable in it.
    host: Result<String, Fault>,
    segments: Vec<Vec<Part>>,
    /// Inputs that a placeholder takes.
    taken: Vec<String>,
    /// Rules besides those of placeholders; `None` is identity.
    rules: Option<Vec<InputRule>>,
    /// Hidden inputs and what they are.
    hidden: Vec<(String, Value)>,
    /// Whether any input is declared that no placeholder takes.
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
        let mut taken = Vec::new();
        let mut segments = Vec::with_capacity(api.path.len());
        for segment in &api.path {
            let parts = segment.0.iter().map(|piece| match piece {
                Piece::Text(text) => Part::Text(text.clone()),
                Piece::Placeholder(name) => {
                    let part = filled(name, rules, properties, &api.connection_vars);
                    if let Part::Input { name, .. } = &part {
                        taken.push(name.clone());
                    }
                    part
                }
            });
            segments.push(parts.collect());
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
        match &self.rules {
            None => self.identity(&given, &mut draft, &mut faults),
            Some(rules) => exact(rules, &given, &mut draft, &mut faults),
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        place_auth(&api.auth, &mut draft);
        Ok(draft)
    }

    fn identity(&self, given: &Given<'_>, draft: &mut Draft, faults: &mut Vec<Fault>) {
        let left = given.all().filter(|(name, _)| !self.taken.contains(name));
        match draft.method {
            Method::Get | Method::Head | Method::Delete => {
                let mut query = Vec::new();
                for (name, value) in left {
                    let pairs = match styles::query(name, value, ParamStyle::FormExplode) {
                        Ok(pairs) => pairs,
                        Err(why) => {
                            faults.push(unfit(name, "query", &why));
                            continue;
                        }
                    };
                    let elsewhere = |other: &String| {
                        stands(draft, other) || other != name && given.value(other).is_some()
                    };
                    if pairs.iter().any(|(other, _)| elsewhere(other)) {
                        faults.push(unfit(name, "query", TAKEN));
                    } else {
                        query.extend(pairs);
                    }
                }
                put_query(draft, query);
            }
            Method::Post | Method::Put | Method::Patch => {
                let body: Map<_, _> = left.map(|(k, v)| (k.clone(), v.clone())).collect();
                if self.has_more || !body.is_empty() {
                    draft.body = Some(Value::Object(body));
                }
            }
        }
    }
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
        Target::Header { .. } | Target::Body { .. } => true,
    });
    left.cloned().collect()
}

fn path_target(rule: &InputRule) -> Option<&String> {
    match &rule.target {
        Target::Path { name, .. } => Some(name),
        Target::Query { .. } | Target::Header { .. } | Target::Body { .. } => None,
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

fn exact(rules: &[InputRule], given: &Given<'_>, draft: &mut Draft, faults: &mut Vec<Fault>) {
    let mut body = None;
    let mut query = Vec::new();
    for rule in rules {
        if let Target::Body { .. } = rule.target {
            body.get_or_insert_with(Map::new);
        }
        let Some(value) = given.value(&rule.input).or(rule.default.as_ref()) else {
            continue;
        };
        if rule.omit_empty && styles::is_empty(value) {
            continue;
        }
        match &rule.target {
            Target::Path { .. } => {}
            Target::Query { name, style } => match styles::query(name, value, *style) {
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
                let body = body.get_or_insert_with(Map::new);
                if !put_body(body, place, value) {
                    let why = "another input stands where it would go";
                    faults.push(unfit(&rule.input, "body", why));
                }
            }
        }
    }
    put_query(draft, query);
    draft.body = body.map(Value::Object);
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
        Some(text) if !text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) => {
            let message = format!("{input:?} goes into a header, which holds visible ASCII only");
            Err(Fault::new(pointer(input), "invalid_header_value", message)
                .hint("remove line breaks, control and other characters"))
        }
        line => Ok(line),
    }
}

/// Puts a value at its place; false when something that is no object is on the way.
fn put_body(body: &mut Map<String, Value>, place: &[String], value: &Value) -> bool {
    match place {
        [] => false,
        [name] => {
            body.insert(name.clone(), value.clone());
            true
        }
        [name, rest @ ..] => {
            let below = body
                .entry(name)
                .or_insert_with(|| Value::Object(Map::new()));
            below
                .as_object_mut()
                .is_some_and(|below| put_body(below, rest, value))
        }
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
