;; Makes 10,000 streams.
(func (export "[async-lift]wasi:http/handler@0.3.0#handle") (param $request i32) (result i32)
  (local $left i32)
  (local.set $left (i32.const 10000))
  (loop $more
    (drop (call $stream-new))
    (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (call $answer (i32.const 0) (i32.const 1))
  (i32.const 0))
(func (export "[callback][async-lift]wasi:http/handler@0.3.0#handle") (param i32 i32 i32) (result i32)
  unreachable)
