//! The settings that the policy hands to the provider.

use std::sync::Arc;

use tollgate_policy::decide;

use crate::call::Call;
use crate::error::LimitReached;
use crate::prices::{MOVE_PRICE, TEXT_PRICE};

/// The audit name of this capability.
const NAME: &str = "config";

impl Call {
    /// The setting of this name; `None` when there is none, or when it is denied.
    ///
    /// # Errors
    ///
    /// The limit that ends the call.
    pub async fn setting(&mut self, key: &str) -> Result<Option<String>, LimitReached> {
        self.enter(key.len() as u64, MOVE_PRICE).await?;
        let decision = decide::config(&self.granted.grants, key);
        let decision = decision.map(|value| value.map(str::to_owned));
        let value = self.note(NAME, key, decision).ok().flatten();
        if let Some(value) = &value {
            self.meter.charge_more(value.len() as u64, MOVE_PRICE)?;
            self.meter.hold_for_call(value.len() as u64)?;
        }
        Ok(value)
    }

    /// All settings, in the order of their names.
    ///
    /// # Errors
    ///
    /// The limit that ends the call.
    pub async fn settings(&mut self) -> Result<Vec<(String, String)>, LimitReached> {
        self.enter(0, MOVE_PRICE).await?;
        let granted = Arc::clone(&self.granted);
        let grants = &granted.grants;
        let settings = grants.config.iter().flatten();
        let size = |(key, value): (&String, &String)| {
            (key.len() + value.len() + size_of::<(String, String)>()) as u64
        };
        // Each setting is two texts.
        let texts = (settings.clone().count() as u64).saturating_mul(2);
        self.meter.charge_fixed(texts.saturating_mul(TEXT_PRICE))?;
        let bytes = settings.clone().map(size).sum();
        self.meter.charge_more(bytes, MOVE_PRICE)?;
        self.meter.hold_for_call(bytes)?;
        let mut all = Vec::new();
        for (key, _) in settings {
            // Each name passes the same decision as a single setting.
            if let Ok(Some(value)) = decide::config(grants, key) {
                self.allowed(NAME, key);
                all.push((key.clone(), value.to_owned()));
            }
        }
        Ok(all)
    }
}
