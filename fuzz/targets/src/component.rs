//! Components: inspected, judged, loaded and called.

use std::future::Future;
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::OnceLock;

use tollgate::blocking::Runtime;
use tollgate::component::{Import, Inspection, ItemKind, Judgement};
use tollgate::load::Resolver;
use tollgate::policy::Grants;
use tollgate::{LoadError, Policy, Source};

use crate::call;
use crate::text::plain;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// All grants that do no harm: files are written to a folder of its own, and names lead nowhere.
const POLICY: &str = r#"
[limits]
fuel = 10_000_000
memory = "16MiB"
deadline = "1s"
host-calls = 1_000

[grants]
log = true
hash = true
store = true
config = { region = "eu", empty = "" }
files = [
    { root = "data", path = "samples/files", access = "read" },
    { root = "out", path = "target/fuzz/files", access = "read-write", max-write = "64KiB", max-files = 8 },
]
http = [
    { url = "https://fuzz.invalid/**", methods = ["GET", "POST"] },
    { url = "http://127.0.0.1:1/**", networks = ["loopback"] },
]

[grants.wasi]
args = ["one"]
env = { A = "b" }
clocks = { fixed = "2026-01-01T00:00:00Z" }
random = { seed = 1 }
preopens = ["data", "out"]
"#;

struct Nowhere;

impl Resolver for Nowhere {
    fn resolve<'a>(
        &'a self,
        _host: &'a str,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async { Err(std::io::ErrorKind::NotFound.into()) })
    }
}

/// The policy, and the folder it lets guests write to.
pub(crate) fn policy() -> &'static Policy {
    static POLICY_READ: OnceLock<Policy> = OnceLock::new();
    POLICY_READ.get_or_init(|| {
        let files = Path::new(ROOT).join("target/fuzz/files");
        let _ = std::fs::remove_dir_all(&files);
        std::fs::create_dir_all(&files).unwrap_or_else(|error| panic!("{files:?}: {error}"));
        Policy::parse(POLICY, Path::new(ROOT)).unwrap_or_else(|error| panic!("{error}"))
    })
}

pub(crate) fn runtime() -> &'static (tollgate::Runtime, Runtime) {
    static RUNTIME: OnceLock<(tollgate::Runtime, Runtime)> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let builder = tollgate::Runtime::builder().concurrency(8);
        let runtime = builder.resolver(Nowhere).build();
        (runtime.clone(), Runtime::from(runtime))
    })
}

/// Any bytes are refused with a reason, or loaded and called; the allowed ends of calls are in `call`.
pub(crate) fn check(bytes: &[u8]) -> &'static str {
    let source = Source::bytes("fuzz", bytes);
    let inspected = source.inspect();
    let wit = source.wit();
    match runtime().1.load(&source, policy()) {
        Ok(provider) => {
            assert!(inspected.is_ok(), "loaded, and not what it is called");
            call::everything(&provider, bytes)
        }
        Err(LoadError::Refused(refusal)) => {
            plain(&refusal.to_string());
            match (inspected, wit) {
                (Err(first), Err(_)) => assert_eq!(first.kind, refusal.kind),
                (Err(_), Ok(_)) => panic!("what is no component has no interfaces"),
                (Ok(_), _) => {}
            }
            refusal.kind.label()
        }
        Err(other) => panic!("not a refusal: {other:?}"),
    }
}

/// Each line is a kind and a name. Without grants, no function that can be called is allowed, and with all grants, only
/// this host's are.
pub(crate) fn verdict(text: &str) -> &'static str {
    let import = |line: &str| {
        let mut letters = line.chars();
        let kind = match letters.next() {
            Some('f') => ItemKind::Function,
            Some('t') => ItemKind::Type,
            Some('r') => ItemKind::Resource,
            Some('m') => ItemKind::Module,
            Some('c') => ItemKind::Component,
            Some('v') => ItemKind::Value,
            _ => ItemKind::Instance,
        };
        Import {
            name: letters.as_str().to_owned(),
            kind,
            types_only: line.starts_with('o'),
        }
    };
    let inspection = Inspection {
        digest: String::new(),
        size: 0,
        imports: text.split('\n').map(import).collect(),
        exports: Vec::new(),
        instance_data: 0,
        complexity: 1,
        objections: Default::default(),
        docs: Default::default(),
    };
    let runtime = &runtime().0;
    let nothing = runtime.judge(&inspection, &Grants::default());
    let all = runtime.judge(&inspection, &policy().grants);
    assert_eq!(all.imports.len(), inspection.imports.len());
    for ((import, none), all) in inspection
        .imports
        .iter()
        .zip(&nothing.imports)
        .zip(&all.imports)
    {
        // Types have nothing to call, and `types` is an interface of types.
        let types = import.name.starts_with("tollgate:provider/types@");
        let bare = types || import.types_only || import.kind == ItemKind::Type;
        assert!(
            bare || none.judgement != Judgement::Granted,
            "nothing grants {}",
            import.name
        );
        let ours = ["tollgate:provider/", "wasi:"];
        let ours = ours.iter().any(|start| import.name.starts_with(start));
        assert!(
            bare || ours && import.kind == ItemKind::Instance
                || all.judgement != Judgement::Granted,
            "{} is granted",
            import.name
        );
        plain(&none.to_string());
        plain(&all.to_string());
    }
    assert_eq!(all.allows(), all.refusal().is_none());
    match all.refusal() {
        Some(refusal) => refusal.kind.label(),
        None => "granted",
    }
}
