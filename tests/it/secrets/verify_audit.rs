//! `GET /api/v1/audit/verify`.

use serde_json::{Value, json};
use testkit::{Persona, TestApp};

/// The hashes of a chain as SQL computes them: the rule of docs/audit.md, in another language.
const BY_SQL: &str = r#"
    with recursive canonical as (
        select a.seq, a.hash, a.previous,
               '{"action":' || to_json(a.action) || ',"actor":' || coalesce(to_json(a.actor)::text, 'null')
               || ',"at":"' || to_char(a.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
               || '","detail":{' || coalesce((
                      select string_agg(to_json(d.key) || ':' || regexp_replace(d.value::text, '", "', '","', 'g'), ','
                             order by d.key collate "C")
                      from jsonb_each(a.detail::jsonb) d), '')
               || '},"id":' || a.id || ',"key_id":' || coalesce(to_json(a.key_id)::text, 'null')
               || ',"previous":' as before,
               ',"seq":' || a.seq || ',"subject":' || to_json(a.subject) || ',"subject_kind":' || to_json(a.subject_kind)
               || ',"workspace_id":"' || a.workspace_id || '"}' as behind
        from secrets.audit a
        where a.workspace_id = (select id from identity.workspaces where slug = 'a')
    ), chain as (
        select c.seq, sha256(convert_to(c.before || 'null' || c.behind, 'UTF8')) as computed, c.hash
        from canonical c
        where c.seq = 1
        union all
        select c.seq, sha256(convert_to(c.before || '"' || encode(h.computed, 'hex') || '"' || c.behind, 'UTF8')), c.hash
        from chain h
        join canonical c on c.seq = h.seq + 1
    )
    select encode(c.computed, 'hex'), encode(c.hash, 'hex')
    from chain c
    order by c.seq"#;

/// Eight lines in the audit of workspace A.
async fn written(alice: &Persona) {
    for n in 0..4 {
        let name = format!("SECRET_{n}");
        alice.stores_secret(&name, "a-value-of-some-length").await;
        let path = format!("/api/v1/secrets/{name}");
        assert_eq!(alice.delete(&path).await.status(), 204);
    }
}

async fn verified(alice: &Persona, query: &str) -> Value {
    let answer = alice.get(&format!("/api/v1/audit/verify{query}")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn links_what_is_pending_and_finds_it_unbroken() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let empty = json!({ "ok": true, "checked": 0, "linked": 0, "pending": 0 });
    assert_eq!(verified(&alice, "").await, empty);
    written(&alice).await;
    let found = verified(&alice, "").await;
    assert_eq!(found["ok"], true, "{found}");
    assert_eq!(
        (&found["checked"], &found["linked"]),
        (&json!(8), &json!(8))
    );
    assert_eq!(
        (&found["pending"], &found["head"]),
        (&json!(0), &found["reached"])
    );
    assert_eq!(found.get("next_seq"), None);
    // A chain does not change; it grows.
    assert_eq!(verified(&app.admin(), "").await, found);
    written(&alice).await;
    app.sweeps().await;
    let hash = found["head"]["hash"].as_str().unwrap();
    let later = verified(&alice, &format!("?expect_seq=8&expect_hash={hash}")).await;
    assert_eq!((&later["ok"], &later["linked"]), (&json!(true), &json!(16)));
    // Each workspace has its own.
    assert_eq!(verified(&bob, "").await, empty);
    for other in [app.member(), app.viewer()] {
        assert_eq!(other.get("/api/v1/audit/verify").await.status(), 403);
    }
}

#[tokio::test]
async fn its_hashes_can_be_recomputed_with_other_tools() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    written(&alice).await;
    let odd = json!({ "name": "é \"quoted\" \\ <ci>", "role": "viewer" });
    let made = alice.post("/api/v1/workspaces/a/keys", &odd).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    app.sweeps().await;
    let rows = app.sql(BY_SQL).rows;
    assert_eq!(rows.len(), 9);
    for row in rows {
        assert_eq!(row[0], row[1]);
    }
}

#[tokio::test]
async fn is_verified_part_by_part() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    written(&alice).await;
    let (mut from, mut note, mut checked) = (1, String::new(), 0);
    loop {
        let part = verified(&alice, &format!("?from_seq={from}&limit=3{note}")).await;
        assert_eq!(part["ok"], true, "{part}");
        checked += part["checked"].as_i64().unwrap();
        let Some(next) = part["next_seq"].as_i64() else {
            assert_eq!(part["reached"], part["head"]);
            break;
        };
        assert_eq!(part["reached"]["seq"], next - 1);
        // What was reached is noted, so that nothing is exchanged between two parts.
        let reached = part["reached"]["hash"].as_str().unwrap();
        note = format!("&expect_seq={}&expect_hash={reached}", next - 1);
        from = next;
    }
    assert_eq!((checked, from), (8, 7));
    let done = verified(&alice, "?from_seq=9").await;
    assert_eq!((&done["ok"], &done["checked"]), (&json!(true), &json!(0)));
    let hash = "0".repeat(64);
    for bad in [
        "from_seq=0",
        "from_seq=-1",
        "from_seq=10",
        "limit=0",
        "limit=100001",
        "expect_seq=1",
        &format!("expect_hash={hash}"),
        "expect_seq=1&expect_hash=zz",
        "frm_seq=1",
    ] {
        let answer = alice.get(&format!("/api/v1/audit/verify?{bad}")).await;
        assert_eq!(answer.status(), 400, "{bad}: {}", answer.text());
    }
}

