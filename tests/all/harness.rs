//! What every test here stands on: guests by name, policies from text, and the invariant that an attack
//! leaves nothing behind.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tollgate::blocking::{self, Provider};
use tollgate::{Fault, LoadError, Outcome, Policy, Refusal, Report, Runtime, Source, WaveError};

/// Resident memory may differ by this much after an attack (ATTACKS.md).
const MEMORY_DRIFT: i64 = 2 << 20;

/// A grant, on a line of its own, of each capability that the guest `hostile` imports.
pub(crate) const ALL: &str = r#"
grants.log = true
grants.hash = true
grants.config = { region = "eu" }
grants.store = true
grants.http = [{ url = "https://example.com/**" }]
grants.files = [{ root = "data", path = "samples/files", access = "read" }]
"#;

/// The same but for one capability, which the test grants in its own way.
pub(crate) fn all_but(capability: &str) -> String {
    let left_out = format!("grants.{capability} ");
    let rest = ALL.lines().filter(|line| !line.starts_with(&left_out));
    rest.map(|line| format!("{line}\n")).collect()
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The folder of built guests: `TOLLGATE_GUESTS`, or where `just guests` puts them.
pub(crate) fn guests() -> PathBuf {
    std::env::var_os("TOLLGATE_GUESTS").map_or_else(|| root().join("target/guests"), PathBuf::from)
}

/// A built guest's file.
pub(crate) fn guest_file(name: &str) -> PathBuf {
    let path = guests().join(format!("{name}.wasm"));
    assert!(
        path.is_file(),
        "{} is not there; run `./justw guests` first",
        path.display()
    );
    path
}

pub(crate) fn source(name: &str) -> Source {
    let limits = tollgate::Limits::default();
    Source::file(&guest_file(name), &limits).unwrap()
}

pub(crate) fn policy(text: &str) -> Policy {
    Policy::parse(text, root()).unwrap_or_else(|error| panic!("{error}"))
}

/// One test at a time: tests look at the memory and the descriptors of the whole process.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The runtime that all tests share, with the embedder's interface of `sleeper.wat`.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Runtime::builder()
            .concurrency(16)
            .interface("acme:clock/sleep@0.1.0", crate::clock::clock)
            .build()
    })
}

pub(crate) fn blocking() -> blocking::Runtime {
    runtime().clone().into()
}

pub(crate) fn load(guest: &str, policy_text: &str) -> Provider {
    blocking()
        .load(&source(guest), &policy(policy_text))
        .unwrap_or_else(|error| panic!("{guest} does not load: {error}"))
}

/// The refusal with which a guest is not loaded.
pub(crate) fn refused(source: &Source, policy_text: &str) -> Refusal {
    match blocking().load(source, &policy(policy_text)) {
        Err(LoadError::Refused(refusal)) => refusal,
        Err(other) => panic!("not refused, but: {other}"),
        Ok(_) => panic!("loaded"),
    }
}

/// Runs `run` in a fresh session.
pub(crate) fn run(guest: &str, policy_text: &str, input: &str) -> Report<Vec<u8>> {
    load(guest, policy_text)
        .session()
        .run(input.as_bytes())
        .unwrap()
}

/// What `run` returned, as text.
pub(crate) fn returned(report: &Report<Vec<u8>>) -> String {
    match &report.outcome {
        Outcome::Returned(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("did not return: {other:?}"),
    }
}

/// Calls an export in a fresh session.
pub(crate) fn wave(guest: &str, policy_text: &str, call: &str) -> Report<String, WaveError> {
    load(guest, policy_text).session().wave(call).unwrap()
}

/// An attack that is expected to be stopped.
pub(crate) struct Attack {
    provider: Provider,
    call: Call,
}

#[derive(Clone)]
enum Call {
    Run(String),
    Wave(String),
}

/// An attack of the Rust guest `hostile`, by name.
pub(crate) fn attack(input: &str, policy_text: &str) -> Attack {
    Attack {
        provider: load("hostile", policy_text),
        call: Call::Run(input.to_owned()),
    }
}

/// An attack by a guest of `wat/`, through one of its exports.
pub(crate) fn attack_by(guest: &str, call: &str, policy_text: &str) -> Attack {
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

    /// Asserts the whole invariant: it is stopped with a fault of this kind every time, the next call
    /// succeeds, and descriptors, threads, memory maps and memory are back where they were.
    pub(crate) fn faults(&self, kind: &str) -> Fault {
        let _alone = alone();
        let good = load("echo", "");
        let next = || {
            let report = good.session().run(b"still here").unwrap();
            assert_eq!(returned(&report), "still here");
        };
        // The first round warms up the pool, the threads and the allocator.
        let fault = self.once();
        assert_eq!(fault.label(), kind, "{fault:?}");
        next();
        let before = Footprint::now();
        for _ in 0..3 {
            assert_eq!(self.once().label(), kind);
            next();
        }
        Footprint::now().assert_back_at(&before);
        fault
    }
}

/// What the process holds of the system.
#[derive(Debug)]
pub(crate) struct Footprint {
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    pub(crate) maps: usize,
    pub(crate) resident: i64,
}

impl Footprint {
    pub(crate) fn now() -> Footprint {
        let count = |path: &str| std::fs::read_dir(path).unwrap().count();
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: i64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
        Footprint {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            maps: std::fs::read_to_string("/proc/self/maps")
                .unwrap()
                .lines()
                .count(),
            resident: pages * 4096,
        }
    }

    /// Asserts that the process is back where it was, now or in a while: host work that a dropped call
    /// had handed to the blocking pool ends by itself, and a thread of that pool 10 seconds after it.
    pub(crate) fn assert_back_at(&self, before: &Footprint) {
        let mut after = self.compare(before);
        for _ in 0..60 {
            if after.is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(250));
            after = Footprint::now().compare(before);
        }
        after.unwrap();
    }

    fn compare(&self, before: &Footprint) -> Result<(), String> {
        for (what, back) in [
            ("descriptors", self.descriptors <= before.descriptors),
            ("threads", self.threads <= before.threads),
            ("memory maps", self.maps <= before.maps),
            ("memory", self.resident - before.resident <= MEMORY_DRIFT),
        ] {
            if !back {
                return Err(format!("{what} leaked: {before:?}, then {self:?}"));
            }
        }
        Ok(())
    }
}
