//! A request that is killed between Postgres and AWS loses nothing and leaves nothing that anybody sees.

use domain::caller::{Caller, Principal, Role};
use secrecy::SecretString;
use serde_json::json;
use testkit::{AwsFault, Persona, TestApp};

use super::aws::{at_aws, keyed, names, sent, with_aws};

fn caller(who: &Persona) -> Caller {
    Caller {
        principal: Principal::user(who.user_id(), None),
        workspace_id: who.workspace_id(),
        role: Role::Owner,
        catalog_revision: 0,
    }
}

/// Half a minute passes: nobody holds an unfinished secret any more.
fn later(app: &TestApp) {
    app.sql("update secrets.secrets set settling_until = now() - interval '1 second' where settling_until is not null");
}

fn rows(app: &TestApp) -> String {
    let rows = app.sql("select count(*) from secrets.secrets");
    rows.single().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn while_it_was_being_created() {
    let Some((app, aws)) = with_aws("while_it_was_being_created", 0).await else {
        return;
    };
    let alice = app.alice();
    let tool = keyed(&alice).await;
    let again = json!({ "name": "API_KEY", "value": "the-second-value-of-all" });
    // Killed after the value arrived, and before.
    for fault in [AwsFault::Silent, AwsFault::Down] {
        aws.next("CreateSecret", &[Some(fault), Some(AwsFault::Silent)]);
        let (vault, who) = (app.rooms().vault.clone(), caller(&alice));
        let before = aws.asked("CreateSecret");
        let killed = tokio::spawn(async move {
            let value = SecretString::from("the-first-value-of-all");
            vault
                .create(&who, &"API_KEY".parse().unwrap(), &value, &[], &[])
                .await
        });
        aws.arrived("CreateSecret", before + 1).await;
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled());
        aws.drain();

        assert_eq!(names(&alice).await, [""; 0]);
        let done = alice.executes(&tool, json!({})).await;
        assert_eq!(done.code(), "secret_missing", "{}", done.text());
        // Who tries at once is told to wait: it may only be slow.
        let busy = alice.post("/api/v1/secrets", &again).await;
        assert_eq!(
            (busy.status().as_u16(), busy.code()),
            (409, "secret_busy".into()),
            "{}",
            busy.text()
        );
        later(&app);
        if fault == AwsFault::Silent {
            // Nobody tries again: the sweep clears it away.
            assert_eq!(aws.names().await, [at_aws(&alice)]);
            app.sweeps().await;
            assert_eq!(
                (aws.names().await, rows(&app)),
                (Vec::new(), "0".to_owned())
            );
        }
    }
    let made = alice.post("/api/v1/secrets", &again).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!(sent(&app, &alice, &tool).await, "the-second-value-of-all");
}

#[tokio::test]
async fn while_its_value_was_being_replaced() {
    let Some((app, aws)) = with_aws("while_its_value_was_being_replaced", 0).await else {
        return;
    };
    let alice = app.alice();
    let tool = keyed(&alice).await;
    alice
        .stores_secret("API_KEY", "the-first-value-of-all")
        .await;
    aws.next("PutSecretValue", &[Some(AwsFault::Silent)]);
    let (vault, who) = (app.rooms().vault.clone(), caller(&alice));
    let killed = tokio::spawn(async move {
        let value = SecretString::from("the-second-value-of-all");
        vault
            .rotate(&who, &"API_KEY".parse().unwrap(), &value)
            .await
    });
    aws.arrived("PutSecretValue", 1).await;
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());
    // The value arrived, so it is the one in use, and the audit says that somebody set out to change it.
    assert_eq!(names(&alice).await, ["API_KEY"]);
    assert_eq!(sent(&app, &alice, &tool).await, "the-second-value-of-all");
    let audited = app.sql("select count(*) from secrets.audit where action = 'secret.rotate'");
    assert_eq!(audited.single(), Some("1"));
    let next = json!({ "value": "the-third-value-of-all" });
    let busy = alice.put("/api/v1/secrets/API_KEY", &next).await;
    assert_eq!(busy.code(), "secret_busy", "{}", busy.text());
    later(&app);
    let changed = alice.put("/api/v1/secrets/API_KEY", &next).await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    assert_eq!(sent(&app, &alice, &tool).await, "the-third-value-of-all");
    app.sweeps().await;
    assert_eq!(
        sent(&app, &alice, &tool).await,
        "the-third-value-of-all",
        "the sweep leaves it alone"
    );
}

#[tokio::test]
async fn while_it_was_being_deleted() {
    let Some((app, aws)) = with_aws("while_it_was_being_deleted", 0).await else {
        return;
    };
    let alice = app.alice();
    let tool = keyed(&alice).await;
    for fault in [AwsFault::Down, AwsFault::Silent] {
        alice
            .stores_secret("API_KEY", "the-first-value-of-all")
            .await;
        aws.next("DeleteSecret", &[Some(fault), Some(AwsFault::Silent)]);
        let (vault, who) = (app.rooms().vault.clone(), caller(&alice));
        let before = aws.asked("DeleteSecret");
        let killed =
            tokio::spawn(async move { vault.delete(&who, &"API_KEY".parse().unwrap()).await });
        aws.arrived("DeleteSecret", before + 1).await;
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled());
        aws.drain();

        assert_eq!(names(&alice).await, [""; 0]);
        let done = alice.executes(&tool, json!({})).await;
        assert_eq!(done.code(), "secret_missing", "{}", done.text());
        later(&app);
        app.sweeps().await;
        assert_eq!(
            (aws.names().await, rows(&app)),
            (Vec::new(), "0".to_owned())
        );
    }
    let audited = app.sql("select count(*) from secrets.audit where action = 'secret.delete'");
    assert_eq!(
        audited.single(),
        Some("2"),
        "each deletion is in the audit once"
    );
}

#[tokio::test]
async fn when_postgres_fails_after_the_value_was_stored() {
    let Some((app, aws)) = with_aws("when_postgres_fails_after_the_value_was_stored", 0).await
    else {
        return;
    };
    let alice = app.alice();
    app.sql(
        "create function public.out_of_order() returns trigger language plpgsql as
             $$ begin raise exception 'the disk is full' using errcode = 'disk_full'; end $$;
         create trigger out_of_order before update of state on secrets.secrets
             for each row execute function public.out_of_order()",
    );
    let secret = json!({ "name": "API_KEY", "value": "the-first-value-of-all" });
    let lost = alice.post("/api/v1/secrets", &secret).await;
    assert_eq!(lost.status(), 503, "{}", lost.text());
    assert_eq!(aws.names().await, [at_aws(&alice)]);
    assert_eq!(names(&alice).await, [""; 0]);
    app.sql("drop trigger out_of_order on secrets.secrets");
    later(&app);
    let made = alice.post("/api/v1/secrets", &secret).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!(names(&alice).await, ["API_KEY"]);
}
