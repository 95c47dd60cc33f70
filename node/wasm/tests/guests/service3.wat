;; Answers with a text.
(data (i32.const 0) "served")
(func (export "[async-lift]wasi:http/handler@0.3.0#handle") (param $request i32) (result i32)
  (call $drop-request (local.get $request))
  (call $answer (i32.const 0) (i32.const 6))
  (i32.const 0))
(func (export "[callback][async-lift]wasi:http/handler@0.3.0#handle") (param i32 i32 i32) (result i32)
  unreachable)
