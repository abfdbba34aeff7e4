//! Properties of policies and decisions, over generated texts, policies and paths.
//!
//! `PROPTEST_CASES=1000000` runs as many cases of each as the attack catalogue asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use tollgate_policy::{
    Access, Credential, FileGrant, Grants, HttpGrant, Limits, Policy, Reason, SecretSource,
    StoreGrant, Target, Unit, WasiGrant, decide, egress,
};

/// Limits with every key somewhere in its range, its ends included.
fn limits() -> impl Strategy<Value = Limits> {
    let values = Limits::KEYS.iter().map(|key| {
        let default = key.default_value();
        prop_oneof![
            Just(key.min),
            Just(key.max),
            Just(default),
            key.min..=key.max
        ]
    });
    values.collect::<Vec<_>>().prop_map(|values| {
        let mut limits = Limits::default();
        for (key, value) in Limits::KEYS.iter().zip(values) {
            assert_eq!(key.set(&mut limits, value), Ok(()));
        }
        limits
    })
}

fn access() -> impl Strategy<Value = Access> {
    prop_oneof![Just(Access::Read), Just(Access::ReadWrite)]
}

/// Roots, each with a path of printable or strange characters.
fn files() -> impl Strategy<Value = Vec<FileGrant>> {
    let path = "/?[^\\x00/]{1,8}(/[^\\x00/]{1,8}){0,3}".prop_filter("`..`", |path| {
        !Path::new(path)
            .components()
            .any(|part| part == Component::ParentDir)
    });
    btree_map("[a-z0-9][a-z0-9_-]{0,5}", (path, access()), 0..4).prop_map(|roots| {
        let grant = |(root, (path, access)): (String, (String, Access))| {
            FileGrant::new(root, PathBuf::from(path), access)
        };
        roots.into_iter().map(grant).collect()
    })
}

fn http() -> impl Strategy<Value = Vec<HttpGrant>> {
    let url = "https?://(\\*\\.)?[a-z]{1,5}\\.[a-z]{2,5}\\.[a-z]{2}(:[1-9][0-9]{0,3})?(/[a-z~@-]{1,5}){0,3}/(\\*\\*)?";
    let credential = prop_oneof![
        Just(None),
        Just(Some(Credential {
            header: "authorization".to_owned(),
            source: SecretSource::Env("API_TOKEN".to_owned()),
            prefix: "Bearer ".to_owned(),
        })),
        Just(Some(Credential {
            header: "x-token".to_owned(),
            source: SecretSource::File("/run/secret".into()),
            prefix: String::new(),
        })),
    ];
    let methods = prop_oneof![
        Just(vec!["GET".to_owned(), "HEAD".to_owned()]),
        Just(vec!["POST".to_owned()]),
    ];
    let headers = proptest::option::of(btree_set("x-[a-z0-9]{1,3}", 0..3));
    let quotas = (1..=1u64 << 30, 1..=1000u32, 1..=64u32);
    let grant = (methods, headers, quotas, any::<bool>(), credential);
    btree_set(url, 0..4).prop_flat_map(move |urls| {
        let grants: Vec<_> = urls
            .into_iter()
            .map(|url| {
                grant.clone().prop_map(move |parts| {
                    let (methods, headers, quotas, private, credential) = parts;
                    let (max_body, max_requests, max_connections) = quotas;
                    let headers: Option<BTreeSet<String>> = headers;
                    // A credential is refused where it would be sent in the clear.
                    let safe = private || url.starts_with("https://");
                    HttpGrant {
                        url: url.clone(),
                        methods,
                        headers: headers.map(|names| names.into_iter().collect()),
                        max_body,
                        max_requests,
                        max_connections,
                        private,
                        credential: credential.filter(|_| safe),
                    }
                })
            })
            .collect();
        grants
    })
}

fn store() -> impl Strategy<Value = Option<StoreGrant>> {
    let path =
        proptest::option::of("/?[^\\x00/.]{1,8}(/[^\\x00/.]{1,8}){0,3}".prop_map(PathBuf::from));
    let namespace = proptest::option::of("[^\\pC]{1,6}");
    let quotas = (1..=100_000_000_u64, 1..=1_u64 << 30, 1..=1_u64 << 40);
    let grant = (path, namespace, quotas).prop_map(|(path, namespace, quotas)| {
        let (max_keys, max_value, max_total) = quotas;
        StoreGrant {
            path,
            namespace,
            max_keys,
            max_value,
            max_total,
        }
    });
    proptest::option::of(prop_oneof![Just(StoreGrant::default()), grant])
}

