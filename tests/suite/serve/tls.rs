//! TLS: of the server, and of its callers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::net::TcpListener;
use tollgate_serve::{Bounds, ServeError, Server, Tls, TlsError};

use support::harness::wait;

use super::{PATIENCE, Reply, Served, catalog, is_ended, post, reply};

pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(super) struct Identity {
    chain: String,
    key: String,
}

impl Authority {
    pub(super) fn new() -> Authority {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(super) fn identity(&self, name: &str) -> Identity {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

pub(super) fn tls(server: &Identity, clients: Option<&Authority>) -> Tls {
    let clients = clients.map(Authority::pem);
    Tls::pem(
        server.chain.as_bytes(),
        server.key.as_bytes(),
        clients.as_deref().map(str::as_bytes),
    )
    .unwrap()
}

/// A connection of a client that trusts this authority, with its own certificate if it has one.
pub(super) fn connect(
    served: &Served,
    authority: &Authority,
    identity: Option<&Identity>,
    protocols: &[&str],
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { chain, key }) => {
            let chain = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![chain], key).unwrap()
        }
    };
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    let name = "localhost".try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, served.connect())
}

fn ask(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> Option<Reply> {
    stream
        .write_all(post("counter/next", "", "{}").as_bytes())
        .ok()?;
    reply(stream)
}

#[test]
fn a_call_is_answered_over_tls() {
    let authority = Authority::new();
    let tls = tls(&authority.identity("localhost"), None);
    let served = Served::with(Server::new(catalog(&[("counter", "")])).tls(tls));
    let mut stream = connect(&served, &authority, None, &[]);
    assert_eq!(ask(&mut stream).unwrap().result(), 1);
    let mut stream = connect(&served, &authority, None, &["h2", "http/1.1"]);
    // The preface of HTTP/2 and empty settings.
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "the settings of the server");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    // Without TLS there is no answer.
    let plain = served.sent("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut plain = plain;
    assert!(reply(&mut plain).is_none());
}

#[test]
fn a_handshake_comes_in_time() {
    let bounds = Bounds {
        head_time: Duration::from_millis(300),
        ..Bounds::default()
    };
    let tls = tls(&Authority::new().identity("localhost"), None);
    let served = Served::with(Server::new(catalog(&[])).bounds(bounds).tls(tls));
    // Nothing at all, and a record of which a part comes.
    for start in ["", "\u{16}\u{3}\u{1}"] {
        let mut stream = served.sent(start);
        assert!(is_ended(&mut stream), "{start:?}");
    }
}

#[test]
fn only_callers_with_a_certificate_are_let_in() {
    let (authority, other) = (Authority::new(), Authority::new());
    let tls = tls(&authority.identity("localhost"), Some(&authority));
    let served = Served::with(Server::new(catalog(&[("counter", "")])).tls(tls));
    let of = |identity: Option<&Identity>| ask(&mut connect(&served, &authority, identity, &[]));
    assert_eq!(of(Some(&authority.identity("caller"))).unwrap().result(), 1);
    assert!(of(None).is_none());
    assert!(of(Some(&other.identity("caller"))).is_none());
}

#[test]
fn an_open_address_with_tls_needs_callers() {
    let authority = Authority::new();
    let identity = authority.identity("localhost");
    let run = |tls: Tls| {
        wait(async {
            let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
            let server = Server::new(catalog(&[])).tls(tls);
            let run = server.run(listener, std::future::ready(()));
            tokio::time::timeout(PATIENCE, run).await.unwrap()
        })
    };
    let refused = run(tls(&identity, None));
    assert!(
        matches!(refused, Err(ServeError::Open { .. })),
        "{refused:?}"
    );
    assert!(run(tls(&identity, Some(&authority))).is_ok());
}

#[test]
fn a_certificate_that_is_none_says_so() {
    let (one, other) = (Authority::new(), Authority::new());
    let (one, other) = (one.identity("a"), other.identity("a"));
    let told = |chain: &str, key: &str, clients: Option<&str>| {
        Tls::pem(chain.as_bytes(), key.as_bytes(), clients.map(str::as_bytes)).unwrap_err()
    };
    assert!(matches!(told("", &one.key, None), TlsError::Chain(_)));
    assert!(matches!(told(&one.chain, "", None), TlsError::Key(_)));
    assert!(matches!(
        told(&one.chain, &other.key, None),
        TlsError::Key(_)
    ));
    assert!(matches!(
        told(&one.chain, &one.key, Some("x")),
        TlsError::Clients(_)
    ));
    let damaged = one.chain.replace('M', "N");
    assert!(!matches!(
        told(&damaged, &one.key, None),
        TlsError::Clients(_)
    ));
}
