//! A component without the signature that the policy asks for is refused before it is read: A45-signatures to A47-trailing-data.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate::load::RefusalKind;
use tollgate::policy::SignatureError;
use tollgate::policy::{Lock, Signature};
use tollgate::{LoadError, Source};

use support::harness::{blocking, guest_file, policy, refused, returned, source};
use support::signer::Author;

fn echo() -> Vec<u8> {
    std::fs::read(guest_file("echo")).unwrap()
}

/// The reason for which it is refused, and the message.
fn fault(source: &Source, policy: &str) -> (SignatureError, String) {
    let refusal = refused(source, policy);
    assert_eq!(refusal.kind, RefusalKind::Signature, "{refusal}");
    assert_eq!(refusal.kind.label(), "signature");
    (refusal.signature.unwrap(), refusal.message)
}

#[test]
fn what_a_trusted_key_signed_is_loaded_and_the_report_says_whose_it_is() {
    let author = Author::new(1);
    let source = author.source("echo", &echo());
    let provider = blocking().load(&source, &policy(&author.policy())).unwrap();
    let report = provider.session().run(b"signed").unwrap();
    assert_eq!(returned(&report), "signed");
    let signer = report.provider.signer.clone().unwrap();
    assert_eq!(signer.key_id, author.key().id());
    assert_eq!(signer.comment, "timestamp:1\tfile:echo.wasm\thashed");
    let shown = &report.to_json()["provider"]["signature"];
    assert_eq!(shown["key_id"], signer.key_id.to_string());
    assert_eq!(shown["comment"], signer.comment);
    // Two keys: either will do. The digest may be said as well.
    let both = format!(
        "trust.keys = [\"{}\", \"{}\"]",
        Author::new(2).key(),
        author.key()
    );
    let comment = format!("file:echo.wasm\tsha256:{}", &source.digest()[7..]);
    let source = Source::bytes("echo", echo()).signed(&author.sign_with(&echo(), &comment));
    blocking().load(&source, &policy(&both)).unwrap();
}

/// A45-signatures: stripped, of another key, of another file, downgraded, and every other reason there is.
#[test]
fn each_bad_signature_has_its_reason() {
    let (author, other) = (Author::new(1), Author::new(2));
    let (bytes, trusting) = (echo(), author.policy());
    let with = |signature: &str| Source::bytes("echo", bytes.clone()).signed(signature);
    let unsigned = Source::bytes("", bytes.clone());
    let good = author.sign(&bytes, "echo.wasm");
    let impostor = Author::with_id(3, author.key().id().0);
    let changed = good.replace("timestamp:1", "timestamp:2");
    let digest = author.sign_with(
        &bytes,
        &format!("file:echo.wasm\tsha256:{}", "0".repeat(64)),
    );
    let cases = [
        (
            "missing",
            Source::bytes("echo", bytes.clone()),
            "there is no echo.wasm.minisig beside it",
        ),
        ("malformed", with(&good[..good.len() - 5]), "fourth line"),
        ("malformed", with(&format!("{good}more")), "four lines"),
        ("malformed", with(&"x".repeat(4096)), "four lines"),
        ("too-large", with(&"x".repeat(4097)), "4 KiB"),
        (
            "unknown-key",
            with(&other.sign(&bytes, "echo.wasm")),
            "`trust.keys`",
        ),
        (
            "legacy",
            with(&author.sign_legacy(&bytes, "echo.wasm")),
            "sign it anew",
        ),
        (
            "altered",
            with(&author.sign(b"another file", "echo.wasm")),
            "get both anew",
        ),
        (
            "altered",
            with(&impostor.sign(&bytes, "echo.wasm")),
            "get both anew",
        ),
        ("comment", with(&changed), "trusted comment"),
        (
            "renamed",
            with(&author.sign(&bytes, "other.wasm")),
            "`other.wasm`",
        ),
        (
            "renamed",
            with(&author.sign_with(&bytes, "timestamp:1")),
            "needs one `file:`",
        ),
        ("digest", with(&digest), unsigned.digest()),
    ];
    for (label, source, said) in cases {
        let (fault, message) = fault(&source, &trusting);
        assert_eq!(fault.label(), label, "{message}");
        assert!(message.contains(said), "{label}: {message}");
        assert!(message.contains("echo.wasm"), "{label}: {message}");
    }
}

