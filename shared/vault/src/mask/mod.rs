//! Hides secret values in whatever leaves: outputs, errors, history, events, logs.
//!
//! A masker knows its secrets in every form in which an upstream or our own code may write them, and
//! finds all of them in one pass. What it finds becomes [`MASK`], whatever its length.

mod forms;

#[cfg(test)]
mod properties;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use self::forms::{Form, forms_of, forms_of_basic};

/// What stands where a secret stood.
pub const MASK: &str = "•••";

/// Finds the secrets of one call. Without secrets it costs nothing.
pub struct Masker {
    finder: Finder,
    /// Parts of JSON values that are too short to be searched for in texts: hidden where they are all of one.
    short: Vec<Zeroizing<String>>,
}

enum Finder {
    /// There are no secrets.
    Nothing,
    /// Finds these forms.
    Forms {
        automaton: AhoCorasick,
        forms: Vec<Edges>,
    },
    /// The automaton could not be built: hide every text rather than show a secret.
    Everything,
}

/// How far a form reaches beyond what is searched for.
#[derive(Clone, Copy)]
struct Edges {
    /// The character before holds bits of the secret (base64 at an odd offset).
    before: bool,
    /// The character behind does.
    after: bool,
    /// It is base64: padding behind it belongs to it.
    base64: bool,
}

impl Masker {
    /// A masker of these values. Values under 8 bytes are left out: they would eat innocent text, and
    /// the vault holds none. Of a value that is a JSON document, the texts inside are hidden as well.
    pub fn new(secrets: &[SecretString]) -> Self {
        Self::with_basic(secrets, &[])
    }

    /// The same, and hides the whole of `base64(user:password)` as HTTP Basic writes it, the user name too.
    pub fn with_basic(secrets: &[SecretString], pairs: &[(SecretString, SecretString)]) -> Self {
        let (mut forms, mut short): (Vec<Form>, _) = (Vec::new(), Vec::new());
        for secret in secrets {
            forms_of(secret.expose_secret(), &mut forms, &mut short);
        }
        for (user, password) in pairs {
            forms_of(password.expose_secret(), &mut forms, &mut short);
            forms_of_basic(user.expose_secret(), password.expose_secret(), &mut forms);
        }
        if forms.is_empty() {
            return Self::none();
        }
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            // Built for each call: the other kinds search faster, but take megabytes and milliseconds to build.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(forms.iter().map(|form| form.bytes.as_slice()));
        let finder = match built {
            Ok(automaton) => Finder::Forms {
                automaton,
                forms: forms.iter().map(|form| form.edges).collect(),
            },
            Err(error) => {
                tracing::error!(%error, "the masker could not be built: every text is hidden");
                Finder::Everything
            }
        };
        Self { finder, short }
    }

    /// A masker that hides nothing: for calls without secrets.
    pub const fn none() -> Self {
        Self {
            finder: Finder::Nothing,
            short: Vec::new(),
        }
    }

    /// Whether there is anything to hide.
    pub const fn is_idle(&self) -> bool {
        matches!(self.finder, Finder::Nothing)
    }

