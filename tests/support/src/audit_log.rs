//! The events that the host emits while a test runs: the audit log, as a subscriber receives it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

/// An event, or a span that was opened.
pub struct Event {
    /// Its level.
    pub level: String,
    /// The part of the host that emits it.
    pub target: String,
    /// Its fields, by name.
    pub fields: BTreeMap<&'static str, String>,
}

impl Event {
    fn new(metadata: &Metadata<'_>) -> Event {
        Event {
            level: metadata.level().to_string(),
            target: metadata.target().to_owned(),
            fields: BTreeMap::new(),
        }
    }

    /// Level, text and fields of an event, on one line.
    fn line(mut self) -> String {
        let mut line = self.level;
        for name in [
            "message",
            "provider",
            "event",
            "capability",
            "target",
            "reason",
        ] {
            if let Some(value) = self.fields.remove(name) {
                line = format!("{line} {value}");
            }
        }
        assert!(self.fields.is_empty(), "{line}: {:?}", self.fields);
        line
    }
}

impl Visit for Event {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

/// A subscriber that keeps all events and spans of one thread, from all crates.
#[derive(Clone, Default)]
pub struct Listener(Arc<Mutex<Vec<Event>>>);

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut opened = Event::new(span.metadata());
        span.record(&mut opened);
        self.0.lock().unwrap().push(opened);
        Id::from_u64(1)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut heard = Event::new(event.metadata());
        event.record(&mut heard);
        self.0.lock().unwrap().push(heard);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Listener {
    /// The events since the last look.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Level, provider and text of each event of this target.
    pub fn lines(&self, target: &str) -> Vec<String> {
        self.take()
            .into_iter()
            .filter(|event| event.target == target)
            .map(Event::line)
            .collect()
    }
}

/// The events of `work`.
pub fn heard(work: impl FnOnce()) -> Listener {
    let listener = Listener::default();
    tracing::subscriber::with_default(listener.clone(), work);
    listener
}

/// The lines of the audit log.
pub fn audited(work: impl FnOnce()) -> Vec<String> {
    heard(work).lines("tollgate::audit")
}
