//! What a guest may send: the HTTP grants of its policy, and what of them the call has used. Our `http` and
//! `wasi:http` are both admitted here, request by request.

pub mod connect;
pub mod credential;
mod redirect;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{HeaderMap, header};
use tollgate_policy::{HttpGrant, Reason, Target, decide};

use crate::audit::Audit;

use crate::granted::Granted;
use connect::{RequestFailure, Stream};
use credential::Secret;
pub use redirect::{HttpMethod, HttpRequest, HttpResponse};

/// The audit name of this capability.
pub const NAME: &str = "http";

/// The HTTP client of one store. Clones are the same client.
#[derive(Clone)]
pub struct HttpClient {
    granted: Arc<Granted>,
    audit: Arc<Audit>,
    /// One for each of the grants; none where there are none. Shared by the clones of one store's client.
    used: Option<Arc<[Used]>>,
}

#[derive(Default)]
struct Used {
    /// Requests of this call so far.
    requests: AtomicU32,
    /// Held once more by each open connection.
    open: Arc<()>,
}

/// One admitted request. It counts as an open connection until it is dropped.
pub struct AdmittedRequest {
    granted: Arc<Granted>,
    audit: Arc<Audit>,
    index: usize,
    _open: Arc<()>,
}

/// What is wrong with a request.
enum DeniedPart<'a> {
    Request(Reason),
    /// This header of it.
    Header(&'a str, Reason),
}

impl From<Reason> for DeniedPart<'_> {
    fn from(reason: Reason) -> Self {
        DeniedPart::Request(reason)
    }
}

impl HttpClient {
    /// For one store of a provider.
    pub fn new(granted: Arc<Granted>, audit: Arc<Audit>) -> HttpClient {
        let grants = granted.grants.http.iter();
        HttpClient {
            used: (grants.len() > 0).then(|| grants.map(|_| Used::default()).collect()),
            granted,
            audit,
        }
    }

    /// Requests are counted anew in each call; what is still open stays counted.
    pub fn begin_call(&self) {
        for used in self.used.iter().flat_map(|used| used.iter()) {
            used.requests.store(0, Ordering::Relaxed);
        }
    }

    /// Decides on one request by all that is known before an address is: method, URL, headers, and what
    /// the call has used. Addresses are decided on when they are known, in [`AdmittedRequest::connect`].
    ///
    /// # Errors
    ///
    /// The reason for which it is denied, which is noted.
    pub fn admit(
        &self,
        method: &str,
        target: &Target,
        headers: &HeaderMap,
    ) -> Result<AdmittedRequest, Reason> {
        let admitted = self.decide(method, target, headers);
        admitted.map_err(|refused| match refused {
            DeniedPart::Request(reason) => self.refuse(target.as_str(), reason),
            DeniedPart::Header(name, reason) => self.refuse_header(target, name, reason),
        })
    }

    fn decide<'a>(
        &self,
        method: &str,
        target: &Target,
        headers: &'a HeaderMap,
    ) -> Result<AdmittedRequest, DeniedPart<'a>> {
        let index = decide::http(&self.granted.grants, method, target)?;
        let grant = self
            .granted
            .grants
            .http
            .get(index)
            .ok_or(Reason::NotGranted)?;
        let used = self.used.as_ref().and_then(|used| used.get(index));
        let used = used.ok_or(Reason::NotGranted)?;
        // The length frames the message; the interface that lets a guest set it checks it.
        for name in headers
            .keys()
            .filter(|name| *name != header::CONTENT_LENGTH)
        {
            let decision = decide::header(&self.granted.grants, index, name.as_str());
            decision.map_err(|reason| DeniedPart::Header(name.as_str(), reason))?;
        }
        // A policy allows fewer than 2^32, and a call ends long before as many are refused.
        let before = used.requests.fetch_add(1, Ordering::Relaxed);
        if before >= grant.max_requests {
            return Err(Reason::TooManyRequests.into());
        }
        // One of the holders is `used` itself.
        let open = Arc::clone(&used.open);
        if Arc::strong_count(&open).saturating_sub(1) > grant.max_connections as usize {
            return Err(Reason::TooManyConnections.into());
        }
        Ok(AdmittedRequest {
            granted: Arc::clone(&self.granted),
            audit: Arc::clone(&self.audit),
            index,
            _open: open,
        })
    }

    /// Notes a denial.
    pub fn refuse(&self, target: &str, reason: Reason) -> Reason {
        self.audit.denied(NAME, target, reason);
        reason
    }

    /// Notes that a request is denied because of one of its headers, and which.
    pub fn refuse_header(&self, target: &Target, name: &str, reason: Reason) -> Reason {
        // A URL has no space in it, so this is none.
        self.refuse(&format!("{} header {name}", target.as_str()), reason)
    }
}

impl AdmittedRequest {
    /// The grant that admitted it.
    pub fn grant(&self) -> Result<&HttpGrant, Reason> {
        self.granted
            .grants
            .http
            .get(self.index)
            .ok_or(Reason::NotGranted)
    }

    /// The secret that goes with it, if one does.
    pub fn secret(&self) -> Option<&Secret> {
        self.granted.credentials.of(self.index)
    }

    /// A connection to the host, its addresses decided on.
    pub async fn connect(&self, target: &Target) -> Result<Stream, RequestFailure> {
        self.granted.egress.connect(self.grant()?, target).await
    }

    /// Notes a denial.
    pub fn refuse(&self, target: &str, reason: Reason) -> Reason {
        self.audit.denied(NAME, target, reason);
        reason
    }

    /// Notes that the request is sent.
    pub fn allowed(&self, target: &Target) {
        self.audit.allowed(NAME, target.as_str());
    }
}
