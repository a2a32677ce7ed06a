//! An app at trace level, secrets of every use in it, and upstreams that tell back all that they are sent, in every way.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::logs::{self, Traced};
use testkit::upstream::{Captured, Certificate, Tls};
use testkit::{Answer, Dns, FakeUpstream, Persona, Reply, TestApp, ToolBuilder};

use super::spellings::{Canaries, html_escaped, rows, spellings, strict};

/// A host that has no address.
const NOWHERE: &str = "nowhere.example.com";

/// One way in which an upstream ends a call, and how the execution ends.
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) reply: Reply,
    change: Vec<(&'static str, Value)>,
    /// The failure's code; none: success.
    code: Option<&'static str>,
}

/// Everything for one test. Its thread's log is kept down to trace.
pub(super) struct Scene {
    pub(super) app: TestApp,
    pub(super) alice: Persona,
    pub(super) canaries: Canaries,
    values: Vec<String>,
    traced: Traced,
    codes: BTreeSet<String>,
    /// A foreign host that is allowed, but not to the secrets.
    other: FakeUpstream,
    tls: FakeUpstream,
    closed: String,
}

impl Scene {
    /// Starts everything and stores these secrets for the app's own upstream, for one that cannot be
    /// reached, and for `more` hosts. `values` are looked for, the secrets' and others'.
    pub(super) async fn with(
        secrets: &[(&str, &str)],
        values: &[&str],
        more: &[&FakeUpstream],
    ) -> Self {
        let traced = logs::trace_here();
        let other = FakeUpstream::start().await;
        let tls = FakeUpstream::start_tls(&Tls::new(Certificate::UnknownRoot)).await;
        let closed = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().to_string()
        };
        let mut setup = TestApp::setup()
            .dns(&Dns::new())
            .config(|config| config.public_url = Some("https://tools.example.com".to_owned()));
        for upstream in more.iter().copied().chain([&other, &tls]) {
            setup = setup.allow(&upstream.host_port());
        }
        let app = setup.allow(&closed).start().await;
        let alice = app.alice();
        let mut hosts = vec![
            app.upstream().host_port(),
            tls.host_port(),
            closed.clone(),
            NOWHERE.to_owned(),
        ];
        hosts.extend(more.iter().map(|upstream| upstream.host_port()));
        for (name, value) in secrets {
            let body = json!({ "name": name, "value": value, "allowed_hosts": hosts });
            let stored = alice.post("/api/v1/secrets", &body).await;
            assert_eq!(stored.status(), 201, "{}", stored.text());
        }
        let canaries = Canaries::of(values);
        Self {
            app,
            alice,
            canaries,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            traced,
            codes: BTreeSet::new(),
            other,
            tls,
            closed,
        }
    }

    /// Registers the tool, runs it, and looks at everything that is answered about it.
    pub(super) async fn runs(&mut self, tool: ToolBuilder, input: Value) -> Option<String> {
        let tool = self.alice.registers(tool).await;
        let preview = json!({ "input": input });
        let preview = self.alice.post(&tool.preview_path(), &preview).await;
        assert_eq!(preview.status(), 200, "{}: {}", tool.id, preview.text());
        self.canaries.none_in_answer(&tool.id, &preview);
        let response = self.alice.executes(&tool, input).await;
        self.canaries.none_in_answer(&tool.id, &response);
        let answer = response.json();
        let id = answer["execution_id"]
            .as_str()
            .unwrap_or_else(|| panic!("{}: {answer}", tool.id));
        let record = format!("/api/v1/executions/{id}");
        let record = self.app.viewer().get(&record).await;
        assert_eq!(record.status(), 200, "{}", record.text());
        self.canaries.none_in_answer(&tool.id, &record);
        let code = answer["error"]["code"].as_str().map(str::to_owned);
        self.codes.extend(code.clone());
        code
    }

    /// Runs `tool`, which names a path of the app's upstream, through every fault of an upstream and of the
    /// way to it.
    pub(super) async fn fails_in_every_way(&mut self, kind: &str, tool: &ToolBuilder) {
        for fault in self.faults() {
            let path = format!("/{kind}/{}", fault.name);
            self.app.upstream().on(&path, fault.reply);
            let mut tool = named(tool, kind, fault.name).set("/api/path", path);
            for (pointer, value) in fault.change {
                tool = tool.set(pointer, value);
            }
            let ended = self.runs(tool.clone(), json!({})).await;
            // What is no GET is not sent on, and its outcome may be unknown; that it fails is all that counts here.
            // An echo is no answer of GraphQL.
            match tool.document("")["api"]["method"].as_str() {
                Some("GET") => assert_eq!(ended.as_deref(), fault.code, "{kind}, {}", fault.name),
                _ => assert_eq!(
                    ended.is_some(),
                    fault.code.is_some() || kind == "graphql",
                    "{kind}, {}: {ended:?}",
                    fault.name
                ),
            }
        }
        for (name, url, code) in [
            (
                "closed",
                format!("http://{}", self.closed),
                "connect_failed",
            ),
            ("unresolved", format!("https://{NOWHERE}"), "connect_failed"),
            ("untrusted", self.tls.base_url(), "connect_failed"),
        ] {
            let tool = named(tool, kind, name).base_url(&url);
            let ended = self.runs(tool, json!({})).await;
            // What a person consented to goes to one host only.
            let code = if kind == "consent" {
                "egress_blocked"
            } else {
                code
            };
            assert_eq!(ended.as_deref(), Some(code), "{kind}, {name}");
        }
        assert!(self.other.requests().is_empty(), "a redirect was followed");
    }

    /// Every way in which a server fails, or answers well, while it tells all that came with the request.
    pub(super) fn faults(&self) -> Vec<Fault> {
        faults(&self.values, &self.other)
    }

    /// Insists that nothing is left of these either: what was made on the way and is as good as a secret.
    pub(super) fn none_left_of(&self, values: &[String]) {
        let places = [self.traced.text(), logs::text(), rows(&self.app)];
        for value in values {
            let found = places.iter().any(|place| place.contains(value.as_str()));
            assert!(!found, "{value} is left somewhere");
        }
    }

    /// Insists that every one of these codes occurred, and looks through everything that is left.
    pub(super) fn left_nothing(&self, codes: &[&str]) {
        for code in codes {
            assert!(
                self.codes.contains(*code),
                "{code} did not occur: {:?}",
                self.codes
            );
        }
        let trace = self.traced.text();
        assert!(trace.contains("\"level\":\"TRACE\""), "nothing was traced");
        self.canaries.none_in("the trace", &trace);
        self.canaries.none_left(&self.app);
    }
}

