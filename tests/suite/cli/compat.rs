//! `tollgate compat`: two versions of a world, of WIT and of components.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use support::cli::{code, guest, run, stderr, stdout};

/// A folder of WIT with one version of a world; its path.
fn version(folder: &Path, name: &str, version: &str, cases: &str, more: &str) -> String {
    let to = folder.join(name);
    fs::create_dir(&to).unwrap();
    let text = format!(
        "package acme:report@{version};
         interface rates {{ enum currency {{ {cases} }} rate: func(of: currency) -> f64; {more} }}
         world plugin {{ import rates; export run: func() -> string; }}
         world other {{ export run: func(); }}"
    );
    fs::write(to.join("report.wit"), text).unwrap();
    to.to_str().unwrap().to_owned()
}

#[test]
fn a_change_that_its_version_does_not_admit_ends_with_1() {
    let folder = TempDir::new().unwrap();
    let old = version(folder.path(), "old", "1.0.0", "eur, usd", "");
    let compat = |new: &str| run(&["compat", &old, new, "--world", "plugin"]);
    // One case more broke every plugin of a peer.
    let new = version(folder.path(), "case", "1.1.0", "eur, usd, chf", "");
    let output = compat(&new);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let said = stdout(&output);
    let expected = "\
acme:report/plugin@1.0.0 and acme:report/plugin@1.1.0
  major  components, hosts  import acme:report/rates
      enum `currency`: case `chf` is added
components: those built for the old version do not run on hosts of the new one
hosts: those of the old version do not run components that use the new one
acme:report 1.1.0: a major change since 1.0.0; make it 2.0.0, or undo the change
";
    assert_eq!(said, expected);
    // The version that is asked for is right, and an addition asks for less.
    let new = version(folder.path(), "right", "2.0.0", "eur, usd, chf", "");
    assert_eq!(code(&compat(&new)), 0);
    let new = version(folder.path(), "more", "1.1.0", "eur, usd", "all: func();");
    let output = compat(&new);
    assert_eq!(code(&output), 0);
    assert!(
        stdout(&output).contains("minor  hosts  import acme:report/rates  function `all` is added"),
        "{}",
        stdout(&output)
    );
    let new = version(folder.path(), "same", "1.0.0", "eur, usd", "");
    let output = compat(&new);
    assert_eq!(code(&output), 0);
    assert!(stdout(&output).ends_with("no difference that matters\n"));
}

#[test]
fn the_differences_are_json_too() {
    let folder = TempDir::new().unwrap();
    let old = version(folder.path(), "old", "1.0.0", "eur, usd", "");
    let new = version(folder.path(), "new", "1.0.1", "usd", "");
    let output = run(&[
        "compat",
        &old,
        &new,
        "--world",
        "acme:report/plugin",
        "--json",
    ]);
    assert_eq!(code(&output), 1);
    let said: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(said["compatible"], false);
    assert_eq!(said["old"], "acme:report/plugin@1.0.0");
    let difference = &said["differences"][0];
    assert_eq!(difference["direction"], "import");
    assert_eq!(difference["item"], "acme:report/rates");
    assert_eq!(
        difference["change"],
        "enum `currency`: case `eur` is removed"
    );
    assert_eq!(difference["level"], "major");
    assert_eq!(difference["breaks"]["old_components"], true);
    assert_eq!(said["packages"][0]["asked"], "2.0.0");
    assert_eq!(said["packages"][0]["admits"], false);
}

/// Components of this host's own worlds, against these worlds.
#[test]
fn a_component_is_compared_with_a_world_and_with_its_successor() {
    let world = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/provider");
    let compat = |component: &str| run(&["compat", world, component, "--world", "provider"]);
    let output = compat(&guest("checksums"));
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let counter = guest("counter");
    let output = compat(&counter);
    assert_eq!(code(&output), 1);
    let said = stdout(&output);
    assert!(said.contains("hosts  export run"), "{said}");
    assert!(said.ends_with("not compatible\n"), "{said}");
    let output = run(&["compat", &counter, &counter]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
}

#[test]
fn bad_input_is_told_with_its_place_and_the_cure() {
    let folder = TempDir::new().unwrap();
    let old = version(folder.path(), "old", "1.0.0", "eur", "");
    let (module, counter) = (guest("core-module"), guest("counter"));
    let nowhere = folder.path().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    let broken = version(folder.path(), "broken", "1.0.0", "eur,, usd", "");
    for (arguments, status, says) in [
        (vec!["compat", nowhere, &old], 2, "nowhere: No such file"),
        (
            vec!["compat", &old, &old],
            2,
            "which world is meant is not clear",
        ),
        (
            vec!["compat", &old, &old, "--world", "plugni"],
            2,
            "did you mean `plugin`?",
        ),
        (
            vec!["compat", &broken, &old, "--world", "plugin"],
            2,
            "report.wit:2:",
        ),
        (
            vec!["compat", &old, &module, "--world", "plugin"],
            3,
            "core-module",
        ),
        (
            vec!["compat", &counter, &counter, "--world", "w"],
            2,
            "--world is of no use",
        ),
    ] {
        let output = run(&arguments);
        let said = stderr(&output);
        assert_eq!(code(&output), status, "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(stdout(&output).is_empty(), "{arguments:?}");
    }
}
