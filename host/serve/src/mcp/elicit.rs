//! Questions of rules that ask, put to the client of a session, which shows them to its user.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{ClientResult, ElicitRequest, ElicitResult, ElicitationAction, ServerRequest};
use rmcp::service::{PeerRequestOptions, RequestHandle, ServiceError};
use rmcp::{Peer, RoleServer};
use serde_json::json;
use tollgate::approve::{Answer, Approver, PendingAnswer, Question};

/// The answers for the session of a client, by provider and rule: each call of a tool is a session of its own.
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<Mutex<BTreeMap<Key, Answer>>>);

type Key = (String, String);

impl Answers {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<Key, Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The user of a client.
struct Client {
    peer: Peer<RoleServer>,
    answers: Answers,
}

/// The user of a client that can be asked: it has opened a session, in which it may be sent requests, and shows forms.
pub(super) fn approver(peer: &Peer<RoleServer>, answers: &Answers) -> Option<Arc<dyn Approver>> {
    let client = peer.peer_info()?;
    let shows = client.capabilities.elicitation.as_ref()?;
    // A client that names no kind shows forms.
    let shows_forms = shows.form.is_some() || shows.url.is_none();
    shows_forms.then(|| -> Arc<dyn Approver> {
        Arc::new(Client {
            peer: peer.clone(),
            answers: answers.clone(),
        })
    })
}

impl Approver for Client {
    fn answer(&self, question: Question) -> PendingAnswer {
        let key = (question.provider.clone(), question.rule_text.clone());
        let known = self.answers.locked().get(&key).copied();
        let (peer, answers) = (self.peer.clone(), self.answers.clone());
        Box::pin(async move {
            if let Some(known) = known {
                return known;
            }
            // A user who does not answer is not asked again.
            let mut open = Open {
                answers,
                key,
                answer: Some(Answer::No),
                request: None,
            };
            let answer = open.ask(&peer, &question).await.unwrap_or(Answer::No);
            open.answer = (answer != Answer::Once).then_some(answer);
            open.request = None;
            answer
        })
    }
}

/// A question that is open; once it is dropped, its answer is kept, and a request that has none is cancelled.
struct Open {
    answers: Answers,
    key: Key,
    answer: Option<Answer>,
    request: Option<RequestHandle<RoleServer>>,
}

impl Open {
    async fn ask(
        &mut self,
        peer: &Peer<RoleServer>,
        question: &Question,
    ) -> Result<Answer, ServiceError> {
        let request = request(question).ok_or(ServiceError::UnexpectedResponse)?;
        let options = PeerRequestOptions::no_options();
        let sent = peer.send_cancellable_request(request, options).await?;
        let sent = self.request.insert(sent);
        let result = (&mut sent.rx).await;
        match result.map_err(|_| ServiceError::TransportClosed)?? {
            ClientResult::ElicitResult(result) => Ok(read(&result)),
            _ => Err(ServiceError::UnexpectedResponse),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(answer) = self.answer {
            let key = std::mem::take(&mut self.key);
            self.answers.locked().insert(key, answer);
        }
        let request = self.request.take();
        if let (Some(request), Ok(tokio)) = (request, tokio::runtime::Handle::try_current()) {
            let reason = Some("the question is withdrawn".to_owned());
            tokio.spawn(async move { request.cancel(reason).await });
        }
    }
}

/// The question as a form of one field.
fn request(question: &Question) -> Option<ServerRequest> {
    let rule_text = &question.rule_text;
    let params = json!({
        "mode": "form",
        "message": format!("{question} (rule: {rule_text})"),
        "requestedSchema": {
            "type": "object",
            "properties": {
                "answer": {
                    "type": "string",
                    "title": "Allow it?",
                    "description": "once: this request; session: all that the rule allows, until this session ends",
                    "enum": ["no", "once", "session"],
                    "default": "no",
                },
            },
            "required": ["answer"],
        },
    });
    let params = serde_json::from_value(params).ok()?;
    Some(ServerRequest::ElicitRequest(ElicitRequest::new(params)))
}

fn read(result: &ElicitResult) -> Answer {
    let answer = result.content.as_ref().and_then(|it| it.get("answer"));
    match (&result.action, answer.and_then(|answer| answer.as_str())) {
        (ElicitationAction::Accept, Some("once")) => Answer::Once,
        (ElicitationAction::Accept, Some("session")) => Answer::Session,
        _ => Answer::No,
    }
}