/// The tool under a name of its own, tried once.
fn named(tool: &ToolBuilder, kind: &str, name: &str) -> ToolBuilder {
    let id = format!("{kind}_{name}").replace('-', "_");
    tool.clone()
        .id(&id)
        .set("/retry", json!({ "max_attempts": 1 }))
}

/// All of a request, as an upstream that has read it may tell it: as it came, taken apart, and each of these values
/// that is in it in every spelling.
fn told(request: &Captured, values: &[String]) -> String {
    let mut told = vec![request.target.clone()];
    for (name, value) in &request.headers {
        told.push(format!("{name}: {value}"));
        // What Basic packs.
        let packed = value.strip_prefix("Basic ").unwrap_or_default();
        let unpacked = STANDARD.decode(packed).unwrap_or_default();
        told.push(String::from_utf8_lossy(&unpacked).into_owned());
    }
    told.extend(request.query().into_iter().map(|(_, value)| value));
    let form = url::form_urlencoded::parse(&request.body).into_owned();
    told.extend(form.flat_map(|(name, value)| [name, value]));
    if let Ok(body) = serde_json::from_slice::<Value>(&request.body) {
        texts(&body, &mut told);
    }
    told.push(String::from_utf8_lossy(&request.body).into_owned());
    let known = told.join(" | ");
    let received = values.iter().filter(|value| known.contains(value.as_str()));
    told.extend(received.flat_map(|value| spellings(value)));
    told.join(" | ").replace(['\r', '\n'], " ")
}

fn texts(value: &Value, texts_of: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => texts_of.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, texts_of)),
        Value::Object(members) => members.values().for_each(|item| texts(item, texts_of)),
    }
}

