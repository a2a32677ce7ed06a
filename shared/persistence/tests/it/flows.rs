//! Saved flows: versions that never change, one namespace and one revision with the tools.

use domain::caller::Role;
use domain::ids::ToolId;
use persistence::flows::{self, Insert, NewFlow, Revise, SavedFlow};
use persistence::tools::{self, CatalogKind};
use persistence::{Error, Tx};

use crate::cluster::{Database, Persona};
use crate::tools::save as save_tool;

struct Draft {
    id: ToolId,
    document: String,
    hash: String,
    callable: bool,
    tags: Vec<String>,
}

fn draft(id: &str, document: &str, hash: char) -> Draft {
    Draft {
        id: id.parse().unwrap(),
        document: document.to_owned(),
        hash: hash.to_string().repeat(64),
        callable: true,
        tags: vec!["finance".to_owned()],
    }
}

impl Draft {
    fn of<'a>(&'a self, persona: &Persona) -> NewFlow<'a> {
        NewFlow {
            workspace_id: persona.workspace,
            id: &self.id,
            name: "Ticker brief",
            description: "Quotes of many shares",
            tags: &self.tags,
            enabled: true,
            callable: self.callable,
            document: &self.document,
            hash: &self.hash,
        }
    }
}

async fn begin(database: &Database, persona: &Persona) -> Tx {
    let workspace = Some(persona.workspace);
    let tx = database.db.begin_as(&persona.principal, workspace).await;
    tx.unwrap()
}

async fn save(database: &Database, persona: &Persona, draft: &Draft) -> SavedFlow {
    let mut tx = begin(database, persona).await;
    let saved = flows::insert(&mut tx, &draft.of(persona)).await.unwrap();
    let Insert::Created(saved) = saved else {
        panic!("{saved:?}");
    };
    tx.commit().await.unwrap();
    saved
}

