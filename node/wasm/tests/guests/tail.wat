;; Begins to answer and then computes for ever.
(func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
  (call $begin (local.get $out))
  (loop $more (br $more)))
