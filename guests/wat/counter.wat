;; Not an attack: counts its calls in its memory, and tells how many pages it has. For sessions and for
;; checking the report's numbers against the guest's own.
(component
  (core module $m
    (memory 2)
    (func (export "next") (result i32)
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
      (i32.load (i32.const 0)))
    (func (export "grow") (param i32) (result i32)
      (drop (memory.grow (local.get 0)))
      (memory.size))
    (func (export "work") (param i32)
      (loop $l
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br_if $l (local.get 0))))
    (func (export "trap") unreachable))
  (core instance $i (instantiate $m))
  (func (export "next") (result u32) (canon lift (core func $i "next")))
  (func (export "grow") (param "pages" u32) (result u32) (canon lift (core func $i "grow")))
  (func (export "work") (param "turns" u32) (canon lift (core func $i "work")))
  (func (export "trap") (canon lift (core func $i "trap"))))
