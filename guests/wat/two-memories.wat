;; A25-memory-growth: memories that grow by turns; the limit is for all of them together.
(component
  (core module $m
    (memory $a 1)
    (memory $b 1)
    (func (export "grow") (result i32)
      (loop $l
        (drop (memory.grow $a (i32.const 1)))
        (br_if $l (i32.ne (memory.grow $b (i32.const 1)) (i32.const -1))))
      (i32.add (memory.size $a) (memory.size $b))))
  (core instance $i (instantiate $m))
  (func (export "grow") (result u32) (canon lift (core func $i "grow"))))
