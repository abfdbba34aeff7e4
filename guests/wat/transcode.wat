;; A composition whose outer part passes strings and lists to its inner parts, again and again: the engine copies each string,
;; checks it and writes it in the other's encoding, in one step that nothing interrupts. A19-endless-loop, A59-host-work.
;;
;; `pass(from, to, kind, bytes, times)`: from and to are the encodings of the outer and of the inner part, 0 for UTF-8, 1 for
;; UTF-16, 2 for Latin-1 or UTF-16; from 0 to 3 passes a list of bytes. The kind: 0 is ASCII, 1 a letter with an accent, 2 an
;; ideograph, 3 letters with an accent and one ideograph at the end. The bytes are a multiple of 12, of at most 28 MiB; for one
;; of Latin-1 or UTF-16, the kinds 0 and 1 are Latin-1, and the kinds 4 and 5 the same in UTF-16.
;; `take(bytes, times)` has an inner part return a string of at most 60,000 bytes.
(component
  (component $utf8
    (core module $m
      (memory (export "memory") 1)
      ;; One piece at a time, at the same place.
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
    (func (export "take") (param "piece" string)
      (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc")) string-encoding=utf8)))
  (component $utf16
    (core module $m
      (memory (export "memory") 1)
      ;; One piece at a time, at the same place.
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
    (func (export "take") (param "piece" string)
      (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc")) string-encoding=utf16)))
  (component $compact
    (core module $m
      (memory (export "memory") 1)
      ;; One piece at a time, at the same place.
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
    (func (export "take") (param "piece" string)
      (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc")) string-encoding=latin1+utf16)))
  (component $list
    (core module $m
      (memory (export "memory") 1)
      ;; One piece at a time, at the same place.
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
    (func (export "take") (param "piece" (list u8))
      (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc")))))
  (component $giver
    (core module $m
      (memory (export "memory") 1)
      ;; A string of zeroes.
      (func (export "give") (param i32) (result i32)
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (local.get 0))
        (i32.const 0)))
    (core instance $i (instantiate $m))
    (func (export "give") (param "bytes" u32) (result string)
      (canon lift (core func $i "give") (memory $i "memory"))))

  (component $outer
    (import "utf8" (func $utf8 (param "piece" string)))
    (import "utf16" (func $utf16 (param "piece" string)))
    (import "compact" (func $compact (param "piece" string)))
    (import "list" (func $list (param "piece" (list u8))))
    (import "give" (func $give (param "bytes" u32) (result string)))
    ;; 28 MiB.
    (core module $memory
      (memory (export "memory") 449)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
    (core instance $memory (instantiate $memory))
    (core func $utf8-utf8 (canon lower (func $utf8) (memory $memory "memory") string-encoding=utf8))
    (core func $utf8-utf16 (canon lower (func $utf16) (memory $memory "memory") string-encoding=utf8))
    (core func $utf8-compact (canon lower (func $compact) (memory $memory "memory") string-encoding=utf8))
    (core func $utf8-list (canon lower (func $list) (memory $memory "memory")))
    (core func $utf16-utf8 (canon lower (func $utf8) (memory $memory "memory") string-encoding=utf16))
    (core func $utf16-utf16 (canon lower (func $utf16) (memory $memory "memory") string-encoding=utf16))
    (core func $utf16-compact (canon lower (func $compact) (memory $memory "memory") string-encoding=utf16))
    (core func $compact-utf8 (canon lower (func $utf8) (memory $memory "memory") string-encoding=latin1+utf16))
    (core func $compact-utf16 (canon lower (func $utf16) (memory $memory "memory") string-encoding=latin1+utf16))
    (core func $compact-compact (canon lower (func $compact) (memory $memory "memory") string-encoding=latin1+utf16))
    (core func $given (canon lower (func $give) (memory $memory "memory") (realloc (func $memory "realloc"))))
    (core module $m
      (import "" "memory" (memory 449))
      (import "" "give" (func $give (param i32 i32)))
      (type $pass (func (param i32 i32)))
      (import "" "utf8-utf8" (func $utf8-utf8 (param i32 i32)))
      (import "" "utf8-utf16" (func $utf8-utf16 (param i32 i32)))
      (import "" "utf8-compact" (func $utf8-compact (param i32 i32)))
      (import "" "utf8-list" (func $utf8-list (param i32 i32)))
      (import "" "utf16-utf8" (func $utf16-utf8 (param i32 i32)))
      (import "" "utf16-utf16" (func $utf16-utf16 (param i32 i32)))
      (import "" "utf16-compact" (func $utf16-compact (param i32 i32)))
      (import "" "compact-utf8" (func $compact-utf8 (param i32 i32)))
      (import "" "compact-utf16" (func $compact-utf16 (param i32 i32)))
      (import "" "compact-compact" (func $compact-compact (param i32 i32)))
      (table 12 funcref)
      (elem (i32.const 0) func $utf8-utf8)
      (elem (i32.const 1) func $utf8-utf16)
      (elem (i32.const 2) func $utf8-compact)
      (elem (i32.const 3) func $utf8-list)
      (elem (i32.const 4) func $utf16-utf8)
      (elem (i32.const 5) func $utf16-utf16)
      (elem (i32.const 6) func $utf16-compact)
      (elem (i32.const 8) func $compact-utf8)
      (elem (i32.const 9) func $compact-utf16)
      (elem (i32.const 10) func $compact-compact)
      ;; Writes a pattern of a number of bytes over the first ones of the memory.
      (func $fill (param $bytes i32) (param $pattern i32) (param $width i32)
        (local $at i32)
        (loop $again
          (i32.store (local.get $at) (local.get $pattern))
          (local.set $at (i32.add (local.get $at) (local.get $width)))
          (br_if $again (i32.lt_u (local.get $at) (local.get $bytes)))))
      (func $fill8 (param $kind i32) (param $bytes i32)
        (if (i32.eqz (local.get $kind))
          (then (call $fill (local.get $bytes) (i32.const 0x61616161) (i32.const 4)) (return)))
        (if (i32.eq (local.get $kind) (i32.const 2))
          (then (call $fill (local.get $bytes) (i32.const 0x80b8e4) (i32.const 3)) (return)))
        (call $fill (local.get $bytes) (i32.const 0xa9c3) (i32.const 2))
        (if (i32.eq (local.get $kind) (i32.const 3))
          ;; A letter of one byte before it.
          (then (i32.store (i32.sub (local.get $bytes) (i32.const 4)) (i32.const 0x80b8e461)))))
      (func $fill16 (param $kind i32) (param $bytes i32)
        (if (i32.or (i32.eqz (local.get $kind)) (i32.eq (local.get $kind) (i32.const 4)))
          (then (call $fill (local.get $bytes) (i32.const 0x610061) (i32.const 4)) (return)))
        (if (i32.eq (local.get $kind) (i32.const 2))
          (then (call $fill (local.get $bytes) (i32.const 0x4e00) (i32.const 2)) (return)))
        (call $fill (local.get $bytes) (i32.const 0xe9) (i32.const 2))
        (if (i32.eq (local.get $kind) (i32.const 3))
          (then (i32.store16 (i32.sub (local.get $bytes) (i32.const 2)) (i32.const 0x4e00)))))
      ;; The length in the units of its encoding.
      (func $piece (param $from i32) (param $kind i32) (param $bytes i32) (result i32)
        (if (i32.eqz (local.get $from))
          (then (call $fill8 (local.get $kind) (local.get $bytes)) (return (local.get $bytes))))
        (if (i32.and (i32.eq (local.get $from) (i32.const 2)) (i32.lt_u (local.get $kind) (i32.const 2)))
          (then
            (call $fill (local.get $bytes)
              (select (i32.const 0xe9e9e9e9) (i32.const 0x61616161) (local.get $kind)) (i32.const 4))
            (return (local.get $bytes))))
        (call $fill16 (local.get $kind) (local.get $bytes))
        (i32.or
          (i32.shr_u (local.get $bytes) (i32.const 1))
          (i32.shl (i32.eq (local.get $from) (i32.const 2)) (i32.const 31))))
      (func (export "pass")
        (param $from i32) (param $to i32) (param $kind i32) (param $bytes i32) (param $times i32)
        (local $length i32)
        (local.set $length (call $piece (local.get $from) (local.get $kind) (local.get $bytes)))
        (block $end
          (loop $again
            (br_if $end (i32.eqz (local.get $times)))
            (local.set $times (i32.sub (local.get $times) (i32.const 1)))
            (call_indirect (type $pass)
              (i32.const 0)
              (local.get $length)
              (i32.add (i32.shl (local.get $from) (i32.const 2)) (local.get $to)))
            (br $again))))
      (func (export "take") (param $bytes i32) (param $times i32)
        (block $end
          (loop $again
            (br_if $end (i32.eqz (local.get $times)))
            (local.set $times (i32.sub (local.get $times) (i32.const 1)))
            (call $give (local.get $bytes) (i32.const 0))
            (br $again)))))
    (core instance $i (instantiate $m (with "" (instance
      (export "memory" (memory $memory "memory"))
      (export "give" (func $given))
      (export "utf8-utf8" (func $utf8-utf8))
      (export "utf8-utf16" (func $utf8-utf16))
      (export "utf8-compact" (func $utf8-compact))
      (export "utf8-list" (func $utf8-list))
      (export "utf16-utf8" (func $utf16-utf8))
      (export "utf16-utf16" (func $utf16-utf16))
      (export "utf16-compact" (func $utf16-compact))
      (export "compact-utf8" (func $compact-utf8))
      (export "compact-utf16" (func $compact-utf16))
      (export "compact-compact" (func $compact-compact))
    ))))
    (func (export "pass") (param "from" u32) (param "to" u32) (param "kind" u32) (param "bytes" u32) (param "times" u32)
      (canon lift (core func $i "pass")))
    (func (export "take") (param "bytes" u32) (param "times" u32) (canon lift (core func $i "take"))))

  (instance $utf8 (instantiate $utf8))
  (instance $utf16 (instantiate $utf16))
  (instance $compact (instantiate $compact))
  (instance $list (instantiate $list))
  (instance $giver (instantiate $giver))
  (instance $outer (instantiate $outer
    (with "utf8" (func $utf8 "take"))
    (with "utf16" (func $utf16 "take"))
    (with "compact" (func $compact "take"))
    (with "list" (func $list "take"))
    (with "give" (func $giver "give"))))
  (export "take" (func $outer "take"))
  (export "pass" (func $outer "pass")))
