//! Finds what an expression reads and names, before it runs.

use super::engine::{FILTERS, FUNCTIONS, TESTS};
use super::id::StepId;
use super::token::{Kind, Token};
use crate::schema::cut;
use crate::text;

/// What is wrong with a text, and where in it, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Problem {
    pub(super) fn new(at: usize, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            at,
            code,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Where a path begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Root {
    Input,
    Run,
    Item,
    Index,
    Step(StepId),
}

/// `steps.quotes.output.price`, taken apart: members of objects, by name, from a root.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Path {
    pub(super) root: Root,
    pub(super) names: Vec<String>,
}

/// A path and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) path: Path,
    pub(super) at: usize,
    /// The word after it.
    pub(super) next: usize,
}

const ROOTS: [&str; 5] = ["input", "steps", "run", "item", "index"];
const VIEW: [&str; 3] = ["output", "status", "error"];
const RUN: [&str; 4] = ["id", "flow_id", "version", "started_at"];
const WORDS: [&str; 7] = ["and", "or", "not", "in", "is", "if", "else"];
const CONSTANTS: [&str; 6] = ["true", "false", "none", "True", "False", "None"];

/// Everything that an expression reads.
///
/// # Errors
/// The first name that there is not.
pub(super) fn reads(tokens: &[Token<'_>]) -> Result<Vec<Read>, Problem> {
    let mut reads = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if token.is("|") {
            at = named(tokens, at + 1, "filter", FILTERS)?;
        } else if token.is_name("is") {
            let negated = tokens.get(at + 1).is_some_and(|token| token.is_name("not"));
            at = named(tokens, at + 1 + usize::from(negated), "test", TESTS)?;
        } else if token.is(".") {
            at = member(tokens, at)?;
        } else if token.kind == Kind::Name {
            at = name(tokens, at, &mut reads)?;
        } else {
            at += 1;
        }
    }
    Ok(reads)
}

