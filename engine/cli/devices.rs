//! `gradus devices`

use anyhow::Result;
use serde_json::{Value, json};

use super::output::Output;
use crate::Error;
use crate::gpu::survey::{Adapter, Answer, adapters, automatic};
use crate::json;

/// All adapters, and which one `auto` takes.
pub fn run() -> Result<Output> {
    let adapters = adapters();
    let (device, reason) = match automatic() {
        Ok(description) => (description, "the best GPU found".to_string()),
        Err(Error::Device { problem, remedy, .. }) => ("cpu".to_string(), format!("{problem}: {remedy}")),
        Err(error) => return Err(error.into()),
    };
    let mut text = String::new();
    for (number, adapter) in adapters.iter().enumerate() {
        text += &format!("{}. {}\n", number + 1, adapter.description);
        rows(adapter).iter().for_each(|(name, row)| text += &format!("   {name:<11} {row}\n"));
        text.push('\n');
    }
    text += &format!("auto takes: {device}\n       why: {reason}\n");
    let json = json!({
        "adapters": adapters.iter().map(object).collect::<Vec<_>>(),
        "auto": { "device": device, "reason": reason },
    });
    Ok(Output::new(text, json))
}

fn rows(adapter: &Adapter) -> Vec<(&'static str, String)> {
    let limits = adapter.limits.iter().map(|(name, value)| format!("{name} {}", size(name, *value)));
    let has = |yes: bool| adapter.features.iter().filter(move |f| f.1 == yes).map(|f| f.0);
    let list = |names: Vec<&str>| if names.is_empty() { "none".to_string() } else { names.join(", ") };
    let mut rows = vec![("driver", adapter.driver.clone())];
    rows.extend(limits.enumerate().map(|(i, row)| (if i == 0 { "limits" } else { "" }, row)));
    rows.push(("has", list(has(true).collect())));
    rows.push(("lacks", list(has(false).collect())));
    match &adapter.arithmetic {
        Ok(answers) => {
            let of = |kept: bool| {
                let expressions = answers.iter().filter(move |a| a.is_kept == kept);
                list(expressions.map(|a: &Answer| a.expression).collect())
            };
            rows.push(("arithmetic", format!("as IEEE 754 has it: {}", of(true))));
            rows.push(("", format!("otherwise: {}", of(false))));
        }
        Err(error) => rows.push(("unusable", error.to_string())),
    }
    rows
}

/// Sizes in bytes in units that can be read.
fn size(name: &str, value: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = UNITS.iter().find(|(_, unit)| value >= *unit).filter(|_| name.ends_with("_size"));
    unit.map_or(value.to_string(), |(unit, bytes)| format!("{:.1} {unit}", value as f64 / *bytes as f64))
}

fn object(adapter: &Adapter) -> Value {
    let limits = json::object(adapter.limits.iter().map(|(name, value)| (*name, json!(value))));
    let features = json::object(adapter.features.iter().map(|(name, has)| (*name, json!(has))));
    let arithmetic = match &adapter.arithmetic {
        Ok(answers) => json::object(answers.iter().map(|a| (a.expression, json!(a.is_kept)))),
        Err(error) => json!({ "error": error.to_string() }),
    };
    json!({
        "description": adapter.description,
        "backend": adapter.backend,
        "driver": adapter.driver,
        "software": adapter.is_software,
        "limits": limits,
        "features": features,
        "arithmetic": arithmetic,
    })
}
