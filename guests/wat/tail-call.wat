;; A19-endless-loop: endless tail calls. The proposal is off, so the component does not validate.
(component
  (core module $m (func $f (export "attack") (return_call $f)))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
