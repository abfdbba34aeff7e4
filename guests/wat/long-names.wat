;; A32-hostile-text: a function whose name attacks the terminal of a reader of the backtrace.
(component
  (core module $m
    (func $f (@name "\1b[2J\1b[31mall is well\0a\0dreally \e2\80\ae") unreachable)
    (func (export "attack") (call $f)))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
