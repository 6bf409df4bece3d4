// How a report looks: light and dark, on paper, on a telephone. It loads nothing, and names the fonts that are there.

export const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --panel: #f4f5f7; --ink: #16191d; --faint: #5b6470; --line: #d5d9df;
  --rate: #5b83b5; --band: #e2e7ee; --problem: #b3190f; --warning: #8a5a00; --note: #215f9e; --healthy: #1a6e33; }
@media (prefers-color-scheme: dark) { :root { --ground: #121417; --panel: #1c2025; --ink: #e7e9ec; --faint: #9aa4b0;
  --line: #363c44; --rate: #5f8cc4; --band: #2a3038; --problem: #ff8a80; --warning: #f2bd52; --note: #86bcf5; --healthy: #74cf8f; } }
@media print { :root { color-scheme: light; --ground: #fff; --panel: #f4f5f7; --ink: #000; --faint: #444; --line: #bbb;
  --rate: #5b83b5; --band: #e2e7ee; --problem: #b3190f; --warning: #8a5a00; --note: #215f9e; --healthy: #1a6e33; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } section, tr, svg, .finding { break-inside: avoid; }
  section.long { break-inside: auto; } h2, h3 { break-after: avoid; } .wide { overflow: visible !important; } table { font-size: 9px !important; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 1080px; margin: 0 auto; padding: 20px 16px 48px; }
h1 { font-size: 15px; font-weight: 600; margin: 0 0 10px; color: var(--faint); }
h2 { font-size: 19px; margin: 36px 0 10px; }
h3 { font: 600 15px/1.5 ui-monospace, Menlo, Consolas, monospace; margin: 22px 0 4px; }
p { margin: 4px 0; max-width: 80ch; }
.verdict { font-size: 25px; line-height: 1.3; font-weight: 650; margin: 0 0 14px; padding: 14px 16px; max-width: none;
  background: var(--panel); border-left: 6px solid currentcolor; }
.problem { color: var(--problem); } .warning { color: var(--warning); } .note { color: var(--note); } .healthy { color: var(--healthy); }
.faint { color: var(--faint); } .nothing { color: var(--faint); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 2px 24px; margin: 0; }
dl div { display: grid; grid-template-columns: 12ch 1fr; gap: 8px; } dt { color: var(--faint); } dd { margin: 0; }
.finding { border-left: 4px solid currentcolor; padding: 2px 0 2px 14px; margin: 14px 0; }
.finding > * { color: var(--ink); } .finding .rule { color: inherit; font-weight: 650; } .finding .faint { color: var(--faint); }
.mark, .rule, td, th, .code, text { font-family: ui-monospace, Menlo, Consolas, monospace; }
.wide { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: 13px; margin: 10px 0 4px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 3px 12px 3px 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; overflow-wrap: normal; }
th { color: var(--faint); font-weight: 600; } .number { text-align: right; }
td.names { white-space: normal; min-width: 12ch; } td small { display: block; color: var(--faint); font-size: 12px; max-width: 36ch; overflow-wrap: anywhere; }
td.text { white-space: normal; min-width: 26ch; overflow-wrap: anywhere; border: 0; } table.course td { border: 0; padding-bottom: 0; }
.share { width: 96px; height: 13px; vertical-align: -2px; margin-right: 8px; }
.drawing { display: block; width: 100%; min-width: 620px; height: auto; margin: 8px 0; }
text { font-size: 12px; fill: var(--ink); } text.faint { fill: var(--faint); } text.problem, rect.problem { fill: var(--problem); }
text.warning, rect.warning { fill: var(--warning); } text.note, rect.note { fill: var(--note); }
.rate { fill: var(--rate); } .band { fill: var(--band); } .grid { stroke: var(--line); } .base { stroke: var(--faint); stroke-width: 0.7; }
.fair { stroke: var(--ink); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.join { fill: var(--healthy); } .leave { fill: var(--faint); } .median, .tail { stroke: var(--ink); stroke-width: 1.5; fill: none; } .tail { stroke-dasharray: 3 2; }
`;
