//! `POST /api/v1/flows`.

use std::fmt::Write as _;

use serde_json::{Value, json};
use testkit::{TestApp, ToolBuilder};

use super::{BRIEF, PATH, brief, of_steps, refused, saved, told, with, with_tools};

#[tokio::test]
async fn answers_the_saved_flow() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    let member = app.member();
    let response = saved(&member, &brief()).await;
    assert_eq!(response.header("location"), Some(BRIEF));
    let mut view = response.json();
    let hash = view["hash"].take();
    let tag = format!("\"{}\"", hash.as_str().unwrap());
    assert_eq!(response.header("etag"), Some(tag.as_str()));
    assert_eq!(view["created_at"].take(), view["updated_at"].take());
    let author = member.user_id().to_string();
    assert_eq!(
        view,
        json!({
            "flow_id": "ticker_brief", "name": "Ticker brief", "description": "Quotes of a list of tickers, mailed",
            "tags": ["finance"], "enabled": true, "callable": true, "version": 1, "hash": null,
            "created_at": null, "updated_at": null, "created_by": author, "updated_by": author,
            "definition": brief(),
        })
    );
}

#[tokio::test]
async fn makes_an_id_of_the_name() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let document = json!({ "name": "Sum up: all!", "steps": [{ "id": "one", "transform": 1 }] });
    let view = saved(&alice, &document).await.json();
    assert_eq!(
        (&view["flow_id"], &view["callable"]),
        (&json!("sum_up_all"), &json!(false))
    );
    for reserved in ["saved", "import", "Not An Id"] {
        let faults = refused(&alice, &with("id", reserved)).await;
        assert_eq!(faults[0]["pointer"], "/id", "{reserved}: {faults:?}");
    }
}

#[tokio::test]
async fn an_id_is_taken_once() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    let flow = of_steps(json!([{ "id": "one", "transform": 1 }]));
    let first = saved(&alice, &flow).await.json();
    let again = alice.post(PATH, &flow).await;
    assert_eq!(again.status(), 409, "{}", again.text());
    assert_eq!(again.code(), "already_exists");
    let current = json!({ "version": 1, "hash": first["hash"] });
    assert_eq!(again.json()["current"], current);
    saved(&bob, &flow).await;
}

#[tokio::test]
async fn tools_and_flows_share_their_ids() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    let flow =
        |id: &str| json!({ "id": id, "name": id, "steps": [{ "id": "one", "transform": 1 }] });
    let taken = alice.post(PATH, &flow("quote")).await;
    assert_eq!(taken.status(), 409, "{}", taken.text());
    assert_eq!(taken.code(), "already_exists");
    assert!(
        taken.json()["detail"]
            .as_str()
            .unwrap()
            .contains("belongs to a tool")
    );
    // Also when the tool is retired: its history keeps the id.
    assert_eq!(
        app.admin()
            .delete("/api/v1/tools/saved/quote")
            .await
            .status(),
        204
    );
    assert_eq!(alice.post(PATH, &flow("quote")).await.status(), 409);
    saved(&bob, &flow("quote")).await;
    let built_in = alice.post(PATH, &flow("calculate")).await;
    assert_eq!(
        (built_in.status().as_u16(), built_in.code().as_str()),
        (409, "built_in_tool")
    );

    saved(&alice, &flow("brief")).await;
    let tool = ToolBuilder::get("/brief").id("brief");
    for answer in [
        alice.tries_to_register(&tool).await,
        alice
            .post(
                "/api/v1/tools/saved",
                &tool.document(&app.upstream().base_url()),
            )
            .await,
    ] {
        assert_eq!(answer.status(), 409, "{}", answer.text());
        assert_eq!(answer.code(), "already_exists");
        assert!(
            answer.json()["detail"]
                .as_str()
                .unwrap()
                .contains("belongs to a flow")
        );
    }
    let changed = alice
        .put(
            "/api/v1/tools/saved/brief",
            &tool.document("https://api.example.com"),
        )
        .await;
    assert_eq!(
        (changed.status().as_u16(), changed.code().as_str()),
        (404, "tool_not_found")
    );
}

