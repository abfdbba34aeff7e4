//! Admission of requests by the HTTP grants of a policy and by the call's usage of them. Our `http` and `wasi:http`
//! both pass here with every request.

pub mod connect;
pub mod credential;
mod escapes;
pub mod framing;
mod pace;
mod redirect;
mod spellings;
mod tls;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tollgate_policy::{HttpDecision, HttpGrant, Reason, Rule, Target, decide};

use crate::audit::Audit;

use crate::background::Background;
use crate::error::LimitReached;
use crate::granted::Granted;
use crate::held::{Gathered, HostMemory};
use crate::meter::Meter;
use crate::open_files::{Open, OpenFiles};
use crate::outgoing::Follower;
use crate::prices::PIECE_PRICE;
use crate::questions::{Answer, Questions, Request};
use connect::{RequestFailure, Stream};
use credential::{Known, Secret, SecretScanner};
pub use redirect::{HttpMethod, HttpRequest, HttpResponse};

/// The audit name of this capability.
pub const NAME: &str = "http";

/// The header that names a trace (W3C).
const TRACEPARENT: &str = "traceparent";

/// The HTTP client of one store. Clones share its state.
#[derive(Clone)]
pub struct HttpClient {
    granted: Arc<Granted>,
    audit: Arc<Audit>,
    /// The usage of each grant; `None` without grants. Shared by the clones.
    used: Option<Arc<[Used]>>,
    open_files: OpenFiles,
    questions: Questions,
    memory: HostMemory,
    background: Background,
}

#[derive(Default)]
struct Used {
    /// Requests of this call so far.
    requests: AtomicU32,
    /// Each open connection holds one more reference to it.
    open: Arc<()>,
}

/// One admitted request. It counts as an open connection until it is dropped.
pub struct AdmittedRequest {
    granted: Arc<Granted>,
    audit: Arc<Audit>,
    index: usize,
    known: Known,
    memory: HostMemory,
    background: Background,
    /// The answer that allowed it, if its grant asks.
    approved: Option<Answer>,
    follower: OnceLock<Box<dyn Follower>>,
    _open: Arc<()>,
    _descriptor: Open,
}

/// The part of a request that is denied.
enum DeniedPart<'a> {
    Request(Reason),
    /// This header of the request.
    Header(&'a str, Reason),
}

impl From<Reason> for DeniedPart<'_> {
    fn from(reason: Reason) -> Self {
        DeniedPart::Request(reason)
    }
}

impl HttpClient {
    /// Creates the client of one store of a provider.
    pub fn new(
        granted: Arc<Granted>,
        audit: Arc<Audit>,
        open_files: OpenFiles,
        questions: Questions,
        meter: &Meter,
    ) -> HttpClient {
        let grants = granted.grants.http.iter();
        HttpClient {
            used: (grants.len() > 0).then(|| grants.map(|_| Used::default()).collect()),
            granted,
            audit,
            open_files,
            questions,
            memory: meter.host_memory.clone(),
            background: meter.background.clone(),
        }
    }

    /// Resets the counts of requests for a call; open connections stay counted.
    pub fn begin_call(&self) {
        for used in self.used.iter().flat_map(|used| used.iter()) {
            used.requests.store(0, Ordering::Relaxed);
        }
    }

    /// Decides on one request before its addresses are known: by method, URL, headers, and the call's usage. Addresses
    /// are decided on in [`AdmittedRequest::connect`].
    ///
    /// # Errors
    ///
    /// The reason of the denial, which is noted.
    pub fn admit(
        &self,
        method: &str,
        target: &Target,
        headers: &HeaderMap,
    ) -> Result<UnapprovedRequest, Reason> {
        let admitted = self.decide(method, target, headers);
        let (request, ask) = admitted.map_err(|refused| match refused {
            DeniedPart::Request(reason) => self.refuse(target.as_str(), reason),
            DeniedPart::Header(name, reason) => self.refuse_header(target, name, reason),
        })?;
        let questions = ask.then(|| (self.questions.clone(), method.to_owned()));
        Ok(UnapprovedRequest { request, questions })
    }

