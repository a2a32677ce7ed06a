//! Reads and judges the answers of one tool.

use chrono::{DateTime, Utc};
use domain::config::{Method, ReadingRules, ResponseFormat, ResponseRules};
use domain::failure::{Failure, FailureCode};
use domain::graphql;
use domain::ids::SecretName;
use domain::reading::{self, name_of};
use domain::verdict::{Judge, Rule, Verdict};
use serde_json::Value;
use vault::mask::Masker;

use super::content::{Declared, declared, format_of};
use super::status::{complete, inside, of_kind, of_status};
use super::told::invalid;
use crate::outbound::Answer;

/// How the answers of one tool are read and judged.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) method: Method,
    pub(crate) rules: &'a ResponseRules,
    pub(crate) judge: &'a Judge,
    /// The body is GraphQL's: its `errors` are failures, its `data` is the value.
    pub(crate) graphql: bool,
}

/// What a tool's rules say about making a call again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// The same call may work later.
    Later,
    /// It will not.
    Never,
    /// What an answer of this status would say.
    LikeStatus(u16),
}

impl<'a> Reader<'a> {
    /// The answer's value, or the failure that it is. `secrets` are the names of what the call was made with, asked
    /// for when a failure tells them.
    ///
    /// # Errors
    /// By its status, by the tool's rules, or because it is not what the tool reads.
    pub(crate) fn read(
        &self,
        answer: &Answer,
        secrets: impl Fn() -> Vec<SecretName>,
        masker: &Masker,
        now: DateTime<Utc>,
    ) -> Result<Value, Failure> {
        let value = is_success(answer).then(|| self.decode(answer, masker));
        let told = |failure| complete(failure, answer, masker, now);
        let by_status = || match value {
            Some(_) => inside(answer.status),
            None => of_status(answer.status, &secrets()),
        };
        if self.graphql || !self.judge.is_idle() {
            let undecoded = match &value {
                Some(Ok(_)) => None,
                Some(Err(_)) | None => self.undecoded(answer, masker),
            };
            let decoded = value.as_ref().and_then(|value| value.as_ref().ok());
            let body = decoded.or(undecoded.as_ref());
            match self.judge.judge(answer.status, body) {
                Verdict::Failure(rule) => {
                    let kind = of_kind(rule.kind(), answer.status, &secrets());
                    return Err(told(rule.tell(kind.unwrap_or_else(by_status), body)));
                }
                Verdict::NoSuccess if decoded.is_some() => return Err(told(no_success())),
                // What cannot be read is no success either; that says more.
                Verdict::NoSuccess | Verdict::Silent => {}
            }
            if let Some(failure) = body.filter(|_| self.graphql).and_then(graphql::failure) {
                let status = value
                    .is_none()
                    .then(|| of_status(answer.status, &secrets()));
                return Err(told(of_graphql(failure, status)));
            }
        }
        match value {
            Some(value) if self.graphql => graphql::data(value?).map_err(told),
            Some(value) => value,
            None => Err(told(of_status(answer.status, &secrets()))),
        }
    }

    /// What the tool's rules say about making the call again, if they do.
    pub(crate) fn again(&self, answer: &Answer) -> Option<Again> {
        let rule = self.rule(answer)?;
        match (rule.retryable(), rule.kind()) {
            (Some(true), _) => Some(Again::Later),
            (Some(false), _) => Some(Again::Never),
            (None, Some(FailureCode::RateLimited)) => Some(Again::LikeStatus(429)),
            (None, Some(FailureCode::Upstream5xx)) => Some(Again::LikeStatus(500)),
            (None, Some(_)) => Some(Again::Never),
            (None, None) => None,
        }
    }

    /// Whether the upstream refused the credential: by the tool's rules, else by the status.
    pub(crate) fn refuses_credential(&self, answer: &Answer) -> bool {
        if answer.status != 401 && !self.judge.names(FailureCode::AuthFailed) {
            return false;
        }
        match self.rule(answer).and_then(Rule::kind) {
            Some(kind) => kind == FailureCode::AuthFailed,
            None => answer.status == 401,
        }
    }

