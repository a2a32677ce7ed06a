//! SQS and Secrets Manager as the emulator moto speaks them.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Serves on a free port until its input ends, which is when this process does.
const SCRIPT: &str = "
import sys
import moto.secretsmanager.responses, moto.sqs.responses
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
print('http://%s:%d' % server.get_host_and_port(), flush=True)
sys.stdin.read()
";

/// A running emulator. It forgets everything at its end.
#[derive(Debug)]
pub struct Moto {
    /// Where it is.
    pub url: String,
    server: Child,
}

impl Moto {
    /// Starts it with the first of these Pythons that has it, in a process group if one is named. `None`: none has it.
    pub fn start(pythons: &[&Path], group: Option<i32>) -> Option<Self> {
        pythons.iter().find_map(|python| by(python, group))
    }
}

fn by(python: &Path, group: Option<i32>) -> Option<Moto> {
    let mut command = Command::new(python);
    command
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(group) = group {
        command.process_group(group);
    }
    let mut server = command.spawn().ok()?;
    let mut url = String::new();
    let output = server.stdout.take()?;
    BufReader::new(output).read_line(&mut url).ok()?;
    if url.trim().is_empty() {
        let _ = server.wait();
        return None;
    }
    let url = url.trim().to_owned();
    Some(Moto { url, server })
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
