;; A20-bulk-memory, A21-sleep, A50-cancellation and A51-host-panic: a guest that waits in a host function of the
;; embedder's, panics in it, or calls it again and again; and one that waits for a single long instruction.
(component
  (import "acme:clock/sleep@0.1.0" (instance $clock
    (export "sleep" (func (param "ms" u32)))
    (export "block" (func (param "ms" u32)))
    (export "panic" (func))))
  (core func $sleep (canon lower (func $clock "sleep")))
  (core func $block (canon lower (func $clock "block")))
  (core func $panic (canon lower (func $clock "panic")))
  (core module $m
    (import "host" "sleep" (func $sleep (param i32)))
    (import "host" "block" (func $block (param i32)))
    (import "host" "panic" (func $panic))
    (memory 1900)
    (func (export "fill") (memory.fill (i32.const 0) (i32.const 7) (i32.const 124518400)))
    (func (export "block-again") (param i32) (loop $l (call $block (local.get 0)) (br $l)))
    (func (export "once") (param i32) (call $sleep (local.get 0)))
    (func (export "again") (param i32) (loop $l (call $sleep (local.get 0)) (br $l)))
    (func (export "panic") (call $panic)))
  (core instance $i (instantiate $m
    (with "host" (instance (export "sleep" (func $sleep)) (export "block" (func $block))
      (export "panic" (func $panic))))))
  (func (export "once") (param "ms" u32) (canon lift (core func $i "once")))
  (func (export "again") (param "ms" u32) (canon lift (core func $i "again")))
  (func (export "fill") (canon lift (core func $i "fill")))
  (func (export "block-again") (param "ms" u32) (canon lift (core func $i "block-again")))
  (func (export "panic") (canon lift (core func $i "panic"))))
