//! Tests of policies that undo themselves: each is refused when it is read, with its position, and when it is checked.

use std::path::Path;

use crate::grants::{
    Access, Credential, FileGrant, Grants, HttpGrant, Protected, SecretSource, WasiGrant,
};
use crate::policy::Policy;

use super::mistakes::are_told;

const HTTP: &str = "[[grants.http]]\nurl = \"https://a.example/\"\n";

fn file(path: &str, access: &str) -> String {
    format!("[[grants.files]]\nroot = \"data\"\npath = \"{path}\"\naccess = \"{access}\"\n")
}

fn parse(text: &str, base: &str) -> Result<Policy, String> {
    Policy::parse(text, Path::new(base)).map_err(|error| error.to_string())
}

#[test]
fn a_credentials_variable_is_not_passed_to_the_guest() {
    let credential = "credential = { header = \"authorization\", from-env = \"API_TOKEN\" }\n";
    let env = |names: &str| format!("[grants.wasi]\nenv-from-host = [{names}]\n");
    let begins =
        "grants.wasi.env-from-host[1]: `API_TOKEN` holds the credential for `https://a.example/`: ";
    // Either may be written first.
    let (above, below) = (
        format!("{HTTP}{credential}{}", env("\"LANG\", \"API_TOKEN\"")),
        format!("{}{HTTP}{credential}", env("\"LANG\", \"API_TOKEN\"")),
    );
    are_told(&[
        (&above, &format!("5:26: {begins}")),
        (&below, &format!("2:26: {begins}")),
    ]);
    let message = parse(&above, "/base").unwrap_err();
    assert!(message.ends_with("the provider would read the secret; leave it out"));
    let other_case = above.replace("\"API_TOKEN\"]", "\"api_token\"]");
    assert!(parse(&other_case, "/base").is_err());
    for names in ["\"LANG\"", "\"API_TOKEN_2\"", ""] {
        let policy = parse(&format!("{HTTP}{credential}{}", env(names)), "/base").unwrap();
        assert_eq!(policy.check(), Ok(()));
    }

    let grant = HttpGrant {
        credential: Some(Credential {
            header: "authorization".to_owned(),
            source: SecretSource::Env("API_TOKEN".to_owned()),
            prefix: String::new(),
        }),
        ..HttpGrant::new("https://a.example/")
    };
    let grants = Grants {
        http: vec![HttpGrant::new("https://b.example/"), grant],
        wasi: Some(WasiGrant {
            env_from_host: ["API_TOKEN".to_owned()].into(),
            ..WasiGrant::default()
        }),
        ..Grants::default()
    };
    let message = grants.check().unwrap_err().message;
    assert!(
        message.starts_with("grants.wasi.env-from-host: `API_TOKEN` holds the credential"),
        "{message}"
    );
}

#[test]
fn a_root_covers_no_file_that_the_policy_names() {
    let token = "credential = { header = \"authorization\", from-file = \"etc/token\" }\n";
    let credential = format!("{HTTP}{token}");
    let store = "[grants.store]\npath = \"etc/token\"\nnamespace = \"ledger\"\n";
    let shown = Path::new("/base").join("etc/token");
    let shown = shown.display();
    for (named, what, line) in [
        (credential.as_str(), "the file of a credential", 3),
        (store, "the store file", 2),
    ] {
        for path in [
            "etc",
            "./etc/.",
            "/base/etc",
            "etc/token",
            "etc/token/below",
        ] {
            for (access, harm) in [("read", "read"), ("read-write", "change")] {
                let at = named.lines().count() + 3;
                let expected = format!(
                    "{at}:8: grants.files[0].path: the root `data` covers {what} of line {line}, {shown}: a \
                     provider could {harm} it; grant a directory apart from it"
                );
                let text = format!("{named}{}", file(path, access));
                assert_eq!(parse(&text, "/base").unwrap_err(), expected);
                // The root may be written first.
                let text = format!("{}{named}", file(path, access));
                assert!(
                    parse(&text, "/base").unwrap_err().starts_with("3:8: "),
                    "{text}"
                );
            }
        }
        for path in ["etc/tokens", "et", "data", "/etc"] {
            let policy = parse(&format!("{named}{}", file(path, "read-write")), "/base").unwrap();
            assert_eq!(policy.check(), Ok(()));
            // The same grants in code, with the root where the file is.
            let mut grants = policy.grants;
            grants
                .files
                .push(FileGrant::new("other", "/base", Access::Read));
            let message = grants.check().unwrap_err().message;
            assert!(
                message.starts_with(&format!(
                    "grants.files: the root `other` covers {what}, {shown}: "
                )),
                "{message}"
            );
        }
    }
}

#[test]
fn a_root_that_is_written_does_not_hold_the_policy() {
    for (path, base) in [
        (".", ""),
        ("./.", ""),
        (".", "/base"),
        ("/base", "/base"),
        ("/base", "/base/etc/"),
        (".", "../policies"),
        ("tollgate.lock", "/base"),
    ] {
        let text = format!("grants.log = true\n{}", file(path, "read-write"));
        let message = parse(&text, base).unwrap_err();
        assert!(
            message.starts_with(
                "4:8: grants.files[0].path: the root `data` covers the policy and its lock file, "
            ) && message.ends_with("apart from it, or write `access = \"read\"`"),
            "{path} in {base}: {message}"
        );
        assert!(parse(&file(path, "read"), base).is_ok(), "{path} in {base}");
    }
    for (path, base) in [
        ("data", ""),
        ("data", "/base"),
        ("/base/data", "/base"),
        ("/b", "/base"),
    ] {
        assert!(
            parse(&file(path, "read-write"), base).is_ok(),
            "{path} in {base}"
        );
    }
}

#[test]
fn a_root_is_no_folder_of_the_kernel() {
    for path in [
        "/",
        "/.",
        "//",
        "/proc",
        "/proc/",
        "/proc/self",
        "/sys",
        "/sys/fs",
        "/dev",
        "/dev/shm",
    ] {
        for access in ["read", "read-write"] {
            let message = parse(&file(path, access), "/base").unwrap_err();
            let begins = "3:8: grants.files[0].path: the root `data` covers the ";
            assert!(message.starts_with(begins), "{path}: {message}");
            assert!(
                message.ends_with("grant a directory apart from it"),
                "{message}"
            );
            let mut policy = Policy::default();
            let access = Access::parse(access).unwrap();
            policy
                .grants
                .files
                .push(FileGrant::new("data", path, access));
            let message = policy.check().unwrap_err().message;
            assert!(
                message.starts_with("grants.files: the root `data` covers the "),
                "{message}"
            );
        }
    }
    for path in ["/srv", "/process", "/srv/proc", "dev", "./sys", "/devices"] {
        assert!(parse(&file(path, "read-write"), "/base").is_ok(), "{path}");
    }
}

#[test]
fn a_root_covers_no_file_of_the_program() {
    let mut policy = Policy::default();
    let root = FileGrant::new("data", "/srv/app", Access::ReadWrite);
    policy.grants.files.push(root);
    assert_eq!(policy.check(), Ok(()));
    let component = Protected::new("the component", "/srv/app/a.wasm", Access::ReadWrite);
    policy.protected.push(component);
    let message = policy.check().unwrap_err().message;
    assert_eq!(
        message,
        "grants.files: the root `data` covers the component, /srv/app/a.wasm: a provider could change it; grant a \
         directory apart from it, or write `access = \"read\"`"
    );
    policy.grants.files[0].access = Access::Read;
    assert_eq!(policy.check(), Ok(()));
    // They are no part of the text.
    assert!(!policy.to_toml().contains("a.wasm"));
}
