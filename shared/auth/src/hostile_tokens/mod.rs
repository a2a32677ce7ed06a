//! The collected hostile tokens, each with its answer, and the issuer's bad days.

mod bad_days;
mod forge;
mod issuer;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use self::forge::{ALICE, Forge};
use self::issuer::Issuer;
use crate::error::{AuthError, Reason};
use crate::{Verifier, bearer};

/// Lines that are scenes of the issuer's: each has its test in `bad_days`.
const SCENES: [&str; 6] = [
    "jwt-094", "jwt-096", "jwt-097", "jwt-098", "jwt-099", "jwt-100",
];

/// Lines whose answer is the database's: here the token itself is good, a test over HTTP refuses the account.
const OF_THE_DATABASE: [&str; 1] = ["jwt-070"];

/// What is asserted of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Alice,
    NoToken,
    Refused(Reason),
}

const ANSWERS: &[(&str, Answer)] = &[
    ("jwt-002", Answer::Refused(Reason::Algorithm)),
    ("jwt-004", Answer::Refused(Reason::Algorithm)),
    ("jwt-007", Answer::Refused(Reason::Malformed)),
    ("jwt-017", Answer::Refused(Reason::Algorithm)),
    ("jwt-018", Answer::Refused(Reason::Algorithm)),
    ("jwt-019", Answer::Refused(Reason::Algorithm)),
    ("jwt-020", Answer::Refused(Reason::Algorithm)),
    ("jwt-022", Answer::Refused(Reason::Signature)),
    ("jwt-023", Answer::Refused(Reason::Signature)),
    ("jwt-028", Answer::Refused(Reason::Signature)),
    ("jwt-029", Answer::Refused(Reason::UnknownKey)),
    ("jwt-032", Answer::Refused(Reason::HeaderField("crit"))),
    ("jwt-033", Answer::Refused(Reason::HeaderField("crit"))),
    ("jwt-034", Answer::Refused(Reason::HeaderField("cty"))),
    ("jwt-035", Answer::Refused(Reason::HeaderField("zip"))),
    ("jwt-036", Answer::Refused(Reason::Malformed)),
    ("jwt-038", Answer::Refused(Reason::Expired)),
    ("jwt-040", Answer::Refused(Reason::ClaimRefused("exp"))),
    ("jwt-041", Answer::Refused(Reason::ClaimRefused("exp"))),
    ("jwt-043", Answer::Refused(Reason::ClaimRefused("exp"))),
    ("jwt-044", Answer::Refused(Reason::ClaimRefused("exp"))),
    ("jwt-045", Answer::Refused(Reason::LifetimeTooLong)),
    ("jwt-049", Answer::Refused(Reason::ClaimRefused("aud"))),
    ("jwt-050", Answer::Refused(Reason::ClaimMissing("aud"))),
    ("jwt-053", Answer::Refused(Reason::ClaimRefused("iss"))),
    ("jwt-054", Answer::Refused(Reason::ClaimMissing("iss"))),
    ("jwt-055", Answer::Refused(Reason::ClaimRefused("iss"))),
    ("jwt-060", Answer::Refused(Reason::ClaimRefused("sub"))),
    ("jwt-061", Answer::Refused(Reason::ClaimRefused("role"))),
    ("jwt-062", Answer::Refused(Reason::ClaimRefused("role"))),
    ("jwt-066", Answer::Alice),
    ("jwt-068", Answer::Refused(Reason::Anonymous)),
    ("jwt-072", Answer::Refused(Reason::Algorithm)),
    ("jwt-074", Answer::Refused(Reason::Malformed)),
    ("jwt-075", Answer::Refused(Reason::Malformed)),
    ("jwt-077", Answer::Refused(Reason::Malformed)),
    ("jwt-079", Answer::Refused(Reason::Malformed)),
    ("jwt-080", Answer::Refused(Reason::Malformed)),
    ("jwt-083", Answer::Refused(Reason::Malformed)),
    ("jwt-084", Answer::Refused(Reason::Malformed)),
    ("jwt-086", Answer::Refused(Reason::Empty)),
    ("jwt-090", Answer::Refused(Reason::Several)),
    ("jwt-091", Answer::NoToken),
    ("jwt-092", Answer::NoToken),
];

fn lines() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/badinputs.jsonl");
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["area"] == "jwt")
        .collect()
}

