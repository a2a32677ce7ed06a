//! Answers that are whole, broken, endless or never come.

use std::io::Write;
use std::time::Duration;

use domain::config::Method;
use executor::outbound::{Call, Cause, Stopped};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::upstream::{Reply, Upstream, Way, get, http, is_invalid, post};

const SHORT: Duration = Duration::from_millis(200);

async fn answer_to(reply: Reply) -> Result<executor::outbound::Answer, Stopped> {
    let upstream = Upstream::start(vec![reply]).await;
    Way::to(&[upstream.address]).get(upstream.url("/")).await
}

async fn raw(reply: &str) -> Result<executor::outbound::Answer, Stopped> {
    answer_to(Reply::Raw(reply.as_bytes().to_vec())).await
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn gzipped(body: &[u8]) -> Reply {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Reply::Raw([head.as_bytes(), body].concat())
}

#[tokio::test]
async fn a_whole_answer_is_handed_on() {
    let upstream = Upstream::answers(&http("200 OK", "Content-Type: a/b\r\n", "{\"a\":1}")).await;
    let way = Way::to(&[upstream.address]);
    let answer = way.get(upstream.url("/x?y=z")).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"{\"a\":1}"[..]));
    assert_eq!(answer.content_type.as_deref(), Some("a/b"));
    let heads = upstream.heads();
    assert!(heads[0].starts_with("get /x?y=z http/1.1\r\n"), "{heads:?}");
    assert!(!heads[0].contains("referer"));
}

#[tokio::test]
async fn gzip_is_decoded_and_counted() {
    let answer = answer_to(gzipped(&gzip(b"{\"a\":1}"))).await.unwrap();
    assert_eq!(&answer.body[..], b"{\"a\":1}");
    let bomb = answer_to(gzipped(&gzip(&vec![0; 20 << 20])))
        .await
        .unwrap_err();
    assert_eq!(bomb.cause, Cause::TooLarge(1 << 20));
}

#[tokio::test]
async fn false_encodings_are_invalid() {
    assert!(is_invalid(&answer_to(gzipped(b"{}")).await));
    assert!(is_invalid(
        &raw(&http("200 OK", "Content-Encoding: foo\r\n", "{}")).await
    ));
}

