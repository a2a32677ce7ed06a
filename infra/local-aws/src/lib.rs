//! The stack of `template.yaml` on one machine: its functions as real programs behind a Lambda Runtime API, its REST API, its
//! queues and its schedules, with AWS's own services by an emulator.
//!
//! Nothing of the product is linked: the functions are started as Lambda starts them.

mod aws;
mod deploy;
mod error;
mod function;
pub mod gateway;
mod group;
mod init;
pub mod intrinsics;
mod log;
mod mapping;
mod moto;
mod people;
mod rie;
mod runtime_api;
mod samples;
mod schedule;
pub mod stack;
mod streamed;

pub use deploy::{Emulator, Facts, Options, program};
pub use error::Error;
pub use function::Function;
pub use group::Group;
pub use init::measure;
pub use log::Log;
pub use moto::Moto;
pub use runtime_api::{Answer, Event, Init, Launch, MAX_WHOLE, Process, Sink, StartFailure};
pub use streamed::Streamed;

/// The region that everything is in.
pub const REGION: &str = "eu-central-1";

/// The account that everything belongs to, which is the emulator's.
pub const ACCOUNT: &str = "123456789012";

/// The ARN of a function.
pub(crate) fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// A new trace, as X-Ray writes it.
pub(crate) fn new_trace() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let now = chrono::Utc::now().timestamp();
    format!("Root=1-{now:08x}-{}", &id[..24])
}