/// A request's Authorization headers through the same two steps that the product takes.
async fn answer(verifier: &Verifier, authorization: Option<&str>) -> Result<String, AuthError> {
    let token = bearer(authorization.map(str::as_bytes))?;
    let principal = verifier.verify(token).await?;
    assert_eq!(principal.key, None);
    Ok(principal.user_id.to_string())
}

fn authorization(line: &Value, forge: &Forge, now: u64) -> Option<String> {
    let header = line["payload"]["request"]["headers"]
        .get("Authorization")?
        .as_str()?;
    let good = || {
        forge.session(
            now,
            "es256:current",
            &json!({"alg": "ES256", "kid": "current"}),
            &json!({}),
        )
    };
    let token = match line["payload"].get("recipe") {
        Some(recipe) => forge.recipe(recipe, now),
        None => good(),
    };
    Some(
        header
            .replace("{{JWT}}", &token)
            .replace("{{GOOD_JWT}}", &good())
            .replace("{{JWT_B}}", &good()),
    )
}

#[tokio::test]
async fn every_hostile_token_has_its_answer() {
    let forge = Forge::new();
    let issuer = Issuer::start(&forge.jwks()).await;
    let verifier = issuer.verifier();
    for line in lines() {
        let id = line["id"].as_str().unwrap();
        if SCENES.contains(&id) {
            continue;
        }
        let authorization = authorization(&line, &forge, issuer.now());
        let got = answer(&verifier, authorization.as_deref()).await;
        if OF_THE_DATABASE.contains(&id) {
            assert!(got.is_ok(), "{id}: {got:?}");
            continue;
        }
        let expected = ANSWERS
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, answer)| *answer);
        let got = match got {
            Ok(user) if user == ALICE => Answer::Alice,
            Err(AuthError::MissingToken) => Answer::NoToken,
            Err(AuthError::InvalidToken(reason)) => Answer::Refused(reason),
            other => panic!("{id}: {other:?}"),
        };
        assert_eq!(Some(got), expected, "{id} {}", line["what"]);
    }
}

#[test]
fn no_collected_token_is_left_out() {
    let lines = lines();
    let collected: BTreeSet<&str> = lines
        .iter()
        .filter_map(|line| line["id"].as_str())
        .collect();
    let answered = ANSWERS.iter().map(|(id, _)| *id);
    let known: BTreeSet<&str> = answered.chain(SCENES).chain(OF_THE_DATABASE).collect();
    assert_eq!(collected, known);
    assert_eq!(collected.len(), 51);
}

#[tokio::test]
async fn accepts_each_kind_of_good_token() {
    let forge = Forge::new();
    let issuer = Issuer::start(&forge.jwks()).await;
    let verifier = issuer.verifier();
    for (sign, header) in [
        (
            "es256:current",
            json!({"alg": "ES256", "typ": "JWT", "kid": "current"}),
        ),
        ("rs256:rsa", json!({"alg": "RS256", "kid": "rsa"})),
        ("hs256:legacy", json!({"alg": "HS256", "typ": "JWT"})),
        (
            "hs256:legacy",
            json!({"alg": "HS256", "kid": "of the legacy secret"}),
        ),
    ] {
        let token = forge.session(issuer.now(), sign, &header, &json!({}));
        let user = verifier.verify(&token).await.unwrap().user_id;
        assert_eq!(user.to_string(), ALICE, "{sign}");
    }
}

#[tokio::test]
async fn no_key_is_used_for_another_algorithm() {
    let forge = Forge::new();
    let issuer = Issuer::start(&forge.jwks()).await;
    let verifier = issuer.verifier();
    for (sign, header, reason) in [
        // The legacy secret, under the name of a published key.
        (
            "hs256:legacy",
            json!({"alg": "HS256", "kid": "current"}),
            Reason::Algorithm,
        ),
        // A symmetric key that the issuer published by mistake.
        (
            "hs256:published",
            json!({"alg": "HS256", "kid": "oct"}),
            Reason::Signature,
        ),
        (
            "rs256:rsa",
            json!({"alg": "RS256", "kid": "current"}),
            Reason::Algorithm,
        ),
        ("es256:current", json!({"alg": "ES256"}), Reason::UnknownKey),
        (
            "es256:attacker",
            json!({"alg": "ES256", "kid": "current"}),
            Reason::Signature,
        ),
    ] {
        let token = forge.session(issuer.now(), sign, &header, &json!({}));
        match verifier.verify(&token).await {
            Err(AuthError::InvalidToken(got)) => assert_eq!(got, reason, "{sign} {header}"),
            other => panic!("{sign} {header}: {other:?}"),
        }
    }
}
