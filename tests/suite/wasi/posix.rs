//! POSIX behaviour that programs rely on: names that are new, ends of files, identities, ends of paths, links and times.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tempfile::TempDir;
use tollgate::Outcome;
use tollgate::blocking::Provider;
use tollgate::embed::CommandInput;

use support::harness::{blocking, policy, source};
use support::wasi_command::stdout;

struct Root {
    folder: TempDir,
    provider: Provider,
}

impl Root {
    /// A root for the guest `file-script`, with more keys of `[grants.wasi]` and of the root.
    fn with(wasi: &str, more: &str) -> Root {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("root")).unwrap();
        let text = format!(
            "limits.host-calls = 1_000_000\nlimits.deadline = \"60s\"\nlimits.fuel = 10_000_000_000\n\
             grants.wasi = {{ preopens = [{{ root = 'root', at = '/' }}]{wasi} }}\n\
             grants.files = [{{ root = 'root', path = '{}/root', access = 'read-write'{more} }}]",
            folder.path().display()
        );
        let provider = blocking().load(&source("file-script"), &policy(&text));
        let provider = provider.unwrap();
        Root { folder, provider }
    }

    fn new() -> Root {
        Root::with("", "")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("root").join(name)
    }

    fn run(&self, lines: &[&str]) -> Vec<String> {
        self.report(&lines.join("\n")).0
    }

    /// The result of each line, and the reasons of the denials.
    fn report(&self, script: &str) -> (Vec<String>, Vec<&'static str>) {
        let input = CommandInput {
            args: vec!["file-script".to_owned()],
            stdin: script.into(),
        };
        let report = self.provider.session().command(input).unwrap();
        assert_eq!(report.outcome, Outcome::Returned(()), "{script}");
        let lines = stdout(&report).lines().map(str::to_owned).collect();
        let denials = report.denials.iter();
        (lines, denials.map(|denial| denial.reason.label()).collect())
    }

    /// Asserts the result of each line.
    fn gives(&self, lines: &[(&str, &str)]) {
        let script: Vec<_> = lines.iter().map(|(line, _)| *line).collect();
        let came = self.run(&script);
        for ((line, expected), came) in lines.iter().zip(&came) {
            assert_eq!(came, expected, "{line}");
        }
        assert_eq!(came.len(), lines.len());
    }
}

const FILE: &str = "DescriptorType::RegularFile";
const FOLDER: &str = "DescriptorType::Directory";

/// Runs a script in four sessions at once.
fn four_at_once(root: &Root, script: impl Fn(usize) -> String + Sync) -> Vec<Vec<String>> {
    std::thread::scope(|scope| {
        let run = |number| {
            let script = &script;
            scope.spawn(move || root.report(&script(number)).0)
        };
        let running: Vec<_> = (0..4).map(run).collect();
        let ended = running.into_iter().map(|run| run.join().unwrap());
        ended.collect()
    })
}

#[test]
fn a_new_name_is_made_once() {
    let root = Root::with("", ", max-files = 10_000");
    let script = |_| {
        let lines =
            (0..1_500).map(|number| format!("open 0 lock{number} create,exclusive write -\n"));
        lines.collect()
    };
    let came = four_at_once(&root, script);
    for number in 0..1_500 {
        let made = came.iter().filter(|lines| lines[number] == FILE).count();
        let there = came.iter().filter(|lines| lines[number] == "exist").count();
        assert_eq!((made, there), (1, 3), "{number}");
    }
    // A link is a name, wherever it leads.
    symlink("nowhere", root.path("dangling")).unwrap();
    root.gives(&[
        ("open 0 dangling create,exclusive write follow", "exist"),
        ("open 0 dangling create write follow", FILE),
        ("stat nowhere -", "DescriptorType::RegularFile 0"),
    ]);
}

#[test]
fn what_is_appended_is_at_the_end() {
    let root = Root::new();
    let script = |number: usize| {
        let lines = (0..250).map(|line| format!("append 0 {number}-{line:03};\n"));
        "open 0 log create write -\n".to_owned() + &lines.collect::<String>()
    };
    for lines in four_at_once(&root, script) {
        assert!(lines.iter().skip(1).all(|line| line == "done"), "{lines:?}");
    }
    let log = std::fs::read_to_string(root.path("log")).unwrap();
    let mut lines: Vec<&str> = log.split_terminator(';').collect();
    assert_eq!(lines.len(), 1_000);
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 1_000);
}

#[test]
fn a_file_is_the_same_by_each_of_its_names() {
    let root = Root::new();
    root.gives(&[
        ("open 0 a create write -", FILE),
        ("link a - b", "done"),
        ("symlink a c", "done"),
        ("open 1 b - read -", FILE),
        ("open 2 c - read follow", FILE),
        ("same 0 1", "true"),
        ("same 0 2", "true"),
        ("is a - c follow", "true"),
        ("is a - c -", "false"),
        // A rotation: the open descriptor stays that of the old file.
        ("rename a old", "done"),
        ("open 3 a create write -", FILE),
        ("same 0 3", "false"),
        ("is old - a -", "false"),
        ("is old - b -", "true"),
    ]);
    // The numbers of the host's file system are not shown: they are those of the order in which files are compared.
    let other = Root::new();
    let script = ["open 0 x create write -", "is x - x -"];
    assert_eq!(root.run(&script), other.run(&script));
}

