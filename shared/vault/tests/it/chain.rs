//! Linking the audit: late commits, many at once, and killed in the middle.

use domain::caller::Caller;
use persistence::Tx;
use persistence::audit::{self, NewAudit};
use serde_json::json;
use vault::chain::{self, Verified, Wanted};

use crate::stand::Stand;

async fn begin(stand: &Stand, who: &Caller) -> Tx {
    let db = stand.db();
    db.begin_as(&who.principal, Some(who.workspace_id))
        .await
        .unwrap()
}

async fn append(tx: &mut Tx, who: &Caller, subject: &str) {
    let entry = NewAudit {
        workspace_id: who.workspace_id,
        actor: Some(who.principal.user_id),
        action: "secret.create",
        subject_kind: "secret",
        subject,
        detail: json!({}),
    };
    audit::append(tx, &entry).await.unwrap();
}

async fn writes(stand: &Stand, who: &Caller, rows: usize) {
    let mut tx = begin(stand, who).await;
    for n in 0..rows {
        append(&mut tx, who, &n.to_string()).await;
    }
    tx.commit().await.unwrap();
}

async fn verified(stand: &Stand, who: &Caller) -> Verified {
    let whole = Wanted {
        from_seq: 1,
        limit: 1_000_000,
        expected: None,
    };
    chain::verify(stand.db(), who, &whole).await.unwrap()
}

#[tokio::test]
async fn a_row_that_commits_late_comes_later_in_the_chain() {
    let stand = Stand::new("chain_late").await;
    let alice = stand.owner("alice").await;
    let mut slow = begin(&stand, &alice).await;
    append(&mut slow, &alice, "slow").await;
    let mut quick = begin(&stand, &alice).await;
    append(&mut quick, &alice, "quick").await;
    quick.commit().await.unwrap();
    assert_eq!(chain::link(stand.other_db(), 100).await.unwrap(), 1);
    slow.commit().await.unwrap();
    assert_eq!(chain::link(stand.db(), 100).await.unwrap(), 1);
    assert_eq!(chain::link(stand.db(), 100).await.unwrap(), 0);
    assert_eq!(
        stand.texts("select subject from secrets.audit order by seq"),
        ["quick", "slow"]
    );
    assert_eq!(
        stand.texts("select subject from secrets.audit order by id"),
        ["slow", "quick"]
    );
    let found = verified(&stand, &alice).await;
    assert_eq!((found.checked, found.broken), (2, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn any_number_may_link_while_others_write() {
    let stand = Stand::new("chain_many").await;
    let people = [
        stand.owner("alice").await,
        stand.owner("bob").await,
        stand.owner("carol").await,
    ];
    let writing = async {
        for round in 0..20 {
            for who in &people {
                writes(&stand, who, 7 + round).await;
            }
        }
    };
    let linking = async || {
        let mut linked = 0;
        for _ in 0..30 {
            linked += chain::link(stand.other_db(), 10_000).await.unwrap();
        }
        linked
    };
    let (_, a, b, c, d) = tokio::join!(writing, linking(), linking(), linking(), linking());
    let rest = chain::link(stand.db(), 100_000).await.unwrap();
    let written = 20 * 7 + (0..20).sum::<usize>();
    assert_eq!(a + b + c + d + rest, 3 * written, "each row once");
    for who in &people {
        let found = verified(&stand, who).await;
        assert_eq!(found.broken, None);
        assert_eq!(found.checked, i64::try_from(written).unwrap());
        assert_eq!(found.pending, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_killed_leaves_a_chain_that_goes_on() {
    let stand = Stand::new("chain_killed").await;
    let alice = stand.owner("alice").await;
    writes(&stand, &alice, 3_000).await;
    for patience in 0..60 {
        let db = stand.other_db().clone();
        let linking = tokio::spawn(async move { chain::link(&db, 10_000).await });
        for _ in 0..patience * 3 {
            tokio::task::yield_now().await;
        }
        linking.abort();
        let _ = linking.await;
    }
    let found = verified(&stand, &alice).await;
    assert_eq!(found.broken, None);
    assert_eq!((found.checked, found.pending), (3_000, 0));
}

#[tokio::test]
async fn a_chain_that_cannot_go_on_keeps_no_other_from_it() {
    let stand = Stand::new("chain_stuck").await;
    let (alice, bob) = (stand.owner("alice").await, stand.owner("bob").await);
    writes(&stand, &alice, 3).await;
    writes(&stand, &bob, 3).await;
    assert_eq!(chain::link(stand.db(), 100).await.unwrap(), 6);
    for workspace in [alice.workspace_id, bob.workspace_id] {
        let stuck = workspace == alice.workspace_id.min(bob.workspace_id);
        if stuck {
            stand.sql(&format!(
                "set session_replication_role = replica;
                 update secrets.audit_heads set seq = 1 where workspace_id = '{workspace}'"
            ));
        }
    }
    writes(&stand, &alice, 2).await;
    writes(&stand, &bob, 2).await;
    assert_eq!(chain::link(stand.db(), 100).await.unwrap(), 2);
    assert_eq!(chain::link(stand.db(), 100).await.unwrap(), 0);
}

#[tokio::test]
async fn the_head_only_goes_forward() {
    let stand = Stand::new("chain_forward").await;
    let alice = stand.owner("alice").await;
    writes(&stand, &alice, 3).await;
    chain::link(stand.db(), 100).await.unwrap();
    for change in [
        "update secrets.audit_heads set seq = 2",
        "update secrets.audit_heads set seq = 3, hash = sha256('x')",
        "delete from secrets.audit_heads",
        "truncate secrets.audit_heads",
        "update secrets.audit set hash = sha256('x'), seq = 9",
        "delete from secrets.audit",
    ] {
        let refused = stand.tries(change);
        assert!(refused.contains("only"), "{change}: {refused}");
    }
}
