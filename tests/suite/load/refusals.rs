//! Refusals before any code runs: A1-random-bytes to A3-oversized and A10-unknown-imports to A12-missing-export,
//! and the imports of A48-policies.

use tollgate::load::{Refusal, RefusalKind};
use tollgate::report::{ProviderInfo, RefusedReport};
use tollgate::{CallError, Limits, Source};

use support::harness::{alone, guest_file, load, policy, refused, runtime, source};

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(guest_file(name)).unwrap()
}

/// A1-random-bytes. Every prefix, and every flip of a bit in a spread of places: an error or a component, and
/// never a panic.
#[test]
fn truncated_and_flipped_bytes_are_refused_or_still_valid() {
    let whole = bytes("echo");
    for end in (0..whole.len()).step_by(97) {
        let refusal = refused(&Source::bytes("cut", &whole[..end]), "");
        assert_eq!(
            refusal.kind,
            RefusalKind::Malformed,
            "cut at {end}: {refusal}"
        );
    }
    let mut refusals = 0;
    for at in (0..whole.len()).step_by(53) {
        let mut bent = whole.clone();
        bent[at] ^= 1 << (at % 8);
        if let Err(refusal) = Source::bytes("bent", bent).inspect() {
            refusals += 1;
            assert!(
                matches!(
                    refusal.kind,
                    RefusalKind::Malformed | RefusalKind::NotAComponent | RefusalKind::Proposal
                ),
                "{refusal}"
            );
        }
    }
    assert!(refusals > 10, "only {refusals} of the flips were noticed");
}

#[test]
fn random_bytes_are_malformed() {
    let mut state = 1u64;
    for length in [0, 1, 4, 7, 8, 9, 100, 10_000] {
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as u8
        })
        .take(length)
        .collect();
        let refusal = refused(&Source::bytes("noise", noise.clone()), "");
        assert_eq!(refusal.kind.label(), "malformed");
        let headed = [b"\0asm\x0d\0\x01\0", noise.as_slice()].concat();
        if length > 0 {
            let refusal = refused(&Source::bytes("headed", headed), "");
            assert_eq!(refusal.kind.label(), "malformed");
        }
    }
}

/// A2-not-a-component.
#[test]
fn a_core_module_and_text_are_not_components() {
    let refusal = refused(&source("core-module"), "");
    assert_eq!(refusal.kind.label(), "not-a-component");
    assert!(refusal.message.contains("cargo component"), "{refusal}");
    let refusal = refused(&source("core-wasip1"), "");
    assert_eq!(refusal.kind.label(), "not-a-component");
    for way in [
        "wasm-tools component new",
        "--adapt",
        "--target wasm32-wasip2",
    ] {
        assert!(refusal.message.contains(way), "{refusal}");
    }
    for text in ["(component)", "  (module)", ";; a comment\n(component)"] {
        let refusal = refused(&Source::bytes("text", text.as_bytes()), "");
        assert_eq!(refusal.kind.label(), "not-a-component", "{text}");
    }
}

