//! Parameters of an interface of the embedding program: a table whose keys are the interface's own.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ValueError;
use crate::toml::messages::shown;

/// The parameters of a grant of an interface of the embedding program, such as `{ currencies = ["EUR"] }`: a table of
/// TOML that the program reads into a type of its own, when a component is loaded. None by default. They are no place
/// for secrets: policies are shown and compared.
///
/// ```
/// use std::path::Path;
/// use serde::Deserialize;
/// use tollgate_policy::Policy;
///
/// #[derive(Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Rates {
///     currencies: Vec<String>,
/// }
///
/// let text = r#"grants.interfaces."acme:report/rates@1.0.0" = { currencies = ["EUR"] }"#;
/// let policy = Policy::parse(text, Path::new(""))?;
/// let rates: Rates = policy.grants.interfaces["acme:report/rates@1.0.0"].read()?;
/// assert_eq!(rates.currencies, ["EUR"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// The table, written in one way only; empty without any.
    toml: String,
}

impl Parameters {
    /// Writes `parameters`, a struct or a map, as the table.
    ///
    /// # Errors
    ///
    /// It is not a table, or has a value that TOML cannot hold.
    pub fn new(parameters: impl Serialize) -> Result<Parameters, ValueError> {
        let table = toml::Table::try_from(parameters);
        let table = table.map_err(|error| ValueError::new(shown(&error.to_string())))?;
        Ok(Parameters::of(&table))
    }

    pub(crate) fn of(table: &toml::Table) -> Parameters {
        Parameters {
            toml: table.to_string(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.toml.is_empty()
    }

    /// Reads them into a type of the program. Types that deny unknown fields find misspelt keys.
    ///
    /// # Errors
    ///
    /// They do not fit the type: a key that is missing or unknown, or a value of another type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ValueError> {
        // The position is one in the rewritten table, which the user has not seen.
        let read = toml::from_str(&self.toml);
        read.map_err(|error| ValueError::new(shown(error.message())))
    }

    /// The table on one line.
    pub(crate) fn inline(&self) -> String {
        let table: toml::Table = toml::from_str(&self.toml).unwrap_or_default();
        toml::Value::Table(table).to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn parameters_are_read_as_they_were_written() {
        let given = BTreeMap::from([("b", vec!["x\n\"y\""]), ("a", vec![])]);
        let parameters = Parameters::new(&given).unwrap();
        assert_eq!(
            parameters.read::<BTreeMap<String, Vec<String>>>().unwrap()["b"],
            given["b"]
        );
        let inline = format!("p = {}", parameters.inline());
        let table: toml::Table = toml::from_str(&inline).unwrap();
        let again = Parameters::new(&table["p"]).unwrap();
        assert_eq!(again, parameters);
        assert!(Parameters::default().is_empty());
        assert!(
            Parameters::new(BTreeMap::<String, u32>::new())
                .unwrap()
                .is_empty()
        );
        assert!(Parameters::new(7).is_err());
        let error = parameters.read::<BTreeMap<String, u32>>().unwrap_err();
        assert!(error.message.contains("invalid type"), "{error}");
    }
}
