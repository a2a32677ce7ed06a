//! Looks up what expressions read, converting no more of it than they do.

use std::borrow::Cow;
use std::collections::HashMap;

use minijinja::Value as Inner;
use serde_json::Value;

use super::engine::MOST_WORK;
use super::expression::Shape;
use super::paths::{Path, Root};
use super::scope::{Scope, StepView};
use super::values;

/// What one expression may read, in bytes of JSON and counting every time that it reads it.
const MOST_READ: usize = 4 * super::MAX_RENDERED_BYTES;

/// As many bytes read are one step of work, and as many of those that are copied for it.
const READ_AT_ONCE: usize = 4_096;
const COPIED_AT_ONCE: usize = 256;

/// Reads a scope for one rendering, or for all items of a list.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    scope: Scope<'a>,
    /// What was converted before, by its place in memory, with its size.
    kept: HashMap<usize, (Inner, usize)>,
    /// The work of all expressions so far.
    work: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(scope: &Scope<'a>) -> Self {
        Self {
            scope: *scope,
            kept: HashMap::new(),
            work: 0,
        }
    }

    /// Writes down the work of an expression.
    ///
    /// # Errors
    /// All of them together took too much.
    pub(super) fn worked(&mut self, work: u64) -> Result<(), String> {
        self.work = self.work.saturating_add(work);
        if self.work > MOST_WORK {
            return Err("all expressions here together take too much work".to_owned());
        }
        Ok(())
    }

    /// Goes on to another item.
    pub(super) fn item(&mut self, item: &'a Value, index: usize) {
        self.scope.item = Some(item);
        self.scope.index = u64::try_from(index).ok();
    }

    /// The value at a path.
    ///
    /// # Errors
    /// What of it there is not, in one sentence.
    pub(super) fn find(&self, path: &Path) -> Result<Cow<'a, Value>, String> {
        let (mut value, mut names) = match self.root(&path.root)? {
            Found::Value(value) => (value, path.names.as_slice()),
            Found::Index(index) if path.names.is_empty() => {
                return Ok(Cow::Owned(Value::from(index)));
            }
            Found::Index(_) => return Err("index is a number".to_owned()),
            Found::View(view) => match path.names.split_first() {
                Some((first, rest)) if first == "output" => (&view.output, rest),
                Some((first, rest)) if first == "error" => (&view.error, rest),
                Some((first, [])) if first == "status" => {
                    return Ok(Cow::Owned(Value::from(view.status.as_str())));
                }
                Some(_) | None => return Err(format!("{} is undefined", shown(path, 0))),
            },
        };
        while let Some((first, rest)) = names.split_first() {
            value = value
                .as_object()
                .and_then(|members| members.get(first))
                .ok_or_else(|| missing(path, names.len(), value))?;
            names = rest;
        }
        Ok(Cow::Borrowed(value))
    }

    fn root(&self, root: &Root) -> Result<Found<'a>, String> {
        let nothing = |what: &str| format!("{what} is undefined");
        match root {
            Root::Input => Ok(Found::Value(self.scope.input)),
            Root::Run => Ok(Found::Value(self.scope.run)),
            Root::Item => self
                .scope
                .item
                .map(Found::Value)
                .ok_or_else(|| nothing("item")),
            Root::Index => self
                .scope
                .index
                .map(Found::Index)
                .ok_or_else(|| nothing("index")),
            Root::Step(id) => match self.scope.steps.get(id.as_str()) {
                Some(view) => Ok(Found::View(view)),
                None => Err(nothing(&format!("steps.{id}"))),
            },
        }
    }

    /// What is handed to an expression: those parts of the scope that it reads.
    ///
    /// # Errors
    /// It reads too much, in one sentence.
    pub(super) fn handed(&mut self, shape: &[(Root, Shape)]) -> Result<Inner, String> {
        let mut size = 0;
        let mut roots = Vec::with_capacity(shape.len());
        let mut steps = Vec::new();
        for (root, shape) in shape {
            let name = match root {
                Root::Input => "input",
                Root::Run => "run",
                Root::Item => "item",
                Root::Index => "index",
                Root::Step(_) => "steps",
            };
            match (root, self.root(root)) {
                (_, Err(_)) => {}
                (_, Ok(Found::Index(index))) => roots.push((Inner::from(name), Inner::from(index))),
                (_, Ok(Found::Value(value))) => {
                    roots.push((Inner::from(name), self.part(value, shape, &mut size)));
                }
                (Root::Step(id), Ok(Found::View(view))) => {
                    let view = self.view(view, shape, &mut size);
                    steps.push((Inner::from(id.as_str()), view));
                }
                (_, Ok(Found::View(_))) => {}
            }
        }
        if !steps.is_empty() {
            roots.push((Inner::from("steps"), Inner::from_pairs(steps)));
        }
        if size > MOST_READ {
            return Err(format!("it reads more than {MOST_READ} bytes of JSON"));
        }
        self.worked(steps_of(size / READ_AT_ONCE))?;
        Ok(Inner::from_pairs(roots))
    }

    fn view(&mut self, view: &'a StepView, shape: &Shape, size: &mut usize) -> Inner {
        let parts: Vec<(Inner, Inner)> = shape
            .members
            .iter()
            .filter_map(|(name, shape)| {
                let part = match name.as_str() {
                    "output" => self.part(&view.output, shape, size),
                    "error" => self.part(&view.error, shape, size),
                    "status" => Inner::from(view.status.as_str()),
                    _ => return None,
                };
                Some((Inner::from(name.as_str()), part))
            })
            .collect();
        Inner::from_pairs(parts)
    }

    /// The parts of a value that are read; the whole when it is no object.
    fn part(&mut self, value: &'a Value, shape: &Shape, size: &mut usize) -> Inner {
        match value {
            Value::Object(members) if !shape.whole => {
                let parts: Vec<(Inner, Inner)> = shape
                    .members
                    .iter()
                    .filter_map(|(name, shape)| {
                        let part = self.part(members.get(name)?, shape, size);
                        Some((Inner::from(name.as_str()), part))
                    })
                    .collect();
                Inner::from_pairs(parts)
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => self.converted(value, shape.times, size),
        }
    }

    fn converted(&mut self, value: &'a Value, times: usize, size: &mut usize) -> Inner {
        if !matches!(value, Value::Array(_) | Value::Object(_)) {
            let bytes = values::size(value);
            self.work = self.work.saturating_add(steps_of(bytes / COPIED_AT_ONCE));
            *size = size.saturating_add(bytes.saturating_mul(times));
            return values::from_json(value);
        }
        let place = std::ptr::from_ref(value).addr();
        let (inner, bytes) = self
            .kept
            .entry(place)
            .or_insert_with(|| (values::from_json(value), values::size(value)));
        *size = size.saturating_add(bytes.saturating_mul(times));
        inner.clone()
    }
}

