//! The sans-IO place: hosts agents, bookings, components and metadata.
