//! Which key a call takes, and what of its outcome is kept under it; pure.

use std::time::Duration;

use domain::caller::Caller;
use domain::canonical;
use domain::config::{
    Auth, ConnectionOwner, DEFAULT_KEY_TTL_S, IdempotencyRules, TokenSource, ToolConfig,
};
use domain::failure::{Failure, FailureCode};
use domain::ids::{ToolId, UserId, WorkspaceId};
use persistence::idempotency::Claim;
use registry::CompiledTool;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::cut::Cut;

/// Largest answer that is used again by other calls, in bytes of JSON.
pub(crate) const MAX_CACHED: usize = 256 * 1024;
/// Largest answer that is kept under a key: about as much as a function may answer at all.
const MAX_KEPT: usize = 6 * 1024 * 1024;

/// What came of an execution, as other calls are told it. Everything in it has passed the masker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) outcome: Outcome,
    pub(crate) execution_time_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cut: Option<Cut>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Output(Value),
    Error(Failure),
}

impl From<Outcome> for Result<Value, Failure> {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Output(output) => Ok(output),
            Outcome::Error(failure) => Err(failure),
        }
    }
}

/// Why a call takes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its caller or its tool named it, so that it is made once.
    Once,
    /// Its answer serves all calls that ask for the same.
    Cache,
}

/// A key and why it is taken.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) purpose: Purpose,
    pub(crate) claim: Claim,
}

/// The person on whose own connection the answer depends, if any: nobody else is told it.
pub(crate) fn identity(caller: &Caller, config: &ToolConfig) -> Option<UserId> {
    let Auth::Token(token) = &config.api.auth else {
        return None;
    };
    let TokenSource::AuthorizationCode(code) = &token.source else {
        return None;
    };
    (code.per == ConnectionOwner::User).then_some(caller.principal.user_id)
}

/// The key that a tool's `key_fields` make of an input: the same for the same values, and for this tool of this
/// workspace alone. `None` when the input has none of them.
pub(crate) fn derived(
    rules: &IdempotencyRules,
    workspace: WorkspaceId,
    tool: &ToolId,
    identity: Option<UserId>,
    input: &Map<String, Value>,
) -> Option<String> {
    let fields: Map<String, Value> = rules
        .key_fields
        .iter()
        .filter_map(|name| Some((name.clone(), input.get(name)?.clone())))
        .collect();
    if fields.is_empty() {
        return None;
    }
    let identity = identity.map(|user| user.0);
    let named =
        json!({ "workspace": workspace.0, "tool": tool, "user": identity, "fields": fields });
    Some(canonical::hash(&named))
}

/// The claim of a call that has a key.
pub(crate) fn once(
    tool: &CompiledTool,
    key: &str,
    identity: Option<UserId>,
    input: &Value,
    repeatable: bool,
) -> Key {
    let rules = tool.config.idempotency.as_ref();
    let ttl_s = rules.map_or(DEFAULT_KEY_TTL_S, |rules| rules.ttl_s);
    let identity = identity.map(|user| user.0);
    let request = json!({ "tool": tool.id, "user": identity, "input": input });
    Key {
        purpose: Purpose::Once,
        claim: Claim {
            scope: format!("tool:{}", tool.id),
            key: key.to_owned(),
            request_hash: canonical::digest(&request),
            repeatable,
            ttl: Duration::from_secs(ttl_s),
        },
    }
}

/// The claim of a call whose answer may serve others; `None` when the tool's answers may not.
pub(crate) fn cache(tool: &CompiledTool, identity: Option<UserId>, input: &Value) -> Option<Key> {
    let rules = tool.config.cache?;
    let identity = identity.map(|user| user.0);
    let asked = json!({ "version": tool.hash, "user": identity, "input": input });
    Some(Key {
        purpose: Purpose::Cache,
        claim: Claim {
            scope: format!("cache:{}", tool.id),
            key: canonical::hash(&asked),
            request_hash: canonical::digest(&asked),
            repeatable: true,
            ttl: Duration::from_secs(rules.ttl_s),
        },
    })
}

