//! The bodies of a request that a guest answers: the client's, under `host-data`, and the guest's, which ends well only if the
//! call does.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use thiserror::Error;
use tokio::sync::oneshot;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, WasiBody};

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

/// The body of a request, up to the limit `host-data`. It is read as the guest asks for it.
pub(super) struct RequestBody<B> {
    /// `None` once it has failed: a guest that asks again gets no more.
    body: Option<Pin<Box<B>>>,
    left: u64,
    most: u64,
}

impl<B> RequestBody<B> {
    pub(super) fn new(body: B, most: u64) -> RequestBody<B> {
        RequestBody {
            body: Some(Box::pin(body)),
            left: most,
            most,
        }
    }

    fn counted(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Error> {
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        let left = self.left.checked_sub(length);
        self.left = left.ok_or(Error::HttpRequestBodySize(Some(self.most)))?;
        Ok(frame)
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = match ready!(body.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => self.counted(frame),
            Some(Err(error)) => Err(failure(&*error.into())),
            None => return Poll::Ready(None),
        };
        if frame.is_err() {
            self.body = None;
        }
        Poll::Ready(Some(frame))
    }
}

/// The error of `wasi:http` for a body that the client does not send to its end.
fn failure(error: &(dyn StdError + 'static)) -> Error {
    match error.downcast_ref::<std::io::Error>() {
        Some(error) if error.kind() == ErrorKind::TimedOut => Error::ConnectionReadTimeout,
        _ => Error::ConnectionTerminated,
    }
}

/// An error of such a body as a guest gets it.
pub(super) fn code(error: &Error) -> Option<ErrorCode> {
    match error {
        Error::HttpRequestBodySize(most) => Some(ErrorCode::HttpRequestBodySize(*most)),
        Error::ConnectionReadTimeout => Some(ErrorCode::ConnectionReadTimeout),
        Error::ConnectionTerminated => Some(ErrorCode::ConnectionTerminated),
        _ => None,
    }
}

/// The body of a response of a guest. Pieces come as the guest writes them; those that wait are bounded, and the guest waits for
/// room.
///
/// Its end comes once the call has ended, and only if it ended well: a reader that has the whole body knows that no limit was
/// reached, and that the guest has finished it. A body of a declared length holds its last piece back until then.
///
/// A guest that waits for room stops when the body is dropped: it finds its stream closed.
#[derive(Debug)]
pub struct ResponseBody {
    body: WasiBody,
    /// The bytes that are still to come, if the guest has declared how many.
    left: Option<u64>,
    whole: Whole,
    stage: Stage,
}

/// Whether the call has ended well, once it has ended.
#[derive(Debug)]
enum Whole {
    Unknown(oneshot::Receiver<()>),
    Known(bool),
}

impl Whole {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if let Whole::Unknown(told) = self {
            *self = Whole::Known(ready!(Pin::new(told).poll(cx)).is_ok());
        }
        match self {
            Whole::Known(well) => Poll::Ready(*well),
            Whole::Unknown(_) => Poll::Pending,
        }
    }
}

#[derive(Debug)]
enum Stage {
    Coming,
    /// All has come, with the last frame. The call has not ended.
    Ending(Option<Frame<Bytes>>),
    Ended,
}

/// The body of a response is not whole: the guest did not finish it, or its call ended with a fault or was dropped. The report of
/// the call tells why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the body of the response is not whole: the call of the guest did not end well")]
pub struct Incomplete;

impl ResponseBody {
    pub(super) fn new(
        body: WasiBody,
        declared: Option<u64>,
        whole: oneshot::Receiver<()>,
    ) -> ResponseBody {
        let is_empty = body.is_end_stream() && declared.is_none() || declared == Some(0);
        let stage = match is_empty {
            true => Stage::Ending(None),
            false => Stage::Coming,
        };
        ResponseBody {
            body,
            left: declared,
            whole: Whole::Unknown(whole),
            stage,
        }
    }

    /// Whether it has no bytes. Its end still comes with that of the call.
    pub fn is_empty(&self) -> bool {
        matches!(self.stage, Stage::Ending(None) | Stage::Ended)
    }

    /// The next stage, of the next frame of the guest's; `None` if the frame is passed on.
    fn advance(
        &mut self,
        frame: Option<Result<Frame<Bytes>, Error>>,
    ) -> Result<Option<Frame<Bytes>>, Incomplete> {
        let Some(frame) = frame.transpose().map_err(|_| Incomplete)? else {
            self.stage = Stage::Ending(None);
            return Ok(None);
        };
        if let (Some(left), Some(data)) = (&mut self.left, frame.data_ref()) {
            // The call of a guest that writes more does not end well.
            *left = left.saturating_sub(data.len() as u64);
        }
        match frame.is_trailers() || self.left == Some(0) {
            false => Ok(Some(frame)),
            true => {
                self.stage = Stage::Ending(Some(frame));
                Ok(None)
            }
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Incomplete;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Incomplete>>> {
        loop {
            match &mut self.stage {
                Stage::Coming => {
                    let advanced = match Pin::new(&mut self.body).poll_frame(cx) {
                        Poll::Ready(frame) => self.advance(frame),
                        // A body that the guest has not finished may stay in a session that lives on.
                        Poll::Pending => match self.whole.poll(cx) {
                            Poll::Ready(false) => Err(Incomplete),
                            Poll::Ready(true) | Poll::Pending => return Poll::Pending,
                        },
                    };
                    match advanced {
                        Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                        Ok(None) => {}
                        Err(incomplete) => {
                            self.stage = Stage::Ended;
                            return Poll::Ready(Some(Err(incomplete)));
                        }
                    }
                }
                Stage::Ending(_) => {
                    let well = ready!(self.whole.poll(cx));
                    let Stage::Ending(last) = std::mem::replace(&mut self.stage, Stage::Ended)
                    else {
                        return Poll::Ready(None);
                    };
                    return Poll::Ready(match well {
                        true => last.map(Ok),
                        false => Some(Err(Incomplete)),
                    });
                }
                Stage::Ended => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }
}
