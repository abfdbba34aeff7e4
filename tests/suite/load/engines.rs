//! A provider on an engine of its own: faster for its thread, and in nothing else another one.

use tollgate::load::RefusalKind;
use tollgate::{CallError, Limits, Report};

use crate::worlds::hooks::{LIST, list_versions};
use support::harness::{ALL, all_but, load, policy, returned, source, wait};

/// A second engine would be a way around the number of guests if it came with places of its own.
#[test]
fn guests_of_all_engines_share_the_places() {
    let runtime = support::harness::builder().concurrency(1).queue(0).build();
    wait(async {
        let provider = runtime.load(&source("counter"), &policy("")).await.unwrap();
        let other = provider.on_own_engine().unwrap();
        let mut first = provider.session();
        first.wave("next()").await.unwrap();
        let mut second = other.session();
        assert!(matches!(second.wave("next()").await, Err(CallError::Busy)));
        drop(first);
        second.wave("next()").await.unwrap();
        let mut third = provider.session();
        assert!(matches!(third.wave("next()").await, Err(CallError::Busy)));
    });
}

#[test]
fn limits_hold_on_every_engine() {
    let provider = load("hostile", ALL);
    let small = Limits {
        memory: 2 << 20,
        ..Limits::default()
    };
    let limited = provider.as_async().with_limits(small).unwrap();
    let own = limited.on_own_engine().unwrap();
    assert_eq!(own.limits(), limited.limits());
    for provider in [limited, own] {
        let provider = tollgate::blocking::Provider::from(provider);
        let report = provider.session().run(b"grow-then-trap").unwrap();
        assert_eq!(report.outcome.fault().unwrap().label(), "memory");
    }
}

/// The same answers, denials and costs, and one store.
#[test]
fn grants_are_the_same_on_every_engine() {
    let grants = format!(
        "{}grants.store = {{ max-keys = 1, namespace = \"engines\" }}",
        all_but("store")
    );
    let provider = load("hostile", &grants);
    let own = provider.on_own_engine().unwrap();
    assert_eq!(own.as_async().info(), provider.as_async().info());
    assert_eq!(
        own.as_async().code_origin(),
        provider.as_async().code_origin()
    );
    let [ours, theirs] = [&own, &provider].map(|provider| {
        let ask = |input: &str| provider.session().run(input.as_bytes()).unwrap();
        [
            "config-get region",
            "store-set engines k v",
            "store-set engines other v",
        ]
        .map(ask)
    });
    let told = |report: &Report<Vec<u8>>| {
        let denied = report.denials.iter().map(|denial| denial.target.clone());
        (
            returned(report),
            denied.collect::<Vec<_>>(),
            report.usage.fuel,
        )
    };
    assert_eq!(ours.each_ref().map(told), theirs.each_ref().map(told));
    assert_eq!(ours[2].denials.len(), 1);
    own.session()
        .run(b"store-set engines k from-there")
        .unwrap();
    let here = provider.session().run(b"store-get engines k").unwrap();
    assert_eq!(returned(&here), "Ok(Some(\"from-there\"))");
}

/// An export that was looked up in a provider serves the sessions of that provider; other sessions refuse it with the reason.
#[test]
fn optional_exports_are_found_on_every_engine() {
    let provider = load("versions-only", "grants.config = { versions = \"1.0.0\" }");
    let own = provider.on_own_engine().unwrap();
    let find = |provider: &tollgate::blocking::Provider| {
        let found = provider
            .as_async()
            .optional_interface(LIST, list_versions::GuestIndices::new);
        found.unwrap().unwrap()
    };
    let call = |provider: &tollgate::blocking::Provider, found: &list_versions::GuestIndices| {
        let called = provider
            .session()
            .call(async |guest: &mut tollgate::Guest<'_>| {
                let list = found.load(&mut *guest.store, guest.instance)?;
                list.call_list_versions(&mut *guest.store).await
            });
        called.map(|report| report.outcome)
    };
    for (provider, found) in [(&provider, find(&provider)), (&own, find(&own))] {
        assert!(call(provider, &found).unwrap().returned().is_some());
    }
    for (provider, found) in [(&own, find(&provider)), (&provider, find(&own))] {
        match call(provider, &found) {
            Err(CallError::Refused(refusal)) => {
                let text = refusal.to_string();
                assert!(text.contains("failed to find function export"), "{text}");
            }
            other => panic!("found on another engine: {other:?}"),
        }
    }
    let other = own
        .as_async()
        .optional_interface("tollgate:releases/list-versions@9.0.0", |_| {
            Err::<(), _>(wasmtime::Error::msg("not this version"))
        });
    assert_eq!(other.unwrap_err().kind, RefusalKind::WorldVersion);
}

/// Engines of one provider are no way to a larger part of the runtime.
#[test]
fn engines_of_a_provider_share_its_part_of_the_slots() {
    let runtime = support::harness::builder().concurrency(4).share(50).build();
    let policy = policy("limits.deadline = \"300ms\"");
    let provider = wait(runtime.load(&source("counter"), &policy)).unwrap();
    let own = provider.on_own_engine().unwrap();
    let mut held = [provider.session(), own.session()];
    for session in &mut held {
        wait(session.wave("next()")).unwrap();
    }
    let third = wait(own.session().wave("next()"));
    assert!(matches!(third, Err(CallError::Busy)), "{third:?}");
}
