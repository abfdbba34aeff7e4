;; A11-wrong-type: an earlier version of a known interface, and a patch that this host does not have yet.
(component
  (import "tollgate:provider/log@0.0.9" (instance (export "shout" (func (param "message" string)))))
  (import "tollgate:provider/hash@0.1.7" (instance (export "crc" (func (param "data" (list u8)))))))
