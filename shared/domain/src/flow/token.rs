//! Takes an expression apart into words, so that what it reads is known before it runs.

/// A word of an expression, with its place in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'s> {
    pub(super) kind: Kind,
    pub(super) text: &'s str,
    pub(super) start: usize,
}

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name,
    /// With its quotation marks.
    Text,
    Number,
    /// Operators and brackets.
    Sign,
}

impl<'s> Token<'s> {
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(super) fn is(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        self.kind == Kind::Name && self.text == name
    }

    /// What stands between the quotation marks; `None` when anything in it is escaped.
    pub(super) fn plain_text(&self) -> Option<&'s str> {
        let inner = self.text.get(1..self.text.len().checked_sub(1)?)?;
        (self.kind == Kind::Text && !inner.contains('\\')).then_some(inner)
    }
}

/// The words of an expression. What the parser would refuse comes out as some sign.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = source.get(at..).and_then(|rest| rest.chars().next()) {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let rest = source.get(at..).unwrap_or_default();
        let after_dot = source.get(..at).is_some_and(|before| before.ends_with('.'));
        let (kind, length) = match c {
            '"' | '\'' => (Kind::Text, text_length(rest, c)),
            '0'..='9' => (Kind::Number, number_length(rest, after_dot)),
            '_' | 'a'..='z' | 'A'..='Z' => (Kind::Name, name_length(rest)),
            c => (Kind::Sign, sign_length(rest, c)),
        };
        tokens.push(Token {
            kind,
            text: rest.get(..length).unwrap_or(rest),
            start: at,
        });
        at += length;
    }
    tokens
}

fn text_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    rest.len()
}

fn name_length(rest: &str) -> usize {
    rest.bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
        .count()
}

/// Digits with what may stand among them. A number after a dot is an index and has no fraction.
fn number_length(rest: &str, after_dot: bool) -> usize {
    let bytes = rest.as_bytes();
    if let [b'0', b'x' | b'X' | b'b' | b'B' | b'o' | b'O', ..] = bytes {
        return 2 + name_length(rest.get(2..).unwrap_or_default());
    }
    let digit = |at: usize| {
        bytes
            .get(at)
            .is_some_and(|b| b.is_ascii_digit() || *b == b'_')
    };
    let digits = |mut at: usize| {
        while digit(at) {
            at += 1;
        }
        at
    };
    let mut at = digits(0);
    if bytes.get(at) == Some(&b'.') && !after_dot {
        let next = bytes.get(at + 1);
        let exponent = matches!(next, Some(b'e' | b'E'))
            && matches!(bytes.get(at + 2), Some(b'+' | b'-' | b'0'..=b'9'));
        let name = next.is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
        if !exponent && name {
            return at;
        }
        at = digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = digits(at);
    }
    at
}

fn sign_length(rest: &str, c: char) -> usize {
    const LONG: [&str; 6] = ["**", "//", "==", "!=", "<=", ">="];
    let long = LONG.iter().any(|sign| rest.starts_with(sign));
    if long { 2 } else { c.len_utf8() }
}
