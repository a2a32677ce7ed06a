//! What CloudWatch takes out of a log line, by the rules of its Embedded Metric Format; lines that break one are told.

use serde_json::Value;

/// One value of one metric, under one set of dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Extracted {
    /// Where the metric is.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// The value.
    pub value: f64,
    /// The dimensions and their values.
    pub dimensions: Vec<(String, String)>,
}

impl Extracted {
    /// The names of its dimensions.
    pub fn set(&self) -> Vec<&str> {
        self.dimensions
            .iter()
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

/// The metrics of a line, each once for every set of its dimensions.
///
/// # Errors
/// The rule that it breaks.
pub fn extracted(line: &Value) -> Result<Vec<Extracted>, String> {
    let wrong = |what: &str| format!("{what}: {line}");
    let meta = line["_aws"].as_object().ok_or_else(|| wrong("no _aws"))?;
    if !meta.get("Timestamp").is_some_and(Value::is_u64) {
        return Err(wrong("Timestamp is no number of milliseconds"));
    }
    let directives = meta.get("CloudWatchMetrics").and_then(Value::as_array);
    let mut found = Vec::new();
    for directive in directives.ok_or_else(|| wrong("no CloudWatchMetrics"))? {
        let namespace = directive["Namespace"].as_str().unwrap_or_default();
        if !(1..=255).contains(&namespace.len()) || namespace.starts_with("AWS/") {
            return Err(wrong("Namespace"));
        }
        let sets = directive["Dimensions"].as_array();
        let metrics = directive["Metrics"].as_array();
        let (Some(sets), Some(metrics)) = (sets, metrics) else {
            return Err(wrong("a directive without Dimensions or Metrics"));
        };
        if sets.is_empty() || metrics.is_empty() || metrics.len() > 100 {
            return Err(wrong("Dimensions or Metrics"));
        }
        for set in sets {
            let mut dimensions = Vec::new();
            for name in set.as_array().ok_or_else(|| wrong("a set"))? {
                let name = name.as_str().ok_or_else(|| wrong("a dimension"))?;
                // A dimension's value is a text of the line itself, as CloudWatch takes it.
                let value = line[name].as_str().unwrap_or_default();
                if !(1..=250).contains(&name.len()) || !(1..=1_024).contains(&value.len()) {
                    return Err(wrong("a dimension's name or value"));
                }
                dimensions.push((name.to_owned(), value.to_owned()));
            }
            if dimensions.is_empty() || dimensions.len() > 30 {
                return Err(wrong("a dimension set"));
            }
            for metric in metrics {
                let name = metric["Name"].as_str().unwrap_or_default();
                if !(1..=1_024).contains(&name.len()) || !line[name].is_number() {
                    return Err(wrong("a metric without its value"));
                }
                let unit = metric["Unit"].as_str().unwrap_or_default();
                if !["Count", "Milliseconds"].contains(&unit) {
                    return Err(wrong("a unit"));
                }
                found.push(Extracted {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    unit: unit.to_owned(),
                    value: line[name].as_f64().unwrap_or_default(),
                    dimensions: dimensions.clone(),
                });
            }
        }
    }
    Ok(found)
}
