//! File names with places for numbers, such as `model-{epoch:02d}-{val_loss:.2f}.h5`.

use crate::error::{Error, Result};
use crate::model::Logs;

const PLACE: &str = "ModelCheckpoint";

/// `template` with each place in braces filled: `counts` are whole numbers, the rest comes from `logs`. A place may end
/// in Python's `:d`, `:02d`, `:f`, `:.2f` or `:06.2f`; two braces stand for one.
pub(super) fn fill(template: &str, counts: &[(&str, usize)], logs: &Logs) -> Result<String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        text += &rest[..at];
        let brace = &rest[at..at + 1];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            (text, rest) = (text + brace, after);
            continue;
        }
        let place = rest.split_once('}').filter(|_| brace == "{");
        let (inside, after) = place.ok_or_else(|| {
            let expected = "a closing brace for each opening one; write two for a brace itself";
            Error::argument(PLACE, "filepath", format!("{template:?}"), expected)
        })?;
        text += &number(inside, counts, logs)?;
        rest = after;
    }
    Ok(text + rest)
}

/// What stands for `{name}` or `{name:format}`.
fn number(inside: &str, counts: &[(&str, usize)], logs: &Logs) -> Result<String> {
    let (name, format) = inside.split_once(':').unwrap_or((inside, ""));
    let filled = match counts.iter().find(|(known, _)| *known == name) {
        Some(&(_, count)) => whole(count, format),
        None => match logs.get(name) {
            Some(value) => decimal(value, format),
            None => return Err(unknown(name, counts, logs)),
        },
    };
    let expected = "such as {epoch:02d} or {val_loss:.2f}";
    filled.ok_or_else(|| Error::argument(PLACE, "filepath", format!("{{{inside}}}"), expected))
}

fn unknown(name: &str, counts: &[(&str, usize)], logs: &Logs) -> Error {
    let counts = counts.iter().map(|(name, _)| *name);
    let known: Vec<&str> = counts.chain(logs.iter().map(|(name, _)| name)).collect();
    Error::argument(PLACE, "filepath", format!("{{{name}}}"), format!("one of {}", known.join(", ")))
}

fn whole(count: usize, format: &str) -> Option<String> {
    if format.is_empty() {
        return Some(count.to_string());
    }
    padded(count.to_string(), format.strip_suffix('d')?)
}

fn decimal(value: f64, format: &str) -> Option<String> {
    if format.is_empty() {
        return Some(value.to_string());
    }
    let (width, digits) =
        format.strip_suffix('f')?.split_once('.').unwrap_or((format.strip_suffix('f')?, "6"));
    let digits: usize = digits.parse().ok()?;
    padded(format!("{value:.digits$}"), width)
}

/// `text` on the right of `width` places; zeros, behind the sign, fill them if the width starts with one.
fn padded(text: String, width: &str) -> Option<String> {
    if width.is_empty() {
        return Some(text);
    }
    let places: usize = width.parse().ok()?;
    let missing = places.saturating_sub(text.len());
    if !width.starts_with('0') {
        return Some(" ".repeat(missing) + &text);
    }
    let (sign, digits) = text.split_at(usize::from(text.starts_with('-')));
    Some(format!("{sign}{}{digits}", "0".repeat(missing)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python's `str.format` gives.
    #[test]
    fn places_are_filled_as_in_python() -> Result<()> {
        let mut logs = Logs::default();
        logs.insert("val_loss", 0.12345);
        logs.insert("loss", -1.5);
        let fill = |template: &str| fill(template, &[("epoch", 7), ("batch", 120)], &logs);
        for (template, expected) in [
            ("model.h5", "model.h5"),
            ("{epoch}.h5", "7.h5"),
            ("a{epoch:02d}-{val_loss:.2f}.h5", "a07-0.12.h5"),
            ("{batch:02d}{epoch:3d}", "120  7"),
            ("{loss:08.3f}|{loss:f}|{loss:7.1f}", "-001.500|-1.500000|   -1.5"),
            ("{{{epoch:d}}}", "{7}"),
            ("é{loss}", "é-1.5"),
        ] {
            assert_eq!(fill(template)?, expected);
        }
        for (template, part) in [
            ("{epoch", "closing brace"),
            ("epoch}", "closing brace"),
            ("{acc:.2f}", "one of epoch, batch, loss, val_loss"),
            ("{epoch:.2f}", "{epoch:.2f}"),
            ("{loss:2g}", "{loss:2g}"),
        ] {
            let message = fill(template).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        Ok(())
    }
}
