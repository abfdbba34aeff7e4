//! The WebAssembly proposals that a guest may use.

use wasmparser::{Payload, WasmFeatures};

use crate::refusal::{Refusal, RefusalKind, malformed};
use crate::served::wasi_that_is_not_served;
use crate::shape::scan_with;

/// The proposals that an untrusted guest may use: those that the guests' toolchains emit today (Rust, C, Go,
/// componentize-py, componentize-js), and no others. Validation and compilation both use this list.
///
/// Each other proposal is engine code that a guest cannot reach; most of the engine's recent advisories were in these
/// (docs/security/attacks.md). Left out on purpose:
///
/// - gc, function-references, exceptions: a moving heap inside the host process, and everything typed by it
/// - memory64: guard pages cannot bound it, so every access is checked by code that few others run
/// - threads: a call never spans threads, and shared memory would escape the memory limit
/// - relaxed-simd: results may differ from machine to machine
/// - tail-call: chains of calls without a frame
/// - stack-switching: stacks that the guest makes, outside the stack limit
/// - component-model async, and its threads, futures and streams: WASI 0.2 and our worlds do without, and
///   the machinery doubles the price of a call (docs/performance.md#measured)
/// - custom-page-sizes, wide-arithmetic and newer ones: no toolchain asks for them
///
/// Allowed although little used: multi-memory and multi-value. With either off, the compiler panics on a 626-byte
/// composed component (docs/security/attacks.md). The `instances` limit caps the number of memories.
pub const PROPOSALS: WasmFeatures = WasmFeatures::FLOATS
    .union(WasmFeatures::MUTABLE_GLOBAL)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

/// The largest component whose proposals are named: each is found by validating once more, and most by validating a few
/// times for all. The largest real component has 19 MB.
const NAMED: usize = 32 << 20;

/// The refusal of a component that does not validate here. If it does with all proposals, it is no malformed one: it needs
/// some that are off, or a version of WASI that does.
pub(crate) fn refused(bytes: &[u8], complexity: u64, refusal: Refusal) -> Refusal {
    if refusal.kind != RefusalKind::Malformed {
        return refusal;
    }
    let mut wasi = None;
    let all = WasmFeatures::all();
    let valid = scan_with(all, bytes, complexity, |payload| {
        if let Payload::ComponentImportSection(section) = payload {
            for import in section.clone() {
                let name = import.map_err(malformed)?.name.name;
                wasi = wasi.or_else(|| wasi_that_is_not_served(name));
            }
        }
        Ok(())
    });
    if valid.is_err() {
        return refusal;
    }
    if let Some(version) = wasi {
        return Refusal::new(
            RefusalKind::WorldVersion,
            format!(
                "built for WASI {version}, which this host does not serve; build it for WASI 0.2"
            ),
        );
    }
    if bytes.len() > NAMED {
        let message = refusal.message;
        let message = message.trim_start_matches("not a valid component: ");
        return not_allowed(&format!(
            "it uses a proposal that this host does not allow: {message}"
        ));
    }
    let off = all.difference(PROPOSALS).iter().collect::<Vec<_>>();
    let needed = least(all, &off, |flags| {
        scan_with(flags, bytes, complexity, |_| Ok(())).is_ok()
    });
    let mut needed = needed.difference(PROPOSALS);
    if needed.contains(WasmFeatures::GC) {
        needed.remove(WasmFeatures::GC_TYPES);
    }
    let names: Vec<String> = needed.iter_names().map(|(name, _)| shown(name)).collect();
    not_allowed(&match names.as_slice() {
        [one] => format!("it uses the proposal `{one}`, which this host does not allow"),
        several => format!(
            "it uses the proposals `{}`, which this host does not allow",
            several.join("`, `")
        ),
    })
}

/// The least of `needed` with which a component is valid, where each of `off` may be needed or not. Those that are not are
/// left out together where they can be, so that the few that are needed cost a few validations.
fn least(
    needed: WasmFeatures,
    off: &[WasmFeatures],
    is_valid: impl Fn(WasmFeatures) -> bool + Copy,
) -> WasmFeatures {
    let less = off.iter().fold(needed, |left, one| left.difference(*one));
    if less == needed || is_valid(less) {
        return less;
    }
    let halves = off.split_at_checked(off.len() / 2);
    // One alone has no first half, and was tried above.
    let Some((one, other)) = halves.filter(|(one, _)| !one.is_empty()) else {
        return needed;
    };
    let needed = least(needed, one, is_valid);
    least(needed, other, is_valid)
}

fn not_allowed(what: &str) -> Refusal {
    Refusal::new(RefusalKind::Proposal, format!("{what}; build it without"))
}

/// The name of a proposal, as its authors write it.
fn shown(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace('_', "-");
    // The parser's name for the part of `reference-types` that needs a collector; nothing else needs it without `gc`.
    if name == "gc-types" {
        return "externref".to_owned();
    }
    match name.strip_prefix("cm-") {
        Some(rest) => format!("component-model-{rest}"),
        None => name,
    }
}
