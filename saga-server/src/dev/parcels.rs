//! The demo's orders that are shipped, each with a saga for each parcel, and the definitions of both types.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use fulfilment::{Course, DEFINITIONS, Fulfilment};
use saga_sdk::{ConnectError, SagaConfig};
use tokio_util::sync::CancellationToken;

use super::DevError;

/// How long from one order to the next.
const INTERVAL: Duration = Duration::from_secs(3);

/// How long a step takes.
const PACE: Duration = Duration::from_millis(600);

/// How long the last steps may take to be delivered.
const CLOSING: Duration = Duration::from_secs(5);

/// What becomes of the orders, in turn.
const COURSES: [Course; 8] = [
    Course::Delivered,
    Course::Gift,
    Course::ByPost,
    Course::ParcelLost,
    Course::Delivered,
    Course::CarrierRefuses,
    Course::Gift,
    Course::CarrierSilent,
];

/// Writes the definitions into a folder beside the database, unless they are there: they may be changed, to see what that
/// changes.
pub(super) fn write_definitions(data: &Path) -> Result<PathBuf, DevError> {
    let folder = data.join("definitions");
    let write = || -> io::Result<()> {
        fs::create_dir_all(&folder)?;
        for (name, text) in DEFINITIONS {
            let file = folder.join(name);
            if !file.exists() {
                fs::write(file, text)?;
            }
        }
        Ok(())
    };
    match write() {
        Ok(()) => Ok(folder),
        Err(error) => Err(DevError::Io { path: folder, error }),
    }
}

/// Ships one order after the other until cancelled.
pub(super) fn ship(
    config: &SagaConfig,
    stop: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + use<>, ConnectError> {
    let fulfilment = Arc::new(Fulfilment::connect(config, PACE)?);
    Ok(async move {
        let mut interval = tokio::time::interval(INTERVAL);
        for (number, course) in COURSES.into_iter().cycle().enumerate() {
            tokio::select! {
                _ = interval.tick() => {}
                () = stop.cancelled() => break,
            }
            // Not waited for: the next order comes anyway.
            tokio::spawn(ship_one(fulfilment.clone(), number + 1, course));
        }
        fulfilment.close(CLOSING).await;
    })
}

async fn ship_one(fulfilment: Arc<Fulfilment>, number: usize, course: Course) {
    if let Err(error) = fulfilment.fulfil(&format!("PARCELS-{number}"), course).await {
        tracing::warn!(%error, "an order of the demo was not recorded");
    }
}