/// A3-oversized.
#[test]
fn a_file_over_the_limit_is_not_even_read() {
    let small = "limits.component-size = \"4KiB\"";
    let limits = policy(small).limits;
    let refusal = match Source::file(&guest_file("echo"), &limits) {
        Err(tollgate::load::SourceError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refusal.kind.label(), "too-large");
    assert!(refusal.message.contains("component-size"), "{refusal}");
    // The system counts the bytes that this process reads.
    #[cfg(target_os = "linux")]
    {
        let _alone = alone();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.wasm");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(limits.component_size + (64 << 20)).unwrap();
        let read = || {
            let told = std::fs::read_to_string("/proc/self/io").unwrap();
            let count = told.lines().find_map(|line| line.strip_prefix("rchar: "));
            count.unwrap().parse::<u64>().unwrap()
        };
        let before = read();
        let refused = Source::file(&path, &tollgate::Limits::default());
        assert!(refused.is_err() && read() - before < 1 << 20, "it was read");
    }
    // The same for bytes that are already there, and for bytes that hide in a custom section.
    let mut padded = bytes("no-export");
    padded.push(0);
    let size = 100_000u32;
    let mut leb = Vec::new();
    let mut rest = size;
    while rest >= 0x80 {
        leb.push((rest as u8) | 0x80);
        rest >>= 7;
    }
    leb.push(rest as u8);
    padded.extend(leb);
    padded.extend(
        std::iter::once(1)
            .chain(*b"x")
            .chain(vec![0; size as usize - 2]),
    );
    assert!(Source::bytes("padded", padded.clone()).inspect().is_ok());
    let refusal = refused(&Source::bytes("padded", padded), small);
    assert_eq!(refusal.kind.label(), "too-large");
}

/// A10-unknown-imports.
#[test]
fn all_unknown_imports_are_listed_at_once() {
    let all = "grants.log = true\ngrants.hash = true";
    let refusal = refused(&source("unknown-imports"), all);
    assert_eq!(refusal.kind.label(), "imports");
    let names: Vec<&str> = refusal
        .imports
        .iter()
        .map(|import| import.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "evil:pkg/backdoor@1.0.0",
            "do-it",
            "secret",
            "code",
            "whole",
            "tollgate:provider/log@0.1.0",
            "tollgate:provider/backdoor@0.1.0",
        ]
    );
    for import in &refusal.imports {
        assert_eq!(import.judgement.label(), "unknown", "{import}");
    }
    let info = load("echo", "").as_async().info().clone();
    let report = refused_json(&info, &refusal);
    let [interface, function] = [0, 1].map(|n| report["refusal"]["imports"][n]["note"].as_str());
    assert_eq!(interface, None);
    assert_eq!(
        function,
        Some("this host offers whole interfaces, and this is a bare function")
    );
}

/// A10-unknown-imports: imports that are known and not granted are denied, each with the line that grants it; with
/// those lines, it loads.
#[test]
fn denied_imports_come_with_the_line_that_grants_them() {
    let refusal = refused(&source("checksums"), "");
    assert_eq!(refusal.kind.label(), "imports");
    let mut lines = String::new();
    for import in &refusal.imports {
        match &import.judgement {
            tollgate::component::Judgement::Denied { line, capability } => {
                assert!(!capability.short_form().is_empty(), "{capability:?}");
                lines.push_str(&line.replace("./data", "samples/files"));
                lines.push('\n');
            }
            other => panic!("{}: {other:?}", import.name),
        }
    }
    assert!(lines.lines().count() >= 3, "{lines}");
    load("checksums", &lines);
}

#[test]
fn a_grant_of_one_interface_grants_no_other() {
    let grants = [
        ("log", "grants.log = true"),
        ("hash", "grants.hash = true"),
        ("config", "grants.config = {}"),
        ("store", "grants.store = true"),
        (
            "http",
            "grants.http = [{ url = \"https://example.com/**\" }]",
        ),
        (
            "files",
            "grants.files = [{ root = \"data\", path = \"samples\", access = \"read\" }]",
        ),
    ];
    for (name, grant) in grants {
        let refusal = refused(&source("hostile"), grant);
        for import in &refusal.imports {
            assert!(
                !import
                    .name
                    .starts_with(&format!("tollgate:provider/{name}@")),
                "{name} is granted and still refused"
            );
        }
        for (other, _) in grants.iter().filter(|(other, _)| other != &name) {
            let wanted = format!("tollgate:provider/{other}@0.1.0");
            assert!(
                refusal.imports.iter().any(|import| import.name == wanted),
                "{other} is not granted by {grant}, and not refused"
            );
        }
    }
}

/// A11-wrong-type.
#[test]
fn an_interface_of_another_type_is_refused() {
    let refusal = refused(&source("wrong-type"), "grants.config = {}");
    assert_eq!(refusal.kind.label(), "imports");
    let text = refusal.to_string();
    assert!(
        text.contains("tollgate:provider/config@0.1.0: it has another type than this host's: "),
        "{text}"
    );
}

