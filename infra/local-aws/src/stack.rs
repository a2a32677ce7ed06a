//! The evaluated template as what is to be started: functions, queues, what feeds functions, the API. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::gateway::api::Api;
use crate::intrinsics::{Scope, plain};

/// Everything that a template asks for.
#[derive(Debug)]
pub struct Stack {
    /// By ARN.
    pub functions: BTreeMap<String, FunctionSpec>,
    /// The queues.
    pub queues: Vec<QueueSpec>,
    /// Which queue feeds which function.
    pub mappings: Vec<MappingSpec>,
    /// What is started again and again.
    pub schedules: Vec<ScheduleSpec>,
    /// The API.
    pub api: Api,
    /// The name of its stage.
    pub stage: String,
    /// What somebody reads after a deployment.
    pub outputs: BTreeMap<String, String>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct FunctionSpec {
    /// Its name in the account.
    pub name: String,
    /// Its program's name: what follows the stack's name.
    pub binary: String,
    /// Its environment; references to secrets are not resolved yet.
    pub variables: Vec<(String, String)>,
    /// How long an invocation may take.
    pub time: Duration,
    /// In MB.
    pub memory: u32,
    /// At most so many at once, if it says so.
    pub concurrency: Option<usize>,
}

/// A queue.
#[derive(Debug)]
pub struct QueueSpec {
    /// Its name.
    pub name: String,
    /// As SQS wants them.
    pub attributes: Map<String, Value>,
    /// Where its dead letters go; set when all queues exist.
    pub redrive: Option<String>,
}

/// A queue that feeds a function.
#[derive(Debug)]
pub struct MappingSpec {
    /// The queue's ARN.
    pub queue: String,
    /// The function's name.
    pub function: String,
    /// Messages of one invocation.
    pub batch: u64,
    /// Invocations at once.
    pub concurrency: usize,
    /// Whether the function says which messages failed.
    pub reports_failures: bool,
}

/// A schedule.
#[derive(Debug)]
pub struct ScheduleSpec {
    /// Its name.
    pub name: String,
    /// Between two invocations.
    pub every: Duration,
    /// The function's ARN.
    pub function: String,
    /// A constant event; `None`: one that tells of the schedule.
    pub input: Option<String>,
}

/// Types that the emulator knows and has nothing to do for: what they mean at AWS is not enforced or not watched here
/// (docs/local-aws.md).
const WITHOUT_EFFECT: &[&str] = &[
    // A key is made for each plan.
    "AWS::ApiGateway::ApiKey",
    "AWS::ApiGateway::UsagePlanKey",
    "AWS::ApiGateway::Deployment",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::Role",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
];

impl Stack {
    /// Reads the resources.
    ///
    /// # Errors
    /// Whatever is not understood, by its name.
    pub fn read(scope: &Scope<'_>, stack: &str) -> Result<Self, Error> {
        let mut functions = BTreeMap::new();
        let (mut queues, mut mappings, mut schedules) = (Vec::new(), Vec::new(), Vec::new());
        let (mut parts, mut plans) = (ApiParts::default(), Vec::new());
        for (logical, kind, properties) in scope.resources()? {
            let at = At {
                logical: &logical,
                properties: &properties,
            };
            if kind != "AWS::Lambda::Function" && properties.to_string().contains("{{resolve:") {
                return Err(at.unknown("a reference to a secret outside a function"));
            }
            match kind.as_str() {
                "AWS::Lambda::Function" => {
                    let function = at.function(stack)?;
                    let arn = crate::function_arn(&function.name);
                    functions.insert(arn, function);
                }
                "AWS::SQS::Queue" => queues.push(at.queue(stack)?),
                "AWS::Lambda::EventSourceMapping" => mappings.push(at.mapping()?),
                "AWS::Events::Rule" => schedules.extend(at.schedules()?),
                "AWS::Lambda::EventInvokeConfig" => at.only_without_retries()?,
                "AWS::ApiGateway::RestApi" => parts.set(&at, "api", &logical)?,
                "AWS::ApiGateway::Stage" => parts.set(&at, "stage", &logical)?,
                "AWS::ApiGateway::UsagePlan" => plans.push(properties.clone()),
                other if WITHOUT_EFFECT.contains(&other) => {}
                other => {
                    return Err(Error::Resource {
                        logical: logical.clone(),
                        what: format!("its type {other} is not known"),
                    });
                }
            }
        }
        let part = |name: &str| parts.known.get(name).unwrap_or(&Value::Null);
        let stage = part("stage");
        Ok(Self {
            stage: plain(&stage["StageName"]).unwrap_or_default(),
            api: Api::read(part("api"), stage, &plans)?,
            functions,
            queues,
            mappings,
            schedules,
            outputs: scope.outputs()?,
        })
    }
}

#[derive(Default)]
struct ApiParts {
    known: Map<String, Value>,
}

impl ApiParts {
    fn set(&mut self, at: &At<'_>, part: &str, logical: &str) -> Result<(), Error> {
        match self.known.insert(part.to_owned(), at.properties.clone()) {
            None => Ok(()),
            Some(_) => Err(Error::Resource {
                logical: logical.to_owned(),
                what: "it is the second of its type, and one is served".to_owned(),
            }),
        }
    }
}

/// One resource.
struct At<'a> {
    logical: &'a str,
    properties: &'a Value,
}