/// For how long an outcome is kept under its key; `None` gives the key back. `uncertain`: something went out that may
/// have had an effect and is not safe to make again.
pub(crate) fn kept_for(key: &Key, outcome: &Outcome, uncertain: bool) -> Option<Duration> {
    match (key.purpose, outcome) {
        (Purpose::Once | Purpose::Cache, Outcome::Output(_)) => Some(key.claim.ttl),
        (Purpose::Once, Outcome::Error(failure)) => {
            (uncertain || is_final(failure)).then_some(key.claim.ttl)
        }
        // Those who wait for this very call are told of its failure; the next one makes a call of its own.
        (Purpose::Cache, Outcome::Error(_)) => Some(Duration::ZERO),
    }
}

/// The upstream has spoken, and would say the same again.
fn is_final(failure: &Failure) -> bool {
    if failure.retryable {
        return false;
    }
    match failure.code {
        FailureCode::Upstream4xx
        | FailureCode::UpstreamError
        | FailureCode::ResponseTooLarge
        | FailureCode::InvalidResponse
        | FailureCode::MappingFailed
        | FailureCode::OutputInvalid
        | FailureCode::UnknownOutcome => true,
        FailureCode::InvalidInput
        | FailureCode::ToolNotFound
        | FailureCode::ToolDisabled
        | FailureCode::QuotaExceeded
        | FailureCode::SecretMissing
        | FailureCode::AuthFailed
        | FailureCode::EgressBlocked
        | FailureCode::ConnectFailed
        | FailureCode::Timeout
        | FailureCode::RateLimited
        | FailureCode::Upstream5xx
        | FailureCode::RepeatedCall
        | FailureCode::FlowFailed
        | FailureCode::FlowRunning => false,
    }
}

/// The outcome as the ledger stores it, and for how long; `None` gives the key back.
pub(crate) fn stored(key: &Key, kept: &Kept, uncertain: bool) -> Option<(String, Duration)> {
    let ttl = kept_for(key, &kept.outcome, uncertain)?;
    let text = serde_json::to_string(kept).ok()?;
    match key.purpose {
        Purpose::Cache if text.len() > MAX_CACHED => None,
        Purpose::Once if text.len() > MAX_KEPT => {
            let told = Kept {
                outcome: Outcome::Error(too_large()),
                execution_time_ms: kept.execution_time_ms,
                cut: None,
                warnings: Vec::new(),
            };
            Some((serde_json::to_string(&told).ok()?, ttl))
        }
        Purpose::Once | Purpose::Cache => Some((text, ttl)),
    }
}

/// Reads what [`stored`] wrote. Answers may be as deep as an upstream's answer may be, and a little more.
pub(crate) fn read(text: &str) -> Result<Kept, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    Kept::deserialize(&mut reader)
}

