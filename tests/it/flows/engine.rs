//! The engine's doors as SQL calls them, for schedules in which it matters who comes first.

use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};
use testkit::TestApp;

use super::session::{Rows, Session};

/// What a check found.
pub(super) type Told<T = ()> = Result<T, String>;

/// Fails the check with these words unless the condition holds.
macro_rules! holds {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err(format!($($words)+));
        }
    };
}
pub(super) use holds;

/// A database with an idle app, and one flow that nobody has defined more than it must be.
pub(super) struct Engine {
    pub(super) app: TestApp,
    main: Mutex<Session>,
    workspace: String,
    claims: String,
}

impl Engine {
    /// With an app on which no worker runs.
    pub(super) async fn start() -> Self {
        let app = TestApp::setup().without_workers().start().await;
        let alice = app.alice();
        let flow =
            json!({ "id": "bare", "name": "bare", "steps": [{ "id": "one", "transform": 1 }] });
        super::saved(&alice, &flow).await;
        let workspace = alice.workspace_id().to_string();
        let claims =
            json!({ "sub": alice.user_id(), "role": "authenticated", "workspace_id": workspace });
        Self {
            main: Mutex::new(Session::open(app.database()).unwrap()),
            claims: claims.to_string(),
            workspace,
            app,
        }
    }

    /// A connection of its own.
    pub(super) fn session(&self) -> Told<Session> {
        Session::open(self.app.database())
    }

    /// Rows of statements.
    pub(super) fn rows(&self, statements: &str) -> Told<Rows> {
        self.main.lock().unwrap().run(statements)
    }

    /// The first value of the first row; nothing is the empty text.
    pub(super) fn one(&self, statements: &str) -> Told<String> {
        let mut rows = self.rows(statements)?;
        let first = rows.first_mut().and_then(|row| row.first_mut());
        Ok(first.and_then(Option::take).unwrap_or_default())
    }

    /// A door's answer.
    pub(super) fn call(&self, door: &str) -> Told<Value> {
        let text = self.one(door)?;
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }

    /// Starts a run of these steps.
    pub(super) fn starts(&self, steps: &[Value]) -> Told<String> {
        self.starts_as(steps, "null", None)
    }

