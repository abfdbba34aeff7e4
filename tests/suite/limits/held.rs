//! The memory that the host holds for a guest, and the files that it opens for it: A57-host-memory, A58-open-files.

use tempfile::TempDir;
use tollgate::embed::CommandInput;
use tollgate::report::ExitCode;
use tollgate::{Outcome, Report, Source};

use support::file_roots::folders;
use support::growth::{GROWTH, growth};
use support::harness::{ALL, alone, attack, policy, run, source, wave};
use support::skip::fuel_is_counted;
use support::wasi_command::stdout;

fn command(guest: &str, text: &str, args: &[&str], stdin: Vec<u8>) -> Report<(), ExitCode> {
    let args = std::iter::once(&guest).chain(args);
    let input = CommandInput {
        args: args.map(|arg| (*arg).to_owned()).collect(),
        stdin: stdin.into(),
    };
    let provider = support::harness::blocking();
    let provider = provider.load(&source(guest), &policy(text)).unwrap();
    provider.session().command(input).unwrap()
}

/// A folder with a file, and a folder of 5,000 entries with long names.
fn crowded() -> TempDir {
    let folder = folders();
    for number in 0..5_000 {
        let name = format!("data/sub/{number:0>200}");
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    folder
}

fn preopened(folder: &TempDir) -> String {
    let at = folder.path().display();
    format!(
        "grants.wasi = {{ preopens = [\"data\"] }}\n\
         grants.files = [{{ root = \"data\", path = \"{at}/data\", access = \"read\" }}]"
    )
}

fn kind<T, E>(report: &Report<T, E>) -> &'static str {
    report
        .outcome
        .fault()
        .map_or("none", tollgate::Fault::label)
}

/// The report has the amount, and the session has it back for its next call.
#[test]
fn what_is_held_is_reported() {
    let few = wave("table-grow", "", "grow()");
    assert!(few.usage.host_memory_peak > 0);
    assert!(few.usage.host_memory_peak <= 16 << 20);
    let text = "grants.wasi = \"inert\"\nlimits.host-memory = \"96KiB\"";
    let report = command("hello-command", text, &["flood"], vec![]);
    let stdio = report.stdio.as_ref().unwrap();
    let kept = stdio.stdout.len();
    assert!(kept > 32 << 10 && kept <= 64 << 10, "{kept}");
}

/// A guest that gives back the resources that it has made can continue for ever.
#[test]
fn what_is_dropped_is_held_no_longer() {
    let text =
        "grants.wasi = \"inert\"\nlimits.host-memory = \"256KiB\"\nlimits.host-calls = 1_000_000";
    for function in [
        "fields.new",
        "sockets.network",
        "request.new",
        "request.body",
        "stdin",
        "stdout.subscribe",
    ] {
        let report = command("prices", text, &[function, "2000", "0"], vec![]);
        assert_eq!(report.outcome, Outcome::Returned(()), "{function}");
    }
}

/// Earlier, one read of standard input returned all of it, under every limit.
#[test]
fn a_read_of_standard_input_is_a_piece() {
    let text = "grants.wasi = \"inert\"";
    let report = command("raw-files", text, &["input"], vec![b'x'; 8 << 20]);
    assert_eq!(stdout(&report), "65536\n");
    let report = command("raw-files", text, &["input"], vec![b'x'; 17 << 20]);
    assert_eq!(kind(&report), "host-memory");
}

/// A57-host-memory: the numbers of the files that a guest has compared.
#[test]
fn files_that_are_compared_are_counted() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let text = format!(
        "{}\nlimits.host-memory = \"64KiB\"\nlimits.host-calls = 1_000_000",
        preopened(&folder).replace("\"read\"", "\"read-write\"")
    );
    let provider = support::harness::blocking();
    let provider = provider.load(&source("file-script"), &policy(&text));
    let provider = provider.unwrap();
    let script = |files: usize| {
        let lines = (0..files).map(|number| format!("mkdir {number}\nis {number} - {number} -\n"));
        let input = CommandInput {
            args: vec!["file-script".to_owned()],
            stdin: lines.collect::<String>().into(),
        };
        kind(&provider.session().command(input).unwrap())
    };
    assert_eq!((script(100), script(900)), ("none", "host-memory"));
}

