//! The base of every test: guests by name, policies from text, attacks that are stopped.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tollgate::blocking::{self, Provider};
use tollgate::load::Refusal;
use tollgate::policy::limits::FUEL;
use tollgate::report::WaveError;
use tollgate::{Fault, LoadError, Metering, Outcome, Policy, Report, Runtime, Source};

use crate::invariant;

/// A grant, on a line of its own, for each capability that the guest `hostile` imports.
pub const ALL: &str = r#"
grants.log = true
grants.hash = true
grants.config = { region = "eu" }
grants.store = true
grants.http = [{ url = "https://example.com/**" }]
grants.files = [{ root = "data", path = "samples/files", access = "read" }]
"#;

/// The same without one capability, which the test grants in its own way.
pub fn all_but(capability: &str) -> String {
    let left_out = format!("grants.{capability} ");
    let rest = ALL.lines().filter(|line| !line.starts_with(&left_out));
    rest.map(|line| format!("{line}\n")).collect()
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Runs work that must not wait for the other end of a pipe, or run for ever.
pub fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, answer) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    let answer = answer.recv_timeout(std::time::Duration::from_secs(20));
    answer.expect("it has not come to an end")
}

/// The folder of built guests: `TOLLGATE_GUESTS`, or the target folder of `just guests`.
pub fn guests() -> PathBuf {
    std::env::var_os("TOLLGATE_GUESTS").map_or_else(|| root().join("target/guests"), PathBuf::from)
}

/// The path of a built guest.
pub fn guest_file(name: &str) -> PathBuf {
    let path = guests().join(format!("{name}.wasm"));
    assert!(
        path.is_file(),
        "{} is not there; run `./justw guests` first",
        path.display()
    );
    path
}

/// A built guest, read under the default limits.
pub fn source(name: &str) -> Source {
    let limits = tollgate::Limits::default();
    Source::file(&guest_file(name), &limits).unwrap()
}

/// A component whose `f` returns a number; two such components differ by the number only.
pub fn numbered(number: u32) -> Source {
    let text = format!(
        "(component
            (core module $m (func (export \"f\") (result i32) i32.const {number}))
            (core instance $i (instantiate $m))
            (func (export \"f\") (result u32) (canon lift (core func $i \"f\"))))"
    );
    Source::bytes("numbered", wat::parse_str(text).unwrap())
}

/// A component of `functions` functions with `steps` steps each.
pub fn made_of(functions: usize, steps: usize) -> Source {
    let mut body = String::new();
    for step in 0..steps {
        write!(
            body,
            "(local.set $a (i64.add (i64.mul (local.get $a) (i64.const {step})) (i64.load (i32.wrap_i64 \
             (local.get $a)))))"
        )
        .unwrap();
    }
    let function = format!("(func (param $a i64) (result i64) {body} (local.get $a))");
    let text = format!(
        "(component (core module $m (memory 1) {}) (core instance (instantiate $m)))",
        function.repeat(functions)
    );
    Source::bytes("made", wat::parse_str(text).unwrap())
}

/// A component of 30 KB whose shape is within all limits, and whose validation takes gigabytes: an instance type has ten
/// instances of the type before it, and each of them gets resources of its own.
pub fn slow_to_validate() -> Source {
    let mut types = String::from("(type $t0 (instance (export \"r\" (type (sub resource)))))");
    let ten = |inner: &str| -> String {
        let one = |n: usize| format!("(export \"e{n}\" (instance (type $i)))");
        let all: String = (0..10).map(one).collect();
        format!("(instance (alias outer 1 {inner} (type $i)) {all})")
    };
    for level in 1..=4 {
        write!(
            types,
            "(type $t{level} {})",
            ten(&format!("$t{}", level - 1))
        )
        .unwrap();
    }
    for _ in 0..150 {
        write!(types, "(type {})", ten("$t4")).unwrap();
    }
    let text = format!("(component {types})");
    Source::bytes("slow", wat::parse_str(text).unwrap())
}

/// A component with an imported resource, chains of `types` types of it, and `instances` instances of that.
pub fn instances_of_types(types: usize, instances: usize) -> Source {
    // Types are no more than 100 deep, so there are several chains, each exported by its end.
    let mut chain = String::new();
    for n in 0..types {
        match n % 90 {
            0 => write!(chain, "(type $c{n} (own $r))").unwrap(),
            _ => write!(chain, "(type $c{n} (list $c{}))", n - 1).unwrap(),
        }
        if n % 90 == 89 {
            write!(chain, "(export \"t{n}\" (type $c{n}))").unwrap();
        }
    }
    let instance = "(instance (instantiate $c (with \"r\" (type $r))))".repeat(instances);
    let text = format!(
        "(component
            (import \"r\" (type $r (sub resource)))
            (component $c (import \"r\" (type $r (sub resource))) {chain})
            {instance})"
    );
    Source::bytes("instances", wat::parse_str(text).unwrap())
}

/// A policy from its text; roots of files are relative to the repository.
pub fn policy(text: &str) -> Policy {
    let mut policy = Policy::parse(text, root()).unwrap_or_else(|error| panic!("{error}"));
    let limits = &mut policy.limits;
    if !counts_fuel() && limits.fuel != FUEL {
        // A call with little fuel was to end soon, and still does.
        if limits.fuel < FUEL {
            limits.deadline = limits.deadline.min(Duration::from_millis(200));
        }
        limits.fuel = FUEL;
    }
    policy
}

/// The profile of the suite: `TOLLGATE_METERING=deadline-only` selects the one without fuel, in which policies set no
/// fuel and tests of fuel prove nothing.
fn profile() -> Metering {
    match std::env::var("TOLLGATE_METERING").as_deref() {
        Err(_) | Ok("fuel") => Metering::Fuel,
        Ok("deadline-only") => Metering::DeadlineOnly,
        Ok(other) => panic!("TOLLGATE_METERING is `{other}`; it is `fuel` or `deadline-only`"),
    }
}

/// Whether fuel is counted; a test of fuel ends here when it is not.
pub fn counts_fuel() -> bool {
    profile() == Metering::Fuel
}

/// The fault of a guest that would run out of fuel: `deadline` when fuel is not counted.
pub fn out_of_fuel() -> &'static str {
    if counts_fuel() { "fuel" } else { "deadline" }
}

/// A builder of runtimes in the profile of the suite.
pub fn builder() -> tollgate::Builder {
    Runtime::builder().metering(profile())
}

/// Lets one test run at a time: tests look at the memory and the descriptors of the whole process.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The runtime of `wait`.
pub fn tokio() -> &'static tokio::runtime::Runtime {
    static TOKIO: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    TOKIO.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        // The invariant waits for threads that have nothing to do.
        builder.thread_keep_alive(Duration::from_millis(500));
        builder.enable_all().build().unwrap()
    })
}

/// Runs asynchronous work to its end.
pub fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio().block_on(work)
}

/// Whether a call is done after `times` polls, each after a wake. If not, it is dropped.
pub async fn polled(call: impl Future<Output = ()>, times: usize) -> bool {
    let mut call = pin!(call);
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match call.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The runtime that all tests share, with the embedder's interface of `sleeper.wat`.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        builder()
            .concurrency(16)
            .interface("acme:clock/sleep@0.1.0", crate::clock::clock)
            .unwrap()
            .cache(crate::code_cache::of_this_process())
            .build()
    })
}

