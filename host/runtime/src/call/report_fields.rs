//! The fields that all kinds of report share, as serde writes and reads them.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use tollgate_component::{ProviderInfo, Signer};
use tollgate_policy::{KeyId, LimitKey, Limits, Unit};

/// The component in a report.
pub(super) mod provider {
    use super::{
        Cow, Deserialize, Deserializer, KeyId, ProviderInfo, Serialize, Serializer, Signer,
    };

    #[derive(Serialize, Deserialize)]
    struct Data<'a> {
        name: Cow<'a, str>,
        /// Null for a file that was too large to be read.
        digest: Option<Cow<'a, str>>,
        size: u64,
        world: Option<Cow<'a, str>>,
        signature: Option<SignerData<'a>>,
    }

    #[derive(Serialize, Deserialize)]
    struct SignerData<'a> {
        key_id: KeyId,
        comment: Cow<'a, str>,
    }

    pub(in crate::call) fn serialize<S: Serializer>(
        info: &ProviderInfo,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let signature = info.signer.as_ref().map(|signer| SignerData {
            key_id: signer.key_id,
            comment: Cow::Borrowed(&signer.comment),
        });
        Data {
            name: Cow::Borrowed(&info.name),
            digest: (!info.digest.is_empty()).then_some(Cow::Borrowed(&info.digest)),
            size: info.size,
            world: info.world.as_deref().map(Cow::Borrowed),
            signature,
        }
        .serialize(serializer)
    }

    pub(in crate::call) fn deserialize<'de, D, P>(deserializer: D) -> Result<P, D::Error>
    where
        D: Deserializer<'de>,
        P: From<ProviderInfo>,
    {
        let data = Data::deserialize(deserializer)?;
        let signer = data.signature.map(|signer| Signer {
            key_id: signer.key_id,
            comment: signer.comment.into_owned(),
        });
        let info = ProviderInfo {
            name: data.name.into(),
            digest: data.digest.unwrap_or_default().into_owned(),
            size: data.size,
            world: data.world.map(Cow::into_owned),
            signer,
        };
        Ok(info.into())
    }
}

/// Limits in a report: every key in its smallest step, named as JSON names are.
pub(super) mod limits {
    use super::{
        Deserialize, Deserializer, LimitKey, Limits, Map, Serialize, Serializer, Unit, Value,
    };

    fn name(key: &LimitKey) -> String {
        let unit = match key.unit {
            Unit::Duration => "_us",
            _ => "",
        };
        format!("{}{unit}", key.name.replace('-', "_"))
    }

    pub(in crate::call) fn to_map(limits: &Limits) -> Map<String, Value> {
        let keys = Limits::KEYS.iter();
        keys.map(|key| (name(key), key.get(limits).into()))
            .collect()
    }

    pub(in crate::call) fn of_map(map: &Map<String, Value>) -> Result<Limits, String> {
        let mut limits = Limits::default();
        for key in Limits::KEYS {
            let name = name(key);
            match map.get(&name) {
                None => {}
                // A limit of fuel that is not counted is null.
                Some(Value::Null) if key.name == "fuel" => {}
                Some(value) => {
                    let value = value
                        .as_u64()
                        .ok_or_else(|| format!("`limits.{name}` is no number"))?;
                    key.set(&mut limits, value)
                        .map_err(|error| format!("`limits.{name}`: {error}"))?;
                }
            }
        }
        Ok(limits)
    }

    pub(in crate::call) fn serialize<S: Serializer>(
        limits: &Limits,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        to_map(limits).serialize(serializer)
    }

    pub(in crate::call) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Limits, D::Error> {
        let map = Map::deserialize(deserializer)?;
        of_map(&map).map_err(serde::de::Error::custom)
    }
}