/// A57-host-memory: a handle of a folder holds its path.
#[test]
fn a_long_path_is_counted() {
    let folder = TempDir::new().unwrap();
    let name = "n".repeat(250);
    let deep: std::path::PathBuf = std::iter::repeat_n(&*name, 14).collect();
    std::fs::create_dir_all(folder.path().join("data").join(&deep)).unwrap();
    let peak = |path: &str| {
        let text = format!("{}\nlimits.handles = 2_000", preopened(&folder));
        let report = command("raw-files", &text, &["many", path], vec![]);
        report.usage.host_memory_peak
    };
    let deep = format!("data/{}", deep.display());
    let (short, long) = (peak("data/."), peak(&deep));
    assert!(long > 3 * short, "{short} {long}");
}

/// A58-open-files: the next is an error of the guest's, and a denial that names the limit.
#[test]
fn open_files_are_counted() {
    let folder = folders();
    let text = preopened(&folder);
    for (limit, opened) in [
        ("", 32),
        ("\nlimits.open-files = 3", 3),
        ("\nlimits.open-files = 1", 1),
    ] {
        let report = command(
            "raw-files",
            &format!("{text}{limit}"),
            &["many", "data/a.txt"],
            vec![],
        );
        assert_eq!(report.outcome, Outcome::Returned(()));
        assert_eq!(stdout(&report), format!("{opened} quota None\n"));
        let [denial] = &report.denials[..] else {
            panic!("{:?}", report.denials)
        };
        assert_eq!(denial.reason.label(), "too-many-open-files");
        assert!(denial.remedy().unwrap().contains("limits.open-files"));
    }
    // A connection is one as well.
    let text = format!("{ALL}\nlimits.open-files = 0");
    let report = run("hostile", &text, "http-get https://example.com/");
    assert_eq!(report.denials[0].reason.label(), "too-many-open-files");
}

/// The cost of a listing is that of the entries that it reads, over the cap or not.
#[test]
fn a_listing_pays_for_what_it_reads() {
    if !fuel_is_counted() {
        return;
    }
    let folder = crowded();
    let at = folder.path().display();
    let fuel = |cap: &str| {
        let text = format!(
            "{}\ngrants.files = [{{ root = \"data\", path = \"{at}/data\", access = \"read\"{cap} }}]",
            support::harness::all_but("files")
        );
        run("hostile", &text, "list-dir data sub").usage.fuel
    };
    let (whole, cut) = (fuel(""), fuel(", max-read = \"512KiB\""));
    assert!(whole > 5_000 * 1_500, "{whole}");
    // 512 KiB are some 2,000 entries of 200 bytes and their containers.
    assert!(cut > 2_000 * 1_500 && cut < whole, "{cut} of {whole}");
    // The host reads nothing that the fuel does not pay for.
    let text = format!(
        "{}\ngrants.files = [{{ root = \"data\", path = \"{at}/data\", access = \"read\" }}]\nlimits.fuel = 1_000_000",
        support::harness::all_but("files")
    );
    attack("list-dir data sub", &text).faults("fuel");
}

