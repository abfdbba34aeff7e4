//! The profile that does not count fuel: its refusals, the limits that still end a guest, and the state after it. All
//! other tests of this suite run in it too: `just test-deadline-only`.

use std::time::Duration;

use tollgate::{Compiler, Limits, LoadError, Metering, Provider, Runtime};

use support::harness::{ALL, in_time, policy, source, wait};

fn runtime() -> Runtime {
    Runtime::builder()
        .concurrency(4)
        .metering(Metering::DeadlineOnly)
        .build()
}

fn load(runtime: &Runtime, guest: &str, text: &str) -> Provider {
    wait(runtime.load(&source(guest), &policy(text))).unwrap()
}

/// A budget that is not counted is refused.
#[test]
fn a_budget_of_fuel_is_refused() {
    let limits = Limits {
        fuel: 1_000,
        ..Limits::default()
    };
    let mut set = policy("");
    set.limits = limits.clone();
    let refused = wait(runtime().load(&source("counter"), &set)).err();
    let refused = refused.expect("it sets fuel");
    assert!(
        matches!(
            refused,
            LoadError::Unsupported(tollgate::load::Unsupported::Fuel)
        ),
        "{refused}"
    );
    let text = refused.to_string();
    assert!(
        text.contains("limits.fuel") && text.contains("leave it out"),
        "{text}"
    );
    let provider = load(&runtime(), "counter", "");
    assert!(matches!(
        provider.with_limits(limits),
        Err(LoadError::Unsupported(tollgate::load::Unsupported::Fuel))
    ));
}

#[test]
fn a_report_says_nothing_of_fuel() {
    let provider = load(&runtime(), "counter", "");
    let report = wait(provider.session().wave("work(1000)")).unwrap();
    assert_eq!(report.metering, Metering::DeadlineOnly);
    let json = report.to_json();
    assert_eq!(json["metering"], "deadline-only");
    assert!(json["usage"]["fuel"].is_null() && json["limits"]["fuel"].is_null());
    assert!(json["usage"].get("fuel").is_some(), "the key stays");
}

/// Two endless loops on one thread: each is interrupted for the other, and both meet their deadline.
#[test]
fn a_loop_shares_its_thread_and_meets_its_deadline() {
    let limited = format!("{ALL}\nlimits.deadline = \"100ms\"");
    let provider = load(&runtime(), "hostile", &limited);
    let reports = in_time(move || {
        let (mut one, mut two) = (provider.session(), provider.session());
        wait(async { tokio::join!(one.run(b"spin"), two.run(b"spin")) })
    });
    for report in [reports.0.unwrap(), reports.1.unwrap()] {
        let fault = report.outcome.fault().expect("it is stopped");
        assert_eq!(fault.label(), "deadline");
        // The bound is loose, the machine is shared.
        assert!(report.usage.elapsed < Duration::from_secs(3));
    }
}

/// The clock stands still while no call is under way, and ends with its runtime.
#[test]
fn the_clock_ends_with_its_runtime() {
    let _alone = support::harness::alone();
    let clocks = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names =
            tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.trim() == "tollgate-clock").count()
    };
    let before = clocks();
    let runtime = runtime();
    let provider = load(&runtime, "counter", "");
    assert_eq!(clocks(), before + 1);
    drop(runtime);
    // Its calls continue without the runtime's handle.
    assert!(wait(provider.session().wave("work(10)")).is_ok());
    drop(provider);
    assert_eq!(clocks(), before);
}

/// The worker compiles for the profile that it is asked for; code of the other one would not load.
#[test]
fn a_worker_compiles_for_it() {
    let worker = Compiler::Worker {
        program: support::cli::tollgate().to_owned(),
    };
    let runtime = Runtime::builder()
        .concurrency(4)
        .metering(Metering::DeadlineOnly)
        .compiler(worker)
        .build();
    let provider = load(&runtime, "counter", "");
    assert!(wait(provider.session().wave("work(10)")).is_ok());
}