/// What somebody with all rights on the database did to the eight lines, and where it shows.
const ATTACKS: &[(&str, i64, &str)] = &[
    ("update secrets.audit set detail = '{\"version\":9}' where seq = 3", 3, "changed"),
    ("update secrets.audit set actor = null where seq = 1", 1, "changed"),
    ("update secrets.audit set at = at + interval '1 microsecond' where seq = 8", 8, "changed"),
    ("update secrets.audit set subject = 'OTHER' where seq = 5", 5, "changed"),
    ("update secrets.audit set hash = sha256('x') where seq = 5", 5, "changed"),
    ("update secrets.audit set previous = sha256('x') where seq = 5", 5, "unlinked"),
    ("delete from secrets.audit where seq = 1", 1, "missing"),
    ("delete from secrets.audit where seq = 4", 4, "missing"),
    ("delete from secrets.audit where seq = 8", 8, "missing"),
    ("delete from secrets.audit where seq > 2", 3, "missing"),
    ("delete from secrets.audit", 1, "missing"),
    // Two lines in each other's place.
    ("update secrets.audit set seq = seq + 100 where seq in (2, 3);
      update secrets.audit set seq = 105 - seq where seq > 100", 2, "unlinked"),
    ("update secrets.audit a set detail = b.detail, action = b.action
      from secrets.audit b where a.seq in (4, 7) and b.seq = 11 - a.seq", 4, "changed"),
    // Closed up behind a removed line.
    ("delete from secrets.audit where seq = 2; update secrets.audit set seq = seq + 100 where seq > 2;
      update secrets.audit set seq = seq - 101 where seq > 100", 2, "unlinked"),
    // To a neighbour, and one from nowhere.
    ("update secrets.audit set workspace_id = (select id from identity.workspaces where slug = 'b') where seq = 6",
     6, "missing"),
    ("insert into secrets.audit (workspace_id, action, subject_kind, subject, seq, previous, hash)
      select workspace_id, 'secret.use', 'secret', 'X', 9, hash, sha256('y') from secrets.audit where seq = 8",
     9, "head"),
    // The tail with its head.
    ("delete from secrets.audit where seq = 8;
      update secrets.audit_heads set seq = 7, hash = sha256('z')", 8, "head"),
    ("delete from secrets.audit_heads", 1, "head"),
];

#[tokio::test]
async fn finds_what_was_removed_altered_or_moved() {
    for (attack, seq, reason) in ATTACKS {
        let (app, alice, _) = TestApp::with_two_workspaces().await;
        written(&alice).await;
        app.sweeps().await;
        app.sql(&format!(
            "set session_replication_role = replica; begin; {attack}; commit"
        ));
        let found = verified(&alice, "").await;
        assert_eq!(found["ok"], false, "{attack}: {found}");
        assert_eq!(found["broken"]["reason"], *reason, "{attack}: {found}");
        assert_eq!(found["broken"]["seq"], *seq, "{attack}: {found}");
        assert_eq!(found.get("next_seq"), None, "{attack}: {found}");
        // It stays found, also when more is written.
        written(&alice).await;
        let found = verified(&alice, "").await;
        assert_eq!(found["ok"], false, "{attack}: {found}");
    }
}

#[tokio::test]
async fn a_noted_head_finds_a_chain_that_was_rewritten_whole() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    written(&alice).await;
    let noted = verified(&alice, "").await["head"].clone();
    let note = format!(
        "?expect_seq={}&expect_hash={}",
        noted["seq"],
        noted["hash"].as_str().unwrap()
    );
    // All is linked anew over an altered line: nothing in the database tells.
    let rewrite = "set session_replication_role = replica;
        update secrets.audit set seq = null, previous = null, hash = null;
        update secrets.audit_heads set seq = 0, hash = null;";
    app.sql(&format!(
        "{rewrite} update secrets.audit set subject = 'NEVER_WAS' where id = (select min(id) from secrets.audit)"
    ));
    app.sweeps().await;
    assert_eq!(verified(&alice, "").await["ok"], true);
    let found = verified(&alice, &note).await;
    assert_eq!(found["ok"], false, "{found}");
    assert_eq!(
        (&found["broken"]["reason"], &found["broken"]["seq"]),
        (&json!("unexpected"), &json!(8))
    );
    // The tail cut off, with all traces of it.
    app.sql(&format!(
        "{rewrite} delete from secrets.audit where id = (select max(id) from secrets.audit)"
    ));
    app.sweeps().await;
    assert_eq!(verified(&alice, "").await["linked"], 7);
    let found = verified(&alice, &note).await;
    assert_eq!(found["broken"], json!({ "seq": 8, "reason": "unexpected" }));
}
