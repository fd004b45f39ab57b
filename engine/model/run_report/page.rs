//! HTML that is XML too, so that any reader finds its way.

use std::time::{SystemTime, UNIX_EPOCH};

use super::RunReport;
use crate::model::plot::escaped;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;color:#0f172a;max-width:1000px;margin:2em auto;padding:0 1em}\
h1{font-size:1.6em}h2{font-size:1.2em;border-bottom:1px solid #dee4ec;margin-top:2em}\
table{border-collapse:collapse}td,th{padding:.2em 1em .2em 0;text-align:left;vertical-align:top}\
th{white-space:nowrap}td{overflow-wrap:anywhere}td.number{font-variant-numeric:tabular-nums}\
pre{overflow-x:auto;font-size:.85em;line-height:1.2}svg{max-width:100%;height:auto;display:block;margin:1em 0}\
caption{text-align:left;color:#475569}";

/// A part of the page.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    heading: String,
    pub caption: String,
    pub numbers: Vec<(String, f64)>,
    /// `svg` elements.
    pub pictures: Vec<String>,
}

impl Part {
    pub fn new(heading: &str) -> Self {
        Self { heading: heading.to_string(), ..Self::default() }
    }

    fn draw(&self) -> String {
        let numbers: Vec<(String, String)> =
            self.numbers.iter().map(|(name, value)| (name.clone(), format!("{value:.6}"))).collect();
        let table = if numbers.is_empty() { String::new() } else { table(&self.caption, &numbers) };
        format!("{}{table}{}", heading(&self.heading), self.pictures.concat())
    }
}

/// The whole page.
pub(super) fn draw(report: &RunReport) -> String {
    let title = escaped(&report.title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width\"/><title>{title}</title>\n\
         <style>{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n"
    );
    page.extend(report.parts.iter().map(Part::draw));
    page += &heading("Model");
    page += &format!("<pre>{}</pre>\n", escaped(&report.summary));
    page.extend(report.filters.iter().map(Part::draw));
    page += &(heading("Options") + &table("", &report.options));
    page += &(heading("Environment") + &table("", &report.environment));
    page + "</body>\n</html>\n"
}

fn heading(text: &str) -> String {
    format!("<h2>{}</h2>\n", escaped(text))
}

fn table(caption: &str, rows: &[(String, String)]) -> String {
    let caption =
        if caption.is_empty() { String::new() } else { format!("<caption>{}</caption>", escaped(caption)) };
    let row = |(name, value): &(String, String)| {
        format!("<tr><th>{}</th><td class=\"number\">{}</td></tr>\n", escaped(name), escaped(value))
    };
    format!("<table>{caption}\n{}</table>\n", rows.iter().map(row).collect::<String>())
}

/// A moment as `2026-11-26 23:05 UTC`.
pub(super) fn date(moment: SystemTime) -> String {
    let seconds = moment.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let (mut days, minutes) = (seconds / 86_400, seconds % 86_400 / 60);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 0;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        month += 1;
        if days < length {
            break;
        }
        days -= length;
    }
    format!("{year}-{month:02}-{:02} {:02}:{:02} UTC", days + 1, minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments as `date -u -d @SECONDS` prints them.
    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds| date(UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00 UTC");
        assert_eq!(at(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(at(1_767_225_599), "2025-12-31 23:59 UTC");
        assert_eq!(at(4_107_542_400), "2100-03-01 00:00 UTC");
    }
}
