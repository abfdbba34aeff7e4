use wasmparser::{Encoding, Validator};

use super::*;

fn component(text: &str) -> Vec<u8> {
    wast::parser::ParseBuffer::new(text)
        .and_then(|buffer| wast::parser::parse::<wast::Wat<'_>>(&buffer)?.encode())
        .unwrap()
}

/// The reallocs of the canonical functions in order, as the number of the core function.
fn reallocs(bytes: &[u8]) -> Vec<u32> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::ComponentCanonicalSection(section) = payload.unwrap() {
            found.extend(section.into_iter().filter_map(|it| realloc(&it.unwrap())));
        }
    }
    found
}

const MAKER: &str = r#"(core module $m
  (memory (export "memory") 1)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
  (func (export "other") (param i32 i32 i32 i32) (result i32) i32.const 0)
  (func (export "take") (param i32 i32)))
"#;

/// Indices shift, outer aliases of modules and types inside included.
#[test]
fn each_realloc_of_a_composition_is_one_that_pays() {
    let text = format!(
        r#"(component {MAKER}
          (component $inner
            (alias outer 1 $m (core module $m))
            (core instance $unused (instantiate $m))
            (core instance $i (instantiate $m))
            (type $r (resource (rep i32)))
            (core func $drop (canon resource.drop $r))
            (core instance $bag (export "take" (func $i "take")) (export "drop" (func $drop)))
            (func (export "one") (param "text" string)
              (canon lift (core func $bag "take") (memory $i "memory") (realloc (func $i "realloc"))))
            (func (export "two") (param "text" string)
              (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc"))))
            (core instance $last (instantiate $m)))
          (core instance $i (instantiate $m))
          (instance $inner (instantiate $inner))
          (core func $lowered (canon lower (func $inner "one") (memory $i "memory") (realloc (func $i "realloc"))))
          (func (export "f") (param "text" string)
            (canon lift (core func $lowered) (memory $i "memory") (realloc (func $i "realloc")))))"#
    );
    let plain = component(&text);
    Validator::new().validate_all(&plain).unwrap();
    let charged = charged(&plain).unwrap();
    Validator::new().validate_all(&charged).unwrap();
    assert_eq!(reallocs(&plain).len(), 4);
    let printed = paying(&charged);
    assert_eq!(
        printed,
        reallocs(&charged),
        "each is an export of the charge"
    );
    // Two names of one realloc share the function that pays.
    assert_eq!(printed[0], printed[1]);
    assert_ne!(printed[1], printed[2]);
}

/// Core functions that are the export of the first module's instance, for each canonical function that makes room.
fn paying(bytes: &[u8]) -> Vec<u32> {
    #[derive(Default)]
    struct Open {
        functions: u32,
        instances: Vec<bool>,
        charges: Vec<u32>,
    }
    let (mut open, mut found): (Vec<Option<Open>>, Vec<u32>) = Default::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            Payload::Version { encoding, .. } => {
                open.push((encoding == Encoding::Component).then(Open::default));
            }
            Payload::End(_) => {
                open.pop();
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    let is_charge = matches!(
                        instance.unwrap(),
                        wasmparser::Instance::Instantiate {
                            module_index: 0,
                            ..
                        }
                    );
                    let open = open.last_mut().unwrap().as_mut().unwrap();
                    open.instances.push(is_charge);
                }
            }
            Payload::ComponentAliasSection(section) => {
                let open = open.last_mut().unwrap().as_mut().unwrap();
                for alias in section {
                    if let ComponentAlias::CoreInstanceExport {
                        kind: ExternalKind::Func,
                        instance_index,
                        ..
                    } = alias.unwrap()
                    {
                        if open.instances[instance_index as usize] {
                            open.charges.push(open.functions);
                        }
                        open.functions += 1;
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                let open = open.last_mut().unwrap().as_mut().unwrap();
                for function in section {
                    let function = function.unwrap();
                    if !matches!(function, CanonicalFunction::Lift { .. }) {
                        open.functions += 1;
                    }
                    let realloc = realloc(&function);
                    found.extend(realloc.filter(|realloc| open.charges.contains(realloc)));
                }
            }
            _ => {}
        }
    }
    found
}

/// A component of one part is compiled as it is.
#[test]
fn a_single_component_stays_as_it_is() {
    let text = format!(
        r#"(component {MAKER}
          (core instance $i (instantiate $m))
          (func $f (param "text" string)
            (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc"))))
          (component $renamed (import "f" (func $f (param "text" string))) (export "g" (func $f)))
          (instance $renamed (instantiate $renamed (with "f" (func $f))))
          (export "api" (instance $renamed)))"#
    );
    let plain = component(&text);
    assert!(matches!(charged(&plain), Ok(Cow::Borrowed(_))));
}

/// What the engine holds for those that pay is part of what it holds for an instance.
#[test]
fn an_instance_that_pays_is_counted() {
    let data = |aliases: &str| {
        let text = format!(
            r#"(component {MAKER}
              (component $inner
                (alias outer 1 $m (core module $m))
                (core instance $i (instantiate $m))
                {aliases}
                (alias core export $i "realloc" (core func $last))
                (func (export "one") (param "text" string)
                  (canon lift (core func $i "take") (memory $i "memory") (realloc (func $last))))
                (func (export "two") (param "text" string)
                  (canon lift (core func $i "take") (memory $i "memory") (realloc (func 0)))))
              (instance (instantiate $inner)))"#
        );
        let source = crate::Source::bytes("composition", component(&text));
        let limits = tollgate_policy::Limits::default();
        let inspection = source.inspect_by(&limits, |_| crate::Objections::default());
        inspection.unwrap().instance_data
    };
    // An alias takes 64. A second name of the same function pays nothing more; a second function does.
    let name = r#"(alias core export $i "realloc" (core func $first))"#;
    assert_eq!(data(name), data("") + 64);
    let other = r#"(alias core export $i "other" (core func $first))"#;
    assert_eq!(data(other), data("") + 64 + CHARGE_DATA);
}
