//! `tests/proofs.toml`: the proofs, and the selection of each package's tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use toml::Spanned;

/// The path of the proofs, from the root of the repository.
pub(crate) const FILE: &str = "tests/proofs.toml";

/// The package of a test unless a proof names another.
pub(crate) const PACKAGE: &str = "tollgate-tests";

const WORKSPACE: &str = "--workspace";

/// The start of a comment that is the heading of a group of proofs.
const HEADING: &str = "# ---- ";

/// The whole file.
#[derive(Debug)]
pub(crate) struct Proofs {
    pub(crate) packages: BTreeMap<String, Package>,
    pub(crate) all: Vec<Proof>,
}

/// The selection of the tests of one package.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Package {
    /// Arguments of `cargo test` that select one test target. With `--workspace`, it is built with the features of the
    /// whole workspace, and otherwise with those of its package.
    #[serde(default = "library")]
    pub(crate) select: Vec<String>,
    /// A package whose program some of the tests start.
    pub(crate) program: Option<String>,
}

impl Default for Package {
    fn default() -> Self {
        Self {
            select: library(),
            program: None,
        }
    }
}

impl Package {
    pub(crate) fn is_of_workspace(&self) -> bool {
        self.select.iter().any(|word| word == WORKSPACE)
    }

    /// The arguments that select the target in its package.
    pub(crate) fn target(&self) -> Vec<&str> {
        let words = self.select.iter().map(String::as_str);
        words.filter(|word| *word != WORKSPACE).collect()
    }
}

fn library() -> Vec<String> {
    vec!["--lib".to_owned()]
}

/// One proof: with all of `edits` made, a test that `test` selects fails.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Proof {
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) what: Option<String>,
    /// The heading above the proof; empty without one.
    #[serde(skip)]
    pub(crate) group: String,
    pub(crate) edits: Vec<Edit>,
    pub(crate) test: String,
    pub(crate) package: String,
    pub(crate) expect: Expect,
    #[serde(skip)]
    pub(crate) because: Option<String>,
    /// Seconds that the test may take, if the usual limit does not fit.
    pub(crate) timeout: Option<u64>,
}

/// One edit of one file, literally.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Edit {
    pub(crate) file: String,
    pub(crate) find: String,
    pub(crate) replace: String,
    pub(crate) count: usize,
}

/// The end of the test without the line. A failed assertion always counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expect {
    /// A test fails by an assertion of its own.
    #[default]
    Assertion,
    /// The test does not end.
    Timeout,
    /// The process of the test ends by a signal other than SIGABRT, or without a result.
    Crash,
    /// The process of the test aborts, for example because the stack overflows.
    Abort,
    /// The code under test panics, and the test fails with it.
    Panic,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    packages: BTreeMap<String, Package>,
    proof: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    what: Option<String>,
    file: Option<String>,
    find: Option<String>,
    replace: Option<String>,
    count: Option<usize>,
    #[serde(default)]
    edits: Vec<EntryEdit>,
    test: String,
    package: Option<String>,
    #[serde(default)]
    expect: Expect,
    because: Option<String>,
    timeout: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryEdit {
    file: Option<String>,
    find: String,
    replace: String,
    count: Option<usize>,
}

