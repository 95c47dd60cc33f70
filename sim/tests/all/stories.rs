//! Every story, told to the simulator.

crate::scenarios::every_story!(waybook_sim::arm::Simulated);
crate::scenarios::every_story_of_code!(waybook_sim::arm::Simulated);
crate::scenarios::every_story_of_operators!(waybook_sim::arm::Simulated);
