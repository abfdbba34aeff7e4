//! `question-spin ROOT`: asks for the kind of a file, and then never ends.

use crate::{Answer, tollgate::provider::files};

#[expect(clippy::empty_loop, reason = "it is the attack")]
pub(super) fn run(root: &str) -> Answer {
    let _ = files::stat(root, "a.txt");
    loop {}
}
