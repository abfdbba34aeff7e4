;; A14-start-host-call: a start function that lives on host calls.
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
    (func $start (loop $l (call $get (i32.const 0) (i32.const 0) (i32.const 16)) (br $l)))
    (start $start)
    (func (export "attack")))
  (core instance $i (instantiate $m (with "host" (instance (export "get" (func $get))))))
  (func (export "attack") (canon lift (core func $i "attack"))))
