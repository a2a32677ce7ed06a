//! The forms in which a secret may be written. Pure.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;
use zeroize::Zeroizing;

use super::Edges;

/// Shorter values are not searched for.
const MIN_BYTES: usize = 8;

/// Lines of a multi-line value are searched for alone when they have at least this many bytes.
const MIN_LINE_BYTES: usize = 16;

/// Longer values are searched for in their common forms only, to bound the automaton.
const MANY_FORMS_UP_TO: usize = 8 * 1024;

/// Of the texts inside a JSON value, so many are searched for in all forms; the others as they are.
const MANY_FORMS_OF: usize = 64;

/// Punctuation that the ways of percent-encoding leave alone, from the strictest to the most lenient:
/// RFC 3986's unreserved characters; `encodeURIComponent`; forms; user info; path segments; queries;
/// `encodeURI`; paths of lenient URL parsers; nothing but letters and digits.
const KEPT: [&[u8]; 9] = [
    b"-._~",
    b"-._~!*'()",
    b"-._*",
    b"-._~!$&'()*+,;",
    b"-._~!$&'()*+,;=:@",
    b"-._~!$&'()*+,;=:@/?",
    b"-._~!$&'()*+,;=:@/?#",
    b"-._~!$&'()*+,;=:@/[]|\\^",
    b"",
];

/// One form of a secret.
pub(super) struct Form {
    /// What is searched for.
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// How far it reaches beyond that.
    pub(super) edges: Edges,
}

/// Adds all forms of a value, and of the texts and numbers inside when it is a JSON document. Those that are too
/// short to be searched for are added to `short`.
pub(super) fn forms_of(value: &str, forms: &mut Vec<Form>, short: &mut Vec<Zeroizing<String>>) {
    plain(value, forms);
    for (at, inner) in inside(value).into_iter().enumerate() {
        match inner.len() {
            0 => {}
            1..MIN_BYTES => short.push(inner),
            _ if at < MANY_FORMS_OF => plain(&inner, forms),
            _ => List::over(forms).exact(inner.as_bytes().to_vec()),
        }
    }
}

/// The texts and numbers inside a JSON document: `{"user": "…", "password": "…"}`, a service account's key file.
fn inside(value: &str) -> Vec<Zeroizing<String>> {
    let mut found = Vec::new();
    if value.trim_start().starts_with(['{', '[']) {
        // Bounded in its depth; what it refuses is no document that anybody reads back.
        if let Ok(document) = domain::json::parse_request(value.as_bytes()) {
            leaves(document, &mut found);
        }
    }
    found
}

fn leaves(document: Value, found: &mut Vec<Zeroizing<String>>) {
    match document {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => found.push(Zeroizing::new(number.to_string())),
        Value::String(text) => found.push(Zeroizing::new(text)),
        Value::Array(items) => items.into_iter().for_each(|item| leaves(item, found)),
        Value::Object(members) => {
            for (_, member) in members {
                leaves(member, found);
            }
        }
    }
}

fn plain(value: &str, forms: &mut Vec<Form>) {
    if value.len() < MIN_BYTES {
        return;
    }
    whole(value, forms);
    if value.contains('\n') {
        let telling = |line: &&str| line.len() >= MIN_LINE_BYTES && !line.starts_with("-----");
        for line in value.lines().filter(telling) {
            whole(line, forms);
        }
    }
}

/// Adds the forms of `base64(user:password)`.
pub(super) fn forms_of_basic(user: &str, password: &str, forms: &mut Vec<Form>) {
    if password.len() < MIN_BYTES {
        return;
    }
    let pair = Zeroizing::new(format!("{user}:{password}"));
    let mut list = List::over(forms);
    base64_forms(pair.as_bytes(), &mut list);
}

/// The forms of one value, none of them twice.
struct List<'a> {
    forms: &'a mut Vec<Form>,
    /// Where this value's forms begin.
    first: usize,
}

impl<'a> List<'a> {
    fn over(forms: &'a mut Vec<Form>) -> Self {
        Self {
            first: forms.len(),
            forms,
        }
    }

    fn add(&mut self, bytes: Vec<u8>, edges: Edges) {
        let bytes = Zeroizing::new(bytes);
        if !self.forms[self.first..]
            .iter()
            .any(|form| form.bytes == bytes)
        {
            self.forms.push(Form { bytes, edges });
        }
    }

    fn exact(&mut self, bytes: Vec<u8>) {
        self.add(bytes, Edges::EXACT);
    }
}

fn whole(value: &str, forms: &mut Vec<Form>) {
    let list = &mut List::over(forms);
    let bytes = value.as_bytes();
    let every_form = bytes.len() <= MANY_FORMS_UP_TO;
    list.exact(bytes.to_vec());
    for upper in [false, true] {
        list.exact(hex(bytes, upper));
    }
    base64_forms(bytes, list);
    let kept = if every_form { &KEPT[..] } else { &KEPT[..3] };
    for kept in kept {
        for upper in [false, true] {
            list.exact(percent(bytes, kept, upper, false));
            list.exact(percent(bytes, kept, upper, true));
        }
    }
    if every_form {
        for upper in [false, true] {
            list.exact(bytes.iter().flat_map(|b| percent_byte(*b, upper)).collect());
        }
    }
    json_forms(value, every_form, list);
    html_forms(value, list);
}

fn hex_digit(value: u8, upper: bool) -> u8 {
    match (value, upper) {
        (0..=9, _) => b'0' + value,
        (_, false) => b'a' + (value - 10),
        (_, true) => b'A' + (value - 10),
    }
}

