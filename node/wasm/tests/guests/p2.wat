;; What all guests of 0.2 begin with: their imports, and a way to answer.
;; Memory: 0 to 1023 texts, 1024 to 2047 results of calls, from 131072 on whatever the host
;; hands over (each call of $fresh forgets that).
(import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.0" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
(import "wasi:http/types@0.2.0" "[method]incoming-request.consume" (func $consume-request (param i32 i32)))
(import "wasi:http/types@0.2.0" "[resource-drop]incoming-request" (func $drop-request (param i32)))
(import "wasi:http/types@0.2.0" "[method]incoming-body.stream" (func $body-stream (param i32 i32)))
(import "wasi:http/types@0.2.0" "[static]incoming-body.finish" (func $finish-incoming (param i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]future-trailers.subscribe" (func $trailers-subscribe (param i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]future-trailers.get" (func $trailers-get (param i32 i32)))
(import "wasi:http/types@0.2.0" "[resource-drop]future-trailers" (func $drop-trailers (param i32)))
(import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-response.body" (func $response-body (param i32 i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-body.write" (func $body-write (param i32 i32)))
(import "wasi:http/types@0.2.0" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
(import "wasi:http/types@0.2.0" "[static]response-outparam.set"
  (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
(import "wasi:http/types@0.2.0" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-request.set-authority"
  (func $set-authority (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-request.set-path-with-query"
  (func $set-path (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/outgoing-handler@0.2.0" "handle" (func $send (param i32 i32 i32 i32)))
(import "wasi:http/types@0.2.0" "[method]future-incoming-response.subscribe"
  (func $response-subscribe (param i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]future-incoming-response.get" (func $response-get (param i32 i32)))
(import "wasi:http/types@0.2.0" "[resource-drop]future-incoming-response" (func $drop-future (param i32)))
(import "wasi:http/types@0.2.0" "[method]incoming-response.consume" (func $consume-response (param i32 i32)))
(import "wasi:http/types@0.2.0" "[resource-drop]incoming-response" (func $drop-response (param i32)))
(import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
  (func $write (param i32 i32 i32 i32)))
(import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop-output (param i32)))
(import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
(import "wasi:io/streams@0.2.0" "[resource-drop]input-stream" (func $drop-input (param i32)))
(import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop-pollable (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $timer (param i64) (result i32)))
(import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
(import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
(import "wasi:config/store@0.2.0-rc.1" "get" (func $config (param i32 i32 i32)))

(memory (export "memory") 4)
(global $heap (mut i32) (i32.const 131072))
(global $body (mut i32) (i32.const 0))
(global $stream (mut i32) (i32.const 0))

(func (export "cabi_realloc") (param $old i32) (param $was i32) (param $align i32) (param $size i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and
    (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
    (i32.sub (i32.const 0) (local.get $align))))
  (global.set $heap (i32.add (local.get $at) (local.get $size)))
  (if (i32.gt_u (global.get $heap) (i32.const 262144)) (then unreachable))
  (local.get $at))

(func $fresh (global.set $heap (i32.const 131072)))

;; Hands out a response with an open body.
(func $begin (param $out i32)
  (local $response i32)
  (local.set $response (call $response (call $fields)))
  (call $response-body (local.get $response) (i32.const 1024))
  (global.set $body (i32.load (i32.const 1028)))
  (call $body-write (global.get $body) (i32.const 1024))
  (global.set $stream (i32.load (i32.const 1028)))
  (call $set (local.get $out) (i32.const 0) (local.get $response)
    (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))

;; Writes up to 64 KiB; tells whether the client is still there.
(func $say (param $at i32) (param $length i32) (result i32)
  (local $piece i32)
  (loop $more
    (if (i32.eqz (local.get $length)) (then (return (i32.const 1))))
    (local.set $piece (select (local.get $length) (i32.const 4096)
      (i32.lt_u (local.get $length) (i32.const 4096))))
    (call $write (global.get $stream) (local.get $at) (local.get $piece) (i32.const 1024))
    (if (i32.load8_u (i32.const 1024)) (then (return (i32.const 0))))
    (local.set $at (i32.add (local.get $at) (local.get $piece)))
    (local.set $length (i32.sub (local.get $length) (local.get $piece)))
    (br $more))
  unreachable)

(func $end
  (call $drop-output (global.get $stream))
  (call $finish (global.get $body) (i32.const 0) (i32.const 0) (i32.const 1024)))

(func $answer (param $out i32) (param $at i32) (param $length i32)
  (call $begin (local.get $out))
  (drop (call $say (local.get $at) (local.get $length)))
  (call $end))

;; Sends a request to an authority and waits for its response. The discriminants are at 1032
;; (sent on at all), 1040 and 1048, the response or the error after that.
(func $ask (param $at i32) (param $length i32) (result i32)
  (local $request i32) (local $future i32) (local $pollable i32)
  (local.set $request (call $request (call $fields)))
  (drop (call $set-authority (local.get $request) (i32.const 1) (local.get $at) (local.get $length)))
  (i32.store8 (i32.const 1023) (i32.const 47))
  (drop (call $set-path (local.get $request) (i32.const 1) (i32.const 1023) (i32.const 1)))
  (call $send (local.get $request) (i32.const 0) (i32.const 0) (i32.const 1024))
  (if (i32.load8_u (i32.const 1024)) (then unreachable))
  (local.set $future (i32.load (i32.const 1032)))
  (local.set $pollable (call $response-subscribe (local.get $future)))
  (call $block (local.get $pollable))
  (call $drop-pollable (local.get $pollable))
  (call $response-get (local.get $future) (i32.const 1024))
  (call $drop-future (local.get $future))
  ;; 1 if there is a response
  (i32.eqz (i32.load8_u (i32.const 1040))))

;; Passes a stream of what comes in on; $change is added to each byte.
(func $pass (param $incoming i32) (param $change i32)
  (local $input i32) (local $at i32) (local $length i32) (local $i i32)
  (call $body-stream (local.get $incoming) (i32.const 1024))
  (local.set $input (i32.load (i32.const 1028)))
  (block $done
    (loop $more
      (call $fresh)
      (call $read (local.get $input) (i64.const 65536) (i32.const 1024))
      (br_if $done (i32.load8_u (i32.const 1024)))
      (local.set $at (i32.load (i32.const 1028)))
      (local.set $length (i32.load (i32.const 1032)))
      (if (local.get $change) (then
        (local.set $i (i32.const 0))
        (block $changed (loop $next
          (br_if $changed (i32.ge_u (local.get $i) (local.get $length)))
          (i32.store8 (i32.add (local.get $at) (local.get $i))
            (i32.add (i32.load8_u (i32.add (local.get $at) (local.get $i))) (local.get $change)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))))
      (br_if $done (i32.eqz (call $say (local.get $at) (local.get $length))))
      (br $more)))
  (call $drop-input (local.get $input)))
