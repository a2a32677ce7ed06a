//! What `idempotency`, `cache` and `limits` say: how often a call may happen, and when an answer serves again.

use serde_json::Value;

use super::fields::{Names, Object};
use super::inputs::Inputs;
use super::rules::part;
use super::{Api, Effects, InputMapping, OutputRules, Target, auth, headers};
use crate::walk::{At, Faults};

/// The header of a key unless a tool says otherwise
/// (draft-ietf-httpapi-idempotency-key-header).
pub const DEFAULT_KEY_HEADER: &str = "Idempotency-Key";
/// How long the ledger remembers unless a tool says otherwise, in seconds: a day.
pub const DEFAULT_KEY_TTL_S: u64 = 86_400;
/// The shortest and longest memory of the ledger, in seconds: a minute and 30 days.
const KEY_TTL_S: (u64, u64) = (60, 2_592_000);
/// The longest life of a cached answer, in seconds: a day.
const MAX_CACHE_TTL_S: u64 = 86_400;
const MAX_KEY_FIELDS: usize = 16;
const MAX_RATE: u64 = 60_000;
const MAX_CONCURRENCY: u64 = 1_000;
/// Headers that say something else than a key.
const NO_KEY: [&str; 4] = ["accept", "content-type", "if-match", "user-agent"];

/// `idempotency`: the upstream honours a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRules {
    /// The header that the key goes to.
    pub header: String,
    /// Inputs that make the key when the caller gives none.
    pub key_fields: Vec<String>,
    /// How long the ledger remembers, in seconds.
    pub ttl_s: u64,
}

/// `cache`: answers of a read-only tool that are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheRules {
    /// For how long, in seconds.
    pub ttl_s: u64,
}

/// `limits`: of a workspace's calls of the tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitRules {
    /// Calls a minute.
    pub rate_per_minute: Option<u32>,
    /// Calls at the same time.
    pub concurrency: Option<u32>,
}

impl LimitRules {
    /// Whether nothing is limited.
    pub const fn is_empty(&self) -> bool {
        self.rate_per_minute.is_none() && self.concurrency.is_none()
    }
}

/// Reads `idempotency`.
pub(super) fn idempotency(
    root: Object<'_, '_>,
    api: Option<&Api>,
    mapping: &InputMapping,
    inputs: &Inputs<'_>,
    faults: &mut Faults,
) -> Option<IdempotencyRules> {
    const NAMES: Names = Names {
        known: &["header", "key_fields", "ttl_s"],
        elsewhere: &[
            ("key", "to the caller, as the header Idempotency-Key"),
            ("fields", "here as \"key_fields\""),
            ("ttl", "here as \"ttl_s\", in seconds"),
        ],
    };
    let at = root.at.name("idempotency");
    let rules = part(root, "idempotency", &at, NAMES, faults)?;
    let header = faults.text(rules, "header");
    if let Some(header) = header {
        key_header(header, &at.name("header"), api, mapping, faults);
    }
    let ttl_s = faults.whole(rules, "ttl_s", KEY_TTL_S.0, KEY_TTL_S.1);
    Some(IdempotencyRules {
        header: header.unwrap_or(DEFAULT_KEY_HEADER).to_owned(),
        key_fields: key_fields(rules, inputs, faults),
        ttl_s: ttl_s.unwrap_or(DEFAULT_KEY_TTL_S),
    })
}

/// A header of its own, which nothing else sets.
fn key_header(
    header: &str,
    at: &At<'_>,
    api: Option<&Api>,
    mapping: &InputMapping,
    faults: &mut Faults,
) {
    if !headers::name_by_input(header, at, faults) {
        return;
    }
    let is = |other: &str| other.eq_ignore_ascii_case(header);
    if NO_KEY.iter().any(|other| is(other)) {
        let message = format!("the header \"{header}\" says something else than a key");
        let hint = format!("the usual one is \"{DEFAULT_KEY_HEADER}\"");
        faults.advise(at, "header_not_allowed", message, hint);
        return;
    }
    let stated = api.is_some_and(|api| {
        api.headers.iter().any(|(name, _)| is(name))
            || auth::slots(&api.auth)
                .iter()
                .any(|slot| slot.is_header(header))
    });
    let mapped = match mapping {
        InputMapping::Identity => false,
        InputMapping::Exact(rules) => rules
            .iter()
            .any(|rule| matches!(&rule.target, Target::Header { name, .. } if is(name))),
    };
    if stated || mapped {
        let message = format!("the header \"{header}\" is set by another part of the tool");
        let hint =
            "the key needs a header of its own; an input that is the key goes to \"key_fields\"";
        faults.advise(at, "conflict", message, hint);
    }
}

fn key_fields(rules: Object<'_, '_>, inputs: &Inputs<'_>, faults: &mut Faults) -> Vec<String> {
    let at = rules.at.name("key_fields");
    let Some(value) = rules.members.get("key_fields") else {
        return Vec::new();
    };
    let mut fields: Vec<String> = Vec::new();
    for (index, value) in faults.list(value, &at, MAX_KEY_FIELDS).iter().enumerate() {
        let place = at.index(index);
        match value {
            Value::String(name) if fields.contains(name) => {
                faults.add(&place, "conflict", "this input stands twice");
            }
            Value::String(name) => {
                inputs.known(name, &place, faults);
                fields.push(name.clone());
            }
            other => faults.wrong_type(&place, "the name of an input", other),
        }
    }
    fields
}

/// Reads `cache`.
pub(super) fn cache(
    root: Object<'_, '_>,
    effects: Effects,
    output: &OutputRules,
    faults: &mut Faults,
) -> Option<CacheRules> {
    const NAMES: Names = Names {
        known: &["ttl_s"],
        elsewhere: &[("ttl", "here as \"ttl_s\", in seconds")],
    };
    let at = root.at.name("cache");
    let rules = part(root, "cache", &at, NAMES, faults)?;
    if !rules.members.contains_key("ttl_s") {
        faults.missing(&at, "ttl_s");
    }
    if !effects.read_only {
        faults.advise(
            &at,
            "conflict",
            "only the answers of a tool that changes nothing are used again",
            "leave \"cache\" out; or say \"annotations\": {\"read_only\": true} if it does only read",
        );
    }
    if !output.redact.is_empty() {
        faults.advise(
            &at,
            "conflict",
            "an output with members that are never stored is not kept for later",
            "leave out \"cache\" or \"output.redact\"",
        );
    }
    let ttl_s = faults.whole(rules, "ttl_s", 1, MAX_CACHE_TTL_S)?;
    Some(CacheRules { ttl_s })
}

/// Reads `limits`.
pub(super) fn limits(root: Object<'_, '_>, faults: &mut Faults) -> LimitRules {
    const NAMES: Names = Names {
        known: &["rate_per_minute", "concurrency"],
        elsewhere: &[("timeout", "into \"api\"")],
    };
    let at = root.at.name("limits");
    let Some(rules) = part(root, "limits", &at, NAMES, faults) else {
        return LimitRules::default();
    };
    let small = |number: u64| u32::try_from(number).ok();
    LimitRules {
        rate_per_minute: faults
            .whole(rules, "rate_per_minute", 1, MAX_RATE)
            .and_then(small),
        concurrency: faults
            .whole(rules, "concurrency", 1, MAX_CONCURRENCY)
            .and_then(small),
    }
}
