#!/usr/bin/env python3
"""Does the SAM transform of template.yaml locally and asserts what the linters cannot see.

Usage: transform.py template.yaml transformed.json   (needs PyPI's aws-sam-translator; no AWS account, no network)

The variant of infra/require-keys is transformed and judged as well.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

class NoManagedPolicies:
    """The template names no managed policy, so none is looked up."""

    def load(self):
        return {}

def streaming(template, root):
    """The functions whose program says so: the mode of a route and that of its function must be the same."""
    names = set()
    for name, function in of_type(template["Resources"], "AWS::Serverless::Function").items():
        if "serve_streaming" in (root / f"functions/{binary_of(function)}/src/main.rs").read_text(encoding="utf-8"):
            names.add(name)
    return names

def binary_of(function):
    """Where cargo-lambda puts a function's program: the folder has its name."""
    return re.fullmatch(r"target/lambda/([a-z-]+)", function["Properties"]["CodeUri"]).group(1)

def local_code_to_s3(template):
    """`sam package` does this when it uploads; the transform insists on it."""
    for function in of_type(template["Resources"], "AWS::Serverless::Function").values():
        function["Properties"]["CodeUri"] = f"s3://artefacts/{binary_of(function)}.zip"

def of_type(resources, kind):
    return {name: r for name, r in resources.items() if r["Type"] == kind}

def check_transfer(route, integration, streams):
    """One mode a function. A misspelt one passes the linters, and then the gateway hands out the function's raw stream."""
    uri = integration["uri"]["Fn::Sub"]
    function, call = re.fullmatch(r".*:lambda:path/(?:\S+)/functions/\$\{(\w+)\.Arn\}/([\w-]+)", uri).groups()
    if function in streams:
        assert integration.get("responseTransferMode") == "STREAM", f"{route} does not stream"
        assert call == "response-streaming-invocations", f"{route}: {uri}"
        assert integration.get("timeoutInMillis") == 900_000, f"{route} ends before its function"
    else:
        assert "responseTransferMode" not in integration, f"{route} streams, its function does not"
        assert call == "invocations" and "timeoutInMillis" not in integration, f"{route}: {uri}"
    return function

def queue_of(resources, arn):
    """The queue that `!GetAtt Queue.Arn` names."""
    name, attribute = arn["Fn::GetAtt"]
    assert attribute == "Arn", arn
    return name, resources[name]["Properties"]

def check_queues(resources):
    """What a queue, its function and its dead letters must agree on; the functions that queues start."""
    fed = set()
    for source in of_type(resources, "AWS::Lambda::EventSourceMapping").values():
        source = source["Properties"]
        name = source["FunctionName"]["Ref"]
        function = resources[name]["Properties"]
        fed.add(name)
        queue_name, queue = queue_of(resources, source["EventSourceArn"])
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"], f"{name}: one failure repeats its whole batch"
        assert source["BatchSize"] == 10 and source["ScalingConfig"]["MaximumConcurrency"], name
        assert function["RecursiveLoop"] == "Allow", f"{name} is stopped after 16 hops"
        assert queue["VisibilityTimeout"] >= 6 * function["Timeout"], f"{queue_name} delivers what is still worked on"
        assert queue["SqsManagedSseEnabled"] is True, queue_name
        redrive = queue["RedrivePolicy"]
        assert redrive["maxReceiveCount"] == 5, queue_name
        dead_name, dead = queue_of(resources, redrive["deadLetterTargetArn"])
        assert dead["MessageRetentionPeriod"] == 14 * 86_400 and dead["SqsManagedSseEnabled"] is True, dead_name
        check_alarms(resources, queue_name, dead_name, name)
    return fed

def check_alarms(resources, queue, dead, function):
    """Somebody is told of dead letters, of messages that wait, of a schedule that stands still and of one that fails."""
    alarms = [alarm["Properties"] for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()]
    def alarm(metric, value):
        (found,) = [a for a in alarms if a.get("MetricName") == metric and a["Dimensions"][0]["Value"] == value]
        return found["ComparisonOperator"], found["Threshold"], found["TreatMissingData"]
    above, below = "GreaterThanThreshold", "LessThanThreshold"
    letters = alarm("ApproximateNumberOfMessagesVisible", {"Fn::GetAtt": [dead, "QueueName"]})
    assert letters == (above, 0, "notBreaching"), letters
    # Below it, a lost worker's messages would be an alarm.
    _, age, _ = alarm("ApproximateAgeOfOldestMessage", {"Fn::GetAtt": [queue, "QueueName"]})
    assert age > resources[queue]["Properties"]["VisibilityTimeout"], age
    rule, _ = schedule_of(resources, function)
    assert rule["ScheduleExpression"] == "rate(1 minute)", rule
    # What is not measured is as bad as a failure.
    assert alarm("Invocations", rule["Name"]) == (below, 1, "breaching")
    assert alarm("Errors", {"Ref": function})[0] == above

