//! Which failures are worth another attempt, and what the last one is told as; pure.

use std::time::Duration;

use domain::config::{Effects, Method, RetryOn, RetryRules};
use domain::failure::{Failure, FailureCode};

use crate::outbound::{Answer, Cause, Stopped};
use crate::response::{Again, Reader};

const HINT_UNKNOWN: &str = "Look at the upstream before calling again, and do that with another Idempotency-Key. If \
     the upstream honours such keys, say so with \"idempotency\" in the tool: then lost answers are asked for again.";

/// What may be repeated.
#[derive(Clone, Copy)]
pub(crate) struct Repetition<'a> {
    pub(crate) rules: &'a RetryRules,
    /// Twice is as good as once: by method, by the tool's own word, or by a key that the upstream
    /// honours.
    pub(crate) repeatable: bool,
    /// How the tool's own rules judge an answer, if it has any.
    pub(crate) reader: Option<Reader<'a>>,
}

impl<'a> Repetition<'a> {
    /// `keyed`: the call has a key, and the tool says that its upstream honours it (`idempotency`). A caller's key
    /// alone makes nothing safe: an upstream that does not know it acts twice.
    pub(crate) fn of(rules: &'a RetryRules, method: Method, effects: Effects, keyed: bool) -> Self {
        let safe = matches!(method, Method::Get | Method::Head);
        Self {
            rules,
            repeatable: safe || effects.read_only || effects.idempotent || keyed,
            reader: None,
        }
    }

    /// The same, of answers that the tool's own rules judge.
    pub(crate) const fn judged_by(self, reader: Reader<'a>) -> Self {
        Self {
            reader: Some(reader),
            ..self
        }
    }

    /// Whether the upstream refused the credential: such a call was not applied (RFC 9110, 15.5.2).
    pub(crate) fn refuses_credential(&self, answer: &Answer) -> bool {
        match &self.reader {
            Some(reader) => reader.refuses_credential(answer),
            None => answer.status == 401,
        }
    }

    /// Whether the upstream certainly did not act: nothing was sent, or it refused who was asking or how often
    /// before it looked at what was asked (RFC 9110, 15.5.2 and 15.5.4; RFC 6585, 4).
    pub(crate) fn had_no_effect(&self, result: &Result<Answer, Stopped>) -> bool {
        match result {
            Ok(answer) => {
                matches!(answer.status, 401 | 403 | 429) || self.refuses_credential(answer)
            }
            Err(stopped) => !stopped.sent,
        }
    }

    fn on(&self, what: RetryOn) -> bool {
        self.rules.on.contains(&what)
    }

    fn on_status(&self, status: u16) -> bool {
        status >= 400
            && (self.on(RetryOn::Status(status)) || status >= 500 && self.on(RetryOn::ServerError))
    }

    /// Whether another attempt may help and can do no harm.
    pub(crate) fn worth(&self, result: &Result<Answer, Stopped>) -> bool {
        match result {
            Ok(_) if !self.repeatable => false,
            Ok(answer) => match self.reader.as_ref().and_then(|it| it.again(answer)) {
                Some(Again::Later) => true,
                Some(Again::Never) => false,
                Some(Again::LikeStatus(status)) => self.on_status(status),
                None => self.on_status(answer.status),
            },
            Err(stopped) if stopped.sent && !self.repeatable => false,
            Err(stopped) => match stopped.cause {
                Cause::Connect { .. } | Cause::Lost => self.on(RetryOn::ConnectFailed),
                Cause::Timeout => self.on(RetryOn::Timeout),
                Cause::Blocked(_) | Cause::TooLarge(_) | Cause::Invalid { .. } => false,
            },
        }
    }

    /// How long one attempt may take: all that is left, or half of it when a timed out attempt would be
    /// repeated. A tool whose upstream needs longer takes `timeout` out of `retry.on`.
    pub(crate) fn share(&self, attempt: u32, left: Duration) -> Duration {
        if self.repeatable && self.on(RetryOn::Timeout) && attempt < self.rules.max_attempts {
            left / 2
        } else {
            left
        }
    }
}

