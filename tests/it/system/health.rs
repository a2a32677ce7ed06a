//! `GET /health`.

use serde_json::{Value, json};
use testkit::{Response, TestApp};
use tokio::net::TcpListener;

fn without_time(response: &Response) -> Value {
    let mut body = response.json();
    let time = body["timestamp"].take();
    let time = time.as_str().expect("a timestamp");
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    body
}

#[tokio::test]
async fn all_is_well_while_the_database_answers() {
    let app = TestApp::start().await;
    let response = app.anon().get("/health").await;
    assert_eq!(response.status(), 200, "{}", response.text());
    assert_eq!(
        without_time(&response),
        json!({ "status": "ok", "timestamp": null, "checks": { "database": "ok" } })
    );
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

/// The app over a database at this address.
async fn app_on(address: &str) -> TestApp {
    let url = format!("postgres://authenticator@{address}/postgres");
    TestApp::setup()
        .config(move |config| config.database_url = url.into())
        .start()
        .await
}

async fn is_degraded(app: &TestApp) {
    let response = app.anon().get("/health").await;
    assert_eq!(response.status(), 503, "{}", response.text());
    assert_eq!(
        without_time(&response),
        json!({ "status": "degraded", "timestamp": null, "checks": { "database": "unavailable" } })
    );
}

#[tokio::test]
async fn is_degraded_when_the_database_refuses() {
    let app = app_on("127.0.0.1:1").await;
    is_degraded(&app).await;
    // Everything else says so as well, and when to come again.
    let response = app.alice().get("/api/v1/tools").await;
    assert_eq!(response.status(), 503, "{}", response.text());
    assert_eq!(response.code(), "database_unavailable");
    assert!(response.header("retry-after").is_some());
    assert!(
        !response.text().contains("127.0.0.1"),
        "{}",
        response.text()
    );
    // Who is not known is refused without the database.
    assert_eq!(app.anon().get("/api/v1/tools").await.status(), 401);
    for path in ["/docs", "/openapi.json"] {
        assert_eq!(app.anon().get(path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn is_degraded_when_the_database_is_silent() {
    // Accepts connections, and never says a word.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let app = app_on(&silent.local_addr().unwrap().to_string()).await;
    is_degraded(&app).await;
}

#[tokio::test]
async fn tells_when_the_database_has_gone_and_when_it_is_back() {
    let app = TestApp::start().await;
    assert_eq!(app.anon().get("/health").await.status(), 200);
    let name = app.sql("select current_database()");
    let name = name.single().unwrap().to_owned();
    let allow = |yes: bool| {
        for statement in [
            format!("alter database {name} allow_connections {yes}"),
            format!(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{name}'"
            ),
        ] {
            let switched = testkit::cluster().sql("postgres", &statement);
            switched.expect("the database is switched");
        }
    };
    allow(false);
    is_degraded(&app).await;
    allow(true);
    assert_eq!(app.anon().get("/health").await.status(), 200);
    assert_eq!(app.alice().get("/api/v1/tools").await.status(), 200);
}
