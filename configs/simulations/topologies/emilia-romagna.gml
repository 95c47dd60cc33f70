# A small network to try imports with. The towns are where they are; the links are invented.
#
#     waybook sim topology import configs/simulations/topologies/emilia-romagna.gml \
#         --out emilia-romagna.csv
#
# makes of it the tree that is beside this file: that of the least latencies from the centre.
# Latencies follow from the positions, at the speed of light in fibre along the straight line.
graph [
  node [ id 0 label "Bologna"       Latitude 44.49 Longitude 11.34 tier "core" ]
  node [ id 1 label "Modena"        Latitude 44.65 Longitude 10.93 tier "core" ]
  node [ id 2 label "Reggio Emilia" Latitude 44.70 Longitude 10.63 tier "edge" ]
  node [ id 3 label "Parma"         Latitude 44.80 Longitude 10.33 tier "core" ]
  node [ id 4 label "Piacenza"      Latitude 45.05 Longitude 9.69  tier "edge" ]
  node [ id 5 label "Ferrara"       Latitude 44.84 Longitude 11.62 tier "edge" ]
  node [ id 6 label "Ravenna"       Latitude 44.42 Longitude 12.20 tier "edge" ]
  node [ id 7 label "Forlì"         Latitude 44.22 Longitude 12.04 tier "edge" ]
  node [ id 8 label "Cesena"        Latitude 44.14 Longitude 12.24 tier "edge" ]
  node [ id 9 label "Rimini"        Latitude 44.06 Longitude 12.57 tier "edge" ]
  edge [ source 0 target 1 bandwidth "40 Gbit/s" ]
  edge [ source 1 target 2 bandwidth "10 Gbit/s" ]
  edge [ source 2 target 3 bandwidth "10 Gbit/s" ]
  edge [ source 1 target 3 bandwidth "40 Gbit/s" ]
  edge [ source 3 target 4 bandwidth "10 Gbit/s" ]
  edge [ source 0 target 5 bandwidth "10 Gbit/s" ]
  edge [ source 5 target 6 bandwidth "10 Gbit/s" ]
  edge [ source 0 target 7 bandwidth "40 Gbit/s" ]
  edge [ source 7 target 8 bandwidth "10 Gbit/s" ]
  edge [ source 8 target 9 bandwidth "10 Gbit/s" ]
  edge [ source 6 target 9 bandwidth "2.5 Gbit/s" ]
  edge [ source 7 target 6 bandwidth "10 Gbit/s" ]
]
