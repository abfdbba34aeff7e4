//! Reverses its input, in the way that Extism's own plugin kit does it: input and output live in a memory
//! of Extism's, and are read and written through its functions.

#[link(wasm_import_module = "extism:host/env")]
unsafe extern "C" {
    fn input_length() -> u64;
    fn input_load_u8(offset: u64) -> u32;
    fn input_load_u64(offset: u64) -> u64;
    fn alloc(length: u64) -> u64;
    fn store_u8(offset: u64, value: u32);
    fn store_u64(offset: u64, value: u64);
    fn output_set(offset: u64, length: u64);
}

/// The function that Extism calls. 0 is success.
#[unsafe(no_mangle)]
pub extern "C" fn run() -> i32 {
    let mut bytes = input();
    bytes.reverse();
    output(&bytes);
    0
}

fn input() -> Vec<u8> {
    // SAFETY: the functions take and give numbers; Extism checks each offset.
    let length = unsafe { input_length() };
    let mut bytes = Vec::with_capacity(length as usize);
    let mut at = 0;
    while at + 8 <= length {
        // SAFETY: as above.
        bytes.extend(unsafe { input_load_u64(at) }.to_le_bytes());
        at += 8;
    }
    while at < length {
        // SAFETY: as above.
        bytes.push(unsafe { input_load_u8(at) } as u8);
        at += 1;
    }
    bytes
}

fn output(bytes: &[u8]) {
    // SAFETY: as above.
    let start = unsafe { alloc(bytes.len() as u64) };
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut at = start;
    for eight in eights {
        // SAFETY: as above.
        unsafe { store_u64(at, u64::from_le_bytes(*eight)) };
        at += 8;
    }
    for byte in rest {
        // SAFETY: as above.
        unsafe { store_u8(at, u32::from(*byte)) };
        at += 1;
    }
    // SAFETY: as above.
    unsafe { output_set(start, bytes.len() as u64) };
}
