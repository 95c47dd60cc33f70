;; Asks the host that its configuration names (host) and answers with "+", or with the number
;; of the error as one letter from A on.
(data (i32.const 0) "host")
(func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
  (call $fresh)
  (call $drop-request (local.get $request))
  (call $config (i32.const 0) (i32.const 4) (i32.const 1024))
  (i32.store8 (i32.const 8) (i32.const 43))
  (if (i32.eqz (call $ask (i32.load (i32.const 1032)) (i32.load (i32.const 1036))))
    (then (i32.store8 (i32.const 8) (i32.add (i32.load8_u (i32.const 1048)) (i32.const 65))))
    (else (call $drop-response (i32.load (i32.const 1048)))))
  (call $answer (local.get $out) (i32.const 8) (i32.const 1)))
