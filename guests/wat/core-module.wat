;; A2-not-a-component: a core module is no component.
(module (func (export "run")))
