//! What each intrinsic comes to, and what is refused by its name.

use serde_json::json;

use super::*;

fn template(value: &Value) -> Value {
    json!({
        "Parameters": {
            "Stage": { "Type": "String", "Default": "prod", "AllowedPattern": "^[a-z]+$" },
            "Rate": { "Type": "Number", "Default": 200, "MinValue": 1 },
            "Key": { "Type": "String", "Default": "false", "AllowedValues": ["true", "false"] },
        },
        "Conditions": {
            "WithKey": { "Fn::Equals": [{ "Ref": "Key" }, "true"] },
            "Without": { "Fn::Not": [{ "Condition": "WithKey" }] },
            "Both": { "Fn::And": [{ "Condition": "WithKey" }, { "Fn::Or": [{ "Condition": "Without" }, { "Condition": "WithKey" }] }] },
        },
        "Resources": {
            "Queue": { "Type": "AWS::SQS::Queue", "Properties": { "QueueName": { "Fn::Sub": "${AWS::StackName}-q" } } },
            "Other": { "Type": "AWS::SQS::Queue", "Condition": "WithKey", "Properties": {} },
            "Subject": { "Type": "T", "Properties": { "value": value } },
        },
    })
}

fn evaluated(value: &Value, parameters: &[(&str, &str)]) -> Result<Value, Fault> {
    let template = template(value);
    let values = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let scope = Scope::new(&template, &values, "local", "http://127.0.0.1:1")?;
    let resources = scope.resources()?;
    let (_, _, properties) = resources
        .into_iter()
        .find(|(name, ..)| name == "Subject")
        .unwrap();
    Ok(properties.get("value").cloned().unwrap_or_default())
}

#[test]
fn functions_come_to_values() {
    let url = "http://127.0.0.1:1/123456789012/local-q";
    let arn = "arn:aws:sqs:eu-central-1:123456789012:local-q";
    for (value, expected) in [
        (json!({ "Ref": "Stage" }), json!("prod")),
        (json!({ "Ref": "Rate" }), json!("200")),
        (json!({ "Ref": "Queue" }), json!(url)),
        (json!({ "Fn::GetAtt": ["Queue", "Arn"] }), json!(arn)),
        (json!({ "Fn::GetAtt": "Queue.QueueName" }), json!("local-q")),
        (
            json!({ "Fn::Sub": "${Queue.Arn}/${!Stage}/${Stage}/${AWS::Region}" }),
            json!(format!("{arn}/${{Stage}}/prod/eu-central-1")),
        ),
        (
            json!({ "Fn::Sub": ["${a}-${Stage}", { "a": { "Ref": "Rate" } }] }),
            json!("200-prod"),
        ),
        (
            json!({ "Fn::If": ["WithKey", "yes", { "Ref": "Stage" }] }),
            json!("prod"),
        ),
        (json!({ "Fn::If": ["Both", "yes", "no"] }), json!("no")),
        (
            json!({ "Fn::If": ["Without", "yes", { "Ref": "AWS::NoValue" }] }),
            json!("yes"),
        ),
        (
            json!([1, { "Ref": "AWS::NoValue" }, { "a": { "Ref": "AWS::NoValue" }, "b": true }]),
            json!([1, { "b": true }]),
        ),
        (
            json!({ "Fn::Join": [":", ["a", { "Ref": "Stage" }]] }),
            json!("a:prod"),
        ),
        (
            json!({ "Fn::Select": ["1", { "Fn::Split": ["-", "a-b"] }] }),
            json!("b"),
        ),
        (
            json!("{{resolve:secretsmanager:x:SecretString:y}}"),
            json!("{{resolve:secretsmanager:x:SecretString:y}}"),
        ),
    ] {
        assert_eq!(evaluated(&value, &[]).as_ref(), Ok(&expected), "{value}");
    }
    let with = json!({ "Fn::If": ["Both", "yes", "no"] });
    assert_eq!(evaluated(&with, &[("Key", "true")]), Ok(json!("yes")));
}

#[test]
fn what_is_not_known_is_told_by_name() {
    for (value, told) in [
        (json!({ "Fn::Cidr": [] }), "Fn::Cidr"),
        (json!({ "Fn::ImportValue": "x" }), "Fn::ImportValue"),
        (json!({ "Ref": "Nothing" }), "Nothing"),
        (json!({ "Fn::Sub": "${Nothing.Arn}" }), "Nothing"),
        (json!({ "Fn::GetAtt": ["Queue", "Colour"] }), "Colour"),
        (json!({ "Fn::If": ["WithNothing", 1, 2] }), "WithNothing"),
        (json!({ "Fn::If": ["WithKey", 1] }), "Fn::If"),
        (json!({ "Fn::Sub": "${Stage" }), "${"),
    ] {
        let fault = evaluated(&value, &[]).unwrap_err().to_string();
        assert!(fault.contains(told), "{value}: {fault}");
        assert!(fault.contains("Subject/value"), "{value}: {fault}");
    }
}

#[test]
fn parameters_are_checked_as_at_a_deployment() {
    for (name, value, told) in [
        ("Stage", "9", "must match"),
        ("Rate", "0", "out of bounds"),
        ("Rate", "many", "must be a number"),
        ("Key", "maybe", "may not be"),
        ("Colour", "red", "is not in the template"),
    ] {
        let fault = evaluated(&json!(1), &[(name, value)])
            .unwrap_err()
            .to_string();
        assert!(fault.contains(name) && fault.contains(told), "{fault}");
    }
}

#[test]
fn resources_exist_under_their_conditions() {
    let template = template(&json!(1));
    let names = |key: &str| {
        let values = BTreeMap::from([("Key".to_owned(), key.to_owned())]);
        let scope = Scope::new(&template, &values, "local", "").unwrap();
        scope.resources().unwrap().len()
    };
    assert_eq!((names("false"), names("true")), (2, 3));
    let mut template = template;
    template["Outputs"] = json!({ "Of": { "Condition": "WithKey", "Value": { "Ref": "Other" } } });
    let told = |key: &str| {
        let values = BTreeMap::from([("Key".to_owned(), key.to_owned())]);
        let scope = Scope::new(&template, &values, "local", "").unwrap();
        scope.outputs().unwrap().len()
    };
    assert_eq!((told("false"), told("true")), (0, 1));
}

#[test]
fn circles_are_told() {
    let template = json!({ "Resources": { "A": { "Type": "AWS::SQS::Queue", "Properties": {
        "QueueName": { "Fn::GetAtt": ["A", "QueueName"] } } } } });
    let scope = Scope::new(&template, &BTreeMap::new(), "local", "").unwrap();
    assert!(
        scope
            .resources()
            .unwrap_err()
            .to_string()
            .contains("circle")
    );
}
