//! The vault against a real database: who may do what, what is bound to which host, what is left behind.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod chain;
mod stand;

use domain::binding::Named;
use domain::caller::Role;
use domain::ids::{ExecutionId, SecretName};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;
use vault::{Change, Error, MasterKeys, NamingTool, Use, Vault};

use self::stand::Stand;

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn value(text: &str) -> SecretString {
    SecretString::from(text)
}

const fn to(host: &str) -> Use<'_> {
    Use {
        tool_id: "quote",
        execution_id: ExecutionId(Uuid::from_u128(7)),
        host,
    }
}

fn hosts(hosts: &[&str]) -> Vec<String> {
    hosts.iter().map(|host| (*host).to_owned()).collect()
}

#[tokio::test]
async fn a_secret_is_used_where_it_may_go_and_nowhere_else() {
    let stand = Stand::new("used").await;
    let (vault, alice) = (stand.vault(), stand.owner("alice").await);
    let key = name("API_KEY");
    let made = vault
        .create(
            &alice,
            &key,
            &value("first value"),
            &hosts(&["API.example.com"]),
            &[],
        )
        .await
        .unwrap();
    assert_eq!((made.name.as_str(), made.version), ("API_KEY", 1));
    assert_eq!(made.allowed_hosts, ["api.example.com"]);

    let names = [key.clone()];
    let opened = vault
        .open_for_use(&alice, &names, to("api.example.com"))
        .await
        .unwrap();
    assert_eq!(opened[0].1.expose_secret(), "first value");
    let blocked = vault.open_for_use(&alice, &names, to("evil.example")).await;
    assert!(
        matches!(blocked, Err(Error::HostNotAllowed { name, host }) if name == key && host == "evil.example")
    );

    assert_eq!(
        vault
            .rotate(&alice, &key, &value("second value"))
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        vault
            .rotate(&alice, &key, &value("third value"))
            .await
            .unwrap(),
        3
    );
    let both = hosts(&["api.example.com", "other.example:8443"]);
    let change = Change {
        value: None,
        allowed_hosts: Some(&both),
    };
    let changed = vault.change(&alice, &key, change).await.unwrap();
    assert_eq!((changed.allowed_hosts, changed.version), (both, 3));
    let opened = vault
        .open_for_use(&alice, &names, to("other.example:8443"))
        .await
        .unwrap();
    assert_eq!(opened[0].1.expose_secret(), "third value");

    assert!(vault.delete(&alice, &key).await.unwrap());
    assert!(!vault.delete(&alice, &key).await.unwrap());
    let gone = vault
        .open_for_use(&alice, &[key.clone(), name("NONE")], to("a.example"))
        .await;
    assert!(matches!(gone, Err(Error::Missing { names }) if names == [key, name("NONE")]));
    assert_eq!(
        stand.audited(&alice).await,
        [
            "secret.create",
            "secret.use",
            "secret.use",
            "secret.rotate",
            "secret.rotate",
            "secret.hosts",
            "secret.use",
            "secret.delete"
        ]
    );
    // No part of a value stands in the audit.
    assert!(!stand.dump().contains("value"));
}

#[tokio::test]
async fn neighbours_and_lower_roles_get_nothing() {
    let stand = Stand::new("nothing").await;
    let vault = stand.vault();
    let (alice, bob) = (stand.owner("alice").await, stand.owner("bob").await);
    let key = name("API_KEY");
    vault
        .create(
            &alice,
            &key,
            &value("alice's value"),
            &hosts(&["a.example"]),
            &[],
        )
        .await
        .unwrap();
    let taken = vault
        .create(
            &alice,
            &key,
            &value("another value"),
            &hosts(&["a.example"]),
            &[],
        )
        .await;
    assert!(matches!(taken, Err(Error::Exists)));

    let names = [key.clone()];
    assert!(vault.page(&bob, None, 50).await.unwrap().is_empty());
    let other = vault.open_for_use(&bob, &names, to("a.example")).await;
    assert!(matches!(other, Err(Error::Missing { .. })));
    // The database refuses too when somebody claims a workspace that is not theirs.
    let mut intruder = bob.clone();
    intruder.workspace_id = alice.workspace_id;
    let refused = vault.open_for_use(&intruder, &names, to("a.example")).await;
    assert!(matches!(refused, Err(Error::Forbidden)));
    let refused = vault
        .create(&intruder, &name("PLANTED"), &value("bob's value"), &[], &[])
        .await;
    assert!(matches!(refused, Err(Error::Forbidden)));
    assert!(vault.page(&intruder, None, 50).await.unwrap().is_empty());

    for role in [Role::Viewer, Role::Member] {
        let lower = stand.member(&alice, role).await;
        let made = vault
            .create(&lower, &name("OTHER"), &value("some value"), &[], &[])
            .await;
        assert!(matches!(made, Err(Error::Forbidden)));
        assert!(matches!(
            vault.delete(&lower, &key).await,
            Err(Error::Forbidden)
        ));
        let rotated = vault.rotate(&lower, &key, &value("some value")).await;
        assert!(matches!(rotated, Err(Error::Forbidden)));
        let used = vault.open_for_use(&lower, &names, to("a.example")).await;
        assert_eq!(used.is_ok(), role == Role::Member, "{role}");
        let listed = vault.page(&lower, None, 50).await;
        assert_eq!(listed.is_ok(), role == Role::Member, "{role}");
    }
}

