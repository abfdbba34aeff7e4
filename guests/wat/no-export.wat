;; A12-missing-export: nothing to call.
(component)
