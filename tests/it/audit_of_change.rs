//! Whatever changes a secret, a key or a member stands in the audit, and the audit's words are documented.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::{Value, json};
use testkit::{Persona, TestApp};

/// What each changing operation on credentials and people writes. An operation that is not here fails the test.
const WRITES: &[(&str, &str)] = &[
    ("create_secret", "secret.create"),
    ("change_secret", "secret.rotate"),
    ("delete_secret", "secret.delete"),
    ("create_secret_provider", "secret_provider.create"),
    ("delete_secret_provider", "secret_provider.delete"),
    ("create_workspace", "workspace.create"),
    ("create_key", "key.create"),
    ("revoke_key", "key.revoke"),
    ("rename_workspace", "workspace.rename"),
    ("delete_workspace", "workspace.delete"),
    ("restore_workspace", "workspace.restore"),
    ("invite_member", "invitation.create"),
    ("revoke_invitation", "invitation.revoke"),
    ("decline_invitation", "invitation.decline"),
    ("accept_invitation", "member.join"),
    ("change_member", "member.role"),
    ("remove_member", "member.remove"),
    // Their tests are with the other tests about connections.
    ("connect", "connection.create"),
    ("confirm_connection", "connection.connect"),
    ("disconnect", "connection.delete"),
];

async fn newest(persona: &Persona) -> (String, Value) {
    let page = persona.get("/api/v1/audit?limit=1").await;
    assert_eq!(page.status(), 200, "{}", page.text());
    let entry = page.json()["entries"][0].clone();
    (
        entry["action"].as_str().unwrap_or_default().to_owned(),
        entry,
    )
}

#[test]
fn every_changing_operation_is_known_to_write_a_line() {
    let [(_, document), ..] = xtask::export::documents().unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let mut changing = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for (method, operation) in item.as_object().unwrap() {
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            let about = ["secrets", "connections", "workspaces"].contains(&tag);
            if about && ["post", "put", "patch", "delete"].contains(&method.as_str()) {
                changing.insert(operation["operationId"].as_str().unwrap().to_owned());
            }
        }
    }
    let known: BTreeSet<String> = WRITES.iter().map(|(id, _)| (*id).to_owned()).collect();
    assert_eq!(changing, known);
}

#[tokio::test]
async fn each_change_is_the_newest_line() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let table: BTreeMap<&str, &str> = WRITES.iter().copied().collect();
    let expect = async |operation: &str, subject: &str| {
        let (action, entry) = newest(&alice).await;
        assert_eq!(action, table[operation], "{operation}: {entry}");
        assert_eq!(entry["subject"], subject, "{operation}: {entry}");
        let (actor, own) = (&entry["actor"], alice.user_id().to_string());
        assert_eq!(actor, own.as_str(), "{operation}");
    };
    alice
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    expect("create_secret", "API_KEY").await;
    let changed = json!({ "value": "another-value-of-some-length" });
    let changed = alice.put("/api/v1/secrets/API_KEY", &changed).await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    expect("change_secret", "API_KEY").await;
    let hosts = json!({ "allowed_hosts": ["api.example.com"] });
    let changed = alice.put("/api/v1/secrets/API_KEY", &hosts).await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    let (action, entry) = newest(&alice).await;
    assert_eq!(action, "secret.hosts", "{entry}");
    assert!(
        entry["detail"].to_string().contains("api.example.com"),
        "{entry}"
    );
    assert_eq!(alice.delete("/api/v1/secrets/API_KEY").await.status(), 204);
    expect("delete_secret", "API_KEY").await;

    let key = json!({ "name": "ci", "role": "viewer" });
    let made = alice.post("/api/v1/workspaces/a/keys", &key).await.json();
    let id = made["id"].as_str().unwrap();
    expect("create_key", id).await;
    let (_, entry) = newest(&alice).await;
    assert_eq!(
        entry["detail"],
        json!({ "name": "ci", "role": "viewer", "scopes": [], "expires_at": null })
    );
    let revoked = alice
        .delete(&format!("/api/v1/workspaces/a/keys/{id}"))
        .await;
    assert_eq!(revoked.status(), 204, "{}", revoked.text());
    expect("revoke_key", id).await;

    let made = alice
        .post("/api/v1/workspaces", &json!({ "name": "Third" }))
        .await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let third = made.json()["id"].as_str().unwrap().to_owned();
    let page = alice
        .request(reqwest::Method::GET, "/api/v1/audit")
        .header("X-Workspace-Id", &third);
    let page = alice.send(page).await.json();
    assert_eq!(page["entries"][0]["action"], table["create_workspace"]);
    assert_eq!(page["entries"][0]["subject"], third.as_str());
    drop(app);
}

