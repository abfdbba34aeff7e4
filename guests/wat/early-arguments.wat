;; A command whose start function uses WASI already, as a language's runtime that seeds a hash table does: it succeeds
;; when it has two arguments none the less.
(component
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-u64" (func (result u64)))))
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-arguments" (func (result (list string))))))
  (core module $memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
      (global.set $next (i32.and
        (i32.add (global.get $next) (i32.const 7))
        (i32.const -8)))
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get $size)))))
  (core instance $mem (instantiate $memory))
  (core func $number (canon lower (func $random "get-random-u64")))
  (core func $arguments (canon lower (func $environment "get-arguments")
    (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))
  (core module $m
    (import "host" "number" (func $number (result i64)))
    (import "host" "arguments" (func $arguments (param i32)))
    (import "mem" "memory" (memory 1))
    (func $start (drop (call $number)))
    (start $start)
    (func (export "run") (result i32)
      (call $arguments (i32.const 16))
      (i32.ne (i32.load (i32.const 20)) (i32.const 2))))
  (core instance $i (instantiate $m
    (with "host" (instance (export "number" (func $number)) (export "arguments" (func $arguments))))
    (with "mem" (instance $mem))))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