def schedule_of(resources, function):
    """The one rule that starts the function, and its target."""
    rules = [rule["Properties"] for rule in of_type(resources, "AWS::Events::Rule").values()]
    (found,) = [(r, t) for r in rules for t in r["Targets"] if t["Arn"] == {"Fn::GetAtt": [function, "Arn"]}]
    return found

def check_health(resources):
    """Somebody asks for /health although nobody calls, oftener than its alarm looks; silence is an alarm."""
    rule, target = schedule_of(resources, "SystemFunction")
    event = json.loads(target["Input"])
    assert rule["ScheduleExpression"] == "rate(5 minutes)" and event["path"] == event["resource"] == "/health", rule
    alarm = resources["HealthAlarm"]["Properties"]
    assert (alarm["Period"], alarm["TreatMissingData"]) == (300, "breaching"), alarm

def check_plans(resources):
    """Two plans of this stage, each with a key in it."""
    plans = of_type(resources, "AWS::ApiGateway::UsagePlan")
    assert set(plans) == {"FreePlan", "ProPlan"}, plans
    (stage,) = of_type(resources, "AWS::ApiGateway::Stage")
    for name, plan in plans.items():
        plan = plan["Properties"]
        assert plan["Throttle"] and plan["Quota"], name
        assert [s["Stage"] for s in plan["ApiStages"]] == [{"Ref": stage}], name
        (key,) = [k["Properties"] for k in of_type(resources, "AWS::ApiGateway::UsagePlanKey").values() if k["Properties"]["UsagePlanId"] == {"Ref": name}]
        assert key["KeyType"] == "API_KEY" and resources[key["KeyId"]["Ref"]]["Type"] == "AWS::ApiGateway::ApiKey", name

def check_stage(resources, paths):
    """Every method is throttled; those that are named are there."""
    (stage,) = of_type(resources, "AWS::ApiGateway::Stage").values()
    everything, *named = stage["Properties"]["MethodSettings"]
    # Charged for each method, and nothing looks at them.
    assert not any("MetricsEnabled" in setting for setting in (everything, *named)), named
    assert (everything["ResourcePath"], everything["HttpMethod"]) == ("/*", "*"), everything
    assert named, "what nobody signs in for has no limit of its own"
    for setting in named:
        path = setting["ResourcePath"][1:].replace("~1", "/")
        assert setting["HttpMethod"].lower() in paths[path], setting
    for setting in (everything, *named):
        assert setting["ThrottlingRateLimit"] and setting["ThrottlingBurstLimit"], setting

def check_validation(body):
    """A request without the header that its route asks for is answered by the gateway: as one without a token."""
    asking = []
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            required = [(p["in"], p["name"]) for p in operation.get("parameters", []) if p.get("required") and p["in"] != "path"]
            validator = body.get("x-amazon-apigateway-request-validators", {}).get(operation.get("x-amazon-apigateway-request-validator"))
            if not required:
                assert validator is None, f"{method} {path} asks for nothing"
                continue
            assert required == [("header", "Authorization")], f"{method} {path}: BAD_REQUEST_PARAMETERS speaks of the token: {required}"
            assert validator == {"validateRequestBody": False, "validateRequestParameters": True}, f"{method} {path}: {validator}"
            asking.append(path)
    assert "/mcp" in asking, asking
    answer = body["x-amazon-apigateway-gateway-responses"]["BAD_REQUEST_PARAMETERS"]
    assert str(answer["statusCode"]) == "401" and "gatewayresponse.header.WWW-Authenticate" in answer["responseParameters"], answer

def check_keys(body, required):
    """Which routes ask for a key of a plan: none, or all but those that are public."""
    asks = lambda operation: {"api_key": []} in operation.get("security", [])
    for path, methods in body["paths"].items():
        public = path in ("/health", "/openapi.json", "/api/v1/connections/callback", "/api/v1/marketplace", "/api/v1/marketplace/{tool_id}")
        public = public or path.startswith(("/docs", "/.well-known/"))
        for method, operation in methods.items():
            assert asks(operation) == (required and not public and method != "options"), f"{method} {path}"

