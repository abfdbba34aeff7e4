//! `tollgate profile`: the picture, the stacks and the list, the same every time, and safe to open.

use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use crate::report::profile::GUEST;
use support::cli::{code, guest, run, stderr, stdout};
use support::workdir::Workdir;

/// Profiles the guest, and returns the output, the picture and the stacks.
fn profile(folder: &Path, args: &[&str]) -> (Output, String, String) {
    let [component, picture, folded] =
        ["profiled.wasm", "out.svg", "out.folded"].map(|name| folder.join(name));
    std::fs::write(&component, wat::parse_str(GUEST).unwrap()).unwrap();
    let [component, picture, folded] =
        [&component, &picture, &folded].map(|path| path.to_str().unwrap());
    let fixed = [
        "profile",
        component,
        "-o",
        picture,
        "--folded",
        folded,
        "--no-policy",
        "--grant",
        "config=a:b",
    ];
    let said = run(&[&fixed, args].concat());
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    (said, read(picture), read(folded))
}

#[test]
fn two_runs_give_the_same_bytes() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for call in ["work(5000)", "ask(300)"] {
        let first = profile(one.path(), &[call]);
        let second = profile(other.path(), &[call, "--wall", "off"]);
        assert_eq!(code(&first.0), 0, "{}", stderr(&first.0));
        assert_eq!((&first.1, &first.2), (&second.1, &second.2));
        assert_eq!(stdout(&first.0), stdout(&second.0));
        assert!(first.1.starts_with("<svg ") && first.1.ends_with("</svg>\n"));
    }
}

#[test]
fn the_hottest_function_is_first_and_a_host_call_is_a_frame() {
    let folder = TempDir::new().unwrap();
    let (said, picture, folded) = profile(folder.path(), &["work(20000)", "--stats"]);
    let listed = stdout(&said);
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[2].contains("turn <b>&amp;"), "{listed}");
    assert!(
        lines.iter().all(|line| line.chars().count() <= 80),
        "{listed}"
    );
    // All of the fuel is in each form.
    let sum: u64 = folded
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
        .sum();
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    assert_eq!(digits(lines[0]), sum.to_string(), "{listed}");
    assert!(
        digits(&stderr(&said)).starts_with(&sum.to_string()),
        "{}",
        stderr(&said)
    );
    assert!(picture.contains("<title>hot: "), "{picture}");

    let (said, picture, folded) = profile(folder.path(), &["ask(300)"]);
    let frame = "[host] tollgate:provider/config@0.1.0";
    assert!(stdout(&said).contains(frame), "{}", stdout(&said));
    assert!(picture.contains(&format!("<title>{frame}: ")));
    assert!(folded.contains(&format!(";talk;{frame} ")), "{folded}");
}

/// A picture is opened by a browser, and a list by a terminal.
#[test]
fn the_text_of_a_guest_is_harmless() {
    let folder = TempDir::new().unwrap();
    let (said, picture, folded) = profile(folder.path(), &["work(100)"]);
    for text in [&picture, &folded, &stdout(&said)] {
        assert!(!text.contains('\x1b'), "{text}");
        assert!(text.contains("\\u{1b}[2J"), "{text}");
    }
    assert!(
        picture.contains("turn &lt;b&gt;&amp;amp;\\u{1b}[2J"),
        "{picture}"
    );
    assert!(!picture.contains("<b>") && !picture.contains("<script"));
}

#[test]
fn a_call_that_is_ended_has_a_profile_and_its_own_status() {
    let folder = TempDir::new().unwrap();
    for (call, label) in [
        ("spin()", "fuel"),
        ("descend()", "stack"),
        ("paths(14)", "fuel"),
    ] {
        let limit = if label == "stack" {
            "1_000_000_000"
        } else {
            "30_000_000"
        };
        let (said, picture, folded) = profile(folder.path(), &[call, "--fuel", limit]);
        assert_eq!(code(&said), 4, "{}", stderr(&said));
        assert!(
            stderr(&said).contains(&format!("error: {label}: ")),
            "{}",
            stderr(&said)
        );
        assert!(picture.ends_with("</svg>\n") && !folded.is_empty());
        assert!(picture.len() < 4 << 20, "{}", picture.len());
        assert!(stdout(&said).starts_with("profiled: "), "{}", stdout(&said));
        let merged = stderr(&said).contains("the profile holds no more calls");
        assert_eq!(merged, call == "paths(14)", "{}", stderr(&said));
    }
}

#[test]
fn a_provider_and_a_command_are_run() {
    let folder = TempDir::new().unwrap();
    let picture = folder.path().join("out.svg");
    let picture = picture.to_str().unwrap();
    let (echo, hello) = (guest("echo"), guest("hello-command"));
    for args in [
        [
            "profile",
            &echo,
            "-o",
            picture,
            "--no-policy",
            "--input-text",
            "hi",
        ]
        .as_slice(),
        &[
            "profile",
            &hello,
            "-o",
            picture,
            "--no-policy",
            "--grant",
            "wasi=inert",
            "--",
            "first",
        ],
    ] {
        let said = run(args);
        assert_eq!(code(&said), 0, "{args:?}: {}", stderr(&said));
        assert!(stdout(&said).contains("% "), "{}", stdout(&said));
        assert!(
            std::fs::read_to_string(picture)
                .unwrap()
                .ends_with("</svg>\n")
        );
    }
}

#[test]
fn contradictions_are_refused_before_anything_runs() {
    let folder = TempDir::new().unwrap();
    for args in [
        ["work(1)", "--json"].as_slice(),
        &["work(1)", "--input-text", "x"],
        &["work(1)", "--", "x"],
    ] {
        let (said, picture, _) = profile(folder.path(), args);
        assert_eq!(
            (code(&said), picture.is_empty()),
            (2, true),
            "{args:?}: {}",
            stderr(&said)
        );
    }
}

#[test]
fn no_root_covers_a_file_that_is_written() {
    let workdir = Workdir::new();
    std::fs::create_dir(workdir.at("out")).unwrap();
    for files in ["-o out/p.svg", "-o p.svg --folded out/stacks"] {
        let line = format!("profile echo.wasm --grant files=data:out:rw {files}");
        let said = workdir.ends(&line, 2);
        assert!(
            said.contains("the root `data` covers the output, "),
            "{said}"
        );
    }
}
