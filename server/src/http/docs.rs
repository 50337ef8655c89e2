//! A page that people can read, made from the OpenAPI description. It needs no script and nothing from elsewhere.

use askama::Template;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use serde_json::Value;

#[derive(Template)]
#[template(path = "docs.html")]
struct Page {
    version: String,
    groups: Vec<Group>,
    schemas: Vec<Schema>,
}

struct Group {
    name: String,
    description: String,
    operations: Vec<Operation>,
}

struct Operation {
    method: String,
    path: String,
    summary: String,
    needs_token: bool,
    parameters: Vec<Parameter>,
    body: Option<String>,
    responses: Vec<Response>,
}

struct Parameter {
    name: String,
    place: String,
    description: String,
}

struct Response {
    status: String,
    schema: Option<String>,
    description: String,
}

struct Schema {
    name: String,
    description: String,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    kind: String,
    required: bool,
    description: String,
}

/// Renders the page.
pub fn render(description: &str) -> String {
    let document: Value = serde_json::from_str(description).unwrap_or_default();
    let page = Page {
        version: text(at(&document, "/info/version")),
        groups: groups(&document),
        schemas: schemas(&document),
    };
    page.render()
        .unwrap_or_else(|error| format!("the page could not be made: {error}"))
}

/// What stands at a JSON pointer, or null.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn groups(document: &Value) -> Vec<Group> {
    let tags = at(document, "/tags")
        .as_array()
        .cloned()
        .unwrap_or_default();
    tags.iter()
        .map(|tag| Group {
            name: text(at(tag, "/name")),
            description: text(at(tag, "/description")),
            operations: operations(document, &text(at(tag, "/name"))),
        })
        .collect()
}

fn operations(document: &Value, tag: &str) -> Vec<Operation> {
    let Some(paths) = at(document, "/paths").as_object() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let tagged = at(operation, "/tags")
                .as_array()
                .is_some_and(|tags| tags.iter().any(|t| t == tag));
            if tagged {
                found.push(self::operation(path, method, operation));
            }
        }
    }
    found
}

fn operation(path: &str, method: &str, operation: &Value) -> Operation {
    let parameters = at(operation, "/parameters")
        .as_array()
        .cloned()
        .unwrap_or_default();
    let responses = at(operation, "/responses")
        .as_object()
        .cloned()
        .unwrap_or_default();
    Operation {
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(at(operation, "/summary")),
        needs_token: at(operation, "/security").is_array(),
        parameters: parameters
            .iter()
            .map(|parameter| Parameter {
                name: text(at(parameter, "/name")),
                place: text(at(parameter, "/in")),
                description: text(at(parameter, "/description")),
            })
            .collect(),
        body: schema_name(at(
            operation,
            "/requestBody/content/application~1json/schema",
        )),
        responses: responses
            .iter()
            .filter(|(status, _)| *status != "default")
            .map(|(status, response)| Response {
                status: status.clone(),
                schema: schema_name(at(response, "/content/application~1json/schema")),
                description: text(at(response, "/description")),
            })
            .collect(),
    }
}

/// The name behind a reference, also where the schema may be `null` too.
fn schema_name(schema: &Value) -> Option<String> {
    let direct = at(schema, "/$ref").as_str();
    let one_of = at(schema, "/oneOf")
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|part| at(part, "/$ref").as_str());
    direct
        .or(one_of)
        .and_then(|reference| reference.rsplit('/').next())
        .map(str::to_owned)
}

fn schemas(document: &Value) -> Vec<Schema> {
    let Some(schemas) = at(document, "/components/schemas").as_object() else {
        return Vec::new();
    };
    schemas
        .iter()
        .map(|(name, schema)| Schema {
            name: name.clone(),
            description: text(at(schema, "/description")),
            fields: fields(schema),
        })
        .collect()
}

fn fields(schema: &Value) -> Vec<Field> {
    let parts = at(schema, "/allOf").as_array().cloned().unwrap_or_default();
    let mut found: Vec<Field> = parts
        .iter()
        .flat_map(|part| match schema_name(part) {
            Some(name) => vec![Field {
                name: format!("… all of {name}"),
                kind: String::new(),
                required: true,
                description: String::new(),
            }],
            None => fields(part),
        })
        .collect();
    let required = at(schema, "/required")
        .as_array()
        .cloned()
        .unwrap_or_default();
    for (name, field) in at(schema, "/properties").as_object().into_iter().flatten() {
        found.push(Field {
            name: name.clone(),
            kind: kind(field),
            required: required.iter().any(|r| r == name),
            description: text(at(field, "/description")),
        });
    }
    found
}

fn kind(field: &Value) -> String {
    if let Some(name) = schema_name(field) {
        return name;
    }
    match at(field, "/type") {
        Value::String(kind) if kind == "array" => {
            format!("list of {}", kind_of_items(at(field, "/items")))
        }
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "any".to_owned(),
    }
}

fn kind_of_items(items: &Value) -> String {
    schema_name(items)
        .or_else(|| at(items, "/type").as_str().map(str::to_owned))
        .unwrap_or_else(|| "any".to_owned())
}

/// `GET /docs`
pub async fn page(page: String) -> Html<String> {
    Html(page)
}

/// `GET /docs/style.css`
pub async fn style() -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, "text/css; charset=utf-8"),
            (header::CACHE_CONTROL, "max-age=300"),
        ],
        include_str!("../../assets/docs.css"),
    )
}
