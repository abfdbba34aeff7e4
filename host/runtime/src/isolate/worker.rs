//! The process of a provider: it takes over the grants, raises the wall, maps the code, and makes the calls that the host
//! asks for.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, BufReader, Read, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::exit;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cap_std::fs::Dir;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tollgate_capability::{Decision, Granted, HandedFolder, Handover};
use tollgate_component::value::Type;
use tollgate_component::{ProviderInfo, Source};
use tollgate_policy::{Limits, Policy};
use zeroize::Zeroizing;

use super::frame::{
    ANSWER, ASK, CALL, CODE, DECISION, END, ENDED, HELLO, Head, READY, START, STDIN, frame,
};
use super::message::{
    Answer, Blob, Call, Decided, Door, Ended, Hello, VERSION, decode, decode_limits, decode_piece,
    encode_answer, encode_decision, now,
};
use super::report::tell;
use super::values::{Room, read, write_held};
use crate::Runtime;
use crate::call::exports::find;
use crate::call::provider::{Code, Provider};
use crate::call::session::{Relayed, Session};
use crate::engine::metering::Metering;
use crate::host::Admitted;
use crate::interface::wasi_p2::{CommandInput, Piece, Stdin};
use crate::observe::Observer;
use crate::wall::Wall;
use crate::wall::worker::Confined;

type Failed = Box<dyn std::error::Error>;

/// Serves the host at the other end of standard input until it is gone. Never returns.
pub(crate) fn serve() -> ! {
    // The host waits for an answer, and reports the missing one.
    let Err(_why) = start();
    exit(1)
}

fn start() -> Result<Infallible, Failed> {
    crate::compile::worker_main::be_a_worker()?;
    let mut confined = Confined::begin();
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // The socket closes when the host ends. This process has no work then.
    let hello = next(&socket, HELLO)?;
    let hello: Hello = decode(&Zeroizing::new(hello)).ok_or("no hello")?;
    if hello.version != VERSION {
        return Err("another version".into());
    }
    let policy = Policy::parse(&hello.policy, Path::new(""))?;
    let folders = policy.grants.files.iter().map(|_| folder(&socket));
    let folders = folders.collect::<Result<Vec<_>, Failed>>()?;
    // The buffer begins only here: a folder arrives with the byte that it is sent with.
    let mut from = BufReader::new(socket.try_clone()?);
    let out = Arc::new(Out(Mutex::new(socket)));
    let runtime = runtime(&hello, &policy.limits, Arc::clone(&out))?;
    let engines = &runtime.inner.host.code_loader.engines;
    if engines.metering.counts_fuel() {
        // The engine opens files for which no path is left, which makes it faster. One with a clock has a thread, and
        // the wall is around threads that come after it.
        drop(engines.pooled(policy.limits.stack)?);
    }
    if hello.protected.len() != folders.len() {
        return Err("other folders".into());
    }
    let handover = Handover {
        folders: folders
            .into_iter()
            .zip(hello.protected)
            .map(|(dir, protected)| HandedFolder { dir, protected })
            .collect(),
        secrets: hello
            .secrets
            .into_iter()
            .map(|it| it.map(Zeroizing::new))
            .collect(),
        env: hello.env,
    };
    let grants = policy.grants.clone();
    let granted = Granted::take_over(grants, handover, &runtime.inner.granted);
    let granted = granted.ok_or("other grants")?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    confined.raise(&Wall::of(&granted));
    // From here on this process has nothing that its grants do not name. The code of the guest comes now.
    let code = next(&mut from, CODE)?;
    let host = &runtime.inner.host;
    let unit = host.code_loader.engines.pooled(policy.limits.stack)?;
    let code = host.code_loader.place(&unit, &code, &policy.limits)??;
    let info = ProviderInfo {
        name: hello.name.into(),
        digest: String::new(),
        size: 0,
        world: None,
        signer: None,
    };
    // No other policy judges it here.
    let identity = Source::bytes("", []).identity().clone();
    let code = Code::new(
        &runtime.inner,
        identity,
        hello.inspection,
        code,
        (&policy.limits, &[]),
    );
    let admitted = Admitted {
        granted,
        // A policy that grants an interface of the embedder's is refused.
        parameters: Arc::default(),
        isolated: None,
    };
    let provider = Provider::link(code, info, admitted, &policy.limits)?;
    let lacks = confined.seal();
    out.say(READY, 0, &[&[lacks], VERSION.as_bytes()].concat());
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?;
    let _inside = tokio.enter();
    let served = Sessions {
        provider,
        out,
        alive: HashMap::new(),
    }
    .serve(from);
    // The remaining work of the threads of the runtime has no reader.
    exit(i32::from(served.is_err()))
}

