//! What a component may import and must export, checked before anything of it is compiled.

use wasmparser::{Validator, WasmFeatures};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{
    Function, Interface, PackageId, Resolve, TypeDefKind, TypeId, World, WorldItem, WorldKey,
};

use crate::bounds;
use crate::error::LoadError;

/// Checks a component's shape.
///
/// # Errors
/// Names the import that is refused, or the export that is missing.
pub(crate) fn audit(component: &[u8]) -> Result<(), LoadError> {
    if wasmparser::Parser::is_core_wasm(component) {
        return Err(LoadError::CoreModule);
    }
    if !wasmparser::Parser::is_component(component) {
        return Err(LoadError::Invalid("the bytes are no component".to_owned()));
    }
    bounds::check(component)?;
    let invalid = |error: String| LoadError::Invalid(error);
    Validator::new_with_features(features())
        .validate_all(component)
        .map_err(|error| invalid(error.to_string()))?;
    let DecodedWasm::Component(resolve, world) =
        decode(component).map_err(|error| invalid(format!("{error:#}")))?
    else {
        return Err(invalid(
            "it is a package of interfaces, not a component".to_owned(),
        ));
    };
    let Some(world) = resolve.worlds.get(world) else {
        return Err(invalid("it has no world".to_owned()));
    };
    imports(&resolve, world)?;
    exports(world)
}

/// What the engine is set up to run, too; the rest of the component model is refused here with a reason.
fn features() -> WasmFeatures {
    WasmFeatures::default()
        .difference(WasmFeatures::THREADS | WasmFeatures::MEMORY64 | WasmFeatures::MULTI_MEMORY)
        .difference(WasmFeatures::RELAXED_SIMD | WasmFeatures::CM_ASYNC)
}

fn imports(resolve: &Resolve, world: &World) -> Result<(), LoadError> {
    for (key, item) in &world.imports {
        let refused = match item {
            WorldItem::Interface { id, .. } => match resolve.interfaces.get(*id) {
                Some(interface) if is_another_version(resolve, interface) => {
                    return Err(LoadError::Version {
                        what: resolve.name_world_key(key),
                    });
                }
                Some(interface) => interface_offence(resolve, key, interface),
                None => Some(resolve.name_world_key(key)),
            },
            WorldItem::Function(function) => Some(name_function(function)),
            WorldItem::Type { id, .. } => resource(resolve, *id),
        };
        if let Some(what) = refused {
            return Err(LoadError::Import { what });
        }
    }
    Ok(())
}

/// What is wrong with an imported interface, if anything is.
fn interface_offence(resolve: &Resolve, key: &WorldKey, interface: &Interface) -> Option<String> {
    let name = resolve.name_world_key(key);
    if let Some(function) = interface.functions.values().next() {
        return Some(format!("`{name}` ({})", plain_function(function)));
    }
    if let Some(resource) = interface
        .types
        .values()
        .find_map(|id| resource(resolve, *id))
    {
        return Some(format!("`{name}` ({resource})"));
    }
    (!interface
        .package
        .is_some_and(|package| is_ours(resolve, package)))
    .then(|| format!("`{name}`"))
}

fn is_ours(resolve: &Resolve, package: PackageId) -> bool {
    version_of_ours(resolve, package).is_some_and(|version| version == Some((0, 1)))
}

/// Whether an interface is one of the contract's, and of a version that this server does not speak.
fn is_another_version(resolve: &Resolve, interface: &Interface) -> bool {
    interface
        .package
        .and_then(|package| version_of_ours(resolve, package))
        .is_some_and(|version| version != Some((0, 1)))
}

/// Major and minor version if the package is the contract.
fn version_of_ours(resolve: &Resolve, package: PackageId) -> Option<Option<(u64, u64)>> {
    let name = &resolve.packages.get(package)?.name;
    let version = name.version.as_ref();
    (name.namespace == "oneclaw" && name.name == "policy")
        .then(|| version.map(|version| (version.major, version.minor)))
}

fn resource(resolve: &Resolve, id: TypeId) -> Option<String> {
    let def = resolve.types.get(id)?;
    matches!(def.kind, TypeDefKind::Resource).then(|| {
        format!(
            "resource `{}`",
            def.name.as_deref().unwrap_or("without a name")
        )
    })
}

fn name_function(function: &Function) -> String {
    format!("the {}", plain_function(function))
}

fn plain_function(function: &Function) -> String {
    format!("function `{}`", function.name)
}

fn exports(world: &World) -> Result<(), LoadError> {
    let has = |name: &str| {
        world.exports.iter().any(|(key, item)| {
            matches!(key, WorldKey::Name(key) if key == name)
                && matches!(item, WorldItem::Function(_))
        })
    };
    let missing = |name| LoadError::World(format!("it has no exported function `{name}`"));
    for name in ["describe", "configure"] {
        if !has(name) {
            return Err(missing(name));
        }
    }
    if has("evaluate-access") || has("evaluate-transaction") {
        Ok(())
    } else {
        Err(missing("evaluate-access` or `evaluate-transaction"))
    }
}
