//! Saved tools: documents kept to the byte, immutable versions, one order of changes per workspace.

use domain::caller::Role;
use domain::ids::ToolId;
use persistence::tools::{self, Insert, NewTool, Revise, SavedTool};
use persistence::{Error, Tx};

use crate::cluster::{Database, Persona, cluster};

struct Draft {
    id: ToolId,
    document: String,
    hash: String,
    tags: Vec<String>,
}

fn draft(id: &str, document: &str, hash: char) -> Draft {
    Draft {
        id: id.parse().unwrap(),
        document: document.to_owned(),
        hash: hash.to_string().repeat(64),
        tags: vec!["finance".to_owned()],
    }
}

impl Draft {
    fn of<'a>(&'a self, persona: &Persona) -> NewTool<'a> {
        NewTool {
            workspace_id: persona.workspace,
            id: &self.id,
            name: "Stock quote",
            description: "Prices of traded shares, 50% off",
            tags: &self.tags,
            enabled: true,
            document: &self.document,
            hash: &self.hash,
            source: "api",
        }
    }
}

async fn begin(database: &Database, persona: &Persona) -> Tx {
    database
        .db
        .begin_as(&persona.principal, Some(persona.workspace))
        .await
        .unwrap()
}

pub(crate) async fn save(
    database: &Database,
    persona: &Persona,
    id: &str,
    document: &str,
    hash: char,
) -> SavedTool {
    let draft = draft(id, document, hash);
    let mut tx = begin(database, persona).await;
    let saved = match tools::insert(&mut tx, &draft.of(persona)).await.unwrap() {
        Insert::Created(saved) => saved,
        Insert::Exists { .. } => match tools::revise(&mut tx, &draft.of(persona), None)
            .await
            .unwrap()
        {
            Revise::Done(saved) => saved,
            other => panic!("{other:?}"),
        },
    };
    tx.commit().await.unwrap();
    saved
}

#[tokio::test]
async fn keeps_the_document_to_the_byte() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let document = "{ \"b\" : 1e2,\n\t\"a\":[1.0, 10000000000000000000000001 , -0.0],\"b\":\"\\u00e9\\u0000é\" }";
    let saved = save(&database, &alice, "quote", document, 'a').await;
    assert_eq!(saved.document, document);
    assert_eq!(saved.version, 1);
    assert_eq!(saved.created_by, Some(alice.principal.user_id.0));
    let mut tx = begin(&database, &alice).await;
    let id = "quote".parse().unwrap();
    let loaded = tools::by_id(&mut tx, alice.workspace, &id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(loaded, saved);
    let history = tools::versions(&mut tx, alice.workspace, &id, None, 10)
        .await
        .unwrap();
    assert_eq!(history[0].document, document);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn saving_under_a_taken_id_answers_what_is_there() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    save(&database, &alice, "quote", "{}", 'a').await;
    let other = draft("quote", "[]", 'b');
    let mut tx = begin(&database, &alice).await;
    let answer = tools::insert(&mut tx, &other.of(&alice)).await.unwrap();
    let Insert::Exists { version, hash } = answer else {
        panic!("{answer:?}");
    };
    assert_eq!((version, hash), (1, "a".repeat(64)));
}

#[tokio::test]
async fn revising_makes_the_next_version_unless_nothing_changed_or_somebody_was_faster() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    save(&database, &alice, "quote", "{}", 'a').await;
    let (a, b) = ("a".repeat(64), "b".repeat(64));
    let second = draft("quote", "{\"x\":1}", 'b');
    let revise = async |if_match: Option<&str>| {
        let mut tx = begin(&database, &alice).await;
        let answer = tools::revise(&mut tx, &second.of(&alice), if_match)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        answer
    };
    assert!(matches!(revise(Some(&b)).await, Revise::Conflict { version: 1, hash } if hash == a));
    assert!(matches!(revise(Some(&a)).await, Revise::Done(saved) if saved.version == 2));
    assert!(matches!(revise(None).await, Revise::Done(saved) if saved.version == 2));

    let missing = draft("missing", "{}", 'c');
    let mut tx = begin(&database, &alice).await;
    let answer = tools::revise(&mut tx, &missing.of(&alice), None)
        .await
        .unwrap();
    assert!(matches!(answer, Revise::NotFound));
}

