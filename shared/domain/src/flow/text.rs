//! Finds the expressions in a text.

use super::paths::Problem;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'s> {
    Text(&'s str),
    /// What stands between `{{` and `}}`, and where it begins, in bytes.
    Expression(&'s str, usize),
}

/// Takes a text apart.
///
/// # Errors
/// An expression that does not end, or a statement of a template language.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Problem> {
    let mut pieces = Vec::new();
    let mut from = 0;
    while let Some(open) = opening(text, from)? {
        if open > from {
            pieces.push(Piece::Text(text.get(from..open).unwrap_or_default()));
        }
        let begin = open + 2;
        let rest = text.get(begin..).unwrap_or_default();
        if rest.starts_with('-') || rest.starts_with('+') {
            let message = "white space is never cut off here";
            let problem = Problem::new(begin, "invalid_expression", message);
            return Err(problem.hint("put a space after {{"));
        }
        let Some(length) = expression_length(rest) else {
            let problem = Problem::new(open, "invalid_expression", "this expression does not end");
            return Err(problem.hint("close it with }}; braces as such are written {{ '{{' }}"));
        };
        let source = rest.get(..length).unwrap_or_default();
        pieces.push(Piece::Expression(source, begin));
        from = begin + length + 2;
    }
    if let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// The only expression of a text, when nothing but white space stands around it.
pub(super) fn whole<'s>(pieces: &[Piece<'s>]) -> Option<(&'s str, usize)> {
    let mut found = None;
    for piece in pieces {
        match piece {
            Piece::Text(text) if text.trim().is_empty() => {}
            Piece::Text(_) => return None,
            Piece::Expression(..) if found.is_some() => return None,
            Piece::Expression(source, at) => found = Some((*source, *at)),
        }
    }
    found
}

/// Where the next `{{` is.
fn opening(text: &str, from: usize) -> Result<Option<usize>, Problem> {
    let mut at = from;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('{')) {
        let open = at + found;
        match text.as_bytes().get(open + 1) {
            Some(b'{') => return Ok(Some(open)),
            Some(b'%') => return Err(statement(open, "{%", "statements")),
            Some(b'#') => return Err(statement(open, "{#", "comments")),
            Some(_) | None => at = open + 1,
        }
    }
    Ok(None)
}

fn statement(at: usize, sign: &str, what: &str) -> Problem {
    let message = format!("there are no {what} here, only expressions: {{{{ … }}}}");
    let hint = format!("to have {sign} in the text, write {{{{ '{sign}' }}}}");
    Problem::new(at, "invalid_expression", message).hint(hint)
}

/// How long the expression is: `}}` in a text or closing objects does not end it.
fn expression_length(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => at = text_end(bytes, at, *byte)?,
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where the text that begins here ends: at its other quotation mark.
fn text_end(bytes: &[u8], begin: usize, quote: u8) -> Option<usize> {
    let mut at = begin + 1;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            byte if *byte == quote => return Some(at),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let pieces = pieces(text).unwrap();
        let shown = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => format!("[{text}]"),
            Piece::Expression(source, at) => format!("<{source}@{at}>"),
        });
        shown.collect()
    }

    #[test]
    fn finds_where_expressions_end() {
        for (text, expected) in [
            ("", ""),
            ("plain } }} text {", "[plain } }} text {]"),
            ("{{a}}", "<a@2>"),
            ("x {{ a }} y{{b}}", "[x ]< a @4>[ y]<b@13>"),
            ("{{ '}}' }}", "< '}}' @2>"),
            (r#"{{ "\"}}" }}"#, r#"< "\"}}" @2>"#),
            ("{{ {'a': {'b': 1}} }}", "< {'a': {'b': 1}} @2>"),
            ("{{ {'a': {'b': 1}}}}", "< {'a': {'b': 1}}@2>"),
            (r#"{"a": {"b": {{ x }}}}"#, r#"[{"a": {"b": ]< x @14>[}}]"#),
            ("ä{{ x }}", "[ä]< x @4>"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_expression() {
        for (text, at) in [
            ("{{ a", 0),
            ("x {{ 'a }}", 2),
            ("{{ { }}", 0),
            ("a {% if x %}", 2),
            ("{# note #}", 0),
            ("{{- x }}", 2),
            ("{{ '\\", 0),
        ] {
            let problem = pieces(text).unwrap_err();
            assert_eq!(
                (problem.code, problem.at),
                ("invalid_expression", at),
                "{text}"
            );
        }
    }

    #[test]
    fn one_expression_may_have_room_around_it() {
        for (text, source) in [
            ("{{a}}", Some("a")),
            (" {{a}}\n", Some("a")),
            ("{{a}}.", None),
            ("{{a}}{{b}}", None),
            ("a", None),
            ("", None),
        ] {
            let pieces = pieces(text).unwrap();
            assert_eq!(whole(&pieces).map(|(source, _)| source), source, "{text}");
        }
    }
}