/// What a call that brought no answer is told as.
pub(crate) fn failure(stopped: &Stopped, repeatable: bool) -> Failure {
    let failure = match &stopped.cause {
        Cause::Timeout | Cause::Lost if stopped.sent && !repeatable => unknown_outcome(),
        Cause::Timeout => Failure::new(
            FailureCode::Timeout,
            "The upstream did not answer before the deadline.",
            "Call again, or raise api.timeout (a synchronous call ends after 25 s at most).",
        ),
        Cause::Lost if stopped.status.is_some() => Failure::new(
            FailureCode::InvalidResponse,
            "The upstream's answer broke off before its end.",
            "Call again; if it stays so, the upstream's Content-Length or chunks are wrong.",
        ),
        Cause::Lost => Failure::new(
            FailureCode::ConnectFailed,
            "The upstream closed the connection without an answer.",
            "Call again; if it stays so, check base_url, port and scheme.",
        ),
        Cause::Blocked(why) => Failure::new(
            FailureCode::EgressBlocked,
            format!("The destination is not allowed: {why}."),
            "Tools reach public HTTPS hosts; a private upstream needs the operator's EGRESS_ALLOW.",
        ),
        Cause::Connect { message, hint } => {
            Failure::new(FailureCode::ConnectFailed, message.as_str(), hint.as_str())
        }
        Cause::TooLarge(limit) => Failure::new(
            FailureCode::ResponseTooLarge,
            format!("The upstream's answer is over {limit} bytes after decompression."),
            "Ask the upstream for less (a filter, a smaller page), or raise max_response_bytes.",
        ),
        Cause::Invalid { message, hint } => Failure::new(
            FailureCode::InvalidResponse,
            message.as_str(),
            hint.as_str(),
        ),
    };
    match stopped.status {
        Some(status) => failure.detail("status", status),
        None => failure,
    }
}

/// What an execution is recorded as whose caller hung up before its end.
pub(crate) fn abandoned(uncertain: bool) -> Failure {
    if uncertain {
        return unknown_outcome();
    }
    Failure::new(
        FailureCode::Timeout,
        "The caller hung up before the execution ended.",
        "Call again and wait for the answer.",
    )
}

/// What an execution is recorded as through which a panic passes.
pub(crate) fn broken_down(uncertain: bool) -> Failure {
    if uncertain {
        return unknown_outcome();
    }
    Failure::new(
        FailureCode::OutputInvalid,
        "The tool broke down before it had an output.",
        "This is a defect of the tool; report it.",
    )
}

/// What an execution ends with whose time was over.
pub(crate) fn overdue(uncertain: bool) -> Failure {
    if uncertain {
        return unknown_outcome();
    }
    Failure::new(
        FailureCode::Timeout,
        "The execution did not end before its deadline.",
        "Call again, or raise api.timeout (a synchronous call ends after 25 s at most).",
    )
}

/// What a call is told whose key belongs to an execution that its process did not live to end.
pub(crate) fn died() -> Failure {
    Failure::new(
        FailureCode::UnknownOutcome,
        "The call with this key was begun, but its process ended before the answer was stored; the upstream may have acted on it.",
        HINT_UNKNOWN,
    )
}

