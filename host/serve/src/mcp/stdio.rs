//! Messages over two streams of bytes, one a line. A client can send lines without an end, requests without waiting for
//! answers, and take no answer: each has a bound here, before the crate of the protocol sees a message.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ErrorData, GetExtensions as _, JsonRpcError,
    RequestId, ServerJsonRpcMessage, ServerNotification,
};
use rmcp::transport::Transport;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tollgate::escape;

use crate::mcp::message::{Arguments, ENVELOPE, busy, invalid, take_apart};
use crate::problem::Problem;
use crate::request;
use crate::shared::Shared;

/// The time for the last answers, once the client has sent all or the server is to stop.
const LAST: Duration = Duration::from_secs(1);

/// The place of a request among those at once. Its handler holds it, and so does its answer until it is written.
#[derive(Clone)]
struct Place(#[expect(dead_code, reason = "held")] Arc<OwnedSemaphorePermit>);

type UnderWay = Arc<Mutex<HashMap<RequestId, Place>>>;

pub(super) struct Stdio<R> {
    shared: Arc<Shared>,
    read: BufReader<R>,
    /// The line that has begun.
    line: BytesMut,
    /// Whether the rest of it is passed over.
    is_too_long: bool,
    is_over: bool,
    places: Arc<Semaphore>,
    under_way: UnderWay,
    /// The requests of this server that have no answer yet.
    asked: Arc<Mutex<HashSet<RequestId>>>,
    /// The answer to a message that goes no further.
    refusal: Option<Box<JsonRpcError>>,
    answers: Option<mpsc::Sender<Answer>>,
    writer: JoinHandle<()>,
}

/// A line of the server, and whom to tell that it is written.
struct Answer(String, Option<oneshot::Sender<()>>);

impl<R: AsyncRead + Send + Unpin> Stdio<R> {
    pub(super) fn new<W>(shared: Arc<Shared>, read: R, write: W) -> Stdio<R>
    where
        W: AsyncWrite + Send + Unpin + 'static,
    {
        // Those that wait to be written wait with their place.
        let (answers, lines) = mpsc::channel(1);
        let most = shared.bounds.requests.clamp(1, Semaphore::MAX_PERMITS);
        Stdio {
            shared,
            read: BufReader::new(read),
            line: BytesMut::new(),
            is_too_long: false,
            is_over: false,
            places: Arc::new(Semaphore::new(most)),
            under_way: UnderWay::default(),
            asked: Arc::default(),
            refusal: None,
            answers: Some(answers),
            writer: tokio::spawn(write_all(write, lines)),
        }
    }

    /// The next line without its end, or why there is none. A call that is dropped loses nothing.
    async fn next(&mut self) -> Option<Result<Bytes, ErrorData>> {
        let most = usize::try_from(self.shared.bounds.body).unwrap_or(usize::MAX);
        let most = most.saturating_add(ENVELOPE);
        while !self.is_over {
            let piece = self.read.fill_buf().await.unwrap_or_else(|error| {
                tracing::debug!(%error, "the client's stream ended");
                &[]
            });
            // A last line may have no end.
            self.is_over = piece.is_empty();
            let end = piece.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(piece.len());
            if self.line.len().saturating_add(taken) > most {
                self.is_too_long = true;
            }
            match self.is_too_long {
                true => self.line = BytesMut::new(),
                false => self
                    .line
                    .extend_from_slice(piece.get(..taken).unwrap_or_default()),
            }
            let read = taken.saturating_add(usize::from(end.is_some()));
            self.read.consume(read);
            if end.is_none() && !self.is_over {
                continue;
            }
            if std::mem::take(&mut self.is_too_long) {
                let detail = format!("the message has more than {most} bytes");
                return Some(Err(invalid(detail)));
            }
            // Each line has memory of its own, so that a short one holds none of a long one.
            let line = std::mem::take(&mut self.line).freeze();
            if !line.trim_ascii().is_empty() {
                return Some(Ok(line));
            }
        }
        None
    }

    /// A message that goes on to the crate of the protocol, or the answer to one that does not.
    fn admit(
        &mut self,
        line: Result<Bytes, ErrorData>,
    ) -> Result<Option<ClientJsonRpcMessage>, Box<JsonRpcError>> {
        let taken = line.and_then(|line| take_apart(&line));
        let taken = taken.map_err(|error| refused(None, error))?;
        match taken.message {
            ClientJsonRpcMessage::Request(mut message) => {
                let mut under_way = locked(&self.under_way);
                if under_way.contains_key(&message.id) {
                    let error = invalid("a request of this id is under way".to_owned());
                    return Err(refused(None, error));
                }
                let busy = |detail: &str| refused(Some(message.id.clone()), busy(detail));
                let place = Arc::clone(&self.places).try_acquire_owned();
                let place = place.map_err(|_| busy("too many requests at once; retry"))?;
                let room = request::room(&self.shared, taken.arguments.len());
                let room = room.map_err(|problem: Problem| busy(problem.detail()))?;
                let place = Place(Arc::new(place));
                under_way.insert(message.id.clone(), place.clone());
                let extensions = message.request.extensions_mut();
                extensions.insert(place);
                extensions.insert(Arguments::new(taken.arguments, room));
                Ok(Some(ClientJsonRpcMessage::Request(message)))
            }
            // The only notification with an effect, and only for a request under way. Others would each start a task.
            ClientJsonRpcMessage::Notification(message) => {
                let ClientNotification::CancelledNotification(cancelled) = &message.notification
                else {
                    return Ok(None);
                };
                let id = cancelled.params.request_id.as_ref();
                let known = id.and_then(|id| locked(&self.under_way).remove(id));
                Ok(known.map(|_| ClientJsonRpcMessage::Notification(message)))
            }
            // The client answers what this server has asked, once.
            ClientJsonRpcMessage::Response(message) => {
                let is_asked = asked(&self.asked).remove(&message.id);
                Ok(is_asked.then_some(ClientJsonRpcMessage::Response(message)))
            }
            ClientJsonRpcMessage::Error(message) => {
                let id = message.id.as_ref();
                let is_asked = id.is_some_and(|id| asked(&self.asked).remove(id));
                Ok(is_asked.then_some(ClientJsonRpcMessage::Error(message)))
            }
        }
    }
}

impl<R: AsyncRead + Send + Unpin + 'static> Transport<RoleServer> for Stdio<R> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let (answers, under_way) = (self.answers.clone(), Arc::clone(&self.under_way));
        if let ServerJsonRpcMessage::Request(request) = &message {
            asked(&self.asked).insert(request.id.clone());
        }
        if let Some(id) = withdrawn(&message) {
            asked(&self.asked).remove(id);
        }
        async move {
            let id = match &message {
                ServerJsonRpcMessage::Response(response) => Some(&response.id),
                ServerJsonRpcMessage::Error(error) => error.id.as_ref(),
                _ => None,
            };
            // A client that has the answer may use the identifier again.
            let place = id.and_then(|id| locked(&under_way).remove(id));
            let text = text(&message)?;
            drop(message);
            let (done, written) = oneshot::channel();
            let gone = || io::Error::from(ErrorKind::BrokenPipe);
            let answers = answers.ok_or_else(gone)?;
            let sent = answers.send(Answer(text, Some(done))).await;
            let sent = sent.map_err(|_| gone());
            let written = written.await.map_err(|_| gone());
            drop(place);
            sent.and(written)
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            let answers = self.answers.as_ref()?;
            if self.refusal.is_some() {
                // A client that takes no answer is not heard.
                let place = answers.reserve().await.ok()?;
                if let Some(refusal) = self.refusal.take() {
                    let text = text(&ServerJsonRpcMessage::Error(*refusal)).ok()?;
                    place.send(Answer(text, None));
                }
            }
            let line = self.next().await?;
            match self.admit(line) {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(refusal) => self.refusal = Some(refusal),
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.answers = None;
        let _ = timeout(LAST, &mut self.writer).await;
        self.writer.abort();
        Ok(())
    }
}

fn refused(id: Option<RequestId>, error: ErrorData) -> Box<JsonRpcError> {
    Box::new(JsonRpcError::new(id, error))
}

/// A message as one line, escaped for a terminal: it may have text of a guest.
fn text(message: &ServerJsonRpcMessage) -> io::Result<String> {
    let text = serde_json::to_string(message)?;
    let mut text = escape::json(&text).into_owned();
    text.push('\n');
    Ok(text)
}

async fn write_all(
    mut write: impl AsyncWrite + Send + Unpin + 'static,
    mut lines: mpsc::Receiver<Answer>,
) {
    while let Some(Answer(line, done)) = lines.recv().await {
        if let Err(error) = write.write_all(line.as_bytes()).await {
            tracing::debug!(%error, "the client takes no answers");
            break;
        }
        if write.flush().await.is_err() {
            break;
        }
        let _ = done.map(|done| done.send(()));
    }
}

/// The request of this server that it takes back.
fn withdrawn(message: &ServerJsonRpcMessage) -> Option<&RequestId> {
    let ServerJsonRpcMessage::Notification(message) = message else {
        return None;
    };
    match &message.notification {
        ServerNotification::CancelledNotification(cancelled) => {
            cancelled.params.request_id.as_ref()
        }
        _ => None,
    }
}

fn asked(asked: &Mutex<HashSet<RequestId>>) -> MutexGuard<'_, HashSet<RequestId>> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}

fn locked(under_way: &UnderWay) -> MutexGuard<'_, HashMap<RequestId, Place>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}
