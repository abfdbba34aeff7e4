//! Signatures as a user meets them: keygen, sign, verify, the flags, the output, and all steps in a row.

use serde_json::Value;

use support::cli::{code, command, stderr, stdout};
use support::harness::guest_file;
use support::signer::Author;
use support::workdir::Workdir;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn keys_are_made_once_and_kept_secret() {
    let workdir = Workdir::new();
    let next = workdir.ok("keygen --out acme --no-password");
    assert_eq!(next, "tollgate sign COMPONENT.wasm --key acme.key\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(workdir.at("acme.key"))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    let (key, public) = (workdir.read("acme.key"), workdir.read("acme.pub"));
    // No file is overwritten or written through a link, and no half of a pair is left.
    for taken in ["acme.key", "acme.pub"] {
        let said = workdir.ends("keygen --out acme --no-password", 2);
        assert!(said.contains("already exists"), "{taken}: {said}");
        assert_eq!(
            (workdir.read("acme.key"), workdir.read("acme.pub")),
            (key.clone(), public.clone())
        );
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(workdir.at("elsewhere"), workdir.at("b.pub")).unwrap();
    workdir.ends("keygen --out b --no-password", 2);
    assert!(!workdir.at("b.key").exists() && !workdir.at("elsewhere").exists());
    let said = workdir.ends("keygen --out c", 2);
    assert!(
        said.contains("--password-file") && said.contains("--no-password"),
        "{said}"
    );
    workdir.write("empty", "\n");
    workdir.ends("keygen --out c --password-file empty", 2);
    assert!(!workdir.at("c.key").exists());
}

#[test]
fn a_password_protects_a_key() {
    let workdir = Workdir::new();
    workdir.write("password", "right\n");
    workdir.write("wrong", "left\n");
    workdir.ok("keygen --out acme --password-file password");
    let said = workdir.ends("sign echo.wasm --key acme.key --password-file wrong", 2);
    assert!(said.contains("acme.key: the password is wrong"), "{said}");
    assert!(
        workdir
            .ends("sign echo.wasm --key acme.key", 2)
            .contains("--password-file")
    );
    assert!(!workdir.at("echo.wasm.minisig").exists());
    workdir.ok("sign echo.wasm --key acme.key --password-file password");
    workdir.ok("verify echo.wasm --pub acme.pub");
}

#[test]
fn verify_says_who_signed_it_or_why_not() {
    let workdir = Workdir::new();
    workdir.ok("keygen --out acme --no-password");
    workdir.ok("keygen --out other --no-password");
    assert!(
        workdir
            .ends("verify echo.wasm --pub acme.pub", 3)
            .contains("is not signed")
    );
    workdir.ok("sign echo.wasm --key acme.key");
    let said = workdir.ok("verify echo.wasm --pub acme.pub");
    let id = workdir.id();
    assert!(
        said.starts_with(&format!("echo.wasm is signed by {id}: timestamp:")),
        "{said}"
    );
    assert!(said.contains("\\tfile:echo.wasm\\thashed\\tsha256:") && said.lines().count() == 1);
    let key = workdir.read("acme.pub").lines().nth(1).unwrap().to_owned();
    workdir.ok(&format!("verify echo.wasm --pub {key}"));
    assert!(
        workdir
            .ends("verify echo.wasm --pub other.pub", 3)
            .contains("does not trust")
    );
    for (key, said) in [
        ("no.pub", "there is no file of that name"),
        ("acme.key", "this is a secret key"),
        ("echo.wasm", "--pub echo.wasm: "),
    ] {
        let message = workdir.ends(&format!("verify echo.wasm --pub {key}"), 2);
        assert!(message.contains(said), "{message}");
    }
    // Signed anew, the old signature is replaced.
    workdir.ok("sign echo.wasm --key other.key");
    workdir.ok("verify echo.wasm --pub other.pub");
    // A name that could forge a field of the comment is not signed.
    workdir.bring("echo", "a\tsha256:0.wasm");
    let args = ["sign", "a\tsha256:0.wasm", "--key", "acme.key"];
    let output = command(&args)
        .current_dir(workdir.0.path())
        .output()
        .unwrap();
    assert_eq!(code(&output), 2, "{}", stderr(&output));
}

/// Each command that looks at a component goes by the same trust, from the policy or from the flags.
#[test]
fn every_command_asks_who_signed() {
    let workdir = Workdir::new();
    workdir.bring("counter", "counter.wasm");
    workdir.ok("keygen --out acme --no-password");
    let key = workdir.read("acme.pub").lines().nth(1).unwrap().to_owned();
    workdir.write("policy.toml", format!("trust.keys = [\"{key}\"]\n"));
    for trust in [
        "--trust-key acme.pub",
        &format!("--trust-key {key}"),
        "--policy policy.toml",
        "--require-signature",
    ] {
        for line in [
            "run echo.wasm",
            "call counter.wasm next()",
            "check echo.wasm",
            "inspect echo.wasm",
        ] {
            let said = workdir.ends(&format!("{line} {trust}"), 3);
            assert!(said.contains("is not signed"), "{line} {trust}: {said}");
        }
        let said = workdir.ends(&format!("inspect echo.wasm --wit {trust}"), 3);
        assert!(said.contains("is not signed"), "{trust}: {said}");
    }
    workdir.ok("sign echo.wasm --key acme.key");
    workdir.ok("sign counter.wasm --key acme.key");
    for line in [
        "run echo.wasm",
        "call counter.wasm next()",
        "check echo.wasm",
        "inspect echo.wasm",
    ] {
        workdir.ok(&format!("{line} --trust-key acme.pub --require-signature"));
    }
    let said = workdir.ends("run echo.wasm --require-signature", 3);
    assert!(
        said.contains("add `trust.keys = [") && said.contains("--trust-key"),
        "{said}"
    );
    let said = workdir.ends("run echo.wasm --policy policy.toml --trust-key acme.pub", 2);
    assert!(said.contains("listed twice"), "{said}");
    assert!(
        workdir
            .ends("run echo.wasm --trust-key nobody", 2)
            .contains("--trust-key `nobody`")
    );
}

#[test]
fn reports_and_tables_say_whose_it_is() {
    let workdir = Workdir::new();
    workdir.bring("counter", "counter.wasm");
    workdir.ok("keygen --out acme --no-password");
    workdir.ok("sign echo.wasm --key acme.key");
    let id = &*workdir.id();

    workdir.ok("run echo.wasm --trust-key acme.pub --report report.json");
    let report = json(&workdir.read("report.json"));
    assert_eq!(report["provider"]["signature"]["key_id"], id);
    workdir.ok("run echo.wasm --report report.json");
    assert_eq!(
        json(&workdir.read("report.json"))["provider"]["signature"],
        Value::Null
    );
    workdir.ends(
        "run counter.wasm --trust-key acme.pub --report report.json",
        3,
    );
    let report = json(&workdir.read("report.json"));
    assert_eq!(report["refusal"]["kind"], "signature");
    assert_eq!(report["refusal"]["reason"], "missing");
    assert_eq!(
        report["provider"]["world"],
        Value::Null,
        "nothing of it was read"
    );
    let output = workdir.run("check counter.wasm --trust-key acme.pub --json");
    assert_eq!(json(&stdout(&output))["refusal"]["reason"], "missing");

    // Without a key it is the unverified claim of the signature.
    let claim = workdir.ok("inspect echo.wasm");
    assert!(
        claim.contains(&format!(
            "signature   {id} unverified\ncomment     timestamp:"
        )),
        "{claim}"
    );
    let known = workdir.ok("inspect echo.wasm --trust-key acme.pub");
    assert!(
        known.contains(&format!("signature   {id}\ncomment     timestamp:")),
        "{known}"
    );
    let claim = json(&workdir.ok("inspect echo.wasm --json"));
    assert_eq!(claim["provider"]["signature"]["verified"], false);
    assert_eq!(claim["provider"]["signature"]["key_id"], id);
    workdir.write(
        "echo.wasm.minisig",
        workdir
            .read("echo.wasm.minisig")
            .replace("file:", "\u{1b}[31mfile:"),
    );
    assert!(!workdir.ok("inspect echo.wasm").contains('\u{1b}'));
    assert!(
        !workdir
            .ends("inspect echo.wasm --trust-key acme.pub", 3)
            .contains('\u{1b}')
    );

    workdir.ok("sign echo.wasm --key acme.key");
    workdir.bring("traps", "traps.wasm");
    workdir.write("traps.wasm.minisig", workdir.read("echo.wasm.minisig"));
    let rows = json(&workdir.ok("list . --trust-key acme.pub --json"));
    let signature = |row: usize| rows[row]["signature"].clone();
    assert_eq!(signature(0), Value::Null);
    assert_eq!(
        (&signature(1)["key_id"], &signature(1)["verified"]),
        (&id.into(), &true.into())
    );
    assert_eq!(signature(2)["reason"], "altered");
    assert_eq!(rows[2]["refusal"]["reason"], "altered");
    let table = workdir.ok("list . --trust-key acme.pub");
    for (name, words) in [("counter", "unsigned"), ("echo", id), ("traps", "altered")] {
        let row = table.lines().find(|row| row.starts_with(name)).unwrap();
        assert!(row.contains(words), "{row}");
    }
    let table = workdir.ok("list .");
    assert!(table.contains(&format!("{id} unverified")), "{table}");
}

/// From an author's machine to a production folder: signed, pinned, a new version, a forged one.
#[test]
fn the_whole_story() {
    let (author, operator) = (Workdir::new(), Workdir::new());
    author.ok("keygen --out acme --no-password");
    author.ok("sign echo.wasm --key acme.key");
    let deliver = |name: &str, bytes: &[u8]| operator.write(name, bytes);
    let fetch = |name: &str| std::fs::read(author.at(name)).unwrap();
    for name in ["echo.wasm", "echo.wasm.minisig", "acme.pub"] {
        deliver(name, &fetch(name));
    }
    let key = operator.read("acme.pub").lines().nth(1).unwrap().to_owned();
    operator.write(
        "policy.toml",
        format!("[trust]\nkeys = [\"{key}\"]\nrequire = true\n"),
    );
    let run = "run echo.wasm --policy policy.toml";
    operator.ok(&format!("{run} --lock"));
    operator.ok(&format!("{run} --locked"));

    // A new version arrives. It is signed, and still not the one that was pinned.
    let mut newer = fetch("echo.wasm");
    newer.extend([0, 2, 1, b'v']);
    author.write("echo.wasm", newer);
    author.ok("sign echo.wasm --key acme.key");
    let old_signature = operator.read("echo.wasm.minisig");
    for name in ["echo.wasm", "echo.wasm.minisig"] {
        deliver(name, &fetch(name));
    }
    let said = operator.ends(&format!("{run} --lock"), 3);
    assert!(
        said.contains("delete the line `\"echo.wasm\" = \"sha256:"),
        "{said}"
    );
    // The operator follows the message.
    let line = said.split('`').nth(1).unwrap().to_owned();
    let lock = operator.read("tollgate.lock");
    assert!(lock.contains(&line));
    operator.write("tollgate.lock", lock.replace(&line, ""));
    operator.ends(&format!("{run} --locked"), 3);
    operator.ok(&format!("{run} --lock"));
    operator.ok(&format!("{run} --locked"));

    // A forged one arrives, with each signature that a forger can have.
    let forged = std::fs::read(guest_file("hostile")).unwrap();
    deliver("echo.wasm", &forged);
    let forger = Author::new(9);
    let current = String::from_utf8(fetch("echo.wasm.minisig")).unwrap();
    for (signature, reason) in [
        (current, "altered"),
        (old_signature, "altered"),
        (forger.sign(&forged, "echo.wasm"), "unknown-key"),
    ] {
        deliver("echo.wasm.minisig", signature.as_bytes());
        operator.ends(&format!("{run} --locked --report report.json"), 3);
        let report = json(&operator.read("report.json"));
        assert_eq!(report["refusal"]["reason"], reason);
    }
    std::fs::remove_file(operator.at("echo.wasm.minisig")).unwrap();
    assert!(operator.ends(run, 3).contains("is not signed"));
}
