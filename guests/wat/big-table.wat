;; A25-memory-growth: a table that starts larger than all tables together may be.
(component
  (core module $m (table 2000000 funcref) (func (export "attack")))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
