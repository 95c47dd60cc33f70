//! Theory against the simulator, where no runner of scenarios is needed.

mod set_up;
