//! The HTML form in a real browser: no request, no console message, narrow screens, dark and light, paper.
//!
//! Without Chromium the test is skipped and says so; `REEVE_TEST_REQUIRE_CHROMIUM` makes that a failure. The pictures it takes lie in the target folder
//! under `tmp/reeve-report/`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

mod chromium;
#[path = "sample/document.rs"]
mod document;
mod sample;

use chromium::{Chromium, Page};

/// Contrast that WCAG 2.2 asks of running text at level AA (success criterion 1.4.3).
const CONTRAST_AA: f64 = 4.5;

/// Returns, for every visible text, its contrast to the background it stands on; the lowest first.
const CONTRASTS: &str = r#"(() => {
  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return { rgb: m.slice(0, 3), a: m.length > 3 ? m[3] : 1 }; };
  const light = rgb => { const [r, g, b] = rgb.map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a === 1) return c.rgb;
    if (c.a > 0) throw new Error('a half transparent background'); } return [255, 255, 255]; };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.checkVisibility()) continue;
    const a = light(parse(getComputedStyle(e).color).rgb), b = light(ground(e));
    found.push({ contrast: (Math.max(a, b) + .05) / (Math.min(a, b) + .05), text: walker.currentNode.data.slice(0, 40), size: parseFloat(getComputedStyle(e).fontSize) });
  }
  return found.sort((x, y) => x.contrast - y.contrast);
})()"#;

/// Returns what stands out of the page to the right, except inside boxes that scroll by themselves.
const OVERFLOW: &str = r#"(() => {
  const edge = document.documentElement.clientWidth;
  const boxed = e => e.parentElement && (['auto', 'scroll'].includes(getComputedStyle(e.parentElement).overflowX) || boxed(e.parentElement));
  return { inner: innerWidth, client: edge, scroll: document.documentElement.scrollWidth,
    out: [...document.body.querySelectorAll('*')].filter(e => e.checkVisibility() && e.getBoundingClientRect().right > edge + .5 && !boxed(e)).map(e => e.outerHTML.slice(0, 120)) };
})()"#;

/// Returns everything about the page's structure that a screen reader trips over.
const STRUCTURE: &str = r##"(() => {
  const all = s => [...document.querySelectorAll(s)];
  const faults = [];
  for (const [s, n] of [['h1', 1], ['main', 1], ['body > header', 1], ['body > footer', 1]])
    if (all(s).length !== n) faults.push(`${s}: ${all(s).length}`);
  if (!document.documentElement.lang) faults.push('no language');
  const ids = all('[id]').map(e => e.id);
  ids.filter((id, i) => ids.indexOf(id) !== i).forEach(id => faults.push(`id twice: ${id}`));
  all('a[href^="#"]').forEach(a => ids.includes(a.hash.slice(1)) || faults.push(`link to nowhere: ${a.hash}`));
  all('a:not([href^="#"])').forEach(a => faults.push(`link out of the page: ${a.outerHTML}`));
  all('[aria-labelledby]').forEach(e => e.getAttribute('aria-labelledby').split(' ').every(id => ids.includes(id)) || faults.push(`label missing: ${e.getAttribute('aria-labelledby')}`));
  all('th:not([scope])').forEach(e => faults.push(`header without scope: ${e.textContent}`));
  all('table').forEach(t => t.tHead || faults.push('table without head'));
  let last = 1;
  all('h1,h2,h3,h4,h5,h6').forEach(h => { const level = Number(h.tagName[1]); if (level > last + 1) faults.push(`heading skips: ${h.textContent}`); last = level; });
  all('svg:not([aria-hidden="true"])').forEach(e => {
    const words = (e.getAttribute('aria-labelledby') || '').split(' ').map(id => document.getElementById(id)?.textContent.trim());
    if (e.getAttribute('role') !== 'img' || words.length !== 2 || !words.every(Boolean) || !e.querySelector(':scope > title') || !e.querySelector(':scope > desc'))
      faults.push(`picture without text: ${e.outerHTML.slice(0, 80)}`); });
  all('.label, .verdict').forEach(e => e.textContent.trim() || faults.push('severity without a word'));
  return faults;
})()"##;

fn browser() -> Option<Chromium> {
    if let Some(program) = chromium::program() {
        return Some(Chromium::start(program));
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "only this test needs it, and a test has no command line"
    )]
    let required = std::env::var("REEVE_TEST_REQUIRE_CHROMIUM").is_ok();
    assert!(
        !required,
        "Chromium is not installed (Debian: apt-get install chromium)"
    );
    // Not `println!`, which the test harness swallows when the test passes.
    let reason = b"skipped: Chromium is not installed (Debian: apt-get install chromium)\n";
    std::io::stderr().write_all(reason).expect("stderr can be written");
    None
}

fn write(folder: &Path, name: &str, html: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, html).expect("the page can be written");
    file
}

