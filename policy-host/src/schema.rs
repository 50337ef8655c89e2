//! JSON Schemas (2020-12) that plugins give for their settings.
//!
//! A validator cannot be stopped, and a schema of a few lines can keep one busy for ever: by referring to itself, or by
//! referring twice to what refers twice to what refers twice. So a schema is measured first, with all references followed,
//! and one that is recursive or too large is refused. What is referred to lies within the schema itself.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;

use boon::{Compiler, Draft, Schemas, UrlLoader, ValidationError};
use serde_json::Value;

use crate::catch;
use crate::error::Problem;

/// Most subschemas, with references followed.
const MAX_SUBSCHEMAS: u64 = 2_000;
/// Most problems that are told.
const MAX_PROBLEMS: usize = 20;
/// Deepest nesting of subschemas, references included.
const MAX_DEPTH: usize = 64;
/// Under which the schema is known to the validator.
const LOCATION: &str = "urn:oneclaw:settings-schema";

/// Why something is no schema that this server validates with. A sentence that follows "the schema".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the JSON Schema of the settings {0}")]
pub struct SchemaError(String);

/// Checks that a schema is one, and bounded.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_schema(schema: &Value) -> Result<(), SchemaError> {
    compiled(schema).map(|_| ())
}

/// What is wrong with settings, as far as the schema tells; nothing if they fit.
///
/// # Errors
/// When the schema itself is wrong.
pub fn validate_settings(schema: &Value, settings: &Value) -> Result<Vec<Problem>, SchemaError> {
    let (schemas, index) = compiled(schema)?;
    let problems = catch::panics(|| match schemas.validate(settings, index) {
        Ok(()) => Vec::new(),
        Err(error) => {
            let mut problems = Vec::new();
            leaves(&error, &mut problems);
            problems
        }
    });
    problems.map_err(|panic| SchemaError(format!("cannot be used: {panic}")))
}

fn compiled(schema: &Value) -> Result<(Schemas, boon::SchemaIndex), SchemaError> {
    let mut measure = Measure {
        root: schema,
        known: HashMap::new(),
    };
    let size = measure.subschemas(schema, 0)?;
    if size > MAX_SUBSCHEMAS {
        return Err(SchemaError(format!(
            "has {size} subschemas with its references followed; the limit is {MAX_SUBSCHEMAS}"
        )));
    }
    let unusable = |why: &dyn fmt::Display| SchemaError(format!("cannot be used: {why:#}"));
    let compile = || {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.use_loader(Box::new(Nowhere));
        compiler
            .add_resource(LOCATION, schema.clone())
            .map_err(|error| unusable(&error))?;
        let index = compiler
            .compile(LOCATION, &mut schemas)
            .map_err(|error| unusable(&error))?;
        Ok((schemas, index))
    };
    catch::panics(compile).map_err(|panic| unusable(&panic))?
}

fn leaves(error: &ValidationError<'_, '_>, problems: &mut Vec<Problem>) {
    if problems.len() >= MAX_PROBLEMS {
        return;
    }
    if error.causes.is_empty() {
        problems.push(Problem {
            pointer: error.instance_location.to_string(),
            message: error.kind.to_string(),
        });
    }
    for cause in &error.causes {
        leaves(cause, problems);
    }
}

/// Nothing is fetched, neither from networks nor from files.
struct Nowhere;

impl UrlLoader for Nowhere {
    fn load(&self, url: &str) -> Result<Value, Box<dyn Error>> {
        Err(format!("`{url}` is not within the schema").into())
    }
}

/// Keywords whose value is a schema, a list of schemas, or an object of schemas.
const ONE: &[&str] = &[
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
const LISTS: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
const OBJECTS: &[&str] = &["dependentSchemas", "patternProperties", "properties"];
/// What would make a reference mean something else than it says, or be of another language.
const REFUSED: &[&str] = &[
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
    "definitions",
    "dependencies",
];
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

struct Measure<'a> {
    root: &'a Value,
    /// By reference; `None` while it is being measured.
    known: HashMap<&'a str, Option<u64>>,
}

impl<'a> Measure<'a> {
    fn subschemas(&mut self, schema: &'a Value, depth: usize) -> Result<u64, SchemaError> {
        if depth > MAX_DEPTH {
            let deep = format!("is nested more than {MAX_DEPTH} levels deep");
            return Err(SchemaError(deep));
        }
        let Some(keywords) = schema.as_object() else {
            return Ok(1);
        };
        let mut size = 1_u64;
        for (keyword, value) in keywords {
            let keyword = keyword.as_str();
            if REFUSED.contains(&keyword) || (keyword == "$id" && depth > 0) {
                return Err(SchemaError(format!(
                    "uses `{keyword}`, which this server does not take; use `$defs` and `$ref`"
                )));
            }
            if keyword == "$schema" && value.as_str() != Some(DIALECT) {
                return Err(SchemaError(format!("is not of the dialect `{DIALECT}`")));
            }
            let more = if keyword == "$ref" {
                self.reference(value, depth)?
            } else if ONE.contains(&keyword) {
                self.subschemas(value, depth + 1)?
            } else if LISTS.contains(&keyword) {
                self.all(value.as_array().into_iter().flatten(), depth)?
            } else if OBJECTS.contains(&keyword) {
                self.all(
                    value.as_object().into_iter().flat_map(|o| o.values()),
                    depth,
                )?
            } else if keyword == "$defs" {
                // Counted where they are referred to; looked through all the same.
                self.all(
                    value.as_object().into_iter().flat_map(|o| o.values()),
                    depth,
                )?;
                0
            } else {
                0
            };
            size = size.saturating_add(more);
        }
        Ok(size)
    }

