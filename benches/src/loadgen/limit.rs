//! How many packets a system forwards without losing one: the rooms rise until something gives way, and what went well
//! must go well for longer.
#![expect(clippy::print_stdout, reason = "a command-line tool says how far it is")]

use anyhow::{Context, Result, bail};
use tokio::time::error::Elapsed;

use super::arguments::Arguments;
use super::measure::{Run, measure};
use super::scenario::{Arrivals, Scenario};
use crate::report::Row;

/// Of one step on the way up.
const STEP_SECONDS: f64 = 5.0;
/// Less than this share of what the first step's rooms brought each: the generator did not send in time.
const IN_TIME: f64 = 0.97;
/// Of all cores: there was no processor time left.
const BUSY_PERCENT: f64 = 92.0;

/// The row of the highest rate that held for the seconds of `run`, and what stopped the next one.
pub async fn find(arguments: &Arguments, run: Run) -> Result<Row> {
    let (mut rooms, mut good, mut first) = (run.scenario.rooms(), None, None);
    let why = loop {
        let step = Run { seconds: STEP_SECONDS, ..with_rooms(run, rooms) };
        let per_room = |row: &Row| *first.get_or_insert(row.forwarded_pps / rooms as f64);
        match attempt(arguments, step, per_room).await? {
            Ok(_) => good = Some(rooms),
            Err(why) => break why,
        }
        rooms = rooms + rooms / 4 + 1;
    };
    let mut rooms = good.with_context(|| format!("already {rooms} rooms are too many: {why}"))?;
    let per_room = first.unwrap_or_default();
    while rooms > 0 {
        if let Ok(row) = attempt(arguments, with_rooms(run, rooms), |_| per_room).await? {
            return Ok(Row { limit: Some(why), ..row });
        }
        rooms = rooms * 9 / 10;
    }
    bail!("not even one room holds")
}

/// One run; `Err`: what gave way in it. `per_room`: what each room should have brought.
async fn attempt(
    arguments: &Arguments,
    run: Run,
    per_room: impl FnOnce(&Row) -> f64,
) -> Result<Result<Row, String>> {
    let row = match measure(arguments, run).await {
        // Nobody had time left to let them all join.
        Err(error) if error.is::<Elapsed>() => {
            return Ok(Err(format!("{} rooms: {error}", run.scenario.rooms())));
        }
        measured => measured?,
    };
    println!("{}", serde_json::to_string(&row)?);
    let why = gave_way(&row, per_room(&row));
    Ok(why.map_or(Ok(row), Err))
}

fn with_rooms(run: Run, rooms: usize) -> Run {
    Run { scenario: Scenario { arrivals: Arrivals::Standing { rooms }, ..run.scenario }, ..run }
}

/// What was not exact any more, and whose fault that was; `None`: every packet came once, and in time.
fn gave_way(row: &Row, per_room: f64) -> Option<String> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64;
    let busy = (row.cpu_percent + row.generator_cpu_percent) / cores;
    let late = row.forwarded_pps < per_room * row.rooms as f64 * IN_TIME;
    if row.lost + row.duplicated == 0 && !late {
        return None;
    }
    let what = match (row.generator_dropped, row.system_dropped) {
        (1.., _) => "the generator's sockets were full",
        (0, 1..) => "the sockets of the system were full",
        _ if late => "the generator sent too late",
        _ => "packets were lost",
    };
    let shares = format!("generator {:.0} %, system {:.0} %", row.generator_cpu_percent, row.cpu_percent);
    let whole =
        if busy >= BUSY_PERCENT { "no processor time was left" } else { "with processor time to spare" };
    Some(format!("{} rooms: {what}; {whole} ({shares} of a core)", row.rooms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_fault_it_was_is_said() {
        let good = Row { rooms: 10, forwarded_pps: 4000.0, ..Row::default() };
        assert_eq!(gave_way(&good, 400.0), None);
        let full = Row { lost: 3, system_dropped: 3, ..good.clone() };
        assert!(gave_way(&full, 400.0).is_some_and(|why| why.contains("sockets of the system")));
        let late = Row { forwarded_pps: 3800.0, ..good };
        assert!(gave_way(&late, 400.0).is_some_and(|why| why.contains("sent too late")));
    }
}