fn unknown_outcome() -> Failure {
    Failure::new(
        FailureCode::UnknownOutcome,
        "The request was sent, but no answer came; the upstream may have acted on it.",
        HINT_UNKNOWN,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Bytes;
    use tokio::time::Instant;

    fn rules(on: &[RetryOn]) -> RetryRules {
        RetryRules {
            max_attempts: 3,
            on: on.to_vec(),
            backoff_ms: 100,
            max_backoff_ms: 1000,
        }
    }

    const ALL: [RetryOn; 4] = [
        RetryOn::ConnectFailed,
        RetryOn::Timeout,
        RetryOn::ServerError,
        RetryOn::Status(429),
    ];

    fn answer(status: u16) -> Result<Answer, Stopped> {
        Ok(Answer {
            status,
            content_type: None,
            retry_after: None,
            link: None,
            body: Bytes::new(),
            headers_at: Instant::now(),
        })
    }

    fn connect() -> Cause {
        Cause::Connect {
            message: String::new(),
            hint: String::new(),
        }
    }

    #[test]
    fn an_unsafe_call_is_repeated_only_when_nothing_was_sent() {
        let rules = rules(&ALL);
        let call = |repeatable| Repetition {
            rules: &rules,
            repeatable,
            reader: None,
        };
        for (result, once, again) in [
            (Err(Stopped::unsent(connect())), true, true),
            (Err(Stopped::sent(Cause::Lost)), false, true),
            (Err(Stopped::sent(Cause::Timeout)), false, true),
            (answer(503), false, true),
            (answer(429), false, true),
            (answer(404), false, false),
            (answer(200), false, false),
            (
                Err(Stopped::unsent(Cause::Blocked(String::new()))),
                false,
                false,
            ),
            (Err(Stopped::sent(Cause::TooLarge(1))), false, false),
        ] {
            assert_eq!(call(false).worth(&result), once, "{result:?}");
            assert_eq!(call(true).worth(&result), again, "{result:?}");
        }
    }

    #[test]
    fn only_listed_failures_are_repeated() {
        let rules = rules(&[RetryOn::Status(503)]);
        let call = Repetition {
            rules: &rules,
            repeatable: true,
            reader: None,
        };
        assert!(call.worth(&answer(503)));
        assert!(!call.worth(&answer(500)));
        assert!(!call.worth(&Err(Stopped::unsent(connect()))));
        assert!(!call.worth(&Err(Stopped::sent(Cause::Timeout))));
    }

    #[test]
    fn an_attempt_gets_its_share_when_a_timeout_would_be_repeated() {
        let second = Duration::from_secs(1);
        let (with, without) = (rules(&ALL), rules(&[RetryOn::ConnectFailed]));
        let share = |rules, repeatable, attempt| {
            Repetition {
                rules,
                repeatable,
                reader: None,
            }
            .share(attempt, 6 * second)
        };
        assert_eq!(share(&with, true, 1), 3 * second);
        assert_eq!(share(&with, true, 2), 3 * second);
        assert_eq!(share(&with, true, 3), 6 * second);
        assert_eq!(share(&with, false, 1), 6 * second);
        assert_eq!(share(&without, true, 1), 6 * second);
    }

    #[test]
    fn a_lost_answer_of_an_unsafe_call_is_an_unknown_outcome() {
        for (stopped, unsafe_code, safe_code) in [
            (
                Stopped::sent(Cause::Timeout),
                FailureCode::UnknownOutcome,
                FailureCode::Timeout,
            ),
            (
                Stopped::sent(Cause::Lost),
                FailureCode::UnknownOutcome,
                FailureCode::ConnectFailed,
            ),
            (
                Stopped::answered(Cause::Lost, 200),
                FailureCode::UnknownOutcome,
                FailureCode::InvalidResponse,
            ),
            (
                Stopped::unsent(Cause::Timeout),
                FailureCode::Timeout,
                FailureCode::Timeout,
            ),
            (
                Stopped::unsent(connect()),
                FailureCode::ConnectFailed,
                FailureCode::ConnectFailed,
            ),
        ] {
            assert_eq!(failure(&stopped, false).code, unsafe_code);
            assert_eq!(failure(&stopped, true).code, safe_code);
        }
    }

    #[test]
    fn safety_comes_from_method_effects_or_key() {
        let rules = rules(&ALL);
        let none = Effects {
            read_only: false,
            destructive: true,
            idempotent: false,
            open_world: true,
        };
        let idempotent = Effects {
            idempotent: true,
            ..none
        };
        let is = |method, effects, keyed| Repetition::of(&rules, method, effects, keyed).repeatable;
        assert!(is(Method::Get, none, false));
        assert!(is(Method::Head, none, false));
        assert!(!is(Method::Post, none, false));
        assert!(is(Method::Post, none, true));
        assert!(is(Method::Put, idempotent, false));
        assert!(!is(Method::Delete, none, false));
    }
}
