//! Abandoned look-ups of a guest that makes many of them.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tollgate_capability::http::connect::{MAX_LOOK_UPS, SystemResolver};

use crate::embed::{CommandInput, Stdin};
use crate::{Policy, Provider, Runtime, Source};

static LET_GO: AtomicBool = AtomicBool::new(false);
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// A name server that does not answer for a long time.
fn stuck(_host: &str) -> io::Result<Vec<IpAddr>> {
    ASKED.fetch_add(1, Ordering::SeqCst);
    UNDER_WAY.fetch_add(1, Ordering::SeqCst);
    for _ in 0..6_000 {
        if LET_GO.load(Ordering::SeqCst) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
    Err(io::ErrorKind::NotFound.into())
}

fn guest(name: &str) -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests");
    let folder = std::env::var_os("TOLLGATE_GUESTS").unwrap_or(built.into());
    PathBuf::from(folder).join(name)
}

/// A27-handles: each abandoned look-up keeps its thread, so their number is bounded, and the threads of other work stay
/// free.
#[test]
fn look_ups_that_nobody_waits_for_are_bounded() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let grant = "limits.deadline = \"300ms\"\ngrants.wasi = \"inert\"\ngrants.http = [{ url = \"https://*.example.com/**\" }]";
        let policy = Policy::parse(grant, std::path::Path::new("/")).unwrap();
        let source = Source::file(&guest("http-client.wasm"), &policy.limits).unwrap();
        let builder = Runtime::builder().resolver(SystemResolver::new(stuck));
        let runtime = builder.concurrency(2).share(100).build();
        // Each may have all of the look-ups: the bound over both is the resolver's.
        let one = runtime.load(&source, &policy).await.unwrap();
        let other = runtime.load(&source, &policy).await.unwrap();
        let call = async |provider: &Provider| {
            let args = ["http-client", "many", "https://a.example.com/", "6"];
            let input = CommandInput {
                args: args.map(str::to_owned).into(),
                stdin: Stdin::default(),
            };
            provider.session().command(input).await.unwrap()
        };
        for _ in 0..6 {
            for provider in [&one, &other] {
                let report = call(provider).await;
                assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
            }
        }
        assert_eq!(UNDER_WAY.load(Ordering::SeqCst), MAX_LOOK_UPS);
        assert_eq!(ASKED.load(Ordering::SeqCst), MAX_LOOK_UPS);
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        // The look-ups end and their places are free again; none that waited for a place is left.
        LET_GO.store(true, Ordering::SeqCst);
        while UNDER_WAY.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(ASKED.load(Ordering::SeqCst), MAX_LOOK_UPS);
        call(&one).await;
        assert_eq!(ASKED.load(Ordering::SeqCst), MAX_LOOK_UPS + 6);
    });
}
