//! One attack and its result.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tollgate::blocking::{Provider, Session};
use tollgate::embed::CommandInput;
use tollgate::report::ErrorReport;
use tollgate::{CallError, LoadError, Outcome, Report, Source};

use support::harness::{ALL, load, policy};

/// One row of the catalogue.
pub(crate) struct Row {
    /// `A`, its number in docs/security/attacks.md, and its subject.
    pub(crate) id: &'static str,
    pub(crate) attack: &'static str,
    /// Made when the row's turn comes. Their memory and files are released after it.
    pub(crate) cases: fn() -> Vec<Case>,
}

impl Row {
    /// The number in its id.
    pub(crate) fn number(&self) -> u8 {
        let number = self.id.trim_start_matches('A').split('-').next();
        number.unwrap().parse().unwrap()
    }

    /// Whether this is one of them, by number or by id.
    pub(crate) fn is_one_of(&self, asked: &[&str]) -> bool {
        asked.contains(&self.id) || asked.contains(&self.number().to_string().as_str())
    }
}

/// One attack of a row.
pub(crate) struct Case {
    /// The kind of fault, refusal or denial that it has to end in.
    pub(crate) expect: &'static str,
    attack: Box<dyn Fn(usize) -> String + Send + Sync>,
}

impl Case {
    /// An attack that returns its result, given the number of the repetition.
    pub(crate) fn new(
        expect: &'static str,
        attack: impl Fn(usize) -> String + Send + Sync + 'static,
    ) -> Case {
        let attack = Box::new(attack);
        Case { expect, attack }
    }

    /// The guest `hostile`, with everything granted, under limits.
    pub(crate) fn hostile(expect: &'static str, input: &str, limits: &str) -> Case {
        let provider = load("hostile", &format!("{ALL}\n{limits}"));
        Case::run(expect, provider, input)
    }

    /// An attack by `run` of a provider.
    pub(crate) fn run(expect: &'static str, provider: Provider, input: &str) -> Case {
        let input = input.to_owned();
        Case::new(expect, move |_| {
            over(&provider, |session| session.run(input.as_bytes()))
        })
    }

    /// An attack by a call of a guest of `wat/`.
    pub(crate) fn wave(expect: &'static str, guest: &str, policy: &str, call: &str) -> Case {
        let (provider, call) = (load(guest, policy), call.to_owned());
        Case::new(expect, move |_| {
            over(&provider, |session| session.wave(&call))
        })
    }

    /// An attack by a WASI command with its arguments.
    pub(crate) fn command(expect: &'static str, provider: Provider, args: &[&str]) -> Case {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Case::new(expect, move |_| {
            let input = CommandInput {
                args: args.clone(),
                ..CommandInput::default()
            };
            kind(&provider.session().command(input))
        })
    }

    /// A component that is not to be loaded.
    pub(crate) fn load(expect: &'static str, source: Source, policy_text: &'static str) -> Case {
        Case::new(expect, move |_| {
            load_kind(support::harness::blocking().load(&source, &policy(policy_text)))
        })
    }

    /// Attacks once, and returns the result. A panic is a result, too.
    pub(crate) fn once(&self, time: usize) -> String {
        catch_unwind(AssertUnwindSafe(|| (self.attack)(time)))
            .unwrap_or_else(|_| "panicked".to_owned())
    }
}

/// Calls in a fresh session, which is over if the call faulted.
fn over<T: AsRef<[u8]>, E: ErrorReport>(
    provider: &Provider,
    call: impl Fn(&mut Session) -> Result<Report<T, E>, CallError>,
) -> String {
    let mut session = provider.session();
    let done = call(&mut session);
    let faulted = match &done {
        Ok(report) => report.outcome.fault().is_some(),
        Err(error) => matches!(error, CallError::Host(_)),
    };
    if faulted && !matches!(call(&mut session), Err(CallError::Ended)) {
        return "alive after its fault".to_owned();
    }
    match &done {
        // The output contains the answer of the host.
        Ok(report) if report.denials.is_empty() => match &report.outcome {
            Outcome::Returned(text) if is_in("Unavailable", text.as_ref()) => {
                "unavailable".to_owned()
            }
            _ => kind(&done),
        },
        _ => kind(&done),
    }
}

fn is_in(word: &str, text: &[u8]) -> bool {
    String::from_utf8_lossy(text).contains(word)
}

/// The result of a call in a word: its error, else its fault, its denial, its failure.
pub(crate) fn kind<T, E: ErrorReport>(done: &Result<Report<T, E>, CallError>) -> String {
    match done {
        Err(CallError::Refused(refusal)) => refusal.kind.label().to_owned(),
        Err(CallError::Host(_)) => "host-error".to_owned(),
        Err(CallError::Busy) => "busy".to_owned(),
        Err(other) => other.to_string(),
        Ok(report) => match (report.outcome.fault(), &report.denials[..]) {
            (Some(fault), _) => fault.label().to_owned(),
            (None, [denial, ..]) => denial.reason.label().to_owned(),
            (None, []) => report.outcome.label().to_owned(),
        },
    }
}

/// The result of a load in a word.
pub(crate) fn load_kind<T>(loaded: Result<T, LoadError>) -> String {
    match loaded {
        Err(LoadError::Refused(refusal)) => refusal.kind.label().to_owned(),
        Err(other) => other.to_string(),
        Ok(_) => "loaded".to_owned(),
    }
}