    /// The rule that an answer falls under. Read anew: few tools have rules that ask for it.
    fn rule(&self, answer: &Answer) -> Option<&'a Rule> {
        if !self.judge.concerns_repetition() {
            return None;
        }
        let nothing = Masker::none();
        let value = match is_success(answer).then(|| self.decode(answer, &nothing)) {
            Some(Ok(value)) => Some(value),
            Some(Err(_)) | None => self.undecoded(answer, &nothing),
        };
        match self.judge.judge(answer.status, value.as_ref()) {
            Verdict::Failure(rule) => Some(rule),
            Verdict::Silent | Verdict::NoSuccess => None,
        }
    }

    /// Reads a success in the tool's format, without secrets.
    fn decode(&self, answer: &Answer, masker: &Masker) -> Result<Value, Failure> {
        let mut value = self.value(answer, masker)?;
        masker.value(&mut value);
        Ok(value)
    }

    fn value(&self, answer: &Answer, masker: &Masker) -> Result<Value, Failure> {
        if matches!(answer.status, 204 | 205) || self.method == Method::Head {
            return Ok(Value::Null);
        }
        let format = self.rules.format;
        // No text, no rows and no lines are a text, a table and a list; no document is none.
        let document = matches!(format, ResponseFormat::Json | ResponseFormat::Xml);
        if document && answer.body.trim_ascii().is_empty() {
            return if self.rules.empty_ok {
                Ok(Value::Null)
            } else {
                Err(invalid(
                    answer,
                    masker,
                    "The upstream answered with an empty body.",
                    "If an empty answer is a success, set response.empty_ok to true.",
                ))
            };
        }
        let content_type = answer.content_type.as_deref();
        let read = reading::read(&answer.body, content_type, format, &self.rules.reading);
        read.map_err(|unreadable| {
            let wanted = name_of(format);
            let message = format!("The upstream's answer is not {wanted}: {}.", unreadable.message);
            let other = format_of(content_type).filter(|other| *other != format);
            let hint = match other {
                Some(other) => format!(
                    "The upstream declares {0}: set response.format to \"{1}\", or ask for {wanted}.",
                    name_of(other),
                    name_of(other).to_ascii_lowercase(),
                ),
                None => unreadable.hint.to_owned(),
            };
            invalid(answer, masker, &message, &hint)
        })
    }

    /// The body of an answer that is no success, or is not in the tool's format, as far as the tool's rules can
    /// look into it: APIs tell their errors as JSON, as XML or in plain words, whatever they answer else.
    fn undecoded(&self, answer: &Answer, masker: &Masker) -> Option<Value> {
        let body = answer.body.trim_ascii();
        let content_type = answer.content_type.as_deref();
        let format = match (declared(content_type), body.first()?) {
            (Declared::Json, _) | (Declared::Other, b'{' | b'[') => ResponseFormat::Json,
            (Declared::Xml, _) => ResponseFormat::Xml,
            (Declared::Other, b'<') if self.rules.format == ResponseFormat::Xml => {
                ResponseFormat::Xml
            }
            (Declared::PlainText, b'{' | b'[') if self.rules.format != ResponseFormat::Text => {
                ResponseFormat::Json
            }
            (Declared::PlainText, _) => ResponseFormat::Text,
            (Declared::Other, _) if self.rules.format == ResponseFormat::Text => {
                ResponseFormat::Text
            }
            (Declared::Other, _) => return None,
        };
        let rules = ReadingRules {
            charset: None,
            ..self.rules.reading.clone()
        };
        let mut value = reading::read(&answer.body, content_type, format, &rules).ok()?;
        masker.value(&mut value);
        Some(value)
    }
}

fn is_success(answer: &Answer) -> bool {
    (200..=299).contains(&answer.status)
}

/// A failure that GraphQL tells; where it tells no kind, it is of the kind that the status says.
fn of_graphql(failure: Failure, status: Option<Failure>) -> Failure {
    match status {
        Some(status) if failure.code == FailureCode::UpstreamError => Failure {
            code: status.code,
            hint: status.hint,
            retryable: status.retryable,
            ..failure
        },
        Some(_) | None => failure,
    }
}

fn no_success() -> Failure {
    Failure::new(
        FailureCode::UpstreamError,
        "The upstream's answer is no success by the tool's response.success_when.",
        "details.body holds the upstream's words; a rule in response.errors can tell them better.",
    )
}

#[cfg(test)]
mod tests;