fn runtime(hello: &Hello, limits: &Limits, out: Arc<Out>) -> Result<Runtime, Failed> {
    let metering = Metering::of(&hello.metering).ok_or("no metering")?;
    let builder = Runtime::builder()
        .metering(metering)
        .concurrency(hello.concurrency)
        .queue(hello.queue)
        // The host has already cut the calls of this process to the share of its provider.
        .share(100)
        .certificates(hello.certificates.iter().map(|Blob(der)| der.clone()))
        .observer(Teller(out, limits.clone()));
    Ok(builder.build())
}

/// The body of the next frame, which has to be of this kind.
fn next(mut from: impl Read, kind: u8) -> Result<Vec<u8>, Failed> {
    let head = Head::read(&mut from)?.ok_or("no host")?;
    if head.kind != kind {
        return Err("not what was to come".into());
    }
    Ok(head.body(from, u64::MAX)?.ok_or("no host")?)
}

/// A folder that the host has open.
fn folder(socket: &UnixStream) -> Result<Arc<Dir>, Failed> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut bytes = [io::IoSliceMut::new(&mut byte)];
    recvmsg(socket, &mut bytes, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut passed: Option<OwnedFd> = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
            passed = descriptors.next();
        }
    }
    let folder = std::fs::File::from(passed.ok_or("no folder")?);
    Ok(Arc::new(Dir::from_std_file(folder)))
}

/// The socket to the host, for writing.
struct Out(Mutex<UnixStream>);

impl Out {
    fn say(&self, kind: u8, session: u64, body: &[u8]) {
        let Some(frame) = frame(kind, session, body) else {
            // The host waits for an answer that cannot be given.
            exit(1);
        };
        let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if socket.write_all(&frame).is_err() {
            exit(0);
        }
    }
}

/// Tells the host of decisions, under the limits of the load.
struct Teller(Arc<Out>, Limits);

impl Observer for Teller {
    fn decided(&self, decision: &Decision<'_>) {
        let mut decided = Decided {
            capability: decision.capability.to_owned(),
            target: decision.target.to_owned(),
            denied: decision.denied,
            address: decision.address,
        };
        let decided = encode_decision(&mut decided, &self.1);
        self.0.say(DECISION, decision.call, &decided);
    }
}

/// The sessions that live.
struct Sessions {
    provider: Provider,
    out: Arc<Out>,
    alive: HashMap<u64, Alive>,
}

struct Alive {
    calls: UnboundedSender<Call>,
    /// Room for the one piece that it asks for at a time.
    stdin: mpsc::Sender<Piece>,
    task: AbortHandle,
}

impl Sessions {
    fn serve(mut self, mut from: BufReader<UnixStream>) -> Result<(), Failed> {
        loop {
            let Some(head) = Head::read(&mut from)? else {
                return Ok(());
            };
            let body = head.body(&mut from, u64::MAX)?.ok_or("no host")?;
            self.alive.retain(|_, session| !session.task.is_finished());
            match head.kind {
                START => self.begin(head.session, &body)?,
                CALL => {
                    let call = decode(&body).ok_or("no call")?;
                    if let Some(session) = self.alive.get(&head.session) {
                        // A session that has just ended says so by itself.
                        let _ = session.calls.send(call);
                    }
                }
                STDIN => {
                    if let Some(session) = self.alive.get(&head.session) {
                        // A command that has ended needs none.
                        let _ = session.stdin.try_send(decode_piece(&body));
                    }
                }
                END => {
                    if let Some(session) = self.alive.remove(&head.session) {
                        session.task.abort();
                    }
                }
                _ => return Err("a frame of no kind".into()),
            }
        }
    }

