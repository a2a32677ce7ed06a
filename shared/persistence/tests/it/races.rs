//! Changes of one workspace at the same time: they wait for each other, and none is lost or refused.

use persistence::tools::{self, Insert, NewTool};

use crate::cluster::{Database, Persona};

/// One change of the tool `raced`, of a kind that the round chooses. Whether it made the tool.
async fn change(database: &Database, alice: &Persona, round: usize) -> bool {
    let id = "raced".parse().unwrap();
    let document = format!("{{\"round\":{round}}}");
    let hash = format!("{round:064x}");
    let tool = NewTool {
        workspace_id: alice.workspace,
        id: &id,
        name: "Raced",
        description: "",
        tags: &[],
        enabled: true,
        document: &document,
        hash: &hash,
        source: "api",
    };
    let mut tx = database
        .db
        .begin_as(&alice.principal, Some(alice.workspace))
        .await
        .unwrap();
    let mut made = false;
    match round % 3 {
        0 => {
            let answer = tools::insert(&mut tx, &tool).await.unwrap();
            made = matches!(answer, Insert::Created(_));
        }
        1 => drop(tools::revise(&mut tx, &tool, None).await.unwrap()),
        _ => drop(tools::retire(&mut tx, alice.workspace, &id).await.unwrap()),
    }
    tx.commit().await.unwrap();
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_that_save_the_same_id_makes_it() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let saves = (0..12).map(|number| change(&database, &alice, number * 3));
    let made = futures_util::future::join_all(saves).await;
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn saving_revising_and_retiring_at_once_never_deadlock() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    change(&database, &alice, 0).await;
    for _ in 0..5 {
        let changes = (0..12).map(|round| change(&database, &alice, round));
        futures_util::future::join_all(changes).await;
    }
    let gaps = database.sql(
        "select count(*) from (
             select v.version, row_number() over (order by v.version) as place
             from catalog.tool_versions v
         ) as numbered
         where numbered.version <> numbered.place",
    );
    assert_eq!(gaps.single(), Some("0"));
}
