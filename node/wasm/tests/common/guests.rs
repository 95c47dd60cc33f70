//! The guests in `guests/`: each `.wat` is a part of a core module, put behind the beginning
//! that all of its kind share (`p2.wat`, `p3.wat`), and made a component with the interfaces
//! of `p2.wit` or `p3.wit`.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

macro_rules! guests {
    ($($name:ident)*) => {
        fn text(name: &str) -> &'static str {
            match name {
                $(stringify!($name) => include_str!(concat!("../guests/", stringify!($name), ".wat")),)*
                _ => panic!("there is no guest {name}"),
            }
        }
    };
}

guests! {
    p2 echo count shift outside settings print loop tail half grow never hoard flood endless stubborn starved
    p3 service3 middleware3 echo3 streams3 yield3 wait3 behind3
}

/// A guest as a component.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let (kind, wit) = if name.ends_with('3') {
        ("p3", include_str!("../guests/p3.wit"))
    } else {
        ("p2", include_str!("../guests/p2.wit"))
    };
    // Imports come first.
    let (imports, rest): (Vec<_>, Vec<_>) = text(name)
        .split_inclusive('\n')
        .partition(|line| line.starts_with("(import"));
    let (imports, rest) = (imports.concat(), rest.concat());
    let text = format!("(module {imports}\n{}\n{rest}\n)", text(kind));
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut resolve = Resolve::default();
    let package = resolve.push_str(format!("{kind}.wit"), wit).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .unwrap_or_else(|error| panic!("{name}: {error:?}"))
}