#[test]
fn the_end_of_a_path_says_what_it_names() {
    let root = Root::new();
    root.gives(&[
        ("open 0 file create write -", FILE),
        ("mkdir folder/", "done"),
        ("symlink file link", "done"),
        ("symlink folder linkdir", "done"),
        ("unlink link/", "not-directory"),
        ("unlink file/", "not-directory"),
        ("unlink folder/", "is-directory"),
        ("rename file/ other", "not-directory"),
        ("rename file other/", "not-directory"),
        ("rename linkdir/ other", "not-directory"),
        ("rename folder/ moved/", "done"),
        ("rename moved folder", "done"),
        ("open 1 new/ create write -", "is-directory"),
        ("open 1 file/ - read -", "not-directory"),
        ("open 1 link/ - read follow", "not-directory"),
        ("open 1 linkdir/ - read -", FOLDER),
        ("stat linkdir/ -", "Directory"),
        ("stat linkdir -", "DescriptorType::SymbolicLink 6"),
        ("stat file/ -", "not-directory"),
        ("readlink linkdir/", "invalid"),
        ("readlink linkdir", "folder"),
        ("link file/ - two", "not-directory"),
        ("symlink file two/", "no-entry"),
        ("rmdir linkdir/", "not-directory"),
        ("rmdir folder/.", "invalid"),
        ("rename folder/. other", "busy"),
        ("mkdir folder/.", "exist"),
        ("rmdir folder/", "done"),
        ("stat linkdir -", "DescriptorType::SymbolicLink 6"),
        ("list .", "file=DescriptorType::RegularFile link=DescriptorType::SymbolicLink linkdir=DescriptorType::SymbolicLink"),
    ]);
}

#[test]
fn a_path_turns_back_beneath_its_folder() {
    let root = Root::new();
    root.gives(&[
        ("mkdir a", "done"),
        ("mkdir c", "done"),
        ("mkdir c/d", "done"),
        ("open 0 b create write -", FILE),
        ("stat a/../b -", "DescriptorType::RegularFile 0"),
        ("stat none/../b -", "no-entry"),
        ("stat b/../b -", "not-directory"),
        // As the system walks it: above the target of the link.
        ("symlink c/d e", "done"),
        ("open 1 c/f create write -", FILE),
        ("stat e/../f -", "DescriptorType::RegularFile 0"),
        ("open 2 a - read -", FOLDER),
        ("rmdir a/..", "not-empty"),
        ("rename a/.. x", "busy"),
    ]);
    let (came, denials) =
        root.report("stat ../b -\nopen 0 a - read -\nstat 0:../b -\nstat a/../../b -\nstat /b -");
    assert_eq!(came[1], FOLDER);
    for at in [0, 2, 3, 4] {
        assert_eq!(came[at], "not-permitted", "{at}");
    }
    assert_eq!(denials, ["outside-root"; 4]);
}

#[test]
fn odd_openings_have_their_errors() {
    let root = Root::new();
    root.gives(&[
        ("open 0 new create,directory read -", "invalid"),
        ("stat new -", "no-entry"),
        ("open 0 file create write,sync -", "unsupported"),
        ("stat file -", "no-entry"),
        ("empty open", "no-entry"),
        ("empty stat", "no-entry"),
        ("empty mkdir", "no-entry"),
        ("mkdir a", "done"),
        ("mkdir a/b", "done"),
        ("rmdir a", "not-empty"),
        ("rmdir a/b", "done"),
        ("rmdir a", "done"),
        ("open 1 x create read,write -", FILE),
        ("open 2 x - read -", FILE),
        ("write 2 0 text", "bad-descriptor"),
        ("append 2 text", "bad-descriptor"),
        ("size 2 1", "invalid"),
        ("symlink  empty", "no-entry"),
        (
            &format!("symlink {} long", "a".repeat(4097)),
            "name-too-long",
        ),
        (&format!("stat {} -", "a/".repeat(2049)), "name-too-long"),
    ]);
    assert!(root.report("empty stat\nempty open").1.is_empty());
}

