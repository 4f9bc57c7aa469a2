//! Sagas that fork, join, choose and have children: each looks right on a desktop and on a phone.

use saga_server::config::Settings;
use saga_types::{SagaEvent, SagaType};
use serde_json::json;

use crate::{
    browser::Browser,
    shop::{Order, Shop},
    viewports::{DESKTOP, PHONE, WIDE},
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

/// An order whose goods are picked, while a carrier is sought.
fn picked<'a>(shop: &'a Shop, name: &str, begin: i64) -> Order<'a> {
    shop.order(name)
        .of(
            &name.replacen("parcels", "ORD", 1),
            SagaType::new("FULFILMENT").unwrap(),
        )
        .step(
            "fulfilment",
            "FULFILMENT_STARTED",
            "STARTED",
            begin,
            json!({"parcels": 3}),
        )
        .step(
            "warehouse",
            "GOODS_PICKED",
            "COMPLETED",
            begin - 2 * SECOND,
            json!({}),
        )
}

fn sent<'a>(shop: &'a Shop, name: &str, begin: i64) -> Order<'a> {
    picked(shop, name, begin)
        .step(
            "carrier",
            "COURIER_BOOKED",
            "COMPLETED",
            begin - 3 * SECOND,
            json!({}),
        )
        .step(
            "fulfilment",
            "SHIPMENTS_SENT",
            "COMPLETED",
            begin - 4 * SECOND,
            json!({}),
        )
}

fn parcel(shop: &Shop, number: i64, parent: &str, end: (&str, &str)) -> Vec<SagaEvent> {
    let begin = 5 * MINUTE - number * SECOND;
    let parent = json!({"parentSagaId": parent});
    shop.order(&format!("parcel-{number}"))
        .of(
            &format!(
                "ORD-{}",
                parent["parentSagaId"]
                    .as_str()
                    .unwrap()
                    .replacen("parcels-", "", 1)
            ),
            SagaType::new("SHIPMENT").unwrap(),
        )
        .step("warehouse", "PARCEL_PACKED", "COMPLETED", begin, parent)
        .step(
            "carrier",
            "PARCEL_HANDED_OVER",
            "COMPLETED",
            begin - SECOND,
            json!({}),
        )
        .step(
            "carrier",
            end.0,
            end.1,
            begin - 2 * SECOND,
            json!({"failureReason": "lost in the depot"}),
        )
        .events
}

/// The definitions of the examples, and orders on their way.
async fn open(folder: &tempfile::TempDir) -> Shop {
    for (name, text) in fulfilment::DEFINITIONS {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let settings = Settings {
        definitions_dir: Some(folder.path().to_owned()),
        ..Settings::default()
    };
    let shop = Shop::with(settings).await;
    shop.keep(picked(&shop, "parcels-under-way", 10 * SECOND).events)
        .await;
    let wrapped = picked(&shop, "parcels-stuck", 4 * MINUTE + 30 * SECOND);
    let wrapped = wrapped.step(
        "warehouse",
        "GIFT_WRAPPED",
        "COMPLETED",
        4 * MINUTE,
        json!({"paper": "red"}),
    );
    shop.keep(wrapped.events).await;
    shop.keep(sent(&shop, "parcels-children", 5 * MINUTE + 30 * SECOND).events)
        .await;
    let ends = [
        ("PARCEL_DELIVERED", "COMPLETED"),
        ("PARCEL_LOST", "FAILED"),
        ("PARCEL_DELIVERED", "COMPLETED"),
    ];
    for (number, end) in (1..).zip(ends) {
        shop.keep(parcel(&shop, number, "parcels-children", end)).await;
    }
    shop.keep(parcel(&shop, 4, "parcel-4", ("PARCEL_DELIVERED", "COMPLETED")))
        .await;
    shop
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forked_saga_is_sound_under_way_stuck_and_with_children() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, browser) = (open(&folder).await, Browser::open().await);
    let mut wrong = Vec::new();
    for viewport in DESKTOP.into_iter().chain(PHONE).chain([WIDE]) {
        for name in [
            "parcels-under-way",
            "parcels-stuck",
            "parcels-children",
            "parcel-2",
            "parcel-4",
        ] {
            let path = format!("/sagas/{name}");
            wrong.extend(
                browser
                    .look_at(&shop.at(&path), &format!("saga-{name}"), viewport)
                    .await,
            );
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    browser.goto(&shop.at("/sagas/parcels-children")).await;
    browser.shows("1 of 3 children failed").await;
    shop.close().await;
}
