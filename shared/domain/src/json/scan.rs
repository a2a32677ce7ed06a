//! One pass over JSON text before it is parsed: measures depth and finds what a parser would change.

use std::borrow::Cow;

/// Why a stretch of the text cannot be parsed as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number that fits neither 64 bits nor a double.
    BigNumber,
    /// An escape of half a surrogate pair.
    LoneSurrogate,
}

/// A stretch of the text that would be read wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// Its kind.
    pub(super) kind: Kind,
    /// First byte.
    pub(super) from: usize,
    /// Byte after the last.
    pub(super) to: usize,
}

/// What the pass found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Stretches that would be read wrongly, in order.
    pub(super) edits: Vec<Edit>,
    /// Where the first `\u0000` stands.
    pub(super) nul: Option<usize>,
}

impl Scan {
    /// Walks over the text, at most `max_depth` levels deep. It need not be JSON: whatever is malformed is left to the parser.
    ///
    /// # Errors
    /// The byte at which the nesting becomes too deep.
    pub(super) fn run(text: &str, max_depth: usize) -> Result<Self, usize> {
        let bytes = text.as_bytes();
        let mut scan = Self::default();
        let (mut at, mut depth) = (0, 0_usize);
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => at = scan.string(bytes, at + 1),
                b'[' | b'{' => {
                    depth += 1;
                    if depth > max_depth {
                        return Err(at);
                    }
                    at += 1;
                }
                b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    at += 1;
                }
                b'-' | b'0'..=b'9' => at = scan.number(text, at),
                _ => at += 1,
            }
        }
        Ok(scan)
    }

    /// Skips a string whose first byte is at `at`; answers the byte after its closing quote.
    fn string(&mut self, bytes: &[u8], mut at: usize) -> usize {
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => return at + 1,
                b'\\' if bytes.get(at + 1) == Some(&b'u') => at = self.escape(bytes, at),
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        at
    }

    /// Judges the `\uHHHH` at `at`; answers the byte after it (after both halves of a pair).
    fn escape(&mut self, bytes: &[u8], at: usize) -> usize {
        let Some(unit) = hex4(bytes, at + 2) else {
            return at + 2;
        };
        let to = at + 6;
        match unit {
            0 => {
                self.nul.get_or_insert(at);
            }
            0xd800..=0xdbff => {
                let low = (bytes.get(to..to + 2) == Some(b"\\u"))
                    .then(|| hex4(bytes, to + 2))
                    .flatten();
                if low.is_some_and(|low| (0xdc00..=0xdfff).contains(&low)) {
                    return to + 6;
                }
                self.push(Kind::LoneSurrogate, at, to);
            }
            0xdc00..=0xdfff => self.push(Kind::LoneSurrogate, at, to),
            _ => {}
        }
        to
    }

    /// Judges the number that begins at `at`; answers the byte after it.
    fn number(&mut self, text: &str, at: usize) -> usize {
        let bytes = text.as_bytes();
        let mut to = at;
        let (mut digits, mut integer) = (0, true);
        while let Some(byte) = bytes.get(to) {
            match byte {
                b'0'..=b'9' => digits += 1,
                b'-' | b'+' => {}
                b'.' | b'e' | b'E' => integer = false,
                _ => break,
            }
            to += 1;
        }
        let Some(token) = text.get(at..to) else {
            return to;
        };
        let big = if integer {
            // 18 digits always fit.
            digits > 18 && well_formed(token) && !fits_64_bits(token)
        } else {
            well_formed(token) && token.parse::<f64>().is_ok_and(f64::is_infinite)
        };
        if big {
            self.push(Kind::BigNumber, at, to);
        }
        to
    }

    fn push(&mut self, kind: Kind, from: usize, to: usize) {
        self.edits.push(Edit { kind, from, to });
    }

    /// The text with big numbers quoted and lone surrogates replaced.
    pub(super) fn mended<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.edits.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut mended = String::with_capacity(text.len() + 2 * self.edits.len());
        let mut done = 0;
        for edit in &self.edits {
            mended.push_str(text.get(done..edit.from).unwrap_or_default());
            match edit.kind {
                Kind::BigNumber => {
                    mended.push('"');
                    mended.push_str(text.get(edit.from..edit.to).unwrap_or_default());
                    mended.push('"');
                }
                Kind::LoneSurrogate => mended.push('\u{fffd}'),
            }
            done = edit.to;
        }
        mended.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(mended)
    }
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |unit, byte| {
        char::from(*byte)
            .to_digit(16)
            .map(|digit| unit * 16 + digit)
    })
}

fn fits_64_bits(token: &str) -> bool {
    token.parse::<u64>().is_ok() || token.parse::<i64>().is_ok()
}

/// Whether the token obeys JSON's grammar of numbers: only then may it be quoted.
fn well_formed(token: &str) -> bool {
    let rest = token.strip_prefix('-').unwrap_or(token);
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}
