//! The page of stable names has those that the program gives, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tollgate_serve::{AuditLog, Metrics, Server, Traces};

use support::collector::{Answers, Collector};
use support::harness::{builder, policy, root, source, wait};
use support::http_client::{all_of, url, with_http};
use support::http_server::{Server as Other, response};

use super::{PATIENCE, Served};

type Names = BTreeSet<String>;

/// The words in code of a text, without those in brackets.
fn quoted(text: &str) -> Names {
    let mut depth = 0_i32;
    let bare = text.chars().filter(|c| {
        depth += i32::from(*c == '(');
        let keep = depth == 0;
        depth -= i32::from(*c == ')');
        keep
    });
    let bare: String = bare.collect();
    bare.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The cells of the rows of a table whose head begins with this.
fn table(head: &str) -> Vec<Vec<String>> {
    let page = std::fs::read_to_string(root().join("docs/guide/telemetry.md")).unwrap();
    let rest = page.split(head).nth(1).expect(head);
    let rows = rest
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('|').skip(1).map(str::to_owned).collect())
        .collect()
}

/// All that a server tells after one of each event.
struct Told {
    metrics: String,
    spans: Names,
    events: Names,
    attributes: Names,
    audit: BTreeMap<String, Names>,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn told() -> Told {
    let collector = Collector::start(Answers::Takes);
    let (metrics, lines) = (Metrics::new(), Lines::default());
    let audit = AuditLog::new(lines.clone());
    let traces = Traces::otlp(&collector.url()).unwrap();
    let observer = ((metrics.clone(), audit.clone()), traces.clone());
    let runtime = builder().observer(observer).build();
    let other = Other::saying(response("500 No", "", ""));
    let text = with_http(&all_of(&other));
    let hostile = wait(runtime.load(&source("hostile"), &policy(&text))).unwrap();
    let server = Server::new(BTreeMap::from([("hostile".to_owned(), hostile)]));
    let server = server.tokens(tollgate_serve::Tokens::parse(super::callers::TOKENS).unwrap());
    let server = server.traces(traces.clone()).metrics(metrics.clone());
    let served = Served::with(server.audit(audit.clone()));
    for input in [
        "unreachable".to_owned(),
        "http-get https://b.example/".to_owned(),
        format!("http-get {}", url(&other, "/")),
    ] {
        let body = format!("{{\"input\":\"{input}\"}}");
        served.answer(super::post(
            "hostile/run",
            "Authorization: Bearer test\r\n",
            &body,
        ));
    }
    drop(served);
    assert!(traces.flush(PATIENCE) && audit.flush(PATIENCE));
    let spans = collector.spans();
    let keys = |attributes: &[_]| -> Vec<String> {
        let keys = attributes.iter();
        keys.map(|it: &support::collector::KeyValue| it.key.clone())
            .collect()
    };
    let events = spans.iter().flat_map(|span| &span.events);
    let attributes = spans.iter().flat_map(|span| keys(&span.attributes));
    let mut by_event = BTreeMap::<String, Names>::new();
    for line in String::from_utf8(lines.0.lock().unwrap().clone())
        .unwrap()
        .lines()
    {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let names = by_event.entry(line["event"].as_str().unwrap().to_owned());
        let members = line.as_object().unwrap().keys();
        let members = members.filter(|name| !["time", "event"].contains(&&***name));
        names.or_default().extend(members.cloned());
    }
    Told {
        metrics: metrics.text(),
        spans: spans.iter().map(|span| span.name.clone()).collect(),
        events: events.clone().map(|event| event.name.clone()).collect(),
        attributes: attributes
            .chain(events.flat_map(|it| keys(&it.attributes)))
            .collect(),
        audit: by_event,
    }
}

/// The names in the source of the traces.
fn in_source() -> Names {
    let folder = root().join("host/serve/src/traces");
    let mut names = Names::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if path.ends_with("names.rs") {
            let values = text.lines().filter_map(|line| line.split(" = \"").nth(1));
            names.extend(values.map(|it| it.trim_end_matches("\";").to_owned()));
        } else {
            // An attribute is named there, and nowhere else.
            let literal = text.replace("KeyValue::new(\"service.version\"", "");
            assert!(!literal.contains("KeyValue::new(\""), "{}", path.display());
            assert!(!literal.contains("\"tollgate."), "{}", path.display());
        }
    }
    assert!(names.len() > 20, "{names:?}");
    names
}

#[test]
fn the_page_of_names_has_each_name_and_no_other() {
    let told = told();
    // Metrics and their labels.
    let mut metrics = BTreeMap::<String, Names>::new();
    for line in told.metrics.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').unwrap();
            let total = if kind == "counter" { "_total" } else { "" };
            metrics.insert(format!("{name}{total}"), Names::new());
        } else if let Some((name, labels)) = line.split_once('{') {
            let of = ["_bucket", "_sum", "_count"];
            let base = of
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .unwrap_or(name);
            let labels = labels.split('}').next().unwrap().split(',');
            let labels = labels.map(|label| label.split('=').next().unwrap().to_owned());
            metrics
                .get_mut(base)
                .expect(name)
                .extend(labels.filter(|label| label != "le"));
        }
    }
    let row = |cells: &Vec<String>| {
        let name = quoted(&cells[0]).pop_first().unwrap();
        (name, quoted(&cells[1]))
    };
    let page: BTreeMap<_, _> = table("| metric | labels | |").iter().map(row).collect();
    assert_eq!(page, metrics);

    // Spans, events and attributes.
    let first = |head: &str| -> Names {
        let rows = table(head).into_iter();
        rows.flat_map(|cells| quoted(&cells[0])).collect()
    };
    let (spans, events) = (first("| span | kind | |"), first("| event | of | |"));
    let attributes = first("| attribute | of | |");
    let ours = |names: &Names| -> Names {
        names
            .iter()
            .filter(|name| name.starts_with("tollgate."))
            .cloned()
            .collect()
    };
    assert_eq!(ours(&spans), ours(&told.spans));
    assert_eq!(events, told.events);
    assert_eq!(attributes, told.attributes);
    let all: Names = ours(&spans)
        .into_iter()
        .chain(events)
        .chain(attributes)
        .collect();
    assert_eq!(all, in_source());

    // Members of the audit log.
    let page = table("| `event` | members beside `time` and `event` |");
    let mut page: BTreeMap<_, _> = page.iter().map(row).collect();
    // Nothing is lost here.
    assert_eq!(page.remove("lost"), Some(Names::from(["lines".to_owned()])));
    assert_eq!(page, told.audit);
}
