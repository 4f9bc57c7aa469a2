//! Signing in and out, by keyboard.

use fantoccini::key::Key;
use saga_collector::secret::Secret;
use saga_server::config::{AuthSettings, Settings, TokenSetting};
use saga_web::auth::TokenHash;

use crate::{
    browser::Browser,
    shop::Shop,
    viewports::{DESKTOP, PHONE},
};

/// Lets `dana's` (operator) and `board's` (viewer) in.
pub(crate) fn with_tokens() -> Settings {
    let token = |name: &str, role: &str| TokenSetting {
        name: name.to_owned(),
        role: role.to_owned(),
        sha256: Secret::new(TokenHash::of(&format!("{name}'s")).to_hex()),
        saga_types: None,
        services: None,
    };
    Settings {
        auth: AuthSettings {
            tokens: Some(vec![token("dana", "operator"), token("board", "viewer")]),
            ..AuthSettings::default()
        },
        ..Settings::default()
    }
}

/// A page of another site, with a link to ours.
async fn from_elsewhere(browser: &Browser, address: &str) {
    // The same machine by another name is another site.
    browser
        .goto(
            &address
                .replace("127.0.0.1", "localhost")
                .replace("/sagas/order-owing", "/health"),
        )
        .await;
    browser
        .run(&format!("const link = document.createElement('a'); link.href = '{address}'; document.body.append(link); link.click();"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_the_page_that_was_asked_for_by_keyboard_alone() {
    let shop = Shop::with(with_tokens()).await;
    shop.keep_history().await;
    let browser = Browser::open().await;
    let mut wrong = Vec::new();
    for viewport in DESKTOP.into_iter().chain(PHONE) {
        wrong.extend(
            browser
                .look_at(&shop.at("/sagas/order-owing"), "sign-in", viewport)
                .await,
        );
    }

    browser.set_viewport(DESKTOP[0]).await;
    browser.goto(&shop.at("/sagas/order-owing")).await;
    browser.type_text("nobody's").await;
    browser.press(Key::Enter).await;
    browser.shows("Sign-in failed: the token is not known here").await;
    wrong.extend(browser.look("sign-in-refused", DESKTOP[0]).await);
    browser.type_text("board's").await;
    browser.press(Key::Enter).await;
    browser.shows("Failed at PAYMENT_FAILED").await;
    assert_eq!(browser.path().await, "/sagas/order-owing");
    assert!(browser.text().await.contains("board viewer"));
    assert!(
        !browser.has("form[method=post]:not([action='/sign-out'])").await,
        "a viewer changes nothing"
    );

    // Who is signed in stays so, also by a link in a chat.
    from_elsewhere(&browser, &shop.at("/sagas/order-owing")).await;
    browser.shows("Failed at PAYMENT_FAILED").await;

    browser.tab_to("form.caller button").await;
    browser.press(Key::Enter).await;
    browser.find("#token").await;
    assert_eq!(browser.path().await, "/sign-in");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    shop.close().await;
}
