//! Secrets on their way: used where they may be, and never seen again.

use domain::caller::Door;
use domain::failure::FailureCode;
use executor::{ExecuteError, ExecuteOptions};
use serde_json::{Value, json};

use crate::stand::Stand;
use crate::upstream::{Reply, http};

const VALUE: &str = "s3cret/value+with=signs";

impl Stand {
    async fn stores(&self, host: &str) {
        let name = "API_KEY".parse().unwrap();
        self.vault
            .create(
                &self.alice().await,
                &name,
                &VALUE.into(),
                &[host.to_owned()],
                &[],
            )
            .await
            .unwrap();
    }

    async fn stores_for_upstream(&self) {
        self.stores(&self.upstream.address.to_string()).await;
    }

    fn keyed(&self) -> Value {
        let auth = json!({
            "method": "api_key_query", "key_name": "apikey", "secret_ref": "${API_KEY}"
        });
        self.tool(json!({ "auth": auth }), json!({}))
    }
}

#[tokio::test]
async fn a_secret_is_sent_and_masked_in_all_that_comes_back() {
    let echo = json!({ "you_sent": VALUE, "url": "/?apikey=s3cret%2Fvalue%2Bwith%3Dsigns" });
    let stand = Stand::answering(&echo.to_string()).await;
    stand.stores_for_upstream().await;
    let done = stand.run(stand.keyed(), json!({ "q": VALUE })).await;
    let head = &stand.upstream.heads()[0];
    assert!(
        head.contains("apikey=s3cret%2fvalue%2bwith%3dsigns"),
        "{head}"
    );
    let output = done.outcome.unwrap().to_string();
    let row = stand.stored(done.execution_id).await;
    for text in [output, format!("{row:?}")] {
        assert!(!text.contains("s3cret"), "{text}");
    }
    let phases: Vec<&Value> = row
        .timeline
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["phase"])
        .collect();
    assert!(phases.contains(&&json!("secrets")));
}

#[tokio::test]
async fn a_secret_in_an_error_is_masked() {
    let body = format!("bad key {VALUE}");
    let answer = http("401 Unauthorized", "", &body);
    let stand = Stand::with(vec![Reply::Raw(answer.into_bytes())]).await;
    stand.stores_for_upstream().await;
    let done = stand.run(stand.keyed(), json!({})).await;
    let failure = done.outcome.unwrap_err();
    assert_eq!(failure.code, FailureCode::AuthFailed);
    assert!(failure.hint.contains("${API_KEY}"));
    let row = stand.stored(done.execution_id).await;
    for text in [format!("{failure:?}"), format!("{row:?}")] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn no_part_of_a_secret_gets_into_a_message_that_cuts_values() {
    let echo = json!({ "n": format!("{} {VALUE}", "x".repeat(25)) });
    let stand = Stand::answering(&echo.to_string()).await;
    stand.stores_for_upstream().await;
    let mut tool = stand.keyed();
    tool["output_schema"] = json!({ "properties": { "n": { "type": "integer" } } });
    tool["mapping"] = json!({ "response_to_output": { "n": "n" } });
    let failure = stand.run(tool, json!({})).await.outcome.unwrap_err();
    assert_eq!(failure.code, FailureCode::MappingFailed);
    assert!(failure.message.contains("xxx •••"), "{}", failure.message);
    assert!(!format!("{failure:?}").contains("s3c"));
}

#[tokio::test]
async fn a_missing_secret_sends_nothing() {
    let stand = Stand::answering("{}").await;
    let done = stand.run(stand.keyed(), json!({})).await;
    let failure = done.outcome.unwrap_err();
    assert_eq!(failure.code, FailureCode::SecretMissing);
    assert_eq!(failure.details["secrets"], json!(["API_KEY"]));
    assert_eq!(stand.upstream.connections(), 0);
}

#[tokio::test]
async fn a_secret_of_another_host_is_not_sent() {
    let stand = Stand::answering("{}").await;
    stand.stores("api.example.com").await;
    let done = stand.run(stand.keyed(), json!({})).await;
    let failure = done.outcome.unwrap_err();
    assert_eq!(failure.code, FailureCode::EgressBlocked);
    assert_eq!(failure.details["secret"], "API_KEY");
    assert_eq!(stand.upstream.connections(), 0);
}

#[tokio::test]
async fn without_the_audit_nothing_is_sent() {
    let stand = Stand::answering("{}").await;
    stand.stores_for_upstream().await;
    let id = stand.registers(stand.keyed()).await;
    let alice = stand.alice().await;
    let rest = || ExecuteOptions::through(Door::Rest);
    stand
        .executor
        .execute(&alice, &id, json!({}), rest())
        .await
        .unwrap();
    let before = stand.upstream.heads().len();
    stand.loses_its_database().await;
    let refused = stand.executor.execute(&alice, &id, json!({}), rest()).await;
    assert!(
        matches!(refused, Err(ExecuteError::AuditUnavailable(_))),
        "{refused:?}"
    );
    assert_eq!(stand.upstream.heads().len(), before);
}
