;; Takes memory until it gets no more.
(func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
  (loop $more
    (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
  unreachable)
