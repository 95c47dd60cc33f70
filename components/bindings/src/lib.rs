//! The WASI 0.3 interfaces that the components here use, and the few things that all of them do
//! with bodies.
#![allow(
    missing_docs,
    unsafe_code,
    reason = "generated from WIT, which is documented there"
)]

pub mod body;

wit_bindgen::generate!({
    path: "wit",
    world: "guest",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "waybook_guest_bindings",
});

pub use wit_bindgen::spawn_local;
