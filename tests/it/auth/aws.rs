//! AWS Signature Version 4, checked by a checker of our own that agrees with AWS's published examples.

use serde_json::{Value, json};
use testkit::{Persona, TestApp, ToolBuilder};

use super::aws_check::{Known, check};
use super::{accepted, checks, refused};

const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "a-session-token/with+signs==";

async fn stores_keys(alice: &Persona) {
    alice.stores_secret("AWS_KEY_ID", ID).await;
    alice.stores_secret("AWS_SECRET", KEY).await;
    alice.stores_secret("AWS_TOKEN", TOKEN).await;
}

fn auth(service: &str, with_token: bool) -> Value {
    let mut aws = json!({
        "access_key_ref": "${AWS_KEY_ID}", "secret_key_ref": "${AWS_SECRET}",
        "region": "eu-central-1", "service": service,
    });
    if with_token {
        aws["session_token_ref"] = json!("${AWS_TOKEN}");
    }
    json!({ "method": "aws_sigv4", "aws": aws })
}

fn known(service: &'static str) -> Known<'static> {
    Known {
        id: ID,
        key: KEY,
        region: "eu-central-1",
        service,
    }
}

#[tokio::test]
async fn queries_paths_and_bodies_are_signed_as_they_are_sent() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    stores_keys(&alice).await;
    checks(&app, |request| check(request, &known("execute-api")));
    let input = json!({ "type": "object", "properties": { "name": {}, "b": {}, "a": {} } });
    let get = ToolBuilder::get("/prod/pets/{name}")
        .auth(auth("execute-api", false))
        .input(input)
        .set(
            "/api/params",
            json!({ "z": ["2", "1"], "a b": "ü&/+*~'()!" }),
        );
    let get = alice.registers(get).await;
    for name in ["rex", "a b", "a:b@c,d;e=f", "ünï", "50%", "a+b", "~x*'()!"] {
        let values = json!({ "name": name, "b": "x y", "a": "%20+&=" });
        accepted(&alice, &get, values).await;
    }
    let post = alice
        .registers(ToolBuilder::post("/prod/pets").auth(auth("execute-api", false)))
        .await;
    accepted(&alice, &post, json!({ "name": "rex", "note": "ünï" })).await;
    accepted(&alice, &post, json!({})).await;
}

#[tokio::test]
async fn temporary_credentials_carry_their_token() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    stores_keys(&alice).await;
    checks(&app, |request| {
        if request.header("x-amz-security-token") != Some(TOKEN) {
            return Err("no token".to_owned());
        }
        check(request, &known("execute-api"))
    });
    let tool = ToolBuilder::get("/prod/pets").auth(auth("execute-api", true));
    let tool = alice.registers(tool).await;
    accepted(&alice, &tool, json!({})).await;
}

#[tokio::test]
async fn s3_takes_the_path_as_it_is() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    stores_keys(&alice).await;
    checks(&app, |request| {
        if request.header("x-amz-content-sha256").is_none() {
            return Err("no hash of the payload".to_owned());
        }
        check(request, &known("s3"))
    });
    let input = json!({ "type": "object", "properties": { "key": {} } });
    let tool = ToolBuilder::get("/bucket/{key}")
        .auth(auth("s3", false))
        .input(input);
    let tool = alice.registers(tool).await;
    for key in ["plain.txt", "a b,c:d@e;f=g.txt", "ünï+~*.txt", "100%"] {
        accepted(&alice, &tool, json!({ "key": key })).await;
    }
}

/// DynamoDB and its like name the operation in a header of AWS's, which is signed too.
#[tokio::test]
async fn services_that_speak_json_get_their_operation() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    stores_keys(&alice).await;
    checks(&app, |request| {
        if request.header("x-amz-target") != Some("DynamoDB_20120810.ListTables") {
            return Err("no target".to_owned());
        }
        check(request, &known("dynamodb"))
    });
    let tool = ToolBuilder::post("/").auth(auth("dynamodb", false)).set(
        "/api/headers",
        json!({ "X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0" }),
    );
    let tool = alice.registers(tool).await;
    accepted(&alice, &tool, json!({ "Limit": 5 })).await;
}

#[tokio::test]
async fn another_key_is_refused() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    stores_keys(&alice).await;
    checks(&app, |request| {
        let other = Known {
            key: "another-secret-access-key",
            ..known("execute-api")
        };
        check(request, &other)
    });
    let tool = alice
        .registers(ToolBuilder::get("/prod/pets").auth(auth("execute-api", false)))
        .await;
    let error = refused(&alice, &tool, json!({})).await;
    assert!(
        error["hint"].as_str().unwrap().contains("AWS_SECRET"),
        "{error}"
    );
    for secret in [ID, KEY] {
        assert!(!error.to_string().contains(secret));
    }
}