#[tokio::test]
async fn keeps_each_document_to_the_byte() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let document = "{ \"steps\" : [1e2,\n\t-0.0],\"b\":\"\\u00e9\\u0000é\" }";
    let first = draft("brief", document, 'a');
    let saved = save(&database, &alice, &first).await;
    assert_eq!((saved.version, saved.callable), (1, true));
    assert_eq!(saved.created_by, Some(alice.principal.user_id.0));

    let (a, b) = ("a".repeat(64), "b".repeat(64));
    let second = draft("brief", "{\"x\":1}", 'b');
    let revise = async |if_match: Option<&str>| {
        let mut tx = begin(&database, &alice).await;
        let answer = flows::revise(&mut tx, &second.of(&alice), if_match).await;
        tx.commit().await.unwrap();
        answer.unwrap()
    };
    assert!(matches!(revise(Some(&b)).await, Revise::Conflict { version: 1, hash } if hash == a));
    assert!(matches!(revise(Some(&a)).await, Revise::Done(saved) if saved.version == 2));
    assert!(matches!(revise(None).await, Revise::Done(saved) if saved.version == 2));

    let mut tx = begin(&database, &alice).await;
    let workspace = alice.workspace;
    let id = &first.id;
    let history = flows::versions(&mut tx, workspace, id, None, 10).await;
    let numbers: Vec<i32> = history.unwrap().iter().map(|it| it.version).collect();
    assert_eq!(numbers, [2, 1]);
    let old = flows::version(&mut tx, workspace, id, 1).await.unwrap();
    let old = old.unwrap();
    assert_eq!((old.document.as_str(), &old.hash), (document, &a));
    let current = flows::by_id(&mut tx, workspace, id).await.unwrap().unwrap();
    assert_eq!(old.created_at, current.created_at);
    assert_eq!(
        flows::version(&mut tx, workspace, id, 3).await.unwrap(),
        None
    );
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn the_catalog_hears_of_flows_and_tools_in_the_order_of_their_changes() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    save_tool(&database, &alice, "quote", "{\"t\":1}", 'a').await;
    let brief = draft("brief", "{\"f\":1}", 'a');
    save(&database, &alice, &brief).await;
    save_tool(&database, &alice, "mail", "{\"t\":2}", 'b').await;
    let mut tx = begin(&database, &alice).await;
    let all = tools::changed_since(&mut tx, alice.workspace, 0)
        .await
        .unwrap();
    let rows: Vec<(CatalogKind, &str)> = all
        .rows
        .iter()
        .map(|row| (row.kind, row.id.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            (CatalogKind::Tool, "quote"),
            (CatalogKind::Flow, "brief"),
            (CatalogKind::Tool, "mail")
        ]
    );
    assert_eq!(all.rows[1].document.as_deref(), Some("{\"f\":1}"));
    assert!(
        flows::retire(&mut tx, alice.workspace, &brief.id)
            .await
            .unwrap()
    );
    assert!(
        !flows::retire(&mut tx, alice.workspace, &brief.id)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();

    let mut tx = begin(&database, &alice).await;
    let since = tools::changed_since(&mut tx, alice.workspace, all.revision)
        .await
        .unwrap();
    assert!(since.revision > all.revision);
    let [gone] = since.rows.as_slice() else {
        panic!("{since:?}");
    };
    assert_eq!(
        (gone.kind, gone.id.as_str(), &gone.document),
        (CatalogKind::Flow, "brief", &None)
    );
    let anew = tools::changed_since(&mut tx, alice.workspace, 0)
        .await
        .unwrap();
    assert_eq!(anew.rows.len(), 2);
    assert!(
        flows::by_id(&mut tx, alice.workspace, &brief.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        flows::page(&mut tx, alice.workspace, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    tx.commit().await.unwrap();

    let back = save(&database, &alice, &draft("brief", "{\"f\":2}", 'c')).await;
    assert_eq!(back.version, 2);
}

#[tokio::test]
async fn flows_that_are_tools_are_found_like_tools() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let mut silent = draft("silent_brief", "{}", 'a');
    silent.callable = false;
    save(&database, &alice, &silent).await;
    save(&database, &alice, &draft("brief", "{}", 'b')).await;
    save_tool(&database, &alice, "quote", "{}", 'a').await;
    let mut tx = begin(&database, &alice).await;
    for (q, ids) in [
        ("brief", vec!["brief"]),
        ("finance", vec!["brief", "quote"]),
    ] {
        let found = tools::search(&mut tx, alice.workspace, q, 10).await;
        assert_eq!(found.unwrap(), ids, "{q}");
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_id_belongs_to_a_tool_or_to_a_flow_for_good() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    save_tool(&database, &alice, "quote", "{}", 'a').await;
    let mut tx = begin(&database, &alice).await;
    assert!(
        tools::retire(&mut tx, alice.workspace, &"quote".parse().unwrap())
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    let mut tx = begin(&database, &alice).await;
    let refused = flows::insert(&mut tx, &draft("quote", "{}", 'a').of(&alice)).await;
    assert!(refused.unwrap_err().is_conflict_on("names_pkey"));
}

#[tokio::test]
async fn roles_and_neighbours() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let brief = draft("brief", "{}", 'a');
    save(&database, &alice, &brief).await;
    for (role, saves, retires) in [
        (Role::Viewer, false, false),
        (Role::Member, true, false),
        (Role::Admin, true, true),
    ] {
        let person = database.colleague(&alice, role).await;
        let mut tx = begin(&database, &person).await;
        let id = format!("by_{role}");
        let saved = flows::insert(&mut tx, &draft(&id, "{}", 'b').of(&person)).await;
        match saves {
            true => assert!(matches!(saved, Ok(Insert::Created(_))), "{saved:?}"),
            false => assert!(matches!(saved, Err(Error::Forbidden)), "{saved:?}"),
        }
        drop(tx);
        let mut tx = begin(&database, &person).await;
        let retired = flows::retire(&mut tx, alice.workspace, &brief.id).await;
        assert_eq!(matches!(retired, Ok(true)), retires, "{role}: {retired:?}");
    }
    let bob = database.persona("bob").await;
    let mut tx = begin(&database, &bob).await;
    let foreign = flows::version(&mut tx, alice.workspace, &brief.id, 1).await;
    assert_eq!(foreign.unwrap(), None);
    assert_eq!(
        flows::by_id(&mut tx, alice.workspace, &brief.id)
            .await
            .unwrap(),
        None
    );
    tx.commit().await.unwrap();
}
