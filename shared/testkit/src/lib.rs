//! What only tests need: an app, personas, builders and fakes.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod app;
mod database;
mod dns;
pub mod emf;
mod events;
pub mod logs;
mod moto;
mod node;
mod persona;
mod provider;
mod proxy;
mod python;
mod tokens;
mod tool;
pub mod upstream;

pub use app::{Setup, TestApp};
pub use database::{POOLED, Tenants, TestDatabase, cluster, pooler};
pub use dns::Dns;
pub use events::{EventStream, SentEvent};
pub use moto::{AwsFault, FakeAws, FakeQueue};
pub use node::{Installed, node_with};
pub use persona::{Persona, Response};
pub use postgres::Pooler;
pub use provider::{Client, Fault, OAuthProvider};
pub use proxy::KeyProxy;
pub use python::python_with;
pub use scripted_model::{self, Gate, ScriptedModel};
pub use tokens::{Jwks, Signer, Token};
pub use tool::{RegisteredTool, ToolBuilder};
pub use upstream::{Answer, Captured, FakeUpstream, Reply};

/// The documented shape of Alpha Vantage's answer to `GLOBAL_QUOTE`, with values of our own.
pub fn global_quote() -> serde_json::Value {
    serde_json::json!({
        "Global Quote": {
            "01. symbol": "IBM",
            "02. open": "184.1000",
            "03. high": "187.0300",
            "04. low": "183.5200",
            "05. price": "185.2000",
            "06. volume": "4120877",
            "07. latest trading day": "2025-11-14",
            "08. previous close": "184.0500",
            "09. change": "1.1500",
            "10. change percent": "0.6248%"
        }
    })
}
