;; A25-memory-growth: growth that the limit allows and the declared maximum does not. It does not count: the rest of the
;; limit is still available afterwards.
(component
  (core module $m
    (memory 1 2)
    (table 1 2 funcref)
    (func (export "memory") (result i32)
      (drop (memory.grow (i32.const 15)))
      (memory.grow (i32.const 1)))
    (func (export "table") (result i32)
      (drop (table.grow (ref.null func) (i32.const 15)))
      (table.grow (ref.null func) (i32.const 1))))
  (core instance $i (instantiate $m))
  (func (export "memory") (result s32) (canon lift (core func $i "memory")))
  (func (export "table") (result s32) (canon lift (core func $i "table"))))
