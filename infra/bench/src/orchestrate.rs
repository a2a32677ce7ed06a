//! The agent loop with everything switched on beside a bare loop, in turns against one model server and one upstream.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::execute::{ROUNDS, Target, load, median, prepare, start_product};
use crate::process::{Core, Process, command};
use crate::{Result, say};

/// Calls of one turn, each measured apart.
const CALLS: [usize; 2] = [1, 5];

/// Starts everything, measures in turns, prints the table.
pub(crate) async fn run(devserver: &Path, time: Duration, data_dir: &Path) -> Result<()> {
    let this = std::env::current_exe()?;
    let mut upstream = command(Core::Load, &this);
    upstream.arg("upstream");
    let (_upstream, upstream) = Process::start_and_read(upstream).await?;
    let mut model = command(Core::Load, &this);
    model.arg("model");
    let (_model, model) = Process::start_and_read(model).await?;

    let variables = [
        ("OPENAI_BASE_URL", model.clone()),
        ("OPENAI_API_KEY", "sk-of-the-bench".to_owned()),
        ("OPENAI_MODEL", "bench".to_owned()),
    ];
    prepare(devserver, data_dir, &upstream).await?;
    let mut product = start_product(devserver, data_dir, &upstream, false, &variables).await?;
    product.url = product
        .url
        .replace("/tools/bench_quote/execute", "/orchestrate");
    let mut bare = command(Core::Server, &this);
    bare.args(["bare-loop", &upstream, &model]);
    let (bare, url) = Process::start_and_read(bare).await?;
    let bare = Target::bare(bare, format!("{url}/orchestrate"));

    let mut samples = vec![[Vec::new(), Vec::new()]; CALLS.len()];
    for round in 1..=ROUNDS {
        say(&format!("round {round} of {ROUNDS} …"));
        for (calls, samples) in CALLS.into_iter().zip(&mut samples) {
            let body = format!(r#"{{"prompt":"{calls}","tools":["bench_quote"]}}"#);
            for (target, samples) in [&product, &bare].into_iter().zip(samples) {
                let warm = Duration::from_secs(1);
                load(&this, &target.url, &target.headers, 1, warm, &body).await?;
                let told = load(&this, &target.url, &target.headers, 1, time, &body).await?;
                samples.push(figure(&told));
            }
        }
    }
    say("");
    say(&format!(
        "{:<24} {:>10} {:>10} {:>12}",
        "run p50, us, one at once", "product", "bare loop", "difference"
    ));
    for (calls, [ours, theirs]) in CALLS.into_iter().zip(samples) {
        let (ours, theirs) = (median(ours), median(theirs));
        let name = format!("{calls} call(s) in one turn");
        say(&format!(
            "{name:<24} {ours:>10.0} {theirs:>10.0} {:>12.0}",
            ours - theirs
        ));
    }
    product.process.stop().await
}

fn figure(told: &Value) -> f64 {
    told["p50"].as_f64().unwrap_or_default()
}
