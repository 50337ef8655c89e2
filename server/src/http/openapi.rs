//! The description of the API (OpenAPI 3.1), made from the annotations of the handlers.

use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::problem::Problem;
use crate::service::agents::{PROFILE_FIELDS, ProfileKind};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "oneclaw",
        description = "A vault and signing server for fleets of AI agents, compatible with the 1claw API. Errors are problem documents (RFC 9457). Every access to a secret is decided by WebAssembly components.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(Problem)),
    tags(
        (name = "auth", description = "Accounts and tokens"),
        (name = "organisation", description = "The organisation, and the humans in it"),
        (name = "webhooks", description = "Addresses outside that are told what happens"),
        (name = "api keys", description = "Personal API keys of humans"),
        (name = "agents", description = "Agents and their keys"),
        (name = "signing keys", description = "The keys that agents sign transactions with"),
        (name = "chains", description = "The chains that transactions may be meant for"),
        (name = "vaults", description = "Vaults"),
        (name = "secrets", description = "Secrets and their versions"),
        (name = "shares", description = "Secrets shared with others for a time"),
        (name = "environment variables", description = "Names and values for programs, by environment and branch"),
        (name = "policies", description = "Who may do what, where, when and from where"),
        (name = "decisions", description = "Decisions of the gate, and why they came out as they did"),
        (name = "guardrails", description = "Limits on what many agents may have signed"),
        (name = "audit", description = "The chained audit trail"),
        (name = "admin", description = "The server itself, for owners and admins of its first organisation"),
        (name = "billing", description = "What an organisation uses, and the limits an administrator has set"),
        (name = "health", description = "Whether the server works")
    )
)]
struct Base;

/// What the routes are added to.
pub fn base() -> utoipa::openapi::OpenApi {
    let mut base = Base::openapi();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A token, or a raw personal (`1ck_`) or agent (`ocv_`) key",
        ))
        .build();
    if let Some(components) = &mut base.components {
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
    base
}

/// Completes the description by what annotations cannot say, and writes it out.
pub fn finish(description: utoipa::openapi::OpenApi) -> String {
    let mut document = serde_json::to_value(description).unwrap_or_default();
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        *paths = std::mem::take(paths).into_iter().map(path).collect();
    }
    if let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    {
        for name in ["Agent", "CreateAgentRequest", "UpdateAgentRequest"] {
            if let Some(schema) = schemas.get_mut(name) {
                add_profile(schema);
            }
        }
    }
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// The router's wildcard is no template of OpenAPI.
fn path((template, mut operations): (String, Value)) -> (String, Value) {
    let has_version =
        template.contains("/secret-version/") || template.contains("/secret-version-disable/");
    let renamed = template.replace(
        "{*path}",
        if has_version {
            "{path}/{version}"
        } else {
            "{path}"
        },
    );
    if let Some(operations) = operations.as_object_mut() {
        for operation in operations.values_mut() {
            if let Some(responses) = operation
                .get_mut("responses")
                .and_then(Value::as_object_mut)
            {
                responses.insert("default".to_owned(), problem_response());
            }
            if has_version
                && let Some(parameters) = operation
                    .get_mut("parameters")
                    .and_then(Value::as_array_mut)
            {
                parameters.push(json!({
                    "name": "version", "in": "path", "required": true,
                    "schema": {"type": "integer", "format": "int64", "minimum": 1}
                }));
            }
        }
    }
    (renamed, operations)
}

fn problem_response() -> Value {
    json!({
        "description": "What is wrong, and what would be right",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    })
}

/// The fields of an agent that are kept in a table rather than in a struct.
fn add_profile(schema: &mut Value) {
    // utoipa writes a flattened map as an `allOf`; the properties go next to those of the struct.
    let properties = if schema.get("properties").is_some() {
        schema.get_mut("properties")
    } else {
        schema
            .get_mut("allOf")
            .and_then(Value::as_array_mut)
            .and_then(|parts| parts.iter_mut().find_map(|part| part.get_mut("properties")))
    };
    let Some(properties) = properties.and_then(Value::as_object_mut) else {
        return;
    };
    for (name, kind) in PROFILE_FIELDS {
        properties.insert(name.to_owned(), Value::Object(profile_schema(kind)));
    }
}

fn profile_schema(kind: ProfileKind) -> Map<String, Value> {
    let schema = match kind {
        ProfileKind::Flag => json!({"type": "boolean"}),
        ProfileKind::Strings | ProfileKind::Chains => {
            json!({"type": "array", "items": {"type": "string"}})
        }
        ProfileKind::Decimal => json!({
            "type": ["string", "null"],
            "description": "Native major units, at most 18 decimals",
            "pattern": "^[0-9]{1,78}(\\.[0-9]{1,18})?$"
        }),
        ProfileKind::Count => json!({"type": ["integer", "null"], "minimum": 0}),
        ProfileKind::Object | ProfileKind::Guardrails => json!({"type": ["object", "null"]}),
        ProfileKind::Labels => {
            json!({"type": "object", "additionalProperties": {"type": "string"}})
        }
        ProfileKind::SignatureMode => {
            json!({"type": "string", "enum": ["off", "optional", "required"]})
        }
        ProfileKind::DenyOrAllow => json!({"type": "string", "enum": ["deny", "allow"]}),
        ProfileKind::Domains => json!({"type": "array", "items": {
            "type": "object",
            "required": ["verifying_contract"],
            "properties": {
                "verifying_contract": {"type": "string"},
                "name": {"type": "string"},
                "chain_id": {"type": "integer"}
            }
        }}),
        ProfileKind::Tee => {
            json!({"type": "boolean", "description": "Cannot be switched on", "const": false})
        }
    };
    schema.as_object().cloned().unwrap_or_default()
}

/// `GET /v1/openapi.json`
pub async fn serve(document: String) -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "max-age=300"),
        ],
        document,
    )
}