fn steps_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

enum Found<'a> {
    Value(&'a Value),
    Index(u64),
    View(&'a StepView),
}

/// `steps.a.output.b`, without its last `without` names.
fn shown(path: &Path, without: usize) -> String {
    let mut shown = match &path.root {
        Root::Input => "input".to_owned(),
        Root::Run => "run".to_owned(),
        Root::Item => "item".to_owned(),
        Root::Index => "index".to_owned(),
        Root::Step(id) => format!("steps.{id}"),
    };
    let names = path.names.len().saturating_sub(without);
    for name in path.names.iter().take(names) {
        shown.push('.');
        shown.push_str(name);
    }
    shown
}

/// That a member is not there, and what is.
fn missing(path: &Path, left: usize, parent: &Value) -> String {
    let (place, around) = (shown(path, left - 1), shown(path, left));
    let there = match parent {
        Value::Object(members) if members.is_empty() => format!("{around} is empty"),
        Value::Object(members) => {
            let names: Vec<&str> = members.keys().take(10).map(String::as_str).collect();
            let more = if members.len() > 10 { " and more" } else { "" };
            format!("{around} has {}{more}", names.join(", "))
        }
        Value::Array(_) => format!("{around} is a list"),
        Value::Null => format!("{around} is null"),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            format!("{around} is {}", crate::walk::type_name(parent))
        }
    };
    format!("{place} is undefined; {there}")
}