impl At<'_> {
    fn unknown(&self, what: impl Into<String>) -> Error {
        Error::Resource {
            logical: self.logical.to_owned(),
            what: what.into(),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        plain(&self.properties[name])
    }

    fn required(&self, name: &str) -> Result<String, Error> {
        self.text(name)
            .ok_or_else(|| self.unknown(format!("{name} is missing")))
    }

    fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> Result<T, Error> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| self.unknown(format!("{name} is no number: {text}"))),
        }
    }

    /// Fails on a property that nobody here looks at.
    fn only(&self, known: &[&str]) -> Result<(), Error> {
        let mut members = self.properties.as_object().into_iter().flatten();
        match members.find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(self.unknown(format!("its property {name} is not known"))),
            None => Ok(()),
        }
    }

    fn function(&self, stack: &str) -> Result<FunctionSpec, Error> {
        self.only(&[
            "Architectures",
            "Code",
            "Description",
            "Environment",
            "FunctionName",
            "Handler",
            "LoggingConfig",
            "MemorySize",
            "RecursiveLoop",
            "ReservedConcurrentExecutions",
            "Role",
            "Runtime",
            "Tags",
            "Timeout",
            "TracingConfig",
        ])?;
        let runtime = self.required("Runtime")?;
        if !runtime.starts_with("provided") {
            return Err(self.unknown(format!("the runtime {runtime} is not known")));
        }
        let name = self.required("FunctionName")?;
        let binary = name.strip_prefix(&format!("{stack}-")).ok_or_else(|| {
            self.unknown(format!(
                "{name} does not begin with the stack's name, so no program is found by it"
            ))
        })?;
        let variables = self.properties["Environment"]["Variables"].as_object();
        let variables = variables.into_iter().flatten().map(|(name, value)| {
            let text =
                plain(value).ok_or_else(|| self.unknown(format!("the variable {name} is no text")));
            Ok((name.clone(), text?))
        });
        let concurrency = self.number("ReservedConcurrentExecutions", 0)?;
        Ok(FunctionSpec {
            binary: binary.to_owned(),
            variables: variables.collect::<Result<_, Error>>()?,
            time: Duration::from_secs(self.number("Timeout", 3)?),
            memory: self.number("MemorySize", 128)?,
            concurrency: (concurrency > 0).then_some(concurrency),
            name,
        })
    }

    fn queue(&self, stack: &str) -> Result<QueueSpec, Error> {
        const ATTRIBUTES: [&str; 6] = [
            "DelaySeconds",
            "MaximumMessageSize",
            "MessageRetentionPeriod",
            "ReceiveMessageWaitTimeSeconds",
            "SqsManagedSseEnabled",
            "VisibilityTimeout",
        ];
        self.only(&[&ATTRIBUTES[..], &["QueueName", "RedrivePolicy", "Tags"]].concat())?;
        let attributes = ATTRIBUTES.iter().filter_map(|name| {
            let value = self.text(name)?;
            Some(((*name).to_owned(), value.into()))
        });
        let redrive = self.properties.get("RedrivePolicy");
        Ok(QueueSpec {
            name: self
                .text("QueueName")
                .unwrap_or_else(|| format!("{stack}-{}", self.logical)),
            attributes: attributes.collect(),
            redrive: redrive.map(Value::to_string),
        })
    }

    fn mapping(&self) -> Result<MappingSpec, Error> {
        self.only(&[
            "BatchSize",
            "Enabled",
            "EventSourceArn",
            "FunctionName",
            "FunctionResponseTypes",
            "ScalingConfig",
            "Tags",
        ])?;
        let queue = self.required("EventSourceArn")?;
        if !queue.starts_with("arn:aws:sqs:") {
            return Err(self.unknown(format!("{queue} is no queue")));
        }
        let scaling = plain(&self.properties["ScalingConfig"]["MaximumConcurrency"]);
        let responses = self.properties["FunctionResponseTypes"].as_array();
        Ok(MappingSpec {
            queue,
            function: self.required("FunctionName")?,
            batch: self.number("BatchSize", 10)?,
            concurrency: scaling.and_then(|text| text.parse().ok()).unwrap_or(1_000),
            reports_failures: responses
                .is_some_and(|all| all.iter().any(|one| one == "ReportBatchItemFailures")),
        })
    }

    fn schedules(&self) -> Result<Vec<ScheduleSpec>, Error> {
        self.only(&[
            "Description",
            "Name",
            "ScheduleExpression",
            "State",
            "Targets",
        ])?;
        if self.text("State").is_some_and(|state| state != "ENABLED") {
            return Ok(Vec::new());
        }
        let expression = self.required("ScheduleExpression")?;
        let every = rate(&expression)
            .ok_or_else(|| self.unknown(format!("the schedule {expression} is not understood")))?;
        let name = self.text("Name").unwrap_or_else(|| self.logical.to_owned());
        let targets = self.properties["Targets"].as_array().into_iter().flatten();
        targets
            .map(|target| {
                if let Some(other) = ["InputPath", "InputTransformer"]
                    .iter()
                    .find(|it| target.get(**it).is_some())
                {
                    return Err(self.unknown(format!("the target's {other} is not known")));
                }
                Ok(ScheduleSpec {
                    name: name.clone(),
                    every,
                    function: plain(&target["Arn"]).unwrap_or_default(),
                    input: target["Input"].as_str().map(str::to_owned),
                })
            })
            .collect()
    }

    /// Asynchronous invocations that fail are not made again here, so nothing else may be asked for.
    fn only_without_retries(&self) -> Result<(), Error> {
        match self.text("MaximumRetryAttempts").as_deref() {
            Some("0") => Ok(()),
            other => Err(self.unknown(format!(
                "MaximumRetryAttempts {other:?}: invocations are not repeated here"
            ))),
        }
    }
}

