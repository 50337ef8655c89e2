//! How much there may be of everything in a component, counted before anything of it is decoded or compiled.
//!
//! Every number is far above what compilers of guests produce, interpreters of other languages included. What they keep
//! out is work that grows faster than the file does.

use wasmparser::{Parser, Payload};

use crate::error::LoadError;

/// Bytes of one function. A compiler's memory and time grow with it faster than its size does.
const FUNCTION_BYTES: u64 = 512 << 10;

macro_rules! bounds {
    ($($field:ident: $most:expr, $what:literal;)*) => {
        #[derive(Debug, Default)]
        struct Counts {
            $($field: u64,)*
        }

        impl Counts {
            fn check(&self) -> Result<(), LoadError> {
                $(within(self.$field, $most, $what)?;)*
                Ok(())
            }
        }
    };
}

bounds! {
    functions: 100_000, "functions";
    core_types: 50_000, "core types";
    types: 10_000, "component types";
    modules: 64, "modules and components";
    instances: 1_000, "instances";
    names: 20_000, "imports, exports and aliases";
    functions_lifted: 10_000, "functions of the component";
    segments: 50_000, "segments of data and elements";
    globals: 50_000, "globals";
    sections: 5_000, "sections";
}

/// Components within components.
const DEPTH: u64 = 8;

/// Counts what the component has, nested ones included.
///
/// # Errors
/// Names what there is too much of. Bytes that cannot be parsed are no error here: validation says better why.
pub(crate) fn check(component: &[u8]) -> Result<(), LoadError> {
    let mut counts = Counts::default();
    let mut depth = 0_u64;
    for payload in Parser::new(0).parse_all(component) {
        let Ok(payload) = payload else {
            return Ok(());
        };
        counts.sections += 1;
        match payload {
            Payload::ComponentSection { .. } => {
                depth += 1;
                counts.modules += 1;
            }
            Payload::ModuleSection { .. } => {
                depth += 1;
                counts.modules += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CodeSectionEntry(body) => {
                // Its own section, so that a hundred thousand functions are no hundred thousand sections.
                counts.sections -= 1;
                let bytes = body.range();
                let bytes = bytes.end.saturating_sub(bytes.start) as u64;
                within(bytes, FUNCTION_BYTES, "bytes in one function")?;
            }
            Payload::CodeSectionStart { count, .. } => counts.functions += u64::from(count),
            Payload::TypeSection(types) => counts.core_types += u64::from(types.count()),
            Payload::CoreTypeSection(types) => counts.core_types += u64::from(types.count()),
            Payload::ComponentTypeSection(types) => counts.types += u64::from(types.count()),
            Payload::InstanceSection(instances) => {
                counts.instances += u64::from(instances.count());
            }
            Payload::ComponentInstanceSection(instances) => {
                counts.instances += u64::from(instances.count());
            }
            Payload::ImportSection(names) => counts.names += u64::from(names.count()),
            Payload::ExportSection(names) => counts.names += u64::from(names.count()),
            Payload::ComponentImportSection(names) => counts.names += u64::from(names.count()),
            Payload::ComponentExportSection(names) => counts.names += u64::from(names.count()),
            Payload::ComponentAliasSection(names) => counts.names += u64::from(names.count()),
            Payload::ComponentCanonicalSection(functions) => {
                counts.functions_lifted += u64::from(functions.count());
            }
            Payload::DataSection(segments) => counts.segments += u64::from(segments.count()),
            Payload::ElementSection(segments) => counts.segments += u64::from(segments.count()),
            Payload::GlobalSection(globals) => counts.globals += u64::from(globals.count()),
            _ => {}
        }
        within(depth, DEPTH, "levels of nesting")?;
        counts.check()?;
    }
    Ok(())
}

fn within(count: u64, most: u64, what: &str) -> Result<(), LoadError> {
    if count > most {
        return Err(LoadError::TooMuch {
            what: what.to_owned(),
            count,
            limit: most,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn ordinary_components_are_far_within_bounds() {
        for bytes in [
            oneclaw_test_guests::HOSTILE,
            oneclaw_test_guests::TWO_WORLDS,
        ] {
            check(bytes).unwrap();
        }
    }

    #[test]
    fn what_there_is_too_much_of_is_named() {
        let types = "(type (tuple u8))".repeat(10_001);
        let error = check(&component(&format!("(component {types})"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the component has 10001 component types; the limit is 10000"
        );
        let nested = format!("{}{}", "(component ".repeat(10), ")".repeat(10));
        let error = check(&component(&nested)).unwrap_err();
        assert!(error.to_string().contains("levels of nesting"), "{error}");
        let modules = "(core module)".repeat(65);
        let error = check(&component(&format!("(component {modules})"))).unwrap_err();
        assert!(
            error.to_string().contains("modules and components"),
            "{error}"
        );
    }

    #[test]
    fn one_function_is_not_a_megabyte() {
        let body = "(drop (i32.const 1))".repeat(200_000);
        let text = format!("(component (core module (func {body})))");
        let error = check(&component(&text)).unwrap_err();
        assert!(
            error.to_string().contains("bytes in one function"),
            "{error}"
        );
    }
}
