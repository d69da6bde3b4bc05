//! Rows as Markdown, between marks of a document.

use super::Row;
use crate::loadgen::quality::Steps;
use crate::loadgen::quantiles::Percentiles;

/// One benchmark's table: where its rows are, and what of them is shown.
pub struct Table {
    /// Of its marks, and of `bench-results/NAME.json`.
    pub name: &'static str,
    head: &'static str,
    line: fn(&Row) -> String,
}

pub const TABLES: [Table; 6] = [
    Table {
        name: "media",
        head: "scenario | system | rooms | forwarded/s | lost | twice | CPU µs/packet | CPU | latency p50 / p99 / \
               p99.9 µs | inside p50 / p99 / p99.9 µs | RSS MB",
        line: media,
    },
    Table {
        name: "rooms",
        head: "scenario | rooms | forwarded/s | lost | twice | CPU µs/packet | CPU | generator's CPU | RSS MB | per \
               participant",
        line: rooms,
    },
    Table {
        name: "quality",
        head: "network | audio lost | video lost | frozen | switches | undecodable frames | down after | up after",
        line: quality,
    },
    Table {
        name: "joins",
        head: "scenario | joins/s | failed | to first media p50 / p95 ms | CPU µs/join | forwarded/s | lost",
        line: joins,
    },
    Table {
        name: "limit",
        head: "scenario | rooms | forwarded/s | lost | twice | CPU µs/packet | CPU | generator's CPU | MB/participant | stopped by",
        line: limit,
    },
    Table {
        name: "captioned-calls",
        head: "speakers | captioned | turns | forwarded/s | lost | not sent | inside p99 µs | p99 moved, each pair of turns | ladder | given up",
        line: captions,
    },
];

impl Table {
    /// Markdown.
    pub fn of(&self, rows: &[Row]) -> String {
        let columns = self.head.split('|').count();
        let lines: String = rows.iter().map(|row| format!("| {} |\n", (self.line)(row))).collect();
        format!("| {} |\n|{}\n{lines}", self.head, "---|".repeat(columns))
    }

    /// Puts `table` between the marks of `document`; `None` without marks.
    pub fn replace(&self, document: &str, table: &str) -> Option<String> {
        let (begin, end) = (format!("<!-- {}: ", self.name), format!("<!-- /{} -->", self.name));
        let (before, rest) = document.split_once(&begin)?;
        let (mark, rest) = rest.split_once('\n')?;
        let (_, after) = rest.split_once(&end)?;
        Some(format!("{before}{begin}{mark}\n{table}{end}{after}"))
    }
}

fn seats(row: &Row) -> usize {
    row.participants / row.rooms.max(1)
}

fn media(row: &Row) -> String {
    let Percentiles { p50, p99, p999 } = row.latency_us;
    let inside = row.inside_us.map_or("–".to_owned(), |inside| {
        format!("≤ {:.0} / {:.0} / {:.0}", inside.p50, inside.p99, inside.p999)
    });
    format!(
        "{} | {} | {} × {} | {:.0} | {} | {} | {:.1} | {:.0} % | {p50:.0} / {p99:.0} / {p999:.0} | {inside} | {:.0}",
        row.scenario,
        row.system,
        row.rooms,
        seats(row),
        row.forwarded_pps,
        row.lost,
        row.duplicated,
        row.cpu_us_per_packet,
        row.cpu_percent,
        row.rss_mb,
    )
}

fn rooms(row: &Row) -> String {
    format!(
        "{} | {} × {} | {:.0} | {} | {} | {:.1} | {:.0} % | {:.0} % | {:.0} | {:.2}",
        row.scenario,
        row.rooms,
        seats(row),
        row.forwarded_pps,
        row.lost,
        row.duplicated,
        row.cpu_us_per_packet,
        row.cpu_percent,
        row.generator_cpu_percent,
        row.rss_mb,
        row.rss_mb_per_participant,
    )
}

