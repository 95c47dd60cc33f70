;; Sends 10,000 requests to the next and waits for none.
(data (i32.const 0) "next")
(func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
  (local $left i32) (local $to i32)
  (local.set $left (i32.const 10000))
  (loop $more
    (local.set $to (call $request (call $fields)))
    (drop (call $set-authority (local.get $to) (i32.const 1) (i32.const 0) (i32.const 4)))
    (i32.store8 (i32.const 8) (i32.const 47))
    (drop (call $set-path (local.get $to) (i32.const 1) (i32.const 8) (i32.const 1)))
    (call $send (local.get $to) (i32.const 0) (i32.const 0) (i32.const 1024))
    (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (call $answer (local.get $out) (i32.const 0) (i32.const 1)))
