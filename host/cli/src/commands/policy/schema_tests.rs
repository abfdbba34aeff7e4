//! Tests of the schema: a policy that Tollgate reads fits it, and one that Tollgate refuses by its tables of keys does
//! not.

use super::*;
use tollgate::Policy;

/// Whether a value fits a schema, by the few words that ours has. Any other word fails the test.
fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
    schema
        .as_object()
        .unwrap()
        .iter()
        .all(|(word, of)| match word.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let path = of.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                fits(root, &root["$defs"][path], value)
            }
            "type" => match of.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64(),
                other => panic!("{other}"),
            },
            "enum" => of.as_array().unwrap().contains(value),
            "minimum" => value
                .as_u64()
                .is_none_or(|number| number >= of.as_u64().unwrap()),
            "maximum" => value
                .as_u64()
                .is_none_or(|number| number <= of.as_u64().unwrap()),
            "pattern" => matches(of.as_str().unwrap(), value.as_str().unwrap_or_default()),
            "items" => {
                let items = value.as_array().into_iter().flatten();
                items.into_iter().all(|item| fits(root, of, item))
            }
            "anyOf" => of
                .as_array()
                .unwrap()
                .iter()
                .any(|each| fits(root, each, value)),
            "required" => {
                let mut names = of.as_array().unwrap().iter();
                names.all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "properties" => {
                let entries = value.as_object().into_iter().flatten();
                let mut known = entries.filter_map(|(name, value)| Some((of.get(name)?, value)));
                known.all(|(schema, value)| fits(root, schema, value))
            }
            "additionalProperties" => {
                let known = |name: &str| {
                    schema
                        .get("properties")
                        .is_some_and(|known| known.get(name).is_some())
                };
                let mut entries = value.as_object().into_iter().flatten();
                entries
                    .all(|(name, value)| known(name) || (of.is_object() && fits(root, of, value)))
            }
            other => panic!("the schema has a word that this test does not know: {other}"),
        })
}

/// The patterns of numbers, and no others.
fn matches(pattern: &str, text: &str) -> bool {
    let digits = "[0-9]+(_[0-9]+)*";
    let rest = pattern
        .strip_prefix(&format!("^{digits}(\\.{digits})?("))
        .unwrap();
    let (suffixes, end) = rest.split_once(')').unwrap();
    let at = text
        .find(|c: char| !matches!(c, '0'..='9' | '_' | '.'))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(at).unwrap();
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = number.split('.').collect();
    let is_number = parts.len() <= 2 && parts.iter().all(|part| part.split('_').all(is_digits));
    let known = suffixes.split('|').any(|known| known == suffix);
    is_number && (known || (end == "?$" && suffix.is_empty()))
}

fn judge(text: &str) -> bool {
    let value: Value = toml::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let root = schema();
    fits(&root, &root, &value)
}

/// The lines that make up the table of a header, with the other keys that it needs.
fn text(table: &Table, key: &str, value: &str) -> String {
    let above = match table.header {
        "[grants.http.credential]" => "[[grants.http]]\nurl = 'https://a.example/'\n",
        "[grants.wasi]" => "[[grants.files]]\nroot = 'data'\npath = 'a'\naccess = 'read'\n",
        _ => "",
    };
    let needed = table
        .keys
        .iter()
        .filter(|needed| needed.default == KeyDefault::Required && needed.name != key);
    let needed: String = needed
        .map(|key| format!("{} = {}\n", key.name, key.example))
        .collect();
    let source = match (table.header, key) {
        ("[grants.http.credential]", "from-env" | "from-file") => "",
        ("[grants.http.credential]", _) => "from-env = 'A'\n",
        ("[grants.store]", "path") => "namespace = 'ledger'\n",
        _ => "",
    };
    format!("{above}{}\n{needed}{source}{key} = {value}\n", table.header)
}

fn parse(text: &str) -> Result<Policy, String> {
    Policy::parse(text, std::path::Path::new("/base")).map_err(|error| error.to_string())
}

#[test]
fn every_key_fits_with_its_example_and_its_default() {
    for table in TABLES {
        for key in table.keys {
            let default = match key.default {
                KeyDefault::Value(value) => Some(value),
                _ => None,
            };
            for value in default.into_iter().chain([key.example]) {
                let text = text(table, key.name, value);
                parse(&text).unwrap();
                assert!(judge(&text), "{text}");
            }
        }
    }
    for key in Limits::KEYS {
        for value in [key.min, key.default_value(), key.max] {
            let shown = match key.unit {
                Unit::Count => value.to_string(),
                unit => format!("'{}'", unit.show(value)),
            };
            assert!(
                judge(&format!("limits.{} = {shown}", key.name)),
                "{}",
                key.name
            );
        }
    }
}

#[test]
fn the_type_of_a_key_is_the_one_that_is_read() {
    let values = [
        "true",
        "7",
        "'7'",
        "'7s'",
        "1.5",
        "[]",
        "[7]",
        "[true]",
        "{}",
        "{ a = 'b' }",
        "{ a = 7 }",
    ];
    for table in TABLES {
        for key in table.keys {
            for value in values {
                let text = text(table, key.name, value);
                let message = parse(&text).err().unwrap_or_default();
                let fits = judge(&text);
                assert!(
                    !message.contains("; write ") || !message.contains("found a") || !fits,
                    "fits: {text}{message}"
                );
                assert!(!message.is_empty() || fits, "does not fit: {text}");
            }
        }
    }
}

#[test]
fn unknown_keys_do_not_fit() {
    assert!(!judge("unknown = 1") && !judge("limits.unknown = 1") && judge(""));
    for table in TABLES {
        assert!(!judge(&text(table, "unknown", "1")), "{}", table.header);
    }
    for key in Limits::KEYS {
        let over = key.max.saturating_add(1);
        let is_bound = key.unit != Unit::Duration && i64::try_from(over).is_ok();
        assert!(
            !is_bound || !judge(&format!("limits.{} = {over}", key.name)),
            "{}",
            key.name
        );
        assert!(!judge(&format!("limits.{} = '1 parsec'", key.name)));
    }
}

#[test]
fn required_keys_are_required() {
    for table in TABLES {
        for key in table
            .keys
            .iter()
            .filter(|key| key.default == KeyDefault::Required)
        {
            let whole = text(table, key.name, key.example);
            assert!(judge(&whole));
            let (without, _) = whole.rsplit_once(key.name).unwrap();
            assert!(!judge(without), "{without}");
        }
    }
}

#[test]
fn policies_of_the_tree_fit() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let samples = std::fs::read_dir(root.join("samples")).unwrap();
    let samples = samples.map(|entry| entry.unwrap().path());
    let mut count = 0;
    for path in samples.filter(|path| path.extension().is_some_and(|end| end == "toml")) {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(judge(&text), "{}", path.display());
        count += 1;
    }
    let page = std::fs::read_to_string(root.join("docs/guide/policy.md")).unwrap();
    let example = page.split("```toml\n").nth(1).unwrap();
    assert!(judge(example.split("```").next().unwrap()));
    assert!(count >= 4);
}
