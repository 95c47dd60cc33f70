//! What a component says of itself, found without compiling it.

use wasmparser::{ComponentName, CustomSectionReader, Encoding, KnownCustom, Parser, Payload};

use crate::failure::LoadError;

/// A world of `wasi:http`, which is what a component runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum World {
    /// `wasi:http/proxy@0.2`: exports `incoming-handler`.
    Proxy,
    /// `wasi:http/service@0.3`: exports `handler`.
    Service,
    /// `wasi:http/middleware@0.3`: exports `handler` and imports one.
    Middleware,
}

/// The worlds whose components run here, each with the version of `wasi:http` that is
/// offered. Components built against another version run too if it is compatible.
pub const WORLDS: [&str; 3] = [
    "wasi:http/proxy@0.2.12",
    "wasi:http/service@0.3.0",
    "wasi:http/middleware@0.3.0",
];

impl World {
    /// Its name in `wasi:http`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Proxy => "wasi:http/proxy",
            Self::Service => "wasi:http/service",
            Self::Middleware => "wasi:http/middleware",
        }
    }

    /// Which world has these imports and exports, and the version of its handler. An error
    /// says what is lacking.
    pub(crate) fn of<'a>(
        imports: impl IntoIterator<Item = &'a str>,
        exports: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Result<(Self, String), LoadError> {
        let handler = "wasi:http/handler@0.3.";
        let find = |prefix| {
            exports
                .clone()
                .into_iter()
                .find(|name| name.starts_with(prefix))
        };
        if let Some(name) = find("wasi:http/incoming-handler@0.2.") {
            return Ok((Self::Proxy, version(name)));
        }
        if let Some(name) = find(handler) {
            let world = if imports.into_iter().any(|name| name.starts_with(handler)) {
                Self::Middleware
            } else {
                Self::Service
            };
            return Ok((world, version(name)));
        }
        let mut names: Vec<_> = exports.into_iter().collect();
        names.truncate(8);
        let has = match names.as_slice() {
            [] => "nothing".to_owned(),
            names => names.join(", "),
        };
        Err(LoadError::Unfit(format!(
            "it exports neither wasi:http/incoming-handler@0.2 nor wasi:http/handler@0.3; it exports {has}"
        )))
    }
}

fn version(name: &str) -> String {
    name.rsplit_once('@')
        .map_or("", |(_, version)| version)
        .to_owned()
}

/// What a component says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Its world.
    pub world: World,
    /// The version of `wasi:http` it was built against, e.g. `0.3.0`.
    pub world_version: String,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// Its name, from the custom section `component-name`.
    pub name: Option<String>,
    /// Its version, from the custom section `version` (as `wasm-tools metadata` writes it).
    pub version: Option<String>,
    /// What it is for, from the custom section `description`.
    pub description: Option<String>,
    /// Its size in bytes.
    pub size: u64,
}

/// Reads what a component says of itself. An error says why it can't run here.
pub fn inspect(bytes: &[u8]) -> Result<Metadata, LoadError> {
    let unfit = |error: &dyn std::fmt::Display| LoadError::Unfit(error.to_string());
    let mut depth = 0_usize;
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut told = Told::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| unfit(&error))? {
            Payload::Version { encoding, .. } => {
                if depth == 0 && encoding == Encoding::Module {
                    let why =
                        "it is a core module; make a component of it (`wasm-tools component new`)";
                    return Err(LoadError::Unfit(why.to_owned()));
                }
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import.map_err(|error| unfit(&error))?;
                    imports.push(import.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export.map_err(|error| unfit(&error))?;
                    exports.push(export.name.name.to_owned());
                }
            }
            Payload::CustomSection(section) if depth == 1 => told.read(&section),
            _ => {}
        }
    }
    let (world, world_version) = World::of(
        imports.iter().map(String::as_str),
        exports.iter().map(String::as_str),
    )?;
    Ok(Metadata {
        world,
        world_version,
        imports,
        exports,
        name: told.name,
        version: told.version,
        description: told.description,
        size: bytes.len() as u64,
    })
}

/// What the custom sections tell.
#[derive(Default)]
struct Told {
    name: Option<String>,
    version: Option<String>,
    description: Option<String>,
}

impl Told {
    /// Custom sections mean nothing to the machine: a damaged one is passed over.
    fn read(&mut self, section: &CustomSectionReader<'_>) {
        let text = || std::str::from_utf8(section.data()).ok().map(str::to_owned);
        match section.name() {
            "version" => self.version = text(),
            "description" => self.description = text(),
            _ => {
                if let KnownCustom::ComponentName(names) = section.as_known() {
                    for name in names.into_iter().flatten() {
                        if let ComponentName::Component { name, .. } = name {
                            self.name = Some(name.to_owned());
                        }
                    }
                }
            }
        }
    }
}
