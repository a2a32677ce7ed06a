//! Makes an expression ready to run: bounded first, then looked through, then parsed, once.

use minijinja::{Error, ErrorKind};

use super::engine::environment;
use super::expression::{Expression, Program};
use super::guard::{Guarded, guarded};
use super::paths::{Path, Problem, Read, reads};
use super::token::{Kind, Token, tokens};

/// Longest expression, in bytes.
pub(super) const MOST_BYTES: usize = 512;

/// Brackets within one another at most, and signs before one operand.
const MOST_DEPTH: usize = 16;

/// Advice for an expression that is too much.
const IN_PARTS: &str = "compute a part of it in a transform step of its own";

/// An expression and what it reads, with places.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) expression: Expression,
    pub(super) reads: Vec<Read>,
}

/// Makes an expression ready to run; `keeps`: it stays compiled once it ran.
///
/// # Errors
/// What is wrong with it, and where in it.
pub(super) fn compile(source: &str, keeps: bool) -> Result<Compiled, Problem> {
    bounded(source)?;
    let trimmed = source.trim();
    if trimmed.is_empty() {
        return Err(Problem::new(
            0,
            "invalid_expression",
            "this expression is empty",
        ));
    }
    let words = tokens(source);
    few_signs(&words)?;
    closed(&words)?;
    let reads = reads(&words)?;
    // The commonest expression only names a value: that needs no machine.
    if let [read] = reads.as_slice()
        && read.next == words.len()
        && words.first().is_some_and(|word| word.start == read.at)
    {
        let expression = Expression::path(trimmed, read.path.clone());
        return Ok(Compiled { expression, reads });
    }
    let guarded = guarded(source, &words).map_err(|at| {
        Problem::new(
            at,
            "invalid_expression",
            "a value must stand on both sides of this sign",
        )
    })?;
    // What is compiled here is thrown away again: most of what a workspace keeps is never run by this process.
    let compiled = environment()
        .compile_expression(&guarded.source)
        .map_err(|error| syntax(source, &guarded, &error))?;
    only_roots(&compiled)?;
    let paths: Vec<Path> = reads.iter().map(|read| read.path.clone()).collect();
    Ok(Compiled {
        expression: Expression::program(trimmed, Program::new(&guarded.source, paths, keeps)),
        reads,
    })
}

/// A parser calls itself for each bracket: too many of them end the process, not the call.
fn bounded(source: &str) -> Result<(), Problem> {
    if source.len() > MOST_BYTES {
        let message = format!("an expression has at most {MOST_BYTES} bytes");
        let problem = Problem::new(0, "too_large", message);
        return Err(problem.hint(IN_PARTS));
    }
    let mut depth = 0_usize;
    for (at, byte) in source.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MOST_DEPTH {
            let message = format!("brackets stand in one another at most {MOST_DEPTH} deep");
            return Err(Problem::new(at, "too_deep", message).hint(IN_PARTS));
        }
    }
    Ok(())
}

/// The same for signs: `- - - x`, `not not not x`, and `a if b else a if b else …`.
fn few_signs(tokens: &[Token<'_>]) -> Result<(), Problem> {
    let (mut signs, mut elses) = (0_usize, 0_usize);
    for token in tokens {
        let sign = token.is("-") || token.is_name("not");
        signs = if sign { signs + 1 } else { 0 };
        elses += usize::from(token.kind == Kind::Name && token.text == "else");
        if signs > MOST_DEPTH || elses > MOST_DEPTH {
            let message = format!("more than {MOST_DEPTH} of these do not follow one another");
            return Err(Problem::new(token.start, "too_deep", message).hint(IN_PARTS));
        }
    }
    Ok(())
}

/// Every bracket is closed, and none that was not opened: what is put around an expression must stay around it.
fn closed(tokens: &[Token<'_>]) -> Result<(), Problem> {
    let mut open = Vec::new();
    for token in tokens.iter().filter(|token| token.kind == Kind::Sign) {
        match token.text {
            "(" | "[" | "{" => open.push(token),
            ")" | "]" | "}" if open.pop().is_none() => {
                let message = format!("\"{}\" closes nothing", token.text);
                let problem = Problem::new(token.start, "invalid_expression", message);
                return Err(problem.hint("take it away, or open it before"));
            }
            _ => {}
        }
    }
    match open.last() {
        None => Ok(()),
        Some(token) => {
            let message = format!("\"{}\" is never closed", token.text);
            let problem = Problem::new(token.start, "invalid_expression", message);
            Err(problem.hint("take it away, or close it behind what it holds"))
        }
    }
}

/// The machine's own view of what is read: nothing that was not seen before.
fn only_roots(program: &minijinja::Expression<'_, '_>) -> Result<(), Problem> {
    const KNOWN: [&str; 7] = ["input", "steps", "run", "item", "index", "range", "dict"];
    let mut names: Vec<String> = program.undeclared_variables(false).into_iter().collect();
    names.sort_unstable();
    match names.iter().find(|name| !KNOWN.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let message = format!("\"{name}\" cannot stand here");
            Err(Problem::new(0, "invalid_expression", message))
        }
    }
}

fn syntax(source: &str, guarded: &Guarded, error: &Error) -> Problem {
    let at = error
        .range()
        .map_or(0, |range| guarded.original(range.start));
    let why = match error.kind() {
        ErrorKind::SyntaxError => error.detail().unwrap_or("it cannot be read").to_owned(),
        _ => super::expression::reason(error),
    };
    let message = format!("this is no expression: {why}");
    Problem::new(at.min(source.len()), "invalid_expression", message)
}
