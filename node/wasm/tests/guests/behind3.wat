;; Answers, and then yields for ever.
(data (i32.const 0) "done")
(func (export "[async-lift]wasi:http/handler@0.3.0#handle") (param $request i32) (result i32)
  (call $answer (i32.const 0) (i32.const 4))
  (i32.const 1))
(func (export "[callback][async-lift]wasi:http/handler@0.3.0#handle") (param i32 i32 i32) (result i32)
  (i32.const 1))
