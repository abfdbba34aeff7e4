;; A27-handles: resources of the guest's own: made without end, dropped twice, invented.
(component
  (type $thing (resource (rep i32)))
  (core func $new (canon resource.new $thing))
  (core func $drop (canon resource.drop $thing))
  (core func $rep (canon resource.rep $thing))
  (core module $m
    (import "r" "new" (func $new (param i32) (result i32)))
    (import "r" "drop" (func $drop (param i32)))
    (import "r" "rep" (func $rep (param i32) (result i32)))
    (func (export "flood") (loop $l (drop (call $new (i32.const 7))) (br $l)))
    (func (export "churn") (param i32) (local i32)
      (loop $l
        (local.set 1 (call $new (i32.const 7)))
        (drop (call $rep (local.get 1)))
        (call $drop (local.get 1))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br_if $l (local.get 0))))
    (func (export "double-drop") (local i32)
      (local.set 0 (call $new (i32.const 7)))
      (call $drop (local.get 0))
      (call $drop (local.get 0)))
    (func (export "foreign") (drop (call $rep (i32.const 12345)))))
  (core instance $i (instantiate $m (with "r" (instance
    (export "new" (func $new)) (export "drop" (func $drop)) (export "rep" (func $rep))))))
  (func (export "flood") (canon lift (core func $i "flood")))
  (func (export "churn") (param "times" u32) (canon lift (core func $i "churn")))
  (func (export "double-drop") (canon lift (core func $i "double-drop")))
  (func (export "foreign") (canon lift (core func $i "foreign"))))
