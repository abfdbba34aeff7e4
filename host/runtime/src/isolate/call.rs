//! Calls into a session that lives in the process of its provider: the host's part of them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tollgate_capability::Audit;
use tollgate_component::value::{Type, Value};
use tollgate_policy::Limits;

use super::frame::{CALL, frame};
use super::hand_over::Parts;
use super::message::{Answer, Blob, Call, Door, Ended, decode_answer, encode, now};
use super::process::Process;
use super::report::Known;
use super::table::{Answered, Lost, decisions_at_once};
use super::values::{Room, read_all, write};
use crate::call::arguments::{admit, command_bytes};
use crate::call::exports::ExportedFunction;
use crate::call::fault::FaultKind;
use crate::call::invoke::ReturnedError;
use crate::call::provider::Provider;
use crate::call::report::{Outcome, Report};
use crate::call::session::{ExitCode, Session, State, run_bytes};
use crate::call::wave::{WaveError, wave_bytes};
use crate::engine::admission::Slot;
use crate::error::{CallError, HostError};
use crate::interface::wasi_p2::CommandInput;

/// The processes of one provider, of which one runs at a time.
pub(crate) struct Isolated {
    program: PathBuf,
    certificates: Arc<[Vec<u8>]>,
    running: Mutex<Option<Arc<Process>>>,
}

/// A session in a process. It ends there when this is dropped, and so does the call that is under way in it.
pub(crate) struct Remote {
    process: Arc<Process>,
    id: u64,
    audit: Arc<Audit>,
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.process.end(self.id);
    }
}

impl Isolated {
    pub(crate) fn new(program: PathBuf, certificates: Arc<[Vec<u8>]>) -> Option<Isolated> {
        Some(Isolated {
            program,
            certificates,
            running: Mutex::default(),
        })
    }

    /// The same for a provider that shares no process with the first.
    pub(crate) fn another(&self) -> Option<Isolated> {
        Isolated::new(self.program.clone(), Arc::clone(&self.certificates))
    }

    /// Begins a session, in another process if the one that ran has ended.
    fn session(&self, provider: &Provider, mut slot: Slot) -> Result<Remote, HostError> {
        let shared = &provider.shared;
        let audit = Arc::new(shared.granted.audit(Arc::clone(&shared.info.name)));
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(process) = &*running {
            match process.session(&provider.limits, &audit, slot) {
                Ok(id) => {
                    let process = Arc::clone(process);
                    return Ok(Remote { process, id, audit });
                }
                Err(back) => slot = back,
            }
        }
        let process = Process::start(self.program.clone(), self.parts(provider))?;
        let process = Arc::new(process);
        let Ok(id) = process.session(&provider.limits, &audit, slot) else {
            return Err(HostError::new("the process of a provider ended at once"));
        };
        *running = Some(Arc::clone(&process));
        Ok(Remote { process, id, audit })
    }

    fn parts(&self, provider: &Provider) -> Parts {
        let shared = &provider.shared;
        let admission = &shared.host().admission;
        Parts {
            name: Arc::clone(&shared.info.name),
            inspection: shared.code.inspection.clone(),
            limits: shared.fixed.clone(),
            metering: shared.unit().metering,
            concurrency: admission.concurrency(),
            queue: admission.queue(),
            certificates: Arc::clone(&self.certificates),
            granted: Arc::clone(&shared.granted),
            component: shared.pre.component().clone(),
        }
    }
}

impl Remote {
    /// Makes a call, and waits for the answer. The process is killed a second after the deadline.
    async fn call(
        &self,
        call: &Call,
        deadline: Instant,
        decisions: u64,
    ) -> Result<Answered, CallError> {
        let Some(call) = frame(CALL, self.id, &encode(call)) else {
            let text = "the arguments take more than the 4 GiB that go to the provider's process; pass less";
            return Err(CallError::Arguments(text.to_owned()));
        };
        let answered = match self.process.table.begin(self.id, deadline, decisions) {
            Ok(answered) => answered,
            Err(lost) => return Ok(Err(lost)),
        };
        self.process.send(call);
        Ok(answered.await.unwrap_or(Err(Lost::Crashed(None))))
    }
}

