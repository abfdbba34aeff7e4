//! What a guest may send: the HTTP grants of its policy, and what of them the call has used. Our `http` and
//! `wasi:http` are both admitted here, request by request.

use std::sync::Arc;

use http::{HeaderMap, header};
use tollgate_policy::{HttpGrant, Reason, Target, decide};

use crate::audit::Audit;
use crate::egress::{Stream, Trouble};
use crate::reach::Reach;
use crate::secrets::Secret;

/// The audit name of this capability.
pub(crate) const NAME: &str = "http";

/// The way out of one store.
pub(crate) struct Outgoing {
    reach: Arc<Reach>,
    audit: Arc<Audit>,
    /// One for each of the grants.
    used: Vec<Used>,
}

#[derive(Default)]
struct Used {
    /// Requests of this call so far.
    requests: u32,
    /// Held once more by each open connection.
    open: Arc<()>,
}

/// One admitted request. It counts as an open connection until it is dropped.
pub(crate) struct Pass {
    reach: Arc<Reach>,
    audit: Arc<Audit>,
    index: usize,
    _open: Arc<()>,
}

/// What is wrong with a request.
enum Refused<'a> {
    Request(Reason),
    /// This header of it.
    Header(&'a str, Reason),
}

impl From<Reason> for Refused<'_> {
    fn from(reason: Reason) -> Self {
        Refused::Request(reason)
    }
}

impl Outgoing {
    pub(crate) fn new(reach: Arc<Reach>, audit: Arc<Audit>) -> Outgoing {
        let grants = reach.grants.http.iter();
        Outgoing {
            used: grants.map(|_| Used::default()).collect(),
            reach,
            audit,
        }
    }

    /// Requests are counted anew in each call; what is still open stays counted.
    pub(crate) fn begin_call(&mut self) {
        for used in &mut self.used {
            used.requests = 0;
        }
    }

    /// Decides on one request by all that is known before an address is: method, URL, headers, and what
    /// the call has used. Addresses are decided on when they are known, in [`Pass::connect`].
    pub(crate) fn admit(
        &mut self,
        method: &str,
        target: &Target,
        headers: &HeaderMap,
    ) -> Result<Pass, Reason> {
        let pass = self.decide(method, target, headers);
        pass.map_err(|refused| match refused {
            Refused::Request(reason) => self.refuse(target.as_str(), reason),
            Refused::Header(name, reason) => self.refuse_header(target, name, reason),
        })
    }

    fn decide<'a>(
        &mut self,
        method: &str,
        target: &Target,
        headers: &'a HeaderMap,
    ) -> Result<Pass, Refused<'a>> {
        let index = decide::http(&self.reach.grants, method, target)?;
        let grant = self
            .reach
            .grants
            .http
            .get(index)
            .ok_or(Reason::NotGranted)?;
        let used = self.used.get_mut(index).ok_or(Reason::NotGranted)?;
        // The length frames the message; who lets a guest set it has to check it.
        for name in headers
            .keys()
            .filter(|name| *name != header::CONTENT_LENGTH)
        {
            let decision = decide::header(&self.reach.grants, index, name.as_str());
            decision.map_err(|reason| Refused::Header(name.as_str(), reason))?;
        }
        used.requests = used.requests.saturating_add(1);
        if used.requests > grant.max_requests {
            return Err(Reason::TooManyRequests.into());
        }
        // One of the holders is `used` itself.
        let open = Arc::clone(&used.open);
        if Arc::strong_count(&open).saturating_sub(1) > grant.max_connections as usize {
            return Err(Reason::TooManyConnections.into());
        }
        Ok(Pass {
            reach: Arc::clone(&self.reach),
            audit: Arc::clone(&self.audit),
            index,
            _open: open,
        })
    }

    /// Notes a denial.
    pub(crate) fn refuse(&self, target: &str, reason: Reason) -> Reason {
        self.audit.denied(NAME, target, reason);
        reason
    }

    /// Notes that a request is denied because of one of its headers, and which.
    pub(crate) fn refuse_header(&self, target: &Target, name: &str, reason: Reason) -> Reason {
        // A URL has no space in it, so this is none.
        self.refuse(&format!("{} header {name}", target.as_str()), reason)
    }
}

impl Pass {
    /// The grant that admitted it.
    pub(crate) fn grant(&self) -> Result<&HttpGrant, Reason> {
        self.reach
            .grants
            .http
            .get(self.index)
            .ok_or(Reason::NotGranted)
    }

    /// The secret that goes with it, if one does.
    pub(crate) fn secret(&self) -> Option<&Secret> {
        self.reach.secrets.of(self.index)
    }

    /// A connection to the host, its addresses decided on.
    pub(crate) async fn connect(&self, target: &Target) -> Result<Stream, Trouble> {
        self.reach.egress.connect(self.grant()?, target).await
    }

    /// Notes a denial.
    pub(crate) fn refuse(&self, target: &str, reason: Reason) -> Reason {
        self.audit.denied(NAME, target, reason);
        reason
    }

    /// Notes that the request is sent.
    pub(crate) fn allowed(&self, target: &Target) {
        self.audit.allowed(NAME, target.as_str());
    }
}
