;; Host calls whose results need room, for which the host calls the guest back in the middle of each: counted and paid
;; for like those that need none.
(component
  (import "tollgate:provider/config@0.1.0" (instance $config
    (export "get" (func (param "key" string) (result (option string))))))
  (import "tollgate:provider/hash@0.1.0" (instance $hash
    (type $digests (enum "sha256" "sha512" "blake3"))
    (export "algorithm" (type $algorithm (eq $digests)))
    (export "digest" (func (param "algorithm" $algorithm) (param "data" (list u8)) (result (list u8))))))
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (core module $memory
    (memory (export "memory") 32)
    (data (i32.const 0) "region")
    ;; Growing by nothing runs a helper of the engine inside of it, which is no host call.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (drop (memory.grow (i32.const 0)))
      i32.const 1024))
  (core instance $mem (instantiate $memory))
  (core func $get (canon lower (func $config "get")
    (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))
  (core func $digest (canon lower (func $hash "digest")
    (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))
  (core func $bytes (canon lower (func $random "get-random-bytes")
    (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))
  (core module $m
    (import "host" "get" (func $get (param i32 i32 i32)))
    (import "host" "digest" (func $digest (param i32 i32 i32 i32)))
    (import "host" "bytes" (func $bytes (param i64 i32)))
    (func (export "configs") (param $times i32)
      (loop $again
        (call $get (i32.const 0) (i32.const 6) (i32.const 16))
        (local.set $times (i32.sub (local.get $times) (i32.const 1)))
        (br_if $again (local.get $times))))
    (func (export "digests") (param $times i32)
      (loop $again
        (call $digest (i32.const 0) (i32.const 0) (i32.const 0x100000) (i32.const 16))
        (local.set $times (i32.sub (local.get $times) (i32.const 1)))
        (br_if $again (local.get $times))))
    (func (export "random")
      (loop $again
        (call $bytes (i64.const 8) (i32.const 16))
        (br $again))))
  (core instance $i (instantiate $m
    (with "host" (instance
      (export "get" (func $get)) (export "digest" (func $digest)) (export "bytes" (func $bytes))))))
  (func (export "configs") (param "times" u32) (canon lift (core func $i "configs")))
  (func (export "digests") (param "times" u32) (canon lift (core func $i "digests")))
  (func (export "random") (canon lift (core func $i "random"))))
