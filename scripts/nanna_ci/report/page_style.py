"""The one style sheet of a page: light and dark, wide and narrow, on screen and on paper."""

from __future__ import annotations

from typing import Final

from nanna_ci.report.area_picture import AREAS_STYLE
from nanna_ci.report.timeline_picture import TIMELINE_STYLE
from nanna_ci.report.trend_picture import TRENDS_STYLE

PAGE_STYLE: Final = (
    """
:root { color-scheme: light dark; --background: #ffffff; --panel: #f6f8fa; --line: #d5dbe1; --ink: #1f2328;
  --faint: #59636e;  --good: #176f2f; --bad: #ba1f28; --warn: #8a5a00; --bar: #3b6fd4; --link: #2a58b5;
  --good-background: #dff5e3; --bad-background: #ffe6e4; --warn-background: #fff1cc; }
@media screen and (prefers-color-scheme: dark) { :root { --background: #0e1116; --panel: #171b22; --line: #303741;
  --ink: #e6eaef; --faint: #97a1ad; --good: #4cc76a; --bad: #ff7b72; --warn: #e3b341; --bar: #6c9cf5; --link: #8fb4fa;
  --good-background: #12301b; --bad-background: #3d1716; --warn-background: #35290b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--background); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.01em; margin: 0 0 1.5rem; }
h2, h3, h4, h5, h6 { line-height: 1.3; margin: 2.25rem 0 0.75rem; }
h2 { font-size: 1.3rem; padding-bottom: 0.35rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.1rem; }
p { margin: 0.75rem 0; max-width: 46rem; overflow-wrap: anywhere; }
.notice { display: flex; gap: 0.7rem; margin: 0.75rem 0; padding: 0.7rem 1rem; border: 1px solid var(--line);
  border-left: 4px solid var(--faint); border-radius: 6px; background: var(--panel); overflow-wrap: anywhere; }
.notice.good { border-left-color: var(--good); background: var(--good-background); }
.notice.bad { border-left-color: var(--bad); background: var(--bad-background); }
.notice.warn { border-left-color: var(--warn); background: var(--warn-background); }
.good > b { color: var(--good); } .bad > b { color: var(--bad); } .warn > b { color: var(--warn); }
.scroll { overflow-x: auto; margin: 1rem 0; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; }
th, td { padding: 0.5rem 0.85rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
th { background: var(--panel); font-weight: 600; white-space: nowrap; }
td { min-width: 5.5rem; } table[data-rows] { min-width: 46rem; }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover { background: var(--panel); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.good, td.bad, td.warn { font-weight: 600; overflow-wrap: normal; }
td.good { color: var(--good); } td.bad { color: var(--bad); } td.warn { color: var(--warn); }
.unknown { color: var(--faint); font-style: italic; font-weight: 400; }
a { color: var(--link); text-underline-offset: 0.15em; }
:focus-visible { outline: 3px solid var(--bar); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -100vw; } .skip:focus { left: 1rem; top: 1rem; padding: 0.5rem 1rem;
  background: var(--background); z-index: 1; }
.contents ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 0 0 1.5rem; padding: 0; list-style: none;
  font-size: 0.92rem; }
details { margin: 0.75rem 0; } summary { cursor: pointer; padding: 0.25rem 0; overflow-wrap: anywhere; }
.tools { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem 0.8rem; margin: 1rem 0 -0.4rem;
  font-size: 0.92rem; }
.tools input { font: inherit; color: inherit; background: var(--background); border: 1px solid var(--faint);
  border-radius: 6px; padding: 0.3rem 0.6rem; min-width: 0; width: 16rem; max-width: 100%; }
.tools output { color: var(--faint); }
th button { all: unset; cursor: pointer; }
th button:focus-visible { outline: 3px solid var(--bar); outline-offset: 2px; }
th button::after { content: "\\2195"; color: var(--faint); margin-left: 0.35rem; font-weight: 400; }
th[aria-sort=ascending] button::after { content: "\\2191"; color: var(--ink); }
th[aria-sort=descending] button::after { content: "\\2193"; color: var(--ink); }
pre { margin: 1rem 0; padding: 0.9rem 1.1rem; overflow-x: auto; background: var(--panel); border: 1px solid var(--line);
  border-radius: 8px; font: 0.86rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.3rem 1.4rem; margin: 1rem 0; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 1.25rem 0; } figcaption { font-weight: 600; margin-bottom: 0.6rem; }
.bars { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr max-content; gap: 0.45rem 1rem;
  align-items: center; font-size: 0.92rem; }
.bars svg { width: 100%; height: 0.95rem; display: block; }
.track { fill: var(--panel); } .bar { fill: var(--bar); }
.part.neutral { fill: var(--faint); } .part.good { fill: var(--good); } .part.bad { fill: var(--bad); }
.part.warn { fill: var(--warn); }
.legend { display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; margin: 0 0 0.6rem; font-size: 0.88rem; }
.legend svg { width: 0.8rem; height: 0.8rem; margin-right: 0.4rem; }
"""
    + AREAS_STYLE
    + TRENDS_STYLE
    + TIMELINE_STYLE
    + """
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
@media print { html { font-size: 10px; } body { font-size: 1rem; } main { max-width: none; padding: 0; }
  .scroll { overflow: visible; } pre { white-space: pre-wrap; } .contents, .skip, .tools { display: none; }
  table[data-rows] { min-width: 0; font-size: 0.8rem; } td, th { min-width: 0; padding: 0.2rem 0.4rem; }
  th button::after { content: ""; } figure, .notice, tr { break-inside: avoid; }
  h2, h3, .caption { break-after: avoid; } }
"""
)