#[test]
fn links_are_made_and_moved_where_they_stay_below() {
    let root = Root::new();
    std::fs::create_dir(root.path("sub")).unwrap();
    symlink("../file", root.path("sub/up")).unwrap();
    root.gives(&[
        ("open 0 file create write -", FILE),
        ("symlink file link", "done"),
        ("readlink link", "file"),
        ("rename link sub/link", "done"),
        ("stat sub/link follow", "no-entry"),
        ("link file - sub/link", "exist"),
        ("link file - sub/second", "done"),
        ("link sub - third", "not-permitted"),
        ("link file follow fourth", "invalid"),
        ("link none - fifth", "no-entry"),
    ]);
    let lines = "symlink ../file sub/out\nsymlink /etc/passwd out\nsymlink sub/../file out\nrename sub/up up\nlink sub/up - up";
    let (came, denials) = root.report(lines);
    assert_eq!(came, ["not-permitted"; 5]);
    assert_eq!(denials, ["link"; 5]);
    assert!(root.path("sub/up").is_symlink());
    for name in ["out", "up", "sub/out"] {
        assert!(root.path(name).symlink_metadata().is_err(), "{name}");
    }
    // Each is a file of the quota.
    let root = Root::with("", ", max-files = 2");
    std::fs::write(root.path("a"), "").unwrap();
    let (came, denials) = root.report("symlink a b\nsymlink a c\nsymlink a d");
    assert_eq!(came, ["done", "done", "quota"]);
    assert_eq!(denials, ["quota"]);
    let (came, _) = root.report("link a - e\nlink a - f");
    assert_eq!(came, ["done", "quota"], "two names each");
}

#[test]
fn times_are_set() {
    let root = Root::with(", clocks = 'real'", "");
    std::fs::create_dir(root.path("folder")).unwrap();
    root.gives(&[
        ("open 0 file create write -", FILE),
        ("touched 0 1000", "done"),
        ("time file -", "1000"),
        ("touch file - 2000", "done"),
        ("time file -", "2000"),
        ("symlink file link", "done"),
        ("touch link follow 3000", "done"),
        ("time file -", "3000"),
        ("touch link - 4000", "done"),
        ("time link -", "4000"),
        ("time file -", "3000"),
        ("touch folder/ - 5000", "done"),
        ("time folder -", "5000"),
        ("open 1 folder - read -", FOLDER),
        ("touched 1 6000", "done"),
        ("touch folder - keep", "done"),
        ("time folder -", "6000"),
        ("touch folder - now", "done"),
        ("time folder -", "now"),
        ("touch none - 1", "no-entry"),
        ("touch file - 18446744073709551615", "overflow"),
    ]);
    let pipe = root.path("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from(0o600)).unwrap();
    assert_eq!(root.report("touch pipe - 1").1, ["not-a-file"]);
}

/// The times of a root that is read stay.
#[test]
fn a_root_that_is_read_keeps_its_times_and_links() {
    let root = Root::new();
    std::fs::write(root.path("file"), "").unwrap();
    let text = format!(
        "grants.wasi = {{ preopens = [{{ root = 'root', at = '.' }}] }}\n\
         grants.files = [{{ root = 'root', path = '{}', access = 'read' }}]",
        root.path("").display()
    );
    let provider = blocking().load(&source("file-script"), &policy(&text));
    let read = Root {
        provider: provider.unwrap(),
        folder: root.folder,
    };
    let lines =
        "open 0 file - read -\ntouched 0 1000\ntouch file - 1000\nsymlink file a\nlink file - b";
    let (came, denials) = read.report(lines);
    assert_eq!(came[0], FILE);
    assert_eq!(came[1..], ["read-only"; 4]);
    assert_eq!(denials, ["read-only"; 4]);
}

/// Programs find relative paths below `.` and `/`, and of nested names take the longest.
#[test]
fn a_preopen_has_a_name_of_the_guests() {
    let folder = TempDir::new().unwrap();
    for (name, text) in [("one", "first"), ("two", "second")] {
        let at = folder.path().join(name);
        std::fs::create_dir(&at).unwrap();
        std::fs::write(at.join("file"), text).unwrap();
    }
    let read = |preopens: &str, path: &str| {
        let root = |name: &str| {
            let at = folder.path().join(name);
            format!(
                "{{ root = '{name}', path = '{}', access = 'read' }}",
                at.display()
            )
        };
        let text = format!(
            "grants.wasi = {{ preopens = [{preopens}] }}\ngrants.files = [{}, {}]",
            root("one"),
            root("two")
        );
        let report = support::wasi_command::run(&blocking(), &text, &["read", path], "");
        stdout(&report)
    };
    let both = "{ root = 'one', at = '/' }, { root = 'two', at = '/nested/name' }";
    assert_eq!(read(both, "file"), "first");
    assert_eq!(read(both, "/file"), "first");
    assert_eq!(read(both, "nested/name/file"), "second");
    assert_eq!(read(both, "/nested/name/file"), "second");
    assert_eq!(read("{ root = 'two', at = '.' }", "./file"), "second");
    assert_eq!(
        read(
            "{ root = 'one', at = '/a' }, { root = 'one', at = '/b' }",
            "/b/file"
        ),
        "first"
    );
    assert_eq!(read("{ root = 'one', at = '/a' }", "/file"), "");
    assert_eq!(read("'two'", "two/file"), "second");
}