/// Smallest text, in CSS pixels, on a screen and on paper, where 10 px are 7.5 points.
const SMALLEST_ON_SCREEN: f64 = 12.0;
const SMALLEST_ON_PAPER: f64 = 10.0;

fn assert_readable(page: &mut Page<'_>, what: &str, smallest_allowed: f64) {
    let texts = page.evaluate(CONTRASTS);
    let texts = texts.as_array().expect("a list of texts");
    assert!(texts.len() > 10, "{what}: only {} texts were seen", texts.len());
    assert!(
        texts[0]["contrast"].as_f64().expect("a contrast is a number") >= CONTRAST_AA,
        "{what}: {}",
        texts[0]
    );
    let smallest = texts
        .iter()
        .map(|text| text["size"].as_f64().expect("a size is a number"))
        .fold(f64::INFINITY, f64::min);
    assert!(smallest >= smallest_allowed, "{what}: text of {smallest} px");
}

fn assert_fits(page: &mut Page<'_>, width: u64) {
    let seen = page.evaluate(OVERFLOW);
    assert_eq!(seen["inner"], width, "the page was not shown at {width} px");
    assert!(
        seen["scroll"].as_u64() <= seen["client"].as_u64(),
        "scrolls sideways at {width} px: {seen}"
    );
    assert_eq!(seen["out"], Value::Array(Vec::new()), "stands out at {width} px");
}

#[test]
fn the_page_is_quiet_readable_and_prints() {
    let Some(mut browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pictures = chromium::pictures();
    let file = write(folder.path(), "report.html", &reeve_report::html(&sample::report()));

    let mut page = browser.open(&file, 400);
    page.emulate("screen", "light");
    assert_fits(&mut page, 400);
    assert_eq!(page.evaluate(STRUCTURE), Value::Array(Vec::new()));
    assert_eq!(page.evaluate("document.title"), "Can cluster ceph-lab move into Rook?");
    page.picture(&pictures.join("light-400.png"));
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)");
    assert_fits(&mut page, 400);
    assert_readable(&mut page, "light, unfolded", SMALLEST_ON_SCREEN);
    page.picture(&pictures.join("light-400-unfolded.png"));
    page.emulate("screen", "dark");
    assert_readable(&mut page, "dark, unfolded", SMALLEST_ON_SCREEN);
    let background = page.evaluate("getComputedStyle(document.body).backgroundColor");
    assert_eq!(background, "rgb(21, 24, 28)", "the dark scheme is not used");
    // What the page asked for and said, from its first byte to here.
    assert_eq!(page.requests(), [chromium::url(&file)]);
    assert_eq!(page.console(), Vec::<String>::new());

    // The narrowest page that WCAG 2.2 asks for (success criterion 1.4.10).
    let mut page = browser.open(&file, 320);
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)");
    assert_fits(&mut page, 320);

    let mut page = browser.open(&file, 1200);
    assert_fits(&mut page, 1200);
    page.emulate("screen", "light");
    page.picture(&pictures.join("light-1200.png"));
    page.emulate("screen", "dark");
    page.picture(&pictures.join("dark-1200.png"));

    // Paper, with every element still folded on screen.
    let folded = "[...document.querySelectorAll('details pre')].filter(e => e.checkVisibility({ contentVisibilityAuto: true }) && e.offsetHeight > 0).length";
    assert_eq!(page.evaluate(folded), 0, "evidence is unfolded on screen");
    page.emulate("print", "dark");
    let evidence = page.evaluate("document.querySelectorAll('details pre').length");
    assert_eq!(page.evaluate(folded), evidence, "evidence stays folded on paper");
    assert_readable(&mut page, "paper", SMALLEST_ON_PAPER);
    let paper = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('.finding')).breakInside]";
    assert_eq!(page.evaluate(paper), serde_json::json!(["rgb(255, 255, 255)", "avoid"]));
    page.emulate("", "light");
    let pdf = page.print();
    assert!(pdf.starts_with(b"%PDF-"));
    // A4 in points, as the style sheet asks; the browser's default would be Letter.
    let a4 = String::from_utf8_lossy(&pdf).contains("/MediaBox [0 0 594.9");
    assert!(
        a4 || String::from_utf8_lossy(&pdf).contains("/MediaBox [0 0 595"),
        "the paper is not A4"
    );
    std::fs::write(pictures.join("report.pdf"), &pdf).unwrap();
}