/// Every way in which an answer goes wrong, or well, while it tells all that came with the request.
fn faults(values: &[String], other: &FakeUpstream) -> Vec<Fault> {
    let values = values.to_vec();
    let elsewhere = format!("{}/?stolen=", other.base_url());
    let tells = |name, code, make: Box<dyn Fn(String) -> Reply + Send + Sync>| {
        let values = values.clone();
        Fault {
            name,
            code,
            change: Vec::new(),
            reply: Reply::made(move |request| make(told(request, &values))),
        }
    };
    let answers = |name, code, make: fn(String) -> Answer| {
        tells(name, code, Box::new(move |told| make(told).into()))
    };
    let raw = |name, code, make: fn(String) -> Reply| tells(name, code, Box::new(make));
    let mut faults = vec![
        Fault {
            name: "echo",
            reply: Reply::Echo,
            change: Vec::new(),
            code: None,
        },
        answers("json", None, |told| {
            Answer::json(&json!({ "t": told, "all": { told.clone(): [1] } }))
        }),
        answers("gzip", None, |told| {
            Answer::json(&json!({ "t": told })).gzipped()
        }),
        answers("header", None, |told| {
            Answer::json(&json!({})).header("X-Told", &strict(&told))
        }),
        answers("cookie", None, |told| {
            Answer::json(&json!({})).header("Set-Cookie", &format!("a={}", strict(&told)))
        }),
        answers("s401", Some("auth_failed"), |told| {
            Answer::text(&told).status(401)
        }),
        answers("s403", Some("auth_failed"), |told| {
            Answer::json(&json!({ "error": told })).status(403)
        }),
        answers("s404", Some("upstream_4xx"), |told| {
            Answer::text(&told).status(404)
        }),
        answers("s422", Some("upstream_4xx"), |told| {
            Answer::json(&json!({ "error": { "message": told, "code": told } })).status(422)
        }),
        answers("s429", Some("rate_limited"), |told| {
            Answer::text(&told).status(429)
        }),
        answers("s500", Some("upstream_5xx"), |told| {
            Answer::bytes("text/html", html_escaped(&told).into_bytes()).status(500)
        }),
        answers("s503", Some("upstream_5xx"), |told| {
            Answer::json(&json!([told])).gzipped().status(503)
        }),
        tells("away", Some("egress_blocked"), {
            Box::new(move |told| {
                Answer::redirect(302, &format!("{elsewhere}{}", strict(&told))).into()
            })
        }),
        answers("inside", Some("egress_blocked"), |told| {
            Answer::redirect(307, &format!("http://169.254.169.254/{}", strict(&told)))
        }),
        answers("scheme", Some("egress_blocked"), |told| {
            Answer::redirect(302, &format!("ftp://user:{}@example.com/", strict(&told)))
        }),
        raw("reason", Some("upstream_4xx"), |told| {
            Reply::Raw(format!("HTTP/1.1 404 {told}\r\nContent-Length: 0\r\n\r\n").into_bytes())
        }),
        raw("garbage", Some("invalid_response"), |told| {
            Reply::Raw(format!("{told}\r\n\r\n").into_bytes())
        }),
        raw("reset", Some("invalid_response"), |told| {
            Reply::Reset(
                format!(
                    "HTTP/1.1 200 OK\r\nX-T: {}\r\nContent-Length: 90\r\n\r\n",
                    strict(&told)
                )
                .into_bytes(),
            )
        }),
        answers("type", Some("invalid_response"), |told| {
            Answer::bytes(&format!("image/{}", strict(&told)), b"x".to_vec())
        }),
        answers("broken", Some("invalid_response"), |told| {
            Answer::bytes("application/json", format!("{{\"a\": {told}").into_bytes())
        }),
        answers("binary", Some("invalid_response"), |told| {
            Answer::bytes(
                "application/json",
                [&[0xff, 0xfe][..], told.as_bytes(), &[0xc3]].concat(),
            )
        }),
        answers("coding", Some("invalid_response"), |told| {
            Answer::text(&told).header("Content-Encoding", &strict(&told))
        }),
    ];
    let mut chunked = raw("chunked", None, in_chunks);
    chunked.change.push(("/response/format", json!("text")));
    faults.push(chunked);
    faults.extend(timeouts(&raw));
    faults.extend(read_otherwise(&answers));
    faults
}

/// As text in chunks of seven bytes: each secret stands in several.
#[allow(
    clippy::needless_pass_by_value,
    reason = "a reply is made of what was told"
)]
fn in_chunks(told: String) -> Reply {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut wire = head.as_bytes().to_vec();
    for chunk in told.as_bytes().chunks(7) {
        wire.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        wire.extend(chunk);
        wire.extend(b"\r\n");
    }
    wire.extend(b"0\r\n\r\n");
    Reply::Raw(wire)
}

