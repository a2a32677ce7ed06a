//! One worker after another, each the real binary, each killed sooner or later.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::chance::Chance;
use super::points::{Point, Surroundings};
use super::queue::{self, Message, Queue};
use super::wire;
use crate::lambda::harness::Function;
use crate::lambda::variables;

/// What a lane works with.
#[derive(Clone)]
pub(super) struct Lane {
    pub(super) worker: Surroundings,
    pub(super) queue: Queue,
    pub(super) chance: Chance,
    variables: Vec<(&'static str, String)>,
    /// How many kills are enough.
    kills: usize,
}

impl Lane {
    /// Its worker's ways to the database and the queue lead past us.
    pub(super) async fn new(
        (config, socket, database): (&runtime::Config, PathBuf, &str),
        worker: Surroundings,
        queue: Queue,
        chance: Chance,
        kills: usize,
    ) -> Self {
        let port = wire::listen(socket, worker.clone()).await;
        let endpoint = queue.listen(Some(worker.clone())).await;
        let mut variables = variables(config);
        variables.retain(|(name, _)| !name.starts_with("DATABASE_"));
        let url = format!("postgres://authenticator@127.0.0.1:{port}/{database}?sslmode=disable");
        variables.extend([
            ("DATABASE_URL", url),
            // Every transaction with its own BEGIN and COMMIT, seen from outside.
            ("DATABASE_POOL_MODE", "transaction".to_owned()),
            ("FLOW_QUEUE_URL", super::QUEUE_URL.to_owned()),
            ("AWS_ENDPOINT_URL_SQS", endpoint),
            ("AWS_ACCESS_KEY_ID", "testing".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "testing".to_owned()),
        ]);
        Self {
            worker,
            queue,
            chance,
            variables,
            kills,
        }
    }

    async fn starts(&self) -> Function {
        // Now and then too little for more than one turn of a run.
        let time = Duration::from_secs(30 + 60 * self.chance.below(3));
        Function::start_with_time("flow-worker", &self.variables, time)
            .await
            .unwrap()
    }

    /// Until the queue is closed.
    pub(super) async fn works(self) {
        let mut function = self.starts().await;
        loop {
            let batch = self.queue.take().await;
            if batch.is_empty() {
                return function.kill().await;
            }
            self.aims_at_it();
            self.worker.takes(batch.iter().filter_map(run_of).collect());
            let answer = tokio::select! {
                answer = function.invoke(queue::event(&batch)) => Some(answer),
                () = self.worker.fired() => None,
            };
            let answer = answer.filter(|_| !self.worker.reaches(Point::BeforeAnswer));
            self.worker.takes(BTreeSet::new());
            let Some(answer) = answer else {
                function.kill().await;
                self.worker.died();
                // The queue heard nothing: all of it comes again.
                self.queue.give_back(batch);
                function = self.starts().await;
                continue;
            };
            self.worker.arm(None);
            self.queue.give_back(failed(&answer, batch));
        }
    }

    /// Two of three invocations are to die, each at one of the points that have killed least, the first or second time that it is
    /// passed; until there were enough kills, and some at every point.
    fn aims_at_it(&self) {
        let kills = self.worker.kills();
        let enough = kills.iter().map(|(count, _)| count).sum::<usize>() >= self.kills
            && kills.iter().all(|(count, _)| *count > 0);
        let aim = usize::try_from(self.chance.below(5)).ok();
        let aim = aim
            .and_then(|aim| kills.get(aim))
            .filter(|_| self.chance.below(3) > 0);
        let Some((_, point)) = aim.copied().filter(|_| !enough) else {
            return self.worker.arm(None);
        };
        let passes = match point {
            Point::Anywhere => self.chance.below(20),
            Point::BeforeAnswer => 0,
            Point::BeforeClaim
            | Point::ClaimAnswered
            | Point::BeforeCompletion
            | Point::CompletionAnswered
            | Point::BeforeCommit
            | Point::CommitAnswered
            | Point::CallHeld
            | Point::CallAnswered
            | Point::BeforeSend
            | Point::SendTaken => self.chance.below(2),
        };
        self.worker.arm(Some((point, passes)));
    }
}

fn run_of(message: &Message) -> Option<String> {
    let hint: Value = serde_json::from_str(&message.body).ok()?;
    Some(hint["run_id"].as_str()?.to_owned())
}

fn failed(answer: &Value, batch: Vec<Message>) -> Vec<Message> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    let named = |index: usize| {
        let name = index.to_string();
        failures
            .iter()
            .any(|failure| failure["itemIdentifier"] == *name)
    };
    let messages = batch.into_iter().enumerate();
    messages
        .filter_map(|(index, message)| named(index).then_some(message))
        .collect()
}
