;; A54-hash-flood: one call for a number of bytes, which shows the cost of a byte; and hashers that are made and
;; dropped.
(component
  (import "tollgate:provider/hash@0.1.0" (instance $hash
    (type $algorithms (enum "sha256" "sha512" "blake3"))
    (export "algorithm" (type $algorithm (eq $algorithms)))
    (export "hasher" (type $hasher (sub resource)))
    (export "[constructor]hasher" (func (param "algorithm" $algorithm) (result (own $hasher))))
    (export "[method]hasher.update"
      (func (param "self" (borrow $hasher)) (param "data" (list u8))))
    (export "digest" (func (param "algorithm" $algorithm) (param "data" (list u8)) (result (list u8))))))
  (alias export $hash "hasher" (type $hasher))
  (core module $memory
    (memory (export "memory") 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
  (core instance $mem (instantiate $memory))
  (core func $digest (canon lower (func $hash "digest")
    (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))
  (core func $update (canon lower (func $hash "[method]hasher.update") (memory (core memory $mem "memory"))))
  (core func $new (canon lower (func $hash "[constructor]hasher")))
  (core func $drop (canon resource.drop $hasher))
  (core module $m
    (import "host" "digest" (func $digest (param i32 i32 i32 i32)))
    (import "host" "update" (func $update (param i32 i32 i32)))
    (import "host" "new" (func $new (param i32) (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "digest") (param i32)
      (call $digest (i32.const 0) (i32.const 2048) (local.get 0) (i32.const 16)))
    (func (export "update") (param i32)
      (call $update (call $new (i32.const 0)) (i32.const 2048) (local.get 0)))
    (func (export "churn") (param i32)
      (loop $l
        (call $drop (call $new (i32.const 0)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br_if $l (local.get 0)))))
  (core instance $i (instantiate $m (with "host" (instance
    (export "digest" (func $digest)) (export "update" (func $update))
    (export "new" (func $new)) (export "drop" (func $drop))))))
  (func (export "digest") (param "bytes" u32) (canon lift (core func $i "digest")))
  (func (export "update") (param "bytes" u32) (canon lift (core func $i "update")))
  (func (export "churn") (param "times" u32) (canon lift (core func $i "churn"))))
