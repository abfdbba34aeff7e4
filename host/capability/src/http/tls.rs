//! TLS of requests: certificate authorities, and the handshake. The feature `http` has it; without it no policy that grants
//! requests is loaded, so nothing connects.

use super::pace::Duplex;

/// The TLS of all requests of a runtime.
pub(super) struct Tls {
    /// Certificate authorities beside the platform's, in DER.
    #[cfg(feature = "http")]
    certificates: Vec<Vec<u8>>,
    /// Made with the first request that needs it, or by [`Tls::prepare`]: reading the platform's authorities takes
    /// milliseconds.
    #[cfg(feature = "http")]
    config: std::sync::OnceLock<std::sync::Arc<rustls::ClientConfig>>,
}

#[cfg(feature = "http")]
impl Tls {
    pub(super) fn new(certificates: Vec<Vec<u8>>) -> Tls {
        let config = std::sync::OnceLock::new();
        Tls {
            certificates,
            config,
        }
    }

    /// Reads the certificate authorities now.
    pub(super) fn prepare(&self) {
        drop(self.config());
    }

    /// An encrypted connection through `stream`, to a server that proves that it is `host`; `None` if it does not.
    pub(super) async fn encrypt(
        &self,
        host: &str,
        stream: impl Duplex + 'static,
    ) -> Option<Box<dyn Duplex>> {
        let name = rustls::pki_types::ServerName::try_from(host.to_owned());
        let connector = tokio_rustls::TlsConnector::from(self.config());
        let encrypted = connector.connect(name.ok()?, stream).await;
        Some(Box::new(encrypted.ok()?))
    }

    fn config(&self) -> std::sync::Arc<rustls::ClientConfig> {
        std::sync::Arc::clone(self.config.get_or_init(|| {
            let mut roots = rustls::RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            let own = self.certificates.iter().cloned();
            roots.add_parsable_certificates(own.map(rustls::pki_types::CertificateDer::from));
            let config = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
                rustls::crypto::ring::default_provider(),
            ));
            // The provider supports the default versions; if it did not, no connection would be made.
            let config = match config.with_safe_default_protocol_versions() {
                Ok(config) => config.with_root_certificates(roots).with_no_client_auth(),
                Err(error) => {
                    tracing::error!(%error, "TLS cannot be set up");
                    rustls::ClientConfig::builder()
                        .with_root_certificates(rustls::RootCertStore::empty())
                        .with_no_client_auth()
                }
            };
            std::sync::Arc::new(config)
        }))
    }
}

#[cfg(not(feature = "http"))]
#[allow(clippy::unused_self, reason = "as with the feature")]
impl Tls {
    pub(super) fn new(_certificates: Vec<Vec<u8>>) -> Tls {
        Tls {}
    }

    pub(super) fn prepare(&self) {}

    #[allow(clippy::unused_async, reason = "as with the feature")]
    pub(super) async fn encrypt(
        &self,
        _host: &str,
        _stream: impl Duplex + 'static,
    ) -> Option<Box<dyn Duplex>> {
        None
    }
}
