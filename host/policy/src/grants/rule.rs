//! Rules: the entries of the lists of grants, which may ask.

use crate::toml::quoted::quoted;

use super::{GrantName, Grants};

/// One entry of `grants.http` or `grants.files`, by its place in the list.
///
/// A rule with `ask = true` allows what it says once an approver has said yes. It is the ceiling as well: a request that it does
/// not allow is denied without a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule {
    /// The list.
    pub grant: GrantName,
    /// The place in it, from 0.
    pub index: usize,
}

impl Rule {
    /// The entry `index` of `grants.http`.
    pub const fn http(index: usize) -> Rule {
        let grant = GrantName::Http;
        Rule { grant, index }
    }

    /// The entry `index` of `grants.files`.
    pub const fn files(index: usize) -> Rule {
        let grant = GrantName::Files;
        Rule { grant, index }
    }
}

impl Grants {
    /// The rules that ask.
    ///
    /// ```
    /// use tollgate_policy::{Grants, HttpGrant, Rule};
    ///
    /// let mut grant = HttpGrant::new("https://api.example.com/**");
    /// grant.ask = true;
    /// let grants = Grants { http: vec![grant], ..Grants::default() };
    /// assert!(grants.asking().eq([Rule::http(0)]));
    /// ```
    pub fn asking(&self) -> impl Iterator<Item = Rule> {
        let http = self.http.iter().enumerate().filter(|(_, grant)| grant.ask);
        let files = self.files.iter().enumerate().filter(|(_, grant)| grant.ask);
        let http = http.map(|(index, _)| Rule::http(index));
        http.chain(files.map(|(index, _)| Rule::files(index)))
    }

    /// A rule in one line, by the keys that tell it from the others of its list; empty if there is no such rule.
    ///
    /// ```
    /// use tollgate_policy::{Grants, HttpGrant, Rule};
    ///
    /// let grants = Grants { http: vec![HttpGrant::new("https://api.example.com/**")], ..Grants::default() };
    /// assert_eq!(grants.rule_text(Rule::http(0)), "[[grants.http]] url = \"https://api.example.com/**\"");
    /// ```
    pub fn rule_text(&self, rule: Rule) -> String {
        let text = match rule.grant {
            GrantName::Http => self.http.get(rule.index).map(|grant| {
                let url = quoted(&grant.url);
                format!("[[grants.http]] url = {url}")
            }),
            GrantName::Files => self.files.get(rule.index).map(|grant| {
                let (root, access) = (quoted(&grant.root), quoted(grant.access.name()));
                format!("[[grants.files]] root = {root}, access = {access}")
            }),
            _ => None,
        };
        text.unwrap_or_default()
    }
}
