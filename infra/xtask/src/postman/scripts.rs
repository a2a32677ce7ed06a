//! The JavaScript of the collection: what happens around every request, and the checks of one.

use serde_json::Value;

use super::step::Step;

/// Before every request: names of a run, the second person, and what answers look like.
pub(crate) const BEFORE: &str = r#"const variables = pm.collectionVariables;
if (!variables.get("run") || pm.info.requestName === "Whether the product is well") {
    variables.set("run", Date.now().toString(36));
    variables.set("api", "");
}
if (!pm.variables.get("peerToken")) variables.set("peerToken", pm.variables.get("token"));
if (!variables.get("api")) {
    pm.sendRequest(pm.variables.replaceIn("{{baseUrl}}/openapi.json"), (error, response) => {
        if (error || response.code !== 200) return;
        const document = response.json();
        const answers = {};
        for (const [path, item] of Object.entries(document.paths)) {
            for (const [method, operation] of Object.entries(item)) {
                answers[method.toUpperCase() + " " + path] = operation.responses;
            }
        }
        variables.set("api", JSON.stringify({ answers, components: document.components }));
    });
}"#;

/// After every request: the answer is as the server's own description says.
pub(crate) const AFTER: &str = r#"pm.test("has a request id", () => pm.response.to.have.header("x-request-id"));
pm.test("is as described", () => {
    const api = JSON.parse(pm.collectionVariables.get("api") || "{}");
    const answer = api.answers[pm.variables.get("operation")][pm.response.code];
    pm.expect(answer, "the status is documented").to.be.an("object");
    const type = (pm.response.headers.get("content-type") || "").split(";")[0];
    if (!answer.content) {
        pm.expect(pm.response.text()).to.equal("");
        return;
    }
    pm.expect(Object.keys(answer.content)).to.include(type);
    if (type.endsWith("json")) {
        const schema = { allOf: [answer.content[type].schema], components: api.components };
        pm.response.to.have.jsonSchema(schema, { unknownFormats: "ignore", logger: false });
    }
    if (type === "application/problem+json") {
        pm.expect(pm.response.json().status).to.equal(pm.response.code);
    }
});"#;

/// The lines of a script, as the format wants them.
pub(crate) fn lines(script: &str) -> Vec<&str> {
    script.lines().collect()
}

/// Before one request: which operation it is, for the check of its answer.
pub(crate) fn before(path: &str, method: &str) -> [String; 1] {
    let method = method.to_ascii_uppercase();
    [format!(
        "pm.variables.set(\"operation\", \"{method} {path}\");"
    )]
}

/// The checks of one request, what is kept of its answer, and whether it is sent again.
pub(crate) fn of(operation: &Value, step: &Step) -> Vec<String> {
    let documented = operation["responses"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(status, _)| status.starts_with('2'))
        .map(|(status, _)| status.clone());
    let statuses: Vec<String> = match step.statuses {
        [] => documented.collect(),
        stated => stated.iter().map(u16::to_string).collect(),
    };
    let right = statuses.join(", ");
    let mut script = Vec::new();
    match step.alone {
        None => script.push(format!("const right = [{right}];")),
        Some(alone) => {
            script.push(
                "const alone = pm.variables.get(\"peerToken\") === pm.variables.get(\"token\");"
                    .to_owned(),
            );
            script.push(format!("const right = alone ? [{alone}] : [{right}];"));
        }
    }
    script.push(format!(
        "pm.test(\"status is {right}\", () => pm.expect(pm.response.code).to.be.oneOf(right));"
    ));
    if let Some(code) = step.code {
        script.push(format!(
            "pm.test(\"code is {code}\", () => pm.expect(pm.response.json().code).to.equal(\"{code}\"));"
        ));
    }
    if !step.keeps.is_empty() || step.until.is_some() {
        script.push("const json = pm.response.code < 300 ? pm.response.json() : {};".to_owned());
    }
    for (variable, value) in step.keeps {
        script.push(format!(
            "if (pm.response.code < 300) pm.collectionVariables.set(\"{variable}\", {value});"
        ));
    }
    if let Some(condition) = step.until {
        script.extend(again(condition));
    }
    script
}

/// Sends the same request again until the condition holds, a few hundred times at most.
fn again(condition: &str) -> Vec<String> {
    let script = format!(
        r#"const tries = Number(pm.variables.get("tries") || 0);
const happened = {condition};
if (!happened && tries < 300 && right.includes(pm.response.code)) {{
    pm.variables.set("tries", tries + 1);
    pm.execution.setNextRequest(pm.info.requestId);
    setTimeout(() => {{}}, 100);
}} else {{
    pm.variables.set("tries", 0);
    pm.test("what is waited for has happened", () => pm.expect(happened).to.equal(true));
}}"#
    );
    script.lines().map(str::to_owned).collect()
}