/// The signature is verified before the bytes of a component are parsed: unsigned noise is refused as unsigned.
#[test]
fn nothing_is_parsed_before_it_is_verified() {
    let author = Author::new(1);
    for bytes in [&b"noise"[..], b"(component)", &echo()[..100]] {
        let unsigned = Source::bytes("noise", bytes);
        assert_eq!(
            fault(&unsigned, &author.policy()).0,
            SignatureError::Missing
        );
        let info = unsigned.info(&policy(&author.policy()));
        assert_eq!((info.world, info.signer), (None, None));
        // With a signature, it is refused as noise.
        let refusal = refused(&author.source("noise", bytes), &author.policy());
        assert_ne!(refusal.kind, RefusalKind::Signature, "{refusal}");
    }
    // A limit of size is older than trust: hashing has a cost.
    let small = format!("{}limits.component-size = \"4KiB\"", author.policy());
    let refusal = refused(&Source::bytes("echo", echo()), &small);
    assert_eq!(refusal.kind, RefusalKind::TooLarge);
}

/// Every bit counts, of the signature and of the signed bytes; and minisign's own verifier agrees on each.
#[test]
fn every_flipped_bit_is_noticed_and_a_second_opinion_agrees() {
    let author = Author::new(1);
    let bytes = std::fs::read(guest_file("no-export")).unwrap();
    let good = author.sign(&bytes, "a.wasm");
    let (trust, policy) = (author.policy(), policy(&author.policy()));
    let key = minisign_verify::PublicKey::from_base64(&author.key().to_string()).unwrap();
    let second = |bytes: &[u8], signature: &str| {
        let signature = minisign_verify::Signature::decode(signature);
        signature
            .and_then(|signature| key.verify(bytes, &signature, false))
            .is_ok()
    };
    assert!(second(&bytes, &good));
    assert!(
        Source::bytes("a", bytes.clone())
            .signed(&good)
            .vet(&policy)
            .is_ok()
    );
    let untrusted = good.find('\n').unwrap();
    let mut noticed = 0;
    for at in 0..good.len() * 8 {
        let mut bent = good.clone().into_bytes();
        bent[at / 8] ^= 1 << (at % 8);
        let Ok(bent) = String::from_utf8(bent) else {
            continue;
        };
        let vetted = Source::bytes("a", bytes.clone()).signed(&bent).vet(&policy);
        if at / 8 < untrusted {
            continue; // Nobody signs the untrusted comment.
        }
        assert!(vetted.is_err(), "bit {at}: {bent}");
        // A signature that the other verifier accepts has the same lines, ended or continued in another way.
        let same = Signature::parse(&bent) == Signature::parse(&good);
        let lines = bent.trim_end() == good.trim_end() || bent.lines().count() != 4;
        assert!(!second(&bytes, &bent) || same || lines, "bit {at}: {bent}");
        noticed += 1;
    }
    assert!(noticed > 1_500, "{noticed}");
    for at in (0..bytes.len() * 8).step_by(7) {
        let mut bent = bytes.clone();
        bent[at / 8] ^= 1 << (at % 8);
        assert!(!second(&bent, &good));
        let fault = fault(&Source::bytes("a", bent).signed(&good), &trust).0;
        assert_eq!(fault, SignatureError::Altered, "bit {at}");
    }
}

/// A47-trailing-data: bytes behind the end, another section of the same kind: every byte is signed.
#[test]
fn what_is_appended_is_not_signed() {
    let author = Author::new(1);
    let bytes = echo();
    let good = author.sign(&bytes, "echo.wasm");
    // A custom section, which a component may have any number of, and plain noise.
    for tail in [&[0, 2, 1, b'x'][..], &[0, 1, 0], b"\0", b"trailing"] {
        let longer = [&bytes, tail].concat();
        let source = Source::bytes("echo", longer).signed(&good);
        assert_eq!(fault(&source, &author.policy()).0, SignatureError::Altered);
        assert_ne!(
            source.digest(),
            Source::bytes("echo", bytes.clone()).digest()
        );
    }
}

