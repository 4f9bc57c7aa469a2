//! Flows that are hard to show, and what script adds to the control of the time range.

use saga_types::Timestamp;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    harness::{Api, BEGIN, Event, event},
    viewports::{DESKTOP, PHONE, WIDE, WIDEST},
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

/// 40 steps of twelve services, of which some fail on the way; every third step is tried twice.
fn fulfilment(saga: i64, begin: i64) -> Vec<Event> {
    let saga_id = format!("fulfilment-{saga}");
    let mut events = Vec::new();
    for step in 0..40 - saga % 7 {
        let by = json!({"producerService": format!("regional-service-{}", step % 12), "serviceVersion": format!("1.{}", saga % 2)});
        let at = begin + step * 900 + saga * 13;
        let name = format!("GLOBAL_FULFILMENT_STAGE_{step:02}");
        for attempt in 0..=i64::from(step % 3 == 0) {
            let event = event(&saga_id, &name, "IN_PROGRESS", at + attempt * 200);
            events.push(event.of_type("GLOBAL_FULFILMENT").with(by.clone()));
        }
    }
    if saga % 7 == 3 {
        let reason = json!({"failureReason": "x.CustomsException: no declaration\n\tat x.Customs.clear(Customs.java:42)", "producerService": "customs-service"});
        let failed = event(&saga_id, "CUSTOMS_REFUSED", "FAILED", begin + 60 * SECOND);
        events.push(failed.of_type("GLOBAL_FULFILMENT").with(reason));
    }
    events
}

/// Steps and services with names of 100 characters, in other scripts and from right to left.
fn names(begin: i64) -> Vec<Event> {
    let long = "A".repeat(100);
    let named = [long.as_str(), "결제_완료_확인", "\u{202e}OLLEH", "😀_<b>_&amp;"];
    let at = |place: usize| begin + i64::try_from(place).unwrap() * SECOND;
    let step = |(place, name): (usize, &&str)| {
        event("names", name, "IN_PROGRESS", at(place))
            .of_type("NAMES")
            .with(json!({"producerService": name}))
    };
    named.iter().enumerate().map(step).collect()
}

async fn hard_to_show() -> Api {
    let api = Api::new().await;
    let begin = Timestamp::now().as_millis() - BEGIN - 20 * MINUTE;
    for saga in 0..21 {
        api.record(fulfilment(saga, begin + saga * 10 * SECOND)).await;
    }
    api.record(names(begin)).await;
    api
}

/// The height of the smallest text of the map, in pixels.
const SMALLEST_TEXT: &str = "
  const map = document.querySelector('.canvas svg:not(.least)');
  const scale = map.getBoundingClientRect().width / map.viewBox.baseVal.width;
  return Math.min(...[...map.querySelectorAll('text')].map(text => parseFloat(getComputedStyle(text).fontSize))) * scale;";

#[tokio::test(flavor = "multi_thread")]
async fn forty_steps_of_twelve_services_are_seen_on_every_screen() {
    let api = hard_to_show().await;
    let browser = Browser::open().await;
    let at = |query: &str| format!("http://{}/flow?{query}", api.address);
    let mut wrong = Vec::new();
    for (name, query) in [
        ("steps", "type=GLOBAL_FULFILMENT"),
        ("failing", "type=GLOBAL_FULFILMENT&sort=failing"),
        ("step", "type=GLOBAL_FULFILMENT&step=CUSTOMS_REFUSED"),
        ("map", "type=GLOBAL_FULFILMENT&view=map"),
        ("map-large", "type=GLOBAL_FULFILMENT&view=map&zoom=150"),
        ("names", "type=NAMES"),
        ("names-map", "type=NAMES&view=map"),
    ] {
        for view in [WIDEST, WIDE, DESKTOP[1], PHONE[0], PHONE[1]] {
            wrong.extend(browser.look_at(&at(query), &format!("flow-{name}"), view).await);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));

    browser.set_viewport(WIDE).await;
    browser.goto(&at("type=GLOBAL_FULFILMENT")).await;
    let height = browser
        .run("return document.querySelector('.flow-steps').getBoundingClientRect().height;")
        .await;
    assert!(height.as_f64().unwrap() < 2_000.0, "{height} px");
    for view in [WIDEST, PHONE[0]] {
        browser.set_viewport(view).await;
        browser.goto(&at("type=GLOBAL_FULFILMENT&view=map")).await;
        let smallest = browser.run(SMALLEST_TEXT).await.as_f64().unwrap();
        assert!(smallest > 10.9, "{smallest} px");
    }
}

impl Browser {
    async fn drag(&self, from: (f64, f64), to: (f64, f64)) {
        for (kind, (x, y)) in [("mousePressed", from), ("mouseMoved", to), ("mouseReleased", to)] {
            let event =
                json!({"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1});
            self.command("Input.dispatchMouseEvent", event).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_chart_is_shown_alone_and_times_are_those_of_the_readers_zone() {
    let api = hard_to_show().await;
    let browser = Browser::open().await;
    browser.set_viewport(WIDE).await;
    browser
        .command(
            "Emulation.setTimezoneOverride",
            json!({"timezoneId": "Asia/Seoul"}),
        )
        .await;
    browser
        .goto(&format!("http://{}/?period=1h&compare=day", api.address))
        .await;
    let zone = "
      document.querySelector('.range details').open = true;
      const button = document.querySelector('[data-zone]');
      const shown = [button.textContent, document.querySelector('input[name=fromDate]').value.slice(-1)];
      button.click();
      return [...shown, document.querySelector('input[name=fromDate]').value.slice(-6), document.querySelector('[data-zone-name]').textContent];";
    assert_eq!(
        browser.run(zone).await,
        json!(["Times in Asia/Seoul", "Z", "+09:00", "Asia/Seoul"])
    );
    let place = "
      const chart = document.querySelector('svg.chart');
      chart.scrollIntoView({block: 'center'});
      const box = chart.getBoundingClientRect();
      return [box.left, box.top + box.height / 2, box.width];";
    let Value::Array(place) = browser.run(place).await else {
        panic!("a chart")
    };
    let [left, middle, width] = [0, 1, 2].map(|part| place[part].as_f64().unwrap());
    browser
        .drag((left + width * 0.5, middle), (left + width * 0.8, middle))
        .await;
    browser.shows("a day earlier").await;
    let query = "return location.search;";
    let mut address = String::new();
    while !address.contains("fromDate") {
        address = browser.run(query).await.as_str().unwrap().to_owned();
    }
    assert!(
        address.contains("compare=day") && address.contains("toDate") && !address.contains("period"),
        "{address}"
    );
}
