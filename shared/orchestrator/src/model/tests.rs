//! Turns against small servers on loopback that misbehave.

mod server;

use domain::egress::Policy;
use domain::model::ModelFailureCode as Code;
use executor::outbound::{Lookup, OutboundConfig};
use serde_json::json;
use uuid::Uuid;

use super::*;
use server::{Reply, Server, answer, events, refusal};

const KEY: &str = "sk-test-0123456789abcdef";

/// A way out whose tries follow each other at once.
fn models(config: OutboundConfig) -> Models {
    let patience = Patience {
        retry: retry::Policy {
            base: Duration::from_millis(1),
            ..Patience::default().retry
        },
        ..Patience::default()
    };
    Models::with_patience(Outbound::new(config), patience)
}

fn endpoint(server: &Server) -> Endpoint {
    Endpoint {
        base_url: server.base_url.clone(),
        key: KEY.to_owned().into(),
        guarded: false,
    }
}

fn request(stream: bool) -> TurnRequest {
    TurnRequest {
        model: "gpt-5".to_owned(),
        input: vec![json!({ "role": "user", "content": "hello" })],
        stream,
        ..TurnRequest::default()
    }
}

fn workspace(number: u128) -> WorkspaceId {
    WorkspaceId(Uuid::from_u128(number))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// One turn, and what was told.
async fn turn(
    models: &Models,
    endpoint: &Endpoint,
    stream: bool,
) -> (Result<Turn, ModelFailure>, String) {
    let mut told = String::new();
    let mut hear = |text: &str| told.push_str(text);
    let turn = models
        .turn(workspace(1), endpoint, &request(stream), soon(), &mut hear)
        .await;
    (turn, told)
}

/// The failure of a turn against these replies, and how many requests there were.
async fn failure(stream: bool, replies: Vec<Reply>) -> (ModelFailure, usize) {
    let server = Server::start(replies).await;
    let (turn, _) = turn(
        &models(OutboundConfig::default()),
        &endpoint(&server),
        stream,
    )
    .await;
    (turn.unwrap_err(), server.requests().len())
}

fn hello() -> Value {
    json!({ "id": "resp_1", "status": "completed", "output": [{
        "type": "message", "content": [{ "type": "output_text", "text": "Hello" }],
    }] })
}

fn hello_events() -> Vec<Value> {
    vec![
        json!({ "type": "response.output_text.delta", "delta": "Hel" }),
        json!({ "type": "response.output_text.delta", "delta": "lo" }),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": hello()["output"][0] }),
        json!({ "type": "response.completed", "response": hello() }),
    ]
}

#[tokio::test]
async fn asks_plainly_and_in_a_stream() {
    let server = Server::start(vec![answer(&hello()), events(&hello_events())]).await;
    let models = models(OutboundConfig::default());
    for stream in [false, true] {
        let (turn, told) = turn(&models, &endpoint(&server), stream).await;
        assert_eq!(turn.unwrap().text, "Hello");
        assert_eq!(told, if stream { "Hello" } else { "" });
    }
    for (request, stream) in server.requests().iter().zip([false, true]) {
        assert_eq!(request.line, "POST /v1/responses HTTP/1.1");
        assert!(
            request
                .head
                .contains(&format!("authorization: Bearer {KEY}"))
        );
        assert_eq!(request.body["store"], false);
        assert_eq!(request.body["stream"], stream);
        assert_eq!(request.body["model"], "gpt-5");
    }
}

#[tokio::test]
async fn turns_share_a_connection() {
    let replies = (0..6).map(|n| {
        if n % 2 == 0 {
            answer(&hello())
        } else {
            events(&hello_events())
        }
    });
    let server = Server::start(replies.collect()).await;
    let models = models(OutboundConfig::default());
    for n in 0..6 {
        let (turn, _) = turn(&models, &endpoint(&server), n % 2 == 1).await;
        turn.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let server = Server::start(vec![answer(&hello())]).await;
    let (turn, told) = turn(&models(OutboundConfig::default()), &endpoint(&server), true).await;
    assert_eq!(
        (turn.unwrap().text.as_str(), told.as_str()),
        ("Hello", "Hello")
    );
}

#[tokio::test]
async fn passing_refusals_are_tried_again() {
    for stream in [false, true] {
        let good = if stream {
            events(&hello_events())
        } else {
            answer(&hello())
        };
        let replies = vec![
            refusal(503, "", &json!({})),
            refusal(
                429,
                "retry-after: 0\r\n",
                &json!({ "error": { "code": "rate_limit_exceeded" } }),
            ),
            good,
        ];
        let server = Server::start(replies).await;
        let (turn, told) = turn(
            &models(OutboundConfig::default()),
            &endpoint(&server),
            stream,
        )
        .await;
        assert_eq!(turn.unwrap().text, "Hello");
        assert_eq!(told, if stream { "Hello" } else { "" });
        assert_eq!(server.requests().len(), 3);
    }
}

#[tokio::test]
async fn a_connection_lost_before_the_answer_is_tried_again() {
    let server = Server::start(vec![Reply::Close(String::new()), answer(&hello())]).await;
    let (turn, _) = turn(
        &models(OutboundConfig::default()),
        &endpoint(&server),
        false,
    )
    .await;
    turn.unwrap();
}

#[tokio::test]
async fn a_failure_told_before_any_text_is_tried_again() {
    let failed = json!({ "type": "response.failed", "response": {
        "status": "failed", "error": { "code": "server_error", "message": "m" } } });
    let server = Server::start(vec![
        events(std::slice::from_ref(&failed)),
        events(&hello_events()),
    ])
    .await;
    let (turn, _) = turn(&models(OutboundConfig::default()), &endpoint(&server), true).await;
    turn.unwrap();
    let text = json!({ "type": "response.output_text.delta", "delta": "Hel" });
    let (failure, requests) = failure(true, vec![events(&[text, failed])]).await;
    assert_eq!((failure.code, requests), (Code::Unavailable, 1));
}

#[tokio::test]
async fn refusals_that_stay_are_told_with_their_code() {
    let again = || refusal(500, "", &json!({}));
    let (failed, requests) = failure(false, vec![again(), again(), again(), again()]).await;
    assert_eq!((failed.code, requests), (Code::Unavailable, 3));
    let error = |code: &str| json!({ "error": { "message": "m", "code": code } });
    for (reply, code) in [
        (
            refusal(401, "", &error("invalid_api_key")),
            Code::AuthFailed,
        ),
        (
            refusal(404, "", &error("model_not_found")),
            Code::InvalidRequest,
        ),
        (
            refusal(400, "", &error("context_length_exceeded")),
            Code::ContextTooLarge,
        ),
        (
            refusal(400, "", &error("content_filter")),
            Code::ContentFiltered,
        ),
        (
            refusal(429, "", &error("insufficient_quota")),
            Code::QuotaUsedUp,
        ),
        (
            refusal(307, "location: /elsewhere\r\n", &json!({})),
            Code::InvalidAnswer,
        ),
    ] {
        let (failed, requests) = failure(true, vec![reply]).await;
        assert_eq!((failed.code, requests), (code, 1));
    }
}

#[tokio::test]
async fn a_long_wait_is_left_to_the_caller() {
    let reply = refusal(429, "retry-after: 3600\r\n", &json!({}));
    let (failed, requests) = failure(true, vec![reply]).await;
    assert_eq!((failed.code, requests), (Code::RateLimited, 1));
    assert_eq!(failed.retry_after, Some(Duration::from_secs(3600)));
}

#[tokio::test]
async fn a_broken_answer_is_a_failure_and_not_asked_for_twice() {
    let cut = |length: usize| {
        Reply::Close(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}\r\n\r\n\
             data: {{\"type\":\"response.output_text.delta\",\"delta\":\"Hel\"}}\n\n"
        ))
    };
    let stream = |text: &str| {
        Reply::Close(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{text}"
        ))
    };
    let json = |text: &str| {
        Reply::Close(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        ))
    };
    for (streamed, reply) in [
        (true, cut(5000)),
        (true, stream("data: {\"type\":\"response.created\"}\n\n")),
        (true, stream("data: {nonsense\n\n")),
        (true, stream("<html>hello</html>")),
        (true, stream("")),
        (
            true,
            Reply::Close(
                "HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx".to_owned(),
            ),
        ),
        (false, json("{\"output\":")),
        (false, json("{}")),
        (false, json("")),
        (
            false,
            Reply::Close("HTTP/1.1 200 OK\r\ncontent-length: 900000000\r\n\r\n{".to_owned()),
        ),
        (false, Reply::Close("SSH-2.0-OpenSSH\r\n\r\n".to_owned())),
    ] {
        let shown = format!("{reply:?}");
        let (failed, requests) = failure(streamed, vec![reply]).await;
        assert_eq!((failed.code, requests), (Code::InvalidAnswer, 1), "{shown}");
    }
}

