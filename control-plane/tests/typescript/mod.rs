//! OpenAPI 3.1 component schemas as TypeScript declarations: the part of JSON Schema that our handlers produce.

use serde_json::{Map, Value};

const HEADER: &str = "// Generated from docs/openapi.json by `make gen`; do not edit.\n";

/// One `export type` per component, in the document's order. Panics at a schema that it does not know.
pub(crate) fn declarations(description: &Value) -> String {
    let schemas = description["components"]["schemas"].as_object().expect("components");
    let declare = |(name, schema): (&String, &Value)| {
        format!("\n{}export type {name} = {};\n", documentation(schema, ""), type_of(schema))
    };
    HEADER.to_owned() + &schemas.iter().map(declare).collect::<String>()
}

fn documentation(schema: &Value, indent: &str) -> String {
    let Some(text) = schema["description"].as_str() else { return String::new() };
    let lines: Vec<_> = text.lines().map(|line| format!("{indent} * {line}").trim_end().to_owned()).collect();
    match lines.as_slice() {
        [one] => format!("{indent}/** {} */\n", one.trim_start().trim_start_matches("* ")),
        many => format!("{indent}/**\n{}\n{indent} */\n", many.join("\n")),
    }
}

fn type_of(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().expect("a path").to_owned();
    }
    for (key, separator) in [("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")] {
        if let Some(parts) = schema[key].as_array() {
            return parts.iter().map(type_of).collect::<Vec<_>>().join(separator);
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    match &schema["type"] {
        Value::String(one) => named(one, schema),
        Value::Array(several) => {
            let names = several.iter().filter_map(Value::as_str).map(|name| named(name, schema));
            names.collect::<Vec<_>>().join(" | ")
        }
        // No type: any JSON value.
        Value::Null => "unknown".into(),
        other => panic!("unknown type {other}"),
    }
}

fn named(name: &str, schema: &Value) -> String {
    match name {
        "integer" | "number" => "number".into(),
        "string" | "boolean" | "null" => name.into(),
        "array" => {
            let item = type_of(&schema["items"]);
            if item.contains(' ') { format!("({item})[]") } else { format!("{item}[]") }
        }
        "object" => object(schema),
        other => panic!("unknown type {other}"),
    }
}

fn object(schema: &Value) -> String {
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    if properties.is_empty() {
        return match &schema["additionalProperties"] {
            Value::Object(_) => format!("Record<string, {}>", type_of(&schema["additionalProperties"])),
            _ => "Record<string, unknown>".into(),
        };
    }
    let required: Vec<_> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let field = |(name, property): (&String, &Value)| {
        let optional = if required.contains(&name.as_str()) { "" } else { "?" };
        format!("{}  {name}{optional}: {};\n", documentation(property, "  "), type_of(property))
    };
    format!("{{\n{}}}", properties.iter().map(field).collect::<String>())
}
