;; A25-memory-growth: tables that grow, two of them, until told no; then, if asked, a trap.
(component
  (core module $m
    (table $a 0 funcref)
    (table $b 0 funcref)
    (func $grow (export "grow") (result i32)
      (loop $l
        (drop (table.grow $a (ref.null func) (i32.const 4096)))
        (br_if $l (i32.ne (table.grow $b (ref.null func) (i32.const 4096)) (i32.const -1))))
      (i32.add (table.size $a) (table.size $b)))
    (func (export "grow-then-trap") (drop (call $grow)) unreachable))
  (core instance $i (instantiate $m))
  (func (export "grow") (result u32) (canon lift (core func $i "grow")))
  (func (export "grow-then-trap") (canon lift (core func $i "grow-then-trap"))))
