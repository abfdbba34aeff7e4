//! With `Isolation::Process`: a call that ends affects no other.

use rustix::fs::{Mode, OFlags, mkdirat, openat};
use tempfile::TempDir;
use tollgate::blocking::{Provider, Runtime};
use tollgate::embed::CommandInput;
use tollgate::{Compiler, Isolation};

use support::cli::tollgate;
use support::harness::{builder, policy, source};

/// A folder with another in it, and so on, as deep as a path can tell.
fn deep() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    // A path of this length is too long to be made at once.
    let mut at = rustix::fs::open(folder.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..1900 {
        mkdirat(&at, "a", Mode::RWXU).unwrap();
        at = openat(&at, "a", OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    (folder, ["a"; 1900].join("/"))
}

/// A job of the file system that outlives its session notes a denial when the session is gone; the host takes it for a lie
/// and kills the process, with the other sessions of the provider.
#[test]
fn a_call_that_ends_in_a_file_job_ends_no_other_session() {
    let (folder, path) = deep();
    let program = tollgate().to_path_buf();
    let runtime: Runtime = builder()
        .concurrency(16)
        .compiler(Compiler::Worker { program })
        .isolation(Isolation::Process)
        .build()
        .into();
    let text = format!(
        "grants.wasi = {{ preopens = [\"data\"] }}\n\
         grants.files = [{{ root = \"data\", path = \"{}\", access = \"read-write\", max-files = 1 }}]\n\
         limits.deadline = \"50ms\"\nlimits.fuel = 100_000_000_000",
        folder.path().display()
    );
    let provider = runtime.load(&source("raw-files"), &policy(&text)).unwrap();
    let attack = |provider: &Provider| {
        let args = ["raw-files", "again", &format!("data/{path}")];
        let input = CommandInput {
            args: args.map(str::to_owned).to_vec(),
            stdin: Vec::new(),
        };
        let report = provider.session().command(input).unwrap();
        report.outcome.fault().map(|fault| fault.label().to_owned()).unwrap_or_else(|| format!("{:?}", report.outcome))
    };
    let threads = (0..3).map(|_| {
        let (provider, attack) = (provider.clone(), attack.clone());
        let path = path.clone();
        let _ = path;
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..2).map(|_| scope.spawn(|| (0..40).map(|_| attack(&provider)).collect::<Vec<_>>())).collect();
            all.into_iter().flat_map(|it| it.join().unwrap()).collect::<Vec<_>>()
        })
    });
    let ends: Vec<String> = threads.flatten().collect();
    let crashed = ends.iter().filter(|end| **end != "deadline").count();
    assert_eq!(crashed, 0, "of {}: {ends:?}", ends.len());
}
