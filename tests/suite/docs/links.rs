//! Links in Markdown: the target of a relative one is in the tree, and the heading behind its `#` is on that page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use support::harness::root;

use super::{lines, texts};

/// A link of a page: its line and its target.
struct Link {
    line: usize,
    target: String,
}

/// A page: its links, and the names by which a link may name a place on it.
#[derive(Default)]
struct Page {
    links: Vec<Link>,
    anchors: BTreeSet<String>,
}

/// A line without its code, in which nothing is a link.
fn without_code(line: &str) -> String {
    let mut rest = line;
    let mut kept = String::new();
    while let Some(start) = rest.find('`') {
        let (before, code) = rest.split_at(start);
        kept.push_str(before);
        let ticks = code.bytes().take_while(|byte| *byte == b'`').count();
        let (fence, code) = code.split_at(ticks);
        // A tick without its other one is a tick.
        let Some(end) = code.find(fence) else {
            kept.push_str(fence);
            rest = code;
            continue;
        };
        kept.push_str("code");
        rest = &code[end + ticks..];
    }
    kept + rest
}

/// The targets of the links and images in a line: `](target)` and `](target "title")`.
fn targets(line: &str) -> Vec<String> {
    let line = without_code(line);
    let parts = line.split("](").skip(1);
    parts
        .filter_map(|part| {
            let (target, _) = part.split_once(')')?;
            let target = target.split_whitespace().next()?;
            Some(target.trim_matches(['<', '>']).to_owned())
        })
        .collect()
}

/// The name of a heading, as GitHub and mdBook make it: in lower case, without punctuation, with hyphens for blanks.
fn anchor(heading: &str) -> String {
    // The text of a link, without its target.
    let mut text = String::new();
    let mut rest = heading;
    while let Some((before, after)) = rest.split_once("](") {
        text.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    let kept = text.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

fn page(file: &Path) -> Page {
    let mut page = Page::default();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mut fence: Option<String> = None;
    for (line, text) in lines(file) {
        let start = text.trim_start();
        if let Some(open) = &fence {
            if start.starts_with(open.as_str()) {
                fence = None;
            }
            continue;
        }
        if start.starts_with("```") || start.starts_with("~~~") {
            fence = Some(start.chars().take(3).collect());
            continue;
        }
        let level = text.bytes().take_while(|byte| *byte == b'#').count();
        if (1..=6).contains(&level) && text[level..].starts_with(' ') {
            let name = anchor(&text[level..]);
            let time = times.entry(name.clone()).or_default();
            page.anchors.insert(match *time {
                0 => name,
                time => format!("{name}-{time}"),
            });
            *time += 1;
        }
        for target in targets(&text) {
            page.links.push(Link { line, target });
        }
    }
    page
}

/// A path from the root of the tree without `.` and `..`, or nothing if it leads out of the tree.
fn resolved(file: &Path, target: &str) -> Option<PathBuf> {
    let mut path = file.parent()?.to_owned();
    for part in Path::new(target).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir if path.pop() => {}
            _ => return None,
        }
    }
    Some(path)
}

/// The pages: files that end in `.md`, and the index for agents.
fn pages() -> BTreeMap<PathBuf, Page> {
    let is_page = |file: &Path| {
        file.extension().is_some_and(|ending| ending == "md") || file == Path::new("llms.txt")
    };
    let files = texts().into_iter().filter(|file| is_page(file));
    files.map(|file| (file.clone(), page(&file))).collect()
}

#[test]
fn links_and_headings_are_found() {
    assert_eq!(
        targets("[a](b.md#c), `[no](code)` and ![d](<e.svg> \"f\"), [`g`](h)"),
        ["b.md#c", "e.svg", "h"]
    );
    assert_eq!(targets("a lone ` and [b](c)"), ["c"]);
    assert_eq!(
        anchor(" `tollgate cache list`, in short"),
        "tollgate-cache-list-in-short"
    );
    assert_eq!(anchor(" [The page](page.md): Größe_1"), "the-page-größe_1");
}

#[test]
fn every_link_names_something_in_the_tree() {
    let pages = pages();
    let (mut wrong, mut count, mut anchors) = (Vec::new(), 0, 0);
    for (file, page) in &pages {
        for Link { line, target } in &page.links {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (path, heading) = match target.split_once('#') {
                Some((path, heading)) => (path, Some(heading)),
                None => (target.as_str(), None),
            };
            let named = match path {
                "" => Some(file.clone()),
                path => resolved(file, path),
            };
            let place = format!("{}:{line}: {target}", file.display());
            let Some(named) = named.filter(|named| root().join(named).exists()) else {
                wrong.push(format!("{place}: no such file"));
                continue;
            };
            let Some(heading) = heading else { continue };
            anchors += 1;
            let is_there = pages
                .get(&named)
                .is_some_and(|page| page.anchors.contains(heading));
            if !is_there {
                wrong.push(format!("{place}: no such heading"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} links name what is not there; correct them:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count > 200 && anchors > 20, "only {count}, {anchors}");
}

/// A page that the summary leaves out is in no book, and no reader of the book finds it.
#[test]
fn the_book_has_every_page_of_the_documents() {
    let summary = Path::new("docs/SUMMARY.md");
    let named: Vec<PathBuf> = page(summary)
        .links
        .iter()
        .filter_map(|link| resolved(summary, &link.target))
        .collect();
    for file in texts() {
        let is_page = file.starts_with("docs") && file.extension().is_some_and(|end| end == "md");
        if is_page && file != summary {
            let times = named.iter().filter(|named| **named == file).count();
            assert_eq!(times, 1, "{} in docs/SUMMARY.md", file.display());
        }
    }
    assert!(named.contains(&PathBuf::from("SECURITY.md")));
}

/// An agent reads all of it before it begins: it stays short, and leads to the pages that an author needs.
#[test]
fn the_index_for_agents_is_short() {
    let file = Path::new("llms.txt");
    let length = lines(file).len();
    assert!(length <= 60, "{length} lines");
    let links = page(file).links;
    for needed in [
        "docs/guide/providers.md",
        "docs/guide/interfaces.md",
        "docs/guide/policy.md",
        "docs/guide/troubleshooting.md",
        "wit/provider-0.2/world.wit",
    ] {
        assert!(links.iter().any(|link| link.target == needed), "{needed}");
    }
}
