//! The server as the programs of others see it: Debian's Prometheus and Chromium. Where they are not installed, their tests say so.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate::Catalog;
use tollgate_serve::{Metrics, Server};

use support::harness::{ALL, builder, policy, source, wait};
use support::skip::is_installed;

use super::{PATIENCE, Served};

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The hostile guest under a name of its own choice, with its numbers.
fn served(name: &str) -> (Served, Arc<dyn Catalog>) {
    let metrics = Metrics::new();
    let runtime = builder().observer(metrics.clone()).build();
    let hostile = wait(runtime.load(&source("hostile"), &policy(ALL))).unwrap();
    let catalog = std::collections::BTreeMap::from([(name.to_owned(), hostile)]);
    let catalog: Arc<dyn Catalog> = Arc::new(catalog);
    let server = Server::new(Arc::clone(&catalog)).metrics(metrics);
    (Served::with(server), catalog)
}

/// The body of an answer of another program.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn prometheus(folder: &Path, scraped: &str) -> (Running, u16) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = port.local_addr().unwrap().port();
    let config = folder.join("prometheus.yml");
    let text = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs: [{{ job_name: tollgate, static_configs: [{{ targets: [\"{scraped}\"] }}] }}]\n"
    );
    std::fs::write(&config, text).unwrap();
    let running = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("data").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (Running(running), port)
}

#[test]
fn prometheus_scrapes_the_numbers_and_answers_from_them() {
    if !is_installed("prometheus") {
        return;
    }
    let (served, _) = served("hostile");
    for input in ["ping", "ping", "unreachable", "http-get https://b.example/"] {
        served.post("hostile/run", &format!("{{\"input\":\"{input}\"}}"));
    }
    let folder = tempfile::tempdir().unwrap();
    let (_prometheus, port) = prometheus(folder.path(), &served.address.to_string());
    let start = Instant::now();
    for (query, value) in [
        ("sum(tollgate_calls_total{provider=\"hostile\"})", "\"4\""),
        ("tollgate_faults_total{kind=\"trap\"}", "\"1\""),
        ("tollgate_denials_total{reason=\"not-granted\"}", "\"1\""),
        ("tollgate_call_duration_seconds_count", "\"4\""),
        (
            "histogram_quantile(0.5,tollgate_call_duration_seconds_bucket)>bool 0",
            "\"1\"",
        ),
    ] {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let path = format!("/api/v1/query?query={encoded}");
        loop {
            let answer = get(port, &path).unwrap_or_default();
            if answer.contains("\"status\":\"success\"") && answer.contains(value) {
                break;
            }
            assert!(start.elapsed() < PATIENCE * 2, "{query}: {answer}");
            std::thread::sleep(Duration::from_millis(250));
        }
    }
    let metadata = get(port, "/api/v1/metadata").unwrap_or_default();
    assert!(
        metadata.contains("Calls that ended, by their end"),
        "{metadata}"
    );
}

/// The older form, which a client gets that does not ask for OpenMetrics.
#[test]
fn promtool_finds_nothing_wrong_in_the_numbers() {
    if !is_installed("promtool") {
        return;
    }
    let (served, _) = served("hostile");
    for input in ["ping", "unreachable", "http-get https://b.example/"] {
        served.post("hostile/run", &format!("{{\"input\":\"{input}\"}}"));
    }
    let text = served.get("/metrics");
    assert!(
        text.head
            .contains("content-type: text/plain; version=0.0.4"),
        "{}",
        text.head
    );
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.body.as_bytes()).unwrap();
    drop(stdin);
    let told = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&told.stderr) + String::from_utf8_lossy(&told.stdout);
    assert!(told.status.success() && said.is_empty(), "{said}");
}

/// The page in a browser, and the messages of its console.
fn browsed(url: &str) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut chromium = Command::new("chromium");
    chromium
        // Root has no sandbox of its own. The page is ours.
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
        ])
        .args(["--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().display()))
        .arg(url)
        .stdin(Stdio::null());
    let told = support::harness::in_time(move || chromium.output().unwrap());
    let log = String::from_utf8_lossy(&told.stderr).into_owned();
    let console = log.lines().filter(|line| line.contains("CONSOLE"));
    let console = console.map(str::to_owned).collect();
    (String::from_utf8_lossy(&told.stdout).into_owned(), console)
}

/// Text of a guest in the page is text, in a real browser. Its deliverer chooses the names of files.
#[test]
fn a_browser_shows_the_page_and_runs_nothing_of_a_guest() {
    if !is_installed("chromium") {
        return;
    }
    let name = "</code><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";
    let (served, catalog) = served(name);
    let hostile = catalog.get(name).unwrap();
    for input in [
        "ping",
        "unreachable",
        "http-get https://b.example/",
        "http-get https://b.example/</td><svg onload=document.title='owned'><b id=markup>",
    ] {
        wait(hostile.session().run(input.as_bytes())).unwrap();
    }
    let (dom, console) = browsed(&format!("http://{}/", served.address));
    assert!(dom.contains("<title>Tollgate</title>"), "{dom}");
    assert!(dom.contains("<rect "), "fuel is drawn: {dom}");
    assert!(dom.contains("a `[[grants.http]]` with its `url`"), "{dom}");
    assert!(
        dom.contains("&lt;script&gt;") && dom.contains("&lt;b id=markup&gt;"),
        "{dom}"
    );
    for markup in ["<script", "<img", "<b id", "<svg onload"] {
        assert!(!dom.contains(markup), "{markup}: {dom}");
    }
    assert!(console.is_empty(), "{console:?}");
}

/// A page in which text has become markup: the policy of the page stops its script.
#[test]
fn the_policy_of_the_page_lets_a_browser_run_nothing() {
    if !is_installed("chromium") {
        return;
    }
    let (served, _) = served("hostile");
    let page = served.get("/");
    let line = page
        .head
        .lines()
        .find(|it| it.starts_with("content-security-policy: "));
    let policy = line.unwrap().to_owned();
    let body = "<title>as it was</title><script>document.title='owned'</script>\
                <img src=x onerror=\"document.title='owned'\">";
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n{policy}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let bad = support::http_server::Server::saying(text);
    let (dom, console) = browsed(&support::http_client::url(&bad, "/"));
    assert!(dom.contains("<title>as it was</title>"), "{dom}");
    assert!(
        console
            .iter()
            .any(|it| it.contains("Content Security Policy")),
        "{console:?}"
    );
}
