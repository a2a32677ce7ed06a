//! `GET /api/v1/marketplace`.

use std::collections::BTreeSet;

use base64::Engine as _;
use serde_json::{Value, json};
use testkit::{TestApp, ToolBuilder};

use super::publishes;

fn ids(page: &Value) -> Vec<String> {
    let publications = page["publications"].as_array().unwrap();
    publications
        .iter()
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Nine publications: number n has n installs, and reviews that would average to other orders.
async fn nine() -> TestApp {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    for number in 1..=9 {
        let tool = ToolBuilder::get("/x")
            .id(&format!("tool{number}"))
            .set(
                "/description",
                format!("Finds the weather of kind {number}."),
            )
            .set(
                "/tags",
                json!([if number % 2 == 0 { "even" } else { "odd" }]),
            );
        alice.registers(tool).await;
        publishes(&alice, &format!("tool{number}")).await;
    }
    app.sql(
        "update catalog.publications set installs = substr(tool_id, 5)::int;
         update catalog.publications set ratings = 1, rating_sum = 5 where tool_id = 'tool1';
         update catalog.publications set ratings = 40, rating_sum = 188 where tool_id = 'tool2';
         update catalog.publications set ratings = 1, rating_sum = 1 where tool_id = 'tool3'",
    );
    app
}

#[tokio::test]
async fn pages_hold_each_publication_once_in_every_order() {
    let app = nine().await;
    for query in [
        "sort=installs",
        "sort=rating",
        "sort=new",
        "q=weather",
        "q=weather&sort=rating",
        "tag=odd",
    ] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = app
                .anon()
                .get(&format!("/api/v1/marketplace?{query}&limit=2{cursor}"))
                .await;
            assert_eq!(page.status(), 200, "{}", page.text());
            let page = page.json();
            seen.extend(ids(&page));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let expected = if query == "tag=odd" { 5 } else { 9 };
        assert_eq!(seen.len(), expected, "{query}: {seen:?}");
        assert_eq!(
            seen.iter().collect::<BTreeSet<_>>().len(),
            expected,
            "{query}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn orders_are_what_they_say() {
    let app = nine().await;
    let list = async |query: &str| {
        ids(&app
            .anon()
            .get(&format!("/api/v1/marketplace?{query}"))
            .await
            .json())
    };
    let installs = list("").await;
    assert_eq!(
        (installs[0].as_str(), installs[8].as_str()),
        ("a_tool9", "a_tool1")
    );
    assert_eq!(list("sort=new").await[0], "a_tool9");
    let rating = list("sort=rating").await;
    // Forty votes of 4.7 say more than one of 5, and one of 1 does less harm than it would in a plain average.
    assert_eq!(rating[..2], ["a_tool2", "a_tool1"]);
    assert_eq!(rating[8], "a_tool3");
    let read = app.anon().get("/api/v1/marketplace/a_tool1").await.json();
    assert_eq!(
        (&read["rating"]["average"], &read["rating"]["score"]),
        (&json!(5.0), &json!(3.75))
    );
    assert_eq!(list("tag=even").await.len(), 4);
    assert_eq!(list("kind=flow").await.len(), 0);
    assert_eq!(list("q=tool4").await, ["a_tool4"]);
    assert_eq!(list("q=weath").await.len(), 9);
    assert_eq!(list("q=weather+-kind").await.len(), 0);
    assert_eq!(list("q=snow").await.len(), 0);
    // Nothing that an index could find: nothing, rather than everything.
    for nothing in ["q=-zzzz", "q=%26", "q=-zzzz+-a"] {
        assert_eq!(list(nothing).await.len(), 0, "{nothing}");
    }
}

/// A cursor that no list made.
fn cursor(sort: &str, value: &str) -> String {
    let id = "01a20413-d867-4567-9758-0cc2cff8aa88";
    let text = format!("marketplace.{sort}:{value}~{id}");
    let cursor = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!("sort={sort}&cursor={cursor}")
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told() {
    let (app, _, _) = TestApp::with_two_workspaces().await;
    let long = "a".repeat(201);
    for (query, code) in [
        ("sort=best", "invalid_request"),
        ("sort=relevance", "invalid_request"),
        ("kind=thing", "invalid_request"),
        ("limit=0", "invalid_request"),
        ("cursor=abc", "invalid_cursor"),
        ("p=1", "invalid_request"),
        (&format!("q={long}"), "invalid_request"),
        ("q=%00", "invalid_request"),
        (
            &cursor("installs", "999999999999999999999999999999"),
            "invalid_cursor",
        ),
        (
            &cursor("new", "999999999999999999999999999999"),
            "invalid_cursor",
        ),
        (&cursor("rating", "1000"), "invalid_cursor"),
    ] {
        let refused = app
            .anon()
            .get(&format!("/api/v1/marketplace?{query}"))
            .await;
        assert_eq!(
            (refused.status().as_u16(), refused.code()),
            (400, code.to_owned()),
            "{query}"
        );
    }
    for path in ["%00", "A", "a%2fb", "a%20b"] {
        let path = format!("/api/v1/marketplace/{path}");
        assert_eq!(app.anon().get(&path).await.status(), 404, "{path}");
    }
    // Everything that can be typed is data.
    for q in [
        "'", "\"", "!", "%26%7C", "a:*", "%28%29", "--", "or+or", "<->",
    ] {
        let found = app.anon().get(&format!("/api/v1/marketplace?q={q}")).await;
        assert_eq!(found.status(), 200, "{q}: {}", found.text());
    }
}

/// What everybody asks must not grow with what is public.
#[tokio::test]
async fn a_page_reads_an_index_and_not_the_table() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    alice.registers(super::quote()).await;
    publishes(&alice, "quote").await;
    app.sql(
        "insert into catalog.tools (workspace_id, id, name, description, version, hash, revision)
         select t.workspace_id, 'copy' || n, 'n', 'd', 1, t.hash, 0
         from catalog.tools t cross join generate_series(1, 5000) n where t.id = 'quote';
         insert into catalog.tool_versions (workspace_id, tool_id, version, hash, document)
         select t.workspace_id, t.id, 1, t.hash, '{}' from catalog.tools t where t.id like 'copy%';
         insert into catalog.publications
             (workspace_id, tool_id, version, hash, manifest, slug, name, description, tags)
         select t.workspace_id, t.id, 1, t.hash, '{}', 'a_' || t.id, 'name', 'words number' || right(t.id, 3), '{t}'
         from catalog.tools t where t.id like 'copy%';
         update catalog.publications set installs = length(tool_id)",
    );
    // What autovacuum does: the index's pending entries are put in their places.
    app.sql("vacuum analyze catalog.publications");
    // Rows of the table that the function looks at one after the other.
    for call in [
        "null, null, null, 'installs', null, null, 51",
        "null, null, null, 'rating', null, null, 51",
        "null, null, null, 'new', null, null, 51",
        "'number123', null, null, 'relevance', null, null, 51",
        "null, 'finance', null, 'installs', null, null, 51",
    ] {
        let read = app.sql(&format!(
            "begin; select count(*) from registry.browse({call});
             select 'read ' || seq_tup_read from pg_stat_xact_user_tables where relname = 'publications'; commit"
        ));
        let read = format!("{:?}", read.rows);
        assert!(read.contains("read 0"), "{call}: {read}");
    }
}