impl Session {
    /// `run`, in the process of the provider.
    pub(crate) async fn run_there(&mut self, input: &[u8]) -> Result<Report<Vec<u8>>, CallError> {
        let bytes = input.len() as u64;
        let input = Blob(input.to_vec());
        let room = Room::of(&self.provider.limits, 1);
        let finish = move |ended, _: &Limits| match ended {
            Ended::Returned(Blob(bytes)) if room.fits(&bytes) => Some(Outcome::Returned(bytes)),
            Ended::Error(error) if room.fits_text(&error.message) => Some(Outcome::Failed(error)),
            _ => None,
        };
        self.there(bytes, Door::Run { input }, finish, run_bytes)
            .await
    }

    /// A call in WAVE, in the process of the provider. The expression was parsed before, and fits.
    pub(crate) async fn wave_there(
        &mut self,
        expression: &str,
        bytes: u64,
    ) -> Result<Report<String, WaveError>, CallError> {
        let expression = expression.to_owned();
        let finish = |ended, limits: &Limits| match ended {
            Ended::Returned(Blob(bytes)) if fits(&bytes, limits) => {
                String::from_utf8(bytes).ok().map(Outcome::Returned)
            }
            Ended::Wave { kind, text }
                if fits(text.as_bytes(), limits) && fits(kind.as_bytes(), limits) =>
            {
                Some(Outcome::Failed(WaveError { kind, text }))
            }
            _ => None,
        };
        self.there(bytes, Door::Wave { expression }, finish, wave_bytes)
            .await
    }

    /// A call with values, in the process of the provider. They were checked before, and fit.
    pub(crate) async fn invoke_there(
        &mut self,
        exported: &ExportedFunction,
        arguments: &[Value],
        bytes: u64,
    ) -> Result<Report<Option<Value>, ReturnedError>, CallError> {
        let function = &exported.function;
        let mut encoded = Vec::new();
        for (value, param) in arguments.iter().zip(&function.params) {
            write(&mut encoded, value, &param.ty)
                .ok_or_else(|| HostError::new("a value that was checked does not fit"))?;
        }
        let door = Door::Invoke {
            function: function.full_name(),
            arguments: Blob(encoded),
        };
        let room = Room::of(&self.provider.limits, exported.weight);
        let finish = |ended, _: &Limits| match (ended, &function.result) {
            (Ended::Returned(Blob(bytes)), Some(Type::Result(ok, _))) => {
                read_all(&bytes, ok.as_deref(), room).map(Outcome::Returned)
            }
            (Ended::Returned(Blob(bytes)), ty) => {
                read_all(&bytes, ty.as_ref(), room).map(Outcome::Returned)
            }
            (Ended::ReturnedError(Blob(bytes)), Some(Type::Result(_, err))) => {
                let value = read_all(&bytes, err.as_deref(), room)?;
                Some(Outcome::Failed(ReturnedError { value }))
            }
            _ => None,
        };
        self.there(bytes, door, finish, |_| None).await
    }

    /// A command, in the process of the provider.
    pub(crate) async fn command_there(
        &mut self,
        input: CommandInput,
    ) -> Result<Report<(), ExitCode>, CallError> {
        let CommandInput { args, stdin } = input;
        let bytes = command_bytes(&args);
        let stdin = match stdin.into_parts() {
            Ok(bytes) => Some(Blob(bytes)),
            Err(reader) => {
                self.reader = reader;
                None
            }
        };
        let finish = |ended, _: &Limits| match ended {
            Ended::Returned(Blob(bytes)) if bytes.is_empty() => Some(Outcome::Returned(())),
            Ended::Exit(code) if code != 0 => Some(Outcome::Failed(ExitCode(code))),
            _ => None,
        };
        self.there(bytes, Door::Command { args, stdin }, finish, |_| None)
            .await
    }

