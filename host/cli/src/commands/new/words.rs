//! Names of WIT in the manner of each language. A name of WIT is words with hyphens between, each in one case.

/// `make-thing` as `make_thing`.
pub(super) fn snake(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

/// `make-thing` as `MAKE_THING`.
pub(super) fn shouted(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// `make-thing` as `MakeThing`.
pub(super) fn upper_camel(name: &str) -> String {
    name.split('-').map(capitalised).collect()
}

/// `make-thing` as `makeThing`.
pub(super) fn lower_camel(name: &str) -> String {
    let (first, rest) = name.split_once('-').unwrap_or((name, ""));
    first.to_ascii_lowercase() + &upper_camel(rest)
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first
        .into_iter()
        .chain(chars.map(|c| c.to_ascii_lowercase()))
        .collect()
}

/// `name` with `_` behind it if it is one of the keywords, which are separated by blanks.
pub(super) fn escaped(name: String, keywords: &str) -> String {
    match keywords.split_whitespace().any(|keyword| keyword == name) {
        true => name + "_",
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_manner_of_the_language() {
        assert_eq!(snake("make-URL-now"), "make_url_now");
        assert_eq!(shouted("dark-blue2"), "DARK_BLUE2");
        assert_eq!(upper_camel("make-URL-now"), "MakeUrlNow");
        assert_eq!(lower_camel("make-URL-now"), "makeUrlNow");
        assert_eq!(lower_camel("run"), "run");
        assert_eq!(escaped("type".to_owned(), "mod type"), "type_");
        assert_eq!(escaped("types".to_owned(), "mod type"), "types");
    }
}
