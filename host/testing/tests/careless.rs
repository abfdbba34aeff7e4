//! Host functions of an embedder that forget what host functions have to do, found by `tollgate_testing`: each by a row of its
//! own, and the careful ones by none.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tollgate::wasmtime::component::{Linker, Resource, ResourceType};
use tollgate::wasmtime::{self, StoreContextMut};
use tollgate::{CallContext, Policy, Runtime};
use tollgate_testing::Attacked;

const NAME: &str = "acme:report/rates@1.0.0";

const WIT: &str = "
    package acme:report@1.0.0;
    interface rates {
        rate: func(of: string) -> option<string>;
        wait: func(milliseconds: u32);
        resource feed {
            constructor(of: string);
            next: func() -> u32;
        }
    }
    world plugin {
        import rates;
        export render: func(title: string, names: list<string>) -> result<list<string>, string>;
    }
";

/// Attacks that show one mistake each, and those by which a function answers all.
const ATTACKS: &[&str] = &[
    "import-count",
    "import-zero",
    "import-text",
    "import-large",
    "import-flood",
    "import-hoard",
    "import-drop",
];

type Store<'a> = StoreContextMut<'a, CallContext>;

/// The mistake of a careless host function: the step that it forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forgets {
    Nothing,
    /// To charge.
    Charge,
    /// To let go of what it is given.
    Keep,
    /// To charge for the bytes that it is given.
    Bytes,
    /// To count what it keeps for the session.
    Hold,
    /// To count what its resources hold.
    Put,
    /// To let go of a resource that the guest has dropped.
    Drop,
    /// To wait without blocking its thread.
    Await,
    /// That text may be of any length.
    Length,
    /// That a guest may ask for what is not there.
    Absent,
}

/// Texts that a careless function keeps for ever.
static KEPT: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Feed(#[expect(dead_code, reason = "it is held")] Vec<u8>);

fn rate(store: &mut Store<'_>, of: &str, forgets: Forgets) -> wasmtime::Result<Option<String>> {
    match forgets {
        Forgets::Charge => {
            return Ok(None);
        }
        Forgets::Bytes => {
            store.data_mut().charge(0)?;
            return Ok(Some(of.chars().rev().take(10).collect()));
        }
        _ => {}
    }
    let mut call = store.data_mut().charge(of.len() as u64)?;
    match forgets {
        Forgets::Keep => KEPT.lock().unwrap().push(of.repeat(100)),
        Forgets::Hold => call.data::<Vec<String>>()?.push("x".repeat(256 << 10)),
        Forgets::Length => assert!(of.len() < 9, "the host's own mistake: {} bytes", of.len()),
        Forgets::Absent if of != "EUR" => {
            return Err(wasmtime::Error::msg(format!("no rate of {of}")));
        }
        _ => {}
    }
    Ok((of == "EUR").then(|| "1.17".to_owned()))
}

/// Offers the interface.
fn rates(linker: &mut Linker<CallContext>, forgets: Forgets) -> wasmtime::Result<()> {
    let mut interface = linker.instance(NAME)?;
    interface.func_wrap("rate", move |mut store: Store<'_>, (of,): (String,)| {
        Ok((rate(&mut store, &of, forgets)?,))
    })?;
    interface.func_wrap_async("wait", move |mut store: Store<'_>, (ms,): (u32,)| {
        let charged = store.data_mut().charge(0).map(|_| ());
        Box::new(async move {
            charged?;
            let time = Duration::from_millis(ms.min(800).into());
            match forgets {
                Forgets::Await => std::thread::sleep(Duration::from_secs(1)),
                _ => tokio::time::sleep(time).await,
            }
            Ok(())
        })
    })?;
    let ty = ResourceType::host::<Feed>();
    interface.resource("feed", ty, move |mut store: Store<'_>, rep| {
        let mut call = store.data_mut().charge(0)?;
        if forgets != Forgets::Drop {
            call.take(Resource::<Feed>::new_own(rep))?;
        }
        Ok(())
    })?;
    interface.func_wrap(
        "[constructor]feed",
        move |mut store: Store<'_>, (of,): (String,)| {
            let mut call = store.data_mut().charge(of.len() as u64)?;
            Ok((match forgets {
                Forgets::Put => call.put(Feed(vec![7; 1 << 20]), 0)?,
                _ => call.put(Feed(Vec::new()), 64)?,
            },))
        },
    )?;
    interface.func_wrap(
        "[method]feed.next",
        |mut store: Store<'_>, (_,): (Resource<Feed>,)| {
            store.data_mut().charge(0)?;
            Ok((1_u32,))
        },
    )
}

fn runtime(forgets: Forgets) -> Runtime {
    let add = move |linker: &mut Linker<CallContext>| rates(linker, forgets);
    Runtime::builder()
        .concurrency(4)
        .interface(NAME, add)
        .unwrap()
        .build()
}

/// The memory that is looked at is that of the process, so one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn policy(text: &str) -> Policy {
    Policy::parse(text, Path::new(".")).unwrap()
}

fn granting(deadline: &str) -> Policy {
    policy(&format!(
        "grants.interfaces = [\"{NAME}\"]\nlimits.deadline = \"{deadline}\"\nlimits.host-calls = 2_000"
    ))
}