    /// Starts one with a limit of runs at once, below a step of another run.
    pub(super) fn starts_as(
        &self,
        steps: &[Value],
        most: &str,
        parent: Option<(&str, &str)>,
    ) -> Told<String> {
        let door = format!(
            "select to_json(s)::text from orchestration.start_run({}, '{}', gen_random_uuid(), 'bare', 1, '{{}}', '{{}}', 'rest',
                null, null, 600000, {most}, {}, 0::smallint, '{{}}', {}::json, 30000) as s",
            quoted(&self.claims),
            self.workspace,
            parent.map_or("null, null".to_owned(), |(run, step)| format!("'{run}', '{step}'")),
            quoted(&Value::from(steps.to_vec()).to_string()),
        );
        let started = self.call(&door)?;
        holds!(started["outcome"] == "started", "{started}");
        Ok(text(&started["found_run"]))
    }

    /// Forgets every run.
    pub(super) fn clears(&self) -> Told {
        self.rows("delete from orchestration.runs").map(|_| ())
    }

    /// Whether the sweep would look at this step of the run; the empty name is the run alone.
    pub(super) fn is_due(&self, run: &str, step: &str) -> Told<bool> {
        let due = self.one(&format!(
            "select count(*) from orchestration.sweep_due(1000) as d
             where d.run_id = '{run}' and ('{step}' = '' or '{step}' = any (d.steps))"
        ))?;
        Ok(due == "1")
    }

    /// Cancels a run; its state then.
    pub(super) fn cancels(&self, run: &str) -> Told<String> {
        self.one(&self.cancel_door(run))
    }

    /// The statement that cancels.
    pub(super) fn cancel_door(&self, run: &str) -> String {
        let claims = quoted(&self.claims);
        let workspace = &self.workspace;
        format!(
            "select outcome from orchestration.cancel_run({claims}, '{workspace}', '{run}', 30000)"
        )
    }

    /// Resumes a run, with steps confirmed by name.
    pub(super) fn resumes(&self, run: &str, confirmed: &str) -> Told<Value> {
        let claims = quoted(&self.claims);
        let workspace = &self.workspace;
        self.call(&format!(
            "select to_json(r)::text from orchestration.resume_run(
                {claims}, '{workspace}', '{run}', '{confirmed}', 30000) as r"
        ))
    }

    /// Looks at a step as a worker would whose message names it.
    pub(super) fn looks(&self, run: &str, step: &str) -> Told<Value> {
        let token = self.one("select gen_random_uuid()")?;
        self.call(&turn(run, &[step], &json!([]), &token, 64))
    }

    /// Claims a step; the attempt.
    pub(super) fn claims(&self, run: &str, step: &str) -> Told<i64> {
        let turned = self.looks(run, step)?;
        let mut claimed = turned["claimed"].as_array().into_iter().flatten();
        let mine = claimed.find(|claimed| claimed["step_id"] == step);
        mine.and_then(|claimed| claimed["attempt"].as_i64())
            .ok_or_else(|| format!("{step} is not claimed: {turned}"))
    }

    /// Reports a result; claims nothing more.
    pub(super) fn reports(&self, run: &str, result: &Value) -> Told<Value> {
        let token = self.one("select gen_random_uuid()")?;
        self.call(&turn(run, &[], &json!([result]), &token, 0))
    }

    /// Claims a step and reports that it succeeded.
    pub(super) fn succeeds(&self, run: &str, step: &str) -> Told<Value> {
        let attempt = self.claims(run, step)?;
        self.reports(run, &succeeded(step, attempt, &json!(step)))
    }

    /// One run's turn of the sweep.
    pub(super) fn sweeps(&self, run: &str, step: &str) -> Told<Value> {
        self.call(&sweep(run, step))
    }

    /// A column of a step.
    pub(super) fn step(&self, run: &str, step: &str, column: &str) -> Told<String> {
        self.one(&format!(
            "select {column} from orchestration.run_steps where run_id = '{run}' and step_id = '{step}'"
        ))
    }

    /// A column of a run.
    pub(super) fn run(&self, run: &str, column: &str) -> Told<String> {
        self.one(&format!(
            "select {column} from orchestration.runs where id = '{run}'"
        ))
    }

    /// How often an event of a step was told.
    pub(super) fn told(&self, run: &str, kind: &str, step: &str) -> Told<String> {
        self.one(&format!(
            "select count(*) from orchestration.run_events
             where run_id = '{run}' and kind = '{kind}' and coalesce(step_id, '') = '{step}'"
        ))
    }

    /// Time passes for a step: its lease, its wait and its message are over.
    pub(super) fn time_passes(&self, run: &str, step: &str) -> Told {
        self.rows(&format!(
            "update orchestration.run_steps
             set due_at = now() - interval '1 second',
                 not_before = case when not_before = 'infinity' then not_before else now() - interval '1 second' end,
                 lease_until = case when lease_until is null then null else now() - interval '1 second' end
             where run_id = '{run}' and step_id = '{step}'"
        ))
        .map(|_| ())
    }

    /// Runs statements on another connection; answers once they wait for a lock or are through, with whether they wait.
    pub(super) fn beside(
        &self,
        statements: String,
    ) -> Told<(thread::JoinHandle<Told<Rows>>, bool)> {
        let mut session = self.session()?;
        let pid = session.run("select pg_backend_pid()")?;
        let pid = pid.first().and_then(|row| row.first().cloned().flatten());
        let pid = pid.unwrap_or_default();
        let running = thread::spawn(move || session.run(&statements));
        let asked = format!("select cardinality(pg_blocking_pids({pid})) > 0");
        loop {
            if self.one(&asked)? == "t" {
                return Ok((running, true));
            }
            if running.is_finished() {
                return Ok((running, false));
            }
            thread::yield_now();
        }
    }
}

/// The statement of a worker's turn.
pub(super) fn turn(run: &str, looks: &[&str], results: &Value, token: &str, most: u8) -> String {
    let looks = looks.join(",");
    let results = quoted(&results.to_string());
    format!(
        "select to_json(a)::text from orchestration.advance_run(
            '{run}', '{{{looks}}}', {results}::json, null, '{token}', {most}, 20000, 30000, false) as a"
    )
}

/// The statement of a sweep of one run.
pub(super) fn sweep(run: &str, step: &str) -> String {
    format!(
        "select to_json(s)::text from orchestration.sweep_run('{run}', '{{{step}}}', 30000) as s"
    )
}

/// A result.
pub(super) fn succeeded(step: &str, attempt: i64, output: &Value) -> Value {
    json!({ "step_id": step, "attempt": attempt, "outcome": "succeeded", "output": output })
}

/// A planned step of these dependants, with other members changed.
pub(super) fn step(id: &str, needs: u32, dependants: &[&str], change: &Value) -> Value {
    let mut step = json!({
        "step_id": id, "kind": "tool", "position": 0, "effect": "read", "tool_id": "a_tool",
        "call_key": "00000000-0000-4000-8000-000000000001", "timeout_ms": 1000, "dependants": dependants, "reads": [],
        "needs": needs, "always": false, "handles": false, "fallback": null, "undo": null, "max_attempts": 1, "input": null,
    });
    for (name, value) in change.as_object().into_iter().flatten() {
        step[name] = value.clone();
    }
    step
}

/// A JSON text without its quotes.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// As SQL writes a text.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
