//! TLS: the certificate of the server, and those of its callers.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use thiserror::Error;

/// The protocols of HTTP, the preferred one first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate and the key of a server, for TLS 1.2 and 1.3.
#[derive(Clone)]
pub struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    /// Whether callers need a certificate.
    pub(crate) has_clients: bool,
}

/// The reason why a certificate or a key is not used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The chain of certificates has none, or is damaged.
    #[error("{0}")]
    Chain(String),
    /// The key is missing or damaged, or it is not that of the certificate.
    #[error("{0}")]
    Key(String),
    /// The authorities of callers are missing or damaged.
    #[error("{0}")]
    Clients(String),
}

impl Tls {
    /// Reads the chain of certificates of the server, its own first, and the key of that one, both in PEM. With `clients`,
    /// certificate authorities in PEM, only callers with a certificate of one of them are let in.
    ///
    /// # Errors
    ///
    /// A text has no certificate or no key, it is damaged, or the key is not the certificate's.
    pub fn pem(chain: &[u8], key: &[u8], clients: Option<&[u8]>) -> Result<Tls, TlsError> {
        let chain = certificates(chain).map_err(TlsError::Chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            rustls::pki_types::pem::Error::NoItemsFound => {
                let why = "no private key in PEM; it has a line of `-----BEGIN PRIVATE KEY-----`";
                TlsError::Key(why.to_owned())
            }
            error => TlsError::Key(error.to_string()),
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Chain(error.to_string()))?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authorities) => {
                let clients = |error: rustls::Error| TlsError::Clients(error.to_string());
                let mut roots = RootCertStore::empty();
                for authority in certificates(authorities).map_err(TlsError::Clients)? {
                    roots.add(authority).map_err(clients)?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .map_err(|error| TlsError::Clients(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| TlsError::Key(error.to_string()))?;
        config.alpn_protocols = PROTOCOLS.map(Vec::from).into();
        Ok(Tls {
            config: Arc::new(config),
            has_clients: clients.is_some(),
        })
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| error.to_string())?;
    match found.is_empty() {
        true => {
            Err("no certificate in PEM; it has lines of `-----BEGIN CERTIFICATE-----`".to_owned())
        }
        false => Ok(found),
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Tls");
        shown.field("has_clients", &self.has_clients);
        shown.finish_non_exhaustive()
    }
}
