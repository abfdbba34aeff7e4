//! The change of a policy's text by which a rule asks no more.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::grants::Rule;

use super::document::MAX_TEXT;
use super::mistakes::position;

/// A policy's text in which one rule asks no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoppedAsking {
    /// The whole text.
    pub text: String,
    /// The line that changed, counted from 1.
    pub line: usize,
    /// That line as it is in the new text.
    pub written: String,
}

/// The text of a policy in which `ask = true` of one rule is `ask = false`. Nothing else of the text changes, comments included.
/// `None` if the text is no TOML or has no such rule that asks.
///
/// ```
/// use tollgate_policy::{Rule, toml};
///
/// let text = "[[grants.http]]\nurl = \"https://a.example/**\"\nask = true # for now\n";
/// let stopped = toml::stop_asking(text, Rule::http(0)).unwrap();
/// assert_eq!((stopped.line, stopped.written.as_str()), (3, "ask = false # for now"));
/// assert_eq!(toml::stop_asking(&stopped.text, Rule::http(0)), None);
/// ```
pub fn stop_asking(text: &str, rule: Rule) -> Option<StoppedAsking> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let document = DeTable::parse(text).ok()?;
    let grants = entry(document.get_ref(), "grants")?;
    let rules = entry(grants.get_ref().as_table()?, rule.grant.key())?;
    let found = rules.get_ref().as_array()?.get(rule.index)?;
    let ask = entry(found.get_ref().as_table()?, "ask")?;
    if !matches!(ask.get_ref(), DeValue::Boolean(true)) {
        return None;
    }
    let span = ask.span();
    let (before, after) = (text.get(..span.start)?, text.get(span.end..)?);
    let text = format!("{before}false{after}");
    let (line, _) = position(&text, span.start);
    let written = text.lines().nth(line.checked_sub(1)?)?.trim().to_owned();
    Some(StoppedAsking {
        text,
        line,
        written,
    })
}

fn entry<'t, 'd>(table: &'t DeTable<'d>, name: &str) -> Option<&'t Spanned<DeValue<'d>>> {
    let found = table.iter().find(|(key, _)| key.get_ref() == name);
    found.map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Policy;

    /// In each form of TOML one value changes, and the new text is the same policy but for that.
    #[test]
    fn one_value_changes_and_nothing_else() {
        let texts = [
            "[[grants.http]]\nurl = 'http://a.example/'\n\n# why\n[[grants.http]]\nurl = 'http://b.example/'\nask=true# é\n",
            "grants.http = [{ url = 'http://a.example/' }, { ask = true, url = 'http://b.example/' }]",
            "[grants]\r\nhttp = [\r\n { url = 'http://a.example/', ask = true },\r\n { url = 'http://b.example/', \"ask\" = true },\r\n]\r\n",
        ];
        for text in texts {
            let stopped = stop_asking(text, Rule::http(1)).unwrap();
            assert_eq!(stopped.text.len(), text.len() + 1);
            assert!(stopped.written.contains("false"), "{stopped:?}");
            let [mut before, after] = [text, &stopped.text].map(|text| {
                let read = Policy::parse(text, Path::new(""));
                read.unwrap()
            });
            assert!(before.grants.http[1].ask);
            before.grants.http[1].ask = false;
            assert_eq!(before, after);
        }
        for (text, rule) in [
            (texts[0], Rule::http(0)),
            (texts[0], Rule::http(2)),
            (texts[0], Rule::files(1)),
            ("grants.http = [", Rule::http(0)),
            ("grants.http = [{ ask = false }]", Rule::http(0)),
            ("", Rule::http(0)),
        ] {
            assert_eq!(stop_asking(text, rule), None, "{text}");
        }
    }
}