#[tokio::test]
async fn each_change_of_people_is_the_newest_line_and_names_who_did_it() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let table: BTreeMap<&str, &str> = WRITES.iter().copied().collect();
    let expect = |operation: &str, by: &Persona, subject: &str| {
        let line = app.sql(&format!(
            "select action || ' ' || actor || ' ' || subject from secrets.audit
             where workspace_id = '{}' order by id desc limit 1",
            alice.workspace_id()
        ));
        let expected = format!("{} {} {subject}", table[operation], by.user_id());
        assert_eq!(line.single(), Some(expected.as_str()), "{operation}");
    };
    let members = "/api/v1/workspaces/a/members";
    let bobs = bob.user_id().to_string();
    let invited = async || {
        let body = json!({ "user_id": bobs, "role": "viewer" });
        let made = alice.post(members, &body).await;
        assert_eq!(made.status(), 201, "{}", made.text());
        made.json()["id"].as_str().unwrap().to_owned()
    };
    let id = invited().await;
    expect("invite_member", &alice, &id);
    let path = format!("/api/v1/workspaces/a/invitations/{id}");
    assert_eq!(alice.delete(&path).await.status(), 204);
    expect("revoke_invitation", &alice, &id);
    let id = invited().await;
    let path = format!("/api/v1/invitations/{id}/decline");
    assert_eq!(bob.post(&path, &json!({})).await.status(), 204);
    expect("decline_invitation", &bob, &id);
    let path = format!("/api/v1/invitations/{}/accept", invited().await);
    assert_eq!(bob.post(&path, &json!({})).await.status(), 200);
    expect("accept_invitation", &bob, &bobs);
    let path = format!("{members}/{bobs}");
    let role = json!({ "role": "member" });
    assert_eq!(alice.patch(&path, &role).await.status(), 200);
    expect("change_member", &alice, &bobs);
    // The same again changes nothing, and says nothing.
    let lines = || {
        app.sql("select count(*) from secrets.audit")
            .single()
            .map(str::to_owned)
    };
    let before = lines();
    assert_eq!(alice.patch(&path, &role).await.status(), 200);
    assert_eq!(lines(), before);
    assert_eq!(bob.delete(&path).await.status(), 204);
    expect("remove_member", &bob, &bobs);

    let workspace = alice.workspace_id().to_string();
    let path = "/api/v1/workspaces/a";
    let name = json!({ "name": "Renamed" });
    assert_eq!(alice.patch(path, &name).await.status(), 200);
    expect("rename_workspace", &alice, &workspace);
    assert_eq!(alice.delete(path).await.status(), 204);
    expect("delete_workspace", &alice, &workspace);
    let restored = alice.post(&format!("{path}/restore"), &json!({})).await;
    assert_eq!(restored.status(), 200, "{}", restored.text());
    expect("restore_workspace", &alice, &workspace);
}

#[tokio::test]
async fn with_an_api_key_the_key_is_named_too() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let key = json!({ "name": "deploy", "role": "admin" });
    let made = alice.post("/api/v1/workspaces/a/keys", &key).await.json();
    let machine = alice.with_token(made["value"].as_str().unwrap());
    machine
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    let (action, entry) = newest(&alice).await;
    assert_eq!(action, "secret.create");
    assert_eq!(entry["key_id"], made["id"], "{entry}");
    assert_eq!(entry["actor"], alice.user_id().to_string().as_str());
}

#[test]
fn the_actions_that_are_written_are_those_that_are_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let word = r"(?:secret|secret_provider|connection|key|workspace|invitation|member|publication|data_key)\.[a-z_]+";
    let quoted = Regex::new(&format!("[\"']({word})[\"']")).unwrap();
    let mut written = BTreeSet::new();
    for folder in [
        "functions",
        "shared/vault",
        "shared/persistence",
        "infra/migrations",
    ] {
        for text in sources(&root.join(folder)) {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            written.extend(quoted.captures_iter(code).map(|found| found[1].to_owned()));
        }
    }
    // What the API's description shows as an example is written elsewhere.
    let documented = fs::read_to_string(root.join("docs/audit.md")).unwrap();
    let row = Regex::new(&format!("`({word})`")).unwrap();
    let documented: BTreeSet<String> = documented
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| row.captures_iter(line).map(|found| found[1].to_owned()))
        .collect();
    assert_eq!(written, documented);
}

/// The program texts and migrations below a folder, without its tests.
fn sources(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.extension().and_then(|kind| kind.to_str());
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "tests") {
                texts.extend(sources(&path));
            }
        } else if matches!(kind, Some("rs" | "sql")) {
            texts.push(fs::read_to_string(path).unwrap());
        }
    }
    texts
}
