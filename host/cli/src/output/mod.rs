//! Output to the terminal and to reports.

pub(crate) mod backtrace;
pub(crate) mod mistakes;
pub(crate) mod outcome;
pub(crate) mod question;
pub(crate) mod report;
pub(crate) mod signature_status;
pub(crate) mod status;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod ui;
pub(crate) mod value;
pub(crate) mod verdict;
