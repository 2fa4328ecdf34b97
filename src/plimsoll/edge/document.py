"""The shell of a page that is one file: kept, mailed, opened in years. Nothing is loaded from anywhere, nothing runs.

Well-formed XML as well as HTML, light or dark as the reader's system is, down to 390 pixels wide.
"""

from __future__ import annotations

from plimsoll.edge.charts import CHART_STYLE, escaped


def document(title: str, body: str, *, footer: str, style: str = "") -> str:
    """The whole page around a body of XML. style: what this kind of page adds to the shared style sheet."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        '<meta name="color-scheme" content="light dark"/>'
        """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>"""
        f"<title>{escaped(title)}</title><style>{_STYLE}{CHART_STYLE}{style}</style></head>\n"
        f"<body><main>{body}<footer>{escaped(footer)}</footer></main></body></html>\n"
    )


_STYLE = """
:root {
  --page: #f5f7f8; --card: #ffffff; --line: #dfe5e8; --text: #16232b; --soft: #5a6b75;
  --good: #14743c; --good-back: #e2f4e8; --bad: #b3261e; --bad-back: #fce8e6; --wait: #8a5a00; --wait-back: #fdf1d8;
  --none-back: #eaeff1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10171b; --card: #182127; --line: #2b3840; --text: #e4ecef; --soft: #95a6af;
    --good: #7ddc9c; --good-back: #17372a; --bad: #ff9d94; --bad-back: #432120; --wait: #f0c46c; --wait-back: #3d3115;
    --none-back: #24313a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 30px 20px 40px; }
header { margin-bottom: 22px; overflow-wrap: anywhere; }
header p { margin: 0 0 10px; }
.kind { color: var(--soft); font-size: 13px; margin-bottom: 2px; }
h1 { font-size: 26px; line-height: 1.25; font-weight: 650; margin: 0 0 10px; }
h1 .quiet { font-weight: 400; }
h2 { font-size: 16px; font-weight: 600; margin: 0; }
.why { font-size: 17px; max-width: 46em; }
.quiet { color: var(--soft); }
time { white-space: nowrap; }
.when { display: inline-block; }
.badge { display: inline-block; padding: 2px 11px; border-radius: 99px; font-weight: 600; font-size: 13.5px;
  margin-right: 6px; background: var(--none-back); color: var(--soft); }
.good { background: var(--good-back); color: var(--good); }
.bad { background: var(--bad-back); color: var(--bad); }
.wait { background: var(--wait-back); color: var(--wait); }
section, .figures { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: 0 0 20px; }
section { padding: 14px 18px; }
section > p { margin: 0 0 10px; font-size: 13.5px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 1px; overflow: hidden; }
.figures div { padding: 12px 14px; box-shadow: 0 0 0 1px var(--line); }
.figures dt { color: var(--soft); font-size: 13px; }
.figures dd { margin: 0; font-size: 21px; line-height: 1.35; font-weight: 600; font-variant-numeric: tabular-nums; }
.figures dd.quiet { font-size: 12.5px; font-weight: 400; }
.plots { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 20px; }
.plots section { display: flex; flex-direction: column; }
.plots .chart { margin-top: auto; }
table { width: 100%; border-collapse: collapse; margin-top: 6px; }
th { text-align: left; font-weight: 550; color: var(--soft); font-size: 12.5px; padding: 4px 18px 6px 0; }
td { padding: 9px 18px 9px 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td:nth-child(-n+2) { white-space: nowrap; width: 1%; color: var(--soft); font-variant-numeric: tabular-nums; }
footer { color: var(--soft); font-size: 13px; }
@media (max-width: 860px) { .plots { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 640px) {
  main { padding: 20px 14px 28px; }
  section { padding: 12px 14px; }
  h1 { font-size: 22px; }
  .why { font-size: 16px; }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .figures div { padding: 10px 14px; }
  thead { display: none; }
  tr { display: block; border-top: 1px solid var(--line); padding: 9px 0; }
  td { display: inline; border: 0; padding: 0 8px 0 0; }
  td:last-child { display: block; padding: 2px 0 0; }
}
@media print { main { max-width: none; padding: 0; } section, .figures { break-inside: avoid; } }
"""
