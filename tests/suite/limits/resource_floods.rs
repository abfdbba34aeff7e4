//! Many of something: instances, memories, handles. A26-instances and A27-handles.

use tollgate::report::FaultKind;
use tollgate::{Outcome, Source};

use support::harness::{ALL, attack, attack_by, blocking, counts_fuel, policy, run, wave};

/// A component with `count` instances of `module`.
fn many(count: usize, module: &str) -> Source {
    let instances: String = (0..count)
        .map(|_| "(core instance (instantiate $m))\n")
        .collect();
    let text = format!(
        r#"(component
            (core module $m {module})
            (core module $main (func (export "attack")))
            {instances}
            (core instance $main (instantiate $main))
            (func (export "attack") (canon lift (core func $main "attack"))))"#
    );
    Source::bytes("many", wat::parse_str(text).unwrap())
}

fn outcome(source: &Source, policy_text: &str) -> Outcome<String, tollgate::report::WaveError> {
    let provider = blocking().load(source, &policy(policy_text)).unwrap();
    let mut session = provider.session();
    let report = session.wave("attack()").unwrap();
    report.outcome
}

/// A26-instances, by core instances, memories and tables.
#[test]
fn thousands_of_instances_memories_or_tables_are_stopped() {
    let ok = Outcome::Returned(String::new());
    // The reader accepts 1,000 instances in one component, so the default is reached by the items in them.
    for item in ["(memory 1)", "(table 1 funcref)"] {
        let source = many(600, &item.repeat(2));
        let fault = outcome(&source, "").fault().cloned().unwrap();
        assert_eq!(fault.kind, FaultKind::Instances(1_024), "{item}");
        assert_eq!(outcome(&source, "limits.instances = 1_200"), ok, "{item}");
    }
    for module in ["", "(memory 1)", "(table 1 funcref)"] {
        let few = many(9, module);
        let fault = outcome(&few, "limits.instances = 8")
            .fault()
            .cloned()
            .unwrap();
        assert_eq!(fault.kind, FaultKind::Instances(8), "{module}");
    }
}

/// A26-instances: many memories, or tables, in one module.
#[test]
fn many_memories_or_tables_in_one_module_are_stopped() {
    for item in ["(memory 1)", "(table 1 funcref)"] {
        let source = many(1, &item.repeat(90));
        assert_eq!(outcome(&source, ""), Outcome::Returned(String::new()));
        let fault = outcome(&source, "limits.instances = 80").fault().cloned();
        assert_eq!(fault.unwrap().kind, FaultKind::Instances(80), "{item}");
    }
}

/// A27-handles: resources of the host's ...
#[test]
fn host_handles_are_counted() {
    let fault = attack("handle-flood", ALL).faults("handles");
    assert_eq!(fault.kind, FaultKind::Handles(1_024));
    attack("handle-flood", &format!("{ALL}\nlimits.handles = 10")).faults("handles");
    // The engine's own table ends at a million: a flood that ends there has made a million.
    let report = run(
        "hostile",
        &format!("{ALL}\nlimits.handles = 10"),
        "handle-flood",
    );
    assert!(report.usage.host_calls < 20, "{}", report.usage.host_calls);
}

/// ... and of the guest's own, which no host function sees.
#[test]
fn guest_handles_are_counted() {
    let fault = attack_by("handles", "flood()", "").faults("handles");
    assert_eq!(fault.kind, FaultKind::Handles(1_024));
    // The same here, by the fuel that it takes to make them.
    if counts_fuel() {
        let report = wave("handles", "limits.handles = 10", "flood()");
        assert!(report.usage.fuel < 6_000, "{}", report.usage.fuel);
    }
    // Given back, they cost nothing.
    let report = wave("handles", "limits.handles = 4", "churn(100000)");
    assert_eq!(report.outcome, Outcome::Returned(String::new()));
}

#[test]
fn handles_that_are_none_trap() {
    for call in ["double-drop()", "foreign()"] {
        let fault = attack_by("handles", call, "").faults("trap");
        assert_eq!(fault.trap.as_deref(), Some("canonical-abi"));
    }
    for name in ["double-drop", "foreign-handle"] {
        attack(name, ALL).faults("trap");
    }
}