#[test]
fn every_verdict_is_readable() {
    let Some(mut browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let whole = sample::report();
    for (name, wanted) in [("fine", 0), ("not-judged", 1), ("waived", 2), ("nothing", 3)] {
        let mut report = whole.clone();
        report.results.retain(|result| match wanted {
            0 => result.outcome.passed(),
            1 => matches!(result.outcome, reeve_report::Outcome::NotJudged { .. }),
            2 => matches!(result.outcome, reeve_report::Outcome::Waived { .. }),
            _ => false,
        });
        let file = write(folder.path(), &format!("{name}.html"), &reeve_report::html(&report));
        let mut page = browser.open(&file, 400);
        assert_fits(&mut page, 400);
        assert_eq!(page.evaluate(STRUCTURE), Value::Array(Vec::new()), "{name}");
        for scheme in ["light", "dark"] {
            page.emulate("screen", scheme);
            assert_readable(&mut page, name, SMALLEST_ON_SCREEN);
        }
        assert_eq!(page.console(), Vec::<String>::new(), "{name}");
        page.picture(&chromium::pictures().join(format!("verdict-{name}.png")));
    }
}

#[test]
fn a_document_is_quiet_readable_and_prints() {
    let Some(mut browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pictures = chromium::pictures();
    let html = reeve_report::document_html(&document::document());
    let file = write(folder.path(), "document.html", &html);
    for width in [320, 400, 1200] {
        let mut page = browser.open(&file, width);
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)");
        assert_fits(&mut page, u64::from(width));
        assert_eq!(page.evaluate(STRUCTURE), Value::Array(Vec::new()));
        for scheme in ["light", "dark"] {
            page.emulate("screen", scheme);
            assert_readable(&mut page, &format!("{scheme} at {width}"), SMALLEST_ON_SCREEN);
            assert_seen(&mut page, &format!("{scheme} at {width}"));
            page.picture(&pictures.join(format!("document-{scheme}-{width}.png")));
        }
        assert_eq!(page.requests(), [chromium::url(&file)]);
        assert_eq!(page.console(), Vec::<String>::new());
    }
    let mut page = browser.open(&file, 1200);
    page.emulate("print", "light");
    assert_readable(&mut page, "paper", SMALLEST_ON_PAPER);
    page.emulate("", "light");
    std::fs::write(pictures.join("document.pdf"), page.print()).unwrap();
}

/// Returns the shapes of pictures that cannot be seen: too small, or too like the page.
const UNSEEN: &str = r#"(() => {
  const parse = c => c.match(/[\d.]+/g)?.slice(0, 3).map(Number);
  const light = rgb => { const [r, g, b] = rgb.map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const page = light(parse(getComputedStyle(document.body).backgroundColor));
  return [...document.querySelectorAll('svg .bar, svg .curve')].filter(e => {
    if (e.matches('path') && !e.getAttribute('d')) return false;
    const style = getComputedStyle(e);
    const colour = style.stroke !== 'none' ? style.stroke : style.fill;
    const own = light(parse(colour));
    const contrast = (Math.max(own, page) + .05) / (Math.min(own, page) + .05);
    const box = e.getBoundingClientRect();
    return contrast < 3 || (e.matches('rect') && (box.width < 1 || box.height < 3));
  }).map(e => e.outerHTML.slice(0, 120));
})()"#;

/// Shapes need a contrast of 3 to 1 (WCAG 2.2, success criterion 1.4.11) and some size.
fn assert_seen(page: &mut Page<'_>, what: &str) {
    let shapes = page.evaluate("document.querySelectorAll('svg .bar').length");
    assert!(
        shapes.as_u64().is_some_and(|shapes| shapes > 8),
        "{what}: only {shapes} bars"
    );
    assert_eq!(page.evaluate(UNSEEN), Value::Array(Vec::new()), "{what}: not seen");
}

/// Shows that the checks above can fail, and that the page's policy holds even if something got into it.
#[test]
fn requests_and_messages_are_noticed_and_the_policy_stops_them() {
    let Some(mut browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let intruder = "<script>document.title = 'taken over'; console.error('heard')</script>\
                    <img src='http://127.0.0.1:1/beacon.png'><p style='width: 3000px'>wide</p>";

    let unguarded = write(
        folder.path(),
        "unguarded.html",
        &format!("<!doctype html><body>{intruder}"),
    );
    let mut page = browser.open(&unguarded, 400);
    assert_eq!(page.evaluate("document.title"), "taken over");
    assert!(
        page.requests().contains(&"http://127.0.0.1:1/beacon.png"),
        "{:?}",
        page.requests()
    );
    assert!(
        page.console().iter().any(|message| message.contains("heard")),
        "{:?}",
        page.console()
    );
    assert_ne!(page.evaluate(OVERFLOW)["out"], Value::Array(Vec::new()));

    let html = reeve_report::html(&sample::report()).replace("</main>", &format!("{intruder}</main>"));
    let guarded = write(folder.path(), "guarded.html", &html);
    let mut page = browser.open(&guarded, 400);
    assert_eq!(page.evaluate("document.title"), "Can cluster ceph-lab move into Rook?");
    let violations = page.console();
    assert!(
        violations
            .iter()
            .any(|message| message.contains("Content Security Policy")),
        "{violations:?}"
    );
    let blocked = page
        .events
        .iter()
        .filter(|e| e["params"]["blockedReason"] == "csp")
        .count();
    assert_eq!(blocked, page.requests().len() - 1, "{:?}", page.requests());
}
