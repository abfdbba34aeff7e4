//! Parts of error messages: text of the user made safe to print, lists, and "did you mean".

/// The most characters of the user's text that a message repeats: enough to recognise it, too few to flood a log.
const SHOWN: usize = 80;

/// The user's text, safe on a terminal: characters that are not printable (control characters, and marks that turn or
/// hide text) are escaped, and long text is cut.
pub(crate) fn shown(text: &str) -> String {
    cut(text, |c| match c {
        '\'' | '"' | '\\' => c.to_string(),
        _ => c.escape_debug().to_string(),
    })
}

/// A key as it is written in a dotted path: bare if it is a bare key, otherwise quoted and in ASCII, so that look-alike
/// letters are visible.
pub(crate) fn shown_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let text = cut(key, |c| c.escape_default().to_string());
    match !key.is_empty() && key.chars().all(bare) {
        true => text,
        false => format!("\"{text}\""),
    }
}

fn cut(text: &str, escape: impl Fn(char) -> String) -> String {
    let mut out: String = text.chars().take(SHOWN).map(escape).collect();
    if text.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}

/// The fix for an unknown word: the nearest known word if one is close, and all known words, as in
/// `; did you mean `fuel`? Known: …`.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "; there is none".to_owned();
    }
    let list = known.join(", ");
    match nearest(word, known) {
        Some(best) => format!("; did you mean `{best}`? Known: {list}"),
        None => format!("; known: {list}"),
    }
}

/// The message about a key that a table does not know. `homes` are the tables that it belongs under; it is asked whether the
/// value has to be of the right type, since the key is probably a misspelling of a known one.
pub(crate) fn unknown_key(
    name: &str,
    known: &[&str],
    homes: impl FnOnce(bool) -> Vec<&'static str>,
) -> String {
    let near = nearest(name, known);
    let homes = homes(near.is_some()).into_iter();
    let homes: Vec<String> = homes.map(|header| format!("`{header}`")).collect();
    match (homes.is_empty(), near) {
        (true, _) => format!("unknown key{}", suggestion(name, known)),
        (false, None) => format!("unknown key here; it belongs under {}", homes.join(" or ")),
        (false, Some(best)) => format!(
            "unknown key here; did you mean `{best}`? `{name}` belongs under {}",
            homes.join(" or ")
        ),
    }
}

/// Whether `word` is probably a misspelling of `known`.
pub(crate) fn is_near(word: &str, known: &str) -> bool {
    nearest(word, &[known]).is_some()
}

/// The known word that `word` is probably a misspelling of: the same except for case and separators, or within one edit
/// per three letters (two words that differ by more are seldom the same word).
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    // No key is that long, and computing the distance costs the product of the lengths.
    if word.chars().count() > 40 {
        return None;
    }
    let folded = fold(word);
    let distances = known
        .iter()
        .map(|k| (strsim::levenshtein(&folded, &fold(k)), *k));
    let (edits, best) = distances.min_by_key(|(edits, _)| *edits)?;
    let near = edits <= best.len().div_ceil(3).min(3) && edits < best.len();
    near.then_some(best)
}

fn fold(word: &str) -> String {
    word.replace('_', "-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["fuel", "memory", "host-calls"];
        assert_eq!(nearest("FUEL", &known), Some("fuel"));
        assert_eq!(nearest("host_call", &known), Some("host-calls"));
        assert_eq!(nearest("memroy", &known), Some("memory"));
        assert_eq!(nearest("f\u{443}el", &known), Some("fuel"));
        assert_eq!(nearest("trust", &known), None);
        assert_eq!(nearest(&"fuel".repeat(99), &known), None);
        assert_eq!(nearest("fuel", &[]), None);
        // A word without a common letter is no misspelling, even if it is short.
        assert_eq!(nearest("b", &["a"]), None);
        let (long, longer) = ("x".repeat(40), "x".repeat(41));
        assert_eq!(nearest(&long, &[&longer]), Some(longer.as_str()));
        assert_eq!(nearest(&longer, &[&long]), None);
    }

    #[test]
    fn user_text_is_escaped_and_cut() {
        assert_eq!(shown("it's \"a\\b\" é"), "it's \"a\\b\" é");
        assert_eq!(shown("\u{1b}[31m\n"), "\\u{1b}[31m\\n");
        assert_eq!(shown("\u{202e}\u{200b}"), "\\u{202e}\\u{200b}");
        assert_eq!(shown(&"x".repeat(81)), format!("{}…", "x".repeat(80)));
        assert_eq!(shown(&"x".repeat(80)), "x".repeat(80));
    }

    #[test]
    fn keys_show_their_look_alikes() {
        assert_eq!(shown_key("max-body"), "max-body");
        assert_eq!(shown_key("f\u{443}el"), "\"f\\u{443}el\"");
        assert_eq!(shown_key("a.b"), "\"a.b\"");
        assert_eq!(shown_key(""), "\"\"");
    }
}
