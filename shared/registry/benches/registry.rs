//! What knowing a tool costs: reading, compiling, showing, mapping, validating, finding.
//!
//! Goals: read a config ≤ 15 µs, compile both schemas ≤ 25 µs, convert ≤ 5 µs, 1,000 tools loaded ≤
//! 60 ms, a listing of 1,000 ≤ 1 ms when warm.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use domain::caller::{Caller, Principal, Role};
use domain::config;
use domain::egress::Policy;
use domain::formats::Format;
use domain::ids::{UserId, WorkspaceId};
use domain::schema::Compiled;
use persistence::tools::{CatalogDelta, CatalogKind, CatalogRow};
use persistence::{DatabaseConfig, Db, PoolMode};
use registry::{Catalog, CompiledTool, Registry};
use serde_json::{Value, json};
use uuid::Uuid;

fn document(name: &str) -> Value {
    json!({
        "name": name,
        "description": "The latest price and volume of a share",
        "api": { "base_url": "https://api.example.com", "path": "/query", "method": "GET",
                 "auth": { "method": "api_key_query", "key_name": "apikey", "secret_ref": "${API_KEY}" } },
        "input_schema": { "type": "object", "properties": {
            "symbol": { "type": "string", "minLength": 1, "maxLength": 12 },
            "function": { "type": "string", "const": "GLOBAL_QUOTE", "x-hidden": true } },
            "required": ["symbol"], "additionalProperties": false },
        "output_schema": { "type": "object", "properties": {
            "symbol": { "type": "string" }, "price": { "type": "number" },
            "volume": { "type": "integer" }, "change": { "type": "string" } },
            "required": ["symbol", "price"] },
        "mapping": {
            "input_to_params": { "symbol": "symbol", "function": "function" },
            "response_to_output": {
                "symbol": "Global Quote.01. symbol", "price": "Global Quote.05. price",
                "volume": "Global Quote.06. volume", "change": "$['Global Quote']['10. change percent']" } },
    })
}

fn response() -> Value {
    json!({ "Global Quote": {
        "01. symbol": "IBM", "02. open": "183.6500", "03. high": "186.0800", "04. low": "182.9100",
        "05. price": "185.2000", "06. volume": "3891502", "07. latest trading day": "2025-11-07",
        "08. previous close": "183.7400", "09. change": "1.4600", "10. change percent": "0.7946%" } })
}

fn thousand() -> CatalogDelta {
    let rows = (0..1000).map(|number| CatalogRow {
        kind: CatalogKind::Tool,
        id: format!("tool_{number}"),
        version: 1,
        hash: String::new(),
        document: Some(document(&format!("tool_{number}")).to_string()),
    });
    CatalogDelta {
        revision: 1,
        rows: rows.collect(),
    }
}

fn one_tool(c: &mut Criterion) {
    let policy = Policy::default();
    let document = document("quote");
    let text = document.to_string();
    let Ok(config) = config::read(&document, &policy) else {
        return;
    };
    c.bench_function("config parse (text to config)", |b| {
        b.iter(|| {
            let value: Result<Value, _> = serde_json::from_str(black_box(&text));
            value.map(|value| config::read(&value, &policy))
        });
    });
    c.bench_function("compile both schemas", |b| {
        b.iter(|| {
            (
                Compiled::new(&config.input_schema),
                Compiled::new(&config.output_schema),
            )
        });
    });
    c.bench_function("registration without database", |b| {
        b.iter(|| registry::check(black_box(&document), &policy));
    });
    let tool = CompiledTool::new(config.clone(), 1, String::new(), text.clone());
    c.bench_function("convert to OpenAI", |b| {
        b.iter(|| tool.view.shape(Format::OpenAi))
    });
    let (input, response) = (json!({ "symbol": "IBM" }), response());
    c.bench_function("validate input", |b| {
        b.iter(|| tool.input_schema().faults(black_box(&input)));
    });
    c.bench_function("build request", |b| {
        let members = input.as_object().cloned().unwrap_or_default();
        b.iter(|| tool.request_plan.build(&tool.config, black_box(&members)));
    });
    c.bench_function("map response", |b| {
        b.iter(|| tool.output_plan.apply(black_box(&response)))
    });
    if let Ok(output) = tool.output_plan.apply(&response) {
        c.bench_function("validate output", |b| {
            b.iter(|| tool.output_schema().faults(black_box(&output)));
        });
    }
}

fn many_tools(c: &mut Criterion) {
    let policy = Policy::default();
    let delta = thousand();
    c.bench_function("load 1,000 tools", |b| {
        b.iter(|| Catalog::default().after(delta.clone(), &policy));
    });
    c.bench_function("load and compile 1,000 tools", |b| {
        b.iter(|| {
            let catalog = Catalog::default().after(delta.clone(), &policy);
            for tool in catalog.tools() {
                black_box(tool.input_schema().is_valid(&Value::Null));
                black_box(tool.output_schema().is_valid(&Value::Null));
            }
        });
    });
    let catalog = Catalog::default().after(delta.clone(), &policy);
    c.bench_function("list 1,000 tools, warm", |b| {
        b.iter(|| catalog.listing(Some(Format::Mcp)))
    });
    let mut changed = delta.rows[0].clone();
    changed.version = 2;
    c.bench_function("change 1 of 1,000 and list", |b| {
        b.iter(|| {
            let delta = CatalogDelta {
                revision: 2,
                rows: vec![changed.clone()],
            };
            catalog.after(delta, &policy).listing(Some(Format::Mcp))
        });
    });
}

/// Finds a tool in memory: no task switch and no database, so the future is ready at once.
fn hit(c: &mut Criterion) {
    let workspace_id = WorkspaceId(Uuid::from_u128(1));
    let db = Db::open(&DatabaseConfig {
        url: "postgres://nobody@127.0.0.1:1/none".to_owned(),
        pool_mode: PoolMode::Session,
        max_connections: 1,
    });
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else {
        return;
    };
    let _entered = runtime.enter();
    let (Ok(db), Ok(id)) = (db, "tool_500".parse()) else {
        return;
    };
    let registry = Registry::new(db, Policy::default());
    registry.adopt(
        workspace_id,
        Catalog::default().after(thousand(), &Policy::default()),
    );
    let caller = Caller {
        principal: Principal::user(UserId(Uuid::from_u128(2)), None),
        workspace_id,
        role: Role::Member,
        catalog_revision: 1,
    };
    c.bench_function("registry hit", |b| {
        b.iter(|| {
            let catalog = pin!(registry.catalog(black_box(&caller)));
            match catalog.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(catalog)) => catalog.tool(&id),
                Poll::Ready(Err(_)) | Poll::Pending => None,
            }
        });
    });
}

criterion_group!(benches, one_tool, many_tools, hit);
criterion_main!(benches);
