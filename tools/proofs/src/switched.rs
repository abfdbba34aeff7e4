//! Files with many edits at once, each behind a switch.
//!
//! The body of a function becomes `if on(1) { edited } else if on(2) { edited } else { as it is }`. Edits outside of
//! function bodies, and those that do not compile so, have to be built one at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use anyhow::{Context, Result};

use crate::proofs::Proof;

/// An edit at its place in a file.
struct Place<'a> {
    id: u32,
    at: Range<usize>,
    replace: &'a str,
}

/// A file, and the text of each proof in it.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Rewritten {
    pub(crate) text: String,
    /// Parts of the text, and the proofs to which the compiler's errors about them belong.
    parts: Vec<(Range<usize>, Vec<u32>)>,
}

impl Rewritten {
    /// The proofs of the innermost part that contains this text.
    pub(crate) fn blame(&self, text: &Range<usize>) -> &[u32] {
        let has = |part: &Range<usize>| part.start <= text.start && text.end <= part.end;
        let parts = self.parts.iter().filter(|(part, _)| has(part));
        let innermost = parts.min_by_key(|(part, _)| part.len());
        innermost.map(|(_, ids)| ids.as_slice()).unwrap_or_default()
    }
}

/// The proofs whose edits are all in bodies of functions of a crate, by number, and their files.
pub(crate) struct Plan<'a> {
    pub(crate) proofs: BTreeMap<u32, &'a Proof>,
    files: BTreeMap<String, (String, Vec<Place<'a>>)>,
}

