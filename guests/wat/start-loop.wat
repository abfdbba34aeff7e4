;; A13-start-loop: a start function that never ends.
(component
  (core module $m
    (func $start (loop $l (br $l)))
    (start $start)
    (func (export "attack")))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
