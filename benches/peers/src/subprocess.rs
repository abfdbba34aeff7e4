//! A native process for each call: isolation without any engine.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Starts `program`, gives it the input and waits for its output and its end.
pub fn spawn_and_call(program: &Path, input: &[u8]) -> Result<Vec<u8>> {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("no stdin")?.write_all(input)?;
    let mut output = Vec::new();
    child
        .stdout
        .take()
        .context("no stdout")?
        .read_to_end(&mut output)?;
    ensure!(child.wait()?.success(), "the process failed");
    Ok(output)
}
