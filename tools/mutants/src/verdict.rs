//! The verdict of the tests on a mutant.

use std::{
    collections::BTreeSet,
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use syn::{
    spanned::Spanned,
    visit::{self, Visit},
};

/// The verdicts, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// It does not compile.
    Unviable,
    /// It has to be built alone, which was not requested.
    NotRun,
    /// No test reaches it.
    Unreached,
    /// All tests that reach it pass.
    Survived,
    /// A test takes several times as long as without the mutant, and was killed.
    TimedOut,
    /// The process of a test ended: a stack overflow, no more memory, an abort.
    Crashed,
    /// A test fails because the code panics.
    Panicked,
    /// A test fails by its own assertion.
    Caught,
}

impl Verdict {
    pub(crate) fn is_caught(self) -> bool {
        self >= Self::TimedOut
    }
}

/// Tells test code from tested code.
pub(crate) struct TestCode {
    folder: PathBuf,
    /// The files with tested code, relative to the folder.
    sources: BTreeSet<String>,
}

impl TestCode {
    pub(crate) fn new(folder: &Path, sources: Vec<String>) -> Self {
        Self {
            folder: folder.to_owned(),
            sources: sources.into_iter().collect(),
        }
    }

    /// The verdict of a failed test, and the first line of its message.
    pub(crate) fn judge(&self, printed: &str) -> (Verdict, String) {
        let panics = panics(printed);
        let in_test = panics
            .iter()
            .find(|panic| self.is_test(&panic.file, panic.line));
        match (in_test, panics.first()) {
            (Some(panic), _) => (Verdict::Caught, panic.words()),
            (None, Some(panic)) => (Verdict::Panicked, panic.words()),
            // A test that returned an error, or did not panic although it should.
            (None, None) => (Verdict::Caught, reason(printed)),
        }
    }

    fn is_test(&self, file: &str, line: usize) -> bool {
        if !self.sources.contains(file) {
            // The standard library panics on behalf of its caller; only our own tests assert.
            return !file.starts_with('/');
        }
        let text = fs::read_to_string(self.folder.join(file)).unwrap_or_default();
        test_lines(&text).iter().any(|lines| lines.contains(&line))
    }
}

struct Panic {
    file: String,
    line: usize,
    message: String,
}

impl Panic {
    fn words(&self) -> String {
        format!("{}:{}: {}", self.file, self.line, self.message)
    }
}

/// All lines `thread 'name' panicked at file:line:column:`, each with the line after it.
fn panics(printed: &str) -> Vec<Panic> {
    let mut lines = printed.lines().peekable();
    let mut panics = Vec::new();
    while let Some(line) = lines.next() {
        let place = line
            .strip_suffix(':')
            .and_then(|line| line.split_once(" panicked at "))
            .map(|(_, place)| place);
        let Some(place) = place else {
            continue;
        };
        let mut parts = place.rsplitn(3, ':');
        let (_column, number, file) = (parts.next(), parts.next(), parts.next());
        if let (Some(file), Some(Ok(number))) = (file, number.map(str::parse)) {
            let message = lines.peek().copied().unwrap_or_default().to_owned();
            panics.push(Panic {
                file: file.to_owned(),
                line: number,
                message,
            });
        }
    }
    panics
}

fn reason(printed: &str) -> String {
    let told = |line: &&str| line.starts_with("Error: ") || line.starts_with("note: ");
    printed.lines().find(told).unwrap_or("failed").to_owned()
}

/// The lines of items that are marked with `#[cfg(test)]` or `#[test]`.
fn test_lines(text: &str) -> Vec<RangeInclusive<usize>> {
    #[derive(Default)]
    struct Search(Vec<RangeInclusive<usize>>);
    impl<'ast> Visit<'ast> for Search {
        fn visit_item(&mut self, item: &'ast syn::Item) {
            let attributes = match item {
                syn::Item::Fn(item) => item.attrs.as_slice(),
                syn::Item::Mod(item) => item.attrs.as_slice(),
                syn::Item::Impl(item) => item.attrs.as_slice(),
                _ => &[],
            };
            if attributes.iter().any(is_test) {
                let span = item.span();
                self.0.push(span.start().line..=span.end().line);
            }
            visit::visit_item(self, item);
        }
    }
    let mut search = Search::default();
    if let Ok(file) = syn::parse_file(text) {
        search.visit_file(&file);
    }
    search.0
}

fn is_test(attribute: &syn::Attribute) -> bool {
    let path = attribute.path();
    path.segments
        .last()
        .is_some_and(|last| last.ident == "test")
        || path.is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_are_read_with_their_place() {
        let printed = "\nthread 'a::b' (12) panicked at host/policy/src/url.rs:7:5:\nassertion failed: x\nnote: …\n";
        let found = panics(printed);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].words(),
            "host/policy/src/url.rs:7: assertion failed: x"
        );
    }

    #[test]
    fn tests_within_a_source_are_test_code() {
        let text =
            "fn f() {\n}\n#[cfg(test)]\nmod tests {\n    fn g() {}\n}\n#[cfg(unix)]\nfn h() {}\n";
        assert_eq!(test_lines(text), [3..=6]);
    }
}
