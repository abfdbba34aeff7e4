;; A15-realloc-loop to A17-realloc-calls-host: allocators that the host calls to hand over arguments, each hostile in
;; its own way.
(component
  (import "tollgate:provider/config@0.1.0" (instance $config
    (export "get" (func (param "key" string) (result (option string))))))
  (core module $memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
  (core instance $mem (instantiate $memory))
  (core func $get (canon lower (func $config "get")
    (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))
  (core module $m
    (import "host" "get" (func $get (param i32 i32 i32)))
    (import "mem" "memory" (memory 1))
    (func (export "loop") (param i32 i32 i32 i32) (result i32) (loop $l (br $l)) unreachable)
    (func (export "outside") (param i32 i32 i32 i32) (result i32) i32.const 0xffffff00)
    (func (export "misaligned") (param i32 i32 i32 i32) (result i32) i32.const 1025)
    (func (export "calls-host") (param i32 i32 i32 i32) (result i32)
      (call $get (i32.const 0) (i32.const 0) (i32.const 16)) i32.const 1024)
    (func (export "take") (param i32 i32)))
  (core instance $i (instantiate $m
    (with "host" (instance (export "get" (func $get))))
    (with "mem" (instance $mem))))
  (func (export "loops") (param "data" (list u32)) (canon lift (core func $i "take")
    (memory (core memory $mem "memory")) (realloc (core func $i "loop"))))
  (func (export "outside") (param "data" (list u32)) (canon lift (core func $i "take")
    (memory (core memory $mem "memory")) (realloc (core func $i "outside"))))
  (func (export "misaligned") (param "data" (list u32)) (canon lift (core func $i "take")
    (memory (core memory $mem "memory")) (realloc (core func $i "misaligned"))))
  (func (export "calls-host") (param "data" (list u32)) (canon lift (core func $i "take")
    (memory (core memory $mem "memory")) (realloc (core func $i "calls-host")))))
