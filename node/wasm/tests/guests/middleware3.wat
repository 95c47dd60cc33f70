;; Passes requests on and responses back.
(import "wasi:http/handler@0.3.0" "handle" (func $next (param i32 i32)))
(func (export "[async-lift]wasi:http/handler@0.3.0#handle") (param $request i32) (result i32)
  (call $next (local.get $request) (i32.const 1024))
  (if (i32.load8_u (i32.const 1024)) (then unreachable))
  (call $give (i32.load (i32.const 1032)))
  (i32.const 0))
(func (export "[callback][async-lift]wasi:http/handler@0.3.0#handle") (param i32 i32 i32) (result i32)
  unreachable)