type Raw<'a> = dyn Fn(&'static str, Option<&'static str>, fn(String) -> Reply) -> Fault + 'a;
type Answers<'a> = dyn Fn(&'static str, Option<&'static str>, fn(String) -> Answer) -> Fault + 'a;

fn timeouts(raw: &Raw<'_>) -> Vec<Fault> {
    let hurried = |mut fault: Fault| {
        fault.change.push(("/api/timeout_ms", json!(400)));
        fault
    };
    vec![
        hurried(raw("late", Some("timeout"), |_| Reply::Hang(Vec::new()))),
        hurried(raw("half", Some("timeout"), |told| {
            Reply::Hang(
                format!("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{told}").into_bytes(),
            )
        })),
    ]
}

/// What tools make of answers that tell it in other formats, or as the error inside of a success.
fn read_otherwise(answers: &Answers<'_>) -> Vec<Fault> {
    let with = |mut fault: Fault, change: &[(&'static str, Value)]| {
        fault.change.extend_from_slice(change);
        fault
    };
    let priced = json!({ "type": "object", "properties": { "price": { "type": "number" } }, "required": ["price"] });
    let strictly = ("/output/validation", json!("strict"));
    let text = [("/response/format", json!("text"))];
    let failing = json!([{ "when": { "path": "error.code", "exists": true }, "code": "told",
                           "message_from": "error.message", "hint": "Ask them." }]);
    vec![
        with(answers("text", None, |told| Answer::text(&told)), &text),
        with(
            answers("binary-text", None, |told| {
                Answer::bytes("text/plain; charset=latin1", told.as_bytes().to_vec())
            }),
            &text,
        ),
        with(
            answers("xml", None, |told| {
                let told = html_escaped(&told);
                Answer::bytes(
                    "application/xml",
                    format!("<r a=\"{told}\"><k>{told}</k></r>").into_bytes(),
                )
            }),
            &[("/response/format", json!("xml"))],
        ),
        with(
            answers("csv", None, |told| {
                let told = told.replace('"', "\"\"");
                Answer::bytes("text/csv", format!("a,b\n1,\"{told}\"\n").into_bytes())
            }),
            &[("/response/format", json!("csv"))],
        ),
        with(
            answers("ndjson", None, |told| {
                let line = json!({ "t": told });
                Answer::bytes(
                    "application/x-ndjson",
                    format!("{line}\n{line}\n").into_bytes(),
                )
            }),
            &[("/response/format", json!("ndjson"))],
        ),
        with(
            answers("unmapped", Some("mapping_failed"), |told| {
                Answer::json(&json!({ told.clone(): 1, "t": told }))
            }),
            &[
                ("/output_schema", priced.clone()),
                (
                    "/mapping",
                    json!({ "response_to_output": { "price": "prise" } }),
                ),
                strictly.clone(),
            ],
        ),
        with(
            answers("unfit", Some("mapping_failed"), |told| {
                Answer::json(&json!({ "price": told }))
            }),
            &[
                ("/output_schema", priced),
                (
                    "/mapping",
                    json!({ "response_to_output": { "price": "price" } }),
                ),
                strictly.clone(),
            ],
        ),
        with(
            answers("invalid", Some("output_invalid"), |told| {
                Answer::json(&json!({ "price": told, told.clone(): 1 }))
            }),
            &[
                (
                    "/output_schema",
                    json!({ "type": "object", "properties": { "price": { "enum": ["cheap"] } },
                                           "additionalProperties": false }),
                ),
                strictly,
            ],
        ),
        with(
            answers("large", Some("response_too_large"), |told| {
                Answer::json(&json!({ "t": told.repeat(20) }))
            }),
            &[("/api/max_response_bytes", json!(1024))],
        ),
        with(
            answers("told", Some("upstream_error"), |told| {
                Answer::json(&json!({ "ok": false, "error": { "code": told, "message": told } }))
            }),
            &[("/response/errors", failing.clone())],
        ),
        with(
            answers("told-404", Some("upstream_4xx"), |told| {
                Answer::json(&json!({ "error": { "code": 7, "message": told } })).status(404)
            }),
            &[("/response/errors", failing)],
        ),
        with(
            answers("unwell", Some("upstream_error"), |told| {
                Answer::json(&json!({ "ok": false, "why": told }))
            }),
            &[(
                "/response/success_when",
                json!({ "path": "ok", "equals": true }),
            )],
        ),
    ]
}
