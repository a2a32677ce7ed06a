#!/usr/bin/env python3
"""Does the SAM transform of template.yaml locally and asserts what the linters cannot see.

Usage: transform.py template.yaml transformed.json   (needs PyPI's aws-sam-translator; no AWS account, no network)
"""

import json
import os
import pathlib
import re
import sys

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
        binary = function["Metadata"]["BuildProperties"]["Binary"]
        if "serve_streaming" in (root / f"functions/{binary}/src/main.rs").read_text(encoding="utf-8"):
            names.add(name)
    return names

def local_code_to_s3(template):
    """`sam package` does this when it uploads; the transform insists on it."""
    artefact = "s3://artefacts/function.zip"
    template["Globals"]["Function"]["CodeUri"] = artefact
    for resource in template["Resources"].values():
        resource.pop("Metadata", None)

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
    (rule,) = of_type(resources, "AWS::Events::Rule").values()
    (target,) = rule["Properties"]["Targets"]
    assert rule["Properties"]["ScheduleExpression"] == "rate(1 minute)" and target["Arn"] == {"Fn::GetAtt": [function, "Arn"]}
    # What is not measured is as bad as a failure.
    assert alarm("Invocations", rule["Properties"]["Name"]) == (below, 1, "breaching")
    assert alarm("Errors", {"Ref": function})[0] == above

def check(resources, streams):
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

    (plan,) = of_type(resources, "AWS::ApiGateway::UsagePlan").values()
    assert plan["Properties"]["Throttle"] and plan["Properties"]["Quota"]
    (stage,) = of_type(resources, "AWS::ApiGateway::Stage").values()
    (setting,) = stage["Properties"]["MethodSettings"]
    assert setting["ThrottlingRateLimit"] and setting["ThrottlingBurstLimit"]
    for name, group in of_type(resources, "AWS::Logs::LogGroup").items():
        assert group["Properties"]["RetentionInDays"], name
    return len(functions), sum(len(m) - 1 for m in body["paths"].values())

def main(source, target):
    with open(source, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    streams = streaming(template, pathlib.Path(source).parent)
    local_code_to_s3(template)
    result = transform(template, {}, NoManagedPolicies())
    functions, operations = check(result["Resources"], streams)
    with open(target, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=2, default=str)
    print(f"transformed: {functions} functions ({len(streams)} stream), {operations} operations, {len(result['Resources'])} resources")

if __name__ == "__main__":
    main(*sys.argv[1:])
