//! What the suite says in each version, to the check; and what it asks that this server does not offer.

use std::collections::BTreeMap;

use super::super::{LEGACY, MODERN};
use super::{Ended, OLDEST};

/// A scenario that applies, how many of its checks pass, and the checks that cannot.
type Scenario = (&'static str, usize, &'static [&'static str]);

/// In every version.
const ALWAYS: [Scenario; 6] = [
    ("tools-call-simple-text", 2, &[]),
    ("tools-call-error", 2, &[]),
    ("tools-call-with-progress", 2, &[]),
    ("prompts-list", 2, &[]),
    ("prompts-get-simple", 2, &[]),
    ("prompts-get-with-args", 2, &[]),
];

/// In the versions with a handshake.
const SHAKEN: [Scenario; 2] = [("server-initialize", 2, &[]), ("ping", 2, &[])];

/// Each version asks one thing more of the list.
const LISTS: [Scenario; 3] = [
    ("tools-list", 2, &[]),
    ("tools-list", 3, &[]),
    ("tools-list", 4, &[]),
];

/// In the versions from 2025-11-25 on.
const LATER: [Scenario; 2] = [
    ("json-schema-2020-12", 8, &[]),
    ("dns-rebinding-protection", 2, &[]),
];

/// In the version without a handshake.
const STATELESS: [Scenario; 7] = [
    (
        "server-stateless",
        23,
        // They want a tool that asks its client's model; no tool of ours needs anything of the client.
        &[
            "sep-2575-server-rejects-undeclared-capability",
            "sep-2575-missing-capability-http-400",
        ],
    ),
    ("http-header-validation", 14, &[]),
    ("server-sse-multiple-streams", 1, &[]),
    ("sep-2164-resource-not-found", 4, &[]),
    (
        "caching",
        5,
        // There are no resources.
        &[
            "sep-2549-resources-list-caching-hints",
            "sep-2549-resources-templates-list-caching-hints",
        ],
    ),
    ("input-required-result-unsupported-methods", 2, &[]),
    ("input-required-result-validate-input", 3, &[]),
];

/// All that applies in the version.
pub(super) fn of(version: &str) -> BTreeMap<String, Ended> {
    let groups: Vec<&[Scenario]> = match version {
        OLDEST => vec![&ALWAYS, &LISTS[..1], &SHAKEN],
        LEGACY => vec![&ALWAYS, &LISTS[1..2], &SHAKEN, &LATER],
        MODERN => vec![&ALWAYS, &LISTS[2..], &LATER, &STATELESS],
        other => panic!("nothing is expected in {other}"),
    };
    let scenarios = groups.into_iter().flatten();
    scenarios
        .map(|(name, passed, failed)| {
            let (passed, failed) = (*passed, failed.iter().map(|id| (*id).to_owned()).collect());
            ((*name).to_owned(), Ended { passed, failed })
        })
        .collect()
}

/// Why a scenario does not apply. `None`: it does, or is unknown.
pub(super) fn not_offered(scenario: &str, version: &str) -> Option<&'static str> {
    Some(match scenario {
        "completion-complete" => "no completion of arguments",
        "logging-set-level" | "tools-call-with-logging" => "no log for clients",
        "tools-call-image"
        | "tools-call-audio"
        | "tools-call-embedded-resource"
        | "tools-call-mixed-content" => "tools answer text and JSON",
        "prompts-get-embedded-resource" | "prompts-get-with-image" => "prompts are text",
        "resources-list"
        | "resources-read-text"
        | "resources-read-binary"
        | "resources-templates-read"
        | "resources-subscribe"
        | "resources-unsubscribe" => "no resources",
        "tools-call-sampling"
        | "tools-call-elicitation"
        | "elicitation-sep1034-defaults"
        | "elicitation-sep1330-enums"
        | "input-required-result-basic-elicitation"
        | "input-required-result-basic-sampling"
        | "input-required-result-basic-list-roots"
        | "input-required-result-request-state"
        | "input-required-result-multiple-input-requests"
        | "input-required-result-multi-round"
        | "input-required-result-missing-input-response"
        | "input-required-result-non-tool-request"
        | "input-required-result-result-type"
        | "input-required-result-tampered-state"
        | "input-required-result-capability-check"
        | "input-required-result-ignore-extra-params" => "the client is asked nothing",
        "server-session-lifecycle" | "server-sse-polling" => "no sessions",
        "server-sse-multiple-streams" if version == LEGACY => "no sessions",
        "http-custom-header-server-validation" => "no tool tells an argument in a header",
        _ => return None,
    })
}
