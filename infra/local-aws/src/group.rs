//! All processes of the emulator end with it, however it ends.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// Waits for the end of its input, which comes with the end of this process, and kills its whole group, itself included.
const WATCH: &str = "cat >/dev/null; kill -KILL 0";

/// A process group whose leader kills it when this process is gone, or when this is dropped.
#[derive(Debug)]
pub struct Group {
    leader: Child,
}

impl Group {
    /// Starts the leader.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn start() -> std::io::Result<Self> {
        let leader = Command::new("sh")
            .args(["-c", WATCH])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { leader })
    }

    /// The group's number.
    pub fn id(&self) -> i32 {
        i32::try_from(self.leader.id()).unwrap_or_default()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.leader.stdin.take());
        let _ = self.leader.wait();
    }
}
