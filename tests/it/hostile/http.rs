//! Upstreams that break HTTP, stall, flood or lie: each ends in one typed failure, within its deadline.

use serde_json::{Value, json};
use testkit::upstream::{Answer, Blackhole, Certificate, FakeUpstream, Reply, Tls};

use super::{Case, Rig, cases};

/// What an execution against a hostile upstream must end in.
enum Ends {
    /// `success: true`; the output, where it is given, is exactly this.
    Well(Option<Value>),
    /// One of these failure codes.
    In(&'static [&'static str]),
}

/// One upstream, the change it asks of the tool, and how the call ends.
struct Scene {
    upstream: FakeUpstream,
    change: Value,
    ends: Ends,
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

fn raw(text: impl AsRef<str>) -> Reply {
    Reply::Raw(text.as_ref().as_bytes().to_vec())
}

fn answer(body: &str) -> Answer {
    Answer::bytes("application/json", body.as_bytes().to_vec())
}

fn hex_body(case: &Case) -> Vec<u8> {
    super::bytes_of_hex(case.payload["upstream"]["body_hex"].as_str().unwrap())
}

/// The reactions in turn, and how the call ends.
fn script(case: &Case) -> (Vec<Reply>, Ends) {
    const BROKEN: Ends = Ends::In(&["invalid_response"]);
    let late = Ends::In(&["timeout"]);
    let (reply, ends) = match case.id.as_str() {
        "http-006" => (
            answer("{}").header("Content-Encoding", "foo").into(),
            BROKEN,
        ),
        "http-007" => (
            answer("{}").header("Content-Encoding", "gzip").into(),
            BROKEN,
        ),
        "http-009" => (
            Reply::Endless {
                start: format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n").into_bytes(),
                repeat: format!("1000\r\n{}\r\n", " ".repeat(0x1000)).into_bytes(),
            },
            Ends::In(&["response_too_large"]),
        ),
        "http-014" => (
            raw(format!("{HEAD}Content-Length: 100\r\n\r\n{{}}")),
            BROKEN,
        ),
        "http-017" => (raw(format!("{HEAD}Content-Length: -1\r\n\r\n{{}}")), BROKEN),
        "http-018" => (
            raw(format!(
                "{HEAD}Transfer-Encoding: chunked\r\n\r\nzzz\r\n{{}}"
            )),
            BROKEN,
        ),
        "http-021" => (Reply::Hang(Vec::new()), late),
        "http-022" => (
            Reply::Drip(HEAD.as_bytes().to_vec()),
            Ends::In(&["timeout", "invalid_response"]),
        ),
        "http-024" => (
            Reply::Hang(format!("{HEAD}Content-Length: 9\r\n\r\n").into_bytes()),
            late,
        ),
        "http-026" => (
            Reply::ResetOnAccept,
            Ends::In(&["connect_failed", "invalid_response"]),
        ),
        "http-027" => (
            Reply::Reset(format!("{HEAD}Content-Length: 100\r\n\r\n{{").into_bytes()),
            Ends::In(&["invalid_response", "connect_failed"]),
        ),
        "http-030" => (
            Reply::Endless {
                start: Vec::new(),
                repeat: b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
            },
            Ends::In(&["timeout", "invalid_response"]),
        ),
        "http-031" => (
            raw("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100_000)),
            Ends::In(&["timeout", "invalid_response"]),
        ),
        "http-032" => (
            raw("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
            BROKEN,
        ),
        "http-033" => (
            raw("HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"),
            BROKEN,
        ),
        "http-034" => (
            raw("HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n"),
            BROKEN,
        ),
        "http-035" => (raw("hello\r\n\r\n"), BROKEN),
        "http-036" => (raw("<html>"), BROKEN),
        "http-039" => (
            raw(format!("{HEAD}{}\r\n{{}}", "X-A: a\r\n".repeat(10_000))),
            BROKEN,
        ),
        "http-041" => (answer("{}").header("X-A", "a").into(), Ends::Well(None)),
        "http-043" => (raw("HTTP/1.1 204 No Content\r\n\r\nx"), Ends::Well(None)),
        "http-046" | "http-058" => (
            Answer::bytes("application/json", hex_body(case)).into(),
            BROKEN,
        ),
        "http-047" => (answer("\u{feff}{}").into(), Ends::Well(None)),
        "http-050" => (answer(r#"{"a":NaN}"#).into(), BROKEN),
        "http-051" => (
            answer(r#"{"a":1e400}"#).into(),
            Ends::Well(Some(json!({ "a": "1e400" }))),
        ),
        "http-052" => (
            answer(r#"{"a":18446744073709551616}"#).into(),
            Ends::Well(Some(json!({ "a": "18446744073709551616" }))),
        ),
        "http-055" => (answer("{}{}").into(), BROKEN),
        "http-059" => (
            Answer::bytes("application/json; charset=utf-16", hex_body(case)).into(),
            BROKEN,
        ),
        "http-061" => (
            Reply::Endless {
                start: b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n".to_vec(),
                repeat: b"data: x\n\n".to_vec(),
            },
            Ends::In(&["timeout", "response_too_large", "invalid_response"]),
        ),
        "http-063" => (
            Answer::bytes("multipart/mixed; boundary=x", b"--x--".to_vec()).into(),
            BROKEN,
        ),
        "http-066" => (answer("{}").into(), Ends::In(&["mapping_failed"])),
        // The client offers no HTTP/2, so these frames are an answer that is no HTTP.
        "http-074" => (
            Reply::Raw(vec![0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            BROKEN,
        ),
        "http-075" => (
            Reply::Raw([0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8].repeat(1000)),
            BROKEN,
        ),
        "http-076" => (
            Reply::Raw([0, 0, 1, 9, 0, 0, 0, 0, 1, 0].repeat(1000)),
            BROKEN,
        ),
        "http-079" => (
            answer("{}").status(429).header("Retry-After", "1").into(),
            Ends::In(&["rate_limited"]),
        ),
        "http-080" => {
            let down: Reply = answer("{}").status(503).into();
            let replies = vec![down.clone(), down.clone(), down, answer("{}").into()];
            return (replies, Ends::Well(None));
        }
        "http-082" => {
            return (
                vec![Reply::Reset(Vec::new()), answer("{}").into()],
                Ends::Well(None),
            );
        }
        "http-083" => (
            Answer::bytes("text/html", b"<pre>secret path /srv</pre>".repeat(500))
                .status(500)
                .into(),
            Ends::In(&["upstream_5xx"]),
        ),
        other => panic!("{other} has no scene: say how its upstream behaves"),
    };
    (vec![reply], ends)
}

/// What this case needs to say in its tool: short deadlines, small caps, the mapping it is about.
fn change(case: &Case) -> Value {
    let mut change = json!({ "api": { "timeout_ms": 900, "connect_timeout_ms": 400 } });
    match case.id.as_str() {
        "http-009" | "http-061" => change["api"]["max_response_bytes"] = json!(65_536),
        "http-051" | "http-052" => change["mapping"] = Value::Null,
        "http-066" => {
            change["output_schema"] = json!({
                "type": "object", "properties": { "price": { "type": "number" } }, "required": ["price"],
            });
            change["mapping"] = json!({ "response_to_output": { "price": "quote.price" } });
        }
        "http-079" => change["api"]["timeout_ms"] = json!(5000),
        "http-080" => {
            change["api"]["timeout_ms"] = json!(10_000);
            change["retry"] =
                json!({ "max_attempts": 4, "on": ["5xx"], "backoff_ms": 1, "max_backoff_ms": 5 });
        }
        "http-082" => {
            change["api"]["timeout_ms"] = json!(10_000);
            change["api"]["method"] = json!("POST");
            change["idempotency"] = json!({});
            change["retry"] =
                json!({ "max_attempts": 3, "on": ["timeout", "connect_failed"], "backoff_ms": 1 });
        }
        _ => {}
    }
    change
}

async fn scene(case: &Case) -> Scene {
    let upstream = match case.id.as_str() {
        "http-067" => FakeUpstream::start_tls(&Tls::new(Certificate::Expired)).await,
        "http-070" => FakeUpstream::start_tls(&Tls::new(Certificate::UnknownRoot)).await,
        _ => FakeUpstream::start().await,
    };
    let (replies, ends) = match case.id.as_str() {
        "http-067" | "http-070" => (vec![answer("{}").into()], Ends::In(&["connect_failed"])),
        _ => script(case),
    };
    upstream.on_sequence("*", replies);
    Scene {
        upstream,
        change: change(case),
        ends,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hostile_upstream_ends_in_a_typed_failure() {
    let mut scenes = Vec::new();
    for case in cases("http") {
        if !matches!(case.id.as_str(), "http-028" | "http-029") {
            scenes.push((scene(&case).await, case));
        }
    }
    let allowed: Vec<String> = scenes
        .iter()
        .map(|(scene, _)| scene.upstream.host_port())
        .collect();
    let rig = Rig::allowing(&allowed).await;
    for (scene, case) in &scenes {
        let tool = rig
            .tool(case, &scene.upstream.base_url(), &scene.change)
            .await;
        let answer = rig
            .execute_with(&tool, json!({}), &[("Idempotency-Key", "one-key")])
            .await;
        check(case, &answer, &scene.ends);
        assert!(
            !answer.headers.contains_key("x-a"),
            "{}: an upstream header passed on",
            case.id
        );
        match case.id.as_str() {
            "http-082" => {
                let keys: Vec<_> = scene
                    .upstream
                    .requests()
                    .iter()
                    .map(|request| request.header("idempotency-key").map(str::to_owned))
                    .collect();
                assert_eq!(keys, vec![Some("one-key".to_owned()); 2], "{}", case.id);
            }
            "http-083" => {
                let excerpt = answer.json["error"]["details"].to_string();
                assert!(
                    excerpt.len() < 4096,
                    "{}: {} bytes told",
                    case.id,
                    excerpt.len()
                );
            }
            _ => {}
        }
    }
}

fn check(case: &Case, answer: &super::Answered, ends: &Ends) {
    match ends {
        Ends::Well(output) => {
            assert_eq!(
                answer.status, 200,
                "{} {}: {}",
                case.id, case.what, answer.text
            );
            if let Some(output) = output {
                assert_eq!(&answer.json["output"], output, "{} {}", case.id, case.what);
            }
        }
        Ends::In(codes) => {
            assert_eq!(
                answer.status, 500,
                "{} {}: {}",
                case.id, case.what, answer.text
            );
            assert_eq!(
                answer.json["success"], false,
                "{} {}: {}",
                case.id, case.what, answer.text
            );
            let code = answer.json["error"]["code"].as_str().unwrap_or_default();
            assert!(
                codes.contains(&code),
                "{} {}: {}",
                case.id,
                case.what,
                answer.text
            );
            assert!(
                answer.json["error"]["hint"]
                    .as_str()
                    .is_some_and(|hint| !hint.is_empty())
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_refuses_or_swallows_is_connect_failed() {
    let hole = Blackhole::start().await;
    let closed = {
        let gone = FakeUpstream::start().await;
        gone.host_port()
    };
    let rig = Rig::allowing(&[hole.host_port(), closed.clone()]).await;
    for case in cases("http") {
        let address = match case.id.as_str() {
            "http-028" => closed.clone(),
            "http-029" => hole.host_port(),
            _ => continue,
        };
        let tool = rig
            .tool(&case, &format!("http://{address}"), &change(&case))
            .await;
        let answer = rig.execute(&tool, json!({})).await;
        check(&case, &answer, &Ends::In(&["connect_failed", "timeout"]));
    }
}
