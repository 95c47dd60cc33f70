//! Client library of the place daemon's control API.