#[tokio::test]
async fn a_cycle_is_told_with_its_path() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let steps = json!([
        { "id": "a", "transform": "{{ steps.c.output }}" },
        { "id": "b", "transform": "{{ steps.a.output }}" },
        { "id": "c", "transform": 1, "depends_on": ["b"] },
        { "id": "d", "transform": "{{ steps.c.output }}" },
    ]);
    let faults = refused(&alice, &of_steps(steps)).await;
    let cycle = faults
        .iter()
        .find(|fault| fault["code"] == "cycle")
        .unwrap();
    assert_eq!(cycle["pointer"], "/steps/0");
    assert_eq!(
        cycle["message"],
        "the steps need one another in a circle: a → b → c → a"
    );
    assert!(cycle["hint"].is_string(), "{cycle}");
}

#[tokio::test]
async fn a_flow_that_comes_to_run_itself_is_refused_with_its_path() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let calling = |id: &str, callee: &str| json!({ "id": id, "name": id, "steps": [{ "id": "one", "flow": callee }] });
    let leaf = json!({ "id": "c", "name": "c", "steps": [{ "id": "one", "transform": 1 }] });
    for flow in [&leaf, &calling("b", "c"), &calling("a", "b")] {
        saved(&alice, flow).await;
    }
    let around = alice.put("/api/v1/flows/c", &calling("c", "a")).await;
    assert_eq!(around.status(), 400, "{}", around.text());
    let fault = &around.json()["errors"][0];
    assert_eq!(
        (&fault["pointer"], &fault["code"]),
        (&json!("/steps/0/flow"), &json!("cycle"))
    );
    assert!(
        fault["message"].as_str().unwrap().contains("c → a → b → c"),
        "{fault}"
    );
    let faults = refused(&alice, &calling("d", "d")).await;
    assert_eq!(faults[0]["pointer"], "/steps/0/flow");
}

#[tokio::test]
async fn unknown_and_unusable_tools_are_told() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    alice
        .registers(ToolBuilder::get("/off").id("off").set("/enabled", false))
        .await;
    bob.registers(ToolBuilder::get("/theirs").id("bobs_tool"))
        .await;
    saved(
        &alice,
        &json!({ "id": "part", "name": "part", "steps": [{ "id": "one", "transform": 1 }] }),
    )
    .await;
    let steps = json!([
        { "id": "a", "tool": "qoute", "input": { "symbol": "IBM" } },
        { "id": "b", "flow": "prat" },
        { "id": "c", "tool": "off" },
        { "id": "d", "tool": "bobs_tool" },
        { "id": "e", "tool": "part" },
        { "id": "f", "flow": "quote", "input": { "symbol": "IBM" } },
        { "id": "g", "tool": "quote", "input": { "symbol": "IBM" }, "compensate": { "tool": "unquote", "input": {} } },
        { "id": "h", "tool": "calculate", "input": { "expression": "1 + 1" } },
    ]);
    let faults = refused(&alice, &of_steps(steps)).await;
    let expected = [
        ("/steps/0/tool", "unknown_tool"),
        ("/steps/1/flow", "unknown_tool"),
        ("/steps/2/tool", "unusable_tool"),
        ("/steps/3/tool", "unknown_tool"),
        ("/steps/4/tool", "conflict"),
        ("/steps/5/flow", "conflict"),
        ("/steps/6/compensate/tool", "unknown_tool"),
    ];
    assert_eq!(told(&faults), expected);
    assert_eq!(faults[0]["hint"], "did you mean \"quote\"?");
    assert_eq!(faults[1]["hint"], "did you mean \"part\"?");
    assert!(
        faults[2]["message"]
            .as_str()
            .unwrap()
            .contains("switched off")
    );
    assert!(!json!(faults).to_string().contains("bobs_tool\"?"));
}

#[tokio::test]
async fn an_input_that_can_never_fit_is_told_before_anything_runs() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    let steps = json!([
        { "id": "a", "tool": "quote" },
        { "id": "b", "tool": "quote", "input": { "symbol": 7 } },
        { "id": "c", "tool": "quote", "input": { "symbol": "IBM", "days": 0 } },
        { "id": "d", "tool": "quote", "input": { "symbol": "{{ run.id }}", "dayz": 1 } },
        { "id": "e", "tool": "quote", "input": { "symbol": "IBM", "days": "{{ steps.a.output }}" } },
    ]);
    let faults = refused(&alice, &of_steps(steps)).await;
    let told = told(&faults);
    let places: Vec<&str> = told.iter().map(|(pointer, _)| *pointer).collect();
    for place in [
        "/steps/1/input/symbol",
        "/steps/2/input/days",
        "/steps/3/input/dayz",
    ] {
        assert!(places.contains(&place), "{place}: {told:?}");
    }
    assert!(
        places.iter().any(|place| place.starts_with("/steps/0")),
        "{told:?}"
    );
    assert!(
        !places.iter().any(|place| place.starts_with("/steps/4")),
        "{told:?}"
    );
    assert_eq!(alice.get(PATH).await.json()["flows"], json!([]));
}

