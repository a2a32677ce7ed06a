//! Reads the templates of a definition: each expression once, however often it stands there.

use std::collections::HashMap;

use serde_json::Value;

use super::compile::{Compiled, compile};
use super::expression::Expression;
use super::id::StepId;
use super::paths::{Path, Problem, Read, Root};
use super::template::{Node, Part, Template};
use super::text::{Piece, pieces, whole};
use crate::schema::cut;
use crate::text;
use crate::walk::{At, Faults};

/// Expressions of one flow at most.
const MOST_EXPRESSIONS: usize = 50_000;

/// Expressions of one flow that stay compiled once they ran: each holds some ten kilobytes. Further ones are compiled each time.
pub(super) const MOST_KEPT: usize = 2_000;

/// Levels of a template at most.
const MOST_LEVELS: usize = 64;

/// What may be read in a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'p> {
    /// The step that the template belongs to.
    pub(super) own: Option<&'p StepId>,
    /// Whether that step's own output may be read: it is done.
    pub(super) done: bool,
    /// Whether there are `item` and `index`.
    pub(super) item: bool,
}

impl Place<'_> {
    /// The flow's output.
    pub(super) const FLOW: Place<'static> = Place {
        own: None,
        done: false,
        item: false,
    };
}

/// A step that an expression reads, and where it does.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) step: StepId,
    pub(super) pointer: String,
}

/// What has been read so far.
#[derive(Debug)]
pub(super) struct Templates<'v> {
    /// Every step's id and its place in the document.
    pub(super) ids: HashMap<&'v str, usize>,
    /// Expressions by their text.
    known: HashMap<String, (Expression, Vec<(Path, usize)>)>,
    count: usize,
    programs: usize,
    pub(super) faults: Faults,
}

impl<'v> Templates<'v> {
    pub(super) fn new(ids: HashMap<&'v str, usize>, faults: Faults) -> Self {
        Self {
            ids,
            known: HashMap::new(),
            count: 0,
            programs: 0,
            faults,
        }
    }

    /// A template and the steps that it reads.
    pub(super) fn read(
        &mut self,
        value: &Value,
        at: &At<'_>,
        place: Place<'_>,
        reads: &mut Vec<Reference>,
    ) -> Template {
        Template(self.node(value, at, place, reads, 0))
    }

    /// A text that is one whole expression.
    pub(super) fn whole(
        &mut self,
        value: &str,
        at: &At<'_>,
        place: Place<'_>,
        reads: &mut Vec<Reference>,
    ) -> Option<Template> {
        match self.text(value, at, place, reads) {
            Node::Whole(expression) => Some(Template(Node::Whole(expression))),
            // What is wrong with it has been said.
            Node::Literal(Value::Null) => None,
            Node::Literal(_) | Node::Mixed(_) | Node::Array(_) | Node::Object(_) => {
                let hint = "write \"{{ … }}\" with nothing around it";
                let message = "expected one whole expression";
                self.faults.advise(at, "invalid_value", message, hint);
                None
            }
        }
    }

    fn node(
        &mut self,
        value: &Value,
        at: &At<'_>,
        place: Place<'_>,
        reads: &mut Vec<Reference>,
        level: usize,
    ) -> Node {
        match value {
            Value::String(text) => self.text(text, at, place, reads),
            Value::Array(_) | Value::Object(_) if level >= MOST_LEVELS => {
                let message = format!("nested deeper than {MOST_LEVELS} levels");
                let hint = "let a step of its own make the inner part, and read its output";
                self.faults.advise(at, "too_deep", message, hint);
                Node::Literal(Value::Null)
            }
            Value::Array(items) => {
                let nodes: Vec<Node> = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.node(item, &at.index(index), place, reads, level + 1))
                    .collect();
                if nodes.iter().all(Node::is_literal) {
                    return Node::Literal(value.clone());
                }
                Node::Array(nodes)
            }
            Value::Object(members) => {
                let mut nodes = Vec::with_capacity(members.len());
                for (name, member) in members {
                    let at = at.name(name);
                    if name.contains("{{") {
                        let message = "a member's name is not filled in";
                        let hint = "make the whole object in one expression: {{ dict(…) }}";
                        self.faults.advise(&at, "invalid_expression", message, hint);
                    }
                    let node = self.node(member, &at, place, reads, level + 1);
                    nodes.push((name.clone(), node));
                }
                if nodes.iter().all(|(_, node)| node.is_literal()) {
                    return Node::Literal(value.clone());
                }
                Node::Object(nodes)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Node::Literal(value.clone()),
        }
    }

    /// A text: literal, mixed or one expression. Null when something is wrong with it.
    fn text(
        &mut self,
        text: &str,
        at: &At<'_>,
        place: Place<'_>,
        reads: &mut Vec<Reference>,
    ) -> Node {
        let node = match alias(text) {
            Some(Ok(path)) => self.alias(text, path, at, place, reads),
            Some(Err(problem)) => Err(problem),
            None => self.pieces(text, at, place, reads),
        };
        node.unwrap_or_else(|problem| {
            self.tell(at, problem);
            Node::Literal(Value::Null)
        })
    }

    fn alias(
        &mut self,
        text: &str,
        path: Path,
        at: &At<'_>,
        place: Place<'_>,
        reads: &mut Vec<Reference>,
    ) -> Result<Node, Problem> {
        self.visit(&path, 0, at, place, reads)?;
        Ok(Node::Whole(Expression::path(text, path)))
    }

