//! The audit log: every decision on a capability is an event, fit to be shown, and without any secret.

use tollgate::Source;

use support::audit_log::{audited, heard};
use support::harness::{ALL, blocking, guest_file, policy, run};
use support::http_client::{CANARY, Client, all_of, url, with_credential};
use support::http_server::{Server, response};
use support::wasi_command;

/// The audit log of an attack.
fn attacked(input: &str) -> Vec<String> {
    audited(|| {
        run("hostile", ALL, input);
    })
}

#[test]
fn requests_are_audited() {
    let server = Server::saying(response(
        "302 Found",
        "location: http://other.example/\r\n",
        "",
    ));
    let (client, here) = (Client::new(), url(&server, "/a?b=c"));
    let lines = audited(|| {
        client.answer(&all_of(&server), &here);
    });
    let allowed = format!("DEBUG allowed hostile http {here}");
    let denied = "INFO denied hostile http http://other.example/ not-granted".to_owned();
    assert_eq!(lines, [allowed, denied], "each hop is a decision");
    let lines = attacked("http-get http://0x7f.1/");
    assert_eq!(lines, ["INFO denied hostile http http://0x7f.1/ bad-url"]);
}

#[test]
fn files_are_audited() {
    let lines = attacked("read-file data README.txt");
    assert_eq!(lines, ["DEBUG allowed hostile files data/README.txt"]);
    for (attack, denied) in [
        ("path-escape ../secret", "data/../secret outside-root"),
        (
            "read-file other README.txt",
            "other/README.txt unknown-root",
        ),
        ("write-file data 3 README.txt", "data/README.txt read-only"),
    ] {
        let denied = format!("INFO denied hostile files {denied}");
        assert_eq!(attacked(attack), [denied], "{attack}");
    }
}

/// Settings are audited by the key, since a value may be a secret. There is nothing to deny: without the grant there is
/// no function.
#[test]
fn settings_are_audited_by_their_key() {
    let lines = attacked("config-get region");
    assert_eq!(lines, ["DEBUG allowed hostile config region"]);
}

#[test]
fn the_store_is_audited_by_bucket_and_key() {
    let lines = attacked("store-set bucket key value");
    let allowed = ["bucket", "bucket/key"];
    assert_eq!(
        lines,
        allowed.map(|target| format!("DEBUG allowed hostile store {target}"))
    );
    let lines = attacked("store-set bucket");
    assert_eq!(lines[1..], ["INFO denied hostile store bucket/ bad-key"]);
}

/// Arguments and variables of the policy are audited by name only: the value of a variable may be a secret.
#[test]
fn what_wasi_is_given_is_audited_by_name() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("file"), "text").unwrap();
    let policy = format!(
        "grants.wasi = {{ args = ['{CANARY}'], env = {{ NAME = '{CANARY}' }}, \
         env-from-host = ['CARGO_MANIFEST_DIR'], preopens = ['out'] }}\n\
         grants.files = [{{ root = 'out', path = '{}', access = 'read-write', max-write = 3 }}]",
        folder.path().display()
    );
    let audited = |policy: &str, args: &[&str]| {
        audited(|| {
            wasi_command::run(&blocking(), policy, args, "");
        })
    };
    let given = [
        "1 arguments",
        "variable CARGO_MANIFEST_DIR",
        "variable NAME",
    ];
    let given = given.map(|given| format!("DEBUG allowed hello-command wasi {given}"));
    assert_eq!(audited(&policy, &[]), given);
    // Without the argument, which would be the command.
    let policy = policy.replace(&format!("args = ['{CANARY}'], "), "");
    let preopened = "DEBUG allowed hello-command wasi preopen out".to_owned();
    let given = [given[1].clone(), given[2].clone(), preopened];
    let audited = |args: &[&str]| {
        let lines = audited(&policy, args);
        assert_eq!(lines[..3], given, "{args:?}");
        lines[3..].to_vec()
    };
    let lines = audited(&["read", "out/file"]);
    assert!(!lines.is_empty());
    for line in lines {
        assert_eq!(line, "DEBUG allowed hello-command files out/file");
    }
    assert_eq!(
        audited(&["read", "out/../secret"]),
        ["INFO denied hello-command files out/../secret outside-root"]
    );
    // The stream notes it.
    assert_eq!(
        audited(&["write", "out/file", "too much"]).last().unwrap(),
        "INFO denied hello-command files out/file quota"
    );
}

/// A32-hostile-text.
#[test]
fn hostile_text_is_escaped_in_every_field() {
    let bytes = std::fs::read(guest_file("hostile")).unwrap();
    let source = Source::bytes("evil\u{1b}[2J\nINFO allowed", bytes);
    let provider = blocking().load(&source, &policy(ALL)).unwrap();
    for attack in [
        "http-get http://example.com/\r\nINFO allowed\u{1b}[2J",
        "path-escape ../a\nINFO allowed\u{1b}]0;title\u{7}",
        "store-set bu\ncket\u{1b}[2J key value",
        "store-set bucket \u{9b}31m\u{202e}\nINFO value",
    ] {
        let lines = audited(|| {
            provider.session().run(attack.as_bytes()).unwrap();
        });
        assert!(!lines.is_empty(), "{attack}");
        for line in lines {
            assert!(line.contains("evil\\u{1b}[2J\\nINFO allowed"), "{line}");
            let bad = line.chars().find(|c| c.is_control() || *c == '\u{202e}');
            assert_eq!(bad, None, "{line:?}");
        }
    }
    let lines = attacked(&format!("path-escape ../{}", "a".repeat(90_000)));
    assert!(lines[0].len() < 1_000, "{}", lines[0].len());
}

/// A43-secrets: not in the audit log, and not in anything else that is said at any level.
#[test]
fn a_credential_is_in_no_event() {
    let folder = tempfile::TempDir::new().unwrap();
    let client = Client::new();
    let other = Server::saying(response("200 OK", "", "hello"));
    let to = format!("location: http://127.0.0.1:{}/\r\n", other.port());
    for answer in [
        |_: &str, _: &str| response("200 OK", "", "hello"),
        |head: &str, _: &str| response("200 OK", "", head),
        |_: &str, to: &str| response("302 Found", to, ""),
        |_: &str, _: &str| "no HTTP".to_owned(),
    ] {
        let to = to.clone();
        let server = Server::answering(move |head| answer(head, &to));
        let grant = with_credential(&server, folder.path());
        let events = heard(|| {
            client.run(&grant, &format!("http-get {}", url(&server, "/")));
            let own = format!("http-header {} authorization {CANARY}", url(&server, "/"));
            client.run(&grant, &own);
        })
        .take();
        assert!(server.requests()[0].contains(CANARY));
        assert!(!events.is_empty());
        for event in events {
            for (name, value) in event.fields {
                assert!(!value.contains(CANARY), "{} {name}: {value}", event.target);
            }
        }
    }
}

/// A request that was sent is noted, with or without an answer.
#[test]
fn a_request_without_an_answer_is_audited() {
    let server = Server::saying("");
    let here = url(&server, "/?what=the-guest-knows");
    let lines = audited(|| {
        Client::new().answer(&all_of(&server), &here);
    });
    assert_eq!(server.requests().len(), 1);
    assert!(format!("{lines:?}").contains(&here), "{lines:?}");
}