impl Proofs {
    /// Reads the file of the repository at `root`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(FILE))
            .with_context(|| format!("{FILE}: it cannot be read; run this in the repository"))?;
        Self::parse(&text).context(FILE)
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let document: Document = toml::from_str(text)?;
        let all = document
            .proof
            .into_iter()
            .map(|entry| {
                let group = heading(text, entry.span().start);
                let entry = entry.into_inner();
                let name = entry.name.clone();
                Proof::new(entry, group).with_context(|| format!("proof `{name}`"))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut names = BTreeSet::new();
        for proof in &all {
            let name = &proof.name;
            ensure!(
                names.insert(name),
                "proof `{name}`: two have this name; rename one"
            );
        }
        Ok(Self {
            packages: document.packages,
            all,
        })
    }

    /// The proofs whose name contains one of `words`; all without words.
    pub(crate) fn select(&self, words: &[String]) -> Result<Vec<&Proof>> {
        let wanted =
            |proof: &&Proof| words.is_empty() || words.iter().any(|word| proof.name.contains(word));
        let selected: Vec<_> = self.all.iter().filter(wanted).collect();
        ensure!(
            !selected.is_empty(),
            "{}: no proof has such a name; `--list` shows them",
            words.join(" ")
        );
        Ok(selected)
    }

    /// The selection of the tests of `package`.
    pub(crate) fn package(&self, package: &str) -> Package {
        self.packages.get(package).cloned().unwrap_or_default()
    }
}

/// The last heading before the byte `at` of `text`.
fn heading(text: &str, at: usize) -> &str {
    let mut lines = text.get(..at).unwrap_or_default().lines().rev();
    let heading = lines.find_map(|line| line.strip_prefix(HEADING));
    heading.unwrap_or_default().trim()
}

impl Proof {
    fn new(entry: Entry, group: &str) -> Result<Self> {
        let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        ensure!(
            !entry.name.is_empty() && entry.name.chars().all(named),
            "the name has other characters; use a-z, 0-9 and `-`"
        );
        ensure!(
            (entry.expect == Expect::Assertion) == entry.because.is_none(),
            "`expect` and `because` belong together; give both or none"
        );
        let mut written = entry.edits;
        match (entry.find, entry.replace) {
            (Some(find), Some(replace)) => written.push(EntryEdit {
                file: None,
                find,
                replace,
                count: entry.count,
            }),
            (None, None) => ensure!(entry.count.is_none(), "`count` has no `find`; add one"),
            _ => anyhow::bail!("`find` and `replace` belong together; give both"),
        }
        ensure!(
            !written.is_empty(),
            "there is no edit; add `find` and `replace`"
        );
        let edits = written
            .into_iter()
            .map(|edit| Edit::new(edit, entry.file.as_deref()))
            .collect::<Result<_>>()?;
        Ok(Self {
            name: entry.name,
            what: entry.what,
            group: group.to_owned(),
            edits,
            test: entry.test,
            package: entry.package.unwrap_or_else(|| PACKAGE.to_owned()),
            expect: entry.expect,
            because: entry.because,
            timeout: entry.timeout,
        })
    }
}

impl Edit {
    fn new(edit: EntryEdit, file: Option<&str>) -> Result<Self> {
        let file = edit.file.as_deref().or(file);
        let file = file.context("the edit names no file; add `file`")?;
        ensure!(!edit.find.is_empty(), "`find` is empty; name the line");
        ensure!(
            edit.find != edit.replace,
            "the edit changes nothing; mend `replace`"
        );
        let count = edit.count.unwrap_or(1);
        ensure!(count > 0, "`count` is 0; leave it out or raise it");
        Ok(Self {
            file: file.to_owned(),
            find: edit.find,
            replace: edit.replace,
            count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str =
        "[[proof]]\nname = 'fuel'\nfile = 'a.rs'\nfind = 'x'\nreplace = 'y'\ntest = 't'\n";

    fn error(text: &str) -> String {
        format!("{:#}", Proofs::parse(text).unwrap_err())
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let proofs = Proofs::parse(ONE).unwrap();
        let proof = &proofs.all[0];
        assert_eq!(proof.package, "tollgate-tests");
        assert_eq!(proof.expect, Expect::Assertion);
        assert_eq!(proof.edits[0].count, 1);
        assert_eq!(proofs.package("tollgate").select, ["--lib"]);
    }

    #[test]
    fn a_group_is_the_heading_above() {
        let text = format!(
            "{ONE}{HEADING}Fuel\n{}{}",
            ONE.replace("fuel", "a"),
            ONE.replace("fuel", "b")
        );
        let proofs = Proofs::parse(&text).unwrap();
        let groups: Vec<_> = proofs.all.iter().map(|proof| &*proof.group).collect();
        assert_eq!(groups, ["", "Fuel", "Fuel"]);
    }

    #[test]
    fn edits_take_the_file_of_the_proof_or_their_own() {
        let text = "[[proof]]\nname = 'n'\nfile = 'a.rs'\ntest = 't'\nedits = [\n\
                    { find = 'x', replace = '' }, { file = 'b.rs', find = 'z', replace = '', count = 2 } ]";
        let proofs = Proofs::parse(text).unwrap();
        let edits = &proofs.all[0].edits;
        assert_eq!((edits[0].file.as_str(), edits[0].count), ("a.rs", 1));
        assert_eq!((edits[1].file.as_str(), edits[1].count), ("b.rs", 2));
    }

    #[test]
    fn mistakes_are_refused() {
        assert!(error(&format!("{ONE}{ONE}")).contains("two have this name"));
        assert!(error(&ONE.replace("'y'", "'x'")).contains("changes nothing"));
        assert!(error(&ONE.replace("find = 'x'\n", "")).contains("belong together"));
        assert!(error(&ONE.replace("file = 'a.rs'\n", "")).contains("names no file"));
        assert!(error(&format!("{ONE}expect = 'timeout'")).contains("because"));
        assert!(error(&format!("{ONE}other = 1")).contains("other"));
    }

    #[test]
    fn words_select_by_part_of_a_name() {
        let proofs = Proofs::parse(&format!("{ONE}{}", ONE.replace("fuel", "memory"))).unwrap();
        let names = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
            let selected = proofs.select(&words).unwrap();
            selected
                .iter()
                .map(|proof| proof.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&[]), ["fuel", "memory"]);
        assert_eq!(names(&["mem"]), ["memory"]);
        assert!(proofs.select(&["none".to_owned()]).is_err());
    }
}
