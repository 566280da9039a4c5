//! JSON for people: what fits on a line stands on one.

use serde_json::Value;

const WIDTH: usize = 110;

/// The whole value, indented, without losing the order of its members.
pub(super) fn pretty(value: &Value) -> String {
    let mut out = String::new();
    push(&mut out, value, 0, true);
    out
}

fn push(out: &mut String, value: &Value, depth: usize, is_broken: bool) {
    let line = one_line(value);
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(object) => {
            object.iter().map(|(name, v)| (format!("{}: ", Value::from(name.as_str())), v)).collect()
        }
        Value::Array(items) => items.iter().map(|v| (String::new(), v)).collect(),
        _ => Vec::new(),
    };
    if parts.is_empty() || (!is_broken && line.len() + depth * 2 <= WIDTH) {
        out.push_str(&line);
        return;
    }
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    out.push(open);
    let last = parts.len() - 1;
    for (at, (name, part)) in parts.into_iter().enumerate() {
        *out += &format!("\n{}{name}", "  ".repeat(depth + 1));
        push(out, part, depth + 1, false);
        if at < last {
            out.push(',');
        }
    }
    *out += &format!("\n{}{close}", "  ".repeat(depth));
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Object(object) if !object.is_empty() => {
            let parts: Vec<_> = object
                .iter()
                .map(|(name, v)| format!("{}: {}", Value::from(name.as_str()), one_line(v)))
                .collect();
            format!("{{ {} }}", parts.join(", "))
        }
        Value::Array(items) if !items.is_empty() => {
            let parts: Vec<_> = items.iter().map(one_line).collect();
            format!("[{}]", parts.join(", "))
        }
        other => other.to_string(),
    }
}
