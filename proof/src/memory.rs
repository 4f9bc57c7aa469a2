//! How much memory a process holds.

use anyhow::{Context as _, Result};

/// Resident memory of a process, in MiB, as Linux counts it.
pub(crate) fn resident_mib(process: u32) -> Result<f64> {
    let file = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&file).with_context(|| format!("{file} (this needs Linux)"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: f64 = kib
        .with_context(|| format!("no VmRSS in {file}"))?
        .trim()
        .parse()?;
    Ok(kib / 1024.0)
}