/// `rate(5 minutes)`.
fn rate(expression: &str) -> Option<Duration> {
    let inner = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (count, unit) = inner.split_once(' ')?;
    let count: u64 = count.parse().ok()?;
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    (count > 0).then(|| Duration::from_secs(count * seconds))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn read(resources: &Value) -> Result<Stack, Error> {
        let mut template = json!({ "Resources": {
            "Api": { "Type": "AWS::ApiGateway::RestApi", "Properties": { "Body": { "paths": {} } } },
            "Stage": { "Type": "AWS::ApiGateway::Stage", "Properties": { "StageName": "prod" } },
        }});
        let all = template["Resources"].as_object_mut().unwrap();
        all.extend(resources.as_object().unwrap().clone());
        let scope = Scope::new(&template, &BTreeMap::new(), "local", "http://sqs").unwrap();
        Stack::read(&scope, "local")
    }

    #[test]
    fn reads_what_a_function_and_its_queue_are() {
        let stack = read(&json!({
            "Worker": { "Type": "AWS::Lambda::Function", "Properties": {
                "FunctionName": "local-flow-worker", "Runtime": "provided.al2023", "Timeout": 120, "MemorySize": "512",
                "Environment": { "Variables": { "QUEUE": { "Ref": "Queue" } } } } },
            "Queue": { "Type": "AWS::SQS::Queue", "Properties": { "QueueName": "q", "VisibilityTimeout": 720,
                "RedrivePolicy": { "deadLetterTargetArn": { "Fn::GetAtt": ["Dead", "Arn"] }, "maxReceiveCount": 5 } } },
            "Dead": { "Type": "AWS::SQS::Queue", "Properties": {} },
            "Source": { "Type": "AWS::Lambda::EventSourceMapping", "Properties": { "BatchSize": 7,
                "EventSourceArn": { "Fn::GetAtt": ["Queue", "Arn"] }, "FunctionName": { "Ref": "Worker" },
                "FunctionResponseTypes": ["ReportBatchItemFailures"], "ScalingConfig": { "MaximumConcurrency": "3" } } },
            "Rule": { "Type": "AWS::Events::Rule", "Properties": { "Name": "sweep", "ScheduleExpression": "rate(1 minute)",
                "Targets": [{ "Arn": { "Fn::GetAtt": ["Worker", "Arn"] }, "Input": "{\"a\":1}" }] } },
        }))
        .unwrap();
        let function =
            &stack.functions["arn:aws:lambda:eu-central-1:123456789012:function:local-flow-worker"];
        assert_eq!(
            (
                function.binary.as_str(),
                function.time.as_secs(),
                function.memory
            ),
            ("flow-worker", 120, 512)
        );
        assert_eq!(
            function.variables,
            [("QUEUE".to_owned(), "http://sqs/123456789012/q".to_owned())]
        );
        let queue = stack.queues.iter().find(|queue| queue.name == "q").unwrap();
        assert_eq!(queue.attributes["VisibilityTimeout"], "720");
        assert!(queue.redrive.as_ref().unwrap().contains(":local-Dead"));
        let mapping = &stack.mappings[0];
        assert_eq!(
            (mapping.batch, mapping.concurrency, mapping.reports_failures),
            (7, 3, true)
        );
        assert_eq!(mapping.function, "local-flow-worker");
        let schedule = &stack.schedules[0];
        assert_eq!(
            (schedule.every.as_secs(), schedule.input.as_deref()),
            (60, Some("{\"a\":1}"))
        );
    }

    #[test]
    fn what_is_not_known_is_an_error_that_names_it() {
        for (resource, told) in [
            (
                json!({ "Type": "AWS::DynamoDB::Table", "Properties": {} }),
                "AWS::DynamoDB::Table",
            ),
            (
                json!({ "Type": "AWS::SQS::Queue", "Properties": { "FifoQueue": true } }),
                "FifoQueue",
            ),
            (
                json!({ "Type": "AWS::Lambda::Function", "Properties": { "Layers": [] } }),
                "Layers",
            ),
            (
                json!({ "Type": "AWS::Events::Rule", "Properties": { "ScheduleExpression": "cron(0 1 * * ? *)" } }),
                "cron(",
            ),
            (
                json!({ "Type": "AWS::Lambda::EventInvokeConfig", "Properties": { "MaximumRetryAttempts": 2 } }),
                "MaximumRetryAttempts",
            ),
            (
                json!({ "Type": "AWS::IAM::Role", "Properties": { "x": "{{resolve:secretsmanager:a:SecretString:b}}" } }),
                "secret",
            ),
        ] {
            let error = read(&json!({ "Subject": resource }))
                .unwrap_err()
                .to_string();
            assert!(error.contains("Subject") && error.contains(told), "{error}");
        }
    }

    #[test]
    fn rates_are_durations() {
        for (expression, seconds) in [
            ("rate(1 minute)", Some(60)),
            ("rate(5 minutes)", Some(300)),
            ("rate(2 hours)", Some(7_200)),
            ("rate(1 day)", Some(86_400)),
            ("rate(0 minutes)", None),
            ("rate(1 fortnight)", None),
            ("cron(* * * * ? *)", None),
        ] {
            assert_eq!(
                rate(expression).map(|every| every.as_secs()),
                seconds,
                "{expression}"
            );
        }
    }
}
