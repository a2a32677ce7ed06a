//! Reads `body.graphql`: that the text is well formed, holds one operation, and which variables it declares.
//!
//! Lexical rules: GraphQL, October 2021, 2.1. The text is sent as it stands; inputs are variables, never text.

use super::{GraphQlQuery, Variable};

/// Longest query, in bytes.
const MAX_BYTES: usize = 32 * 1024;
/// Deepest nesting of brackets.
const MAX_DEPTH: usize = 64;

/// A token, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    Name(&'t str),
    Punctuator(char),
    /// A string or a number.
    Value,
}

/// Reads the text; what is wrong with it, and what to do.
pub(super) fn read(text: &str) -> Result<GraphQlQuery, (String, &'static str)> {
    if text.len() > MAX_BYTES {
        return Err((
            "a query has at most 32 KB".to_owned(),
            "ask for fewer fields",
        ));
    }
    let tokens = tokens(text).map_err(|why| (why, "check the query in the API's own explorer"))?;
    balanced(&tokens).map_err(|why| (why, "every bracket that opens is closed"))?;
    let mut operations = operations(&tokens)?;
    match (operations.pop(), operations.is_empty()) {
        (
            Some(Operation {
                kind: "subscription",
                ..
            }),
            true,
        ) => Err((
            "a subscription has no single answer".to_owned(),
            "write a query or a mutation",
        )),
        (Some(operation), true) => Ok(GraphQlQuery {
            text: text.to_owned(),
            operation: operation.name.map(str::to_owned),
            variables: operation.variables,
        }),
        (Some(_), false) => Err((
            "there is more than one operation".to_owned(),
            "make a tool of each",
        )),
        (None, _) => Err((
            "there is no operation".to_owned(),
            "write \"query { … }\" or \"mutation { … }\"",
        )),
    }
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            ' ' | '\t' | '\n' | '\r' | ',' | '\u{feff}' => c.len_utf8(),
            '#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            '"' => {
                tokens.push(Token::Value);
                string(rest)?
            }
            '.' if rest.starts_with("...") => {
                tokens.push(Token::Punctuator('.'));
                3
            }
            '!' | '$' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' => {
                tokens.push(Token::Punctuator(c));
                1
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                let (name, _) = rest.split_at(end.unwrap_or(rest.len()));
                tokens.push(Token::Name(name));
                name.len()
            }
            c if c.is_ascii_digit() || c == '-' => {
                tokens.push(Token::Value);
                let more = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-');
                rest.find(|c: char| !more(c)).unwrap_or(rest.len())
            }
            c => return Err(format!("{c:?} is no part of GraphQL")),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(tokens)
}

/// The length of the string that the text begins with.
fn string(text: &str) -> Result<usize, String> {
    let unclosed = || "a string is not closed".to_owned();
    if let Some(block) = text.strip_prefix("\"\"\"") {
        // `\"""` is a quotation inside.
        let mut from = 0;
        loop {
            let inner = block.get(from..).ok_or_else(unclosed)?;
            let end = from + inner.find("\"\"\"").ok_or_else(unclosed)?;
            if !block
                .get(..end)
                .is_some_and(|before| before.ends_with('\\'))
            {
                return Ok(end + 6);
            }
            from = end + 3;
        }
    }
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' | '\r' => break,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Ok(at + 1),
            _ => {}
        }
    }
    Err(unclosed())
}

fn balanced(tokens: &[Token<'_>]) -> Result<(), String> {
    let mut open = Vec::new();
    for token in tokens {
        let Token::Punctuator(c) = token else {
            continue;
        };
        match c {
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(*c) => {
                return Err(format!("\"{c}\" closes nothing"));
            }
            _ => {}
        }
        if open.len() > MAX_DEPTH {
            return Err(format!("brackets nest deeper than {MAX_DEPTH}"));
        }
    }
    match open.pop() {
        None => Ok(()),
        Some(c) => Err(format!("\"{c}\" is missing")),
    }
}

struct Operation<'t> {
    kind: &'t str,
    name: Option<&'t str>,
    variables: Vec<Variable>,
}

