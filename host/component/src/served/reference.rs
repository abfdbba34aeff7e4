//! The table of served interfaces in docs/guide/interfaces.md. The test fails when the page differs from the table;
//! `BLESS=1` writes it.

use std::fmt::Write as _;
use std::path::Path;

use super::SERVED;

const INTRO: &str = "\
# Interfaces that a component may import

<!-- Rendered from the table of served interfaces. To write it anew: BLESS=1 cargo test -p tollgate-component reference -->

Each import of a component is judged by this table before anything compiles. An import of another version on the same
track (0.2.3 where 0.2.12 is served) is served as well, unless it is newer. The last column is a line of policy that
grants the interface; paths, URLs and settings in it are examples. Interfaces of the embedding program come in addition,
granted by their full names in `grants.interfaces` (docs/guide/embedding.md).

| interface | versions | line of policy |
|---|---|---|
";

fn reference() -> String {
    let mut page = INTRO.to_owned();
    for row in SERVED {
        let line = row.capability.policy_line();
        let line = match line.is_empty() {
            true => "none: types without functions".to_owned(),
            false => format!("`{line}`"),
        };
        let versions = row.versions.join(", ");
        let _ = writeln!(page, "| `{}` | {versions} | {line} |", row.interface);
    }
    page
}

#[test]
fn the_page_is_what_the_table_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join("docs/guide/interfaces.md");
    let text = reference();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&page, &text).unwrap();
    }
    let found = std::fs::read_to_string(&page).unwrap_or_default();
    assert_eq!(
        found, text,
        "docs/guide/interfaces.md differs; if this is on purpose, `./justw bless`"
    );
}
