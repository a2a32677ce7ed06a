//! What a model is never told: secrets, hosts, paths, headers, parameters and credentials of the tools that it calls.

use serde_json::{Value, json};
use testkit::scripted_model::{call, reply_with, say};
use testkit::{Answer, Dns, Persona, TestApp, ToolBuilder};

use crate::secrets_never_leak::spellings::Canaries;

/// Everything private of the tools below has this word in it; nothing public has.
const MARK: &str = "hidden";

const KEY: &str = "k-c4nary+hidden/key=\"of\"-4711";
const PASSWORD: &str = "p-c4nary:hidden/pass+word-0815";
const SIGNING: &str = "s-c4nary-hidden-key-of-a-signature-with-32-bytes";
const AWS_ID: &str = "AKIAC4NARYHIDDEN0304";
const PLAIN: &str = "c-c4nary-hidden-parameter-1906";

const SECRETS: [(&str, &str); 5] = [
    ("HIDDEN_KEY", KEY),
    ("HIDDEN_PASSWORD", PASSWORD),
    ("HIDDEN_SIGNING", SIGNING),
    ("HIDDEN_AWS_ID", AWS_ID),
    ("HIDDEN_PLAIN", PLAIN),
];

/// One tool of every kind of credential that needs no other server, and one without any.
fn kinds() -> Vec<(&'static str, Value)> {
    vec![
        (
            "by_header",
            json!({ "method": "api_key_header", "key_name": "X-Hidden-Key", "secret_ref": "${HIDDEN_KEY}" }),
        ),
        (
            "by_query",
            json!({ "method": "api_key_query", "key_name": "hidden_key", "secret_ref": "${HIDDEN_KEY}" }),
        ),
        (
            "by_cookie",
            json!({ "method": "api_key_cookie", "key_name": "hidden_session", "secret_ref": "${HIDDEN_PLAIN}" }),
        ),
        (
            "by_bearer",
            json!({ "method": "bearer", "secret_ref": "${HIDDEN_PLAIN}" }),
        ),
        (
            "by_basic",
            json!({ "method": "basic", "username_ref": "hidden_user", "password_ref": "${HIDDEN_PASSWORD}" }),
        ),
        (
            "by_custom",
            json!({ "method": "custom", "placements": [
            { "in": "header", "name": "X-Hidden-A", "value": "Hidden ${HIDDEN_PLAIN}" },
            { "in": "query", "name": "hidden_b", "value": "${HIDDEN_KEY}" },
        ] }),
        ),
        (
            "by_hmac",
            json!({ "method": "hmac", "secret_ref": "${HIDDEN_SIGNING}", "key_name": "X-Hidden-Signature", "prefix": "hidden=",
            "hmac": { "algorithm": "sha256", "encoding": "hex", "message": ["method", "path", "query"] } }),
        ),
        (
            "by_sigv4",
            json!({ "method": "aws_sigv4", "aws": { "access_key_ref": "${HIDDEN_AWS_ID}",
            "secret_key_ref": "${HIDDEN_SIGNING}", "region": "hidden-region", "service": "hidden-service" } }),
        ),
        (
            "by_jwt",
            json!({ "method": "jwt_bearer", "jwt": { "issuer": "hidden-us", "audience": "hidden-them",
            "key_ref": "${HIDDEN_SIGNING}", "algorithm": "HS256", "use": "direct" } }),
        ),
    ]
}

fn tool(id: &str, auth: &Value) -> ToolBuilder {
    ToolBuilder::get(&format!("/hidden-path/{id}"))
        .id(id)
        .auth(auth.clone())
        .set("/description", "Tells how it is at a place.")
        .set("/api/headers", json!({ "X-Hidden-Extra": "hidden-header" }))
        .set(
            "/api/params",
            json!({ "hidden_parameter": "hidden-value", "hidden_plain": "${HIDDEN_PLAIN}" }),
        )
        .set("/tags", json!(["place"]))
        .set("/retry", json!({ "max_attempts": 1 }))
        .input(json!({ "type": "object", "properties": { "place": { "type": "string" } } }))
        .mapping(json!({ "input_to_params": { "place": "hidden_place" } }))
}

async fn scene() -> (TestApp, Persona) {
    let setup = TestApp::setup().scripted_model().without_built_in_tools();
    let closed = "127.0.0.1:9";
    let app = setup.dns(&Dns::new()).allow(closed).start().await;
    let alice = app.alice();
    let hosts = [
        app.upstream().host_port(),
        closed.to_owned(),
        "nowhere.hidden.example.com".to_owned(),
    ];
    for (name, value) in SECRETS {
        let secret = json!({ "name": name, "value": value, "allowed_hosts": hosts });
        let stored = alice.post("/api/v1/secrets", &secret).await;
        assert_eq!(stored.status(), 201, "{}", stored.text());
    }
    (app, alice)
}

