;; A27-handles: buckets of the standard interface, opened and let go.
(component
  (import "wasi:keyvalue/store@0.2.0-draft" (instance $store
    (export "bucket" (type $bucket (sub resource)))
    (type $errors (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $errors)))
    (export "open" (func (param "identifier" string) (result (result (own $bucket) (error $error)))))))
  (alias export $store "bucket" (type $bucket))
  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 0) "b")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
  (core instance $mem (instantiate $memory))
  (core func $open (canon lower (func $store "open")
    (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))
  (core func $drop (canon resource.drop $bucket))
  (core module $m
    (import "host" "memory" (memory 1))
    (import "host" "open" (func $open (param i32 i32 i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "churn") (param i32)
      (loop $l
        (call $open (i32.const 0) (i32.const 1) (i32.const 16))
        (if (i32.load8_u (i32.const 16)) (then unreachable))
        (call $drop (i32.load (i32.const 20)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br_if $l (local.get 0)))))
  (core instance $i (instantiate $m (with "host" (instance
    (export "memory" (memory $mem "memory")) (export "open" (func $open)) (export "drop" (func $drop))))))
  (func (export "churn") (param "times" u32) (canon lift (core func $i "churn"))))
