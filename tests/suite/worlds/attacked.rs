//! Our own worlds, attacked by guests that are made from their WIT.

use std::path::Path;

use tollgate_testing::{Attacked, Error, attack};

use support::harness::{alone, builder, policy, root};

/// A part of the catalogue that takes seconds, and has each kind of place.
const SLICE: &[&str] = &[
    "loop",
    "recursion",
    "memory-past",
    "table-past",
    "realloc-outside",
    "post-return-trap",
    "result-gigabyte",
    "result-overlap",
    "result-utf8",
    "result-case",
    "result-random",
    "memories",
    "start-import",
    "import-count",
    "import-large",
    "import-hoard",
    "import-random",
    "import-not-granted",
];

fn attacked(wit: &Path, world: &str, grants: &str) -> Attacked {
    let policy = policy(&format!("{grants}\nlimits.deadline = \"10s\""));
    attack(&builder().concurrency(4).build(), &policy, wit, world)
        .only(SLICE.iter().copied())
        .run()
        .unwrap()
}

/// A folder of WIT with the packages that it uses.
fn with_deps(wit: &str, deps: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &Path| {
        std::fs::create_dir_all(to).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    };
    copy(&root().join("wit").join(wit), folder.path());
    for dep in deps {
        copy(
            &root().join("wit").join(dep),
            &folder.path().join("deps").join(dep),
        );
    }
    folder
}

/// Everything that needs no file and no server.
const GRANTS: &str =
    "grants.log = true\ngrants.hash = true\ngrants.store = true\ngrants.config = { a = \"b\" }";

#[test]
fn our_own_worlds_withstand_every_guest() {
    let _alone = alone();
    for (wit, world) in [("provider", "provider"), ("provider-0.2", "provider")] {
        attacked(&root().join("wit").join(wit), world, GRANTS).assert();
    }
    let ledger = with_deps("ledger", &["provider"]);
    let attacked_ledger = attacked(ledger.path(), "statement-importer", GRANTS);
    attacked_ledger.assert();
    // Its result is a list of variants of records of text, which is what can be broken in most ways.
    for attack in ["result-overlap", "result-case", "result-utf8"] {
        let found = |row: &&tollgate_testing::Row| row.attack == attack;
        assert!(
            attacked_ledger.rows.iter().any(|row| found(&row)),
            "{attack}"
        );
    }
    let releases = with_deps("releases", &["provider"]);
    attacked(releases.path(), "releases", GRANTS).assert();
}

#[test]
fn a_world_that_cannot_be_attacked_says_why() {
    let said = |wit: &str, world: &str, grants: &str| -> Error {
        let file = tempfile::Builder::new().suffix(".wit").tempfile().unwrap();
        std::fs::write(file.path(), wit).unwrap();
        let attack = attack(&builder().build(), &policy(grants), file.path(), world);
        attack.only(["loop"]).run().unwrap_err()
    };
    let wit = "package a:b; world w { export f: func() -> string; }";
    for (error, says) in [
        (
            said("package a:b; world w {", "w", ""),
            "the WIT does not parse",
        ),
        (
            said(wit, "v", ""),
            "there is no world `v`: it has a:b/w; name one of these",
        ),
        (
            said("package a:b; world w { export f: async func(); }", "w", ""),
            "f: it is async; this host runs no component of the world",
        ),
        (
            said(
                "package a:b; interface i { resource r; } world w { import i; use i.{r}; export f: func(a: own<r>); }",
                "w",
                "",
            ),
            "a well-behaved component of the world does not work: ",
        ),
        (
            said(wit, "w", "limits.fuel = 1"),
            "f: fuel the budget of 1 fuel was used up",
        ),
    ] {
        assert!(error.to_string().contains(says), "{error}");
    }
}
