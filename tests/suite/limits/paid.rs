//! Host work of our own interfaces is paid for before it is done, and the arguments of a call are bounded and held.

use std::fmt::Write as _;
use std::fs::File;

use tempfile::TempDir;
use tollgate::value::Value;
use tollgate::{CallError, Report};

use support::growth::growth;
use support::harness::{all_but, alone, load, run, wave};
use support::http_server::{Server, response};
use support::skip::fuel_is_counted;
use support::wasi_client::all_of;

/// The report of a run of the guest `own-prices`, which is granted all it imports and these.
fn own(grants: &str, input: &str) -> Report<Vec<u8>> {
    let text = format!("grants.log = true\ngrants.hash = true\ngrants.store = true\n{grants}");
    let mut text = text;
    if !grants.contains("grants.http") {
        text = format!("grants.http = [{{ url = \"https://example.com/**\" }}]\n{text}");
    }
    if !grants.contains("grants.files") {
        text = format!(
            "grants.files = [{{ root = \"data\", path = \"samples/files\", access = \"read\" }}]\n{text}"
        );
    }
    if !grants.contains("[grants.config]") {
        text = format!("{text}\ngrants.config = {{ url = \"https://example.com/\" }}");
    }
    let provider = load("own-prices", &text);
    provider.session().run(input.as_bytes()).unwrap()
}

fn kind<T, E>(report: &Report<T, E>) -> &'static str {
    report
        .outcome
        .fault()
        .map_or("none", tollgate::Fault::label)
}

/// A server of three paths: `/a` answers, `/r` leads there, and `/l` by a long way.
fn leading() -> Server {
    Server::answering(|head| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let location = match path {
            "/r" => "/a".to_owned(),
            "/l" => format!("/a?{}", "x".repeat(4_000)),
            _ => return response("200 OK", "", "hello"),
        };
        response("302 Found", &format!("location: {location}\r\n"), "")
    })
}

/// A59-host-work: each hop dials, and each location is judged.
#[test]
fn each_hop_of_a_request_is_paid_for() {
    if !fuel_is_counted() {
        return;
    }
    let server = leading();
    let fuel = |path: &str| {
        let url = format!("http://127.0.0.1:{}{path}", server.port());
        let http = all_of(&server, "");
        let report = own(
            &format!("{http}\n[grants.config]\nurl = \"{url}\""),
            "http.send 1 0",
        );
        assert_eq!(kind(&report), "none", "{:?}", report.outcome);
        report.usage.fuel
    };
    let (direct, redirected, long) = (fuel("/a"), fuel("/r"), fuel("/l"));
    assert!(direct > 300_000, "{direct}");
    assert!(redirected > direct + 300_000, "{direct} {redirected}");
    assert!(long > redirected + 4_000 * 60, "{redirected} {long}");
}

/// A59-host-work: a request that is denied is parsed and noted.
#[test]
fn a_request_that_is_denied_is_paid_for() {
    if !fuel_is_counted() {
        return;
    }
    let fuel = |times: u64| own("", &format!("http.idna {times} 0")).usage.fuel;
    let (once, more) = (fuel(1), fuel(11));
    assert!(more > once + 10 * 10_000, "{once} {more}");
}

/// A59-host-work: a request with many headers.
#[test]
fn the_headers_of_a_request_are_paid_for_and_held() {
    let server = leading();
    let usage = |headers: usize| {
        let url = format!("http://127.0.0.1:{}/a", server.port());
        let http = all_of(&server, "");
        let input = format!("http.send 1 {headers}");
        let report = own(&format!("{http}\n[grants.config]\nurl = \"{url}\""), &input);
        report.usage
    };
    let (none, many) = (usage(0), usage(100));
    if fuel_is_counted() {
        assert!(
            many.fuel > none.fuel + 100 * 4_000,
            "{} {}",
            none.fuel,
            many.fuel
        );
    }
    // As strings of the guest's, and once more as a map.
    let held = many.host_memory_peak - none.host_memory_peak;
    assert!(held > 100 * (256 + 48), "{held}");
}

/// A59-host-work: keys and settings cost by their number, since each is a string.
#[test]
fn each_entry_of_a_list_is_paid_for() {
    if !fuel_is_counted() {
        return;
    }
    let listed = |name: &str, keys: usize| {
        let once = own("", &format!("{name} 1 {keys}")).usage.fuel;
        let twice = own("", &format!("{name} 2 {keys}")).usage.fuel;
        twice - once
    };
    for name in ["store.list-keys", "keyvalue.list-keys"] {
        let (none, many) = (listed(name, 0), listed(name, 500));
        assert!(many > none + 500 * 1_500, "{name}: {none} {many}");
    }
    let settings = |count: usize| {
        let mut text = "[grants.config]\n".to_owned();
        for number in 0..count {
            let _ = writeln!(text, "s{number} = \"\"");
        }
        let fuel = |times: usize| {
            let input = format!("wasi-config.get-all {times} 0");
            own(&text, &input).usage.fuel
        };
        fuel(2) - fuel(1)
    };
    let (one, many) = (settings(1), settings(101));
    assert!(many > one + 100 * 4_000, "{one} {many}");
}