/// A11-wrong-type: theirs is named, and all that there are.
#[test]
fn other_versions_are_refused_naming_all() {
    for (guest, theirs) in [("newer-version", "0.3.0"), ("older-version", "0.0.9")] {
        let refusal = refused(&source(guest), "grants.log = true\ngrants.hash = true");
        assert_eq!(refusal.kind.label(), "world-version", "{guest}");
        let text = refusal.to_string();
        assert!(text.contains(theirs), "{text}");
        assert!(text.contains("serves versions 0.1.0 and 0.2.0"), "{text}");
        let info = load("echo", "").as_async().info().clone();
        let report = refused_json(&info, &refusal);
        assert_eq!(report["refusal"]["imports"][0]["have"], "0.1.0, 0.2.0");
    }
}

/// A12-missing-export.
#[test]
fn a_missing_or_mistyped_export_is_refused_when_it_is_called() {
    for guest in ["no-export", "mistyped-export", "ledger-csv"] {
        let provider = load(guest, "grants.config = {}\ngrants.log = true");
        match provider.session().run(b"") {
            Err(CallError::Refused(refusal)) => {
                assert_eq!(refusal.kind.label(), "missing-export", "{guest}");
            }
            other => panic!("{guest}: {other:?}"),
        }
    }
    match load("counter", "").session().wave("nothing()") {
        Err(CallError::Refused(refusal)) => assert_eq!(refusal.kind.label(), "missing-export"),
        other => panic!("{other:?}"),
    }
}

/// A7-nested-components: nesting is seen before anything recurses into it.
#[test]
fn deep_nesting_is_refused_by_the_scan() {
    for depth in [100, 10_000] {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        for _ in 0..depth {
            let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
            let mut size = bytes.len();
            loop {
                let byte = (size & 0x7f) as u8;
                size >>= 7;
                outer.push(if size > 0 { byte | 0x80 } else { byte });
                if size == 0 {
                    break;
                }
            }
            outer.extend_from_slice(&bytes);
            bytes = outer;
        }
        let refusal = refused(&Source::bytes("nested", bytes), "");
        assert_eq!(refusal.kind.label(), "compile-limit");
        assert!(refusal.message.contains("nested"), "{refusal}");
    }
}

/// A19-endless-loop: a component that is valid with proposals that are off is refused, and the refusal names them.
#[test]
fn proposals_that_are_off_are_named() {
    let refusal = refused(&source("tail-call"), "");
    assert_eq!(refusal.kind.label(), "proposal");
    assert!(refusal.message.contains("`tail-call`"), "{refusal}");
    let large = format!(
        "(component (core module (memory i64 1)) (@custom \"x\" \"{}\"))",
        "x".repeat(2 << 20)
    );
    for (text, names) in [
        ("(component (core module (memory i64 1)))", "`memory64`"),
        ("(component (core module (tag)))", "`exceptions`"),
        (
            "(component (core module (type (struct)) (tag)))",
            "`exceptions`, `gc`",
        ),
        (
            "(component (type $f (future u32)) (import \"a\" (func (param \"x\" $f))))",
            "`component-model-async`",
        ),
        (
            "(component (core module (table 1 externref)))",
            "the proposal `externref`",
        ),
        (&large, "the proposal `memory64`"),
    ] {
        let refusal = refused(&Source::bytes("odd", wat::parse_str(text).unwrap()), "");
        assert_eq!(refusal.kind.label(), "proposal", "{refusal}");
        assert!(refusal.message.contains(names), "{refusal}");
    }
    // A component that is invalid with every proposal stays malformed.
    let bent = "(component (core module (tag) (func i64.const 1 drop drop)))";
    let refusal = refused(&Source::bytes("bent", wat::parse_str(bent).unwrap()), "");
    assert_eq!(refusal.kind.label(), "malformed", "{refusal}");
}