#[tokio::test]
async fn silence_ends_by_itself() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hi\n\n";
    let patience = Patience {
        first_byte: Duration::from_millis(50),
        idle: Duration::from_millis(50),
        ..Patience::default()
    };
    let models = Models::with_patience(Outbound::new(OutboundConfig::default()), patience);
    let server = Server::start(vec![
        Reply::Hold(String::new()),
        Reply::Hold(head.to_owned()),
        Reply::Hold(String::new()),
    ])
    .await;
    for _ in 0..2 {
        let (turn, _) = turn(&models, &endpoint(&server), true).await;
        assert_eq!(turn.unwrap_err().code, Code::TimedOut);
    }
    let deadline = Instant::now() + Duration::from_millis(50);
    let late = models
        .turn(
            workspace(1),
            &endpoint(&server),
            &request(false),
            deadline,
            &mut |_| {},
        )
        .await;
    assert_eq!(late.unwrap_err().code, Code::TimedOut);
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let server = Server::start(Vec::new()).await;
    let mut endpoint = endpoint(&server);
    server.stop().await;
    endpoint.guarded = false;
    let (turn, _) = turn(&models(OutboundConfig::default()), &endpoint, true).await;
    let failure = turn.unwrap_err();
    assert_eq!(failure.code, Code::Unavailable);
    assert!(!failure.message.contains("127.0.0.1"));
}

