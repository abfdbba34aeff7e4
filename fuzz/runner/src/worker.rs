//! The worker process from outside: asked, timed, buried and replaced.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The time after which an input counts as hanging: eight calls of a second, and the compiler on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The result of an input.
#[derive(Debug)]
pub(crate) enum Answer {
    Ok(String),
    Finding(String),
}

pub(crate) struct Worker {
    program: PathBuf,
    log: PathBuf,
    running: Option<Running>,
}

struct Running {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Worker {
    pub(crate) fn new(program: &Path) -> Result<Worker> {
        let program = program.to_owned();
        anyhow::ensure!(program.is_file(), "{} is not there", program.display());
        let log = program.with_extension("log");
        Ok(Worker {
            program,
            log,
            running: None,
        })
    }

    pub(crate) fn check(&mut self, target: usize, input: &[u8]) -> Result<Answer> {
        let running = match &mut self.running {
            Some(running) => running,
            none => none.insert(start(&self.program, &self.log)?),
        };
        let mut frame = vec![u8::try_from(target)?];
        frame.extend(u32::try_from(input.len())?.to_le_bytes());
        frame.extend(input);
        // A worker that has died is found out below.
        let _ = running.input.write_all(&frame);
        let _ = running.input.flush();
        let line = running.lines.recv_timeout(PATIENCE);
        if let Ok(line) = &line
            && let Some(label) = line.strip_prefix("ok ")
        {
            return Ok(Answer::Ok(label.to_owned()));
        }
        let mut child = self.running.take().context("it runs")?.child;
        let text = match line {
            Ok(line) => line.trim_start_matches("finding ").to_owned(),
            Err(RecvTimeoutError::Timeout) => {
                child.kill()?;
                format!("no answer in {PATIENCE:?}")
            }
            Err(RecvTimeoutError::Disconnected) => {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                format!("died, {}: {}", child.wait()?, log.trim().replace('\n', " "))
            }
        };
        child.wait()?;
        Ok(Answer::Finding(text))
    }
}

fn start(program: &Path, log: &Path) -> Result<Running> {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(log)?)
        .spawn()?;
    let input = child.stdin.take().context("a pipe")?;
    let output = child.stdout.take().context("a pipe")?;
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    Ok(Running {
        child,
        input,
        lines,
    })
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}
