//! Tokens over HTTP: where they may stand, and what a good one still does not give.
//!
//! The tokens of the file's recipes are built and judged in `shared/auth`; here the answers of the routes are.

use serde_json::{Value, json};

use super::{Rig, cases, filled_in};

/// Lines that are about the place of the token, not about the token.
const PLACES: [&str; 4] = ["jwt-086", "jwt-090", "jwt-091", "jwt-092"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_counts_in_one_place_only() {
    let rig = Rig::allowing(&[]).await;
    let token = rig.token_of("admin");
    let mut seen = 0;
    for case in cases("jwt") {
        if !PLACES.contains(&case.id.as_str()) {
            continue;
        }
        seen += 1;
        let mut request = filled_in(case.request(), &[("GOOD_JWT", &token), ("JWT_B", &token)]);
        if case.id == "jwt-091" {
            request["path"] = format!("/api/v1/tools?access_token={token}").into();
        }
        if request["headers"].get("Authorization").is_none() {
            // Nothing but the misplaced token.
            request["headers"]["Authorization"] = json!([]);
        }
        let answer = rig.send(&request, &[]).await;
        let told = format!(
            "{} {}: {} {}",
            case.id, case.what, answer.status, answer.text
        );
        assert_eq!(answer.status, 401, "{told}");
        assert!(answer.headers.contains_key("www-authenticate"), "{told}");
    }
    assert_eq!(seen, PLACES.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_about_rights_give_no_rights() {
    let rig = Rig::allowing(&[]).await;
    let viewer = rig.app().viewer();
    let token = rig
        .app()
        .token_of(&viewer)
        .claim(
            "user_metadata",
            json!({ "role": "admin", "is_admin": true }),
        )
        .claim("app_metadata", json!({ "role": "service_role" }))
        .signed(&rig.app().signer());
    let reads = rig.call("GET", "/api/v1/tools", Some(&token), None).await;
    assert_eq!(reads.status, 200, "{}", reads.text);
    let writes = rig.call("POST", "/api/v1/tools", Some(&token), None).await;
    assert_eq!(writes.status, 403, "{}", writes.text);
    let told = writes.json["detail"].as_str().unwrap_or_default();
    assert!(told.contains("member"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_account_is_refused_while_its_token_is_good() {
    let rig = Rig::allowing(&[]).await;
    let token = rig.token_of("member");
    assert_eq!(
        rig.call("GET", "/api/v1/tools", Some(&token), None)
            .await
            .status,
        200
    );
    let user = rig.app().member().user_id();
    rig.sql(&format!(
        "update identity.profiles set disabled_at = now() where id = '{user}'"
    ));
    let answer = rig.call("GET", "/api/v1/tools", Some(&token), None).await;
    assert!(matches!(answer.status, 401 | 403), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spoilt_tokens_are_401_with_a_reason_and_never_their_text() {
    let rig = Rig::allowing(&[]).await;
    let app = rig.app();
    let good = app.token_of(&app.alice());
    let spoilt: Vec<(&str, String)> = vec![
        (
            "expired",
            good.clone()
                .claim("exp", 1_600_000_000)
                .signed(&app.signer()),
        ),
        ("no exp", good.clone().without("exp").signed(&app.signer())),
        (
            "wrong aud",
            good.clone().claim("aud", "anon").signed(&app.signer()),
        ),
        (
            "wrong iss",
            good.clone()
                .claim("iss", "https://evil.example/auth/v1")
                .signed(&app.signer()),
        ),
        (
            "service role",
            good.clone()
                .claim("role", "service_role")
                .signed(&app.signer()),
        ),
        (
            "anonymous",
            good.clone()
                .claim("is_anonymous", true)
                .signed(&app.signer()),
        ),
        (
            "other secret",
            good.clone().signed(&testkit::Signer::hs256(
                "another-secret-of-32-bytes-or-more!",
            )),
        ),
        (
            "alg none",
            good.clone().header("alg", "none").signed(&app.signer()),
        ),
        (
            "crit",
            good.clone()
                .header("crit", json!(["x"]))
                .signed(&app.signer()),
        ),
        (
            "unknown kid",
            good.clone().signed(&testkit::Signer::es256("nobody")),
        ),
    ];
    for (what, token) in spoilt {
        let answer = rig.call("GET", "/api/v1/tools", Some(&token), None).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        assert_eq!(answer.json["code"], Value::from("invalid_token"), "{what}");
        assert!(
            !answer.text.contains(&token),
            "{what}: the token was repeated"
        );
    }
    let accepted = rig
        .call(
            "GET",
            "/api/v1/tools",
            Some(&good.signed(&app.signer())),
            None,
        )
        .await;
    assert_eq!(accepted.status, 200, "{}", accepted.text);
}