/// The runtime that all tests share, for callers that block.
pub fn blocking() -> blocking::Runtime {
    runtime().clone().into()
}

/// Loads a guest that must load.
pub fn load(guest: &str, policy_text: &str) -> Provider {
    blocking()
        .load(&source(guest), &policy(policy_text))
        .unwrap_or_else(|error| panic!("{guest} does not load: {error}"))
}

/// The refusal of a guest that must not load.
pub fn refused(source: &Source, policy_text: &str) -> Refusal {
    match blocking().load(source, &policy(policy_text)) {
        Err(LoadError::Refused(refusal)) => refusal,
        Err(other) => panic!("not refused, but: {other}"),
        Ok(_) => panic!("loaded"),
    }
}

/// Runs `run` in a fresh session.
pub fn run(guest: &str, policy_text: &str, input: &str) -> Report<Vec<u8>> {
    load(guest, policy_text)
        .session()
        .run(input.as_bytes())
        .unwrap()
}

/// The value that `run` returned, as text.
pub fn returned(report: &Report<Vec<u8>>) -> String {
    match &report.outcome {
        Outcome::Returned(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("did not return: {other:?}"),
    }
}

/// Calls an export in a fresh session.
pub fn wave(guest: &str, policy_text: &str, call: &str) -> Report<String, WaveError> {
    load(guest, policy_text).session().wave(call).unwrap()
}

/// An attack that is expected to be stopped.
pub struct Attack {
    provider: Provider,
    call: Call,
}

#[derive(Clone)]
enum Call {
    Run(String),
    Wave(String),
}

/// An attack of the Rust guest `hostile`, by name.
pub fn attack(input: &str, policy_text: &str) -> Attack {
    Attack {
        provider: load("hostile", policy_text),
        call: Call::Run(input.to_owned()),
    }
}

/// An attack by a guest of `wat/`, through one of its exports.
pub fn attack_by(guest: &str, call: &str, policy_text: &str) -> Attack {
    Attack {
        provider: load(guest, policy_text),
        call: Call::Wave(call.to_owned()),
    }
}

impl Attack {
    fn once(&self) -> Fault {
        let mut session = self.provider.session();
        let fault = match &self.call {
            Call::Run(input) => {
                let report = session.run(input.as_bytes()).unwrap();
                report.outcome.fault().cloned()
            }
            Call::Wave(call) => {
                let report = session.wave(call).unwrap();
                report.outcome.fault().cloned()
            }
        };
        let fault = fault.expect("the attack was not stopped");
        assert!(
            session.run(b"ping").is_err() && session.wave("next()").is_err(),
            "a session outlives its fault"
        );
        fault
    }

    /// Asserts the whole invariant: the attack is stopped with a fault of this kind every time, and leaves nothing
    /// behind.
    pub fn faults(&self, kind: &str) -> Fault {
        let _alone = alone();
        let mut last = None;
        invariant::holds(|| {
            let fault = self.once();
            let other = kind == "fuel" && !counts_fuel();
            if !(other && ["deadline", "host-calls"].contains(&fault.label())) {
                assert_eq!(fault.label(), kind, "{fault:?}");
            }
            last = Some(fault);
        });
        last.unwrap()
    }
}
