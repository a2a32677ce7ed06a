//! A local server for one example, with data of its own, and a client that is signed in.

use std::path::{Path, PathBuf};

use devserver::{App, Options, Running};
use domain::code::CodeTool;
use serde_json::Value;

/// Whatever ends an example early.
pub(crate) type Error = Box<dyn std::error::Error>;

/// A running server and its client.
pub(crate) struct Local {
    running: Running,
    client: reqwest::Client,
    data_dir: PathBuf,
}

impl Local {
    /// Starts a server that has these tools besides those compiled in; the sample tools answer from recordings.
    pub(crate) async fn start(name: &str, code_tools: Vec<CodeTool>) -> Result<Self, Error> {
        let data_dir = PathBuf::from(".devserver").join(name);
        let running = App::start(Options {
            host: std::net::Ipv4Addr::LOCALHOST.into(),
            port: 0,
            data_dir: data_dir.clone(),
            fresh: true,
            offline_demo: true,
            scripted_model: false,
            examples: Path::new(env!("CARGO_MANIFEST_DIR")).to_owned(),
            pg_bin: None,
            code_tools,
            environment: |_| None,
        })
        .await?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()?;
        Ok(Self {
            running,
            client,
            data_dir,
        })
    }

    /// `GET`, answered with JSON.
    #[allow(dead_code, reason = "not every example reads")]
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Error> {
        let request = self.client.get(format!("{}{path}", self.running.url));
        self.answer(request).await
    }

    /// `POST` of JSON, answered with JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let request = self.client.post(format!("{}{path}", self.running.url));
        let request = request.header("content-type", "application/json");
        self.answer(request.body(body.to_string())).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Value, Error> {
        let response = request.bearer_auth(&self.running.token).send().await?;
        Ok(serde_json::from_slice(&response.bytes().await?)?)
    }

    /// Stops the server and removes its data.
    pub(crate) async fn stop(self) -> Result<(), Error> {
        self.running.stop().await?;
        std::fs::remove_dir_all(self.data_dir)?;
        Ok(())
    }
}
