//! JSONPath (RFC 9535) whose cost is bounded before a parser sees it.
//!
//! Short paths can be ruinous: brackets nested a thousand deep overflow the parser's stack,
//! `$[0,0][0,0]…` doubles with every pair, `$..*..*` multiplies the whole response with its depth,
//! and a filter that starts over at the root, or compiles a regular expression, does so for every
//! element. Such paths are refused with the reason; what is left is close to linear in the response.

use std::borrow::Cow;

use serde_json::Value;
use serde_json_path::JsonPath;

use crate::weight::{Budget, TooLarge};

/// Deepest nesting of brackets and parentheses.
pub const MAX_DEPTH: usize = 16;

/// Most selectors that one element may be visited by.
const MAX_SELECTORS: usize = 64;

/// A parsed and bounded JSONPath.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    path: JsonPath,
    multiple: bool,
    plain_start: Vec<String>,
}

impl Query {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let traits = Traits::of(text)?;
        traits.check()?;
        let path = JsonPath::parse(text).map_err(|error| {
            format!(
                "no JSONPath (RFC 9535): {} at byte {}",
                error.message(),
                error.position()
            )
        })?;
        Ok(Self {
            path,
            multiple: traits.multiple(),
            plain_start: plain_start(text),
        })
    }

    pub(super) fn is_multiple(&self) -> bool {
        self.multiple
    }

    pub(super) fn find<'v>(&self, value: &'v Value) -> Result<Option<Cow<'v, Value>>, TooLarge> {
        let nodes = self.path.query(value);
        if !self.multiple {
            return Ok(nodes.first().map(Cow::Borrowed));
        }
        // `$..*` finds a value again with everything that it stands in.
        let budget = Budget::full();
        nodes.iter().try_for_each(|node| budget.spend(node))?;
        Ok(Some(Cow::Owned(nodes.into_iter().cloned().collect())))
    }

    /// The names and indexes before the first part that may lead to several values.
    pub(super) fn plain_start(&self) -> &[String] {
        &self.plain_start
    }
}

/// Steps as a JSONPath: `$.items[0]['a key']`.
pub(super) fn written(steps: &[String]) -> String {
    let mut text = "$".to_owned();
    for step in steps {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if super::index(step).is_some() {
            text.push_str(&format!("[{step}]"));
        } else if step.bytes().all(plain) {
            text.push_str(&format!(".{step}"));
        } else {
            let escaped = step.replace('\\', "\\\\").replace('\'', "\\'");
            text.push_str(&format!("['{escaped}']"));
        }
    }
    text
}

/// What a scan outside of quoted names finds.
#[derive(Default)]
struct Traits {
    deepest: usize,
    descendants: usize,
    filters: usize,
    wildcards: usize,
    slices: usize,
    selectors: usize,
    inner_roots: usize,
    regexes: bool,
}

impl Traits {
    fn of(text: &str) -> Result<Self, String> {
        let mut found = Self {
            selectors: 1,
            ..Self::default()
        };
        let bytes = text.as_bytes();
        // Selectors of each open bracket; parentheses count none.
        let mut open: Vec<usize> = Vec::new();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'\'' | b'"' => at = quote_end(bytes, at).ok_or("a quoted name has no end")?,
                b'[' | b'(' => {
                    open.push(1);
                    found.deepest = found.deepest.max(open.len());
                }
                b']' | b')' => {
                    let selectors = open.pop().ok_or("a bracket is closed but not opened")?;
                    found.selectors = found.selectors.saturating_mul(selectors);
                }
                b',' => {
                    if let Some(selectors) = open.last_mut() {
                        *selectors += 1;
                    }
                }
                b'.' if bytes.get(at + 1) == Some(&b'.') => {
                    found.descendants += 1;
                    at += 1;
                }
                b'?' => found.filters += 1,
                b'*' => found.wildcards += 1,
                b':' => found.slices += 1,
                b'$' if at > 0 => found.inner_roots += 1,
                b'm' | b's' => {
                    let rest = &bytes[at..];
                    found.regexes |= rest.starts_with(b"match(") || rest.starts_with(b"search(");
                }
                _ => {}
            }
            at += 1;
        }
        if open.is_empty() {
            Ok(found)
        } else {
            Err("a bracket is not closed".to_owned())
        }
    }

    fn check(&self) -> Result<(), String> {
        let refusal = if self.deepest > MAX_DEPTH {
            format!("brackets are nested at most {MAX_DEPTH} deep")
        } else if self.selectors > MAX_SELECTORS {
            format!("the selectors of all brackets multiply to at most {MAX_SELECTORS}")
        } else if self.descendants > 1 {
            "`..` is used at most once".to_owned()
        } else if self.regexes {
            "match() and search() are not available in a path".to_owned()
        } else if self.inner_roots > 0
            && (self.filters > 1 || self.wildcards + self.descendants + self.slices > 0)
        {
            "a filter that uses `$` must name one value and stand alone".to_owned()
        } else if self.descendants > 0 && self.filters > 1 {
            "`..` goes with at most one filter".to_owned()
        } else {
            return Ok(());
        };
        Err(refusal)
    }

    fn multiple(&self) -> bool {
        self.descendants + self.filters + self.wildcards + self.slices > 0 || self.selectors > 1
    }
}

/// The index of the quote that ends the one at `start`.
fn quote_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' => at += 2,
            byte if byte == bytes[start] => return Some(at),
            _ => at += 1,
        }
    }
}

/// Leading `.name`, `['name']` and `[0]` of a well-formed path.
fn plain_start(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text.strip_prefix('$').unwrap_or(text);
    loop {
        let (name, after) = if let Some(inner) = rest.strip_prefix('[') {
            let Some(close) = inner.find(']') else { break };
            let (selector, after) = (inner[..close].trim(), &inner[close + 1..]);
            let quoted = ['\'', '"'].into_iter().find_map(|quote| {
                let name = selector.strip_prefix(quote)?.strip_suffix(quote)?;
                (!name.contains([quote, '\\'])).then_some(name)
            });
            let Some(name) = quoted.or(super::index(selector).map(|_| selector)) else {
                break;
            };
            (name, after)
        } else if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            if end == 0 || after.starts_with('*') {
                break;
            }
            after.split_at(end)
        } else {
            break;
        };
        names.push(name.to_owned());
        rest = after;
    }
    names
}
