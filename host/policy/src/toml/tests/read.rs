//! Tests of valid policies: every key is read, and written back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::grants::{
    Access, Clocks, FileGrant, Grants, HttpGrant, Parameters, Preopen, Protected, Random,
    StoreGrant, Streams, WasiGrant,
};
use crate::limits::Limits;
use crate::policy::Policy;
use crate::trust::{PublicKey, Trust};

fn parse(text: &str) -> Policy {
    let policy = Policy::parse(text, Path::new("/base")).unwrap();
    assert_eq!(policy.check(), Ok(()));
    super::is_written_back(&policy);
    policy
}

#[test]
fn everything_in_one_file() {
    let text = r#"
[limits]
fuel = 1
deadline = "2ms"
memory = "65KiB"
table-elements = 4
instances = 5
stack = "66KiB"
host-calls = 7
host-data = 8
host-memory = "70KiB"
output = "9B"
log = 0x0a
stdio = "11kB"
handles = 1_2
open-files = 13
questions = 14
question-time = "1600ms"
component-size = "1.5MiB"
compile-time = "1.5s"
complexity = 150
compile-memory = "300MiB"

[grants]
log = true
hash = true
wasi = "inert"
config = { region = "eu", retries = "3" }
interfaces = ["acme:clock/sleep@0.1.0"]
stub = ["acme:telemetry/*", "wasi:sockets/tcp@0.2.3"]

[grants.store]
path = "./state.redb"
namespace = "a ledger"
max-keys = 5
max-value = "7KiB"
max-total = "1GiB"

[[grants.http]]
url = "https://api.example.com/repos/**"

[[grants.files]]
root = "data"
path = "./data"
access = "read"

[[grants.files]]
root = "out"
path = "/srv/out"
access = "read-write"

[trust]
keys = ["RWS0StFEorqoo2VczbvFAzfRoJAWOV5b5VIeiSYClnhlSP1buQo6GsEQ"]
require = true
"#;
    let policy = parse(text);
    let limits = Limits {
        fuel: 1,
        deadline: Duration::from_millis(2),
        memory: 65 << 10,
        table_elements: 4,
        instances: 5,
        stack: 66 << 10,
        host_calls: 7,
        host_data: 8,
        host_memory: 70 << 10,
        output: 9,
        log: 10,
        stdio: 11_000,
        handles: 12,
        open_files: 13,
        questions: 14,
        question_time: Duration::from_millis(1600),
        component_size: 3 << 19,
        compile_time: Duration::from_millis(1500),
        complexity: 150,
        compile_memory: 300 << 20,
    };
    let strings = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let file = |root: &str, path: &str, access| FileGrant::new(root, path, access);
    let grants = Grants {
        log: true,
        hash: true,
        store: Some(StoreGrant {
            path: Some(PathBuf::from("/base/./state.redb")),
            namespace: Some("a ledger".to_owned()),
            max_keys: 5,
            max_value: 7 << 10,
            max_total: 1 << 30,
        }),
        config: Some([("region", "eu"), ("retries", "3")].map(strings).into()),
        http: vec![HttpGrant::new("https://api.example.com/repos/**")],
        files: vec![
            file("data", "/base/data", Access::Read),
            file("out", "/srv/out", Access::ReadWrite),
        ],
        wasi: Some(WasiGrant::default()),
        interfaces: [("acme:clock/sleep@0.1.0".to_owned(), Parameters::default())].into(),
        stub: ["acme:telemetry/*", "wasi:sockets/tcp@0.2.3"]
            .map(str::to_owned)
            .into(),
    };
    let trust = Trust {
        keys: vec![
            PublicKey::parse("RWS0StFEorqoo2VczbvFAzfRoJAWOV5b5VIeiSYClnhlSP1buQo6GsEQ").unwrap(),
        ],
        require: true,
        lock: None,
    };
    assert_eq!(
        policy,
        Policy {
            limits,
            grants,
            trust,
            // For its root: the policy itself is in this folder.
            protected: vec![Protected::new(
                "the policy and its lock file",
                "/base/tollgate.lock",
                Access::ReadWrite,
            )],
        }
    );
}

#[test]
fn nothing_said_is_nothing_granted() {
    for text in [
        "",
        "# only a comment",
        "\u{feff}",
        "[limits]\n[grants]\n[trust]",
        "[trust]\nkeys = []\nrequire = false",
        "grants = {}",
        "[grants]\nlog = false\nhash = false\nstore = false\nhttp = []\nfiles = []\ninterfaces = []",
    ] {
        assert_eq!(parse(text), Policy::default(), "{text:?}");
    }
    assert_eq!(Policy::default().to_toml(), "");
    let empty = parse("grants.config = {}");
    assert_eq!(empty.grants.config, Some(BTreeMap::new()));
}

