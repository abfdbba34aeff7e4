//! The table of attacks: the name of each, and the file that holds it.

use crate::Answer;

mod big_arg;
mod big_list;
mod big_output;
mod config_get;
mod copy;
mod divide;
mod double_drop;
mod error_escape;
mod file_flood;
mod file_rewrite;
mod fill;
mod foreign_handle;
mod grow;
mod grow_then_host;
mod grow_then_trap;
mod handle_flood;
mod hash_flood;
mod host_call_flood;
mod http_get;
mod http_header;
mod http_headers;
mod list_dir;
mod log_escape;
mod log_flood_huge;
mod log_flood_tiny;
mod out_of_bounds;
mod overflow;
mod panic;
mod panic_said;
mod path_escape;
mod ping;
mod question_flood;
mod question_spin;
mod read_file;
mod read_range;
mod recurse;
mod spin;
mod stat_file;
mod store_churn;
mod store_delete;
mod store_flood;
mod store_get;
mod store_handles;
mod store_key;
mod store_loop;
mod store_open;
mod store_set;
mod touch;
mod unreachable;
mod write_escape;
mod write_file;

/// An attack, given its argument.
type Attack = fn(&str) -> Answer;

/// Every attack by its name, sorted.
const ATTACKS: &[(&str, Attack)] = &[
    ("big-arg", big_arg::run),
    ("big-list", big_list::run),
    ("big-output", big_output::run),
    ("config-get", config_get::run),
    ("copy", copy::run),
    ("divide", divide::run),
    ("double-drop", double_drop::run),
    ("error-escape", error_escape::run),
    ("file-flood", file_flood::run),
    ("file-rewrite", file_rewrite::run),
    ("fill", fill::run),
    ("foreign-handle", foreign_handle::run),
    ("grow", grow::run),
    ("grow-then-host", grow_then_host::run),
    ("grow-then-trap", grow_then_trap::run),
    ("handle-flood", handle_flood::run),
    ("hash-flood", hash_flood::run),
    ("host-call-flood", host_call_flood::run),
    ("http-get", http_get::run),
    ("http-header", http_header::run),
    ("http-headers", http_headers::run),
    ("list-dir", list_dir::run),
    ("log-escape", log_escape::run),
    ("log-flood-huge", log_flood_huge::run),
    ("log-flood-tiny", log_flood_tiny::run),
    ("out-of-bounds", out_of_bounds::run),
    ("overflow", overflow::run),
    ("panic", panic::run),
    ("panic-said", panic_said::run),
    ("path-escape", path_escape::run),
    ("ping", ping::run),
    ("question-flood", question_flood::run),
    ("question-spin", question_spin::run),
    ("read-file", read_file::run),
    ("read-range", read_range::run),
    ("recurse", recurse::run),
    ("spin", spin::run),
    ("stat-file", stat_file::run),
    ("store-churn", store_churn::run),
    ("store-delete", store_delete::run),
    ("store-flood", store_flood::run),
    ("store-get", store_get::run),
    ("store-handles", store_handles::run),
    ("store-key", store_key::run),
    ("store-loop", store_loop::run),
    ("store-open", store_open::run),
    ("store-set", store_set::run),
    ("touch", touch::run),
    ("unreachable", unreachable::run),
    ("write-escape", write_escape::run),
    ("write-file", write_file::run),
];

/// The attack called `name`.
pub(crate) fn find(name: &str) -> Option<Attack> {
    ATTACKS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, attack)| *attack)
}
