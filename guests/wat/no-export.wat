;; Row 12: nothing to call.
(component)