    /// The text without secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.beginning(text, text.len())
    }

    /// The first `limit` bytes of a text, cut at a character, without secrets. One that the cut goes
    /// through is hidden too: who cuts first leaves a part of it that no masker knows.
    pub fn beginning<'a>(&self, text: &'a str, limit: usize) -> Cow<'a, str> {
        let cut = text.floor_char_boundary(limit);
        let (automaton, forms) = match &self.finder {
            Finder::Nothing => return Cow::Borrowed(&text[..cut]),
            Finder::Everything => return Cow::Borrowed(MASK),
            Finder::Forms { automaton, forms } => (automaton, forms),
        };
        let mut spans = spans(automaton, forms, text);
        spans.retain(|span| span.start < cut);
        if spans.is_empty() {
            return Cow::Borrowed(&text[..cut]);
        }
        let mut masked = String::with_capacity(cut);
        let mut from = 0;
        for span in spans {
            masked.push_str(&text[from..span.start]);
            masked.push_str(MASK);
            from = span.end;
        }
        masked.push_str(text.get(from..cut).unwrap_or_default());
        Cow::Owned(masked)
    }

    /// Masks every string, every object key and every number of the value that holds a secret.
    pub fn value(&self, value: &mut Value) {
        if self.is_idle() {
            return;
        }
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                let text = number.to_string();
                if self.is_short(&text) {
                    *value = MASK.into();
                } else if let Cow::Owned(masked) = self.text(&text) {
                    *value = Value::String(masked);
                }
            }
            Value::String(text) if self.is_short(text) => MASK.clone_into(text),
            Value::String(text) => {
                if let Some(masked) = self.changed(text) {
                    *text = masked;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(map) => self.object(map),
        }
    }

    fn object(&self, map: &mut Map<String, Value>) {
        map.values_mut().for_each(|value| self.value(value));
        if map.keys().all(|key| self.changed(key).is_none()) {
            return;
        }
        let mut numbers = HashMap::new();
        for (key, value) in std::mem::take(map) {
            let key = self.changed(&key).unwrap_or(key);
            let key = unused(map, key, &mut numbers);
            map.insert(key, value);
        }
    }

    fn is_short(&self, text: &str) -> bool {
        self.short.iter().any(|short| short.as_str() == text)
    }

    /// The masked text, if masking changes it.
    fn changed(&self, text: &str) -> Option<String> {
        let masked = self.text(text);
        (masked != text).then(|| masked.into_owned())
    }
}

/// The key, or with a number behind it that makes it new: masking may make many keys alike. `numbers`
/// holds where to go on counting for each of them, or an answer full of the secret would take for ever.
fn unused(map: &Map<String, Value>, key: String, numbers: &mut HashMap<String, u64>) -> String {
    if !map.contains_key(&key) {
        return key;
    }
    let number = numbers.entry(key.clone()).or_insert(1);
    loop {
        *number += 1;
        let numbered = format!("{key} ({number})");
        if !map.contains_key(&numbered) {
            return numbered;
        }
    }
}

/// Where secrets stand: in order, apart from each other, on character borders.
///
/// All matches count, overlapping ones too: where two secrets share characters, none of either is left.
/// They come by their ends, so that only what they were joined to has to be kept.
fn spans(automaton: &AhoCorasick, forms: &[Edges], text: &str) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for hit in automaton.find_overlapping_iter(text) {
        let edges = forms.get(hit.pattern().as_usize());
        let mut span = edges.map_or(hit.range(), |edges| edges.extend(text, hit.range()));
        // Touching spans become one, so that the number of masks tells nothing either.
        while let Some(last) = joined.pop_if(|last| last.end >= span.start) {
            span = last.start.min(span.start)..last.end.max(span.end);
        }
        joined.push(span);
    }
    joined
}

impl Edges {
    /// A form that is what it is.
    const EXACT: Self = Self {
        before: false,
        after: false,
        base64: false,
    };