/// A component with `instances` instances of one core module, whose fields are `fields`.
fn instances_of(instances: usize, fields: &str) -> Source {
    let instance = "(core instance (instantiate $m))\n".repeat(instances);
    let text = format!(
        "(component
           (core module $m {fields} (func $f (export \"f\")))
           {instance}
           (core instance $i (instantiate $m))
           (func (export \"f\") (canon lift (core func $i \"f\"))))"
    );
    Source::bytes("instances", wat::parse_str(text).unwrap())
}

/// A57-host-memory: the memory of each instance in the engine is known before the instance is made.
#[test]
fn the_data_of_instances_is_held() {
    let _alone = alone();
    let globals = "(global i32 (i32.const 0))".repeat(9_000);
    let elements = format!("(elem func {})", "$f ".repeat(90_000));
    let exports: String = (0..15_000)
        .map(|number| format!("(func (export \"{number}\"))"))
        .collect();
    for (name, fields) in [
        ("globals", &globals),
        ("elements", &elements),
        ("exports", &exports),
    ] {
        let source = instances_of(250, fields);
        let provider = support::harness::blocking();
        let provider = provider.load(&source, &policy("")).unwrap();
        let mut ended = "";
        let grown = growth(|| ended = kind(&provider.session().wave("f()").unwrap()));
        assert_eq!(ended, "host-memory", "{name}");
        assert!(grown <= GROWTH, "{name}: {grown} KiB");
    }
}

/// A component whose export `f` returns a list of `length` values of a type, of bytes `byte`.
fn list_of(ty: &str, length: u32, byte: u8) -> Source {
    let text = format!(
        "(component
           (core module $m
             (memory (export \"mem\") 31)
             (func (export \"f\") (result i32)
               (memory.fill (i32.const 16) (i32.const {byte}) (i32.const 2000000))
               (i32.store (i32.const 0) (i32.const 16))
               (i32.store (i32.const 4) (i32.const {length}))
               (i32.const 0)))
           (core instance $i (instantiate $m))
           (type $t {ty})
           (export $u \"t\" (type $t))
           (func (export \"f\") (result (list $u)) (canon lift (core func $i \"f\") (memory $i \"mem\"))))"
    );
    Source::bytes("list", wat::parse_str(text).unwrap())
}

/// A57-host-memory: a value holds more than the bytes that the engine counts when it reads it.
#[test]
fn a_result_of_any_notation_is_held() {
    let _alone = alone();
    let names: String = ('a'..='z').map(|name| format!(" \"{name}\"")).collect();
    let flags = format!("(flags{names})");
    for (name, ty, length, byte) in [
        ("flags", &*flags, 400_000, 0xff),
        ("enum", "(enum \"a\" \"b\")", 2_000_000, 1),
        ("record", "(record (field \"a\" bool))", 2_000_000, 1),
        (
            "variant",
            "(variant (case \"a\") (case \"b\" u8))",
            900_000,
            1,
        ),
        ("option", "(option u8)", 900_000, 1),
        ("bool", "bool", 2_000_000, 1),
    ] {
        let provider = support::harness::blocking();
        let text =
            "limits.memory = \"2MiB\"\nlimits.output = \"64MiB\"\nlimits.host-data = \"64MiB\"";
        let provider = provider
            .load(&list_of(ty, length, byte), &policy(text))
            .unwrap();
        let mut ended = "";
        let grown = growth(|| ended = kind(&provider.session().wave("f()").unwrap()));
        assert_eq!(ended, "host-memory", "{name}");
        assert!(grown <= GROWTH, "{name} as WAVE: {grown} KiB");
        let grown = growth(|| ended = kind(&provider.session().invoke("f", &[]).unwrap()));
        assert_eq!(ended, "host-memory", "{name}");
        assert!(grown <= GROWTH, "{name}: {grown} KiB");
    }
    // A result that fits is bounded as well: it exists in the engine's values, in the host's and as text.
    for (name, ty, length, byte) in [
        ("flags", &*flags, 3_000, 0xff),
        ("enum", "(enum \"a\" \"b\")", 79_000, 1),
        ("record", "(record (field \"a\" bool))", 41_000, 1),
        (
            "variant",
            "(variant (case \"a\") (case \"b\" u8))",
            41_000,
            1,
        ),
        ("bool", "bool", 208_000, 1),
    ] {
        let provider = support::harness::blocking();
        let provider = provider
            .load(
                &list_of(ty, length, byte),
                &policy("limits.memory = \"2MiB\""),
            )
            .unwrap();
        let mut ended = "";
        let grown = growth(|| ended = kind(&provider.session().wave("f()").unwrap()));
        assert_eq!(ended, "none", "{name}");
        assert!(grown <= GROWTH, "{name} as WAVE: {grown} KiB");
        let grown = growth(|| ended = kind(&provider.session().invoke("f", &[]).unwrap()));
        assert_eq!(ended, "none", "{name}");
        assert!(grown <= GROWTH, "{name}: {grown} KiB");
    }
}

/// The engine makes an instance before the guest runs, and the guest pays for it.
#[test]
fn the_data_of_instances_is_paid_for() {
    if !fuel_is_counted() {
        return;
    }
    // 14 MiB, which `host-memory` allows.
    let source = instances_of(100, &"(global i32 (i32.const 0))".repeat(9_000));
    let fuel = |limits: &str| {
        let provider = support::harness::blocking();
        let provider = provider.load(&source, &policy(limits)).unwrap();
        let report = provider.session().wave("f()").unwrap();
        (kind(&report), report.usage.fuel)
    };
    let (ended, used) = fuel("");
    assert_eq!(ended, "none");
    assert!(used > 14_000_000, "{used}");
    assert_eq!(fuel("limits.fuel = 10_000_000"), ("fuel", 10_000_000));
}