#[tokio::test]
async fn too_much_is_cut_off() {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let endless = Reply::Endless(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
        chunk.into_bytes(),
    );
    let announced = Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n".to_vec());
    for reply in [endless, announced] {
        let stopped = answer_to(reply).await.unwrap_err();
        assert_eq!(stopped.cause, Cause::TooLarge(1 << 20));
        assert!(stopped.sent);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_lost() {
    for reply in [
        Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}".to_vec()),
        Reply::Reset(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}".to_vec()),
    ] {
        let stopped = answer_to(reply).await.unwrap_err();
        assert_eq!(
            stopped,
            Stopped {
                cause: Cause::Lost,
                sent: true,
                status: stopped.status
            }
        );
    }
    for reply in [Reply::Raw(Vec::new()), Reply::Reset(Vec::new())] {
        let stopped = answer_to(reply).await.unwrap_err();
        assert_eq!(
            (stopped.cause, stopped.sent, stopped.status),
            (Cause::Lost, true, None)
        );
    }
}

#[tokio::test]
async fn broken_http_is_invalid() {
    let many = "X-A: b\r\n".repeat(10_000);
    for reply in [
        "hello\r\n\r\n",
        "<html>",
        "HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzzz\r\n{}\r\n0\r\n\r\n",
        &format!("HTTP/1.1 200 OK\r\n{many}content-length: 2\r\n\r\n{{}}"),
    ] {
        let result = raw(reply).await;
        assert!(is_invalid(&result), "{:.60} {result:?}", reply);
    }
}

#[tokio::test]
async fn types_that_are_not_read_end_at_once() {
    let events = Reply::Endless(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_vec(),
        b"data: x\n\n".to_vec(),
    );
    assert!(is_invalid(&answer_to(events).await));
    let parts = http(
        "200 OK",
        "Content-Type: multipart/mixed; boundary=x\r\n",
        "--x--",
    );
    assert!(is_invalid(&raw(&parts).await));
}

#[tokio::test]
async fn the_deadline_is_total() {
    for reply in [
        Reply::Hang(Vec::new()),
        Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n".to_vec()),
        Reply::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X".to_vec()),
        Reply::Endless(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        Reply::Endless(
            Vec::new(),
            b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".to_vec(),
        ),
    ] {
        let upstream = Upstream::start(vec![reply]).await;
        let way = Way::to(&[upstream.address]);
        let stopped = way
            .send_within(&get(upstream.url("/")), SHORT)
            .await
            .unwrap_err();
        assert!(stopped.sent);
        assert!(
            matches!(stopped.cause, Cause::Timeout | Cause::Invalid { .. }),
            "{stopped:?}"
        );
    }
}

#[tokio::test]
async fn a_passed_deadline_sends_nothing() {
    let upstream = Upstream::answers(&http("200 OK", "", "{}")).await;
    let way = Way::to(&[upstream.address]);
    let stopped = way
        .send_within(&post(upstream.url("/")), Duration::ZERO)
        .await
        .unwrap_err();
    assert_eq!(
        stopped,
        Stopped {
            cause: Cause::Timeout,
            sent: false,
            status: None
        }
    );
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn errors_keep_the_beginning_of_their_body() {
    let long = "x".repeat(1 << 20);
    let answer = raw(&http("500 Oops", "Retry-After: 3\r\n", &long))
        .await
        .unwrap();
    assert_eq!(answer.status, 500);
    assert_eq!(answer.retry_after.as_deref(), Some("3"));
    assert_eq!(answer.body.len(), 64 * 1024);
    let odd = raw(&http("404 No", "Content-Encoding: foo\r\n", "??"))
        .await
        .unwrap();
    assert_eq!((odd.status, odd.body.len()), (404, 0));
}

#[tokio::test]
async fn an_error_is_told_though_its_body_never_comes() {
    for status in ["400 Bad Request", "503 Busy"] {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 10\r\n\r\n{{");
        let upstream = Upstream::start(vec![Reply::Hang(head.into_bytes())]).await;
        let way = Way::to(&[upstream.address]);
        let call = post(upstream.url("/"));
        let answer = way.send_within(&call, SHORT * 5).await.unwrap();
        assert_eq!(answer.status.to_string(), status[..3]);
        assert_eq!(answer.body.len(), 0);
    }
}

#[tokio::test]
async fn an_absent_body_is_announced() {
    let upstream = Upstream::answers(&http("200 OK", "", "{}")).await;
    let way = Way::to(&[upstream.address]);
    let call = Call {
        body: None,
        ..post(upstream.url("/"))
    };
    way.send(&call).await.unwrap();
    way.get(upstream.url("/")).await.unwrap();
    let heads = upstream.heads();
    assert!(heads[0].contains("\r\ncontent-length: 0\r\n"), "{heads:?}");
    assert!(!heads[1].contains("content-length"), "{heads:?}");
}

#[tokio::test]
async fn no_content_and_head_have_no_body() {
    let answer = raw("HTTP/1.1 204 No Content\r\ncontent-length: 1\r\n\r\nx")
        .await
        .unwrap();
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    let upstream = Upstream::answers("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n").await;
    let call = Call {
        method: Method::Head,
        ..get(upstream.url("/"))
    };
    let answer = Way::to(&[upstream.address]).send(&call).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

#[tokio::test]
async fn a_closed_port_is_told_as_not_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = url::Url::parse(&format!("http://{address}/")).unwrap();
    let stopped = Way::to(&[address]).send(&post(url)).await.unwrap_err();
    assert!(!stopped.sent);
    assert!(
        matches!(stopped.cause, Cause::Connect { ref message, .. } if message.contains("refused"))
    );
}

#[tokio::test]
async fn a_connection_is_kept_for_the_same_workspace_only() {
    let answer = http("200 OK", "", "{}").into_bytes();
    let upstream = Upstream::start(vec![Reply::Keep(answer)]).await;
    let way = Way::to(&[upstream.address]);
    for _ in 0..3 {
        way.get(upstream.url("/")).await.unwrap();
    }
    assert_eq!(upstream.connections(), 1);
    let other = Call {
        workspace_id: domain::ids::WorkspaceId(uuid::Uuid::max()),
        ..get(upstream.url("/"))
    };
    way.send(&other).await.unwrap();
    assert_eq!(upstream.connections(), 2);
}
