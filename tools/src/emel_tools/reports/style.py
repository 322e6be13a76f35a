"""How the page looks: in the light and in the dark, on a phone, and on paper."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1c1e21; --quiet: #5b6168;
  --line: #d5d9de; --ok: #1a7f4b; --ok-fill: #bfe5d0; --failed: #b3261e; --failed-fill: #f6c6c2;
  --unjudged: #8a5a00; --unjudged-fill: #f7e0b0; --unaffected: #5b6168; --accent: #2b5ea8; }
@media (prefers-color-scheme: dark) { :root { --ground: #16181c; --ink: #e6e8eb; --quiet: #a0a7b0;
  --line: #3a3f46; --ok: #6fd3a0; --ok-fill: #1d4a35; --failed: #ff9d94; --failed-fill: #6b211b;
  --unjudged: #f0c060; --unjudged-fill: #5a4310; --unaffected: #a0a7b0; --accent: #8ab4f8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { margin-top: 2.5rem; font-size: 1.25rem; } h3 { font-size: 1rem; }
a { color: var(--accent); } nav ul { padding: 0; list-style: none; display: flex;
  flex-wrap: wrap; gap: .25rem 1rem; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.quiet { color: var(--quiet); }
code, pre { font-family: ui-monospace, monospace; font-size: .875em; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
caption { text-align: left; color: var(--quiet); font-size: .875em; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0;
  border-bottom: 1px solid var(--line); font-weight: normal; overflow-wrap: anywhere; }
thead th { color: var(--quiet); } .number { text-align: right; font-variant-numeric: tabular-nums; }
td ul { margin: 0; padding-left: 1rem; } summary { cursor: pointer; padding: .25rem 0; }
.mark { white-space: nowrap; font-weight: 600; } .mark.ok { color: var(--ok); }
.mark.failed { color: var(--failed); } .mark.unjudged { color: var(--unjudged); }
.mark.unaffected { color: var(--unaffected); }
article { border-left: 4px solid var(--failed); padding-left: 1rem; margin: 1.5rem 0; }
article.warned { border-color: var(--unjudged); } dl { margin: 0; display: grid;
  grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.finding { margin: .75rem 0; } .finding dt { color: var(--quiet); }
svg text { fill: var(--ink); font: 12px ui-monospace, monospace; }
.axis { min-width: 40rem; width: 100%; } .axis .ok rect { fill: var(--ok-fill); stroke: var(--ok); }
.axis .failed rect { fill: var(--failed-fill); stroke: var(--failed); stroke-width: 3;
  stroke-dasharray: 6 3; }
.axis line { stroke: var(--line); } svg text.tick { fill: var(--quiet); }
.plot { display: block; } .plot polyline { fill: none; stroke: var(--accent); stroke-width: 1.5; }
.plot circle { fill: var(--accent); }
.house { min-width: 40rem; width: 100%; } .house .layer { fill: var(--quiet); }
.house .room rect { fill: var(--ground); stroke: var(--ink); stroke-width: 1.5; }
.house .room text { text-anchor: middle; font-size: 13px; }
.house .failed rect { fill: var(--failed-fill); stroke: var(--failed); stroke-width: 3;
  stroke-dasharray: 6 3; }
.arrow { fill: none; stroke: var(--quiet); stroke-width: 1.2; opacity: .7; }
.arrow:hover { stroke: var(--accent); stroke-width: 2.5; opacity: 1; } .head { fill: var(--quiet); }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } }
@media print { details > * { display: block; } .skip { display: none; } }
"""
