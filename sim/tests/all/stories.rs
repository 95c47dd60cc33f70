//! Every story, told to the simulator.

crate::scenarios::every_story!(waybook_sim::arm::Simulated);
