// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/page_script.h"

namespace precinct::report {

// --s0..--s5: the scale of the map, from nothing to the most. Low values are near the ground colour
// in both settings, so that a dark page is not a light one turned round.
const char* const kPageStyle = R"css(
:root{--ink:#1c2430;--soft:#566170;--line:#dfe4ea;--paper:#fff;--ground:#f4f6f8;--field:#fff;--edge:#aeb8c3;
--accent:#0b5c8a;--second:#b4520f;--third:#4b7a2b;--fourth:#6d4a9c;--bar:#b7c1cc;--band:rgba(11,92,138,.18);--border:#8d9aa8;
--warn:#fff4d6;--warn-edge:#c98a00;--good:#e5f3e5;--good-edge:#3c8a3c;
--s0:#f1f5f9;--s1:#cfe0ec;--s2:#94bcd8;--s3:#4f93bd;--s4:#1f6697;--s5:#0b3c5d}
@media(prefers-color-scheme:dark){:root:not([data-print]){--ink:#e6ebf1;--soft:#a3afbd;--line:#313b47;--paper:#1a2129;--ground:#12171d;--field:#222b35;--edge:#566373;
--accent:#6bb8e8;--second:#f0a064;--third:#9ccb74;--fourth:#c3a5ee;--bar:#566373;--band:rgba(107,184,232,.22);--border:#5d6b7b;
--warn:#3a2f12;--warn-edge:#d9a326;--good:#16301b;--good-edge:#5fb46a;
--s0:#202a35;--s1:#234257;--s2:#2b6487;--s3:#3d8cb8;--s4:#74b9de;--s5:#d3effd}}
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 "DejaVu Sans",system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1160px;margin:0 auto;padding:20px 16px 48px}
h1{font-size:1.6rem;line-height:1.25;margin:.2em 0}
h2{font-size:1.15rem;margin:0 0 .5em}
h3{font-size:.95rem;margin:0 0 .4em}
p{max-width:62em}
.lead{font-size:1.08rem}
.note{border-left:5px solid;border-radius:4px;padding:8px 14px}
.warn{background:var(--warn);border-color:var(--warn-edge)}
.good{background:var(--good);border-color:var(--good-edge)}
.meta,small,caption{color:var(--soft)}
.meta{font-size:.85rem;overflow-wrap:anywhere}
section{background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:16px;margin:16px 0;min-width:0}
figure{margin:0;min-width:0}
.controls{display:flex;flex-wrap:wrap;gap:10px 18px;align-items:end;margin-bottom:10px}
label{display:flex;flex-direction:column;font-size:.82rem;color:var(--soft);gap:2px;max-width:100%}
label b{color:var(--ink)}
select,button{font:inherit;min-height:38px;max-width:100%;border:1px solid var(--edge);border-radius:6px;background:var(--field);padding:4px 8px;color:var(--ink)}
.wide{flex:1 1 260px}
.slider{display:flex;gap:6px;align-items:center}
.slider button{min-width:40px;padding:0}
input[type=range]{flex:1;min-width:0;min-height:38px;accent-color:var(--accent)}
:disabled{opacity:.45}
:focus-visible{outline:3px solid var(--accent);outline-offset:1px}
.plot{width:100%;overflow:hidden}
#map{height:500px}#district-plot{height:230px}#series{height:360px}#curves,#pit{height:300px}
.map-pair{display:grid;grid-template-columns:minmax(0,1.7fr) minmax(0,1fr);gap:20px}
.no-map{grid-template-columns:minmax(0,1fr)}
#legend{font-size:.8rem;color:var(--soft);max-width:420px;margin:4px auto 0}
#legend-bar{height:12px;border:1px solid var(--border);border-radius:2px;background:linear-gradient(90deg,var(--s0),var(--s1),var(--s2),var(--s3),var(--s4),var(--s5));-webkit-print-color-adjust:exact;print-color-adjust:exact}
#legend-ticks{display:flex;justify-content:space-between}
.side td,.side th{padding:3px 6px}#top th{white-space:normal}#top tbody th{min-width:8em}.date{white-space:nowrap}
#top button{min-height:0;border:0;background:none;padding:3px 0;color:var(--accent);text-decoration:underline;cursor:pointer;text-align:left;white-space:normal}
#top tr.chosen{background:var(--band)}
.district{display:flex;flex-wrap:wrap;gap:8px 20px;align-items:end;margin-top:16px}
.district p{margin:0;flex:1 1 320px}
.pair{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:16px}
.pair section{margin:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.88rem}
caption{text-align:left;padding-bottom:6px}
th,td{padding:5px 10px;text-align:right;border-top:1px solid var(--line);white-space:nowrap;font-variant-numeric:tabular-nums}
th:first-child,td.text,th.text{text-align:left}
thead th{border-top:0;color:var(--soft);font-weight:600;vertical-align:bottom}
tr.model th{color:var(--accent)}
tbody.base{border-top:2px solid var(--edge)}
tbody th{font-weight:600}tbody.base th{font-weight:400}
td.none{color:var(--soft)}
summary{cursor:pointer;padding:8px 0;color:var(--accent)}
dl{display:grid;grid-template-columns:minmax(9em,auto) 1fr;gap:3px 16px;margin:0;font-size:.9rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
dl+dl{margin-top:12px;padding-top:12px;border-top:1px solid var(--line)}
ul{margin:0;padding-left:1.2em}li{margin:.3em 0}
@media(max-width:760px){main{padding:12px 8px}section{padding:12px 10px}.pair,.map-pair{grid-template-columns:minmax(0,1fr)}#map{height:360px}h1{font-size:1.3rem}
dl{grid-template-columns:minmax(0,1fr)}dd{margin-bottom:6px}.controls label{flex:1 1 45%}.controls .wide{flex:1 1 100%}select{width:100%}}
@media print{body{background:#fff}section{break-inside:avoid}.controls,.district select,.district label{display:none}.modebar{display:none!important}.scroll{overflow:visible}}
:root[data-print]{color-scheme:light}
:root[data-print] main{max-width:680px}
:root[data-print] .pair,:root[data-print] .map-pair{grid-template-columns:minmax(0,1fr)}
:root[data-print] th,:root[data-print] td{padding:3px 4px;font-size:.72rem;white-space:normal}
)css";

}  // namespace precinct::report