def check(resources, streams, keys):
    """Every statement here was wrong once in some project although all linters passed."""
    functions = of_type(resources, "AWS::Lambda::Function")
    assert functions, "no function"
    fed = check_queues(resources)
    assert fed, "no function works on a queue"
    for name, function in functions.items():
        properties = function["Properties"]
        variables = properties["Environment"]["Variables"]
        assert variables["AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH"] == "true", name
        assert properties["Runtime"] == "provided.al2023", name
        assert properties["TracingConfig"]["Mode"] == {"Fn::If": ["WithTracing", "Active", "PassThrough"]}, f"{name} is not traced"
        if name not in fed:
            longest = 900 if name in streams else 29
            assert properties["Timeout"] <= longest, f"{name} outlives the gateway"

    for name, role in of_type(resources, "AWS::IAM::Role").items():
        assert not role["Properties"].get("ManagedPolicyArns"), f"{name} has managed policies"
        for policy in role["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                # X-Ray knows no narrower resource.
                traces = all(action.startswith("xray:Put") for action in statement["Action"])
                assert traces or statement["Resource"] != "*", name
                assert "*" not in str(statement["Action"]), name

    (api,) = of_type(resources, "AWS::ApiGateway::RestApi").values()
    assert of_type(resources, "AWS::ApiGateway::Deployment"), "nothing brings the API to its stage"
    body = api["Properties"]["Body"]
    reached = set()
    for path, methods in body["paths"].items():
        assert "options" in methods, f"{path} has no preflight"
        for method, operation in methods.items():
            integration = operation["x-amazon-apigateway-integration"]
            kind = "mock" if method == "options" else "aws_proxy"
            assert integration["type"] == kind, f"{method} {path}"
            if method != "options":
                reached.add(check_transfer(f"{method} {path}", integration, streams))
    assert reached | fed == set(functions), f"nothing reaches {set(functions) - reached - fed}"
    assert not reached & fed, f"one function for routes and queues: {reached & fed}"
    gateway = body["x-amazon-apigateway-gateway-responses"]
    headers = gateway["UNAUTHORIZED"]["responseParameters"]
    assert "gatewayresponse.header.WWW-Authenticate" in headers
    for kind, response in gateway.items():
        headers = response["responseParameters"]
        assert "gatewayresponse.header.Access-Control-Allow-Origin" in headers, kind
        problem = json.loads(response["responseTemplates"]["application/json"])
        assert problem["code"] and problem["request_id"] == "$context.requestId", kind

    check_health(resources)
    check_plans(resources)
    check_stage(resources, body["paths"])
    check_validation(body)
    check_keys(body, keys)
    for name, group in of_type(resources, "AWS::Logs::LogGroup").items():
        assert group["Properties"]["RetentionInDays"], name
    return len(functions), sum(len(m) - 1 for m in body["paths"].values())

def check_deployments(template, path):
    """dev and prod: each a stack and a stage of its own, with parameters that exist and values that they take."""
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    assert {"dev", "prod"} == set(config) - {"version"}, config.keys()
    stacks = [config[name]["global"]["parameters"]["stack_name"] for name in ("dev", "prod")]
    assert len(set(stacks)) == 2, stacks
    for name in ("dev", "prod"):
        deploy = config[name]["deploy"]["parameters"]
        assert deploy["capabilities"] == "CAPABILITY_IAM" and deploy["resolve_s3"] is True, name
        given = dict(pair.split("=", 1) for pair in deploy["parameter_overrides"])
        assert given["Stage"] == name, given
        for key, value in given.items():
            parameter = template["Parameters"][key]
            assert value in [str(v) for v in parameter.get("AllowedValues", [value])], f"{name}: {key}={value}"
            assert re.search(parameter.get("AllowedPattern", ""), value), f"{name}: {key}={value}"
    assert config["prod"]["deploy"]["parameters"]["confirm_changeset"] is True

def transformed(text, root, keys):
    """What CloudFormation would be given, and how many functions, streams and operations it has."""
    template = yaml_parse(text)
    streams = streaming(template, root)
    local_code_to_s3(template)
    result = transform(template, {}, NoManagedPolicies())
    return result, len(streams), *check(result["Resources"], streams, keys)

def main(source, target):
    root = pathlib.Path(source).resolve().parent
    text = pathlib.Path(source).read_text(encoding="utf-8")
    template = yaml_parse(text)
    assert template["Resources"]["Api"]["Properties"]["AlwaysDeploy"] is True, "a new PublicUrl would not reach the stage"
    check_deployments(template, root / "samconfig.toml")
    result, streams, functions, operations = transformed(text, root, keys=False)
    variant = subprocess.run([sys.executable, root / "infra/require-keys"], check=True, capture_output=True, text=True)
    transformed(variant.stdout, root, keys=True)
    with open(target, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=2, default=str)
    print(f"transformed: {functions} functions ({streams} stream), {operations} operations, {len(result['Resources'])} resources")

if __name__ == "__main__":
    main(*sys.argv[1:])
