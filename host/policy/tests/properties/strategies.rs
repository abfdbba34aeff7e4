//! Generated limits, grants and policies that are valid.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;
use tollgate_policy::{
    Access, Credential, FileGrant, Grants, HttpGrant, KeyId, Limits, Parameters, Policy, PublicKey,
    SecretSource, StoreGrant, Trust, WasiGrant,
};

use crate::networks::networks;

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

pub(crate) fn access() -> impl Strategy<Value = Access> {
    prop_oneof![Just(Access::Read), Just(Access::ReadWrite)]
}

/// Roots, each with a path of printable or strange characters.
pub(crate) fn files() -> impl Strategy<Value = Vec<FileGrant>> {
    let named = |part: Component<'_>| matches!(part, Component::Normal(_));
    // Without a name, the path is that of the policy's directory or of the file system.
    let path = "/?[^\\x00/]{1,8}(/[^\\x00/]{1,8}){0,3}".prop_filter("`..`", move |path| {
        let mut parts = Path::new(path).components();
        parts.clone().any(named) && !parts.any(|part| part == Component::ParentDir)
    });
    btree_map("[a-z0-9][a-z0-9_-]{0,5}", (path, access()), 0..4).prop_map(|roots| {
        let grant = |(root, (path, access)): (String, (String, Access))| {
            let ask = root.len() % 2 == 0;
            FileGrant {
                ask,
                ..FileGrant::new(root, PathBuf::from(path), access)
            }
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
    let grant = (methods, headers, quotas, networks().boxed(), credential);
    btree_set(url, 0..4).prop_flat_map(move |urls| {
        let grants: Vec<_> = urls
            .into_iter()
            .map(|url| {
                grant.clone().prop_map(move |parts| {
                    let (methods, headers, quotas, networks, credential) = parts;
                    let (max_body, max_requests, max_connections) = quotas;
                    let headers: Option<BTreeSet<String>> = headers;
                    // A credential that would be sent unencrypted is refused.
                    let safe = !networks.is_empty() || url.starts_with("https://");
                    HttpGrant {
                        url: url.clone(),
                        methods,
                        headers: headers.map(|names| names.into_iter().collect()),
                        escaped_slashes: max_requests % 2 == 0,
                        max_body,
                        max_requests,
                        max_connections,
                        networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
                        credential: credential.filter(|_| safe),
                        ask: max_connections % 2 == 0,
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
            path: path.filter(|_| namespace.is_some()),
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
    let parameters = btree_map("[^\\pC]{1,6}", any::<String>(), 0..3);
    let interfaces = btree_map(
        "[a-s][a-z]{0,4}:[a-z]{1,4}(-[a-z0-9]{1,3})?/[a-z]{1,4}(@[1-9]\\.0\\.[1-9](-rc\\.1)?)?",
        parameters.prop_map(|given| Parameters::new(given).unwrap()),
        0..4,
    );
    let stub = prop::collection::btree_set(
        "[a-z]{1,5}:[a-z]{1,4}/(\\*|[a-z]{1,4})(@[1-9]\\.0\\.[1-9])?",
        0..3,
    );
    (flags, settings, http(), files(), store(), interfaces, stub).prop_map(
        |(flags, config, http, files, store, interfaces, stub)| {
            let [log, hash, wasi] = flags;
            let interfaces: BTreeMap<String, Parameters> = interfaces;
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
                stub,
            }
        },
    )
}

/// Keys of any point but the weak ones, each once.
fn trust() -> impl Strategy<Value = Trust> {
    let key = any::<([u8; 8], [u8; 32])>().prop_filter_map("weak", |(id, key)| {
        PublicKey::from_parts(KeyId(id), key).ok()
    });
    (prop::collection::vec(key, 0..3), any::<bool>()).prop_map(|(keys, require)| {
        let mut trust = Trust {
            require,
            ..Trust::default()
        };
        for key in keys {
            let _ = trust.add_key(key);
        }
        trust
    })
}

pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    (limits(), grants(), trust()).prop_map(|(limits, grants, trust)| Policy {
        limits,
        grants,
        trust,
        protected: Vec::new(),
    })
}
