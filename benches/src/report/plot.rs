//! Bars as SVG.

use super::Row;

/// In the order in which they are drawn.
const SYSTEMS: [(&str, &str); 3] = [("auscult", "#1f77b4"), ("janus", "#d9832e"), ("floor", "#9aa0a6")];

/// Bars grouped by scenario, one per system. `logarithmic`: for values that span powers of ten, all above 1.
pub fn bars(title: &str, rows: &[Row], value: impl Fn(&Row) -> f64, logarithmic: bool) -> String {
    const WIDTH: f64 = 720.0;
    const LEFT: f64 = 120.0;
    const BAR: f64 = 16.0;
    let scale = |value: f64| if logarithmic { value.max(1.0).log10() } else { value };
    let longest = rows.iter().map(|row| scale(value(row))).fold(f64::EPSILON, f64::max);
    let mut scenarios: Vec<&str> = rows.iter().map(|row| row.scenario.as_str()).collect();
    scenarios.dedup();
    let (mut bars, mut y) = (String::new(), 58.0);
    for scenario in scenarios {
        bars += &format!("<text x=\"8\" y=\"{}\">{scenario}</text>\n", y + BAR);
        for (system, color) in SYSTEMS {
            let Some(row) = rows.iter().find(|row| row.scenario == scenario && row.system == system) else {
                continue;
            };
            let length = scale(value(row)) / longest * (WIDTH - LEFT - 70.0);
            bars += &format!(
                "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"{color}\"/>\n<text x=\"{:.1}\" \
                 y=\"{}\">{:.1}</text>\n",
                BAR - 2.0,
                LEFT + length + 4.0,
                y + BAR - 4.0,
                value(row),
            );
            y += BAR;
        }
        y += BAR;
    }
    let legend: String = SYSTEMS
        .iter()
        .zip(0..)
        .map(|((system, color), at)| {
            let x = LEFT + f64::from(at) * 90.0;
            format!("<text x=\"{x}\" y=\"44\" fill=\"{color}\" font-weight=\"bold\">{system}</text>\n")
        })
        .collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"8\" y=\"22\" \
         font-size=\"15\">{title}</text>\n{legend}{bars}</svg>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_the_largest_value() {
        let row =
            |system: &str, cost| Row { system: system.into(), cpu_us_per_packet: cost, ..Row::default() };
        let rows = [row("auscult", 5.0), row("janus", 10.0)];
        let plot = bars("cost", &rows, |row| row.cpu_us_per_packet, false);
        assert!(plot.contains("width=\"530.0\"") && plot.contains("width=\"265.0\""), "{plot}");
    }
}
