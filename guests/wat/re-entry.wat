;; A30-reentry: a component that calls a child, which calls back into it while it is still inside.
(component $parent
  (core module $shim
    (table (export "table") 1 funcref)
    (type $f (func))
    (func (export "back") (call_indirect (type $f) (i32.const 0))))
  (core instance $shim (instantiate $shim))
  (func $back (canon lift (core func $shim "back")))
  (component $child
    (import "back" (func $back))
    (core func $back' (canon lower (func $back)))
    (core module $m (import "host" "back" (func $back)) (func (export "go") (call $back)))
    (core instance $i (instantiate $m (with "host" (instance (export "back" (func $back'))))))
    (func (export "go") (canon lift (core func $i "go"))))
  (instance $c (instantiate $child (with "back" (func $back))))
  (core func $go (canon lower (func $c "go")))
  (core module $main
    (import "host" "go" (func $go))
    (import "shim" "table" (table 1 funcref))
    (elem (i32.const 0) func $noop)
    (func $noop)
    (func (export "attack") (call $go)))
  (core instance $main (instantiate $main
    (with "host" (instance (export "go" (func $go))))
    (with "shim" (instance $shim))))
  (func (export "attack") (canon lift (core func $main "attack"))))