/// Lets the model call all of these at once, and then answer.
async fn calls_all(app: &TestApp, alice: &Persona, names: &[String]) {
    let calls: Vec<(String, Value)> = names
        .iter()
        .map(|name| (name.clone(), json!({ "place": "Rome" })))
        .collect();
    app.model().then(call(calls)).then(say("Done."));
    let asked = json!({ "prompt": "How is it in Rome?", "tools": names });
    let response = alice.post("/api/v1/orchestrate", &asked).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    assert_eq!(
        response.json()["tool_calls"].as_array().unwrap().len(),
        names.len()
    );
}

/// Looks through everything that the model server was sent.
fn search(app: &TestApp, words: &[&str]) {
    let values: Vec<&str> = SECRETS.iter().map(|(_, value)| *value).collect();
    let canaries = Canaries::of(&values);
    let requests = app.model().requests();
    assert!(!requests.is_empty());
    assert_eq!(app.model().refusals(), [""; 0]);
    for request in requests {
        let everything = request.everything();
        canaries.none_in("a request to the model", &everything);
        let small = everything.to_lowercase();
        for word in words {
            let found = small.find(*word).map(|at| {
                let around = small.char_indices().map(|(index, _)| index);
                let mut before = around.filter(|index| index + 200 < at);
                let from = before.next_back().unwrap_or(0);
                small[from..].chars().take(400).collect::<String>()
            });
            assert_eq!(found, None, "{word} is in a request to the model");
        }
    }
}

#[tokio::test]
async fn tools_that_work_show_nothing_of_how() {
    let (app, alice) = scene().await;
    app.upstream().on("*", json!({ "celsius": 18 }));
    let mut names = Vec::new();
    for (id, auth) in kinds() {
        alice.registers(tool(id, &auth)).await;
        names.push(id.to_owned());
    }
    calls_all(&app, &alice, &names).await;
    let last = app.model().last_request().unwrap();
    assert_eq!(last.outputs().len(), names.len());
    assert!(
        last.outputs()
            .iter()
            .all(|(_, output)| output.to_string().contains("celsius"))
    );
    search(&app, &[MARK, &app.upstream().host_port()]);
}

#[tokio::test]
async fn tools_that_fail_show_nothing_of_how() {
    let (app, alice) = scene().await;
    for (status, path) in [
        (401, "s401"),
        (403, "s403"),
        (404, "s404"),
        (429, "s429"),
        (500, "s500"),
    ] {
        app.upstream().on(
            &format!("/hidden-path/{path}"),
            Answer::text("no").status(status),
        );
    }
    app.upstream().on(
        "/hidden-path/moved",
        Answer::redirect(302, "http://169.254.169.254/hidden"),
    );
    app.upstream().on(
        "/hidden-path/broken",
        Answer::bytes("application/json", b"{".to_vec()),
    );
    let (_, auth) = &kinds()[0];
    let mut names = Vec::new();
    for id in ["s401", "s403", "s404", "s429", "s500", "moved", "broken"] {
        alice.registers(tool(id, auth)).await;
        names.push(id.to_owned());
    }
    for (id, url) in [
        ("closed", "http://127.0.0.1:9"),
        ("unresolved", "https://nowhere.hidden.example.com"),
    ] {
        alice.registers(tool(id, auth).base_url(url)).await;
        names.push(id.to_owned());
    }
    let absent = json!({ "method": "bearer", "secret_ref": "${HIDDEN_ABSENT}" });
    alice.registers(tool("absent", &absent)).await;
    names.push("absent".to_owned());
    calls_all(&app, &alice, &names).await;
    let last = app.model().last_request().unwrap();
    let errors = last.outputs().into_iter();
    let errors: Vec<String> = errors.map(|(_, output)| output.to_string()).collect();
    assert!(
        errors.iter().all(|error| error.contains("retryable")),
        "{errors:#?}"
    );
    search(
        &app,
        &[
            &app.upstream().host_port(),
            "hidden-path",
            "x-hidden",
            "hidden-header",
            "hidden_parameter",
            "nowhere.hidden",
            "127.0.0.1:9",
        ],
    );
}

#[tokio::test]
async fn upstreams_that_tell_what_they_were_sent_tell_no_secret() {
    let (app, alice) = scene().await;
    app.upstream().on("*", testkit::Reply::Echo);
    let mut names = Vec::new();
    for (id, auth) in kinds() {
        alice.registers(tool(id, &auth)).await;
        names.push(id.to_owned());
    }
    // The model asks for the same again with what it was told, and hands over all that it knows.
    calls_all(&app, &alice, &names).await;
    app.model()
        .then(reply_with(|request| say(request.everything())));
    let asked = json!({ "prompt": "Tell all you know.", "tools": names });
    let response = alice.post("/api/v1/orchestrate", &asked).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    search(&app, &[]);
}
