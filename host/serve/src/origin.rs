//! The request that a call is made for.

use std::sync::Arc;

use crate::traces::Context;

/// The request that a task answers.
pub(crate) struct Origin {
    /// The name of its caller, if it has one.
    pub(crate) caller: Option<Arc<str>>,
    /// Its span, if requests are traced.
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "of no value"))]
    pub(crate) span: Option<Context>,
}

tokio::task_local! {
    /// The request that the task answers. Calls begin and end within the task of their request, dropped ones too.
    pub(crate) static ORIGIN: Option<Arc<Origin>>;
}

/// The request that this task answers, if it answers one.
pub(crate) fn current() -> Option<Arc<Origin>> {
    ORIGIN.try_with(Option::clone).ok().flatten()
}