    fn extend(self, text: &str, hit: Range<usize>) -> Range<usize> {
        let bytes = text.as_bytes();
        let of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
        let (mut start, mut end) = (hit.start, hit.end);
        if self.before && start > 0 && of_base64(&bytes[start - 1]) {
            start -= 1;
        }
        if self.after && bytes.get(end).is_some_and(of_base64) {
            end += 1;
        }
        if self.base64 {
            end += bytes[end..]
                .iter()
                .take(2)
                .take_while(|b| **b == b'=')
                .count();
        }
        start..end
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masker(secrets: &[&str]) -> Masker {
        let secrets: Vec<SecretString> = secrets.iter().map(|s| SecretString::from(*s)).collect();
        Masker::new(&secrets)
    }

    #[test]
    fn hides_every_form_of_a_secret() {
        let masker = masker(&["p@ss word/+\"<1>&é"]);
        for text in [
            "p@ss word/+\"<1>&é",
            "p%40ss%20word%2F%2B%22%3C1%3E%26%C3%A9",
            "p%40ss+word%2f%2b%22%3c1%3e%26%c3%a9",
            "p@ss%20word/+%22%3C1%3E&%C3%A9",
            r#"p@ss word/+\"<1>&é"#,
            r#"p@ss word\/+\"\u003c1\u003e\u0026\u00e9"#,
            r#"p@ss word/+\"<1>&\u00E9"#,
            r#"p@ss word/\u002B\u0022\u003C1\u003E\u0026\u00E9"#,
            "p@ss word/+&quot;&lt;1&gt;&amp;é",
            "p@ss word/+&#34;&lt;1&gt;&amp;é",
            "cEBzcyB3b3JkLysiPDE+JsOp",
            "cEBzcyB3b3JkLysiPDE-JsOp",
            "70407373 ",
            "7040737320776f72642f2b223c313e26c3a9",
            "7040737320776F72642F2B223C313E26C3A9",
        ] {
            let masked = masker.text(text);
            match text.strip_suffix(' ') {
                // A part of a form is not the secret.
                Some(_) => assert_eq!(masked, text),
                None => assert_eq!(masked, MASK, "{text}"),
            }
        }
    }

    #[test]
    fn hides_the_basic_pair() {
        let user = || SecretString::from("alice");
        let password = || SecretString::from("hunter2-hunter2");
        // base64("alice:hunter2-hunter2")
        let header = "Basic YWxpY2U6aHVudGVyMi1odW50ZXIy!";
        let pair = Masker::with_basic(&[], &[(user(), password())]);
        assert_eq!(pair.text(header), "Basic •••!");
        assert_eq!(pair.text("hunter2-hunter2"), MASK);
        let alone = Masker::new(&[password()]);
        assert!(!alone.text(header).contains("aHVudGVyMi1odW50ZXIy"));
    }

    #[test]
    fn hides_what_stands_inside_a_json_value() {
        let masker = masker(&[
            r#"{"user": "u", "pass": "hunter2-hunter2", "pin": 4711, "n": {"keys": ["deep-inside-1"]}}"#,
        ]);
        for hidden in ["hunter2-hunter2", "deep-inside-1", "aHVudGVyMi1odW50ZXIy"] {
            assert_eq!(masker.text(hidden), MASK, "{hidden}");
        }
        // What is too short to be searched for is hidden where it is all of a value.
        let mut answer =
            json!({ "user": "u", "of": "unusual", "pin": 4711, "other": 47110, "u": true });
        masker.value(&mut answer);
        let expected =
            json!({ "user": MASK, "of": "unusual", "pin": MASK, "other": 47110, "u": true });
        assert_eq!(answer, expected);
    }

    #[test]
    fn a_json_value_of_any_depth_or_size_is_bearable() {
        let deep = "[".repeat(60_000);
        assert_eq!(masker(&[&deep]).text("innocent"), "innocent");
        let many: Vec<String> = (0..5_000).map(|n| format!("inner-{n:05}")).collect();
        let many = masker(&[&json!(many).to_string()]);
        assert_eq!(many.text("inner-04999"), MASK);
    }

    #[test]
    fn leaves_nothing_of_secrets_that_overlap() {
        let masker = masker(&["abcdefgh", "efghijkl", "abcdefghijklmnop"]);
        assert_eq!(masker.text("1abcdefghijkl2"), "1•••2");
        assert_eq!(masker.text("abcdefghijklmnopabcdefgh"), MASK);
    }

    #[test]
    fn hides_each_line_of_a_multi_line_value() {
        let pem = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\nAwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n-----END PRIVATE KEY-----\n";
        let masker = masker(&[pem]);
        assert_eq!(masker.text(pem), MASK);
        let windows = pem.replace('\n', "\r\n");
        assert!(!masker.text(&windows).contains("MIGHAgEA"));
        assert!(!masker.text(&windows).contains("AwEHBG0w"));
        assert_eq!(
            masker.text("-----BEGIN PRIVATE KEY-----"),
            "-----BEGIN PRIVATE KEY-----"
        );
    }

    #[test]
    fn hides_each_text_of_a_document_of_credentials() {
        let file = r#"{"user":"alice-of-the-api","keys":[{"key":"first\u002fsecret"},"short"],"n":12345678}"#;
        let masker = masker(&[file]);
        assert_eq!(masker.text(file), MASK);
        assert_eq!(
            masker.text("alice-of-the-api first/secret first%2Fsecret short 12345678"),
            "••• ••• ••• short •••"
        );
        assert!(Masker::new(&[SecretString::from("{not json")]).text("not json") == "not json");
    }

    #[test]
    fn masks_values_keys_and_numbers() {
        let masker = masker(&["secretsecret", "1234567890"]);
        let mut value = json!({
            "secretsecret": 1, "a": ["xsecretsecretx", {"c2VjcmV0c2VjcmV0": null}],
            "n": 1_234_567_890_u64, "m": 12, "secretsecret ": true, "z•••": "fine"
        });
        masker.value(&mut value);
        let expected = json!({
            "•••": 1, "a": ["x•••x", {"•••": null}], "n": "•••", "m": 12, "••• ": true, "z•••": "fine"
        });
        assert_eq!(value, expected);
        let mut twice = json!({"secretsecret": 1, "c2VjcmV0c2VjcmV0": 2});
        masker.value(&mut twice);
        assert_eq!(twice, json!({"•••": 1, "••• (2)": 2}));
    }

    #[test]
    fn keys_that_become_alike_are_numbered_without_starting_over() {
        let masker = masker(&["secretsecret"]);
        // Every key is the secret 16 times, in plain or hex: all become one mask.
        let key = |number: usize| -> String {
            let forms = ["secretsecret", "736563726574736563726574"];
            (0..16).map(|bit| forms[number >> bit & 1]).collect()
        };
        let all: Map<_, _> = (0..20_000)
            .map(|number| (key(number), number.into()))
            .collect();
        let mut value = Value::Object(all);
        masker.value(&mut value);
        assert_eq!(value.as_object().unwrap().len(), 20_000);
        assert_eq!(value["••• (20000)"], 19_999);
    }

    #[test]
    fn a_text_of_nothing_but_overlapping_secrets_is_one_mask() {
        let masker = masker(&["aaaaaaaa", "aaaaaaaaaaaa"]);
        assert_eq!(masker.text(&"a".repeat(100_000)), MASK);
        assert_eq!(masker.text(" aaaaaaaa aaaaaaaaa "), " ••• ••• ");
    }

    #[test]
    fn a_secret_that_is_cut_through_is_hidden() {
        let masker = masker(&["secretsecret"]);
        let text = "aä secretsecret bb";
        for (limit, left) in [
            (100, "aä ••• bb"),
            (17, "aä ••• "),
            (15, "aä •••"),
            (5, "aä •••"),
            (4, "aä "),
            (2, "a"),
            (0, ""),
        ] {
            assert_eq!(masker.beginning(text, limit), left, "{limit}");
        }
        assert_eq!(Masker::none().beginning(text, 2), "a");
    }

    #[test]
    fn is_idle_without_secrets() {
        for idle in [Masker::none(), masker(&[]), masker(&["short"])] {
            assert!(idle.is_idle());
            assert!(matches!(idle.text("short"), Cow::Borrowed("short")));
        }
        assert!(matches!(
            masker(&["secretsecret"]).text("none here"),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn hides_everything_when_it_cannot_search() {
        let blind = Masker {
            finder: Finder::Everything,
            short: Vec::new(),
        };
        assert_eq!(blind.text("anything"), MASK);
        let mut value = json!({"a": "b", "n": 1});
        blind.value(&mut value);
        assert_eq!(value["•••"], "•••");
    }
}
