//! An interface of the embedding program with all that ours have: parameters of its grant, resources that are counted,
//! decisions that are told, data of the program.

use serde::Deserialize;
use tollgate::load::GuestError;
use tollgate::policy::Reason;
use tollgate::{CallContext, CallError, LoadError, Source, blocking};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};

use support::harness::{builder, policy};

const NAME: &str = "acme:report/feeds@1.0.0";

/// The parameters of the interface.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feeds {
    names: Vec<String>,
    #[serde(default)]
    bytes: u64,
    /// The bytes that a feed grows by with each answer.
    #[serde(default)]
    grows: u64,
}

/// A resource of the interface.
struct Feed {
    next: u32,
}

/// The program's own data of a session.
#[derive(Default)]
struct Opened(u32);

type Store<'a> = StoreContextMut<'a, CallContext>;

fn feeds(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut interface = linker.instance(NAME)?;
    let ty = ResourceType::host::<Feed>();
    interface.resource("feed", ty, |mut store: Store<'_>, rep| {
        let mut call = store.data_mut().charge(0)?;
        call.take(Resource::<Feed>::new_own(rep))?;
        Ok(())
    })?;
    interface.func_wrap("open", |mut store: Store<'_>, (of,): (String,)| {
        let mut call = store.data_mut().charge(of.len() as u64)?;
        let parameters = call.parameters::<Feeds>(NAME)?;
        let Feeds { names, bytes, .. } = &*parameters;
        if !names.contains(&of) {
            call.denied(NAME, &of, Reason::NotGranted);
            return Err(GuestError(format!("there is no feed {of}")).into());
        }
        call.allowed(NAME, &of);
        call.data::<Opened>()?.0 += 1;
        let next = 10 * call.data::<Opened>()?.0;
        Ok((call.put(Feed { next }, *bytes)?,))
    })?;
    interface.func_wrap(
        "next",
        |mut store: Store<'_>, (feed,): (Resource<Feed>,)| {
            let mut call = store.data_mut().charge(0)?;
            let grows = call.parameters::<Feeds>(NAME)?.grows;
            let found = call.resource_mut(&feed)?;
            found.next += 1;
            let next = found.next;
            call.hold(&feed, u64::from(next % 10) * grows)?;
            Ok((next,))
        },
    )
}

