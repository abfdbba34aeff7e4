;; A composition whose outer part passes a string to its inner parts, again and again: the engine copies it, checks it and
;; writes it in the other's encoding, in one step that nothing interrupts. A19-endless-loop.
;;
;; `utf8(kind, bytes)` passes UTF-8 to a part that has UTF-16, `utf16(kind, bytes)` UTF-16 to one that has UTF-8,
;; `compact(kind, bytes)` UTF-8 to one that has Latin-1 or UTF-16. The kind: 0 is ASCII, 1 a letter with an accent, 2 an ideograph.
;; The bytes are a multiple of 12, of at most 28 MiB.
(component
  (component $utf16
    (core module $m
      (memory (export "memory") 1)
      ;; One string at a time, at the same place.
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local $more i32)
        (local.set $more (i32.sub
          (i32.shr_u (i32.add (local.get 3) (i32.const 0x1ffff)) (i32.const 16))
          (memory.size)))
        (if (i32.gt_s (local.get $more) (i32.const 0))
          (then (if (i32.lt_s (memory.grow (local.get $more)) (i32.const 0)) (then unreachable))))
        (i32.const 65536))
      (func (export "take") (param i32 i32)))
    (core instance $i (instantiate $m))
    (func (export "take") (param "text" string)
      (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc")) string-encoding=utf16)))
  (component $utf8
    (core module $m
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local $more i32)
        (local.set $more (i32.sub
          (i32.shr_u (i32.add (local.get 3) (i32.const 0x1ffff)) (i32.const 16))
          (memory.size)))
        (if (i32.gt_s (local.get $more) (i32.const 0))
          (then (if (i32.lt_s (memory.grow (local.get $more)) (i32.const 0)) (then unreachable))))
        (i32.const 65536))
      (func (export "take") (param i32 i32)))
    (core instance $i (instantiate $m))
    (func (export "take") (param "text" string)
      (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc")) string-encoding=utf8)))
  (component $compact
    (core module $m
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local $more i32)
        (local.set $more (i32.sub
          (i32.shr_u (i32.add (local.get 3) (i32.const 0x1ffff)) (i32.const 16))
          (memory.size)))
        (if (i32.gt_s (local.get $more) (i32.const 0))
          (then (if (i32.lt_s (memory.grow (local.get $more)) (i32.const 0)) (then unreachable))))
        (i32.const 65536))
      (func (export "take") (param i32 i32)))
    (core instance $i (instantiate $m))
    (func (export "take") (param "text" string)
      (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc")) string-encoding=latin1+utf16)))

  (component $outer
    (import "utf16" (func $utf16 (param "text" string)))
    (import "utf8" (func $utf8 (param "text" string)))
    (import "compact" (func $compact (param "text" string)))
    ;; 28 MiB.
    (core module $memory (memory (export "memory") 449))
    (core instance $memory (instantiate $memory))
    (core func $to-utf16 (canon lower (func $utf16) (memory $memory "memory") string-encoding=utf8))
    (core func $to-utf8 (canon lower (func $utf8) (memory $memory "memory") string-encoding=utf16))
    (core func $to-compact (canon lower (func $compact) (memory $memory "memory") string-encoding=utf8))
    (core module $m
      (import "" "memory" (memory 449))
      (import "" "utf16" (func $utf16 (param i32 i32)))
      (import "" "utf8" (func $utf8 (param i32 i32)))
      (import "" "compact" (func $compact (param i32 i32)))
      ;; Writes a pattern of a number of bytes over the first ones of the memory.
      (func $fill (param $bytes i32) (param $pattern i32) (param $width i32)
        (local $at i32)
        (loop $again
          (i32.store (local.get $at) (local.get $pattern))
          (local.set $at (i32.add (local.get $at) (local.get $width)))
          (br_if $again (i32.lt_u (local.get $at) (local.get $bytes)))))
      (func $fill8 (param $kind i32) (param $bytes i32)
        (if (i32.eq (local.get $kind) (i32.const 1))
          (then (call $fill (local.get $bytes) (i32.const 0xa9c3) (i32.const 2)) (return)))
        (if (i32.eq (local.get $kind) (i32.const 2))
          (then (call $fill (local.get $bytes) (i32.const 0x80b8e4) (i32.const 3)) (return)))
        (call $fill (local.get $bytes) (i32.const 0x61616161) (i32.const 4)))
      (func $fill16 (param $kind i32) (param $bytes i32)
        (if (i32.eq (local.get $kind) (i32.const 1))
          (then (call $fill (local.get $bytes) (i32.const 0xe9) (i32.const 2)) (return)))
        (if (i32.eq (local.get $kind) (i32.const 2))
          (then (call $fill (local.get $bytes) (i32.const 0x4e00) (i32.const 2)) (return)))
        (call $fill (local.get $bytes) (i32.const 0x610061) (i32.const 4)))
      (func (export "utf8") (param $kind i32) (param $bytes i32)
        (call $fill8 (local.get $kind) (local.get $bytes))
        (loop $again (call $utf16 (i32.const 0) (local.get $bytes)) (br $again)))
      (func (export "utf16") (param $kind i32) (param $bytes i32)
        (call $fill16 (local.get $kind) (local.get $bytes))
        (loop $again (call $utf8 (i32.const 0) (i32.shr_u (local.get $bytes) (i32.const 1))) (br $again)))
      (func (export "compact") (param $kind i32) (param $bytes i32)
        (call $fill8 (local.get $kind) (local.get $bytes))
        (loop $again (call $compact (i32.const 0) (local.get $bytes)) (br $again))))
    (core instance $i (instantiate $m (with "" (instance
      (export "memory" (memory $memory "memory"))
      (export "utf16" (func $to-utf16))
      (export "utf8" (func $to-utf8))
      (export "compact" (func $to-compact))))))
    (func (export "utf8") (param "kind" u32) (param "bytes" u32) (canon lift (core func $i "utf8")))
    (func (export "utf16") (param "kind" u32) (param "bytes" u32) (canon lift (core func $i "utf16")))
    (func (export "compact") (param "kind" u32) (param "bytes" u32) (canon lift (core func $i "compact"))))

  (instance $utf16 (instantiate $utf16))
  (instance $utf8 (instantiate $utf8))
  (instance $compact (instantiate $compact))
  (instance $outer (instantiate $outer
    (with "utf16" (func $utf16 "take"))
    (with "utf8" (func $utf8 "take"))
    (with "compact" (func $compact "take"))))
  (export "utf8" (func $outer "utf8"))
  (export "utf16" (func $outer "utf16"))
  (export "compact" (func $outer "compact")))
