# Made by hand, as the Topology Zoo writes.
Creator "by hand"
Version 1
graph [
  Network "Valley"
  Note "over
  two lines, with &quot;marks&quot; &amp; a [bracket"
  label "Valley"
  node [
    id 0
    label "Bologna"
    Longitude 11.34
    Latitude 44.49   # degrees
    Internal 1
    tier "core"
  ]
  node [
    id 1
    label "Modena"
    Longitude 10.93
    Latitude 44.65   # degrees
    Internal 1
    tier "edge"
  ]
  node [
    id 2
    label "Parma"
    Longitude 10.33
    Latitude 44.8   # degrees
    Internal 1
    tier "edge"
  ]
  node [
    id 3
    label "Forl&#236;"
    Longitude 12.04
    Latitude 44.22   # degrees
    Internal 1
    tier "edge"
  ]
  node [
    id 4
    label "Ravenna"
    Longitude 12.2
    Latitude 44.42   # degrees
    Internal 1
    tier "edge"
  ]
  node [
    id 5
    label "Lab"
    Internal 1
    tier "edge"
  ]
  edge [
    source 0
    target 1
    delay 0.2
    LinkSpeed "10"
    LinkSpeedUnits "G"
    id "e01"
  ]
  edge [
    source 1
    target 2
    delay 0.3
    LinkSpeed "10"
    LinkSpeedUnits "G"
    id "e12"
  ]
  edge [
    source 0
    target 3
    delay 0.4
    LinkSpeed "2.5"
    LinkSpeedUnits "G"
    id "e03"
  ]
  edge [
    source 3
    target 4
    delay 0.2
    LinkSpeed "1"
    LinkSpeedUnits "G"
    id "e34"
  ]
  edge [
    source 0
    target 4
    delay 0.5
    LinkSpeed "1000"
    LinkSpeedUnits "M"
    id "e04"
  ]
  edge [
    source 0
    target 5
    delay 0.1
    LinkSpeed "100"
    LinkSpeedUnits "M"
    id "e05"
  ]
]