fn grants() -> impl Strategy<Value = Grants> {
    let flags = any::<[bool; 3]>();
    let settings = proptest::option::of(btree_map("[^\\pC]{1,6}", any::<String>(), 0..4));
    let interfaces = btree_set(
        "[a-s][a-z]{0,4}:[a-z]{1,4}(-[a-z0-9]{1,3})?/[a-z]{1,4}(@[1-9]\\.0\\.[1-9](-rc\\.1)?)?",
        0..4,
    );
    (flags, settings, http(), files(), store(), interfaces).prop_map(
        |(flags, config, http, files, store, interfaces)| {
            let [log, hash, wasi] = flags;
            let interfaces: BTreeSet<String> = interfaces;
            let config: Option<BTreeMap<String, String>> = config;
            let wasi = wasi.then(WasiGrant::default);
            Grants {
                log,
                hash,
                store,
                config,
                http,
                files,
                wasi,
                interfaces,
            }
        },
    )
}

fn policy() -> impl Strategy<Value = Policy> {
    (limits(), grants()).prop_map(|(limits, grants)| Policy { limits, grants })
}

/// Text that is nearly a policy: pieces of one in any order.
fn nearly_a_policy() -> impl Strategy<Value = String> {
    let pieces = [
        "[limits]",
        "[grants]",
        "[[grants.files]]",
        "[[grants.http]]",
        "[",
        "]",
        "{",
        "}",
        "=",
        ".",
        ",",
        "\n",
        " ",
        "\"",
        "'",
        "\"\"\"",
        "fuel",
        "memory",
        "deadline",
        "log",
        "config",
        "files",
        "root",
        "path",
        "access",
        "url",
        "wasi",
        "1",
        "-1",
        "true",
        "\"64MiB\"",
        "\"2s\"",
        "\"read\"",
        "'inert'",
        "0x",
        "1.5",
        "é",
        "\u{0}",
        "\u{1b}",
        "\u{feff}",
        "\r",
        "#",
        "\\u00",
    ];
    vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

/// Every key of the file in a text that reads, with the key's own name last in the path.
fn keys() -> Vec<(&'static str, String)> {
    let limits = Limits::KEYS.iter().map(|key| {
        let value = key.unit.show(key.max);
        let value = if key.unit == Unit::Count {
            value
        } else {
            format!("\"{value}\"")
        };
        (key.name, format!("[limits]\n{} = {value}\n", key.name))
    });
    let others = [
        ("limits", "[limits]\n"),
        ("grants", "[grants]\n"),
        ("log", "[grants]\nlog = true\n"),
        ("hash", "[grants]\nhash = true\n"),
        ("store", "[grants]\nstore = true\n"),
        ("wasi", "[grants]\nwasi = \"inert\"\n"),
        ("config", "[grants]\nconfig = {}\n"),
        ("http", "[grants]\nhttp = []\n"),
        ("files", "[grants]\nfiles = []\n"),
        ("interfaces", "[grants]\ninterfaces = []\n"),
        ("url", "[[grants.http]]\nurl = \"https://a.example/\"\n"),
        (
            "root",
            "[[grants.files]]\npath = \"p\"\naccess = \"read\"\nroot = \"r\"\n",
        ),
        (
            "path",
            "[[grants.files]]\nroot = \"r\"\naccess = \"read\"\npath = \"p\"\n",
        ),
        (
            "access",
            "[[grants.files]]\nroot = \"r\"\npath = \"p\"\naccess = \"read\"\n",
        ),
    ];
    let others = others.map(|(key, text)| (key, text.to_owned()));
    limits.chain(others).collect()
}

fn parse(text: &str) -> Result<Policy, tollgate_policy::PolicyError> {
    Policy::parse(text, Path::new(""))
}

#[test]
fn every_key_reads_once_and_is_refused_twice() {
    for (key, text) in keys() {
        assert!(parse(&text).is_ok(), "{text}");
        // The last line again: a key set twice, or a table opened twice.
        let twice = format!("{text}{}\n", text.lines().last().unwrap());
        let error = parse(&twice).unwrap_err();
        assert_eq!(error.line, twice.lines().count(), "{twice}{error}");
        assert!(error.key.ends_with(key), "{error}");
        assert!(error.message.starts_with("set twice"), "{error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_at_a_place(text in prop_oneof![any::<String>(), nearly_a_policy()]) {
        match parse(&text) {
            Ok(policy) => prop_assert_eq!(policy.check(), Ok(())),
            Err(error) => {
                prop_assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1);
                let line = text.split('\n').nth(error.line - 1).unwrap();
                prop_assert!(error.column >= 1 && error.column <= line.chars().count() + 1);
                prop_assert!(!error.message.is_empty());
                prop_assert!(!error.to_string().contains(char::is_control), "{:?}", error.to_string());
            }
        }
    }

    #[test]
    fn any_flag_is_added_or_refused(text in ".*|(http|files|config|interface|wasi|log)=.*") {
        let mut grants = Grants::default();
        match grants.add(&text, Path::new("base")) {
            Ok(()) => prop_assert_eq!(grants.check(), Ok(())),
            Err(error) => {
                prop_assert_eq!(grants, Grants::default());
                prop_assert!(!error.to_string().contains(char::is_control));
            }
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same(policy in policy()) {
        prop_assert_eq!(policy.check(), Ok(()));
        let text = policy.to_toml();
        let again = parse(&text);
        prop_assert_eq!(again.as_ref(), Ok(&policy), "{}", text);
    }

    #[test]
    fn what_is_shown_reads_back_the_same(value in any::<u64>(), shift in 0u32..64) {
        for unit in [Unit::Count, Unit::Bytes, Unit::Duration] {
            prop_assert_eq!(unit.parse(&unit.show(value >> shift)), Ok(value >> shift));
        }
    }

    #[test]
    fn any_number_is_read_or_refused(text in "[0-9_.]{0,30}[a-zA-Z]{0,3}|.*") {
        for unit in [Unit::Count, Unit::Bytes, Unit::Duration] {
            let _ = unit.parse(&text);
        }
    }

    #[test]
    fn unknown_keys_are_refused_where_they_stand(name in "[a-z]{1,3}-?[a-z0-9]{1,5}|[\\pL]{1,8}") {
        let known: Vec<&str> = keys().into_iter().map(|(key, _)| key).collect();
        if known.contains(&name.as_str()) {
            return Ok(());
        }
        for (table, text) in [
            ("", format!("'{name}' = true")),
            ("limits.", format!("limits.'{name}' = 1")),
            ("grants.", format!("grants.'{name}' = true")),
            ("grants.http[0].", format!("grants.http = [{{ '{name}' = 1 }}]")),
            ("grants.files[0].", format!("grants.files = [{{ '{name}' = 1 }}]")),
        ] {
            let error = parse(&text).unwrap_err();
            prop_assert!(error.message.starts_with("unknown key"), "{}", error);
            prop_assert!(error.key.starts_with(table), "{}", error);
            prop_assert_eq!(error.column, text.find('\'').unwrap() + 1);
        }
    }

    #[test]
    fn keys_of_another_case_are_refused(which in any::<prop::sample::Index>(), upper in vec(any::<bool>(), 16)) {
        let keys = keys();
        let (key, text) = which.get(&keys);
        let letters = key.chars().zip(upper.iter().cycle());
        let mixed: String = letters.map(|(c, up)| if *up { c.to_ascii_uppercase() } else { c }).collect();
        let mixed = if mixed == *key { key.to_ascii_uppercase() } else { mixed };
        // The key is on the last line, where no value holds its name.
        let at = text.rfind(&format!("\n{key}")).map_or_else(|| text.find(key).unwrap(), |at| at + 1);
        let text = format!("{}{mixed}{}", &text[..at], &text[at + key.len()..]);
        let error = parse(&text).unwrap_err();
        prop_assert!(error.message.starts_with("unknown key"), "{}", error);
        prop_assert!(error.key.ends_with(&mixed), "{}", error);
        let cure = format!("did you mean `{}`?", key);
        prop_assert!(error.message.contains(&cure), "{}", error);
    }

    #[test]
    fn limits_out_of_range_are_refused_with_line_and_key(
        which in any::<prop::sample::Index>(), beyond in any::<u64>(), below in any::<bool>(),
    ) {
        let key = which.get(Limits::KEYS);
        let value = match below && key.min > 0 {
            true => beyond % key.min,
            false => (beyond % (u64::MAX - key.max)) + key.max + 1,
        };
        let shown = key.unit.show(value);
        let value = if key.unit == Unit::Count { shown } else { format!("'{shown}'") };
        let error = parse(&format!("\n[limits]\n\n{} = {value}\n", key.name)).unwrap_err();
        prop_assert_eq!((error.line, error.column), (4, key.name.len() + 4));
        prop_assert_eq!(error.key, format!("limits.{}", key.name));
    }

    #[test]
    fn no_path_escapes_its_root(path in prop_oneof![
        any::<String>(),
        "[a./\\\\\u{0}]{0,12}",
        vec(prop::sample::select(vec!["..", ".", "", "a", "a\0", "\\", "..\\", "C:", "é"]), 0..6)
            .prop_map(|parts| parts.join("/")),
    ], access in access()) {
        let grant = FileGrant::new("r", "/srv", Access::ReadWrite);
        let grants = Grants { files: vec![grant], ..Grants::default() };
        let mut parts = path.split('/');
        let unsound = path.contains(['\0', '\\'])
            || path.starts_with('/')
            || (path != "." && parts.any(|part| matches!(part, "" | "." | "..")));
        match decide::files(&grants, "r", &path, access) {
            Ok(decision) => {
                prop_assert!(!unsound, "{:?}", path);
                prop_assert_eq!(decision.index, 0);
                let below = Path::new("/srv").join(&decision.path);
                prop_assert!(below.starts_with("/srv"));
                let climbs = |part: Component<'_>| part == Component::ParentDir;
                prop_assert!(!decision.path.components().any(climbs));
                prop_assert!(decision.path.is_relative());
            }
            Err(reason) => {
                prop_assert!(unsound, "{:?} denied: {}", path, reason);
                prop_assert!(matches!(reason, Reason::BadPath | Reason::OutsideRoot));
            }
        }
    }

    #[test]
    fn decisions_need_a_grant_of_that_name_and_power(files in files(), root in "[a-z0-9]{1,2}", access in access()) {
        let grants = Grants { files, ..Grants::default() };
        let grant = grants.files.iter().position(|grant| grant.root == root);
        let expected = match grant {
            _ if grants.files.is_empty() => Err(Reason::NotGranted),
            None => Err(Reason::UnknownRoot),
            Some(index) if grants.files[index].access < access => Err(Reason::ReadOnly),
            Some(index) => Ok(index),
        };
        let decision = decide::files(&grants, &root, "a/b", access);
        prop_assert_eq!(decision.map(|decision| decision.index), expected);
    }
}

#[test]
fn a_deadline_is_exact_to_the_microsecond() {
    let policy = parse("limits.deadline = \"1.000001s\"").unwrap();
    assert_eq!(policy.limits.deadline, Duration::from_micros(1_000_001));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// No URL, however it is spelt, is granted unless its host and path, as sent, are those of the grant.
    #[test]
    fn no_generated_url_escapes_its_grant(url in hostile_url()) {
        let mut grants = Grants::default();
        grants.http.push(HttpGrant::new("https://api.example.com/repos/**"));
        if let Ok(target) = Target::parse(&url)
            && egress::http(&grants, "GET", &target).is_ok()
        {
            prop_assert_eq!(target.host(), "api.example.com");
            prop_assert_eq!(target.port(), 443);
            prop_assert!(target.path_and_query().starts_with("/repos/"));
            prop_assert!(!target.path_and_query().contains(".."));
            prop_assert!(url.starts_with("https://api.example.com"), "{}", url);
        }
    }

    #[test]
    fn no_address_embeds_a_private_one(bits in any::<[u8; 16]>(), prefix in 0..6usize) {
        let mut bits = bits;
        let prefixes: [&[u8]; 6] = [
            &[0; 12],
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            &[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x20, 0x02, 127, 0, 0, 1],
            &[0xfc],
            &[0xfe, 0x80],
        ];
        let prefix = prefixes[prefix];
        bits[..prefix.len()].copy_from_slice(prefix);
        bits[12..].copy_from_slice(&[127, 0, 0, 1]);
        let address = std::net::IpAddr::from(bits);
        prop_assert!(egress::address(address, false).is_err(), "{}", address);
    }
}

/// URLs that try to look like, or lead away from, the granted one.
fn hostile_url() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![
        Just("https://"),
        Just("http://"),
        Just("https:"),
        Just("HTTPS://"),
        Just("//")
    ];
    let host = prop_oneof![
        Just("api.example.com".to_owned()),
        "(api|API|a.pi|xn--api-x|127)[.@:#/\\\\%]{0,2}(example|EXAMPLE|evil)[.@:]{0,2}(com|com\\.|com:443|com:80|com@evil.io|0x7f)",
        "[ -~]{0,20}",
    ];
    let path = prop_oneof![
        "/repos/[a-z]{0,5}",
        "(/(repos|\\.\\.|\\.|%2e%2e|%2E|x|))*(\\?[a-z]*)?",
        "[ -~]{0,20}",
    ];
    (scheme, host, path).prop_map(|(scheme, host, path)| format!("{scheme}{host}{path}"))
}