/// A59-host-work: a file is not read further than the fuel pays for.
#[test]
fn no_more_of_a_file_is_read_than_is_paid_for() {
    if !fuel_is_counted() {
        return;
    }
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let file = File::create(folder.path().join("large")).unwrap();
    file.set_len(48 << 20).unwrap();
    let text = format!(
        "{}\ngrants.files = [{{ root = \"data\", path = \"{}\", access = \"read\" }}]\n\
         limits.host-data = \"64MiB\"\nlimits.host-memory = \"128MiB\"\nlimits.fuel = 1_000_000",
        all_but("files"),
        folder.path().display()
    );
    // Once before: the guest is compiled once.
    run("hostile", &text, "read-file data none");
    for input in ["read-file data large", "read-range data 0 50000000 large"] {
        let mut ended = "";
        let grown = growth(|| ended = kind(&run("hostile", &text, input)));
        assert_eq!(ended, "fuel", "{input}");
        assert!(grown < 16 << 10, "{input}: {grown} KiB");
    }
}

/// A59-host-work: the same for a response.
#[test]
fn no_more_of_a_response_is_read_than_is_paid_for() {
    if !fuel_is_counted() {
        return;
    }
    let server = Server::saying(response("200 OK", "", &"x".repeat(8 << 20)));
    let url = format!("http://127.0.0.1:{}/", server.port());
    let text = format!(
        "{}\nlimits.fuel = 2_000_000\n[grants.config]\nurl = \"{url}\"",
        all_of(&server, "")
    );
    let report = own(&text, "http.send 1 0");
    assert_eq!(kind(&report), "fuel");
    assert!(
        report.usage.host_bytes < 3_000_000,
        "{}",
        report.usage.host_bytes
    );
}

/// `host-data`: the arguments of the caller are bounded like those of the guest, and too many are the caller's mistake.
#[test]
fn arguments_are_bounded() {
    let text = "limits.host-data = \"1KiB\"";
    fn refused<T, E>(result: Result<Report<T, E>, CallError>) -> bool {
        matches!(result, Err(CallError::Arguments(text)) if text.contains("limits.host-data"))
    }
    let provider = load("echo", text);
    let mut session = provider.session();
    assert!(refused(session.run(&[b'x'; 1_025])));
    let long = [Value::from(&[b'x'; 1_025][..])];
    assert!(refused(session.invoke("run", &long)));
    let long = format!("run(\"{}\")", "x".repeat(1_025));
    assert!(refused(session.wave(&long)));
    // The session continues.
    assert_eq!(kind(&session.run(b"hello").unwrap()), "none");
}

/// `host-memory`: the host holds them until the export returns.
#[test]
fn arguments_are_held() {
    let provider = load("echo", "");
    let mut session = provider.session();
    let input = vec![b'x'; 3 << 20];
    let first = session.run(&input).unwrap().usage.host_memory_peak;
    assert!(first > 3 << 20, "{first}");
    let second = session.run(&input).unwrap().usage.host_memory_peak;
    assert_eq!(first, second);
    let after = session.run(b"").unwrap().usage.host_memory_peak;
    assert!(after < 1 << 20, "{after}");
    let little = load("echo", "limits.host-memory = \"1MiB\"");
    assert_eq!(kind(&little.session().run(&input).unwrap()), "host-memory");
}

/// A57-host-memory: the arguments of a host function are held while that runs, and no longer.
#[test]
fn what_a_guest_passes_is_held() {
    let peak = |size: usize, times: usize| {
        let report = own("", &format!("hash.blake3 {times} {size}"));
        assert_eq!(kind(&report), "none", "{:?}", report.outcome);
        report.usage.host_memory_peak
    };
    let (small, large, again) = (peak(1, 1), peak(5_000_000, 1), peak(5_000_000, 5));
    assert!(large >= small + 4_999_999, "{small} {large}");
    assert!(again < large + (1 << 20), "{large} {again}");
}

/// A57-host-memory: a handle of a resource of the guest's own.
#[test]
fn handles_of_the_guests_own_are_held() {
    let some = wave("handles", "", "churn(1000)").usage.host_memory_peak;
    assert!(some >= 1_000 * 48, "{some}");
}