/// A component of WASI 0.3 is valid, and the refusal names WASI 0.3.
#[test]
fn wasi_0_3_is_told_by_its_name() {
    let sync = r#"(component (import "wasi:clocks/system-clock@0.3.0" (instance (export "now" (func (result u64))))))"#;
    let refusal = refused(&Source::bytes("sync", wat::parse_str(sync).unwrap()), "");
    let text = refusal.to_string();
    assert!(text.contains("this host does not serve WASI 0.3"), "{text}");
    let (start, end) = (
        r#"(component (import ""#,
        r#"" (instance (export "a" (func (result (stream u8)))))))"#,
    );
    for name in ["wasi:cli/stdin@0.3.0", "wasi:cli/stdin@0.3.0-rc-2026-01-06"] {
        let text = format!("{start}{name}{end}");
        let refusal = refused(&Source::bytes("async", wat::parse_str(text).unwrap()), "");
        assert_eq!(refusal.kind.label(), "world-version", "{refusal}");
        assert!(refusal.message.contains("WASI 0.3"), "{refusal}");
    }
}

/// An inspection refuses each component that compiling refuses: no command says of it that all is granted.
#[test]
fn what_the_engine_does_not_support_is_refused_everywhere() {
    for text in [
        r#"(component (component $c) (export "c" (component $c)))"#,
        r#"(component (import "acme:clock/sleep@0.1.0" (instance $i (export "f" (func)))) (export "acme:clock/again" (instance $i)))"#,
    ] {
        let source = Source::bytes("odd", wat::parse_str(text).unwrap());
        let policy = policy("grants.interfaces = [\"acme:clock/sleep@0.1.0\"]");
        let here = support::harness::blocking();
        let vetted = here.inspect(&source, &policy).unwrap();
        let verdict = runtime().judge(&vetted.inspection, &policy.grants);
        assert!(!verdict.allows());
        let text = verdict.refusal().unwrap().to_string();
        assert!(text.contains("it does not compile: "), "{text}");
        // In the worker of the program.
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("odd.wasm");
        std::fs::write(&file, source.as_bytes()).unwrap();
        let checked = support::cli::run(&["check", file.to_str().unwrap()]);
        let said = support::cli::stderr(&checked);
        // This program has no interfaces of its own.
        let refused = ["it does not compile: ", "no such interface"];
        assert!(refused.iter().any(|word| said.contains(word)), "{said}");
        assert_eq!(support::cli::code(&checked), 3);
        let again = Source::bytes("odd", source.as_bytes());
        let loaded = support::harness::blocking().load(&again, &policy);
        assert_eq!(loaded.map(|_| ()).unwrap_err().to_string(), text);
    }
}

#[test]
fn the_verdict_needs_no_compilation_and_names_the_world() {
    let inspection = source("checksums").inspect().unwrap();
    assert_eq!(
        inspection.world().as_deref(),
        Some("tollgate:provider/provider@0.1.0")
    );
    let verdict = runtime().judge(&inspection, &policy("").grants);
    assert!(!verdict.allows());
    assert_eq!(
        source("ledger-csv").inspect().unwrap().world().as_deref(),
        Some("tollgate:ledger/statement-importer@0.1.0")
    );
    let command = source("hello-command").inspect().unwrap().world().unwrap();
    assert!(command.starts_with("wasi:cli/command@0.2."), "{command}");
    let web = source("web").inspect().unwrap().world().unwrap();
    assert!(web.starts_with("wasi:http/proxy@0.2."), "{web}");
    // An export of another interface of `wasi:cli` is no command.
    let text = r#"(component (instance $i) (export "wasi:cli/stdin@0.2.0" (instance $i)))"#;
    let other = Source::bytes("other", wat::parse_str(text).unwrap());
    assert_eq!(other.inspect().unwrap().world(), None);
}

/// The report of a refusal as JSON, which is read back the same.
fn refused_json(info: &ProviderInfo, refusal: &Refusal) -> serde_json::Value {
    let report = RefusedReport::new(info, refusal, &Limits::default());
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(
        serde_json::from_value::<RefusedReport>(json.clone()).unwrap(),
        report
    );
    json
}
