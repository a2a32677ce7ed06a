//! Sending with retries: the loop around the way out.

use std::borrow::Cow;

use chrono::Utc;
use domain::retry;
use tokio::time::Instant;

use crate::credentials::Signer;
use crate::outbound::{Answer, Call, Cause, Outbound, Stopped};
use crate::repetition::Repetition;
use crate::response;
use crate::timeline::Timeline;

/// A call and what its attempts are signed with.
#[derive(Clone, Copy)]
pub(crate) struct Prepared<'a> {
    pub(crate) call: &'a Call<'a>,
    pub(crate) signer: Option<&'a Signer<'a>>,
}

impl<'a> Prepared<'a> {
    /// The call as this attempt sends it.
    fn signed(&self) -> Result<Cow<'a, Call<'a>>, Stopped> {
        let Some(signer) = self.signer else {
            return Ok(Cow::Borrowed(self.call));
        };
        // The key was usable when the call began, so this is our own fault if it ever happens.
        let signed = signer.signed(self.call);
        signed
            .map(Cow::Owned)
            .map_err(|failure| Stopped::unsent(Cause::invalid(failure.message, failure.hint)))
    }
}

/// What came of all attempts.
pub(crate) struct Tried {
    pub(crate) result: Result<Answer, Stopped>,
    pub(crate) attempts: u32,
}

/// Sends until there is an answer that is not worth repeating, the attempts are used up, or the
/// deadline leaves no room for another.
pub(crate) async fn send(
    outbound: &Outbound,
    prepared: Prepared<'_>,
    repetition: Repetition<'_>,
    deadline: Instant,
    timeline: &mut Timeline,
) -> Tried {
    let policy = retry::Policy::from(repetition.rules);
    let mut attempt = 1;
    let mut stale = repetition.repeatable;
    loop {
        let now = Instant::now();
        let left = deadline.saturating_duration_since(now);
        let until = now + repetition.share(attempt, left);
        let result = match prepared.signed() {
            Ok(call) => outbound.send(&call, until).await,
            Err(stopped) => Err(stopped),
        };
        timeline.sent(attempt, &result);
        // A connection kept from an earlier call may be dead, above all after the process was frozen: once,
        // the call is made again at once, and not counted.
        if stale && lost_early(&result) {
            stale = false;
            continue;
        }
        let pause = if repetition.worth(&result) {
            let asked = match &result {
                Ok(answer) => response::retry_after(answer, Utc::now()),
                Err(_) => None,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            policy.pause(attempt, random(), asked, left)
        } else {
            None
        };
        let Some(pause) = pause else {
            return Tried {
                result,
                attempts: attempt,
            };
        };
        tokio::time::sleep(pause).await;
        timeline.mark("pause");
        attempt += 1;
    }
}

/// The connection was lost before any answer.
fn lost_early(result: &Result<Answer, Stopped>) -> bool {
    matches!(
        result,
        Err(Stopped {
            cause: Cause::Lost,
            status: None,
            ..
        })
    )
}

/// Between 0 and 1, for jitter.
pub(crate) fn random() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u64_pair().1 & u64::from(u32::MAX);
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outbound::{OutboundConfig, Redirects};
    use domain::config::{Effects, Method, ResponseFormat, RetryOn, RetryRules};
    use domain::egress::Policy;
    use domain::ids::WorkspaceId;
    use http::HeaderMap;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use url::Url;

    /// The connection is closed without an answer.
    const DEAD: &str = "dead";

    /// Serves one answer a connection, the last one for ever; an empty one is never given.
    async fn upstream(answers: &'static [&'static str]) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut kept = Vec::new();
            for number in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let answer = answers[number.min(answers.len() - 1)];
                if answer.is_empty() {
                    kept.push(stream);
                } else if answer != DEAD {
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            }
        });
        address
    }

    async fn tried(
        answers: &'static [&'static str],
        method: Method,
        keyed: bool,
        within: Duration,
    ) -> Tried {
        let address = upstream(answers).await;
        let outbound = Outbound::new(OutboundConfig {
            policy: Policy {
                allow: Policy::parse_allow(&address.to_string()).unwrap(),
                own_hosts: Vec::new(),
            },
            ..OutboundConfig::default()
        });
        let rules = RetryRules {
            max_attempts: 3,
            on: vec![
                RetryOn::ConnectFailed,
                RetryOn::Timeout,
                RetryOn::ServerError,
                RetryOn::Status(429),
            ],
            backoff_ms: 1,
            max_backoff_ms: 1000,
        };
        let call = Call {
            workspace_id: WorkspaceId(uuid::Uuid::nil()),
            method,
            url: Url::parse(&format!("http://{address}/")).unwrap(),
            headers: HeaderMap::new(),
            body: None,
            connect_timeout: Duration::from_secs(5),
            max_response_bytes: 1000,
            redirects: Redirects {
                follow: 0,
                cross_host: false,
                allowed_hosts: &[],
            },
            secrets: None,
            format: ResponseFormat::Json,
        };
        let none = Effects {
            read_only: false,
            destructive: true,
            idempotent: false,
            open_world: true,
        };
        let repetition = Repetition::of(&rules, method, none, keyed);
        let mut timeline = Timeline::start();
        let deadline = Instant::now() + within;
        let prepared = Prepared {
            call: &call,
            signer: None,
        };
        send(&outbound, prepared, repetition, deadline, &mut timeline).await
    }

    const BUSY: &str = "HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    const LATER: &str =
        "HTTP/1.1 429 Slow\r\nconnection: close\r\nretry-after: 600\r\ncontent-length: 0\r\n\r\n";
    const FINE: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    const LONG: Duration = Duration::from_secs(60);

    fn status(tried: &Tried) -> Option<u16> {
        tried.result.as_ref().ok().map(|answer| answer.status)
    }

    #[tokio::test]
    async fn a_busy_upstream_is_asked_again() {
        let tried = tried(&[BUSY, BUSY, FINE], Method::Get, false, LONG).await;
        assert_eq!((status(&tried), tried.attempts), (Some(200), 3));
    }

    #[tokio::test]
    async fn attempts_are_counted() {
        let tried = tried(&[BUSY], Method::Get, false, LONG).await;
        assert_eq!((status(&tried), tried.attempts), (Some(503), 3));
    }

    #[tokio::test]
    async fn an_unsafe_call_is_made_once() {
        let tried = tried(&[BUSY, FINE], Method::Post, false, LONG).await;
        assert_eq!((status(&tried), tried.attempts), (Some(503), 1));
    }

    #[tokio::test]
    async fn a_keyed_call_that_hung_is_made_again() {
        let within = Duration::from_secs(3);
        let tried = tried(&["", FINE], Method::Post, true, within).await;
        assert_eq!((status(&tried), tried.attempts), (Some(200), 2));
    }

    #[tokio::test]
    async fn a_dead_connection_costs_no_attempt() {
        let tried = tried(&[DEAD, BUSY, BUSY, FINE], Method::Get, false, LONG).await;
        assert_eq!((status(&tried), tried.attempts), (Some(200), 3));
    }

    #[tokio::test]
    async fn an_unsafe_call_over_a_dead_connection_is_not_repeated() {
        let tried = tried(&[DEAD, FINE], Method::Post, false, LONG).await;
        assert_eq!((status(&tried), tried.attempts), (None, 1));
    }

    #[tokio::test]
    async fn a_wait_beyond_the_deadline_is_not_begun() {
        let tried = tried(&[LATER], Method::Get, false, LONG).await;
        assert_eq!((status(&tried), tried.attempts), (Some(429), 1));
    }
}
