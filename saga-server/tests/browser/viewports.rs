//! The viewports in which pages are checked, and the checks.

use std::path::PathBuf;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::browser::{Browser, part};

/// A window in which a page is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Viewport {
    name: &'static str,
    scheme: &'static str,
    width: u32,
    height: u32,
}

pub(crate) const DESKTOP: [Viewport; 2] = [
    Viewport {
        name: "desktop-light",
        scheme: "light",
        width: 1280,
        height: 800,
    },
    Viewport {
        name: "desktop-dark",
        scheme: "dark",
        width: 1280,
        height: 800,
    },
];

/// A window that is as wide as most.
pub(crate) const WIDE: Viewport = Viewport {
    name: "wide-light",
    scheme: "light",
    width: 1400,
    height: 900,
};

/// A window as wide as a large screen.
pub(crate) const WIDEST: Viewport = Viewport {
    name: "widest-light",
    scheme: "light",
    width: 1920,
    height: 1080,
};

/// Wide windows, and half a screen.
pub(crate) const OTHERS: [Viewport; 3] = [
    WIDEST,
    Viewport {
        name: "wide-dark",
        scheme: "dark",
        ..WIDE
    },
    Viewport {
        name: "half-light",
        scheme: "light",
        width: 960,
        height: 1080,
    },
];

pub(crate) const PHONE: [Viewport; 2] = [
    Viewport {
        name: "phone-light",
        scheme: "light",
        width: 390,
        height: 844,
    },
    Viewport {
        name: "phone-dark",
        scheme: "dark",
        width: 390,
        height: 844,
    },
];

/// The tallest picture; what is below looks like what is above.
const MOST_PIXELS: f64 = 6_000.0;

/// What axe-core looks for. `{}` is its own source; the findings are shortened to what a person needs.
const AXE_RUN: &str = "
  const done = arguments[arguments.length - 1];
  axe.run(document, {resultTypes: ['violations']}).then(
    found => done(found.violations.map(v => v.id + ': ' + v.help + '\\n    ' +
      v.nodes.slice(0, 5).map(n => n.target.join(' ') + '  ' + n.any.concat(n.all, n.none).map(c => c.message).join('; ')).join('\\n    '))),
    error => done(['axe-core failed: ' + error]));
";

impl Browser {
    /// From now on pages are seen in this viewport.
    pub(crate) async fn set_viewport(&self, viewport: Viewport) {
        let size = json!({
            "width": viewport.width, "height": viewport.height, "deviceScaleFactor": 1, "mobile": viewport.width < 500,
        });
        self.command("Emulation.setDeviceMetricsOverride", size).await;
        // Colours on their way from one scheme to the other would be neither's.
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": viewport.scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.command("Emulation.setEmulatedMedia", features).await;
    }

    /// Opens a page and returns all that is wrong with it.
    pub(crate) async fn look_at(&self, address: &str, name: &str, viewport: Viewport) -> Vec<String> {
        self.set_viewport(viewport).await;
        self.goto(address).await;
        self.look(name, viewport).await
    }

    /// Returns all that is wrong with the page shown, and takes a screenshot if wanted.
    pub(crate) async fn look(&self, name: &str, viewport: Viewport) -> Vec<String> {
        self.photograph(&format!("{name}-{}", viewport.name)).await;
        let at = format!("{name} ({})", viewport.name);
        let mut wrong = Vec::new();
        for complaint in self.complaints().await {
            // That a page was not found or not allowed is no fault of the error page.
            let is_of_a_page = !["/assets/", "/api/"]
                .iter()
                .any(|path| complaint.message.contains(path));
            if complaint.source != "network" || !is_of_a_page {
                wrong.push(format!("{at}: the browser complains: {}", complaint.message));
            }
        }
        if let Some(overflow) = self.overflow(viewport.width).await {
            wrong.push(format!("{at}: {overflow}"));
        }
        if let Some(stops) = self.stops().await {
            wrong.push(format!("{at}: {stops}"));
        }
        wrong.extend(
            self.hard_to_use()
                .await
                .into_iter()
                .map(|what| format!("{at}: {what}")),
        );
        wrong
    }

    async fn hard_to_use(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(part("SAGA_TEST_AXE")).unwrap();
        self.run(&axe).await;
        let found = self.run_async(AXE_RUN).await;
        let found = found.as_array().unwrap();
        found
            .iter()
            .map(|what| what.as_str().unwrap().to_owned())
            .collect()
    }

    /// The row of a table with the most stops of the tab key, if these are too many: a list has one for each of its rows, and
    /// any other table two.
    async fn stops(&self) -> Option<String> {
        let script = "
            const stops = row => [...row.querySelectorAll('a[href], button, input, select, textarea, summary')]
              .filter(e => e.tabIndex >= 0 && e.type !== 'hidden' && e.checkVisibility());
            const rows = [...document.querySelectorAll('table.rows > tbody > tr:not(.opened)')]
              .map(row => ({row, stops: stops(row).length, most: row.closest('#rows') ? 1 : 2}))
              .filter(found => found.stops > found.most);
            const worst = rows.sort((one, other) => other.stops - one.stops)[0];
            return worst ? worst.stops + ' stops of the tab key in the row ' + worst.row.textContent.trim().replace(/\\s+/g, ' ') : null;";
        match self.run(script).await {
            Value::String(worst) => Some(worst),
            _ => None,
        }
    }

    /// What is wider than the screen, if the page is.
    async fn overflow(&self, width: u32) -> Option<String> {
        let script = format!(
            "const page = document.documentElement.scrollWidth;
             if (page <= {width}) return null;
             const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > {width} + 1)
               .filter(e => !e.closest('.scroll') || e.matches('.scroll'));
             return page + ' px wide: ' + wide.slice(0, 5).map(e => e.tagName + '.' + (e.getAttribute('class') || '')).join(', ');"
        );
        match self.run(&script).await {
            Value::String(wide) => Some(wide),
            _ => None,
        }
    }

    /// The whole page as a picture in `SAGA_TEST_SCREENSHOTS`, if that is set.
    pub(crate) async fn photograph(&self, name: &str) {
        let Some(folder) = std::env::var_os("SAGA_TEST_SCREENSHOTS").map(PathBuf::from) else {
            return;
        };
        let layout = self.command("Page.getLayoutMetrics", json!({})).await;
        let size = &layout["cssContentSize"];
        let clip = json!({
            "x": 0, "y": 0, "width": size["width"], "height": size["height"].as_f64().unwrap().min(MOST_PIXELS), "scale": 1,
        });
        let wanted = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = self.command("Page.captureScreenshot", wanted).await;
        let picture = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }
}
