;; Host work without a host function: a memory and a table that grow by nothing, again and again, which calls the engine
;; each time.
(component
  (core module $m
    (memory 1)
    (table $t 0 funcref)
    (func (export "memory") (param $times i32)
      (block $end (loop $l
        (br_if $end (i32.eqz (local.get $times)))
        (drop (memory.grow (i32.const 0)))
        (local.set $times (i32.sub (local.get $times) (i32.const 1)))
        (br $l))))
    (func (export "table") (param $times i32)
      (block $end (loop $l
        (br_if $end (i32.eqz (local.get $times)))
        (drop (table.grow $t (ref.null func) (i32.const 0)))
        (local.set $times (i32.sub (local.get $times) (i32.const 1)))
        (br $l))))
    (func (export "fill") (param $times i32)
      (block $end (loop $l
        (br_if $end (i32.eqz (local.get $times)))
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))
        (local.set $times (i32.sub (local.get $times) (i32.const 1)))
        (br $l)))))
  (core instance $i (instantiate $m))
  (func (export "memory") (param "times" u32) (canon lift (core func $i "memory")))
  (func (export "table") (param "times" u32) (canon lift (core func $i "table")))
  (func (export "fill") (param "times" u32) (canon lift (core func $i "fill"))))
