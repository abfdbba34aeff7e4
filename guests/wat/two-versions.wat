;; Two versions of one package in one component: each log line goes out by its own.
(component
  (type $old (instance
    (type $enum (enum "trace" "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $enum)))
    (export "write" (func (param "level" $level) (param "message" string)))))
  (type $new (instance
    (type $enum (enum "trace" "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $enum)))
    (export "write" (func (param "level" $level) (param "message" string)))))
  (import "tollgate:provider/log@0.1.0" (instance $one (type $old)))
  (import "tollgate:provider/log@0.2.0" (instance $two (type $new)))
  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 0) "by 0.1.0by 0.2.0"))
  (core instance $mem (instantiate $memory))
  (core func $write-one (canon lower (func $one "write") (memory (core memory $mem "memory"))))
  (core func $write-two (canon lower (func $two "write") (memory (core memory $mem "memory"))))
  (core module $m
    (import "one" "write" (func $one (param i32 i32 i32)))
    (import "two" "write" (func $two (param i32 i32 i32)))
    (func (export "both")
      ;; As `warn` by the older, as `error` by the newer.
      (call $one (i32.const 3) (i32.const 0) (i32.const 8))
      (call $two (i32.const 4) (i32.const 8) (i32.const 8))))
  (core instance $i (instantiate $m
    (with "one" (instance (export "write" (func $write-one))))
    (with "two" (instance (export "write" (func $write-two))))))
  (func (export "both") (canon lift (core func $i "both"))))
