;; A17-realloc-calls-host and A18-post-return: functions that run after the result was read, each hostile in its own
;; way.
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
    (func (export "answer") (result i32) i32.const 42)
    (func (export "loop") (param i32) (loop $l (br $l)))
    (func (export "trap") (param i32) unreachable)
    (func (export "calls-host") (param i32)
      (call $get (i32.const 0) (i32.const 0) (i32.const 16))))
  (core instance $i (instantiate $m (with "host" (instance (export "get" (func $get))))))
  (func (export "loops") (result u32)
    (canon lift (core func $i "answer") (post-return (core func $i "loop"))))
  (func (export "traps") (result u32)
    (canon lift (core func $i "answer") (post-return (core func $i "trap"))))
  (func (export "calls-host") (result u32)
    (canon lift (core func $i "answer") (post-return (core func $i "calls-host")))))
