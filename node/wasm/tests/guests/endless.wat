;; Writes for as long as the client reads.
(func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
  (call $drop-request (local.get $request))
  (call $begin (local.get $out))
  (loop $more
    (br_if $more (call $say (i32.const 0) (i32.const 65536))))
  (call $end))
