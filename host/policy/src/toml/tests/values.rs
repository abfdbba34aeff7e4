//! Tests of values that are out of range or malformed: each is refused at its position.

use super::mistakes::are_told;

/// Texts, each with the beginning of the message about it.
const VALUES: &[(&str, &str)] = &[
    (
        "[grants.store]\nmax_keys = 5",
        "2:1: grants.store.max_keys: unknown key; did you mean `max-keys`?",
    ),
    (
        "[grants.store]\nmax-total = 0",
        "2:13: grants.store.max-total: 0B is less than the least allowed, 1B",
    ),
    (
        "[grants.store]\nmax-value = '2GiB'",
        "2:13: grants.store.max-value: 2GiB is more than the most allowed, 1GiB: a value is held",
    ),
    (
        "[grants.store]\nnamespace = ''",
        "2:13: grants.store.namespace: an empty",
    ),
    (
        "[limits]\nmemory = -5",
        "2:10: limits.memory: -5 is negative; write bytes",
    ),
    (
        "[limits]\nfuel = 0",
        "2:8: limits.fuel: 0 is less than the least allowed, 1: nothing runs without fuel",
    ),
    (
        "[limits]\nfuel = 9223372036854775808",
        "2:8: limits.fuel: does not fit 64 bits",
    ),
    (
        "[limits]\nmemory = '64mib'",
        "2:10: limits.memory: unknown unit `mib`; did you mean `MiB`?",
    ),
    (
        "[limits]\nmemory = '8GiB'",
        "2:10: limits.memory: 8GiB is more than the most allowed, 4GiB: from one page",
    ),
    (
        "[limits]\ndeadline = '0s'",
        "2:12: limits.deadline: 0us is less than the least allowed, 1ms",
    ),
    (
        "[grants]\nwasi = 'full'",
        "2:8: grants.wasi: unknown value `full`; write \"inert\", or a table: `[grants.wasi]`",
    ),
    (
        "[grants.wasi]\narg = []",
        "2:1: grants.wasi.arg: unknown key; did you mean `args`?",
    ),
    (
        "[grants.wasi]\nargs = [\"a\\u0000\"]",
        "2:9: grants.wasi.args[0]: `a\\0` has a NUL",
    ),
    (
        "[grants.wasi]\nenv = { 'A=B' = '' }",
        "2:17: grants.wasi.env.\"A=B\": `A=B` is not a name for a variable",
    ),
    (
        "[grants.wasi]\nenv = { A = '' }\nenv-from-host = ['A']",
        "3:18: grants.wasi.env-from-host[0]: `A` is granted twice; keep one",
    ),
    (
        "[grants.wasi]\nstdio = 'inherited'",
        "2:9: grants.wasi.stdio: unknown value `inherited`; did you mean `inherit`?",
    ),
    (
        "[grants.wasi]\nclocks = 'fixed'",
        "2:10: grants.wasi.clocks: unknown value `fixed`; write \"real\", or { fixed = ",
    ),
    (
        "[grants.wasi]\nclocks = { fixed = '2026-01-01' }",
        "2:20: grants.wasi.clocks.fixed: `2026-01-01` is not a time; write it in UTC",
    ),
    (
        "[grants.wasi]\nrandom = {}",
        "2:10: grants.wasi.random: `seed` is missing here; add it",
    ),
    (
        "[grants.wasi]\nrandom = { seed = -1 }",
        "2:19: grants.wasi.random.seed: -1 is negative",
    ),
    (
        "[grants.wasi]\npreopens = ['data']",
        "2:13: grants.wasi.preopens[0]: unknown root `data` of `grants.files`",
    ),
    (
        "[[grants.files]]\nroot='a'\npath='a'\naccess='read'\nmax-read=0",
        "2:6: grants.files[0].root: `max-read` of 0",
    ),
    (
        "[[grants.files]]\nroot='a'\npath='a'\naccess='read'\nmax-files='3'",
        "5:11: grants.files[0].max-files: found a string; write a whole number",
    ),
    (
        "[grants]\nconfig = { '' = 'x' }",
        "2:17: grants.config.\"\": an empty key",
    ),
    (
        "[grants]\nhttp = [{}]",
        "2:9: grants.http[0]: `url` is missing here; add it",
    ),
    (
        "[grants]\nhttp = [{ url = '*' }]",
        "2:17: grants.http[0].url: `*` does not begin with `https://`",
    ),
    (
        "[[grants.http]]\nurl = 'https://*.com/**'",
        "2:7: grants.http[0].url: `https://*.com/**` has a wildcard over a whole",
    ),
    (
        "grants.http = [{ url = 'http://a.b/' }, { url = 'http://a.b/' }]",
        "1:49: grants.http[1].url: `http://a.b/` is granted twice",
    ),
    (
        "[[grants.files]]\nroot='a'\npath='a'",
        "1:1: grants.files[0]: `access` is missing here; add it",
    ),
    (
        "[[grants.files]]\nroot='A'\npath='a'\naccess='read'",
        "2:6: grants.files[0].root: `A` is not a name for a root",
    ),
    (
        "[[grants.files]]\nroot='a'\npath=''\naccess='read'",
        "3:6: grants.files[0].path: an empty path",
    ),
    (
        "[[grants.files]]\nroot='a'\npath=\"a\\u0000\"\naccess='read'",
        "3:6: grants.files[0].path: `a\\0` has a NUL",
    ),
    (
        "[[grants.files]]\nroot='a'\npath='a'\naccess='Read'",
        "4:8: grants.files[0].access: unknown value `Read`; did you mean `read`? Known: read, read-write",
    ),
    (
        "grants.files = [{root='a',path='a',access='read'},{root='a',path='b',access='read'}]",
        "1:57: grants.files[1].root: `a` is granted twice",
    ),
    (
        "[grants]\ninterfaces = ['*']",
        "2:15: grants.interfaces[0]: `*` is not the name of an interface",
    ),
    (
        "[grants]\nstub = ['*']",
        "2:9: grants.stub[0]: `*` is not the name of an interface",
    ),
    (
        "[grants]\nstubs = ['a:b/*']",
        "2:1: grants.stubs: unknown key; did you mean `stub`?",
    ),
    (
        "[grants]\ninterfaces = ['a:b/c', 'a:b/c']",
        "2:24: grants.interfaces[1]: `a:b/c` is granted twice",
    ),
    (
        "[grants]\ninterfaces = ['wasi:cli/stdout@0.2.0']",
        "2:15: grants.interfaces[0]: `wasi:cli/stdout@0.2.0` is not an interface of the embedding",
    ),
    (
        "[grants.interfaces]\n'wasi:cli/stdout@0.2.0' = {}",
        "2:27: grants.interfaces.\"wasi:cli/stdout@0.2.0\": `wasi:cli/stdout@0.2.0` is not an interface",
    ),
    (
        "[grants.interfaces]\n'a:b/c' = true",
        "2:11: grants.interfaces.\"a:b/c\": found a boolean; write a table of its parameters, such as {}",
    ),
];

#[test]
fn values_are_told_with_their_place_and_a_cure() {
    are_told(VALUES);
}
