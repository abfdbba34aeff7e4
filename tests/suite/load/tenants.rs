//! One component under many policies: compiled once, judged for each.

use std::time::Instant;

use tollgate::load::{RefusalKind, Unsupported};
use tollgate::policy::{Lock, Reason};
use tollgate::{Compiler, LoadError, Outcome, Provider, Source};

use support::cli::tollgate;
use support::harness::{ALL, builder, guest_file, policy, returned, source, wait};
use support::signer::Author;

/// A guest, loaded under this policy by a runtime whose compiler is gone afterwards: nothing is compiled from then on.
fn compiled_once(source: &Source, text: &str) -> Provider {
    let folder = tempfile::TempDir::new().unwrap();
    let program = folder.path().join("tollgate");
    std::fs::copy(tollgate(), &program).unwrap();
    let runtime = builder().compiler(Compiler::Worker { program }).build();
    wait(runtime.load(source, &policy(text))).unwrap()
}

fn refusal(provider: &Provider, text: &str) -> tollgate::load::Refusal {
    match provider.with_policy(&policy(text)).err() {
        Some(LoadError::Refused(refusal)) => refusal,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn each_tenant_has_the_grants_of_its_policy() {
    let folder = tempfile::TempDir::new().unwrap();
    for tenant in ["a", "b"] {
        let data = folder.path().join(tenant);
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("name.txt"), tenant).unwrap();
    }
    let grant = |tenant: &str| {
        let path = folder.path().join(tenant);
        format!(
            "grants.log = true\ngrants.hash = true\ngrants.files = [{{ root = \"data\", path = \"{}\", access = \"read\" }}]",
            path.display()
        )
    };
    let first = compiled_once(&source("checksums"), &grant("a"));
    let second = first.with_policy(&policy(&grant("b"))).unwrap();
    let sum = |provider: &Provider| {
        let report = wait(provider.session().run(b"data")).unwrap();
        returned(&report)
    };
    assert_ne!(sum(&first), sum(&second));
    assert_eq!(sum(&first), sum(&first.clone()));
    // A policy that grants less refuses the component, with the lines that it lacks.
    let refused = refusal(&second, "grants.log = true");
    assert_eq!(refused.kind, RefusalKind::Imports);
    assert_eq!(refused.imports.len(), 2, "{refused}");
    // Limits are the policy's.
    let few = second
        .with_policy(&policy(&format!("limits.host-calls = 1\n{}", grant("a"))))
        .unwrap();
    let report = wait(few.session().run(b"data")).unwrap();
    assert_eq!(
        report.outcome.fault().map(tollgate::Fault::label),
        Some("host-calls")
    );
    // A folder that is not there, and a policy that is not valid, are its own errors.
    let missing = first.with_policy(&policy(&grant("c"))).err();
    assert!(matches!(missing, Some(LoadError::Grant(_))), "{missing:?}");
    let mut invalid = policy(&grant("a"));
    invalid.limits.handles = 0;
    let invalid = first.with_policy(&invalid).err();
    assert!(matches!(invalid, Some(LoadError::Policy(_))), "{invalid:?}");
}

/// Each policy asks about the bytes that were loaded.
#[test]
fn each_policy_asks_who_signed_it_and_what_is_pinned() {
    let author = Author::new(1);
    let bytes = std::fs::read(guest_file("echo")).unwrap();
    let signed = author.source("echo", &bytes);
    let provider = compiled_once(&signed, "");
    assert_eq!(provider.info().signer, None);
    let trusting = provider.with_policy(&policy(&author.policy())).unwrap();
    let signer = trusting.info().signer.clone();
    assert_eq!(signer.map(|it| it.key_id), Some(author.key().id()));
    let other = refusal(&provider, &Author::new(2).policy());
    assert_eq!(other.kind, RefusalKind::Signature);
    let impostor = Author::with_id(3, author.key().id().0);
    assert_eq!(
        refusal(&provider, &impostor.policy()).kind,
        RefusalKind::Signature
    );
    // Without the signature, from the same bytes.
    let unsigned = compiled_once(&Source::bytes("echo", bytes), "");
    assert_eq!(
        refusal(&unsigned, &author.policy()).kind,
        RefusalKind::Signature
    );

    let mut pinned = policy("");
    let mut lock = |digest: &str| {
        let text = format!("version = 1\n\n[components]\n\"echo.wasm\" = \"{digest}\"\n");
        pinned.trust.lock = Some(Lock::parse(&text).unwrap());
        provider.with_policy(&pinned)
    };
    assert!(lock(signed.digest()).is_ok());
    let other = lock(source("checksums").digest()).err();
    assert!(
        matches!(&other, Some(LoadError::Refused(refusal)) if refusal.kind == RefusalKind::Digest),
        "{other:?}"
    );
    assert_eq!(
        refusal(&provider, "limits.component-size = \"100B\"").kind,
        RefusalKind::TooLarge
    );
}

#[test]
fn what_shapes_the_engine_stays_as_it_was() {
    let provider = compiled_once(&source("echo"), "");
    for (limit, key) in [
        ("stack = \"1MiB\"", "stack"),
        ("table-elements = 2_000_000", "table-elements"),
        ("complexity = 1", "complexity"),
        ("compile-time = \"1s\"", "compile-time"),
        ("compile-memory = \"1GiB\"", "compile-memory"),
    ] {
        let error = provider
            .with_policy(&policy(&format!("limits.{limit}")))
            .err();
        match error {
            Some(LoadError::Unsupported(error)) => {
                assert_eq!(error, Unsupported::FixedAtLoad { key });
            }
            other => panic!("{limit}: {other:?}"),
        }
    }
}

/// A report has the decisions of its own tenant, by that tenant's policy.
#[test]
fn decisions_are_each_tenants_own() {
    let url = |path: &str| {
        format!(
            "grants.wasi = \"inert\"\ngrants.http = [{{ url = \"http://127.0.0.1:9/{path}/**\" }}]"
        )
    };
    let first = compiled_once(&source("http-client"), &url("a"));
    let second = first.with_policy(&policy(&url("b"))).unwrap();
    let reasons = |provider: &Provider| {
        let input = tollgate::embed::CommandInput {
            args: ["http-client", "get", "http://127.0.0.1:9/a/x"]
                .map(str::to_owned)
                .into(),
            ..Default::default()
        };
        let report = wait(provider.session().command(input)).unwrap();
        assert!(
            matches!(report.outcome, Outcome::Failed(_)),
            "{:?}",
            report.outcome
        );
        report
            .denials
            .iter()
            .map(|denial| denial.reason)
            .collect::<Vec<_>>()
    };
    assert_eq!(reasons(&first), [Reason::PrivateAddress]);
    assert_eq!(reasons(&second), [Reason::NotGranted]);
}

/// The slots of the runtime are shared between tenants as between components.
#[test]
fn each_tenant_has_its_share_of_the_slots() {
    let first = wait(
        builder()
            .concurrency(4)
            .share(50)
            .build()
            .load(&source("counter"), &policy("")),
    );
    let first = first.unwrap();
    let second = first
        .with_policy(&policy("limits.deadline = \"1s\""))
        .unwrap();
    let mut held = Vec::new();
    for provider in [&first, &first, &second, &second] {
        let mut session = provider.session();
        let report = wait(session.wave("next()")).unwrap();
        assert!(report.outcome.fault().is_none());
        held.push(session);
    }
}

/// Printed, not asserted: `--nocapture` shows the cost of another policy.
#[test]
fn a_thousand_policies_are_one_component() {
    let first = compiled_once(&source("checksums"), ALL);
    let start = Instant::now();
    let tenants: Vec<Provider> = (1..=1_000)
        .map(|number| {
            let text = format!("limits.handles = {number}\n{}", ALL);
            first.with_policy(&policy(&text)).unwrap()
        })
        .collect();
    println!("{:?} each", start.elapsed() / 1_000);
    assert_eq!(tenants[999].limits().handles, 1_000);
    let digests = tenants.iter().map(|tenant| tenant.info().digest.clone());
    assert!(
        digests
            .into_iter()
            .all(|digest| digest == first.info().digest)
    );
}

/// A runtime lives as long as a tenant's providers, and no longer.
#[test]
fn a_tenant_outlives_the_provider_that_it_was_made_of() {
    let second = {
        let first = compiled_once(&source("echo"), "");
        first.with_policy(&policy("")).unwrap()
    };
    let report = wait(second.session().run(b"still")).unwrap();
    assert_eq!(returned(&report), "still");
}
