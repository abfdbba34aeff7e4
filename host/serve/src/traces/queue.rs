//! Spans that have ended wait here for the thread that sends them. Nothing but that thread waits.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;
use tollgate::escape;

use super::client::Trouble;
use crate::flush::flush;
use crate::metrics::Metrics;

/// Spans that wait.
const WAITING: usize = 2_048;

/// Bytes of all spans that wait or are being sent: one with all its events takes 70 KiB.
const MAX_BYTES: usize = 16 << 20;

/// Spans of one message.
const BATCH: usize = 256;

/// The time that spans wait for others.
const DELAY: Duration = Duration::from_secs(1);

pub(super) struct Queue {
    messages: Sender<Message>,
    state: Arc<State>,
}

/// The part that the thread has, too. It does not keep the queue open.
#[derive(Default)]
struct State {
    bytes: AtomicUsize,
    lost: AtomicU64,
    metrics: OnceLock<Metrics>,
}

enum Message {
    Span(Box<SpanData>, usize),
    /// To be answered once all before it are sent or lost.
    Flush(SyncSender<()>),
}

impl Queue {
    /// Starts the thread, which ends with the queue.
    pub(super) fn start(
        mut exporter: impl SpanExporter + 'static,
        resource: &Resource,
        trouble: Trouble,
    ) -> std::io::Result<Arc<Queue>> {
        exporter.set_resource(resource);
        let (messages, waiting) = channel(WAITING);
        let state = Arc::new(State::default());
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let sender = Exporter {
            exporter,
            state: Arc::clone(&state),
            trouble,
            is_broken: false,
        };
        let thread = std::thread::Builder::new().name("traces".to_owned());
        thread.spawn(move || {
            tokio.block_on(sender.run(waiting));
            tokio.shutdown_background();
        })?;
        Ok(Arc::new(Queue { messages, state }))
    }

    fn push(&self, span: SpanData) {
        let bytes = size(&span);
        let before = self.state.bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= MAX_BYTES;
        let message = Message::Span(Box::new(span), bytes);
        if !fits || self.messages.try_send(message).is_err() {
            self.state.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.state.lose(1);
        }
    }

    pub(super) fn flush(&self, most: Duration) -> bool {
        flush(most, Message::Flush, |message| {
            match self.messages.try_send(message) {
                Err(TrySendError::Full(message)) => Err(message),
                // A thread that is gone gives no answer.
                _ => Ok(()),
            }
        })
    }

    pub(super) fn lost(&self) -> u64 {
        self.state.lost.load(Ordering::Relaxed)
    }

    pub(super) fn count_in(&self, metrics: &Metrics) {
        // Spans before it are those of loads at the start, at most.
        let _ = self.state.metrics.set(metrics.clone());
    }
}

impl State {
    fn lose(&self, spans: u64) {
        self.lost.fetch_add(spans, Ordering::Relaxed);
        self.count("lost", spans);
    }

    fn count(&self, result: &'static str, spans: u64) {
        self.metrics
            .get()
            .inspect(|metrics| metrics.spans(result, spans));
    }
}

struct Exporter<E> {
    exporter: E,
    state: Arc<State>,
    trouble: Trouble,
    /// Whether the last batch was lost. The log tells the first time.
    is_broken: bool,
}

impl<E: SpanExporter> Exporter<E> {
    /// Sends batches until no more spans can come.
    async fn run(mut self, mut messages: Receiver<Message>) {
        while let Some(first) = messages.recv().await {
            let mut batch = Vec::new();
            let mut bytes = 0_usize;
            let mut flush = None;
            let mut next = Some(first);
            let gather = async {
                while let Some(message) = next.take() {
                    match message {
                        Message::Span(span, size) => {
                            batch.push(*span);
                            bytes = bytes.saturating_add(size);
                        }
                        Message::Flush(tell) => {
                            flush = Some(tell);
                            break;
                        }
                    }
                    if batch.len() >= BATCH {
                        break;
                    }
                    next = messages.recv().await;
                }
            };
            let _ = timeout(DELAY, gather).await;
            if !batch.is_empty() {
                self.send(batch).await;
            }
            self.state.bytes.fetch_sub(bytes, Ordering::Relaxed);
            flush.inspect(|tell| {
                let _ = tell.try_send(());
            });
        }
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let spans = batch.len() as u64;
        // It ends: each attempt has a time, and so have all.
        let is_sent = self.exporter.export(batch).await.is_ok();
        if is_sent {
            self.state.count("exported", spans);
        } else {
            self.state.lose(spans);
        }
        if !is_sent && !self.is_broken {
            let why = self.trouble.take();
            let why = escape::line(&why);
            tracing::error!(%why, spans, "the collector does not take spans: they are lost");
        }
        if is_sent && self.is_broken {
            tracing::error!(
                lost = self.state.lost.load(Ordering::Relaxed),
                "the collector takes spans again"
            );
        }
        self.is_broken = !is_sent;
    }
}

/// Gives spans that have ended to the queue.
pub(super) struct Feed(pub(super) Arc<Queue>);

impl SpanProcessor for Feed {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

/// Bytes that a span takes, about.
fn size(span: &SpanData) -> usize {
    let events = span.events.iter();
    let events = events.map(|event| sizes(&event.attributes).saturating_add(100));
    events
        .fold(sizes(&span.attributes), usize::saturating_add)
        .saturating_add(500)
}

fn sizes(attributes: &[KeyValue]) -> usize {
    let sizes = attributes.iter().map(|attribute| match &attribute.value {
        Value::String(text) => text.as_str().len().saturating_add(80),
        _ => 80,
    });
    sizes.fold(0, usize::saturating_add)
}
