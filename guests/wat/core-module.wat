;; Row 2: a core module is no component.
(module (func (export "run")))