#[test]
fn interfaces_have_parameters_of_their_own() {
    let text = "[grants.interfaces]\n\"acme:clock/sleep@0.1.0\" = {}\n\"acme:report/rates@1.0.0\" = { a = [1, { b = \"x\" }] }\n";
    let policy = parse(text);
    let interfaces = &policy.grants.interfaces;
    assert!(interfaces["acme:clock/sleep@0.1.0"].is_empty());
    let rates: toml::Table = interfaces["acme:report/rates@1.0.0"].read().unwrap();
    assert_eq!(rates["a"][1]["b"].as_str(), Some("x"));
    // Each notation that is read gives the same text when it is written.
    assert_eq!(policy.to_toml(), text);
    let other = parse(
        "[grants.interfaces.\"acme:clock/sleep@0.1.0\"]\n[grants.interfaces.\"acme:report/rates@1.0.0\"]\na = [1, {b = 'x'}]",
    );
    assert_eq!(other, policy);
    let list = parse("grants.interfaces = [\"acme:clock/sleep@0.1.0\"]");
    let table = parse("[grants.interfaces]\n\"acme:clock/sleep@0.1.0\" = {}");
    assert_eq!(list, table);
}

#[test]
fn only_what_differs_is_written() {
    let text = "[limits]\nmemory = \"64MiB\"\n\n[grants]\nlog = true\n";
    assert_eq!(parse(text).to_toml(), text);
    let text = "[grants]\nlog = true\nstore = true\n";
    assert_eq!(parse(text).to_toml(), text);
    assert_eq!(
        parse("[grants.store]").to_toml(),
        "[grants]\nstore = true\n"
    );
    let text = "[grants.store]\nmax-keys = 7\n";
    assert_eq!(parse(text).to_toml(), text);
    assert_eq!(parse("limits.fuel = 1_000_000_000").to_toml(), "");
}

#[test]
fn relative_paths_are_joined_to_the_base_and_nothing_is_looked_up() {
    let path = |base: &str, path: &str| {
        let text = format!("grants.files = [{{ root = 'r', path = '{path}', access = 'read' }}]");
        let policy = Policy::parse(&text, Path::new(base)).unwrap();
        policy.grants.files[0].path.clone()
    };
    assert_eq!(path("", "a/b"), Path::new("a/b"));
    assert_eq!(path("conf", "./a"), Path::new("conf/./a"));
    assert_eq!(path("/etc/x", "."), Path::new("/etc/x/."));
    assert_eq!(path("/etc/x", "/srv"), Path::new("/srv"));
}

#[test]
fn quotas_of_files() {
    let text = "[[grants.files]]\nroot='a'\npath='/a'\naccess='read-write'\n\
                max-write='2MiB'\nmax-files=3\nmax-read=4";
    let mut grant = FileGrant::new("a", "/a", Access::ReadWrite);
    (grant.max_write, grant.max_files, grant.max_read) = (2 << 20, 3, Some(4));
    assert_eq!(parse(text).grants.files, [grant]);
}

#[test]
fn wasi_as_a_table() {
    let text = r#"
[grants.wasi]
args = ["--all", "a b"]
env = { NAME = "value", "odd name" = "" }
env-from-host = ["LANG"]
stdio = "inherit"
clocks = { fixed = "2026-01-01T00:00:00Z" }
random = { seed = 42 }
preopens = ["data", { root = "data", at = "/" }]

[[grants.files]]
root = "data"
path = "/data"
access = "read"
"#;
    let owned = |text: &str| text.to_owned();
    let grant = WasiGrant {
        args: vec![owned("--all"), owned("a b")],
        env: [("NAME", "value"), ("odd name", "")]
            .map(|(k, v)| (owned(k), owned(v)))
            .into(),
        env_from_host: [owned("LANG")].into(),
        stdio: Streams::Inherit,
        clocks: Clocks::Fixed(1_767_225_600),
        random: Random::Seed(42),
        preopens: vec![Preopen::new("data"), Preopen::new("data").at("/")],
    };
    assert_eq!(parse(text).grants.wasi, Some(grant));
    // `"inert"` equals the empty table.
    assert_eq!(
        parse("[grants.wasi]").grants.wasi,
        Some(WasiGrant::default())
    );
    assert_eq!(
        parse("grants.wasi = {}").to_toml(),
        "[grants]\nwasi = \"inert\"\n"
    );
    let real = parse("[grants.wasi]\nclocks = 'real'\nrandom = 'real'\nstdio = 'captured'");
    let clocks = Clocks::Real;
    assert_eq!(
        real.grants.wasi,
        Some(WasiGrant {
            clocks,
            ..WasiGrant::default()
        })
    );
}
