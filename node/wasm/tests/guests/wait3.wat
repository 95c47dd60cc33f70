;; Waits for nothing, for ever.
(func (export "[async-lift]wasi:http/handler@0.3.0#handle") (param $request i32) (result i32)
  (i32.or (i32.const 2) (i32.shl (call $set-new) (i32.const 4))))
(func (export "[callback][async-lift]wasi:http/handler@0.3.0#handle") (param i32 i32 i32) (result i32)
  unreachable)
