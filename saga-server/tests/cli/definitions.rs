//! `definitions check` and `definitions show`.

use serde_json::Value;

use crate::command::Run;

const FULFILMENT: &str = "
sagaType: FULFILMENT
startsWith: [ORDER_CREATED]
forward:
  - { step: ORDER_CREATED, service: order-service }
  - { step: STOCK_RESERVED, service: product-service, after: [ORDER_CREATED] }
  - { step: FRAUD_CHECKED, service: fraud-service, after: [ORDER_CREATED] }
  - { step: PAID_BY_CARD, choice: payment, after: [STOCK_RESERVED, FRAUD_CHECKED] }
  - { step: PAID_BY_INVOICE, choice: payment }
  - { step: GIFT_WRAPPED, after: [payment], optional: true }
  - { step: PARCEL_SENT, after: [payment, GIFT_WRAPPED] }
completesWith: [PARCEL_SENT]
limits: { whole: 1h, steps: [{ step: PARCEL_SENT, within: 10min, after: STOCK_RESERVED }] }
";

const CYCLE: &str = "
sagaType: LOYALTY_SIGN_UP
startsWith: [MEMBER_CREATED]
forward:
  - { step: MEMBER_CREATED, after: [CARD_SENT] }
  - { step: CARD_SENT, after: [MEMBER_CREATED] }
completesWith: [CARD_SENT]
";

#[test]
fn a_folder_that_is_right_is_listed() {
    let done = Run::new()
        .file("fulfilment.yml", FULFILMENT)
        .run("definitions check .");
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (0, "ok: FULFILMENT\n"),
        "{done:?}"
    );
}

#[test]
fn everything_that_is_wrong_is_reported_with_file_and_line() {
    let run = Run::new()
        .file("cycle.yml", CYCLE)
        .file("fulfilment.yml", FULFILMENT)
        .file(
            "unknown.yml",
            &FULFILMENT.replace("after: [payment]", "after: [PAYMENT]"),
        );
    let done = run.run("definitions check .");
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stdout.contains("error: ./cycle.yml: line 5: "), "{done:?}");
    assert!(
        done.stdout.contains("error: ./unknown.yml: line 10: "),
        "{done:?}"
    );
    assert!(
        done.stderr
            .contains("errors, so no definition of the folder is used"),
        "{done:?}"
    );

    let done = run.run("definitions check . --json");
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    let files = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["file"].as_str().unwrap());
    assert!(files.clone().any(|file| file == "./cycle.yml"), "{report}");
    assert!(files.clone().any(|file| file == "./unknown.yml"), "{report}");
    assert_eq!(done.code, 1);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let done = Run::new().run("definitions check nowhere");
    assert_eq!(done.code, 1, "{done:?}");
    assert!(
        done.stdout.starts_with("error: nowhere: cannot be read"),
        "{done:?}"
    );
}

#[test]
fn a_forked_path_is_drawn() {
    let run = Run::new().file("fulfilment.yml", FULFILMENT);
    let done = run.run("definitions show FULFILMENT --definitions .");
    let expected = "\
FULFILMENT
ORDER_CREATED (order-service)
  STOCK_RESERVED (product-service), after ORDER_CREATED
  FRAUD_CHECKED (fraud-service), after ORDER_CREATED
    PAID_BY_CARD, after STOCK_RESERVED and FRAUD_CHECKED, choice payment
    PAID_BY_INVOICE, after STOCK_RESERVED and FRAUD_CHECKED, choice payment
      GIFT_WRAPPED, after payment, optional
        PARCEL_SENT, after payment and GIFT_WRAPPED
completes with  PARCEL_SENT
limit  1h for the whole
limit  PARCEL_SENT within 10m after STOCK_RESERVED is done
";
    assert_eq!((done.code, done.stdout.as_str()), (0, expected), "{done:?}");
    let done = run.run("definitions show FULFILMENT --definitions . --format mermaid");
    for line in [
        "flowchart LR",
        "  s0 --> s2",
        "  s3{\"PAID_BY_CARD\"}",
        "  style s5 stroke-dasharray: 4",
    ] {
        assert!(
            done.stdout.lines().any(|found| found == line),
            "{line} in {done:?}"
        );
    }
}

#[test]
fn a_type_without_definition_is_refused_with_those_that_have_one() {
    Run::new()
        .run("definitions show NO_SUCH_TYPE")
        .is_refused(2, &["NO_SUCH_TYPE", "ORDER_CREATION, PAYMENT_COMPLETION"]);
}
