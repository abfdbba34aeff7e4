;; A22-lift-amplification to A24-bad-values: arguments of a host call that cost the host more than they cost the guest,
;; or that break the rules. `tollgate:provider/http.get` takes a string and a list of pairs of strings.
(component
  (import "tollgate:provider/types@0.1.0" (instance $types
    (type $error' (variant (case "invalid-input" string) (case "not-found" string)
      (case "access-denied" string) (case "quota-exceeded" string) (case "unavailable" string)
      (case "other" string)))
    (export "error" (type $error (eq $error')))))
  (alias export $types "error" (type $error))
  (import "tollgate:provider/http@0.1.0" (instance $http
    (alias outer 1 $error (type $error'))
    (export "error" (type $error'' (eq $error')))
    (type $request' (record (field "url" string) (field "headers" (list (tuple string string)))))
    (export "request" (type $request (eq $request')))
    (type $response' (record (field "status" u16) (field "headers" (list (tuple string string)))
      (field "body" (list u8))))
    (export "response" (type $response (eq $response')))
    (export "get" (func (param "request" $request) (result (result $response (error $error'')))))))
  (core module $memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
  (core instance $mem (instantiate $memory))
  (core func $get (canon lower (func $http "get")
    (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))
  (core module $m
    (import "host" "get" (func $get (param i32 i32 i32 i32 i32)))
    (import "mem" "memory" (memory 1))
    (data (i32.const 512) "\ff\fe\fd")
    ;; Five million pairs of empty strings: 80 MB of zeroes that are never even touched.
    (func (export "amplify")
      (drop (memory.grow (i32.const 1300)))
      (call $get (i32.const 0) (i32.const 0) (i32.const 65536) (i32.const 5000000) (i32.const 16)))
    ;; As many as fit under `host-data`, again and again.
    (func (export "amplify-often")
      (drop (memory.grow (i32.const 100)))
      (loop $l
        (call $get (i32.const 0) (i32.const 0) (i32.const 65536) (i32.const 150000) (i32.const 16))
        (br $l)))
    ;; A list that claims 1 GiB.
    (func (export "claim")
      (call $get (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0x4000000) (i32.const 16)))
    ;; A string that claims to reach past the end of memory.
    (func (export "long-string")
      (call $get (i32.const 0) (i32.const 0x40000000) (i32.const 0) (i32.const 0) (i32.const 16)))
    ;; A string that is not UTF-8.
    (func (export "bad-utf8")
      (call $get (i32.const 512) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 16)))
    ;; A list at an address that its elements may not have.
    (func (export "misaligned")
      (call $get (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 16))))
  (core instance $i (instantiate $m
    (with "host" (instance (export "get" (func $get))))
    (with "mem" (instance $mem))))
  (func (export "amplify") (canon lift (core func $i "amplify")))
  (func (export "amplify-often") (canon lift (core func $i "amplify-often")))
  (func (export "claim") (canon lift (core func $i "claim")))
  (func (export "long-string") (canon lift (core func $i "long-string")))
  (func (export "bad-utf8") (canon lift (core func $i "bad-utf8")))
  (func (export "misaligned") (canon lift (core func $i "misaligned"))))