impl<'a> Plan<'a> {
    /// The plan of those of `proofs` that fit. `read` gives the text of a file.
    pub(crate) fn new(proofs: &[&'a Proof], read: impl Fn(&str) -> Result<String>) -> Result<Self> {
        let mut plan = Self {
            proofs: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        for (id, &proof) in (1..).zip(proofs) {
            let mut places = Vec::new();
            let mut fits = true;
            for edit in &proof.edits {
                let text = read(&edit.file)?;
                fits &= root(&edit.file).is_some();
                for (at, _) in text.match_indices(&edit.find) {
                    let at = at..at + edit.find.len();
                    fits &= body(&text, &at).is_some();
                    let replace = edit.replace.as_str();
                    places.push((&edit.file, text.clone(), Place { id, at, replace }));
                }
            }
            if !fits {
                continue;
            }
            plan.proofs.insert(id, proof);
            for (file, text, place) in places {
                let file = plan.files.entry(file.clone());
                file.or_insert_with(|| (text, Vec::new())).1.push(place);
            }
        }
        Ok(plan)
    }

    /// Leaves out the proofs that do not compile behind a switch.
    pub(crate) fn leave_out(&mut self, ids: &BTreeSet<u32>) {
        self.proofs.retain(|id, _| !ids.contains(id));
        for (_, places) in self.files.values_mut() {
            places.retain(|place| !ids.contains(&place.id));
        }
    }

    /// The text of a file without an edit.
    pub(crate) fn original(&self, file: &str) -> Result<String> {
        let found = self.files.get(file);
        let (text, _) = found.with_context(|| format!("{file}: no proof edits it"))?;
        Ok(text.clone())
    }

    /// The files with all edits.
    pub(crate) fn files(&self) -> BTreeMap<String, Rewritten> {
        let files = self.files.iter();
        files
            .map(|(file, (text, places))| (file.clone(), rewritten(text, places)))
            .collect()
    }
}

/// The first files, one of which is there, of the crate that a file belongs to.
pub(crate) fn root(file: &str) -> Option<[String; 2]> {
    let (package, _) = file.split_once("/src/")?;
    Some(["lib", "main"].map(|root| format!("{package}/src/{root}.rs")))
}

fn rewritten(text: &str, places: &[Place<'_>]) -> Rewritten {
    let mut bodies: BTreeMap<(usize, usize), BTreeMap<u32, Vec<&Place<'_>>>> = BTreeMap::new();
    for place in places {
        if let Some(body) = body(text, &place.at) {
            let of_body = bodies.entry((body.start, body.end)).or_default();
            of_body.entry(place.id).or_default().push(place);
        }
    }
    let slice = |range: Range<usize>| text.get(range).unwrap_or_default();
    let mut out = Rewritten::default();
    let mut copied = 0;
    for ((start, end), edits) in bodies {
        out.text.push_str(slice(copied..start));
        let whole = out.text.len();
        let ids = edits.keys().copied().collect();
        for (id, mut places) in edits {
            out.text
                .push_str(&format!("if crate::tollgate_switch::on({id}) {{\n"));
            let part = out.text.len();
            places.sort_by_key(|place| place.at.start);
            let mut done = start;
            for place in places {
                out.text.push_str(slice(done..place.at.start));
                out.text.push_str(place.replace);
                done = place.at.end;
            }
            out.text.push_str(slice(done..end));
            out.parts.push((part..out.text.len(), vec![id]));
            out.text.push_str("} else ");
        }
        out.text.push_str("{\n");
        out.text.push_str(slice(start..end));
        out.text.push_str("}\n");
        out.parts.push((whole..out.text.len(), ids));
        copied = end;
    }
    out.text.push_str(slice(copied..text.len()));
    out
}

/// The lines of the body of the outermost function that encloses a text. The sources are formatted, so the last line of
/// a function is a brace as far to the right as its first line.
fn body(text: &str, of: &Range<usize>) -> Option<Range<usize>> {
    let mut start = 0;
    let mut outermost: Option<(usize, Range<usize>)> = None;
    for line in text.get(..of.start)?.split_inclusive('\n') {
        let right = line.len() - line.trim_start_matches(' ').len();
        let is_further_out = outermost.as_ref().is_none_or(|(other, _)| right < *other);
        if is_further_out
            && is_function(line)
            && let Some(lines) = lines(text, start, right)
            && lines.start <= of.start
            && of.end <= lines.end
        {
            outermost = Some((right, lines));
        }
        start += line.len();
    }
    outermost.map(|(_, lines)| lines)
}

/// Whether a line begins a function that is not evaluated by the compiler.
fn is_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let before = words.by_ref().take_while(|word| *word != "fn");
    let known = |word: &str| {
        matches!(word, "pub" | "async" | "unsafe" | "extern" | "\"C\"") || word.starts_with("pub(")
    };
    before.into_iter().all(known) && words.next().is_some()
}

/// The lines between the brace that opens the function whose first line begins at `start`, and the one that closes it.
fn lines(text: &str, start: usize, right: usize) -> Option<Range<usize>> {
    let close = format!("{}}}", " ".repeat(right));
    let mut at = start;
    let mut opened = None;
    for line in text.get(start..)?.split_inclusive('\n') {
        let shown = line.trim_end();
        let is_as_far = line.len() - line.trim_start_matches(' ').len() == right;
        match opened {
            None if is_as_far && shown.ends_with('{') => opened = Some(at + line.len()),
            None if is_as_far && (shown.ends_with(';') || shown.ends_with('}')) => return None,
            Some(opened) if shown == close => return Some(opened..at),
            _ => {}
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proofs::Proofs;

    const FILE: &str = "\
impl A {
    pub(crate) async fn b<T>(
        &self,
    ) -> u32
    where
        T: C,
    {
        fn inner() {
            one();
        }
        two();
    }

    const fn d() -> u32 {
        three()
    }

    fn e(&self) {}

    fn f(&self) -> u32 {
        four()
    }
}
";

    fn plan(proofs: &str) -> (Vec<u32>, Rewritten) {
        let proofs = Proofs::parse(proofs).unwrap();
        let all: Vec<&Proof> = proofs.all.iter().collect();
        let plan = Plan::new(&all, |_| Ok(FILE.to_owned())).unwrap();
        let files = plan.files().into_values().next().unwrap_or_default();
        (plan.proofs.keys().copied().collect(), files)
    }

    fn proof(name: &str, find: &str) -> String {
        format!(
            "[[proof]]\nname = '{name}'\nfile = 'host/x/src/a.rs'\nfind = '{find}'\nreplace = 'no()'\ntest = 't'\n"
        )
    }

    #[test]
    fn edits_in_a_body_are_behind_switches() {
        let (ids, file) = plan(&(proof("a", "one()") + &proof("b", "two()")));
        assert_eq!(ids, [1, 2]);
        let body = |inner: &str, after: &str| {
            format!("        fn inner() {{\n            {inner};\n        }}\n        {after};\n")
        };
        let expected = format!(
            "if crate::tollgate_switch::on(1) {{\n{}}} else if crate::tollgate_switch::on(2) {{\n{}}} else {{\n{}}}\n    }}\n",
            body("no()", "two()"),
            body("one()", "no()"),
            body("one()", "two()"),
        );
        assert!(file.text.contains(&expected), "{}", file.text);
    }

    #[test]
    fn what_is_no_body_is_left_out() {
        for find in [
            "three()",
            "fn e",
            "&self,",
            "impl A",
            "one();\n        }\n        two();\n    }\n",
        ] {
            let find = find.replace('\n', "\\n");
            let text = proof("a", "x").replace("find = 'x'", &format!("find = \"{find}\""));
            assert_eq!(plan(&text).0, [0; 0], "{find}");
        }
        assert_eq!(plan(&proof("a", "four()")).0, [1]);
        let text = proof("a", "four()").replace("/src/", "/tests/");
        assert_eq!(plan(&text).0, [0; 0]);
    }

    #[test]
    fn errors_are_those_of_the_innermost_text() {
        let (_, file) = plan(&(proof("a", "one()") + &proof("b", "two()")));
        let at = |text: &str, times: usize| {
            let (at, _) = file.text.match_indices(text).nth(times).unwrap();
            at..at + text.len()
        };
        assert_eq!(file.blame(&at("no()", 0)), [1]);
        assert_eq!(file.blame(&at("no()", 1)), [2]);
        assert_eq!(file.blame(&at("two()", 1)), [1, 2]);
        assert_eq!(file.blame(&at("four()", 0)), [0; 0]);
    }
}
