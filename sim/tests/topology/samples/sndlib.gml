Creator  "by hand, as sndlib.ext.generators.gml.GmlGenerator writes"
Version  "1.0"

graph [
  label     "small--D-B-E-N-C-A-N-N"
  directed  1

  node [
    id     0
    label  "Leipzig"
    graphics [
      x        335.11
      y        231.67
      fill     "#cccccc"
    ]
    LabelGraphics [
      fontSize  11
    ]
  ]

  node [
    id     1
    label  "Hamburg"
    graphics [ x 185.9 y 3.95 ]
  ]

  edge [
    source  0
    target  1
    label   "L1"
    delay   "2 ms"
    capacity 2500.0
  ]
  edge [
    source  1
    target  0
    label   "L2"
    delay   "4 ms"
    capacity 155.0
  ]
]
