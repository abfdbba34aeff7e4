;; A11-wrong-type: a later version of a known interface.
(component
  (import "tollgate:provider/log@0.3.0" (instance (export "shout" (func (param "message" string))))))
