"""How the report looks: colours for light and dark, and the rules of its style sheet (screen, phone, paper)."""

from __future__ import annotations

from typing import Any

# name: (light, dark); the first four are close to Okabe and Ito's colours, which colour-blind readers can tell apart
PALETTE = {
    "blue": ("#0072b2", "#5bb8ec"),
    "orange": ("#d55e00", "#f58b4c"),
    "green": ("#009e73", "#35c99c"),
    "pink": ("#b0578d", "#e59ac6"),
    "plain": ("#44546a", "#a9b8cc"),
    "ink": ("#1c2430", "#e8edf2"),
    "muted": ("#5d6977", "#9aa7b4"),
    "grid": ("#e4e8ec", "#2b343d"),
    "alarm": ("#b3261e", "#ff8a80"),
    "page": ("#fcfcfb", "#0f1317"),
    "card": ("#ffffff", "#161b21"),
}
RULES = """
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--page);color:var(--ink);
  font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main,header,footer,nav{max-width:1080px;margin:0 auto;padding:0 24px}
header{padding-top:44px}
h1{font-size:clamp(1.7rem,1.2rem + 2.2vw,2.5rem);line-height:1.15;letter-spacing:-.02em;margin:0 0 10px;
  text-wrap:balance}
h2{font-size:1.45rem;line-height:1.25;letter-spacing:-.01em;margin:0 0 8px}
h3{font-size:1rem;margin:30px 0 10px}
p{margin:0 0 12px;max-width:74ch}
section{padding:38px 0 8px;border-top:1px solid var(--grid);margin-top:34px;scroll-margin-top:40px}
main section:first-child{border-top:0;margin-top:0}
.kicker{color:var(--muted);font-size:.86rem;margin:0 0 14px}
.lead{font-size:1.1rem;line-height:1.6}
.quiet{color:var(--muted);font-size:.9rem}
nav{position:sticky;top:0;z-index:2;background:var(--page);max-width:none;
  border-bottom:1px solid var(--grid);margin-top:26px}
nav div{max-width:1032px;margin:0 auto;display:flex;gap:22px;overflow-x:auto;scrollbar-width:none;padding:9px 0}
nav a{color:var(--muted);text-decoration:none;font-size:.88rem;white-space:nowrap}
nav a:hover,nav a:focus{color:var(--ink)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(155px,1fr));gap:12px;margin:24px 0 0}
.tile,.card{background:var(--card);border:1px solid var(--grid);border-radius:10px}
.tile{padding:14px 16px}
.tile dt{color:var(--muted);font-size:.84rem}
.tile dd{margin:3px 0 2px;font-size:1.5rem;font-weight:650;letter-spacing:-.02em;line-height:1.2}
.tile dd+dd{font-size:.84rem;font-weight:400;letter-spacing:0;color:var(--muted);margin:0;line-height:1.4}
.good{color:var(--green)}.watch{color:var(--orange)}.bad{color:var(--alarm)}
.verdict{border-left:4px solid;padding:2px 0 2px 14px;margin:14px 0 18px;max-width:76ch}
.verdict span{color:var(--ink)}
.card .verdict{margin:4px 0 10px;font-size:.93rem;line-height:1.45}
ul.notes{list-style:none;margin:20px 0 0;padding:12px 16px;border:1px solid var(--orange);
  border-radius:10px;font-size:.92rem}
ul.notes li+li{margin-top:5px}
.charts{display:grid;gap:14px;margin:14px 0;grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr))}
.charts.wide,.pairs{grid-template-columns:1fr 1fr}
figure{margin:0}
.card{padding:14px 16px 10px;display:flex;flex-direction:column}.card>svg{margin-top:auto}
.card figcaption{font-size:.9rem;line-height:1.4;margin-bottom:6px;display:flex;justify-content:space-between;gap:12px}
.card figcaption small{display:block;color:var(--muted);font-size:.84rem}
.card figcaption output{color:var(--muted);white-space:nowrap;font-variant-numeric:tabular-nums}
svg{display:block;width:100%;height:auto;overflow:visible}
.keys{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:.86rem;color:var(--muted);margin:2px 0 6px}
.keys svg{display:inline-block;width:26px;height:10px;margin-right:6px}
.film{background:#0b0e12;color:#c9d2db;border:1px solid #1f262d;border-radius:10px;padding:12px;margin:12px 0;
  break-inside:avoid}
.film img{display:block;width:100%;height:auto;border-radius:3px}
.film figcaption{font-size:.8rem;line-height:1.35;color:#9fabb7;margin-top:5px}
.film .head{margin:0 0 9px;font-size:.86rem;max-width:none}
.film .head b{color:#fff;font-weight:600}
.frame{position:relative}
.frame i{position:absolute;font:600 11px/1 system-ui,sans-serif;color:#ffe08a;text-shadow:0 0 3px #000,0 0 2px #000}
.frame .l{left:4px;top:50%;transform:translateY(-50%)}.frame .t{top:4px;left:50%;transform:translateX(-50%)}
.strip{display:grid;grid-template-columns:repeat(auto-fit,minmax(112px,1fr));gap:10px}
.pairs{display:grid;gap:14px;margin-top:14px}
.pairs .film{margin:0}
.planes{display:grid;grid-template-columns:1.1em repeat(3,1fr);gap:6px;align-items:center}
.planes b{font-size:.76rem;font-weight:500;color:#9fabb7;writing-mode:vertical-rl;transform:rotate(180deg);
  text-align:center}
.planes em{font-size:.76rem;font-style:normal;color:#9fabb7;text-align:center}
.scale{display:flex;align-items:center;gap:10px;font-size:.84rem;color:var(--muted);margin:8px 0 2px;flex-wrap:wrap}
.scale i{width:150px;height:11px;border-radius:3px;flex:none}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
td{padding:6px 14px 6px 0;border-bottom:1px solid var(--grid);vertical-align:top;overflow-wrap:anywhere}
td:first-child{color:var(--muted);width:38%}
td:last-child{font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:500;font-size:.84rem;color:var(--muted);padding:6px 14px 6px 0;
  border-bottom:1px solid var(--grid);vertical-align:bottom}
.grid{max-width:760px}.grid td{overflow-wrap:break-word}.grid td:first-child{color:var(--ink);width:auto}
.grid td+td{white-space:nowrap;font-variant-numeric:tabular-nums;width:8.5em}.grid td+td small{white-space:normal}
td small{display:block;color:var(--muted);font-size:.84rem;line-height:1.4;max-width:64ch}
.tables{columns:2 380px;column-gap:44px}.tables>div{break-inside:avoid;padding-top:1px}
pre{background:var(--card);border:1px solid var(--grid);border-radius:8px;padding:12px 14px;
  white-space:pre-wrap;overflow-wrap:anywhere;
  font:.85rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
footer{padding:26px 24px 44px;color:var(--muted);font-size:.9rem}
footer b{color:var(--ink)}
@media (max-width:640px){
  main,header,footer,nav{padding-left:16px;padding-right:16px}
  header{padding-top:26px}section{padding-top:28px;margin-top:26px}
  .tiles{grid-template-columns:1fr 1fr;gap:8px}.tile{padding:11px 12px}.tile dd{font-size:1.22rem}
  .charts.wide,.pairs{grid-template-columns:minmax(0,1fr)}
  .strip{grid-template-columns:1fr 1fr}.strip figure:first-child{grid-column:1/-1}
  .card{padding:12px 10px 8px}.film{padding:9px}
}
@media print{
  nav{display:none}body{font-size:10.5pt}section{margin-top:14px;padding-top:16px}
  .card,.tile,figure,tr{break-inside:avoid}h2,h3{break-after:avoid}
  .film{-webkit-print-color-adjust:exact;print-color-adjust:exact}.scale i{print-color-adjust:exact}
}
"""


def colours() -> str:
    """The palette as CSS variables; dark on a screen that asks for it, light on paper."""
    light, dark = (
        ":root{" + "".join(f"--{name}:{pair[side]};" for name, pair in PALETTE.items()) + "}" for side in (0, 1)
    )
    return f"{light}@media screen and (prefers-color-scheme:dark){{{dark}}}"


def rules() -> str:
    """The style sheet."""
    return RULES


GUIDE: dict[str, Any] = {"color": PALETTE["muted"][0], "linewidth": 1, "linestyle": (0, (4, 3))}
GUIDE_KEY = ("muted", "4 3")  # the same line in a legend
DASHES: tuple[tuple[Any, str], ...] = (("-", "none"), ((0, (5, 1.6)), "8 3"), ((0, (1.4, 1.2)), "2 2"))
"""How the lines of a chart differ beside their colours: for matplotlib, and for a legend's SVG."""
