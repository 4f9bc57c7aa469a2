//! How much memory and processor time a process takes.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result};

/// Resident memory of a process, in MiB, as Linux counts it.
pub(crate) fn resident_mib(process: u32) -> Result<f64> {
    status_mib(process, "VmRSS:")
}

/// The most resident memory that a process ever had, in MiB.
pub(crate) fn peak_mib(process: u32) -> Result<f64> {
    status_mib(process, "VmHWM:")
}

fn status_mib(process: u32, name: &str) -> Result<f64> {
    let file = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&file).with_context(|| format!("{file} (this needs Linux)"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: f64 = kib
        .with_context(|| format!("no {name} in {file}"))?
        .trim()
        .parse()?;
    Ok(kib / 1024.0)
}

/// The processor time that a process of this machine has taken; none when there is none, or it has another name than is
/// expected.
pub(crate) fn processor_time(process: u32, expected: Option<&str>) -> Option<Duration> {
    /// Linux counts in hundredths of a second, whatever the kernel's own clock.
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in brackets and may itself hold brackets and spaces.
    let (start, rest) = stat.rsplit_once(')')?;
    let name = start.split_once('(')?.1;
    let is_meant = expected.is_none_or(|expected| expected == name);
    let mut ticks = rest
        .split_whitespace()
        .skip(11)
        .map(|field| field.parse::<u32>().ok());
    let (user, system) = (ticks.next()??, ticks.next()??);
    is_meant.then_some(TICK * (user + system))
}

/// The processor time of each thread of a process, by the thread's name; those that have ended are missing.
pub(crate) fn thread_times(process: u32) -> Result<BTreeMap<String, Duration>> {
    let folder = format!("/proc/{process}/task");
    let mut times = BTreeMap::new();
    for thread in std::fs::read_dir(&folder).with_context(|| format!("{folder} (this needs Linux)"))? {
        let thread = thread?.path();
        // A thread may end in between.
        let read = |file: &str| std::fs::read_to_string(thread.join(file)).unwrap_or_default();
        let nanos = read("schedstat");
        let nanos = nanos
            .split_whitespace()
            .next()
            .and_then(|nanos| nanos.parse().ok());
        let time: &mut Duration = times.entry(read("comm").trim().to_owned()).or_default();
        *time += Duration::from_nanos(nanos.unwrap_or_default());
    }
    Ok(times)
}
