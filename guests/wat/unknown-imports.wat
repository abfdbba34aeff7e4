;; A10-unknown-imports: imports that no host has, or has under another shape: all of them are listed at once.
(component
  (import "evil:pkg/backdoor@1.0.0" (instance (export "open" (func))))
  (import "do-it" (func))
  (import "secret" (type (sub resource)))
  (import "code" (core module))
  (import "whole" (component))
  ;; A known name under which a function hides.
  (import "tollgate:provider/log@0.1.0" (func))
  (import "tollgate:provider/backdoor@0.1.0" (instance (export "open" (func))))
)
