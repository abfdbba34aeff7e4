//! Functions of the embedder's that panic where it hurts most: after they waited, while another guest of the same
//! runtime is in the middle of its work; and functions that the machine fails. A51-host-panic.

use std::time::Duration;

use tollgate::{CallContext, CallError, Outcome};
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use support::clock::CLOCK;
use support::harness::{alone, policy, source, wait};
use support::invariant;

fn woken(ms: u32) -> wasmtime::Result<()> {
    panic!("the host's own mistake after {ms} ms")
}

/// The imports of `sleeper.wat`. The function that sleeps panics when it wakes up, and the function that panics finds
/// no memory instead.
fn nightmare(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("acme:clock/sleep@0.1.0")?;
    interface.func_wrap_async(
        "sleep",
        |_: StoreContextMut<'_, CallContext>, (ms,): (u32,)| {
            Box::new(async move {
                tokio::time::sleep(Duration::from_millis(ms.into())).await;
                woken(ms)
            })
        },
    )?;
    interface.func_wrap("block", |_, (_,): (u32,)| Ok(()))?;
    interface.func_wrap("panic", |_, (): ()| -> wasmtime::Result<()> {
        Err(std::io::Error::from(std::io::ErrorKind::OutOfMemory).into())
    })
}

fn builder() -> tollgate::Builder {
    support::harness::builder()
        .interface("acme:clock/sleep@0.1.0", nightmare)
        .unwrap()
}

/// The guest did nothing wrong.
#[test]
fn a_failure_of_the_machine_is_a_host_error() {
    let runtime = tollgate::blocking::Runtime::from(builder().build());
    let provider = runtime.load(&source("sleeper"), &policy(CLOCK)).unwrap();
    let mut session = provider.session();
    match session.wave("panic()") {
        Err(CallError::Host(host)) => assert!(host.detail().contains("memory"), "{host:?}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(session.wave("once(1)"), Err(CallError::Ended)));
}

#[test]
fn a_panic_after_waiting_ends_one_session_and_no_other() {
    let _alone = alone();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    // A place for the one that panics and one for the one that must not notice.
    let runtime = builder().concurrency(2).build();
    let load = |guest: &str, policy_text: &str| {
        let (source, policy) = (source(guest), policy(policy_text));
        wait(runtime.load(&source, &policy)).unwrap()
    };
    let (provider, mut sibling) = (load("sleeper", CLOCK), load("counter", "").session());
    let mut round = 0;
    let mut panic_beside = async || {
        round += 1;
        let mut session = provider.session();
        let (panicked, counted) = tokio::join!(session.wave("once(1)"), sibling.wave("next()"));
        match panicked {
            Err(CallError::Host(host)) => {
                assert!(host.detail().contains("after 1 ms"), "{host:?}");
            }
            other => panic!("{other:?}"),
        }
        assert!(!session.is_alive());
        let again = session.wave("once(1)").await;
        assert!(matches!(again, Err(CallError::Ended)), "never used again");
        // The memory of the other session is unchanged, and its calls continue.
        let expected = Outcome::Returned(round.to_string());
        assert_eq!(counted.unwrap().outcome, expected);
    };
    invariant::holds(|| wait(panic_beside()));
    std::panic::set_hook(usual);
}
