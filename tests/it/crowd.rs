//! Several processes and people at once on one database: everybody gets their own rows, behind a
//! transaction pooler (`TEST_POOLER=pgbouncer`) as well.

use serde_json::{Value, json};
use testkit::{POOLED, Persona, Pooler, RegisteredTool, TestApp, ToolBuilder, pooler};
use tokio::task::JoinSet;

use crate::walk::texts;

/// Each may hold as many connections as the usual app.
const PROCESSES: usize = 4;
const TIMES: usize = 10;

/// Lists, runs and reads the log, over and over: every answer must be this person's own.
async fn visits(who: Persona, tool: RegisteredTool, reply: Value) -> usize {
    let mut own = 0;
    for _ in 0..TIMES {
        let listed = who.get("/api/v1/tools").await.json();
        own += usize::from(texts(listed["tools"].as_array().unwrap(), "id") == [tool.id.as_str()]);
        let ran = who.executes(&tool, json!({})).await.json();
        own += usize::from(ran["output"] == reply);
        let log = who.get("/api/v1/executions").await.json();
        let of = texts(log["executions"].as_array().unwrap(), "tool_id");
        own += usize::from(!of.is_empty() && of.iter().all(|id| *id == tool.id));
    }
    own
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_a_crowd_everybody_gets_their_own_rows() {
    let (app, alice, bob) = TestApp::with_two_empty_workspaces().await;
    let replies = [json!({ "of": "alice" }), json!({ "of": "bob" })];
    app.upstream().on("/a", replies[0].clone());
    app.upstream().on("/b", replies[1].clone());
    let tools = [
        alice.registers(ToolBuilder::get("/a")).await,
        bob.registers(ToolBuilder::get("/b")).await,
    ];
    let mut processes = Vec::new();
    for _ in 0..PROCESSES {
        processes.push(app.second().await);
    }
    let mut crowd = JoinSet::new();
    for process in &processes {
        let people = [process.alice(), process.bob()].into_iter();
        for ((who, tool), reply) in people.zip(tools.clone()).zip(replies.clone()) {
            for _ in 0..2 {
                crowd.spawn(visits(who.clone(), tool.clone(), reply.clone()));
            }
        }
    }
    let visitors = crowd.len();
    let own: usize = crowd.join_all().await.into_iter().sum();
    assert_eq!(own, visitors * TIMES * 3);
    if let Some(pooler) = pooler() {
        shared(&app, pooler);
    }
}

/// They really shared: more clients were connected to the pooler than it has server connections.
fn shared(app: &TestApp, pooler: &Pooler) {
    let sessions = app.sql(
        "select current_database(), count(*) from pg_stat_activity
         where datname = current_database() and usename = 'authenticator'",
    );
    let [Some(database), Some(servers)] = sessions.rows[0].as_slice() else {
        panic!("{sessions:?}");
    };
    let pools = pooler.console("show pools").unwrap();
    let at = |name: &str| pools.columns.iter().position(|column| column == name);
    let pool = pools
        .rows
        .iter()
        .find(|row| row[at("database").unwrap()].as_ref() == Some(database))
        .unwrap_or_else(|| panic!("no pool of {database} in {pools:?}"));
    let clients = pool[at("cl_active").unwrap()].as_deref().unwrap();
    let (servers, clients): (u32, u32) = (servers.parse().unwrap(), clients.parse().unwrap());
    assert!(servers <= POOLED, "{servers} server connections");
    assert!(clients > POOLED, "{clients} clients");
}
