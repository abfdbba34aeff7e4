//! The way to the server, and the signatures that a worker asks for.

use std::time::Duration;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use support::cli::run;
use support::harness::{guest_file, wait};
use support::signer::Author;
use tollgate_fleet::{Connect, Fleet};

use super::{Nats, Worker, file, nkeys};

/// TLS and a password, as a server beyond one machine has them.
#[test]
fn a_server_with_tls_and_a_password_is_used() {
    let issuer = issuer();
    let key = KeyPair::generate().unwrap();
    let names = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = names.signed_by(&key, &issuer).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = file(&folder, "ca.pem", &issuer.pem());
    let chain = file(&folder, "chain.pem", &certificate.pem());
    let private = file(&folder, "key.pem", &key.serialize_pem());
    let config = format!(
        "authorization {{ user: fleet, password: \"s3cret\" }}\n\
         tls {{ cert_file: {chain:?}, key_file: {private:?} }}\n"
    );
    let config = file(&folder, "nats.conf", &config);
    let Some(nats) = Nats::with(&["-c", config.to_str().unwrap()]) else {
        return;
    };
    let url = |password: &str| format!("tls://fleet:{password}@localhost:{}", nats.port);
    let connect = |url: String| Connect {
        servers: url,
        authorities: Some(authority.clone()),
        ..Connect::default()
    };
    let fleet = wait(Fleet::connect(&connect(url("s3cret")))).unwrap();
    let bytes = std::fs::read(guest_file("counter")).unwrap();
    wait(fleet.deploy("counter", &bytes, "", None)).unwrap();
    let ca = authority.to_str().unwrap();
    let right = url("s3cret");
    let options = ["--nats-ca", ca];
    let _worker = Worker::at(&right, &nats.folder, "w", &options);
    let called = |url: &str, more: &[&str]| {
        let submit = ["submit", "counter", "next()", "--nats", url];
        run(&[&submit, more].concat())
    };
    assert_eq!(called(&right, &options).status.code(), Some(0));
    // Neither a wrong password nor another authority; and no message has the password.
    let stranger = file(&folder, "other.pem", &self::issuer().pem());
    let stranger = ["--nats-ca", stranger.to_str().unwrap()];
    for refused in [called(&url("wr0ng"), &options), called(&right, &stranger)] {
        assert_eq!(refused.status.code(), Some(5), "{refused:?}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !said.contains("wr0ng") && !said.contains("s3cret"),
            "{said}"
        );
    }
}

fn issuer() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// An account of NATS of its own for the tenant, and a file of credentials for its user.
#[test]
fn a_file_of_credentials_is_used() {
    let (config, credentials) = nkeys::credentials();
    let folder = tempfile::tempdir().unwrap();
    let config = file(&folder, "nats.conf", &config);
    let Some(nats) = Nats::with(&["-c", config.to_str().unwrap()]) else {
        return;
    };
    let credentials = file(&folder, "user.creds", &credentials);
    let path = credentials.to_str().unwrap();
    let url = nats.url();
    let component = guest_file("counter");
    let deploy = ["deploy", component.to_str().unwrap(), "--nats", &url];
    assert_eq!(run(&deploy).status.code(), Some(5));
    let deployed = run(&[&deploy[..], &["--creds", path]].concat());
    assert_eq!(deployed.status.code(), Some(0), "{deployed:?}");
    let _worker = Worker::at(&url, &nats.folder, "w", &["--creds", path]);
    let submit = [
        "submit", "counter", "next()", "--nats", &url, "--creds", path,
    ];
    assert_eq!(run(&submit).status.code(), Some(0));
    let missing = run(&[&submit[..5], &["--creds", "none.creds"]].concat());
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("none.creds"));
}

/// Both have to be satisfied: the keys of the policy, and those of the worker.
#[test]
fn a_component_needs_the_signatures_of_policy_and_ceiling() {
    let Some(nats) = Nats::start() else { return };
    let (ours, theirs) = (Author::new(1), Author::new(2));
    let ceiling = format!("{}trust.require = true", ours.policy());
    let _worker = Worker::under(&nats, "w", &ceiling, &[]);
    let bytes = std::fs::read(guest_file("counter")).unwrap();
    let fleet = nats.fleet();
    let signed = |author: &Author| author.sign(&bytes, "counter.wasm");
    for (policy, signature, refused) in [
        ("", Some(signed(&ours)), None),
        (&*ours.policy(), Some(signed(&ours)), None),
        ("", None, Some("signature")),
        ("", Some(signed(&theirs)), Some("signature")),
        // Their policy trusts them, and this worker does not.
        (&*theirs.policy(), Some(signed(&theirs)), Some("signature")),
        (&*theirs.policy(), Some(signed(&ours)), Some("signature")),
        ("", Some("garbage".to_owned()), Some("signature")),
    ] {
        wait(fleet.deploy("counter", &bytes, policy, signature.as_deref())).unwrap();
        let key = fleet.fresh_key();
        let answer = wait(fleet.call("counter", "next()", Some(&key), Duration::from_secs(20)));
        let ended = format!("{:?}", answer.unwrap().unwrap().ended);
        match refused {
            None => assert!(ended.starts_with("Returned"), "{policy}: {ended}"),
            Some(word) => {
                let is_refused = ended.starts_with("Refused") && ended.contains(word);
                assert!(is_refused, "{policy} {signature:?}: {ended}");
            }
        }
    }
}
