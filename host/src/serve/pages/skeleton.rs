//! What stands around every page of the server: head, navigation, heading, foot.

use super::{Area, Page};
use crate::report::html::style::Reach;
use crate::report::html::{Html, head};

/// Where each area begins.
const AREAS: [(Area, &str, &str); 3] =
    [(Area::Runs, "/", "Runs"), (Area::Trends, "/trends", "Trends"), (Area::Findings, "/findings", "Findings")];

/// A whole page. `json`: the address of the same as JSON.
pub(in crate::serve) fn draw(page: &Page, json: Option<&str>) -> String {
    let mut html = Html::default();
    html.within("html", &[("lang", "en")], |html| {
        head(html, &format!("{} · forensic-host", page.title), Reach::Origin);
        html.newline();
        html.within("body", &[], |html| {
            html.within("header", &[], |html| {
                navigation(html, Some(page.area));
                html.element("h1", &[], &page.title);
            });
            html.newline();
            html.within("main", &[], |html| html.append(&page.body));
            html.newline();
            if let Some(json) = json {
                html.within("footer", &[], |html| html.element("a", &[("href", json)], "This page as JSON"));
            }
        });
    });
    html.page()
}

/// The way to the other pages. `here`: the area whose first page this is, or below whose it is.
pub(in crate::serve) fn navigation(html: &mut Html, here: Option<Area>) {
    html.within("nav", &[("aria-label", "Pages")], |html| {
        html.within("ul", &[], |html| {
            for (area, href, name) in AREAS {
                html.within("li", &[], |html| match here == Some(area) {
                    true => html.element("a", &[("href", href), ("aria-current", "true")], name),
                    false => html.element("a", &[("href", href)], name),
                });
            }
        });
    });
}