/// The word after the name of a filter or a test.
fn named(
    tokens: &[Token<'_>],
    at: usize,
    what: &'static str,
    known: &[&str],
) -> Result<usize, Problem> {
    let Some(name) = tokens.get(at).filter(|token| token.kind == Kind::Name) else {
        return Ok(at);
    };
    if known.contains(&name.text) {
        by_text(tokens, at)?;
        return Ok(at + 1);
    }
    Err(no_such(name.text, name.start, what, known))
}

fn no_such(name: &str, at: usize, what: &str, known: &[&str]) -> Problem {
    let hint =
        text::did_you_mean(name, known).unwrap_or_else(|| format!("{what}s: {}", known.join(", ")));
    let message = format!("there is no {what} \"{}\"", cut(name));
    Problem::new(at, "unknown_name", message).hint(hint)
}

/// Filters and tests that a filter is given by a text, such as `map('upper')`.
fn by_text(tokens: &[Token<'_>], at: usize) -> Result<(), Problem> {
    const SIGNS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
    let Some(filter) = tokens.get(at) else {
        return Ok(());
    };
    let (place, what, known) = match filter.text {
        "map" => (at + 2, "filter", FILTERS),
        "select" | "reject" => (at + 2, "test", TESTS),
        "selectattr" | "rejectattr" => (at + 4, "test", TESTS),
        _ => return Ok(()),
    };
    let opened = tokens.get(at + 1).is_some_and(|token| token.is("("));
    let parted = place == at + 2 || tokens.get(at + 3).is_some_and(|token| token.is(","));
    let Some(text) = tokens.get(place).filter(|_| opened && parted) else {
        return Ok(());
    };
    let Some(name) = text.plain_text() else {
        return Ok(());
    };
    if known.contains(&name) || (what == "test" && SIGNS.contains(&name)) {
        return Ok(());
    }
    Err(no_such(name, text.start, what, known))
}

/// The word after a member that is looked up in something that is no path.
fn member(tokens: &[Token<'_>], dot: usize) -> Result<usize, Problem> {
    if let (Some(name), Some(next)) = (tokens.get(dot + 1), tokens.get(dot + 2))
        && name.kind == Kind::Name
        && next.is("(")
    {
        return Err(method(name));
    }
    Ok(dot + 2)
}

fn method(name: &Token<'_>) -> Problem {
    let message = format!("values have no methods, such as \"{}\"", cut(name.text));
    let hint = match text::nearest(name.text, FILTERS.iter().copied()) {
        Some(near) => format!("write it as a filter: … | {near}"),
        None => format!("filters: {}", FILTERS.join(", ")),
    };
    Problem::new(name.start, "unknown_name", message).hint(hint)
}

/// The word after a name and what is looked up in it.
fn name(tokens: &[Token<'_>], at: usize, reads: &mut Vec<Read>) -> Result<usize, Problem> {
    let Some(token) = tokens.get(at) else {
        return Ok(at + 1);
    };
    let is_argument_name = tokens.get(at + 1).is_some_and(|next| next.is("="));
    if WORDS.contains(&token.text) || CONSTANTS.contains(&token.text) || is_argument_name {
        return Ok(at + 1);
    }
    if tokens.get(at + 1).is_some_and(|next| next.is("(")) {
        return function(token).map(|()| at + 1);
    }
    let (names, next) = looked_up(tokens, at + 1);
    if let (Some(call), Some(last)) = (tokens.get(next), tokens.get(next - 1))
        && call.is("(")
        && last.kind == Kind::Name
    {
        return Err(method(last));
    }
    let path = path(token, names)?;
    reads.push(Read {
        path,
        at: token.start,
        next,
    });
    Ok(next)
}

fn function(name: &Token<'_>) -> Result<(), Problem> {
    if FUNCTIONS.contains(&name.text) {
        return Ok(());
    }
    let message = format!("there is no function \"{}\"", cut(name.text));
    let hint = if FILTERS.contains(&name.text) {
        format!("it is a filter: … | {}", name.text)
    } else {
        text::did_you_mean(name.text, FUNCTIONS)
            .unwrap_or_else(|| format!("functions: {}", FUNCTIONS.join(", ")))
    };
    Err(Problem::new(name.start, "unknown_name", message).hint(hint))
}

/// The members looked up by a name that stands there, `.a` and `['a']`, and the word after them.
fn looked_up(tokens: &[Token<'_>], mut at: usize) -> (Vec<String>, usize) {
    let mut names = Vec::new();
    loop {
        let [first, second] = [at, at + 1].map(|at| tokens.get(at));
        match (first, second) {
            (Some(dot), Some(name)) if dot.is(".") && name.kind == Kind::Name => {
                names.push(name.text.to_owned());
                at += 2;
            }
            (Some(open), Some(text)) if open.is("[") => {
                let closed = tokens.get(at + 2).is_some_and(|token| token.is("]"));
                let Some(name) = text.plain_text().filter(|_| closed) else {
                    return (names, at);
                };
                names.push(name.to_owned());
                at += 3;
            }
            (Some(_) | None, Some(_) | None) => return (names, at),
        }
    }
}

fn path(token: &Token<'_>, mut names: Vec<String>) -> Result<Path, Problem> {
    let root = match token.text {
        "input" => Root::Input,
        "item" => Root::Item,
        "index" => Root::Index,
        "run" => {
            if let Some(name) = names.first() {
                one_of(token, "run", name, &RUN)?;
            }
            Root::Run
        }
        "steps" => {
            let id = step(token, &names)?;
            names.remove(0);
            Root::Step(id)
        }
        other => return Err(unknown(token, other)),
    };
    Ok(Path { root, names })
}

/// Which step is read, of `steps.<id>.output` and the like.
fn step(token: &Token<'_>, names: &[String]) -> Result<StepId, Problem> {
    let Some(id) = names.first() else {
        let message = "which step is read must be known before the flow runs";
        let problem = Problem::new(token.start, "invalid_expression", message);
        return Err(problem.hint("write steps.<id>.output with the step's id"));
    };
    let place = format!("steps.{}", cut(id));
    match names.get(1) {
        Some(name) => one_of(token, &place, name, &VIEW)?,
        None => {
            let message = format!("\"{place}\" is no value");
            let problem = Problem::new(token.start, "invalid_expression", message);
            return Err(problem.hint(format!("write {place}.output, .status or .error")));
        }
    }
    id.parse().map_err(|_| {
        let message = format!("there is no step \"{}\"", cut(id));
        Problem::new(token.start, "unknown_step", message)
    })
}

fn one_of(token: &Token<'_>, place: &str, name: &str, known: &[&str]) -> Result<(), Problem> {
    if known.contains(&name) {
        return Ok(());
    }
    let hint = text::did_you_mean(name, known)
        .unwrap_or_else(|| format!("{place} has {}", known.join(", ")));
    let message = format!("{place} has no \"{}\"", cut(name));
    Err(Problem::new(token.start, "unknown_name", message).hint(hint))
}

fn unknown(token: &Token<'_>, name: &str) -> Problem {
    let message = format!("there is no \"{}\" in expressions", cut(name));
    let hint = match name {
        "secrets" | "secret" | "env" | "vault" => {
            "secrets are never visible here: write ${NAME} in the tool's own auth".to_owned()
        }
        "inputs" => "write input".to_owned(),
        "step" => "write steps.<id>.output".to_owned(),
        "null" | "nil" => "write none".to_owned(),
        "outputs" | "output" => "write steps.<id>.output".to_owned(),
        _ => text::did_you_mean(name, &ROOTS)
            .unwrap_or_else(|| format!("there are {}; a text stands in quotes", ROOTS.join(", "))),
    };
    Problem::new(token.start, "unknown_name", message).hint(hint)
}
