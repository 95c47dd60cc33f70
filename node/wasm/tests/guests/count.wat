;; Answers with how often this instance was asked, as one letter from a on. Traps when the
;; path is /t.
(global $asked (mut i32) (i32.const 96))
(func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
  (call $fresh)
  (call $path (local.get $request) (i32.const 1024))
  (if (i32.eq (i32.load8_u (i32.add (i32.load (i32.const 1028)) (i32.const 1))) (i32.const 116))
    (then unreachable))
  (call $drop-request (local.get $request))
  (global.set $asked (i32.add (global.get $asked) (i32.const 1)))
  (i32.store8 (i32.const 0) (global.get $asked))
  (call $answer (local.get $out) (i32.const 0) (i32.const 1)))