#[tokio::test]
async fn a_retired_tool_is_gone_but_for_its_history_and_revives_as_the_next_version() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    save(&database, &alice, "quote", "{}", 'a').await;
    let id = "quote".parse().unwrap();
    let mut tx = begin(&database, &alice).await;
    assert!(tools::retire(&mut tx, alice.workspace, &id).await.unwrap());
    assert!(!tools::retire(&mut tx, alice.workspace, &id).await.unwrap());
    assert!(
        tools::by_id(&mut tx, alice.workspace, &id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        tools::page(&mut tx, alice.workspace, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        tools::search(&mut tx, alice.workspace, "quote", 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        tools::versions(&mut tx, alice.workspace, &id, None, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    tx.commit().await.unwrap();
    let revived = save(&database, &alice, "quote", "{\"x\":1}", 'b').await;
    assert_eq!(revived.version, 2);
}

#[tokio::test]
async fn every_change_moves_the_revision_and_is_found_from_there() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let bob = database.persona("bob").await;
    let since = async |revision: i64| {
        let mut tx = begin(&database, &alice).await;
        let delta = tools::changed_since(&mut tx, alice.workspace, revision)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let rows: Vec<_> = delta
            .rows
            .into_iter()
            .map(|row| (row.id, row.version, row.document.is_some()))
            .collect();
        (delta.revision, rows)
    };
    assert_eq!(since(0).await, (0, vec![]));
    save(&database, &alice, "a", "{}", 'a').await;
    save(&database, &alice, "b", "{}", 'a').await;
    save(&database, &bob, "c", "{}", 'a').await;
    let (start, rows) = since(0).await;
    assert_eq!(rows, [("a".to_owned(), 1, true), ("b".to_owned(), 1, true)]);
    assert_eq!(since(start).await, (start, vec![]));

    save(&database, &alice, "a", "{\"x\":1}", 'b').await;
    let (revised, rows) = since(start).await;
    assert_eq!(rows, [("a".to_owned(), 2, true)]);
    assert!(revised > start);

    let mut tx = begin(&database, &alice).await;
    tools::retire(&mut tx, alice.workspace, &"b".parse().unwrap())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let (retired, rows) = since(revised).await;
    assert_eq!(rows, [("b".to_owned(), 1, false)]);
    assert_eq!(since(0).await.1, [("a".to_owned(), 2, true)]);
    let entry = database.db.enter(&alice.principal, None).await.unwrap();
    assert!(matches!(entry, persistence::Entry::Member(m) if m.catalog_revision == retired));
}

#[tokio::test]
async fn pages_follow_the_ids() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    for id in ["b", "a_", "a-", "c", "a1"] {
        save(&database, &alice, id, "{}", 'a').await;
    }
    let mut tx = begin(&database, &alice).await;
    let mut seen = Vec::new();
    loop {
        let after = seen.last().cloned();
        let page = tools::page(&mut tx, alice.workspace, after.as_deref(), 2)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|tool| tool.id));
    }
    assert_eq!(seen, ["a-", "a1", "a_", "b", "c"]);
}

#[tokio::test]
async fn finds_tools_by_words_stems_and_beginnings_and_takes_everything_as_data() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    save(&database, &alice, "get_stock_quote", "{}", 'a').await;
    let mut tx = begin(&database, &alice).await;
    for (q, found) in [
        ("stock", true),
        ("price", true),
        ("sto", true),
        ("get_stock", true),
        ("finance", true),
        ("\"traded shares\"", true),
        ("stock -traded", false),
        ("weather or stock", true),
        ("weather", false),
        ("%", false),
        ("_", false),
        ("", false),
        ("' or true --", false),
        ("a:* & | ! ( \\ '' <->", false),
        ("\\' \\\\ :*", false),
    ] {
        let ids = tools::search(&mut tx, alice.workspace, q, 10)
            .await
            .unwrap();
        assert_eq!(!ids.is_empty(), found, "{q}: {ids:?}");
    }
}

