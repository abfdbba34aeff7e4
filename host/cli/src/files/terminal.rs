//! Asks the person at the terminal, for `run` and `call`.

#[cfg(unix)]
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use tollgate::Policy;
use tollgate::approve::Approver;
use tollgate::policy::Streams;

use crate::files::policy_writer::PolicyWriter;
use crate::options::component::ComponentOpts;
use crate::options::wall::WallOpts;
use crate::output::status::ExitReason;
use crate::output::text;
use crate::output::ui::Ui;

/// The approver of a command that calls one component, opened before the wall; `None` if no rule asks, or nobody can be
/// asked: a standard stream is no terminal or has another use, or messages are not wanted.
pub(crate) fn approver(
    policy: &Policy,
    component: &ComponentOpts,
    wall: &WallOpts,
    stdin_is_input: bool,
    ui: &Ui,
) -> Result<Option<Arc<dyn Approver>>, ExitReason> {
    let wasi = policy.grants.wasi.as_ref();
    // Such a guest could write what looks like a question of this program.
    let writes_itself = wasi.is_some_and(|wasi| wasi.stdio == Streams::Inherit);
    let is_automated = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
    let is_wanted = component.has_stderr() && !ui.quiet() && !is_automated;
    if policy.grants.asking().next().is_none()
        || stdin_is_input
        || component.policy.is_stdin()
        || writes_itself
        || !can_ask
        || !is_wanted
    {
        return Ok(None);
    }
    let file = component.policy.file();
    let writer = file.map(|path| {
        PolicyWriter::open(path, wall.is_on()).map_err(|error| {
            let path = text::path(path);
            ExitReason::Host(format!("cannot prepare to write {path}: {error}"))
        })
    });
    open(writer.transpose()?)
}

#[cfg(not(unix))]
fn open(_: Option<PolicyWriter>) -> Result<Option<Arc<dyn Approver>>, ExitReason> {
    Ok(None)
}

#[cfg(unix)]
fn open(writer: Option<PolicyWriter>) -> Result<Option<Arc<dyn Approver>>, ExitReason> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // Opened anew, so that the streams of other programs still block.
    let opened = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open("/dev/tty");
    let Ok(tty) = opened else {
        return Ok(None);
    };
    Ok(Some(Arc::new(asking::Terminal::new(tty, writer))))
}

#[cfg(unix)]
mod asking {
    use std::io::{ErrorKind, Read as _};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    use tollgate::approve::{Answer, PendingAnswer, Question};

    use super::*;
    use crate::output::question::{Choice, LINE, prompt, read, shown};
    use crate::output::ui::{end_progress, last_words};

    /// The time between two looks for a line.
    const LOOK: Duration = Duration::from_millis(20);

    /// Lines that are no answer before the answer is no.
    const MISTYPED: u32 = 3;

    /// The terminal of this program. Clones are of the same one.
    #[derive(Clone)]
    pub(super) struct Terminal(Arc<Inner>);

    struct Inner {
        /// Does not block.
        tty: File,
        writer: Option<Mutex<PolicyWriter>>,
        /// Nobody is there: a question was not answered in time.
        is_deserted: AtomicBool,
    }

    impl Terminal {
        pub(super) fn new(tty: File, writer: Option<PolicyWriter>) -> Terminal {
            Terminal(Arc::new(Inner {
                tty,
                writer: writer.map(Mutex::new),
                is_deserted: AtomicBool::new(false),
            }))
        }
    }

    impl Approver for Terminal {
        fn answer(&self, question: Question) -> PendingAnswer {
            let terminal = Arc::clone(&self.0);
            Box::pin(async move {
                if terminal.is_deserted.load(Ordering::Relaxed) {
                    return Answer::No;
                }
                let mut open = Open {
                    terminal: &terminal,
                    is_answered: false,
                };
                let answer = terminal.ask(&question).await;
                open.is_answered = true;
                // A terminal that cannot be read gives no answer.
                answer.unwrap_or(Answer::No)
            })
        }
    }

    /// A question that is open. Nobody is there if it is dropped without an answer.
    struct Open<'t> {
        terminal: &'t Inner,
        is_answered: bool,
    }

    impl Drop for Open<'_> {
        fn drop(&mut self) {
            if !self.is_answered {
                // A line that is typed late would answer the next question.
                self.terminal.is_deserted.store(true, Ordering::Relaxed);
                last_words("\nnote: no answer; denied, and nothing more is asked\n");
            }
        }
    }

    impl Inner {
        async fn ask(&self, question: &Question) -> io::Result<Answer> {
            let change = self.writer.as_ref().and_then(|writer| {
                let writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                let change = writer.change(question.rule)?;
                Some((text::path(writer.path()), change))
            });
            self.discard()?;
            end_progress();
            last_words(&shown(question, change.as_ref()));
            for _ in 0..MISTYPED {
                let line = line(&self.tty).await?;
                match read(&line, change.is_some()) {
                    Some(Choice::Once) => return Ok(Answer::Once),
                    Some(Choice::Session) => return Ok(Answer::Session),
                    Some(Choice::No) => return Ok(Answer::No),
                    Some(Choice::Always) => {
                        self.write(question);
                        return Ok(Answer::Session);
                    }
                    None => last_words(prompt(change.is_some())),
                }
            }
            Ok(Answer::No)
        }

        /// Discards lines that were typed before the question was shown.
        fn discard(&self) -> io::Result<()> {
            let mut old = [0; LINE];
            loop {
                match (&self.tty).read(&mut old) {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        }

        fn write(&self, question: &Question) {
            let Some(writer) = &self.writer else { return };
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            let path = text::path(writer.path());
            last_words(&match writer.write(question.rule) {
                Ok(()) => format!("note: {path} is written\n"),
                Err(error) => {
                    format!("note: {path} is not written: {error}; allowed for this session only\n")
                }
            });
        }
    }

    /// One line; an end of the input is an empty one.
    async fn line(mut tty: &File) -> io::Result<Vec<u8>> {
        let mut line = [0; LINE];
        loop {
            match tty.read(&mut line) {
                Ok(read) => return Ok(line.get(..read).unwrap_or_default().to_vec()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // Not every system tells when its terminal has a line.
                    tokio::time::sleep(LOOK).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
