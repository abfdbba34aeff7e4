//! Workers on a machine that is busy with other things.

use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tollgate::Compiler;

use support::cli::tollgate;
use support::harness::{alone, builder, policy, source, wait};
use support::processes::script;

/// A process that takes one processor, until it is dropped.
struct Hog(Child);

impl Hog {
    fn on(processor: &str) -> Hog {
        let mut command = Command::new("taskset");
        command.args(["-c", processor, "sh", "-c", "while :; do :; done"]);
        Hog(command.stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The first processor that this process may use.
fn a_processor() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let allowed = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let first = allowed.unwrap().trim().split(['-', ',']).next();
    first.unwrap().to_owned()
}

/// The worker uses 0.2 s of processor time before it begins, of a processor of which a hog leaves it a tenth: it takes two
/// seconds and more of the clock. Its own time is a part of its limit.
#[test]
fn time_that_a_worker_loses_to_others_is_not_its_own() {
    let _alone = alone();
    let (folder, processor) = (TempDir::new().unwrap(), a_processor());
    // The user and the system time of the shell itself, in ticks of ten milliseconds.
    let first = "used() { read -r line </proc/$$/stat; set -- $line; [ $((${14} + ${15})) -lt 20 ]; }; while used; do :; done";
    let worker = tollgate();
    let worker = worker.display();
    let lines = format!(
        "exec taskset -c {processor} nice -n 10 sh -c '{first}; exec \"$0\" \"$@\"' {worker} \"$@\""
    );
    let program = script(folder.path(), &lines);
    let runtime = builder().compiler(Compiler::Worker { program }).build();
    let _hog = Hog::on(&processor);
    let found = wait(runtime.inspect(&source("echo"), &policy("limits.compile-time = \"1s\"")));
    assert!(found.is_ok(), "{found:?}");
}