    fn pieces(
        &mut self,
        text: &str,
        at: &At<'_>,
        place: Place<'_>,
        reads: &mut Vec<Reference>,
    ) -> Result<Node, Problem> {
        self.faults.without_secret(text, at);
        let pieces = pieces(text)?;
        if let Some((source, begin)) = whole(&pieces) {
            let expression = self.expression(source, begin, at, place, reads)?;
            return Ok(Node::Whole(expression));
        }
        if !pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Expression(..)))
        {
            return Ok(Node::Literal(Value::String(text.to_owned())));
        }
        let parts = pieces.into_iter().map(|piece| match piece {
            Piece::Text(text) => Ok(Part::Text(text.to_owned())),
            Piece::Expression(source, begin) => self
                .expression(source, begin, at, place, reads)
                .map(Part::Expression),
        });
        parts.collect::<Result<Vec<_>, _>>().map(Node::Mixed)
    }

    fn expression(
        &mut self,
        source: &str,
        begin: usize,
        at: &At<'_>,
        place: Place<'_>,
        reads: &mut Vec<Reference>,
    ) -> Result<Expression, Problem> {
        self.count += 1;
        if self.count > MOST_EXPRESSIONS {
            let message = format!("a flow has at most {MOST_EXPRESSIONS} expressions");
            let problem = Problem::new(begin, "too_large", message);
            return Err(problem.hint("divide it into flows that run one another"));
        }
        if !self.known.contains_key(source) {
            let keeps = self.programs < MOST_KEPT;
            let Compiled { expression, reads } =
                compile(source, keeps).map_err(|mut problem| {
                    problem.at += begin;
                    problem
                })?;
            self.programs += usize::from(expression.is_program());
            let paths = reads.into_iter().map(|Read { path, at, .. }| (path, at));
            let entry = (expression, paths.collect());
            self.known.insert(source.to_owned(), entry);
        }
        let Some((expression, paths)) = self.known.get(source).cloned() else {
            return Err(Problem::new(
                begin,
                "invalid_expression",
                "it cannot be read",
            ));
        };
        for (path, offset) in &paths {
            self.visit(path, begin + offset, at, place, reads)?;
        }
        Ok(expression)
    }

    /// Whether what an expression reads can be read where it stands.
    fn visit(
        &mut self,
        path: &Path,
        offset: usize,
        at: &At<'_>,
        place: Place<'_>,
        reads: &mut Vec<Reference>,
    ) -> Result<(), Problem> {
        let step = match &path.root {
            Root::Input | Root::Run => return Ok(()),
            Root::Item | Root::Index if place.item => return Ok(()),
            Root::Item | Root::Index => {
                let message = "there is an item only in the input of a step with \"for_each\"";
                let problem = Problem::new(offset, "unknown_name", message);
                return Err(problem.hint("give the step a \"for_each\", or read input and steps"));
            }
            Root::Step(step) => step,
        };
        if place.own == Some(step) {
            if place.done {
                return Ok(());
            }
            let message = format!("{step} → {step}: the step reads itself");
            let problem = Problem::new(offset, "cycle", message);
            return Err(problem.hint("only compensate reads the step's own output"));
        }
        if !self.ids.contains_key(step.as_str()) {
            let message = format!("there is no step \"{step}\"");
            let problem = Problem::new(offset, "unknown_step", message);
            return Err(problem.hint(self.steps_like(step.as_str())));
        }
        reads.push(Reference {
            step: step.clone(),
            pointer: at.pointer(),
        });
        Ok(())
    }

    /// Advice for who names a step that there is not.
    pub(super) fn steps_like(&self, id: &str) -> String {
        if self.faults.full() {
            return String::new();
        }
        let mut ids: Vec<&str> = self.ids.keys().copied().collect();
        ids.sort_unstable_by_key(|id| self.ids.get(id));
        // Comparing with thousands is work that nobody waits for when hundreds are unknown.
        if ids.len() <= 1_000
            && let Some(hint) = text::did_you_mean(id, &ids)
        {
            return hint;
        }
        let more = if ids.len() > 10 { " and more" } else { "" };
        ids.truncate(10);
        format!("steps here: {}{more}", ids.join(", "))
    }

    fn tell(&mut self, at: &At<'_>, problem: Problem) {
        let message = format!("{} (at byte {})", problem.message, problem.at);
        match problem.hint {
            Some(hint) => self.faults.advise(at, problem.code, message, hint),
            None => self.faults.add(at, problem.code, message),
        }
    }
}

impl Node {
    pub(super) const fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }
}

/// Arazzo's `$inputs.a.b` and `$steps.a.outputs.b`, when a text is one of them.
fn alias(text: &str) -> Option<Result<Path, Problem>> {
    let mut names = text.split('.');
    let first = names.next()?;
    if first != "$inputs" && first != "$steps" {
        return None;
    }
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    let odd =
        |name: &String| name.is_empty() || name.contains(char::is_whitespace) || name.len() > 128;
    let malformed = || {
        let message = format!("\"{}\" cannot be read", cut(text));
        let hint = "write $inputs.<name>, $steps.<id>.outputs.<name> or an expression: {{ … }}";
        Err(Problem::new(0, "invalid_expression", message).hint(hint))
    };
    if names.iter().any(odd) || names.len() > 64 {
        return Some(malformed());
    }
    if first == "$inputs" {
        let root = Root::Input;
        return Some(Ok(Path { root, names }));
    }
    let id = names.first().and_then(|id| id.parse::<StepId>().ok());
    let Some(id) = id.filter(|_| names.get(1).is_some_and(|name| name == "outputs")) else {
        return Some(malformed());
    };
    names.remove(0);
    if let Some(outputs) = names.first_mut() {
        "output".clone_into(outputs);
    }
    let root = Root::Step(id);
    Some(Ok(Path { root, names }))
}
