//! One case, run in sessions of its own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tollgate::embed::CommandInput;
use tollgate::report::ErrorReport as _;
use tollgate::{CallError, Provider};

use crate::commands::test::cases::Case;
use crate::commands::test::found::{Ended, Found};
use crate::files::arguments;
use crate::output::status::ExitReason;
use crate::output::value;

/// A case, with the files that it names read.
pub(super) struct Prepared<'c> {
    pub(super) case: &'c Case,
    /// The position in the file.
    pub(super) index: usize,
    pub(super) subject: Subject,
    /// The result that is expected, if it is one.
    pub(super) returns: Option<Vec<u8>>,
    /// The policy of the case, if it has one: a key of the loaded components.
    pub(super) policy: Option<PathBuf>,
}

/// The call of a case.
pub(super) enum Subject {
    /// An expression in WAVE with its files, and as it is written.
    Wave(String, String),
    /// `run` of a provider, or a command.
    Run { input: Vec<u8>, args: Vec<String> },
}

/// The component under one policy.
pub(super) enum Loaded {
    Provider(Box<Provider>),
    Refused(&'static str, String),
}

/// A case that was run.
pub(super) struct Done<'c> {
    pub(super) prepared: &'c Prepared<'c>,
    pub(super) found: Found,
    /// The differences from the expected end.
    pub(super) unlike: Vec<String>,
    /// The differences of a second run from the first.
    pub(super) unlike_again: Vec<String>,
    pub(super) elapsed: Duration,
}

/// Runs a case twice, or once if its runs may differ.
pub(super) async fn play<'c>(
    prepared: &'c Prepared<'c>,
    loaded: &Loaded,
) -> Result<Done<'c>, ExitReason> {
    let start = Instant::now();
    let found = once(prepared, loaded).await?;
    let elapsed = start.elapsed();
    let mut unlike_again = Vec::new();
    if !prepared.case.differs {
        let again = once(prepared, loaded).await?;
        unlike_again = found.unlike_again(&again);
    }
    Ok(Done {
        prepared,
        unlike: found.unlike(prepared.case, prepared.returns.as_deref()),
        unlike_again,
        found,
        elapsed,
    })
}

/// Runs a case in a session of its own.
async fn once(prepared: &Prepared<'_>, loaded: &Loaded) -> Result<Found, ExitReason> {
    let provider = match loaded {
        Loaded::Provider(provider) => provider,
        Loaded::Refused(kind, message) => {
            return Ok(Found::without_call(Ended::Refused(kind, message.clone())));
        }
    };
    let mut session = provider.session();
    let called = match &prepared.subject {
        Subject::Wave(expression, _) => session.wave(expression).await.map(|report| {
            let ty = value::result_type(expression, provider);
            Found::of(
                &report,
                |wave| ty.map_or_else(Vec::new, |ty| value::with_text(wave, ty).into_bytes()),
                |error| Ended::Failed(error.kind(), error.message()),
            )
        }),
        Subject::Run { input, args } if provider.is_command() => {
            let name = provider.info().name.to_string();
            let args = std::iter::once(name).chain(args.iter().cloned()).collect();
            let stdin = input.clone().into();
            let called = session.command(CommandInput { args, stdin }).await;
            called.map(|report| {
                let stdout = report.stdio.as_ref().map(|stdio| stdio.stdout.clone());
                Found::of(
                    &report,
                    |()| stdout.clone().unwrap_or_default(),
                    |code| Ended::Exited(code.0),
                )
            })
        }
        Subject::Run { input, args } => {
            if !args.is_empty() {
                let text = "args are for WASI commands, and the component is none; omit them";
                return Ok(Found::without_call(Ended::NotCalled(text.to_owned())));
            }
            session.run(input).await.map(|report| {
                Found::of(&report, Vec::clone, |error| {
                    Ended::Failed(
                        error.kind(),
                        format!("{}: {}", error.kind(), error.message()),
                    )
                })
            })
        }
    };
    called.or_else(|error| match (error, &prepared.subject) {
        (CallError::Host(error), _) => Err(ExitReason::Host(error.to_string())),
        // The text of a file is not repeated.
        (CallError::Arguments(_), Subject::Wave(expression, original))
            if expression != original =>
        {
            let text = arguments::unfit(original);
            Ok(Found::without_call(Ended::NotCalled(text)))
        }
        (error, _) => Ok(Found::without_call(Ended::NotCalled(error.to_string()))),
    })
}

impl Done<'_> {
    /// Whether nothing differs.
    pub(super) fn passed(&self) -> bool {
        self.unlike.is_empty() && self.unlike_again.is_empty()
    }

    /// All that differs.
    pub(super) fn differences(&self) -> impl Iterator<Item = &String> {
        self.unlike.iter().chain(&self.unlike_again)
    }
}
