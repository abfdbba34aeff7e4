//! The WebAssembly proposals that a guest may use.

use wasmparser::WasmFeatures;

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
