//! The page of results: all of the input is in it, nothing hostile is, and it shows its plots.

mod animation;
mod broken;
mod browser;
mod pages;
mod support;
