//! Style and script, embedded. Their paths change with their content, so that a browser may cache them without limit.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use crate::http::ApiError;

struct Asset {
    path: String,
    content: &'static str,
    content_type: &'static str,
}

impl Asset {
    fn new(name: &str, content: &'static str, content_type: &'static str) -> Self {
        let hash = Sha256::digest(content);
        let path = format!(
            "/assets/{:02x}{:02x}{:02x}{:02x}-{name}",
            hash[0], hash[1], hash[2], hash[3]
        );
        Self {
            path,
            content,
            content_type,
        }
    }
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "style.css",
        concat!(
            include_str!("../../assets/style.css"),
            include_str!("../../assets/figures.css")
        ),
        "text/css; charset=utf-8",
    )
});

static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "pages.js",
        concat!(
            include_str!("../../assets/pages.js"),
            include_str!("../../assets/time.js"),
            include_str!("../../assets/map.js")
        ),
        "text/javascript; charset=utf-8",
    )
});

pub(super) fn style_path() -> &'static str {
    &STYLE.path
}

pub(super) fn script_path() -> &'static str {
    &SCRIPT.path
}

pub(super) async fn serve(Path(name): Path<String>) -> Result<Response, ApiError> {
    let found = [&*STYLE, &*SCRIPT]
        .into_iter()
        .find(|asset| asset.path.strip_prefix("/assets/") == Some(name.as_str()));
    let asset = found.ok_or_else(|| ApiError::not_found("there is no such asset"))?;
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.content).into_response())
}
