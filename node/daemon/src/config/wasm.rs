//! What `wasm` components may do.

use std::path::PathBuf;
use std::time::Duration;

use waybook_plan::{Resource, parse_amount};

use super::section::Section;

/// What `wasm` components may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasmLimits {
    /// Hosts that they may send requests to besides what comes after them on the path, by
    /// name or by name and port; none by default.
    pub hosts: Vec<String>,
    /// The memory of one whose stage books none, in bytes.
    pub memory: u64,
    /// The most memory of one instance in bytes, however much its stage books.
    pub greatest_memory: u64,
    /// The share of a processor of one whose stage books none, in thousandths.
    pub cpu: u32,
    /// Instances at one time, of all components together.
    pub instances: u32,
    /// Instances of one component at one time.
    pub instances_per_component: usize,
    /// Requests that an instance answers before a fresh one takes its place.
    pub reuse: usize,
    /// Requests of one component that are under way or wait; more are refused.
    pub requests: usize,
    /// Requests that one component has sent on and waits for.
    pub outgoing: usize,
    /// A request ends when its component has done nothing about it for that long.
    pub timeout: Duration,
    /// How long an instance may take to come up.
    pub start_timeout: Duration,
    /// Lines a second of one component that go to the log.
    pub log_lines: u32,
}

impl Default for WasmLimits {
    fn default() -> Self {
        let of_engine = waybook_wasm::Settings::new("");
        Self {
            hosts: Vec::new(),
            memory: 64 << 20,
            greatest_memory: of_engine.memory,
            cpu: 1000,
            instances: of_engine.instances,
            instances_per_component: of_engine.instances_per_component,
            reuse: of_engine.reuse,
            requests: of_engine.requests_per_component,
            outgoing: of_engine.outgoing_per_component,
            timeout: of_engine.timeout,
            start_timeout: of_engine.start_timeout,
            log_lines: of_engine.log_lines,
        }
    }
}

impl WasmLimits {
    /// The engine's settings, with machine code kept in `cache`.
    #[must_use]
    pub fn engine(&self, cache: PathBuf, greatest: u64) -> waybook_wasm::Settings {
        let mut settings = waybook_wasm::Settings::new(cache);
        settings.component_bytes = greatest;
        settings.memory = self.greatest_memory;
        settings.instances = self.instances;
        settings.memories = self.instances.saturating_mul(2);
        settings.instances_per_component = self.instances_per_component;
        settings.reuse = self.reuse;
        settings.requests_per_component = self.requests;
        settings.outgoing_per_component = self.outgoing;
        settings.timeout = self.timeout;
        settings.start_timeout = self.start_timeout;
        settings.log_lines = self.log_lines;
        settings
    }
}

/// Reads `[wasm]`.
pub(super) fn read(section: &Section<'_>) -> WasmLimits {
    let d = WasmLimits::default();
    let bytes = |key: &str, example: &str| {
        section.amount(key, example, |text| parse_amount(&Resource::memory(), text))
    };
    let memory = bytes("memory", "64 MiB");
    let greatest_memory = bytes("greatest-memory", "256 MiB");
    let cpu = section.amount("cpu", "500m", |text| {
        let thousandths = parse_amount(&Resource::cpu(), text).map_err(|e| e.to_string())?;
        match u32::try_from(thousandths) {
            Ok(share) if share > 0 => Ok(share),
            _ => Err("must be more than nothing, and less than a million".to_owned()),
        }
    });
    WasmLimits {
        hosts: section.texts("hosts", "api.example.org"),
        memory: memory.unwrap_or(d.memory),
        greatest_memory: greatest_memory.unwrap_or(d.greatest_memory),
        cpu: cpu.unwrap_or(d.cpu),
        instances: section.number("instances", d.instances, 1, 10_000),
        instances_per_component: section.count(
            "instances-per-component",
            d.instances_per_component,
            1_000,
        ),
        reuse: section.count("reuse", d.reuse, 1_000_000_000),
        requests: section.count("requests", d.requests, 100_000),
        outgoing: section.count("outgoing", d.outgoing, 100_000),
        timeout: section.duration("timeout", d.timeout),
        start_timeout: section.duration("start-timeout", d.start_timeout),
        log_lines: section.number("log-lines", d.log_lines, 1, 100_000),
    }
}
