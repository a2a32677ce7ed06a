//! Arithmetic as people write it, read and computed in one pass; pure, and bounded in depth.
//!
//! From weak to strong: `+ -`, then `* / %`, then a sign, then `^`, which is read from the right: `-2^2` is -4 and
//! `2^3^2` is 512, as in mathematics.

use std::f64::consts::{E, PI};

/// Parentheses, signs and powers inside one another at most.
const MAX_DEPTH: u32 = 100;

/// The value of an expression; it may be no finite number.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub(super) fn value(text: &str) -> Result<f64, String> {
    let mut reader = Reader {
        rest: text,
        depth: 0,
    };
    let value = reader.sum()?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.unexpected()),
    }
}

struct Reader<'t> {
    rest: &'t str,
    depth: u32,
}

impl<'t> Reader<'t> {
    fn sum(&mut self) -> Result<f64, String> {
        let mut value = self.product()?;
        loop {
            if self.took('+') {
                value += self.product()?;
            } else if self.took('-') {
                value -= self.product()?;
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.signed()?;
        loop {
            if self.took('*') {
                value *= self.signed()?;
            } else if self.took('/') {
                value /= self.signed()?;
            } else if self.took('%') {
                value %= self.signed()?;
            } else {
                return Ok(value);
            }
        }
    }

    fn signed(&mut self) -> Result<f64, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("It nests deeper than {MAX_DEPTH} levels."));
        }
        let value = if self.took('-') {
            -self.signed()?
        } else if self.took('+') {
            self.signed()?
        } else {
            let base = self.atom()?;
            if self.took('^') {
                base.powf(self.signed()?)
            } else {
                base
            }
        };
        self.depth -= 1;
        Ok(value)
    }

    fn atom(&mut self) -> Result<f64, String> {
        if self.took('(') {
            let value = self.sum()?;
            return self.closed().map(|()| value);
        }
        match self.peek() {
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.named(),
            Some(_) | None => Err(self.unexpected()),
        }
    }

    fn number(&mut self) -> Result<f64, String> {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| {
            let rest = bytes.get(from..).unwrap_or_default();
            from + rest.iter().take_while(|b| b.is_ascii_digit()).count()
        };
        let mut end = digits(0);
        if bytes.get(end) == Some(&b'.') {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            if exponent > end + 1 + sign {
                end = exponent;
            }
        }
        let text = self.take(end);
        text.parse().map_err(|_| format!("{text:?} is no number."))
    }

    fn named(&mut self) -> Result<f64, String> {
        let end = self
            .rest
            .bytes()
            .take_while(u8::is_ascii_alphanumeric)
            .count();
        let name = self.take(end);
        if !self.took('(') {
            return match name {
                "pi" | "PI" => Ok(PI),
                "e" | "E" => Ok(E),
                _ => Err(format!(
                    "{name:?} is neither a constant nor a function with its (…)."
                )),
            };
        }
        let mut arguments = vec![self.sum()?];
        while self.took(',') {
            arguments.push(self.sum()?);
        }
        self.closed()?;
        apply(name, &arguments)
    }

    fn closed(&mut self) -> Result<(), String> {
        if self.took(')') {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn took(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn take(&mut self, end: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn unexpected(&mut self) -> String {
        match self.peek() {
            Some(c) => format!("{c:?} is not expected there."),
            None => "It ends too early.".to_owned(),
        }
    }
}

fn apply(name: &str, arguments: &[f64]) -> Result<f64, String> {
    match name {
        "min" => return Ok(arguments.iter().copied().fold(f64::INFINITY, f64::min)),
        "max" => return Ok(arguments.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        _ => {}
    }
    let function: fn(f64) -> f64 = match name {
        "sqrt" => f64::sqrt,
        "abs" => f64::abs,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "floor" => f64::floor,
        "ceil" => f64::ceil,
        "round" => f64::round,
        "trunc" => f64::trunc,
        _ => return Err(format!("There is no function {name:?}.")),
    };
    match arguments {
        [argument] => Ok(function(*argument)),
        _ => Err(format!("{name:?} takes one number.")),
    }
}
