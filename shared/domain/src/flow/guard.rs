//! Puts a check around what `*` and `~` join: both would do work that nobody counts.
//!
//! `a * b` becomes `a|_n * b|_n`, which refuses lists: a list repeated a hundred million times costs nothing until
//! it is read, and is read in places that count only afterwards. `a ~ b` becomes `a|_t ~ b|_t`: what
//! is joined is text, and everything else its JSON, which is measured while it is written.

use super::engine::{AS_TEXT, NO_LIST};
use super::token::{Kind, Token};

/// An expression with its checks, and where they were put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Guarded {
    pub(super) source: String,
    /// Places in the original, in order, and how many bytes were put in there.
    inserted: Vec<(usize, usize)>,
}

impl Guarded {
    /// The place in the original of a place in the guarded expression.
    pub(super) fn original(&self, guarded: usize) -> usize {
        let mut added = 0;
        for (place, length) in &self.inserted {
            if place + added + length > guarded {
                return guarded.min(place + added) - added;
            }
            added += length;
        }
        guarded - added
    }
}

/// Puts the checks in.
///
/// # Errors
/// The place after which no operand stands.
pub(super) fn guarded(source: &str, tokens: &[Token<'_>]) -> Result<Guarded, usize> {
    let mut places: Vec<(usize, &str)> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let check = match token.text {
            "*" if token.is("*") => NO_LIST,
            "~" if token.is("~") => AS_TEXT,
            _ => continue,
        };
        // `*` at the start of an argument spreads it.
        let before = index.checked_sub(1).and_then(|at| tokens.get(at));
        let Some(before) = before.filter(|token| !token.is("(") && !token.is(",")) else {
            continue;
        };
        let last = operand_end(tokens, index + 1).ok_or(token.start)?;
        places.push((before.end(), check));
        places.push((last, check));
    }
    places.sort_unstable();
    places.dedup();
    let mut guarded = Guarded {
        source: String::with_capacity(source.len() + 3 * places.len()),
        inserted: Vec::with_capacity(places.len()),
    };
    let mut from = 0;
    for (place, check) in places {
        guarded
            .source
            .push_str(source.get(from..place).unwrap_or_default());
        guarded.source.push('|');
        guarded.source.push_str(check);
        guarded.inserted.push((place, check.len() + 1));
        from = place;
    }
    guarded
        .source
        .push_str(source.get(from..).unwrap_or_default());
    Ok(guarded)
}

/// Where the operand ends that begins at this word: its signs, itself, what is looked up in it, and its
/// filters and tests.
fn operand_end(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let mut next = plain_operand(tokens, at)?;
    loop {
        match tokens.get(next) {
            Some(token) if token.is("|") => {
                next = dotted_name(tokens, next + 1)?;
                if tokens.get(next).is_some_and(|token| token.is("(")) {
                    next = closed(tokens, next)?;
                }
            }
            Some(token) if token.is_name("is") => {
                let negated = tokens
                    .get(next + 1)
                    .is_some_and(|token| token.is_name("not"));
                next = dotted_name(tokens, next + 1 + usize::from(negated))?;
                match tokens.get(next) {
                    Some(token) if token.is("(") => next = closed(tokens, next)?,
                    Some(token) if begins_argument(token) => next = plain_operand(tokens, next)?,
                    Some(_) | None => {}
                }
            }
            Some(_) | None => break,
        }
    }
    next.checked_sub(1)
        .and_then(|last| tokens.get(last))
        .map(Token::end)
}

/// The word after an operand without filters and tests.
fn plain_operand(tokens: &[Token<'_>], mut at: usize) -> Option<usize> {
    while tokens.get(at).is_some_and(|token| token.is("-")) {
        at += 1;
    }
    let first = tokens.get(at)?;
    let mut next = match first.kind {
        Kind::Name | Kind::Number => at + 1,
        Kind::Text => {
            let texts = tokens.iter().skip(at);
            at + texts.take_while(|token| token.kind == Kind::Text).count()
        }
        Kind::Sign => closed(tokens, at)?,
    };
    loop {
        match tokens.get(next) {
            Some(token) if token.is(".") => {
                let name = tokens.get(next + 1)?;
                if !matches!(name.kind, Kind::Name | Kind::Number) {
                    return None;
                }
                next += 2;
            }
            Some(token) if token.is("[") || token.is("(") => next = closed(tokens, next)?,
            Some(_) | None => return Some(next),
        }
    }
}

/// The word after `a.b.c`.
fn dotted_name(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let name = |at: usize| tokens.get(at).is_some_and(|token| token.kind == Kind::Name);
    if !name(at) {
        return None;
    }
    let mut next = at + 1;
    while tokens.get(next).is_some_and(|token| token.is(".")) && name(next + 1) {
        next += 2;
    }
    Some(next)
}

/// The word after the bracket that closes the one here.
fn closed(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        if token.kind == Kind::Sign {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.checked_sub(1)?,
                _ => {}
            }
        }
        if depth == 0 {
            return (index > at).then_some(index + 1);
        }
    }
    None
}

/// Whether a test takes this word as its argument.
fn begins_argument(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Text | Kind::Number => true,
        Kind::Name => !matches!(token.text, "and" | "or" | "else" | "is"),
        Kind::Sign => matches!(token.text, "+" | "-" | "[" | "{"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::tokens;
    use super::*;

    #[test]
    fn checks_stand_behind_each_operand() {
        for (source, expected) in [
            ("a + b", "a + b"),
            ("a*b", "a|_n*b|_n"),
            ("a ~ b ~ c", "a|_t ~ b|_t ~ c|_t"),
            (
                "2 * [1][0]|first * -x.y",
                "2|_n * [1][0]|first|_n * -x.y|_n",
            ),
            (
                "2 * x is odd|default([1], true)",
                "2|_n * x is odd|default([1], true)|_n",
            ),
            ("3 * x is divisibleby 2", "3|_n * x is divisibleby 2|_n"),
            ("'a' 'b' * 2 ** 3", "'a' 'b'|_n * 2|_n ** 3"),
            ("range(*[1 * 2])", "range(*[1|_n * 2|_n])"),
            ("'*~' ~ (a * b)", "'*~'|_t ~ (a|_n * b|_n)|_t"),
            ("a if b ~ c else d", "a if b|_t ~ c|_t else d"),
        ] {
            let guarded = guarded(source, &tokens(source)).unwrap();
            assert_eq!(guarded.source, expected);
        }
        for source in ["a *", "a ~ ", "a * (b", "a ~ .b", "* * *"] {
            assert!(guarded(source, &tokens(source)).is_err(), "{source}");
        }
    }

    #[test]
    fn places_lead_back() {
        let source = "a*b + c";
        let guarded = guarded(source, &tokens(source)).unwrap();
        assert_eq!(guarded.source, "a|_n*b|_n + c");
        for (place, original) in [
            (0, 0),
            (1, 1),
            (2, 1),
            (4, 1),
            (5, 2),
            (6, 3),
            (10, 4),
            (12, 6),
        ] {
            assert_eq!(guarded.original(place), original, "{place}");
        }
    }
}
