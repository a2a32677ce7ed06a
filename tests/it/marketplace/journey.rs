//! The whole way, by two workspaces: publish, discover, install, bind a secret, run, review, and see what it came to.

use serde_json::json;
use testkit::{TestApp, logs};

use super::{SECRET, installs, publishes, quote, reviews, runs};

#[tokio::test]
async fn what_one_workspace_publishes_another_finds_installs_binds_runs_and_reviews() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/quote", json!({ "price": "185.20" }));
    alice
        .stores_secret("API_KEY", "a-key-of-the-publisher")
        .await;
    alice.registers(quote()).await;

    let published = publishes(&alice, "quote").await;
    assert_eq!(published["id"], "a_quote");
    assert_eq!(published["published"], true);
    assert_eq!(published["needs"]["secrets"][0]["name"], "API_KEY");
    let saved = alice.get("/api/v1/tools/saved").await.json();
    assert_eq!(saved["tools"][0]["published"], true);

    // Discover: nobody has to sign in.
    let found = app.anon().get("/api/v1/marketplace?q=share+price").await;
    assert_eq!(found.status(), 200, "{}", found.text());
    let found = &found.json()["publications"][0];
    assert_eq!(
        (&found["id"], &found["publisher"]),
        (&json!("a_quote"), &json!("a"))
    );
    let read = app.anon().get("/api/v1/marketplace/a_quote").await.json();
    assert_eq!(
        read["manifest"]["document"]["description"],
        "The last price of a share."
    );
    assert_eq!(read["hash"], found["hash"]);
    assert!(!read.to_string().contains("a-key-of-the-publisher"));

    // Install: the secret goes by another name here.
    let body = json!({ "hash": read["hash"], "secrets": { "API_KEY": "QUOTE_KEY" } });
    let installed = installs(&bob, "a_quote", &body).await;
    assert_eq!(installed.status(), 201, "{}", installed.text());
    let installed = installed.json();
    assert_eq!(installed["tool_id"], "quote");
    assert_eq!(installed["ready"], false);
    let secret = &installed["needs"]["secrets"][0];
    assert_eq!(
        (&secret["name"], &secret["stored"]),
        (&json!("QUOTE_KEY"), &json!(false))
    );

    // Run: without the secret nothing is sent; with the own one it is, and never the publisher's.
    let refused = runs(&bob, "quote", json!({ "symbol": "IBM" })).await;
    assert_eq!(refused.code(), "secret_missing");
    assert_eq!(app.upstream().connections(), 0);
    let early = reviews(&bob, "a_quote", &json!({ "rating": 5 })).await;
    assert_eq!(
        (early.status().as_u16(), early.code()),
        (403, "review_refused".to_owned())
    );
    bob.stores_secret("QUOTE_KEY", SECRET).await;
    let stands = bob.get("/api/v1/installs/tool/quote").await.json();
    assert_eq!(stands["ready"], true);
    let ran = runs(&bob, "quote", json!({ "symbol": "IBM" })).await;
    assert_eq!(
        ran.json()["output"],
        json!({ "price": 185.2 }),
        "{}",
        ran.text()
    );
    let sent = app.upstream().last_request();
    assert_eq!(
        sent.header("authorization"),
        Some(format!("Bearer {SECRET}").as_str())
    );

    // Review.
    let body = json!({ "rating": 5, "text": "Says what it costs." });
    let review = reviews(&bob, "a_quote", &body).await;
    assert_eq!(review.status(), 200, "{}", review.text());
    let rated = app.anon().get("/api/v1/marketplace/a_quote").await.json();
    assert_eq!(rated["rating"]["average"], 5.0);
    assert_eq!(rated["installs"], 1);

    // Analytics: the calls are the installing workspace's.
    let report = bob.get("/api/v1/analytics/tools/quote").await.json();
    assert_eq!(report["calls"], 2, "{report}");
    assert_eq!(report["successes"], 1, "{report}");
    let none = alice.get("/api/v1/analytics/tools/quote").await.json();
    assert_eq!(none["calls"], 0, "{none}");

    let audit = bob
        .get("/api/v1/audit?action=publication.install")
        .await
        .json();
    assert_eq!(
        audit["entries"][0]["detail"]["public_id"], "a_quote",
        "{audit}"
    );
    let audit = alice
        .get("/api/v1/audit?action=publication.publish")
        .await
        .json();
    assert_eq!(audit["entries"][0]["subject"], "quote", "{audit}");
    assert!(!logs::contain(SECRET));
}