#[tokio::test]
async fn an_expression_is_refused_with_the_place_of_its_error() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(17), ")".repeat(17));
    let long = format!("{{{{ \"{}\" }}}}", "x".repeat(600));
    for (expression, words) in [
        ("{{ 1 + }}", None),
        ("{{ inputs.x }}", None),
        ("{{ steps.none.output }}", Some("none")),
        ("{{ input.x | nonesuch }}", Some("nonesuch")),
        (deep.as_str(), Some("16")),
        (long.as_str(), Some("512")),
        ("{{ 1", None),
    ] {
        let steps = json!([{ "id": "one", "transform": { "deep": [expression] } }]);
        let faults = refused(&alice, &of_steps(steps)).await;
        assert_eq!(
            faults[0]["pointer"], "/steps/0/transform/deep/0",
            "{expression}: {faults:?}"
        );
        let told = format!("{} {}", faults[0]["message"], faults[0]["hint"]);
        assert!(
            words.is_none_or(|words| told.contains(words)),
            "{expression}: {told}"
        );
    }
}

#[tokio::test]
async fn tells_every_fault_at_once() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let document = json!({
        "nmae": "x",
        "timeout_ms": 1,
        "steps": [
            { "id": "Not An Id", "transform": 1 },
            { "id": "two", "tool": "quote", "transform": 1 },
            { "id": "three", "transform": 1, "retry": { "max_attempts": 11 } },
            { "id": "three", "transform": 1, "dependson": ["two"] },
        ],
    });
    let faults = refused(&alice, &document).await;
    let told = told(&faults);
    let places: Vec<&str> = told.iter().map(|(pointer, _)| *pointer).collect();
    for place in [
        "/nmae",
        "/name",
        "/timeout_ms",
        "/steps/0/id",
        "/steps/3/id",
        "/steps/3/dependson",
    ] {
        assert!(places.contains(&place), "{place}: {told:?}");
    }
    for step in ["/steps/1", "/steps/2"] {
        assert!(
            places.iter().any(|place| place.starts_with(step)),
            "{step}: {told:?}"
        );
    }
    let not_an_object = refused(&alice, &json!([1])).await;
    assert_eq!(not_an_object[0]["pointer"], "");
}

#[tokio::test]
async fn takes_long_flows() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    let mut steps = "{\"id\":\"s0\",\"transform\":0}".to_owned();
    for number in 1..2_000 {
        let _ = write!(
            steps,
            ",{{\"id\":\"s{number}\",\"tool\":\"quote\",\"input\":{{\"symbol\":\"{{{{ steps.s{}.output.symbol }}}}\"}},\
             \"name\":\"The step with the number {number} of a long chain of many\",\"on_error\":\"continue\"}}",
            number - 1
        );
    }
    let steps: Value = serde_json::from_str(&format!("[{steps}]")).unwrap();
    let view = saved(&alice, &of_steps(steps.clone())).await.json();
    assert_eq!(view["definition"]["steps"], steps);
    let too_many: Vec<Value> = (0..=10_000)
        .map(|number| json!({ "id": format!("s{number}"), "transform": 1 }))
        .collect();
    let faults = refused(&alice, &with("steps", too_many)).await;
    assert_eq!(faults[0]["pointer"], "/steps", "{faults:?}");
}

#[tokio::test]
async fn viewers_save_nothing() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let flow = of_steps(json!([{ "id": "one", "transform": 1 }]));
    let denied = app.viewer().post(PATH, &flow).await;
    assert_eq!(
        (denied.status().as_u16(), denied.code().as_str()),
        (403, "role_required")
    );
    assert_eq!(alice.get(PATH).await.json(), json!({ "flows": [] }));
}
