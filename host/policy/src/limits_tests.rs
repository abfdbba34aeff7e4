//! Tests of the table of limits: the documented defaults, every key, every range.

use super::*;

/// The defaults as the documentation writes them.
const DOCUMENTED: &[(&str, &str)] = &[
    ("fuel", "1_000_000_000"),
    ("deadline", "10s"),
    ("memory", "128MiB"),
    ("table-elements", "1_048_576"),
    ("instances", "1_024"),
    ("stack", "512KiB"),
    ("host-calls", "10_000"),
    ("host-data", "8MiB"),
    ("host-memory", "16MiB"),
    ("output", "8MiB"),
    ("log", "64KiB"),
    ("stdio", "1MiB"),
    ("handles", "1_024"),
    ("open-files", "32"),
    ("questions", "8"),
    ("question-time", "1m"),
    ("component-size", "64MiB"),
    ("compile-time", "60s"),
    ("complexity", "100"),
    ("compile-memory", "2GiB"),
];

#[test]
fn defaults_are_the_documented_ones() {
    let names: Vec<&str> = Limits::KEYS.iter().map(|key| key.name).collect();
    let documented: Vec<&str> = DOCUMENTED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, documented);
    let mut limits = Limits::default();
    for (name, value) in DOCUMENTED {
        limits.set(name, value).unwrap();
        assert_eq!(limits, Limits::default(), "{name}");
    }
    assert_eq!(limits.check(), Ok(()));
}

#[test]
fn every_key_sets_its_own_field_and_no_other() {
    let changed = |name: &str, change: fn(&mut Limits)| {
        let key = Limits::key(name).unwrap();
        let (mut by_key, mut by_field) = (Limits::default(), Limits::default());
        key.set(&mut by_key, key.min).unwrap();
        change(&mut by_field);
        assert_eq!(by_key, by_field, "{name}");
        assert_eq!(by_key.get(name), Some(key.min), "{name}");
    };
    changed("fuel", |l| l.fuel = 1);
    changed("deadline", |l| l.deadline = Duration::from_millis(1));
    changed("memory", |l| l.memory = 64 << 10);
    changed("table-elements", |l| l.table_elements = 0);
    changed("instances", |l| l.instances = 1);
    changed("stack", |l| l.stack = 64 << 10);
    changed("host-calls", |l| l.host_calls = 0);
    changed("host-data", |l| l.host_data = 1);
    changed("host-memory", |l| l.host_memory = 64 << 10);
    changed("output", |l| l.output = 1);
    changed("log", |l| l.log = 0);
    changed("stdio", |l| l.stdio = 0);
    changed("handles", |l| l.handles = 1);
    changed("open-files", |l| l.open_files = 0);
    changed("questions", |l| l.questions = 0);
    changed("question-time", |l| {
        l.question_time = Duration::from_millis(100)
    });
    changed("component-size", |l| l.component_size = 8);
    changed("compile-time", |l| {
        l.compile_time = Duration::from_millis(100)
    });
    changed("complexity", |l| l.complexity = 1);
    changed("compile-memory", |l| l.compile_memory = 256 << 20);
}

#[test]
fn ranges_are_changed_on_purpose() {
    let ranges = [
        ("fuel", "1", "9223372036854775807"),
        ("deadline", "1ms", "24h"),
        ("memory", "64KiB", "4GiB"),
        ("table-elements", "0", "10000000"),
        ("instances", "1", "10000"),
        ("stack", "64KiB", "8MiB"),
        ("host-calls", "0", "4294967295"),
        ("host-data", "1B", "1GiB"),
        ("host-memory", "64KiB", "4GiB"),
        ("output", "1B", "1GiB"),
        ("log", "0B", "64MiB"),
        ("stdio", "0B", "64MiB"),
        ("handles", "1", "1000000"),
        ("open-files", "0", "65536"),
        ("questions", "0", "1000"),
        ("question-time", "100ms", "1h"),
        ("component-size", "8B", "1GiB"),
        ("compile-time", "100ms", "1h"),
        ("complexity", "1", "1000"),
        ("compile-memory", "256MiB", "64GiB"),
    ];
    for (key, (name, min, max)) in Limits::KEYS.iter().zip(ranges) {
        let shown = (key.name, key.unit.show(key.min), key.unit.show(key.max));
        assert_eq!(shown, (name, min.to_owned(), max.to_owned()));
    }
}

#[test]
fn both_ends_of_a_range_are_in_it_and_their_neighbours_are_not() {
    for key in Limits::KEYS {
        let mut limits = Limits::default();
        for value in [key.min, key.max] {
            key.set(&mut limits, value).unwrap();
            assert_eq!(key.get(&limits), value, "{}", key.name);
            assert_eq!(limits.check(), Ok(()), "{}", key.name);
        }
        let before = limits.clone();
        for value in key
            .min
            .checked_sub(1)
            .into_iter()
            .chain([key.max + 1, u64::MAX])
        {
            let message = key.set(&mut limits, value).unwrap_err().message;
            assert!(message.contains(" allowed, "), "{message}");
            assert_eq!(limits, before, "{}", key.name);
        }
    }
}

#[test]
fn values_put_together_in_code_are_checked() {
    let check = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits.check().unwrap_err().message
    };
    assert!(check(|l| l.fuel = 0).starts_with("limits.fuel: 0 is less than the least allowed, 1"));
    assert!(check(|l| l.instances = u32::MAX).starts_with("limits.instances: "));
    assert!(check(|l| l.deadline = Duration::MAX).starts_with("limits.deadline: "));
    let fine = check(|l| l.deadline = Duration::from_nanos(1_000_001));
    assert_eq!(fine, "limits.deadline: is finer than one microsecond");
    let fine = check(|l| l.compile_time = Duration::from_nanos(1_000_000_001));
    assert_eq!(fine, "limits.compile-time: is finer than one microsecond");
}

#[test]
fn messages_say_what_and_the_cure() {
    let set = |key: &str, value: &str| {
        let error = Limits::default().set(key, value).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        set("memory", "8GiB"),
        "8GiB is more than the most allowed, 4GiB: from one page of wasm to all that 32 bits can address"
    );
    assert_eq!(
        set("deadline", "10"),
        "`10` has no unit; write a duration such as \"2s\", \"500ms\" or \"1.5s\""
    );
    assert!(
        set("Fuel", "1").starts_with("there is no limit Fuel; did you mean `fuel`? Known: fuel, ")
    );
    assert!(set("colour", "60s").starts_with("there is no limit colour; known: fuel, "));
    assert_eq!(Limits::default().get("colour"), None);
}
