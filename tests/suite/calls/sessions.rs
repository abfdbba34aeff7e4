//! Sessions: one instance, a budget for each call, and an end with the first fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tollgate::{CallContext, CallError, Limits, LoadError, Outcome};

use support::clock::CLOCK;
use support::harness::{alone, load, policy, runtime, source};
use support::skip::fuel_is_counted;

#[test]
fn calls_of_a_session_share_its_memory_and_each_has_a_budget() {
    let _alone = alone();
    let mut session = load("counter", "limits.fuel = 100_000").session();
    for expected in 1..=5 {
        let report = session.wave("next()").unwrap();
        assert_eq!(report.outcome, Outcome::Returned(expected.to_string()));
    }
    // Together these are over the budget of one call.
    for _ in 0..4 {
        assert!(
            session
                .wave("work(10000)")
                .unwrap()
                .outcome
                .fault()
                .is_none()
        );
    }
    let other = load("counter", "").session().wave("next()").unwrap();
    assert_eq!(
        other.outcome,
        Outcome::Returned("1".to_owned()),
        "sessions share nothing"
    );
}

#[test]
fn a_fault_ends_a_session() {
    let mut session = load("counter", "").as_async().session();
    on_tokio(session.wave("next()")).unwrap();
    assert!(session.is_alive());
    let report = on_tokio(session.wave("trap()")).unwrap();
    assert_eq!(report.outcome.label(), "faulted");
    assert!(!session.is_alive());
    assert!(matches!(
        on_tokio(session.wave("next()")),
        Err(CallError::Ended)
    ));
}

#[test]
fn an_error_of_the_provider_does_not_end_a_session() {
    let mut session = load("echo", "").session();
    assert_eq!(session.run(b"fail:once").unwrap().outcome.label(), "failed");
    let report = session.run(b"again").unwrap();
    assert_eq!(report.outcome.returned().as_deref(), Some(&b"again"[..]));
}

#[test]
fn limits_change_without_compiling_again() {
    if !fuel_is_counted() {
        return;
    }
    let provider = load("counter", "");
    let small = Limits {
        fuel: 1_000,
        ..Limits::default()
    };
    let limited = provider.as_async().with_limits(small).unwrap();
    let mut session = limited.session();
    let report = on_tokio(session.wave("work(100000)")).unwrap();
    assert_eq!(report.outcome.fault().unwrap().label(), "fuel");
    for limits in [
        Limits {
            stack: 1 << 20,
            ..Limits::default()
        },
        Limits {
            table_elements: 2_000_000,
            ..Limits::default()
        },
    ] {
        assert!(matches!(
            provider.as_async().with_limits(limits),
            Err(LoadError::Unsupported(
                tollgate::load::Unsupported::FixedAtLoad { .. }
            ))
        ));
    }
}

#[test]
fn wrong_arguments_are_named_and_cost_nothing() {
    let mut session = load("counter", "").session();
    for expression in ["work", "work(", "work(\"x\")", "work()", "work(-1)", ""] {
        match session.wave(expression) {
            Err(CallError::Arguments(text)) => assert!(text.contains(expression), "{text}"),
            other => panic!("{expression}: {other:?}"),
        }
    }
    assert!(session.wave("next()").is_ok(), "the session lives on");
}

fn on_tokio<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(work)
}

#[test]
fn a_blocking_call_inside_of_a_runtime_is_refused() {
    let mut session = load("counter", "").session();
    on_tokio(async {
        assert!(matches!(
            session.wave("next()"),
            Err(CallError::InsideAsync)
        ));
    });
}

/// Reports and sessions go where an embedder's tasks go, and many run at once.
#[test]
fn sessions_run_on_many_tasks_at_once() {
    let _alone = alone();
    let policy = "grants.interfaces = [\"acme:clock/sleep@0.1.0\"]";
    let provider = load("sleeper", policy).as_async().clone();
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    tokio.block_on(async move {
        let mut tasks = Vec::new();
        // More than there are places in the pool: the rest wait for their turn.
        for _ in 0..100 {
            let provider = provider.clone();
            tasks.push(tokio::spawn(async move {
                let mut session = provider.session();
                session.wave("once(5)").await.unwrap().outcome
            }));
        }
        for task in tasks {
            assert_eq!(task.await.unwrap(), Outcome::Returned(String::new()));
        }
    });
    let _ = runtime();
}

/// The embedder's functions meet the data of the session that they are called by, by its type.
#[test]
fn data_is_the_sessions_own() {
    let runtime = support::harness::builder()
        .interface("acme:clock/sleep@0.1.0", |linker| {
            let mut interface = linker.instance("acme:clock/sleep@0.1.0")?;
            for name in ["sleep", "block"] {
                interface.func_wrap(
                    name,
                    |mut store: wasmtime::StoreContextMut<'_, CallContext>, (ms,): (u32,)| {
                        let mut call = store.data_mut().charge(0)?;
                        assert!(call.data_mut::<String>().is_none());
                        let sum = call.data_mut::<Arc<AtomicU32>>().unwrap();
                        sum.fetch_add(ms, Ordering::Relaxed);
                        Ok(())
                    },
                )?;
            }
            interface.func_wrap("panic", |_store, (): ()| Ok(()))
        })
        .unwrap()
        .build();
    let provider = on_tokio(runtime.load(&source("sleeper"), &policy(CLOCK))).unwrap();
    // With instances made ahead as well: they get the data when they are taken.
    let warm = provider.warm(1);
    assert!(super::warm::is_ready(&warm.clone().into()));
    let sums = [(1, &provider), (2, &warm)].map(|(step, provider)| {
        let sum = Arc::new(AtomicU32::new(0));
        let mut session = provider.session().with_data(Arc::clone(&sum));
        for _ in 0..2 {
            let report = on_tokio(session.wave(&format!("once({step})"))).unwrap();
            assert_eq!(report.outcome, Outcome::Returned(String::new()));
        }
        sum.load(Ordering::Relaxed)
    });
    assert_eq!(sums, [2, 4]);
}

/// The types that an embedder moves between threads and keeps.
#[test]
fn the_types_are_send_and_cheap_to_clone() {
    fn send<T: Send>() {}
    fn shared<T: Clone + Send + Sync>() {}
    shared::<tollgate::Runtime>();
    shared::<tollgate::Provider>();
    shared::<tollgate::blocking::Runtime>();
    shared::<tollgate::blocking::Provider>();
    send::<tollgate::Session>();
    send::<tollgate::Report<Vec<u8>>>();
    shared::<tollgate::Report<String, tollgate::report::WaveError>>();
}