/// The WIT in a file.
fn wit() -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".wit").tempfile().unwrap();
    std::fs::write(file.path(), WIT).unwrap();
    file
}

fn attacked(forgets: Forgets, attacks: &[&str]) -> Attacked {
    // Blocking for a second is to be late. Other calls have time: a machine may be busy, and loops end by their fuel.
    let slow = !matches!(forgets, Forgets::Await);
    let (wit, policy) = (wit(), granting(if slow { "20s" } else { "300ms" }));
    let attack = tollgate_testing::attack(&runtime(forgets), &policy, wit.path(), "plugin");
    attack
        .only(attacks.iter().copied())
        .sessions(|session| session.with_data(Vec::<String>::new()))
        .run()
        .unwrap()
}

/// Runs a test in a process of its own: in this one, memory that earlier tests gave back to the allocator would be taken for
/// memory that is free to take. Whether this is that process.
fn is_apart(test: &str) -> bool {
    const APART: &str = "TOLLGATE_CARELESS_APART";
    if std::env::var_os(APART).is_some() {
        return true;
    }
    let mut program = std::process::Command::new(std::env::current_exe().unwrap());
    let output = program.args(["--exact", test]).env(APART, "1").output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
    false
}

/// Asserts that the attack finds the mistake, and that functions without it are not blamed.
fn finds(forgets: Forgets, attack: &str, function: &str, says: &str) {
    let _alone = alone();
    let attacked = attacked(forgets, ATTACKS);
    let found = attacked.wrong().find(|row| row.attack == attack);
    let found = found.unwrap_or_else(|| panic!("{attack} does not find it: {attacked}"));
    let wrong = found.wrong.as_deref().unwrap();
    assert!(wrong.contains(says), "{attacked}");
    let function = format!("{NAME}.{function}");
    // A method needs a resource, and so the constructor.
    let is_its = |target: &str| {
        target == function || (function.ends_with("feed") && target.ends_with("feed.next"))
    };
    assert!(
        attacked.wrong().all(|row| is_its(&row.target)),
        "{attacked}"
    );
}

#[test]
fn careful_functions_pass_every_attack() {
    let _alone = alone();
    let attacked = attacked(Forgets::Nothing, &[]);
    attacked.assert();
    let played: std::collections::BTreeSet<&str> =
        attacked.rows.iter().map(|row| row.attack).collect();
    // All but those for types that the world does not have.
    let missing: Vec<&str> = tollgate_testing::attacks()
        .filter(|attack| !played.contains(attack))
        .collect();
    let absent = [
        "result-char",
        "result-handle",
        "result-bool",
        "result-flags",
        "import-unaligned",
        "import-overlap",
        "import-case",
        "import-char",
        "import-bool",
        "import-flags",
        "import-not-granted",
    ];
    assert_eq!(missing, absent);
}

#[test]
fn a_function_that_does_not_charge_is_found() {
    finds(
        Forgets::Charge,
        "import-count",
        "rate",
        "16 calls of the host, and 0 are counted",
    );
}

#[test]
fn a_function_that_keeps_what_it_is_given_is_found() {
    if is_apart("a_function_that_keeps_what_it_is_given_is_found") {
        finds(
            Forgets::Keep,
            "import-large",
            "rate",
            "are held after the call, every time",
        );
    }
}

#[test]
fn a_function_that_does_not_charge_for_bytes_is_found() {
    finds(Forgets::Bytes, "import-large", "rate", "and 0 are paid for");
}

#[test]
fn a_function_that_holds_uncounted_memory_is_found() {
    if is_apart("a_function_that_holds_uncounted_memory_is_found") {
        finds(
            Forgets::Hold,
            "import-flood",
            "rate",
            "a host function holds memory that it does not count",
        );
    }
}

#[test]
fn a_constructor_without_a_bound_is_found() {
    if is_apart("a_constructor_without_a_bound_is_found") {
        finds(
            Forgets::Put,
            "import-hoard",
            "[constructor]feed",
            "a host function holds memory that it does not count",
        );
    }
}

#[test]
fn a_destructor_that_does_nothing_is_found() {
    finds(
        Forgets::Drop,
        "import-drop",
        "[constructor]feed",
        "more than the 128 live resources allowed",
    );
}

#[test]
fn a_function_that_blocks_its_thread_is_found() {
    finds(
        Forgets::Await,
        "import-text",
        "wait",
        "a host function blocks its thread",
    );
}

#[test]
fn a_function_that_panics_or_fails_at_an_argument_is_found() {
    finds(
        Forgets::Length,
        "import-text",
        "rate",
        "a host function panicked",
    );
    finds(
        Forgets::Absent,
        "import-zero",
        "rate",
        "the host failed: no rate of",
    );
}

#[test]
fn a_function_that_is_not_granted_is_refused() {
    let wit = wit();
    let attack = tollgate_testing::attack(
        &runtime(Forgets::Nothing),
        &policy(""),
        wit.path(),
        "plugin",
    );
    let attacked = attack
        .only(["import-not-granted", "import-count"])
        .run()
        .unwrap();
    attacked.assert();
    assert_eq!(attacked.rows.len(), 4, "{attacked}");
    assert!(attacked.rows.iter().all(|row| row.came == "refused"));
}
