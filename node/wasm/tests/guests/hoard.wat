;; Makes 10,000 sets of headers.
(func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
  (local $left i32)
  (local.set $left (i32.const 10000))
  (loop $more
    (drop (call $fields))
    (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (call $answer (local.get $out) (i32.const 0) (i32.const 1)))