fn quality(row: &Row) -> String {
    let Some(rating) = &row.quality else { return String::new() };
    let steps = |steps: Option<Steps>| match steps {
        None => "–".to_owned(),
        Some(Steps { p50, max, never: 0 }) => format!("{p50:.0} ms, at most {max:.0} ms"),
        Some(Steps { p50, max, never }) => format!("{p50:.0} ms, at most {max:.0} ms, {never} never"),
    };
    format!(
        "{} | {:.2} % | {:.2} % | {:.2} % | {} | {} | {} | {}",
        rating.profile,
        rating.audio_lost_percent,
        rating.video_lost_percent,
        rating.frozen_percent,
        rating.switches,
        rating.undecodable,
        steps(rating.down_ms),
        steps(rating.up_ms),
    )
}

fn joins(row: &Row) -> String {
    let Some(joins) = row.joins else { return String::new() };
    format!(
        "{} | {:.1} | {} | {:.0} / {:.0} | {:.0} | {:.0} | {}",
        row.scenario,
        joins.per_second,
        joins.failed,
        joins.media_ms[0],
        joins.media_ms[1],
        joins.cpu_us,
        row.forwarded_pps,
        row.lost,
    )
}

fn limit(row: &Row) -> String {
    format!(
        "{} | {} × {} | {:.0} | {} | {} | {:.1} | {:.0} % | {:.0} % | {:.2} | {}",
        row.scenario,
        row.rooms,
        seats(row),
        row.forwarded_pps,
        row.lost,
        row.duplicated,
        row.cpu_us_per_packet,
        row.cpu_percent,
        row.generator_cpu_percent,
        row.rss_mb_per_participant,
        row.limit.as_deref().unwrap_or("–"),
    )
}

fn captions(row: &Row) -> String {
    let Some(captions) = row.captions else { return String::new() };
    let moved = captions.moved_percent.map_or("–".to_owned(), |[least, median, most]| {
        format!("{median:+.1} % ({least:+.1} to {most:+.1})")
    });
    format!(
        "{} | {} | {} | {:.0} | {} | {} | {:.0} | {moved} | {} | {:.0} s",
        captions.speakers,
        if captions.captioned { "yes" } else { "no" },
        captions.turns,
        row.forwarded_pps,
        row.lost,
        captions.not_sent,
        captions.inside_p99_us,
        captions.level,
        captions.gap_seconds,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_replaces_the_one_before_and_no_other() {
        let media = &TABLES[0];
        let row = Row {
            scenario: "one-to-one".into(),
            system: "janus".into(),
            rooms: 20,
            participants: 40,
            forwarded_pps: 8000.4,
            cpu_us_per_packet: 12.34,
            cpu_percent: 10.0,
            latency_us: Percentiles { p50: 90.0, p99: 800.0, p999: 2000.0 },
            rss_mb: 30.0,
            ..Row::default()
        };
        let document =
            "# A\n<!-- media: by x -->\nold\n<!-- /media -->\n<!-- rooms: y -->\nkept\n<!-- /rooms -->\n";
        let replaced = media.replace(document, &media.of(&[row])).expect("marks");
        let line = "| one-to-one | janus | 20 × 2 | 8000 | 0 | 0 | 12.3 | 10 % | 90 / 800 / 2000 | – | 30 |";
        assert!(replaced.contains(line), "{replaced}");
        assert!(
            replaced.contains("<!-- media: by x -->\n|")
                && replaced.contains("kept")
                && !replaced.contains("old")
        );
        assert_eq!(media.replace("no marks", ""), None);
    }

    #[test]
    fn every_line_has_the_columns_of_its_head() {
        for table in TABLES {
            let columns = table.head.split(" | ").count();
            let row = Row { quality: None, ..Row::default() };
            let line = (table.line)(&row);
            assert!(line.is_empty() || line.split(" | ").count() == columns, "{}: {line}", table.name);
        }
    }
}
