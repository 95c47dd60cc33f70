;; Waits for a day.
(func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
  (call $block (call $timer (i64.const 86400000000000))))