    /// A call with `arguments` bytes of arguments, told to the observer.
    async fn there<T, E>(
        &mut self,
        arguments: u64,
        door: Door,
        finish: impl FnOnce(Ended, &Limits) -> Option<Outcome<T, E>>,
        measure: impl FnOnce(&Outcome<T, E>) -> Option<u64>,
    ) -> Result<Report<T, E>, CallError> {
        admit(arguments, &self.provider.limits)?;
        let shared = &self.provider.shared;
        let observed = shared.host().observer.call(&shared.info);
        let mut result = self.there_unobserved(door, finish, observed.id()).await;
        if let Ok(report) = &mut result {
            report.usage.output_bytes = measure(&report.outcome);
        }
        observed.ended(&result);
        result
    }

    async fn there_unobserved<T, E>(
        &mut self,
        door: Door,
        finish: impl FnOnce(Ended, &Limits) -> Option<Outcome<T, E>>,
        id: u64,
    ) -> Result<Report<T, E>, CallError> {
        let (start, begun) = (Instant::now(), now());
        let limits = Arc::clone(&self.provider.limits);
        let deadline = start.checked_add(limits.deadline).unwrap_or(start);
        // Out of the session while it runs: a call that is dropped takes its session along.
        let remote = self.remote(deadline).await?;
        remote.audit.begin_call(id);
        if let Some(reader) = self.reader.take() {
            remote.process.stream(remote.id, reader)?;
        }
        let shared = &self.provider.shared;
        let grants = &shared.granted.grants;
        let decisions = decisions_at_once(grants);
        let answered = remote
            .call(&Call { begun, door }, deadline, decisions)
            .await?;
        let end = Instant::now();
        let known = Known {
            info: Arc::clone(&shared.info),
            limits,
            metering: shared.unit().metering,
            elapsed: end.saturating_duration_since(start),
            denials: remote.audit.take_denials(),
            has_stdio: grants.wasi.is_some(),
        };
        let report = match answered.map(|body| decode_answer(&body, &known.limits)) {
            Ok(Some(Answer::Report(told))) => known.told(*told, end >= deadline, finish),
            Ok(Some(Answer::Busy)) => return Err(CallError::Busy),
            Ok(Some(Answer::Failed(text))) => return Err(HostError::new(text).into()),
            Ok(None) => None,
            Err(Lost::NotStarted(text)) => return Err(HostError::new(text).into()),
            Err(Lost::Late) => {
                let kind = FaultKind::Deadline(known.limits.deadline);
                Some(known.faulted(kind))
            }
            Err(Lost::Crashed(signal)) => Some(known.faulted(FaultKind::Crash(signal))),
        };
        let Some(report) = report else {
            remote
                .process
                .condemn("its answer is none that the call can have");
            return Ok(known.faulted(FaultKind::Crash(None)));
        };
        if report.outcome.fault().is_none() {
            self.state = State::Remote(remote);
        }
        Ok(report)
    }

    /// The session in the process, begun if there is none yet. This one counts as ended until the call gives it back.
    async fn remote(&mut self, deadline: Instant) -> Result<Remote, CallError> {
        let shared = Arc::clone(&self.provider.shared);
        let slot = match self.state {
            State::Fresh => Some(shared.slot(deadline).await?),
            _ => None,
        };
        match (std::mem::replace(&mut self.state, State::Ended), slot) {
            (State::Remote(remote), _) => Ok(remote),
            (State::Fresh, Some(slot)) => match &shared.isolated {
                Some(isolated) => Ok(isolated.session(&self.provider, slot)?),
                None => Err(CallError::Ended),
            },
            _ => Err(CallError::Ended),
        }
    }
}

/// Whether a result is one that the host would let pass.
fn fits(bytes: &[u8], limits: &Limits) -> bool {
    bytes.len() as u64 <= limits.output
}