    fn decide<'a>(
        &self,
        method: &str,
        target: &Target,
        headers: &'a HeaderMap,
    ) -> Result<(AdmittedRequest, bool), DeniedPart<'a>> {
        let HttpDecision { index, ask } = decide::http(&self.granted.grants, method, target)?;
        let grant = self
            .granted
            .grants
            .http
            .get(index)
            .ok_or(Reason::NotGranted)?;
        let used = self.used.as_ref().and_then(|used| used.get(index));
        let used = used.ok_or(Reason::NotGranted)?;
        framing::bound(headers)?;
        // The length frames the message; an interface that lets a guest set it checks it.
        for name in headers
            .keys()
            .filter(|name| *name != header::CONTENT_LENGTH)
        {
            let decision = decide::header(&self.granted.grants, index, name.as_str());
            decision.map_err(|reason| DeniedPart::Header(name.as_str(), reason))?;
        }
        // No overflow: a policy allows fewer than 2^32, and a call ends long before as many are refused.
        let before = used.requests.fetch_add(1, Ordering::Relaxed);
        if before >= grant.max_requests {
            return Err(Reason::TooManyRequests.into());
        }
        // `used` itself holds one reference.
        let open = Arc::clone(&used.open);
        if Arc::strong_count(&open).saturating_sub(1) > grant.max_connections as usize {
            return Err(Reason::TooManyConnections.into());
        }
        let descriptor = self.open_files.take().ok_or(Reason::TooManyOpenFiles)?;
        let credentials = &self.granted.credentials;
        let known = decide::known_credentials(&self.granted.grants, target);
        let request = AdmittedRequest {
            known: credentials.known(&known, &self.background),
            memory: self.memory.clone(),
            background: self.background.clone(),
            granted: Arc::clone(&self.granted),
            audit: Arc::clone(&self.audit),
            index,
            approved: None,
            follower: OnceLock::new(),
            _open: open,
            _descriptor: descriptor,
        };
        Ok((request, ask))
    }

    /// Notes a denial.
    pub fn refuse(&self, target: &str, reason: Reason) -> Reason {
        self.audit.denied(NAME, target, reason);
        reason
    }

    /// Notes that a request is denied because of one of its headers, with the header's name.
    pub fn refuse_header(&self, target: &Target, name: &str, reason: Reason) -> Reason {
        // A URL contains no space, so no URL equals this target.
        self.refuse(&format!("{} header {name}", target.as_str()), reason)
    }
}

/// An admitted request that may still need an answer.
pub struct UnapprovedRequest {
    request: AdmittedRequest,
    /// The questions of the store and the method, if the grant asks.
    questions: Option<(Questions, String)>,
}

