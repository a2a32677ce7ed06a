//! `GET /openapi.json`.

use testkit::TestApp;

#[tokio::test]
async fn is_an_openapi_document_of_the_operations() {
    let app = TestApp::start().await;
    let response = app.anon().get("/openapi.json").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.header("content-type"), Some("application/json"));
    let document = response.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/api/v1/tools/{tool_id}/execute"]["post"].is_object());
}

#[tokio::test]
async fn every_operation_tells_its_purpose_and_its_answers() {
    let app = TestApp::start().await;
    let document = app.anon().get("/openapi.json").await.json();
    let mut count = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let told = format!("{method} {path}");
            count += 1;
            assert!(operation["operationId"].is_string(), "{told}");
            assert!(operation["summary"].is_string(), "{told}");
            assert!(operation["tags"][0].is_string(), "{told}");
            let answers = operation["responses"].as_object().unwrap();
            assert!(
                answers.keys().any(|status| status.starts_with('2')),
                "{told}"
            );
            // A browser comes there from a provider, with nothing in its hands.
            let callback = path == "/api/v1/connections/callback";
            if path.starts_with("/api/v1/") && !callback {
                for status in ["400", "500", "503"] {
                    assert!(answers.contains_key(status), "{told}: {status}");
                }
                let open = operation["security"] == serde_json::json!([{}]);
                assert_eq!(answers.contains_key("401"), !open, "{told}");
            }
        }
    }
    assert!(count >= 25, "{count}");
}
