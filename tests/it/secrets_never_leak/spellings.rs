//! Every way of writing a secret, and the search for all of them in whatever leaves the product.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use testkit::{Response, TestApp, logs};

/// Values that must be found nowhere, in no spelling.
pub(crate) struct Canaries {
    needles: Vec<(String, String)>,
}

impl Canaries {
    /// These values. No other test may use them: the log is that of the whole process.
    pub(crate) fn of(values: &[&str]) -> Self {
        let mut needles = Vec::new();
        for value in values {
            // Each also as it stands in a JSON document: an answer, a line of the log, a row.
            let mut add = |name: &str, spelling: String| {
                for spelling in [json_escaped(&spelling), spelling] {
                    if !needles.iter().any(|(_, known)| *known == spelling) {
                        needles.push((format!("{name} of {value:?}"), spelling));
                    }
                }
            };
            for (name, spelling) in plain(value) {
                add(name, spelling);
            }
            for core in base64_cores(value) {
                add("base64", core);
            }
        }
        Self { needles }
    }

    /// What the text holds, if it holds one.
    pub(crate) fn found(&self, text: &str) -> Option<&str> {
        self.first(text).map(|(name, _)| name)
    }

    fn first(&self, text: &str) -> Option<(&str, usize)> {
        self.needles.iter().find_map(|(name, spelling)| {
            let at = text.find(spelling.as_str())?;
            Some((name.as_str(), at))
        })
    }

    /// Insists that a text holds none.
    pub(crate) fn none_in(&self, what: &str, text: &str) {
        if let Some((found, at)) = self.first(text) {
            let from = text.floor_char_boundary(at.saturating_sub(600));
            let to = text.ceil_char_boundary((at + 600).min(text.len()));
            panic!("{what} holds the {found}: … {} …", &text[from..to]);
        }
    }

    /// Insists that an answer holds none: body and headers.
    pub(crate) fn none_in_answer(&self, what: &str, answer: &Response) {
        self.none_in(what, &answer.text());
        for (name, value) in answer.headers() {
            self.none_in(
                &format!("{what}: the header {name}"),
                &String::from_utf8_lossy(value.as_bytes()),
            );
        }
    }

    /// Insists that the database and the log hold none.
    pub(crate) fn none_left(&self, app: &TestApp) {
        let rows = rows(app);
        assert!(
            rows.contains("A tool of a test."),
            "the rows hold the tools"
        );
        self.none_in("a row", &rows);
        if let Some(dump) = dump(app) {
            assert!(
                dump.contains("A tool of a test."),
                "the dump holds the tools"
            );
            self.none_in("the dump", &dump);
        }
        self.none_in("the log", &logs::text());
    }
}

fn percent(text: &str, kept: &str, upper: bool) -> String {
    text.bytes()
        .map(|b| match b {
            b if b.is_ascii_alphanumeric() || kept.as_bytes().contains(&b) => {
                char::from(b).to_string()
            }
            b if upper => format!("%{b:02X}"),
            b => format!("%{b:02x}"),
        })
        .collect()
}

/// Percent-encoded as strictly as RFC 3986 has it.
pub(crate) fn strict(text: &str) -> String {
    percent(text, "-._~", true)
}

pub(crate) fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02x}")).collect()
}

pub(crate) fn json_escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

pub(crate) fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Base64 of text that holds the secret at any offset.
fn base64_of(text: &str) -> Vec<String> {
    ["", "x", "xx"]
        .into_iter()
        .map(|before| format!("{before}{text}"))
        .flat_map(|text| [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)])
        .collect()
}

/// The same without the characters that depend on what stands around the secret.
fn base64_cores(text: &str) -> Vec<String> {
    let mut cores = Vec::new();
    for (offset, from) in [(0, 0), (1, 2), (2, 3)] {
        let whole = (offset + text.len()) / 3 * 4;
        let before = &"xx"[..offset];
        for encoded in [
            STANDARD.encode(format!("{before}{text}")),
            URL_SAFE_NO_PAD.encode(format!("{before}{text}")),
        ] {
            cores.push(encoded[from..whole].to_owned());
        }
    }
    cores
}

fn plain(secret: &str) -> Vec<(&'static str, String)> {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    vec![
        ("raw form", secret.to_owned()),
        ("percent form (strict)", strict(secret)),
        ("percent form (lower case)", percent(secret, "-._~", false)),
        (
            "percent form (path)",
            percent(secret, "-._~!$&'()*+,;=:@/", true),
        ),
        ("form-urlencoded form", form),
        ("hex form", hex(secret)),
        ("upper-case hex form", hex(secret).to_uppercase()),
        ("JSON form", json_escaped(secret)),
        ("JSON-in-JSON form", json_escaped(&json_escaped(secret))),
        ("HTML form", html_escaped(secret)),
    ]
}

/// Every spelling that an upstream might send back.
pub(crate) fn spellings(secret: &str) -> Vec<String> {
    let plain = plain(secret).into_iter().map(|(_, spelling)| spelling);
    plain.chain(base64_of(secret)).collect()
}

/// All rows of all tables that are not Postgres' own, as text and as JSON.
pub(crate) fn rows(app: &TestApp) -> String {
    let tables = app.sql(
        "select format('%I.%I', schemaname, tablename) from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema')",
    );
    let mut rows = String::new();
    for table in tables.rows.iter().flatten().flatten() {
        let found = app.sql(&format!("select t::text, to_jsonb(t)::text from {table} t"));
        for value in found.rows.iter().flatten().flatten() {
            rows.push_str(value);
            rows.push('\n');
        }
    }
    rows
}

/// What `pg_dump` writes of the whole database; nothing where there is no such program (the fetched
/// binaries have none).
fn dump(app: &TestApp) -> Option<String> {
    let bin = std::process::Command::new("sh")
        .args([
            "-c",
            "command -v pg_dump || ls /usr/lib/postgresql/*/bin/pg_dump | tail -1",
        ])
        .output()
        .ok()?;
    let program = String::from_utf8_lossy(&bin.stdout).trim().to_owned();
    if program.is_empty() {
        return None;
    }
    let dumped = std::process::Command::new(program)
        .arg("--inserts")
        .arg(app.database().owner_url())
        .output()
        .ok()?;
    // Older than the server: not for this one.
    dumped
        .status
        .success()
        .then(|| String::from_utf8_lossy(&dumped.stdout).into_owned())
}
