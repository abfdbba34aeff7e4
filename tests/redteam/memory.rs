//! The memory that the host holds for a guest is counted.

/// A handle of a folder holds its path, of up to 4 KiB.
#[test]
fn handles_of_folders_with_long_paths_are_counted_as_they_are_held() {
    use rustix::fs::{Mode, OFlags, mkdirat, openat};
    let folder = tempfile::TempDir::new().unwrap();
    let name = "n".repeat(250);
    let mut at = rustix::fs::open(folder.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..15 {
        mkdirat(&at, &name, Mode::RWXU).unwrap();
        at = openat(&at, &name, OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let path = format!("data/{}", vec![&*name; 15].join("/"));
    let text = format!(
        "grants.wasi = {{ preopens = [\"data\"] }}\ngrants.files = [{{ root = \"data\", path = \"{}\", access = \"read\" }}]\n\
         limits.handles = 8000\nlimits.deadline = \"20s\"\nlimits.fuel = 100_000_000_000",
        folder.path().display()
    );
    let runtime: tollgate::blocking::Runtime = support::harness::builder().build().into();
    let provider = runtime
        .load(
            &support::harness::source("raw-files"),
            &support::harness::policy(&text),
        )
        .unwrap();
    let before = support::counting::held();
    let done = std::sync::atomic::AtomicBool::new(false);
    let (peak, report) = std::thread::scope(|scope| {
        let sampled = scope.spawn(|| {
            let mut peak = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                peak = peak.max(support::counting::held() - before);
                std::thread::sleep(std::time::Duration::from_micros(500));
            }
            peak
        });
        let input = tollgate::embed::CommandInput {
            args: vec!["raw-files".into(), "many".into(), path],
            stdin: Vec::new(),
        };
        let report = provider.session().command(input).unwrap();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        (sampled.join().unwrap(), report)
    });
    let counted = report.usage.host_memory_peak as i64;
    println!(
        "{:?} held {} KiB, counted {} KiB",
        report.outcome,
        peak >> 10,
        counted >> 10
    );
    assert!(
        peak < 2 * counted,
        "{} KiB are held, {} KiB are counted",
        peak >> 10,
        counted >> 10
    );
}