#[tokio::test]
async fn a_secret_without_hosts_is_bound_by_the_first_admin() {
    let stand = Stand::new("bound").await;
    let (vault, alice) = (stand.vault(), stand.owner("alice").await);
    let member = stand.member(&alice, Role::Member).await;
    let names = [name("API_KEY"), name("NOT_THERE")];
    vault
        .create(&alice, &names[0], &value("some value"), &[], &[])
        .await
        .unwrap();
    let used = vault
        .open_for_use(&alice, &names[..1], to("a.example"))
        .await;
    assert!(matches!(used, Err(Error::HostNotAllowed { .. })));

    for (who, host, bound) in [
        (&member, "evil.example", 0),
        (&alice, "A.example", 1),
        (&alice, "b.example", 0),
    ] {
        let named: Vec<Named> = names
            .iter()
            .map(|name| Named {
                name: name.clone(),
                hosts: Some(hosts(&[host])),
            })
            .collect();
        let done = vault.bind_on_save(who, &named).await.unwrap();
        assert_eq!(done, names[..bound], "{host}");
    }
    assert!(
        vault
            .open_for_use(&member, &names[..1], to("a.example"))
            .await
            .is_ok()
    );
    let moved = vault
        .open_for_use(&member, &names[..1], to("b.example"))
        .await;
    assert!(matches!(moved, Err(Error::HostNotAllowed { .. })));

    let tool = |saved_by_admin| NamingTool {
        hosts: hosts(&["c.example"]),
        saved_by_admin,
    };
    let late = vault
        .create(
            &alice,
            &name("LATE"),
            &value("some value"),
            &[],
            &[tool(true)],
        )
        .await
        .unwrap();
    assert_eq!(late.allowed_hosts, ["c.example"]);
    let unclear = vault
        .create(
            &alice,
            &name("UNCLEAR"),
            &value("short"),
            &[],
            &[tool(false)],
        )
        .await;
    let Err(Error::Invalid(faults)) = unclear else {
        panic!("{unclear:?}");
    };
    let codes: Vec<&str> = faults.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["secret_too_short", "required"]);
}

#[tokio::test]
async fn master_keys_are_rotated_without_touching_values() {
    let stand = Stand::new("rotated").await;
    let alice = stand.owner("alice").await;
    let old = MasterKeys::generate("old")
        .unwrap()
        .expose_secret()
        .to_owned();
    let new = MasterKeys::generate("new")
        .unwrap()
        .expose_secret()
        .to_owned();
    let vault = |text: &str| Vault::new(stand.db().clone(), MasterKeys::from_base64(text).unwrap());
    let key = name("API_KEY");
    let before = vault(&old);
    before
        .create(
            &alice,
            &key,
            &value("some value"),
            &hosts(&["a.example"]),
            &[],
        )
        .await
        .unwrap();
    let names = [key.clone()];
    let early = vault(&new)
        .open_for_use(&alice, &names, to("a.example"))
        .await;
    assert!(matches!(early, Err(Error::Sealed(why)) if why.contains("old")));

    let both = vault(&format!("{new},{old}"));
    assert!(
        both.open_for_use(&alice, &names, to("a.example"))
            .await
            .is_ok()
    );
    assert_eq!(vault(&new).left_to_rewrap().await.unwrap(), 1);
    assert_eq!(both.rewrap(100).await.unwrap(), 1);
    assert_eq!(both.rewrap(100).await.unwrap(), 0);
    assert_eq!(both.left_to_rewrap().await.unwrap(), 0);
    let after = vault(&new)
        .open_for_use(&alice, &names, to("a.example"))
        .await
        .unwrap();
    assert_eq!(after[0].1.expose_secret(), "some value");
}

#[tokio::test]
async fn rows_that_were_moved_or_changed_do_not_open() {
    let stand = Stand::new("moved").await;
    let (vault, alice) = (stand.vault(), stand.owner("alice").await);
    for (n, text) in [("ONE", "the first value"), ("TWO", "the second value")] {
        vault
            .create(&alice, &name(n), &value(text), &hosts(&["a.example"]), &[])
            .await
            .unwrap();
    }
    stand.sql(
        "update secrets.secrets s set nonce = t.nonce, ciphertext = t.ciphertext
         from secrets.secrets t where s.name = 'ONE' and t.name = 'TWO'",
    );
    let swapped = vault
        .open_for_use(&alice, &[name("ONE")], to("a.example"))
        .await;
    assert!(matches!(swapped, Err(Error::Sealed(_))));
    assert!(
        vault
            .open_for_use(&alice, &[name("TWO")], to("a.example"))
            .await
            .is_ok()
    );
    stand.sql("update secrets.secrets set version = 9 where name = 'TWO'");
    let replayed = vault
        .open_for_use(&alice, &[name("TWO")], to("a.example"))
        .await;
    assert!(matches!(replayed, Err(Error::Sealed(_))));
}

#[tokio::test]
async fn without_the_audit_nothing_is_opened() {
    let stand = Stand::new("down").await;
    let (vault, alice) = (stand.vault(), stand.owner("alice").await);
    let names = [name("API_KEY")];
    vault
        .create(
            &alice,
            &names[0],
            &value("some value"),
            &hosts(&["a.example"]),
            &[],
        )
        .await
        .unwrap();
    assert!(
        vault
            .open_for_use(&alice, &names, to("a.example"))
            .await
            .is_ok()
    );
    stand.db().close().await;
    let down = vault.open_for_use(&alice, &names, to("a.example")).await;
    assert!(matches!(down, Err(Error::Unavailable(_))));
    assert!(
        vault
            .open_for_use(&alice, &[], to("a.example"))
            .await
            .unwrap()
            .is_empty()
    );
}
