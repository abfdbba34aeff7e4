;; A25-memory-growth: a memory that starts larger than all memories together may be, and two that do so together.
(component
  (core module $half (memory 1200) (func (export "attack")))
  (core instance $a (instantiate $half))
  (core instance $b (instantiate $half))
  (func (export "attack") (canon lift (core func $a "attack"))))