#[test]
fn a_signature_is_required_without_keys_as_well() {
    let author = Author::new(1);
    let require = "trust.require = true";
    for (source, reason) in [
        (source("echo"), SignatureError::Missing),
        (author.source("echo", &echo()), SignatureError::UnknownKey),
    ] {
        let (fault, message) = fault(&source, require);
        assert_eq!(fault, reason);
        assert!(message.contains("add `trust.keys = ["), "{message}");
    }
    // A policy without trust reads no signature.
    for signature in ["noise", &author.sign(b"other", "x")] {
        let source = source("echo").signed(signature);
        let provider = blocking().load(&source, &policy("")).unwrap();
        assert_eq!(provider.as_async().info().signer, None);
    }
}

/// A signature is for a name: that of the file to the letter, that of bytes with or without `.wasm`.
#[test]
fn a_signature_is_for_one_name() {
    let author = Author::new(1);
    let policy = policy(&author.policy());
    let folder = TempDir::new().unwrap();
    let vet = |source: Source| {
        source
            .vet(&policy)
            .map_err(|refusal| refusal.signature.unwrap())
    };
    for (file, signed_as, good) in [
        ("a.wasm", "a.wasm", true),
        ("a.wasm", "a", false),
        ("a.wasm", "A.wasm", false),
        ("a.wasm", "x/a.wasm", false),
        ("a", "a", true),
        ("a", "a.wasm", false),
        ("a.b.wasm", "a.b.wasm", true),
    ] {
        let path = folder.path().join(file);
        std::fs::write(&path, echo()).unwrap();
        std::fs::write(
            tollgate::component::signature_path(&path),
            author.sign(&echo(), signed_as),
        )
        .unwrap();
        let source = Source::file(&path, &policy.limits).unwrap();
        assert_eq!(vet(source).is_ok(), good, "{file} signed as {signed_as}");
    }
    for (name, signed_as, good) in [
        ("a", "a.wasm", true),
        ("a", "a", true),
        ("a.wasm", "a.wasm", true),
        ("a.wasm", "a", true),
        ("a", "b.wasm", false),
        ("a", "", false),
    ] {
        let source = Source::bytes(name, echo()).signed(&author.sign(&echo(), signed_as));
        assert_eq!(vet(source).is_ok(), good, "{name} signed as {signed_as}");
    }
}

/// A file of another type in the place of a signature is no signature: the load does not wait for it, and each has its
/// own reason.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_no_signature() {
    let author = Author::new(1);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("echo.wasm");
    let beside = folder.path().join("echo.wasm.minisig");
    std::fs::write(&path, echo()).unwrap();
    let reason = || {
        let start = Instant::now();
        let policy = policy(&author.policy());
        let source = Source::file(&path, &policy.limits).unwrap();
        let refusal = source.vet(&policy).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(5));
        let fault = refusal.signature.unwrap();
        let text = match fault {
            SignatureError::Missing => "is not signed",
            SignatureError::NotAFile => "is not a regular file",
            SignatureError::Unreadable => "cannot be read",
            SignatureError::TooLarge => "is larger than any",
            _ => "is no signature",
        };
        assert!(refusal.message.contains(text), "{refusal}");
        fault
    };
    assert_eq!(reason(), SignatureError::Missing);
    support::file_roots::add_fifo(&beside);
    assert_eq!(reason(), SignatureError::NotAFile);
    std::fs::remove_file(&beside).unwrap();
    std::fs::create_dir(&beside).unwrap();
    assert_eq!(reason(), SignatureError::NotAFile);
    std::fs::remove_dir(&beside).unwrap();
    std::os::unix::fs::symlink(&beside, &beside).unwrap();
    assert_eq!(reason(), SignatureError::Unreadable);
    std::fs::remove_file(&beside).unwrap();
    for (text, expected) in [
        (&[b' '; 4097][..], SignatureError::TooLarge),
        (&[b' '; 4096], SignatureError::Malformed),
        (b"\xff", SignatureError::Malformed),
        (b"", SignatureError::Malformed),
    ] {
        std::fs::write(&beside, text).unwrap();
        assert_eq!(reason(), expected);
    }
}