fn too_large() -> Failure {
    Failure::new(
        FailureCode::ResponseTooLarge,
        "The call was made and succeeded, but its answer is too large to be told again.",
        "Look at the upstream for what it did; read large answers with a tool that needs no key.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn rules(fields: &[&str]) -> IdempotencyRules {
        IdempotencyRules {
            header: "Idempotency-Key".to_owned(),
            key_fields: fields.iter().map(|name| (*name).to_owned()).collect(),
            ttl_s: 60,
        }
    }

    fn key_of(workspace: u128, tool: &str, user: Option<u128>, input: &Value) -> Option<String> {
        derived(
            &rules(&["order", "line"]),
            WorkspaceId(Uuid::from_u128(workspace)),
            &tool.parse().unwrap(),
            user.map(|user| UserId(Uuid::from_u128(user))),
            input.as_object().unwrap(),
        )
    }

    #[test]
    fn a_derived_key_depends_on_its_fields_workspace_tool_and_person_alone() {
        let input = json!({ "order": 7, "line": "a", "note": "x" });
        let key = key_of(1, "t", None, &input).unwrap();
        assert_eq!(key.len(), 64);
        let same = json!({ "line": "a", "note": "y", "order": 7.0 });
        assert_eq!(key_of(1, "t", None, &same).as_ref(), Some(&key));
        for other in [
            key_of(2, "t", None, &input),
            key_of(1, "u", None, &input),
            key_of(1, "t", Some(1), &input),
            key_of(1, "t", None, &json!({ "order": 7 })),
            key_of(1, "t", None, &json!({ "order": 7, "line": null })),
            key_of(1, "t", None, &json!({ "order": "7", "line": "a" })),
        ] {
            assert_ne!(other.as_ref(), Some(&key));
            assert!(other.is_some());
        }
        assert_eq!(key_of(1, "t", None, &json!({ "note": "x" })), None);
    }

    fn key(purpose: Purpose) -> Key {
        Key {
            purpose,
            claim: Claim {
                scope: "tool:t".to_owned(),
                key: "k".to_owned(),
                request_hash: [0; 32],
                repeatable: false,
                ttl: Duration::from_secs(60),
            },
        }
    }

    #[test]
    fn what_is_kept_under_a_key() {
        let minute = Some(Duration::from_secs(60));
        let kept = |code, uncertain| {
            let failure = Outcome::Error(Failure::new(code, "", ""));
            kept_for(&key(Purpose::Once), &failure, uncertain)
        };
        assert_eq!(
            kept_for(&key(Purpose::Once), &Outcome::Output(Value::Null), true),
            minute
        );
        for code in FailureCode::ALL {
            assert_eq!(kept(code, true), minute, "{code:?} may have had an effect");
        }
        for (code, expected) in [
            (FailureCode::SecretMissing, None),
            (FailureCode::EgressBlocked, None),
            (FailureCode::ConnectFailed, None),
            (FailureCode::Timeout, None),
            (FailureCode::AuthFailed, None),
            (FailureCode::RateLimited, None),
            (FailureCode::Upstream5xx, None),
            (FailureCode::Upstream4xx, minute),
            (FailureCode::UpstreamError, minute),
            (FailureCode::MappingFailed, minute),
            (FailureCode::OutputInvalid, minute),
        ] {
            assert_eq!(kept(code, false), expected, "{code:?}");
        }
        let mut soft = Failure::new(FailureCode::UpstreamError, "", "");
        soft.retryable = true;
        assert_eq!(
            kept_for(&key(Purpose::Once), &Outcome::Error(soft), false),
            None
        );
    }

    #[test]
    fn a_cached_failure_is_for_those_who_wait_for_it() {
        let failure = Outcome::Error(Failure::new(FailureCode::Timeout, "", ""));
        assert_eq!(
            kept_for(&key(Purpose::Cache), &failure, false),
            Some(Duration::ZERO)
        );
    }

    fn answer(output: Value) -> Kept {
        Kept {
            outcome: Outcome::Output(output),
            execution_time_ms: 7,
            cut: None,
            warnings: vec!["w".to_owned()],
        }
    }

    #[test]
    fn what_was_stored_is_read_again() {
        let mut deep = json!([9_007_199_254_740_993_u64, 0.1, null, "a\u{0}b"]);
        for _ in 0..200 {
            deep = json!([deep]);
        }
        let failed = Kept {
            outcome: Outcome::Error(
                Failure::new(FailureCode::Timeout, "m", "h").detail("attempts", 2),
            ),
            execution_time_ms: 1,
            cut: None,
            warnings: Vec::new(),
        };
        for kept in [answer(Value::Null), answer(deep), failed] {
            let (text, _) = stored(&key(Purpose::Once), &kept, true).unwrap();
            assert_eq!(read(&text).unwrap(), kept);
        }
    }

    #[test]
    fn large_answers_serve_nobody_else() {
        let cached = answer("x".repeat(MAX_CACHED).into());
        assert_eq!(stored(&key(Purpose::Cache), &cached, false), None);
        assert!(stored(&key(Purpose::Once), &cached, false).is_some());
        let huge = answer("x".repeat(MAX_KEPT).into());
        let (text, _) = stored(&key(Purpose::Once), &huge, false).unwrap();
        let Outcome::Error(failure) = read(&text).unwrap().outcome else {
            panic!("kept whole");
        };
        assert_eq!(failure.code, FailureCode::ResponseTooLarge);
    }
}
