;; A10-unknown-imports: interfaces that a policy has as stubs: called in a loop, with more than a call may pass, for a resource.
(component
  (import "acme:telemetry/metrics@1.0.0" (instance $metrics
    (export "span" (type $span (sub resource)))
    (export "record" (func (param "values" (list string))))
    (export "[constructor]span" (func (result (own $span))))))
  (alias export $metrics "span" (type $span))
  ;; The same resource in a second interface.
  (import "acme:telemetry/traces@1.0.0" (instance $traces
    (alias outer 1 $span (type $of-metrics))
    (export "span" (type $span (eq $of-metrics)))
    (export "end" (func (param "span" (borrow $span))))))
  (core module $memory (memory (export "memory") 130))
  (core instance $memory (instantiate $memory))
  (core func $record (canon lower (func $metrics "record") (memory $memory "memory")))
  (core func $new (canon lower (func $metrics "[constructor]span")))
  (core func $end (canon lower (func $traces "end")))
  (core func $drop (canon resource.drop $span))
  (core module $m
    (import "host" "record" (func $record (param i32 i32)))
    (import "host" "new" (func $new (result i32)))
    (import "host" "end" (func $end (param i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "quiet") (result i32) (i32.const 7))
    (func (export "loop") (loop $l (call $record (i32.const 0) (i32.const 0)) (br $l)))
    (func (export "flood") (call $record (i32.const 0) (i32.const 1000000)))
    (func (export "make") (loop $l (call $drop (call $new)) (br $l)))
    (func (export "invent") (call $end (i32.const 1))))
  (core instance $i (instantiate $m (with "host" (instance
    (export "record" (func $record)) (export "new" (func $new))
    (export "end" (func $end)) (export "drop" (func $drop))))))
  (func (export "quiet") (result u32) (canon lift (core func $i "quiet")))
  (func (export "loop") (canon lift (core func $i "loop")))
  (func (export "flood") (canon lift (core func $i "flood")))
  (func (export "make") (canon lift (core func $i "make")))
  (func (export "invent") (canon lift (core func $i "invent"))))