fn hex(bytes: &[u8], upper: bool) -> Vec<u8> {
    bytes
        .iter()
        .flat_map(|b| [hex_digit(b >> 4, upper), hex_digit(b & 15, upper)])
        .collect()
}

fn percent_byte(byte: u8, upper: bool) -> [u8; 3] {
    [
        b'%',
        hex_digit(byte >> 4, upper),
        hex_digit(byte & 15, upper),
    ]
}

/// Percent-encoded but for letters, digits and what is kept; a space as `+` when so wanted.
fn percent(bytes: &[u8], kept: &[u8], upper: bool, plus: bool) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || kept.contains(byte) {
            encoded.push(*byte);
        } else if plus && *byte == b' ' {
            encoded.push(b'+');
        } else {
            encoded.extend(percent_byte(*byte, upper));
        }
    }
    encoded
}

/// base64 and base64url wherever the value stands in what is encoded: the characters that the value
/// alone decides, for each of the three offsets. Characters that a neighbour shares are its edges.
fn base64_forms(bytes: &[u8], list: &mut List<'_>) {
    for offset in 0..3_usize {
        let mut shifted = Zeroizing::new(vec![0_u8; offset]);
        shifted.extend_from_slice(bytes);
        // Each character is 6 bits: the first that holds nothing of what is before, the last that is full.
        let first = (offset * 8).div_ceil(6);
        let full = shifted.len() * 8 / 6;
        let edges = Edges {
            before: !(offset * 8).is_multiple_of(6),
            after: !(shifted.len() * 8).is_multiple_of(6),
            base64: true,
        };
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let encoded = Zeroizing::new(engine.encode(shifted.as_slice()).into_bytes());
            let Some(own) = encoded
                .get(first..full)
                .filter(|own| own.len() >= MIN_BYTES)
            else {
                continue;
            };
            list.add(own.to_vec(), edges);
            // As it stands in a query.
            for upper in [false, true] {
                list.add(percent(own, KEPT[0], upper, false), edges);
            }
        }
    }
}

/// Characters that JSON writers write as numbers although they need not: none; those that are markup
/// (Go, Rails); those and quotes (.NET, PHP).
const NUMBERED: [&[char]; 3] = [
    &[],
    &['<', '>', '&', '\u{2028}', '\u{2029}'],
    &['<', '>', '&', '\'', '"', '+', '`', '\u{2028}', '\u{2029}'],
];

/// How a JSON writer escapes beyond what it must.
#[derive(Clone, Copy)]
struct JsonStyle {
    slash: bool,
    ascii: bool,
    upper: bool,
    numbered: &'static [char],
}

fn json_forms(value: &str, every_form: bool, list: &mut List<'_>) {
    let choices: &[bool] = if every_form { &[false, true] } else { &[false] };
    for &slash in choices {
        for &ascii in choices {
            for &upper in choices {
                for numbered in NUMBERED {
                    let style = JsonStyle {
                        slash,
                        ascii,
                        upper,
                        numbered,
                    };
                    let once = json(value, style);
                    // JSON inside a text of JSON, as errors that quote a request hold it.
                    if let Some(once) = std::str::from_utf8(&once)
                        .ok()
                        .filter(|once| *once != value)
                    {
                        list.exact(json(once, style));
                    }
                    list.exact(once);
                }
            }
        }
    }
}

fn json(value: &str, style: JsonStyle) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(value.len() + 16);
    for c in value.chars() {
        let short = match c {
            _ if style.numbered.contains(&c) => None,
            '"' => Some(b'"'),
            '\\' => Some(b'\\'),
            '\n' => Some(b'n'),
            '\r' => Some(b'r'),
            '\t' => Some(b't'),
            '\u{8}' => Some(b'b'),
            '\u{c}' => Some(b'f'),
            '/' if style.slash => Some(b'/'),
            _ => None,
        };
        let by_number =
            c.is_ascii_control() || style.ascii && !c.is_ascii() || style.numbered.contains(&c);
        if let Some(letter) = short {
            escaped.extend([b'\\', letter]);
        } else if by_number {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.extend(b"\\u");
                escaped.extend(hex(&unit.to_be_bytes(), style.upper));
            }
        } else {
            escaped.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    escaped
}

/// How HTML and XML writers name quotes and more, each with its own habits.
fn html_forms(value: &str, list: &mut List<'_>) {
    const HABITS: [&[(char, &str)]; 6] = [
        &[],
        &[('"', "&quot;")],
        &[('"', "&quot;"), ('\'', "&#39;")],
        &[('"', "&#34;"), ('\'', "&#39;")],
        &[('"', "&quot;"), ('\'', "&apos;")],
        &[('"', "&quot;"), ('\'', "&#x27;")],
    ];
    const WITH_MORE: [(char, &str); 3] = [('/', "&#x2F;"), ('`', "&#x60;"), ('=', "&#x3D;")];
    for habit in HABITS {
        for more in [&[][..], &WITH_MORE[..1], &WITH_MORE] {
            let mut escaped = Zeroizing::new(String::with_capacity(value.len() + 16));
            for c in value.chars() {
                let named = match c {
                    '&' => Some("&amp;"),
                    '<' => Some("&lt;"),
                    '>' => Some("&gt;"),
                    _ => habit
                        .iter()
                        .chain(more)
                        .find(|(other, _)| *other == c)
                        .map(|(_, name)| *name),
                };
                match named {
                    Some(name) => escaped.push_str(name),
                    None => escaped.push(c),
                }
            }
            list.exact(escaped.as_bytes().to_vec());
        }
    }
}