    fn begin(&mut self, id: u64, limits: &[u8]) -> Result<(), Failed> {
        let limits = decode_limits(limits).ok_or("no limits")?;
        let provider = self.provider.with_limits(limits)?;
        let (calls, asked) = unbounded_channel();
        let (stdin, pieces) = mpsc::channel(1);
        let out = Arc::clone(&self.out);
        let task = tokio::spawn(session(out, id, provider, asked, pieces)).abort_handle();
        self.alive.insert(id, Alive { calls, stdin, task });
        Ok(())
    }
}

/// Says that a session is gone, when it is.
struct SayEnded(Arc<Out>, u64);

impl Drop for SayEnded {
    fn drop(&mut self) {
        self.0.say(ENDED, self.1, &[]);
    }
}

async fn session(
    out: Arc<Out>,
    id: u64,
    provider: Provider,
    mut asked: UnboundedReceiver<Call>,
    pieces: mpsc::Receiver<Piece>,
) {
    let to_host = Arc::clone(&out);
    let mut stdin = Some(Stdin::asked(move || to_host.say(ASK, id, &[]), pieces));
    // Before the session, and so dropped after it.
    let ended = SayEnded(out, id);
    let mut session = provider.session();
    while let Some(call) = asked.recv().await {
        let spent = Duration::from_micros(now().saturating_sub(call.begun));
        session.relayed = Some(Relayed { id, spent });
        let answer = answer(&mut session, call.door, &mut stdin).await;
        let answer = encode_answer(&answer, &session.provider.limits);
        ended.0.say(ANSWER, id, &answer);
        if !session.is_alive() {
            return;
        }
    }
}

async fn answer(session: &mut Session, door: Door, stream: &mut Option<Stdin>) -> Answer {
    match door {
        Door::Run { input } => {
            let ended = |result| {
                Some(match result {
                    Ok(bytes) => Ended::Returned(Blob(bytes)),
                    Err(error) => Ended::Error(error),
                })
            };
            tell(session.run(&input.0).await, ended)
        }
        Door::Wave { expression } => {
            let ended = |result: Result<String, crate::report::WaveError>| {
                Some(match result {
                    Ok(text) => Ended::Returned(Blob(text.into_bytes())),
                    Err(error) => Ended::Wave {
                        kind: error.kind,
                        text: error.text,
                    },
                })
            };
            tell(session.wave(&expression).await, ended)
        }
        Door::Invoke {
            function,
            arguments,
        } => invoke(session, &function, &arguments.0).await,
        Door::Command { args, stdin } => {
            let input = CommandInput {
                args,
                stdin: match stdin {
                    Some(Blob(bytes)) => bytes.into(),
                    // A command runs once in a session.
                    None => stream.take().unwrap_or_default(),
                },
            };
            let ended = |result: Result<(), crate::report::ExitCode>| {
                Some(match result {
                    Ok(()) => Ended::Returned(Blob::default()),
                    Err(code) => Ended::Exit(code.0),
                })
            };
            tell(session.command_once(input).await, ended)
        }
    }
}

async fn invoke(session: &mut Session, name: &str, arguments: &[u8]) -> Answer {
    let no_such = || Answer::failed("a call that the provider cannot have");
    let provider = session.provider().clone();
    let Ok(exported) = find(provider.exported_functions(), name) else {
        return no_such();
    };
    let function = &exported.function;
    let (mut from, mut room) = (arguments, Room::ANY);
    let params = function.params.iter();
    let values = params.map(|param| read(&mut from, &param.ty, &mut room));
    let Some(values) = values.collect::<Option<Vec<_>>>() else {
        return no_such();
    };
    let encoded = |value: Option<&_>, ty: Option<&Type>| {
        let mut out = Vec::new();
        write_held(&mut out, value, ty)?;
        Some(Blob(out))
    };
    let result = session.invoke(name, &values).await;
    tell(result, |result| match (result, &function.result) {
        (Ok(value), Some(Type::Result(ok, _))) => {
            encoded(value.as_ref(), ok.as_deref()).map(Ended::Returned)
        }
        (Ok(value), ty) => encoded(value.as_ref(), ty.as_ref()).map(Ended::Returned),
        (Err(error), Some(Type::Result(_, err))) => {
            encoded(error.value.as_ref(), err.as_deref()).map(Ended::ReturnedError)
        }
        (Err(_), _) => None,
    })
}
