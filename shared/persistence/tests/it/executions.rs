//! The execution log: recorded in one statement, read by the workspace's people alone.

use chrono::{DateTime, Utc};
use domain::caller::{Door, Role};
use domain::ids::ExecutionId;
use persistence::Error;
use persistence::executions::{self, Filter, NewExecution};
use serde_json::json;
use uuid::Uuid;

use crate::cluster::{Database, Persona};

pub(crate) async fn record(
    database: &Database,
    persona: &Persona,
    tool_id: &str,
    success: bool,
) -> Result<ExecutionId, Error> {
    let id = ExecutionId(Uuid::now_v7());
    let input = json!({ "symbol": "I\u{0}BM" });
    let output = json!({ "price": 185.2 });
    let error = json!({ "code": "timeout" });
    executions::record(
        &database.db,
        &persona.principal,
        &NewExecution {
            id,
            workspace_id: persona.workspace,
            tool_id,
            tool_version: Some(3),
            door: Door::Mcp,
            success,
            error_code: (!success).then_some("timeout"),
            input: &input,
            output: success.then_some(&output),
            error: (!success).then_some(&error),
            timeline: r#"{"send_us":12}"#,
            warnings: None,
            started_at: DateTime::<Utc>::UNIX_EPOCH,
            duration_us: 1234,
            run_id: None,
            call_id: None,
        },
    )
    .await
    .map(|()| id)
}

#[tokio::test]
async fn records_and_reads_an_execution_whole() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let id = record(&database, &alice, "quote", true).await.unwrap();
    let mut tx = database.db.begin_as(&alice.principal, None).await.unwrap();
    let row = executions::by_id(&mut tx, alice.workspace, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.id, id.0);
    assert_eq!((row.tool_id.as_str(), row.tool_version), ("quote", Some(3)));
    assert_eq!(
        (row.door.as_str(), row.success, row.duration_us),
        ("mcp", true, 1234)
    );
    assert_eq!(row.input, json!({ "symbol": "I\u{0}BM" }));
    assert_eq!(row.output, Some(json!({ "price": 185.2 })));
    assert_eq!((row.error, row.warnings), (None, None));
    assert_eq!(row.user_id, Some(alice.principal.user_id.0));
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn recording_again_changes_nothing() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let id = record(&database, &alice, "quote", true).await.unwrap();
    let input = json!({ "other": 1 });
    executions::record(
        &database.db,
        &alice.principal,
        &NewExecution {
            id,
            workspace_id: alice.workspace,
            tool_id: "other",
            tool_version: None,
            door: Door::Rest,
            success: true,
            error_code: None,
            input: &input,
            output: None,
            error: None,
            timeline: "{}",
            warnings: None,
            started_at: DateTime::<Utc>::UNIX_EPOCH,
            duration_us: 1,
            run_id: None,
            call_id: None,
        },
    )
    .await
    .unwrap();
    let rows = database.sql("select tool_id from orchestration.executions");
    assert_eq!(rows.rows.len(), 1);
    assert_eq!(rows.single(), Some("quote"));
}

#[tokio::test]
async fn lists_newest_first_by_tool_and_by_success() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let mut ids = Vec::new();
    for (tool, success) in [("a", true), ("b", false), ("a", false), ("b", true)] {
        ids.push(record(&database, &alice, tool, success).await.unwrap());
    }
    let mut tx = database.db.begin_as(&alice.principal, None).await.unwrap();
    for (tool_id, success, before, expected) in [
        (None, None, None, vec![3, 2, 1, 0]),
        (None, Some(true), None, vec![3, 0]),
        (None, Some(false), None, vec![2, 1]),
        (Some("a"), None, None, vec![2, 0]),
        (Some("a"), Some(true), None, vec![0]),
        (Some("b"), Some(false), None, vec![1]),
        (None, None, Some(2), vec![1, 0]),
    ] {
        let filter = Filter {
            run_id: None,
            tool_id,
            success,
            before: before.map(|index: usize| ids[index]),
        };
        let page = executions::page(&mut tx, alice.workspace, filter, 10)
            .await
            .unwrap();
        let found: Vec<Uuid> = page.iter().map(|row| row.id).collect();
        let expected: Vec<Uuid> = expected.into_iter().map(|index| ids[index].0).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn neither_viewers_nor_neighbours_record_and_neighbours_read_nothing() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let bob = database.persona("bob").await;
    let id = record(&database, &alice, "quote", true).await.unwrap();
    let viewer = database.colleague(&alice, Role::Viewer).await;
    let intruder = Persona {
        principal: bob.principal.clone(),
        workspace: alice.workspace,
    };
    for refused in [&viewer, &intruder] {
        let answer = record(&database, refused, "quote", true).await;
        assert!(matches!(answer, Err(Error::Forbidden)), "{answer:?}");
    }
    let mut tx = database.db.begin_as(&bob.principal, None).await.unwrap();
    assert!(
        executions::by_id(&mut tx, alice.workspace, id)
            .await
            .unwrap()
            .is_none()
    );
    let page = executions::page(&mut tx, alice.workspace, Filter::default(), 10)
        .await
        .unwrap();
    assert!(page.is_empty());
    tx.commit().await.unwrap();
}