#[tokio::test]
async fn a_model_without_reasoning_is_asked_without_it_from_then_on() {
    let no = json!({ "error": { "message": "Encrypted content is not supported with this model.", "param": "include" } });
    let server = Server::start(vec![
        refusal(400, "", &no),
        answer(&hello()),
        answer(&hello()),
    ])
    .await;
    let models = models(OutboundConfig::default());
    for _ in 0..2 {
        let (turn, _) = turn(&models, &endpoint(&server), false).await;
        turn.unwrap();
    }
    let asked = server.requests();
    let asked: Vec<bool> = asked
        .iter()
        .map(|request| request.body.get("include").is_some())
        .collect();
    assert_eq!(asked, [true, false, false]);
}

#[tokio::test]
async fn the_key_is_in_no_failure() {
    let echo = json!({ "error": { "message": format!("Bad {KEY}"), "code": KEY, "type": KEY, "param": KEY } });
    for status in [400, 401, 404, 418] {
        let (failed, _) = failure(
            false,
            vec![refusal(status, &format!("x-request-id: {KEY}\r\n"), &echo)],
        )
        .await;
        let all = format!("{failed:?}");
        assert!(
            !all.contains(KEY) && !all.contains("0123456789abcdef"),
            "{all}"
        );
    }
    let error = json!({ "type": "error", "error": { "message": KEY, "code": "x" } });
    let (failed, _) = failure(
        true,
        vec![
            events(std::slice::from_ref(&error)),
            events(std::slice::from_ref(&error)),
            events(&[error]),
        ],
    )
    .await;
    assert!(!format!("{failed:?}").contains(KEY));
}

#[tokio::test]
async fn a_key_that_no_header_carries_is_refused() {
    let server = Server::start(Vec::new()).await;
    let mut endpoint = endpoint(&server);
    endpoint.key = "sk-a\nb".to_owned().into();
    let (turn, _) = turn(&models(OutboundConfig::default()), &endpoint, false).await;
    assert_eq!(turn.unwrap_err().code, Code::AuthFailed);
}

#[tokio::test]
async fn a_workspaces_own_server_is_guarded() {
    let server = Server::start(vec![answer(&hello()), answer(&hello())]).await;
    let mut endpoint = endpoint(&server);
    endpoint.guarded = true;
    let port = server.base_url.port().unwrap();

    // A literal address, and a name that leads to one.
    let inside = OutboundConfig {
        lookup: Lookup::new(|_| Box::pin(async { Ok(vec!["127.0.0.1".parse().unwrap()]) })),
        ..OutboundConfig::default()
    };
    let guarded = models(inside);
    let (literal, _) = turn(&guarded, &endpoint, false).await;
    let mut named = endpoint.clone();
    named.base_url = Url::parse("https://models.example.com/v1").unwrap();
    let (named, _) = turn(&guarded, &named, false).await;
    for failed in [literal, named] {
        assert_eq!(failed.unwrap_err().code, Code::EgressBlocked);
    }
    assert_eq!(server.connections(), 0);

    // The operator's word, and no connection that two workspaces share.
    let allowed = models(OutboundConfig {
        policy: Policy {
            allow: Policy::parse_allow(&format!("127.0.0.1:{port}")).unwrap(),
            ..Policy::default()
        },
        ..OutboundConfig::default()
    });
    for number in [1, 2] {
        allowed
            .turn(
                workspace(number),
                &endpoint,
                &request(false),
                soon(),
                &mut |_| {},
            )
            .await
            .unwrap();
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn zz_time() {
    let n = 400;
    let replies = (0..2 * n + 20).map(|k| {
        if k < n + 10 {
            answer(&hello())
        } else {
            events(&hello_events())
        }
    });
    let server = Server::start(replies.collect()).await;
    let models = models(OutboundConfig::default());
    for stream in [false, true] {
        let mut times = Vec::new();
        for _ in 0..n + 10 {
            let begun = std::time::Instant::now();
            let (turn, _) = turn(&models, &endpoint(&server), stream).await;
            turn.unwrap();
            times.push(begun.elapsed());
        }
        times.sort();
        eprintln!(
            "stream {stream}: p50 {:?} p90 {:?} connections {}",
            times[n / 2],
            times[n * 9 / 10],
            server.connections()
        );
    }
}
