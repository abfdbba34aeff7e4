;; A2-not-a-component: a core module for WASI 0.1 is no component either, and there are two ways to make it one.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")))