    fn all(
        &mut self,
        schemas: impl Iterator<Item = &'a Value>,
        depth: usize,
    ) -> Result<u64, SchemaError> {
        let mut size = 0_u64;
        for schema in schemas {
            size = size.saturating_add(self.subschemas(schema, depth + 1)?);
        }
        Ok(size)
    }

    fn reference(&mut self, value: &'a Value, depth: usize) -> Result<u64, SchemaError> {
        let shown = || oneclaw_core::path::excerpt(value.as_str().unwrap_or_default());
        let within = value.as_str().and_then(|reference| {
            let pointer = reference.strip_prefix('#')?;
            Some((reference, self.root.pointer(pointer)?))
        });
        let Some((reference, target)) = within else {
            return Err(SchemaError(format!(
                "refers to `{}`, which is not within it; write `#/$defs/name`",
                shown()
            )));
        };
        match self.known.get(reference) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => {
                return Err(SchemaError(format!("refers to itself by `{}`", shown())));
            }
            None => {}
        }
        self.known.insert(reference, None);
        let size = self.subschemas(target, depth + 1)?;
        self.known.insert(reference, Some(size));
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(schema: Value) -> String {
        check_schema(&schema).unwrap_err().to_string()
    }

    #[test]
    fn settings_that_do_not_fit_are_told_where_and_why() {
        let schema = json!({
            "$schema": DIALECT, "type": "object", "additionalProperties": false, "required": ["hours"],
            "properties": {"hours": {"type": "array", "items": {"$ref": "#/$defs/hour"}}},
            "$defs": {"hour": {"type": "integer", "minimum": 0, "maximum": 23}},
        });
        check_schema(&schema).unwrap();
        let problems = |settings: Value| -> Vec<(String, String)> {
            let problems = validate_settings(&schema, &settings).unwrap();
            problems
                .into_iter()
                .map(|p| (p.pointer, p.message))
                .collect()
        };
        assert_eq!(problems(json!({"hours": [0, 23]})), []);
        let found = problems(json!({"hours": [5, 24]}));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "/hours/1");
        assert!(found[0].1.contains("23"), "{}", found[0].1);
        assert!(problems(json!({}))[0].1.contains("hours"));
        assert!(!problems(json!({"hours": [], "hour": 1})).is_empty());
        assert!(!problems(json!("text")).is_empty());
    }

    #[test]
    fn true_and_an_empty_schema_take_everything() {
        for schema in [json!(true), json!({})] {
            assert_eq!(validate_settings(&schema, &json!({"a": 1})).unwrap(), []);
        }
    }

    #[test]
    fn what_could_keep_a_validator_busy_is_refused() {
        let mut defs = serde_json::Map::new();
        defs.insert("d0".to_owned(), json!({"type": "object"}));
        for n in 1..25 {
            let twice = json!({"$ref": format!("#/$defs/d{}", n - 1)});
            defs.insert(format!("d{n}"), json!({"allOf": [twice, twice]}));
        }
        let doubling = json!({"$ref": "#/$defs/d24", "$defs": defs});
        assert!(refused(doubling).contains("subschemas"));
        assert!(refused(json!({"properties": {"a": {"$ref": "#"}}})).contains("to itself"));
        let mutual = json!({"$ref": "#/$defs/a",
            "$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"not": {"$ref": "#/$defs/a"}}}});
        assert!(refused(mutual).contains("to itself"));
        let mut deep = json!({});
        for _ in 0..70 {
            deep = json!({"not": deep});
        }
        assert!(refused(deep).contains("levels deep"));
    }

    #[test]
    fn nothing_is_fetched_and_no_other_language_is_taken() {
        for reference in [
            "https://example.com/s.json",
            "file:///etc/passwd",
            "other.json",
            "#/$defs/none",
        ] {
            let said = refused(json!({"$ref": reference}));
            assert!(said.contains("not within it"), "{said}");
        }
        assert!(
            refused(json!({"$schema": "http://json-schema.org/draft-07/schema#"}))
                .contains("dialect")
        );
        assert!(refused(json!({"$dynamicRef": "#x"})).contains("$dynamicRef"));
        assert!(refused(json!({"type": "strnig"})).contains("cannot be used"));
        assert!(refused(json!({"pattern": "("})).contains("cannot be used"));
    }
}
