"""The pages of `report` in a real Chromium: no complaint, and all works by keyboard and without scripts."""

from __future__ import annotations

import itertools

import pytest

from nanna_ci.cli import main
from support.fake_history import write_fake_history
from support.fake_run import write_fake_run
from support.headless_browser import PROGRAM, Browser, Page, find_browser, running_browser

RUNS = (0, 1, 200, 5000)
# Every text against the nearest background that is painted below it: what is too faint to read, by WCAG 2 level AA.
CONTRAST = """
(() => {
  const channel = (c) => c <= 0.04045 * 255 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const below = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  let checked = 0;
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || element.tagName === "SCRIPT" || !element.getClientRects().length) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const found = ratio(parse(style.color), below(element));
    checked += 1;
    if (found < least) faint.push(`${element.tagName} ${element.className} ${found.toFixed(2)}`);
  }
  const ground = parse(getComputedStyle(document.body).backgroundColor);
  for (const line of document.querySelectorAll(".middle, .dots"))
    if (ratio(parse(getComputedStyle(line).stroke), ground) < 3) faint.push("a line of a chart");
  return { checked, faint: [...new Set(faint)] };
})()
"""
ROWS = 'Array.from(document.querySelector("table[data-rows=jobs]").tBodies[0].rows)'


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The page of each history, and that of one run, by name."""
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    for runs in RUNS:
        write_fake_history(folder / f"history-{runs}", runs, jobs=40 if runs <= 200 else 5)
        made[str(runs)] = folder / f"{runs}.html"
        assert (
            main(["report", "-q", "--history", str(folder / f"history-{runs}"), "--output", str(made[str(runs)])]) == 0
        )
    write_fake_run(folder / "run")
    made["run"] = folder / "run.html"
    assert main(["report", "-q", "--run", str(folder / "run"), "--output", str(made["run"])]) == 0
    return made


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = find_browser()
    if program is None:
        pytest.skip(f"no {PROGRAM} on PATH")
    with running_browser(program, tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Page:
    made = browser.page()
    made.look()
    return made


@pytest.mark.parametrize("name", [*map(str, RUNS), "run"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_drawn_without_complaint_and_can_be_read(page, pages, name, scheme):
    page.look(scheme=scheme)
    page.open(pages[name])
    assert page.drawn_s() < 30
    assert page.said == []
    found = page.evaluate(CONTRAST)
    assert found["checked"] >= 5
    assert found["faint"] == []
    assert page.evaluate("performance.getEntriesByType('resource').length") == 0


def test_a_narrow_page_does_not_scroll_sideways(page, pages):
    page.look(width=360)
    for path in pages.values():
        page.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_click_on_a_header_sorts_by_value_and_says_so(page, pages):
    page.open(pages["200"])
    take = f"{ROWS}.map((row) => Number(row.cells[3].dataset.order))"
    press = 'document.querySelectorAll("table[data-rows=jobs] th button")[3].click()'
    state = 'document.querySelectorAll("table[data-rows=jobs] th")[3].getAttribute("aria-sort")'
    page.evaluate(press)
    assert page.evaluate(state) == "ascending"
    assert (times := page.evaluate(take)) == sorted(times)
    page.evaluate(press)
    assert page.evaluate(state) == "descending"
    assert (times := page.evaluate(take)) == sorted(times, reverse=True)
    assert len(set(times)) > 30


def test_a_filter_shows_the_rows_with_all_words_and_counts_them(page, pages):
    page.open(pages["200"])
    page.evaluate('document.querySelectorAll(".tools input")[1].focus()')
    page.type("UNIT darwin")
    shown = page.evaluate(f"{ROWS}.filter((row) => !row.hidden).map((row) => row.cells[0].textContent)")
    assert shown == ["unit-aarch64-darwin-stable"]
    assert page.evaluate('document.querySelectorAll(".tools output")[1].value') == "1 of 40"


def test_without_scripts_all_is_there_and_nothing_that_would_need_them(page, pages):
    page.look(scripts=False)
    page.open(pages["200"])
    assert page.evaluate('document.querySelectorAll("button, input").length') == 0
    assert page.evaluate(f"{ROWS}.length") == 40
    assert page.said == []


def test_the_tab_key_goes_to_the_skip_link_then_through_the_contents(page, pages):
    page.open(pages["200"])
    seen = []
    for _ in range(3):
        page.press("Tab")
        seen.append(page.evaluate("document.activeElement.textContent"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert seen == ["Skip to the content", "Last run", "Since the last run"]


def test_the_skip_link_leads_past_the_contents_by_keyboard(page, pages):
    page.open(pages["200"])
    page.press("Tab")
    page.press("Enter")
    page.press("Tab")
    assert page.evaluate(
        'document.activeElement.closest("nav, .skip") === null && document.activeElement !== document.body'
    )


def test_a_header_is_sorted_by_keyboard(page, pages):
    page.open(pages["200"])
    page.evaluate('document.querySelector("table[data-rows=jobs] th button").focus()')
    page.press("Enter")
    assert page.evaluate('document.querySelector("table[data-rows=jobs] th").getAttribute("aria-sort")') == "ascending"


def test_every_chart_has_a_text_of_its_own_and_headings_go_down_in_order(page, pages):
    page.open(pages["200"])
    silent = 'Array.from(document.querySelectorAll("svg:not([aria-hidden])")).filter((one) => !one.ariaLabel).length'
    assert page.evaluate(silent) == 0
    assert page.evaluate('document.querySelectorAll("svg[role=img]").length') > 20
    levels = page.evaluate('Array.from(document.querySelectorAll("h1, h2, h3"), (one) => Number(one.tagName[1]))')
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_the_log_of_a_failure_is_folded_and_opens_by_keyboard(page, pages):
    page.open(pages["run"])
    assert page.evaluate('document.querySelector("details pre").checkVisibility()') is False
    page.evaluate('document.querySelector("summary").focus()')
    page.press("Enter")
    assert page.evaluate('document.querySelector("details pre").checkVisibility()') is True
    assert page.evaluate('document.querySelector("details pre").textContent').count("\n") > 100


def test_a_dark_page_prints_black_on_white(page, pages):
    page.look(scheme="dark")
    page.open(pages["200"])
    assert page.print_pdf().startswith(b"%PDF-")
    page.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate('getComputedStyle(document.querySelector(".tools")).display') == "none"
