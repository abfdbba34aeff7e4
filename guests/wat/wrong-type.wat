;; A11-wrong-type: a known interface with a function of another type.
(component
  (import "tollgate:provider/config@0.1.0" (instance
    (export "get" (func (param "key" u32) (result u32))))))
