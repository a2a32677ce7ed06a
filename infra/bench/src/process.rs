//! The measured processes: started on a core of their own, their CPU and memory read from `/proc`.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::Result;

/// The core of the servers, and that of the load and the upstream.
#[derive(Clone, Copy)]
pub(crate) enum Core {
    /// What is measured.
    Server,
    /// What measures.
    Load,
}

/// A process that is killed when dropped.
pub(crate) struct Process(Child);

/// A command that runs on this core, where `taskset` and a second core are there.
pub(crate) fn command(core: Core, program: impl AsRef<OsStr>) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut command = if cores > 1 && Path::new("/usr/bin/taskset").exists() {
        let mut command = Command::new("/usr/bin/taskset");
        command.arg("-c").arg(match core {
            Core::Server => "0",
            Core::Load => "1",
        });
        command.arg(program);
        command
    } else {
        Command::new(program)
    };
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

impl Process {
    /// Starts a command.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        Ok(Self(command.spawn()?))
    }

    /// Starts a command and waits for the line that it prints first.
    pub(crate) async fn start_and_read(mut command: Command) -> Result<(Self, String)> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("no stdout")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        Ok((Self(child), line.ok_or("the process ended at once")?))
    }

    fn pid(&self) -> Result<u32> {
        Ok(self.0.id().ok_or("the process has ended")?)
    }

    /// Processor time so far, user and system.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid()?))?;
        // The name in brackets may hold spaces; the fields after it do not.
        let fields = stat.rsplit_once(')').ok_or("no process name")?.1;
        let mut ticks = 0;
        for field in fields.split_whitespace().skip(11).take(2) {
            ticks += field.parse::<u64>()?;
        }
        Ok(Duration::from_secs_f64(ticks as f64 / ticks_per_second()))
    }

    /// Resident memory in MB.
    pub(crate) fn resident(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line
            .and_then(|line| line.split_whitespace().nth(1))
            .ok_or("no VmRSS")?;
        Ok(kilobytes.parse::<f64>()? / 1024.0)
    }

    /// Asks the process to end and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self.pid()?.to_string();
        Command::new("kill").args(["-INT", &pid]).status().await?;
        self.0.wait().await?;
        Ok(())
    }
}

/// `USER_HZ`, which is 100 on every Linux.
fn ticks_per_second() -> f64 {
    100.0
}
