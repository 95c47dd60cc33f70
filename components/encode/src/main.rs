//! Makes a component of a core module that carries its WIT in a custom section, as `wit-bindgen`
//! leaves it there:
//!
//!     encode MODULE.wasm COMPONENT.wasm
//!
//! The component is validated before it is written.

use std::error::Error;
use std::process::ExitCode;

fn encode(module: &str, component: &str) -> Result<usize, Box<dyn Error>> {
    let core = std::fs::read(module).map_err(|error| format!("{module}: {error}"))?;
    let bytes = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&core)
        .and_then(wit_component::ComponentEncoder::encode)
        .map_err(|error| format!("{module} makes no component: {error:#}"))?;
    std::fs::write(component, &bytes).map_err(|error| format!("{component}: {error}"))?;
    Ok(bytes.len())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, component] = &arguments[..] else {
        eprintln!("usage: encode MODULE.wasm COMPONENT.wasm");
        return ExitCode::from(2);
    };
    match encode(module, component) {
        Ok(bytes) => {
            println!("{component}: {bytes} bytes");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("encode: {error}");
            ExitCode::FAILURE
        }
    }
}
