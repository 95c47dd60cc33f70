;; What all guests of 0.3 begin with: their imports, and a way to answer.
(import "wasi:http/types@0.3.0" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.3.0" "[resource-drop]request" (func $drop-request (param i32)))
(import "wasi:http/types@0.3.0" "[static]request.consume-body" (func $consume (param i32 i32 i32)))
(import "wasi:http/types@0.3.0" "[future-new-0][static]request.consume-body" (func $result-new (result i64)))
(import "wasi:http/types@0.3.0" "[async-lower][future-write-0][static]request.consume-body"
  (func $result-write (param i32 i32) (result i32)))
(import "wasi:http/types@0.3.0" "[static]response.new" (func $response (param i32 i32 i32 i32 i32)))
(import "wasi:http/types@0.3.0" "[stream-new-0][static]response.new" (func $stream-new (result i64)))
(import "wasi:http/types@0.3.0" "[async-lower][stream-write-0][static]response.new"
  (func $stream-write (param i32 i32 i32) (result i32)))
(import "wasi:http/types@0.3.0" "[stream-drop-writable-0][static]response.new"
  (func $drop-stream (param i32)))
(import "wasi:http/types@0.3.0" "[future-new-1][static]response.new" (func $trailers-new (result i64)))
(import "wasi:http/types@0.3.0" "[async-lower][future-write-1][static]response.new"
  (func $trailers-write (param i32 i32) (result i32)))
(import "wasi:http/types@0.3.0" "[future-drop-writable-1][static]response.new"
  (func $drop-trailers (param i32)))
(import "wasi:http/types@0.3.0" "[future-drop-readable-2][static]response.new"
  (func $drop-sent (param i32)))
(import "[export]wasi:http/handler@0.3.0" "[task-return]handle"
  (func $return (param i32 i32 i32 i64 i32 i32 i32 i32)))
(import "$root" "[waitable-set-new]" (func $set-new (result i32)))
(import "$root" "[waitable-set-wait]" (func $set-wait (param i32 i32) (result i32)))
(import "$root" "[waitable-join]" (func $join (param i32 i32)))

(memory (export "memory") 4)
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 131072))

;; Returns a response.
(func $give (param $response i32)
  (call $return (i32.const 0) (local.get $response)
    (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))

;; Waits for a write that did not end at once.
(func $settle (param $handle i32) (param $status i32)
  (local $set i32)
  (if (i32.eq (local.get $status) (i32.const -1)) (then
    (local.set $set (call $set-new))
    (call $join (local.get $handle) (local.get $set))
    (drop (call $set-wait (local.get $set) (i32.const 1024)))
    (call $join (local.get $handle) (i32.const 0)))))

;; Returns a response with that body and writes it. The zeroes at 2048 are Ok(None).
(func $answer (param $at i32) (param $length i32)
  (local $stream i64) (local $trailers i64) (local $write i32)
  (local.set $stream (call $stream-new))
  (local.set $trailers (call $trailers-new))
  (call $response (call $fields) (i32.const 1) (i32.wrap_i64 (local.get $stream))
    (i32.wrap_i64 (local.get $trailers)) (i32.const 1024))
  (call $drop-sent (i32.load (i32.const 1028)))
  (call $give (i32.load (i32.const 1024)))
  (local.set $write (i32.wrap_i64 (i64.shr_u (local.get $stream) (i64.const 32))))
  (call $settle (local.get $write)
    (call $stream-write (local.get $write) (local.get $at) (local.get $length)))
  (call $drop-stream (local.get $write))
  (local.set $write (i32.wrap_i64 (i64.shr_u (local.get $trailers) (i64.const 32))))
  (call $settle (local.get $write) (call $trailers-write (local.get $write) (i32.const 2048)))
  (call $drop-trailers (local.get $write)))
