;; Traps in the middle of its answer.
(data (i32.const 0) "half")
(func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
  (call $begin (local.get $out))
  (drop (call $say (i32.const 0) (i32.const 4)))
  unreachable)
