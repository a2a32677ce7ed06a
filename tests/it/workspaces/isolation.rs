//! Several workspaces that share people: what somebody is in one is nothing in another.

use serde_json::{Value, json};
use testkit::{Persona, TestApp, ToolBuilder};

use super::{joins, member_path};

async fn in_workspace(who: &Persona, method: &str, path: &str, workspace: &str) -> u16 {
    let request = who
        .request(method.parse().unwrap(), path)
        .header("x-workspace-id", workspace)
        .header("content-type", "application/json")
        .body("{}");
    who.send(request).await.status().as_u16()
}

/// Bob owns B and is a viewer of A.
#[tokio::test]
async fn a_role_counts_in_its_own_workspace_alone() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    joins(&alice, &bob, "viewer").await;
    let tool = alice.registers(ToolBuilder::get("/x").id("of_a")).await;
    for (method, path, in_a, in_b) in [
        ("GET", tool.path(), 200, 404),
        ("DELETE", tool.saved_path(), 403, 404),
        ("GET", "/api/v1/secrets".to_owned(), 403, 200),
        ("GET", "/api/v1/audit".to_owned(), 403, 200),
        ("POST", "/api/v1/tools".to_owned(), 403, 400),
    ] {
        for (workspace, status) in [("a", in_a), ("b", in_b)] {
            let answered = in_workspace(&bob, method, &path, workspace).await;
            assert_eq!(answered, status, "{method} {path} in {workspace}");
        }
    }
    // The path names the workspace; the header does not lend it the rights of another.
    for (method, path) in [
        ("GET", "/api/v1/workspaces/a/keys"),
        ("POST", "/api/v1/workspaces/a/members"),
        ("GET", "/api/v1/workspaces/a/invitations"),
        ("PATCH", "/api/v1/workspaces/a"),
        ("DELETE", "/api/v1/workspaces/a"),
    ] {
        assert_eq!(
            in_workspace(&bob, method, path, "b").await,
            403,
            "{method} {path}"
        );
    }
    assert_eq!(in_workspace(&alice, "GET", "/api/v1/tools", "b").await, 404);
    // Who was let in lists no colleagues as a viewer, and they see nothing of the other workspace.
    assert_eq!(bob.get("/api/v1/workspaces/a/members").await.status(), 403);
    assert_eq!(
        alice.get("/api/v1/workspaces/b/members").await.status(),
        404
    );
    assert_eq!(alice.delete(&member_path(&bob)).await.status(), 204);
    assert_eq!(in_workspace(&bob, "GET", "/api/v1/tools", "a").await, 404);
    assert_eq!(in_workspace(&bob, "GET", "/api/v1/tools", "b").await, 200);
}

/// Every table: with bob a member of both, a transaction in one shows no row of the other.
#[tokio::test]
async fn a_request_in_one_workspace_sees_no_row_of_the_other_in_any_table() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    for who in [&alice, &bob] {
        let tool = who.registers(ToolBuilder::get("/x").id("shared")).await;
        who.executes(&tool, json!({})).await;
        who.stores_secret("API_KEY", "a-value-of-some-length").await;
    }
    joins(&alice, &bob, "admin").await;
    let tables = app.sql(
        "select a.attrelid::regclass::text
         from pg_attribute a
         join pg_class c on c.oid = a.attrelid
         where a.attname = 'workspace_id'
           and c.relkind in ('r', 'p')
           and c.relnamespace::regnamespace::text in ('identity', 'secrets', 'catalog', 'orchestration', 'registry')
           and has_column_privilege('authenticated', c.oid, a.attnum, 'select')
         order by 1",
    );
    let tables: Vec<String> = tables.rows.into_iter().flatten().flatten().collect();
    assert!(tables.len() > 20, "{tables:?}");
    let mut seen = 0;
    for table in &tables {
        for (here, there) in [
            (alice.workspace_id(), bob.workspace_id()),
            (bob.workspace_id(), alice.workspace_id()),
        ] {
            let claims: Value = json!({ "sub": bob.user_id(), "workspace_id": here });
            // One's own memberships and invitations are seen everywhere; they are about the person, not the workspace.
            let own = match table.as_str() {
                "identity.memberships" | "identity.invitations" => {
                    format!("and user_id is distinct from '{}'", bob.user_id())
                }
                _ => String::new(),
            };
            let counted = app.sql(&format!(
                "begin;
                 select set_config('role', 'authenticated', true), set_config('request.jwt.claims', '{claims}', true);
                 select count(*) filter (where workspace_id = '{there}' {own}) || ' ' || count(*) from {table}"
            ));
            let counted = counted.rows.last().unwrap()[0].clone().unwrap();
            let (foreign, all) = counted.split_once(' ').unwrap();
            assert_eq!(foreign, "0", "{table}");
            seen += all.parse::<u64>().unwrap();
        }
    }
    assert!(seen > 10, "the tables hold rows to be seen: {seen}");
}
