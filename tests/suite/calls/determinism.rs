//! The same call gives the same bits, on every machine.

use tollgate::{Policy, Source};

use support::harness::blocking;

/// Each operation makes a NaN of another sign and payload where the processor chooses: from nothing (`0/0`, the root of
/// a negative number), and from a NaN among its operands, of which x86 takes the first and others do not.
#[test]
fn a_nan_has_the_same_bits_on_every_machine() {
    let mut text = "(component (core module $m".to_owned();
    let operations = [
        "(f32.div (f32.const 0) (f32.const 0))",
        "(f32.div (f32.const -0) (f32.const 0))",
        "(f32.sqrt (f32.const -1))",
        "(f32.add (f32.const nan:0x200001) (f32.const 1))",
        "(f32.sub (f32.const -nan:0x400002) (f32.const nan:0x3))",
        "(f32.mul (f32.const inf) (f32.const 0))",
        "(f32.max (f32.const -nan:0x5) (f32.const 1))",
        "(f32.nearest (f32.const -nan:0x6))",
        "(f32.demote_f64 (f64.const -nan:0x7777777777777))",
        "(f32.demote_f64 (f64.div (f64.const 0) (f64.const 0)))",
        "(f32x4.extract_lane 1 (f32x4.div (v128.const f32x4 0 0 0 0) (v128.const f32x4 0 0 0 0)))",
    ];
    for (number, operation) in operations.iter().enumerate() {
        text += &format!(
            "(func (export \"f{number}\") (result i32) (i32.reinterpret_f32 {operation}))"
        );
    }
    text += ")(core instance $i (instantiate $m))";
    for number in 0..operations.len() {
        text += &format!(
            "(func (export \"f{number}\") (result u32) (canon lift (core func $i \"f{number}\")))"
        );
    }
    text += ")";
    let source = Source::bytes("nans", wat::parse_str(&text).unwrap());
    let provider = blocking().load(&source, &Policy::default()).unwrap();
    for (number, operation) in operations.iter().enumerate() {
        let report = provider.session().wave(&format!("f{number}()")).unwrap();
        let bits: u32 = report.outcome.returned().unwrap().parse().unwrap();
        assert_eq!(bits, 0x7fc0_0000, "{operation}: {bits:08x}");
    }
}
