//! A function behind AWS's own Lambda Runtime Interface Emulator: a second opinion on ours. It hands out whole answers only.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;

use crate::aws;
use crate::runtime_api::{Answer, Event, Init, Launch, StartFailure, collect, command};

const POLL: Duration = Duration::from_millis(10);

/// A running emulator, whose function it starts with the first event.
#[derive(Debug)]
pub(crate) struct Rie {
    child: Child,
    url: String,
    client: reqwest::Client,
}

impl Rie {
    pub(crate) async fn start(
        program: &std::path::Path,
        launch: &Launch,
    ) -> Result<(Self, Init), StartFailure> {
        let (front, back) = (free_address().await?, free_address().await?);
        let started = Instant::now();
        let mut child = command(program, launch)
            .args(["--runtime-interface-emulator-address", &front])
            .args(["--runtime-api-address", &back])
            .arg(&launch.binary)
            .env(
                "AWS_LAMBDA_FUNCTION_TIMEOUT",
                launch.time.as_secs().to_string(),
            )
            .spawn()?;
        if let Some(pipe) = child.stdout.take() {
            collect(pipe, launch);
        }
        if let Some(pipe) = child.stderr.take() {
            collect(pipe, launch);
        }
        while TcpStream::connect(&front).await.is_err() {
            if let Some(status) = child.try_wait()? {
                return Err(StartFailure::Ended(status));
            }
            if started.elapsed() > launch.patience {
                return Err(StartFailure::Silent(launch.patience));
            }
            tokio::time::sleep(POLL).await;
        }
        let client = aws::client().map_err(std::io::Error::other)?;
        let rie = Self {
            child,
            url: format!("http://{front}/2015-03-31/functions/function/invocations"),
            client,
        };
        let took = started.elapsed();
        Ok((
            rie,
            Init {
                connected: took,
                asked: took,
            },
        ))
    }

    pub(crate) async fn invoke(&self, event: &Event) -> Answer {
        let request = self.client.post(&self.url).body(event.payload.clone());
        let answer = async { request.send().await?.bytes().await };
        match answer.await {
            Err(error) => Answer::failed("Runtime.ExitError", error),
            Ok(body) => match serde_json::from_slice::<Value>(&body) {
                // It tells a failure as the function did, with the status of a success.
                Ok(told) if told.get("errorType").is_some() && told.get("statusCode").is_none() => {
                    Answer::Failed(told)
                }
                _ => Answer::Whole(body),
            },
        }
    }

    pub(crate) fn pid(&self) -> Option<i32> {
        self.child.id().and_then(|id| i32::try_from(id).ok())
    }
}

/// Free by now; the emulator takes no listener, only an address.
async fn free_address() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    Ok(listener.local_addr()?.to_string())
}