impl UnapprovedRequest {
    /// Waits for the answer, if the grant asks. A URL with an address that is denied is no question.
    ///
    /// # Errors
    ///
    /// The reason of the denial, which is noted.
    pub async fn approved(self, target: &Target) -> Result<AdmittedRequest, Reason> {
        let UnapprovedRequest {
            mut request,
            questions,
        } = self;
        let Some((questions, method)) = questions else {
            return Ok(request);
        };
        if let Some(address) = target.address()
            && let Err(reason) = decide::address(address, request.grant()?)
        {
            return Err(request.refuse_address(target, reason, address));
        }
        let asked = Request {
            rule: Rule::http(request.index),
            action: &method,
            target: target.as_str(),
        };
        let answer = questions.approve(asked).await;
        request.approved = Some(answer.map_err(|reason| request.refuse(target.as_str(), reason))?);
        Ok(request)
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

    /// Completes the headers of a request to its server: with the secret of the grant, if it is to have it, and so that the
    /// response can be searched for each secret that the server may know.
    ///
    /// # Errors
    ///
    /// [`Reason::HeadTooLarge`] if there is no room for them.
    pub fn prepare(&self, headers: &mut HeaderMap, with_secret: bool) -> Result<(), Reason> {
        self.known.prepare(headers)?;
        match self.secret() {
            Some(secret) if with_secret => secret.add_to(headers),
            _ => Ok(()),
        }
    }

    /// Tells those that follow requests that this one goes out. Then it names their trace, and none of the guest's own.
    pub fn follow(&self, method: &str, target: &Target, headers: &mut HeaderMap) {
        let Some(follower) = self.audit.requested(method, target.as_str()) else {
            return;
        };
        for name in [TRACEPARENT, "tracestate"] {
            headers.remove(name);
        }
        let value = follower.traceparent();
        if let Some(value) = value.and_then(|it| HeaderValue::try_from(it).ok()) {
            // A head without room for it is sent without.
            let _ = framing::set(headers, HeaderName::from_static(TRACEPARENT), value);
        }
        let _ = self.follower.set(follower);
    }

    /// Tells those that follow requests of the response to this one.
    pub fn answered(&self, status: StatusCode) {
        let follower = self.follower.get();
        follower.inspect(|follower| follower.answered(status.as_u16()));
    }

    /// Whether a response with these headers, or trailers, is withheld: one of them holds a secret that the server may
    /// know, or they say that the body is a part of the whole or encoded, so that it cannot be searched.
    ///
    /// # Errors
    ///
    /// The limit `fuel`.
    pub fn withholds(&self, headers: &HeaderMap) -> Result<bool, LimitReached> {
        self.known.withholds(headers)
    }

    /// The search of the body of the response; none if the server knows no secret.
    pub fn scanner(&self) -> Option<SecretScanner> {
        self.known.scanner()
    }

    /// Holds bytes of the response for the guest until [`AdmittedRequest::release`].
    ///
    /// # Errors
    ///
    /// The limit `host-memory`, which ends the call when the guest comes back.
    pub fn hold(&self, bytes: u64) -> Result<(), LimitReached> {
        let held = self.memory.hold(bytes);
        held.inspect_err(|_| self.background.lacks_memory())
    }

    /// Charges for a piece of the body that has less bytes than it costs to read: the server chooses the pieces.
    ///
    /// # Errors
    ///
    /// The limit `fuel`, which ends the call when the guest comes back.
    pub fn pay_for_piece(&self, bytes: usize) -> Result<(), LimitReached> {
        self.background
            .charge(PIECE_PRICE.saturating_sub(bytes as u64))
    }

    /// The host no longer holds these bytes.
    pub fn release(&self, bytes: u64) {
        self.memory.release(bytes);
    }

    /// A body that is gathered for the guest.
    fn gathered(&self) -> Gathered {
        Gathered::new(self.memory.clone())
    }

    fn secret(&self) -> Option<&Secret> {
        self.granted.credentials.of(self.index)
    }

    /// Decides on the addresses of the host and connects. That the request is allowed is noted before, since a look-up
    /// goes out as well; an address that is denied is then noted by the caller.
    pub async fn connect(&self, target: &Target) -> Result<Stream, RequestFailure> {
        let grant = self.grant()?;
        if let Some(address) = target.address() {
            connect::decide_on(address, grant)?;
        }
        self.audit.approved(NAME, target.as_str(), self.approved);
        let look_ups = &self.granted.share.look_ups;
        let egress = &self.granted.egress;
        egress.connect(grant, target, look_ups).await
    }

    /// Notes a denial.
    pub fn refuse(&self, target: &str, reason: Reason) -> Reason {
        self.audit.denied(NAME, target, reason);
        reason
    }

    /// Notes that a request is denied because of an address of its host.
    pub fn refuse_address(&self, target: &Target, reason: Reason, address: IpAddr) -> Reason {
        self.audit
            .denied_address(NAME, target.as_str(), reason, address);
        reason
    }
}
