//! What a request's line costs, and what it costs more with metrics: `cargo bench --workspace --bench line`.

use std::hint::black_box;
use std::io;

use criterion::{Criterion, criterion_group, criterion_main};
use telemetry::{Facts, Lines, Origin, Parent};

const CALLERS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn line() {
    let facts = Facts::of_request("0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11", None);
    facts.within(|| {
        tracing::info!(
            target: "access",
            method = "POST",
            route = "/api/v1/tools/{tool_id}/execute",
            status = 200_u16,
            requests = 1_u64,
            errors_4xx = 0_u64,
            errors_5xx = 0_u64,
            faults = 0_u64,
            duration_ms = 12.345,
            overhead_ms = 0.345,
            workspace_id = "0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11",
            tool_successes = 1_u64,
            "answered"
        );
    });
}

fn measure(bench: &mut Criterion) {
    bench.bench_function("a traceparent is read", |b| {
        b.iter(|| Parent::of_traceparent(black_box(CALLERS)));
    });
    let origin = Origin {
        service: "stack".to_owned(),
        function: "stack-tools".to_owned(),
    };
    for (name, origin) in [("a line", None), ("a line with metrics", Some(&origin))] {
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(Lines::fields())
            .event_format(Lines::new(origin))
            .with_writer(io::sink)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            bench.bench_function(name, |b| b.iter(line));
        });
    }
}

criterion_group!(benches, measure);
criterion_main!(benches);
