//! Why a function cannot start, told in one line that says what to do.

/// A function that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Environment variables that are missing or malformed; every one of them.
    #[error("the configuration is wrong: {}", .0.join("; "))]
    Config(Vec<String>),
    /// The process was not started by AWS Lambda or an emulator of it; which variables are missing.
    #[error(
        "this program is an AWS Lambda function, and Lambda's variables are not set: {}. \
         To run everything locally: cargo run", .0.join(", ")
    )]
    NotLambda(Vec<&'static str>),
    /// Nothing could be started at all.
    #[error("the asynchronous runtime does not start: {0}")]
    Runtime(std::io::Error),
    /// The Lambda runtime gave up.
    #[error("the Lambda runtime ended: {0}")]
    Lambda(String),
}

impl StartError {
    /// What is wrong with one variable.
    pub fn variable(name: &str, why: impl std::fmt::Display) -> Self {
        Self::Config(vec![format!("{name}: {why}")])
    }
}