#[tokio::test]
async fn a_neighbour_sees_and_changes_nothing() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let bob = database.persona("bob").await;
    save(&database, &alice, "quote", "{}", 'a').await;
    let id = "quote".parse().unwrap();
    let mut tx = database.db.begin_as(&bob.principal, None).await.unwrap();
    let ws = alice.workspace;
    assert!(tools::by_id(&mut tx, ws, &id).await.unwrap().is_none());
    assert!(tools::page(&mut tx, ws, None, 10).await.unwrap().is_empty());
    assert!(
        tools::search(&mut tx, ws, "quote", 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        tools::versions(&mut tx, ws, &id, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(tools::version(&mut tx, ws, &id, 1).await.unwrap().is_none());
    assert!(
        tools::changed_since(&mut tx, ws, 0)
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    assert!(!tools::retire(&mut tx, ws, &id).await.unwrap());
    let mine = draft("quote", "{\"x\":1}", 'b');
    assert!(matches!(
        tools::revise(&mut tx, &mine.of(&alice), None)
            .await
            .unwrap(),
        Revise::NotFound
    ));
    assert!(matches!(
        tools::insert(&mut tx, &draft("new", "{}", 'b').of(&alice)).await,
        Err(Error::Forbidden)
    ));
}

#[tokio::test]
async fn roles_decide_who_reads_edits_and_retires() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    save(&database, &alice, "quote", "{}", 'a').await;
    let id: ToolId = "quote".parse().unwrap();
    for (role, edits, retires) in [
        (Role::Viewer, false, false),
        (Role::Member, true, false),
        (Role::Admin, true, true),
    ] {
        let person = database.colleague(&alice, role).await;
        let mut tx = begin(&database, &person).await;
        assert!(
            tools::by_id(&mut tx, alice.workspace, &id)
                .await
                .unwrap()
                .is_some()
        );
        tx.commit().await.unwrap();
        let mut tx = begin(&database, &person).await;
        let made = tools::insert(&mut tx, &draft("new", "{}", 'b').of(&alice)).await;
        assert_eq!(made.is_ok(), edits, "{role}: {made:?}");
        drop(tx);
        let mut tx = begin(&database, &person).await;
        let retired = tools::retire(&mut tx, alice.workspace, &id).await;
        assert_eq!(matches!(retired, Ok(true)), retires, "{role}: {retired:?}");
    }
}

#[tokio::test]
async fn versions_never_change_not_even_for_a_superuser() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    save(&database, &alice, "quote", "{}", 'a').await;
    let error = cluster()
        .sql(
            &database.name,
            "update catalog.tool_versions set document = '[]'",
        )
        .unwrap_err();
    assert!(error.to_string().contains("never change"), "{error}");
}

#[tokio::test]
async fn a_flow_and_a_tool_never_share_an_id() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let ws = alice.workspace;
    let flow = |id: &str| {
        format!(
            "begin;
             insert into orchestration.flows (workspace_id, id, name, version, hash, revision)
             values ('{ws}', '{id}', 'Flow', 1, repeat('a', 64), 0);
             insert into orchestration.flow_versions (workspace_id, flow_id, version, hash, document)
             values ('{ws}', '{id}', 1, repeat('a', 64), '{{}}');
             commit"
        )
    };
    database.sql(&flow("brief"));
    let mut tx = begin(&database, &alice).await;
    let refused = tools::insert(&mut tx, &draft("brief", "{}", 'a').of(&alice))
        .await
        .unwrap_err();
    assert!(refused.is_conflict_on("names_pkey"), "{refused:?}");
    drop(tx);
    save(&database, &alice, "quote", "{}", 'a').await;
    assert!(cluster().sql(&database.name, &flow("quote")).is_err());
}

#[tokio::test]
async fn racing_savers_of_one_id_get_one_tool() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let attempt = async |hash: char| {
        let draft = draft("quote", "{}", hash);
        let mut tx = begin(&database, &alice).await;
        let answer = tools::insert(&mut tx, &draft.of(&alice)).await.unwrap();
        tx.commit().await.unwrap();
        matches!(answer, Insert::Created(_))
    };
    let created = tokio::join!(attempt('a'), attempt('b'), attempt('c'), attempt('d'));
    let created: [bool; 4] = created.into();
    assert_eq!(created.into_iter().filter(|created| *created).count(), 1);
}