fn follower() -> Source {
    let text = r#"(component
  (import "acme:report/feeds@1.0.0" (instance $feeds
    (export "feed" (type $feed (sub resource)))
    (export "open" (func (param "of" string) (result (own $feed))))
    (export "next" (func (param "feed" (borrow $feed)) (result u32)))))
  (alias export $feeds "feed" (type $feed))
  (core module $memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $memory (instantiate $memory))
  (core func $open (canon lower (func $feeds "open") (memory $memory "memory")))
  (core func $next (canon lower (func $feeds "next")))
  (core func $drop (canon resource.drop $feed))
  (core module $m
    (import "host" "open" (func $open (param i32 i32) (result i32)))
    (import "host" "next" (func $next (param i32) (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "follow") (param i32 i32) (result i32) (local $feed i32) (local $last i32)
      (local.set $feed (call $open (local.get 0) (local.get 1)))
      (drop (call $next (local.get $feed)))
      (local.set $last (call $next (local.get $feed)))
      (call $drop (local.get $feed))
      (local.get $last))
    (func (export "churn") (param i32 i32) (local $times i32)
      (loop $again
        (call $drop (call $open (local.get 0) (local.get 1)))
        (local.set $times (i32.add (local.get $times) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $times) (i32.const 2000)))))
    (func (export "hoard") (param i32 i32)
      (loop $again
        (drop (call $open (local.get 0) (local.get 1)))
        (br $again))))
  (core instance $i (instantiate $m (with "host" (instance
    (export "open" (func $open)) (export "next" (func $next)) (export "drop" (func $drop))))))
  (func (export "follow") (param "of" string) (result u32) (canon lift (core func $i "follow")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (func (export "churn") (param "of" string) (canon lift (core func $i "churn")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (func (export "hoard") (param "of" string) (canon lift (core func $i "hoard")
    (memory $memory "memory") (realloc (func $memory "realloc")))))"#;
    Source::bytes("follower", wat::parse_str(text).unwrap())
}

fn load(parameters: &str) -> Result<blocking::Provider, LoadError> {
    let builder = builder().interface_with::<Feeds>(NAME, feeds).unwrap();
    let runtime = blocking::Runtime::from(builder.build());
    let policy = policy(&format!("grants.interfaces.\"{NAME}\" = {parameters}"));
    runtime.load(&follower(), &policy)
}

fn session(parameters: &str) -> blocking::Session {
    load(parameters)
        .unwrap()
        .session()
        .with_data(Opened::default())
}

#[test]
fn its_functions_have_parameters_data_and_resources() {
    let mut session = session("{ names = [\"ecb\"] }");
    for last in ["12", "22"] {
        let report = session.wave("follow(\"ecb\")").unwrap();
        assert_eq!(report.outcome.returned().as_deref(), Some(last));
        assert_eq!(report.usage.host_calls, 4);
        assert!(report.denials.is_empty());
    }
}

#[test]
fn what_it_denies_is_in_the_report() {
    let report = session("{ names = [\"ecb\"] }")
        .wave("follow(\"b\\u{1b}oe\")")
        .unwrap();
    assert_eq!(
        report.outcome.fault().map(tollgate::Fault::label),
        Some("trap")
    );
    let [denial] = &report.denials[..] else {
        panic!("{:?}", report.denials);
    };
    assert_eq!(denial.capability, "interfaces");
    assert_eq!(denial.target, format!("{NAME} b\\u{{1b}}oe"));
    assert_eq!(denial.reason, Reason::NotGranted);
    let read: tollgate::report::Denial =
        serde_json::from_value(report.to_json()["denials"][0].clone()).unwrap();
    assert_eq!(read, *denial);
}

/// The bytes of a resource are host memory of the guest, from when it is made until it is dropped.
#[test]
fn its_resources_are_counted() {
    let report = session("{ names = [\"ecb\"], bytes = 1_048_576 }")
        .wave("hoard(\"ecb\")")
        .unwrap();
    let fault = report.outcome.fault().unwrap();
    assert_eq!(fault.label(), "host-memory");
    assert!(report.usage.host_calls <= 17, "{}", report.usage.host_calls);
    let report = session("{ names = [\"ecb\"] }")
        .wave("hoard(\"ecb\")")
        .unwrap();
    assert_eq!(
        report.outcome.fault().map(tollgate::Fault::label),
        Some("handles")
    );
    let report = session("{ names = [\"ecb\"], bytes = 1_048_576 }")
        .wave("churn(\"ecb\")")
        .unwrap();
    assert_eq!(report.outcome.label(), "returned", "{:?}", report.outcome);
}

/// A resource that grows is counted as it is, and given back whole.
#[test]
fn a_resource_that_grows_is_counted() {
    let follow = |grows: u64| {
        let parameters = format!("{{ names = [\"ecb\"], grows = {grows} }}");
        let mut session = session(&parameters);
        let calls = (0..3).map(|_| session.wave("follow(\"ecb\")"));
        let calls: Vec<_> = calls.map_while(Result::ok).collect();
        let last = calls.last().unwrap();
        (
            calls.len(),
            last.outcome.fault().map(|fault| fault.label().to_owned()),
        )
    };
    // Twice this is within the limit of 16 MiB, and each call gives it back.
    assert_eq!(follow(7 << 20), (3, None));
    assert_eq!(follow(9 << 20), (1, Some("host-memory".to_owned())));
}

#[test]
fn parameters_that_do_not_fit_refuse_the_policy() {
    for (parameters, says) in [
        ("{}", "missing field `names`"),
        ("{ names = \"ecb\" }", "expected a sequence"),
        ("{ names = [], colour = \"red\" }", "unknown field `colour`"),
    ] {
        match load(parameters) {
            Err(LoadError::Policy(error)) => {
                let key = "grants.interfaces.\"acme:report/feeds@1.0.0\": ";
                assert!(error.message.starts_with(key), "{error}");
                assert!(error.message.contains(says), "{error}");
                let builder = builder().interface_with::<Feeds>(NAME, feeds).unwrap();
                let policy = policy(&format!("grants.interfaces.\"{NAME}\" = {parameters}"));
                let found = builder.build().preflight(&policy);
                assert!(
                    matches!(&found[..], [LoadError::Policy(it)] if *it == error),
                    "{found:?}"
                );
            }
            other => panic!("{parameters}: {:?}", other.err()),
        }
    }
    // An interface that takes none says so.
    let builder = builder().interface(NAME, feeds).unwrap();
    let runtime = blocking::Runtime::from(builder.build());
    let text = format!("grants.interfaces.\"{NAME}\" = {{ names = [] }}");
    let error = runtime.load(&follower(), &policy(&text)).err().unwrap();
    assert!(error.to_string().contains("takes no parameters"), "{error}");
}

/// A mistake of the program, not of the guest.
#[test]
fn what_the_program_forgot_is_a_host_error() {
    let without_data = load("{ names = [\"ecb\"] }").unwrap();
    let error = without_data.session().wave("follow(\"ecb\")").unwrap_err();
    match error {
        CallError::Host(host) => assert!(host.detail().contains("Session::with_data"), "{host:?}"),
        other => panic!("{other:?}"),
    }
    let builder = builder().interface(NAME, feeds).unwrap();
    let runtime = blocking::Runtime::from(builder.build());
    let policy = policy(&format!("grants.interfaces = [\"{NAME}\"]"));
    let provider = runtime.load(&follower(), &policy).unwrap();
    match provider.session().wave("follow(\"ecb\")").unwrap_err() {
        CallError::Host(host) => assert!(host.detail().contains("interface_with"), "{host:?}"),
        other => panic!("{other:?}"),
    }
}

/// The refusal of an import in a version or by a name that the program does not offer names the offered one.
#[test]
fn an_import_that_is_nearly_offered_is_told_its_name() {
    let builder = builder()
        .interface_with::<Feeds>("acme:report/feeds@1.1.0", feeds)
        .unwrap();
    let runtime = blocking::Runtime::from(builder.build());
    let error = runtime.load(&follower(), &policy("")).err().unwrap();
    let says = "acme:report/feeds@1.0.0: this host has no such interface; did you mean `acme:report/feeds@1.1.0`?";
    assert!(error.to_string().contains(says), "{error}");
    for (import, offered) in [
        ("tollgate:provider/fils@0.1.0", "tollgate:provider/files"),
        ("wasi:filesystem/type@0.2.3", "wasi:filesystem/types"),
    ] {
        let text = format!("(component (import \"{import}\" (instance (export \"f\" (func)))))");
        let source = Source::bytes("misspelt", wat::parse_str(text).unwrap());
        let error = runtime.load(&source, &policy("")).err().unwrap();
        assert!(
            error
                .to_string()
                .contains(&format!("did you mean `{offered}`?")),
            "{error}"
        );
    }
}