/// A46-file-swap: the file is swapped all the time between one that is signed and one that is not. The loaded one is
/// always the one that was signed.
#[test]
fn the_bytes_that_are_verified_are_those_that_run() {
    let author = Author::new(1);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("echo.wasm");
    let (good, evil) = (echo(), std::fs::read(guest_file("hostile")).unwrap());
    std::fs::write(
        folder.path().join("echo.wasm.minisig"),
        author.sign(&good, "echo.wasm"),
    )
    .unwrap();
    std::fs::write(&path, &good).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = {
        let (stop, path, good, evil) = (Arc::clone(&stop), path.clone(), good.clone(), evil);
        std::thread::spawn(move || {
            let beside = path.with_extension("new");
            while !stop.load(Ordering::SeqCst) {
                // In one step, and in place, where half of one and half of the other may be seen.
                for bytes in [&evil, &good] {
                    std::fs::write(&beside, bytes).unwrap();
                    std::fs::rename(&beside, &path).unwrap();
                    std::thread::yield_now();
                }
                std::fs::write(&path, &evil).unwrap();
                std::fs::write(&path, &good).unwrap();
            }
        })
    };
    let policy = policy(&format!("{}\n{}", author.policy(), support::harness::ALL));
    let digest = Source::bytes("echo", good).digest().to_owned();
    let (mut ran, mut turned_away) = (0, 0);
    let start = Instant::now();
    while (ran < 20 || turned_away < 20) && start.elapsed() < Duration::from_secs(60) {
        let source = Source::file(&path, &policy.limits).unwrap();
        match blocking().load(&source, &policy) {
            Ok(provider) => {
                let report = provider.session().run(b"still itself").unwrap();
                assert_eq!(returned(&report), "still itself");
                assert_eq!(report.provider.digest, digest);
                ran += 1;
            }
            Err(LoadError::Refused(refusal)) => {
                assert_eq!(
                    refusal.signature,
                    Some(SignatureError::Altered),
                    "{refusal}"
                );
                turned_away += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    stop.store(true, Ordering::SeqCst);
    swapper.join().unwrap();
    assert!(
        ran >= 20 && turned_away >= 20,
        "{ran} ran, {turned_away} did not"
    );
}

/// A pin is for every byte, and with `complete` for every component.
#[test]
fn what_is_pinned_stays_as_it_is() {
    let pinned = source("echo");
    let mut policy = policy("");
    let mut lock = Lock::default();
    lock.pin("echo.wasm", pinned.digest()).unwrap();
    policy.trust.lock = Some(lock.clone());
    blocking().load(&pinned, &policy).unwrap();
    let mut longer = echo();
    longer.extend([0, 2, 1, b'x']);
    let longer = Source::bytes("echo", longer);
    let load = |source: &Source, policy: &tollgate::Policy| match blocking().load(source, policy) {
        Err(LoadError::Refused(refusal)) => refusal,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("loaded"),
    };
    let refusal = load(&longer, &policy);
    assert_eq!(refusal.kind.label(), "digest");
    let line = Lock::line("echo.wasm", pinned.digest());
    assert!(
        refusal
            .message
            .contains(&format!("delete the line `{line}`")),
        "{refusal}"
    );
    // A component that is not pinned may be used, unless the lock is strict.
    blocking().load(&source("counter"), &policy).unwrap();
    lock.strict = true;
    policy.trust.lock = Some(lock);
    blocking().load(&pinned, &policy).unwrap();
    let refusal = load(&source("counter"), &policy);
    assert_eq!(refusal.kind.label(), "digest");
    assert!(refusal.message.contains("add the line `"), "{refusal}");
    assert_eq!(refusal.remedy, Some(tollgate::load::Remedy::Pin));
    // It is compared before anything is parsed.
    assert_eq!(
        load(&Source::bytes("echo", *b"noise"), &policy)
            .kind
            .label(),
        "digest"
    );
}