/// The operations; fragments stand beside them.
fn operations<'t>(tokens: &[Token<'t>]) -> Result<Vec<Operation<'t>>, (String, &'static str)> {
    let mut operations = Vec::new();
    let mut rest = tokens;
    while let Some(token) = rest.first() {
        let (definition, behind) = rest.split_at(definition_end(rest));
        let kind = match token {
            Token::Punctuator('{') => Some("query"),
            Token::Name(kind @ ("query" | "mutation" | "subscription")) => Some(*kind),
            Token::Name("fragment") => None,
            Token::Name(other) => {
                let message = format!("\"{other}\" begins no operation");
                return Err((message, "write \"query { … }\" or \"mutation { … }\""));
            }
            Token::Punctuator(_) | Token::Value => {
                let message = "something stands outside of every operation".to_owned();
                return Err((message, "write \"query { … }\" or \"mutation { … }\""));
            }
        };
        let selects = definition.last() == Some(&Token::Punctuator('}'));
        if !selects {
            let message = "an operation selects nothing".to_owned();
            return Err((message, "write its fields between { and }"));
        }
        if let Some(kind) = kind {
            operations.push(Operation {
                kind,
                name: match definition.get(1) {
                    Some(Token::Name(name)) if matches!(token, Token::Name(_)) => Some(name),
                    _ => None,
                },
                variables: variables(definition),
            });
        }
        rest = behind;
    }
    Ok(operations)
}

/// Where a definition ends: behind the selection that is its last part.
fn definition_end(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Punctuator('(' | '[' | '{') => depth += 1,
            Token::Punctuator(c @ (')' | ']' | '}')) => {
                depth = depth.saturating_sub(1);
                if depth == 0 && *c == '}' {
                    return at + 1;
                }
            }
            Token::Punctuator(_) | Token::Name(_) | Token::Value => {}
        }
    }
    tokens.len()
}

/// `($name: Type! = default, …)` behind the operation's name.
fn variables(definition: &[Token<'_>]) -> Vec<Variable> {
    let start = match definition {
        [Token::Name(_), Token::Punctuator('('), ..] => 2,
        [Token::Name(_), Token::Name(_), Token::Punctuator('('), ..] => 3,
        _ => return Vec::new(),
    };
    let mut variables: Vec<Variable> = Vec::new();
    let mut depth = 1_usize;
    let mut tokens = definition.iter().skip(start).peekable();
    while let Some(token) = tokens.next() {
        match token {
            Token::Punctuator('(' | '[' | '{') => depth += 1,
            Token::Punctuator(')' | ']' | '}') => depth -= 1,
            Token::Punctuator('$') if depth == 1 => {
                if let Some(Token::Name(name)) = tokens.peek() {
                    variables.push(Variable {
                        name: (*name).to_owned(),
                        required: false,
                    });
                }
            }
            Token::Punctuator(mark @ ('!' | '=')) if depth == 1 => {
                if let Some(variable) = variables.last_mut() {
                    variable.required = *mark == '!';
                }
            }
            Token::Punctuator(_) | Token::Name(_) | Token::Value => {}
        }
        if depth == 0 {
            break;
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(String, bool)> {
        let query = read(text).unwrap();
        let variables = query.variables.into_iter();
        variables.map(|it| (it.name, it.required)).collect()
    }

    #[test]
    fn an_operation_is_taken_as_it_stands() {
        let text = r#"# comment with { and "
            query Search($q: String!, $n: Int = 10, $tags: [String!]!, $at: Box! = {x: 1}) @live {
                search(text: $q, note: "a } \" {", block: """ } \""" """) { ...Part id }
            }
            fragment Part on Item { name }"#;
        let query = read(text).unwrap();
        assert_eq!(query.operation.as_deref(), Some("Search"));
        assert_eq!(query.text, text);
        let expected = [("q", true), ("n", false), ("tags", true), ("at", false)];
        let found = names(text);
        let found: Vec<(&str, bool)> = found.iter().map(|(n, r)| (n.as_str(), *r)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn short_forms_are_operations_too() {
        assert_eq!(read("{ me { id } }").unwrap().operation, None);
        assert_eq!(names("mutation($id: ID!) { drop(id: $id) }").len(), 1);
        assert_eq!(
            read("fragment A on B { c } query { ...A }")
                .unwrap()
                .variables,
            []
        );
    }

    #[test]
    fn what_is_no_single_operation_is_refused() {
        for (text, expected) in [
            ("", "no operation"),
            ("fragment A on B { c }", "no operation"),
            ("query { a } query { b }", "more than one"),
            ("{ a } { b }", "more than one"),
            ("subscription { a }", "subscription"),
            ("query { a ", "missing"),
            ("query { a ) }", "closes nothing"),
            ("query { a(b: \"x) }", "not closed"),
            ("query { a(b: \"\"\"x) }", "not closed"),
            ("select * from a", "no part of GraphQL"),
            ("select { a }", "begins no operation"),
            ("query Q($a: Int)", "selects nothing"),
            ("query { a; }", "no part of GraphQL"),
        ] {
            let (why, _) = read(text).unwrap_err();
            assert!(why.contains(expected), "{text}: {why}");
        }
        let deep = format!("query {}{}", "{a".repeat(70), "}".repeat(70));
        assert!(read(&deep).unwrap_err().0.contains("deeper"));
        let long = format!("query {{ {} }}", "a ".repeat(20_000));
        assert!(read(&long).unwrap_err().0.contains("32 KB"));
    }
}
