// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/page_script.h"

namespace precinct::report {

const char* const kPageStyle = R"css(
:root{--ink:#1c2430;--soft:#5b6675;--line:#dfe4ea;--paper:#fff;--ground:#f5f6f8;--accent:#0b5c8a}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 "DejaVu Sans",system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1080px;margin:0 auto;padding:20px 16px 48px}
h1{font-size:1.6rem;line-height:1.25;margin:.2em 0}
h2{font-size:1.15rem;margin:0 0 .5em}
.lead{font-size:1.1rem;max-width:46em}
.meta,small,caption,figcaption{color:var(--soft)}
.meta{font-size:.85rem;overflow-wrap:anywhere}
section{background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:16px;margin:16px 0}
.controls{display:flex;flex-wrap:wrap;gap:12px 20px;align-items:end;margin-bottom:8px}
.controls label{display:flex;flex-direction:column;font-size:.8rem;color:var(--soft);gap:2px}
select,input[type=range]{font:inherit;min-height:36px;max-width:100%}
select{border:1px solid #b9c2cc;border-radius:6px;background:#fff;padding:4px 8px;color:var(--ink)}
.wide{flex:1 1 220px}
select:focus-visible,input:focus-visible,.scroll:focus-visible{outline:3px solid var(--accent);outline-offset:1px}
.plot{width:100%}
#map{height:560px}#series{height:380px}#curves,#pit{height:300px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:16px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.88rem}
caption{text-align:left;padding-bottom:6px}
th,td{padding:5px 10px;text-align:right;border-top:1px solid var(--line);white-space:nowrap;font-variant-numeric:tabular-nums}
th:first-child,td.text{text-align:left}
thead th{border-top:0;color:var(--soft);font-weight:600}
tr.model th{color:var(--accent)}
tbody.base{color:#3d4856}
td.none{color:#aab2bc}
dl{display:grid;grid-template-columns:minmax(8em,auto) 1fr;gap:2px 16px;margin:0;font-size:.9rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
@media(max-width:700px){main{padding:12px 8px}section{padding:12px 10px}.pair{grid-template-columns:1fr}#map{height:420px}h1{font-size:1.3rem}dl{grid-template-columns:1fr}dd{margin-bottom:6px}}
@media print{body{background:#fff}section{break-inside:avoid}}
)css";

const char* const kPageScript = R"js(
(function(){
"use strict";
var R=report,N=R.districts.length,C=R.categories.length,H=R.bins.length;
var ink="#1c2430",soft="#5b6675",palette=["#0b5c8a","#b4520f","#4b7a2b","#6d4a9c","#8a8f98"];
var scale=[[0,"#f3f6f9"],[.2,"#cfe0ec"],[.4,"#94bcd8"],[.6,"#4f93bd"],[.8,"#1f6697"],[1,"#0b3c5d"]];
var config={responsive:true,displaylogo:false,displayModeBar:false};
var font={family:"DejaVu Sans, system-ui, sans-serif",size:12,color:ink};
function el(id){return document.getElementById(id);}
function option(select,value,text){var o=document.createElement("option");o.value=value;o.textContent=text;select.appendChild(o);}
function hex(s){return[parseInt(s.slice(1,3),16),parseInt(s.slice(3,5),16),parseInt(s.slice(5,7),16)];}
function colour(v,top){
  var x=top>0?Math.min(1,v/top):0;
  for(var i=1;i<scale.length;i++){if(x<=scale[i][0]){var a=hex(scale[i-1][1]),b=hex(scale[i][1]),p=(x-scale[i-1][0])/(scale[i][0]-scale[i-1][0]);
    return "rgb("+[0,1,2].map(function(k){return Math.round(a[k]+(b[k]-a[k])*p);}).join(",")+")";}}
  return scale[scale.length-1][1];
}
function pick(values,h,n,c){return c>=0?values[(h*N+n)*C+c]:Array.from({length:C},function(_,k){return values[(h*N+n)*C+k];}).reduce(function(a,b){return a+b;},0);}
function shown(x){return x>=10?x.toFixed(0):x>=1?x.toFixed(1):x.toFixed(2);}
var category=el("category"),model=el("model"),layer=el("layer"),time=el("time"),timeText=el("time-text");
R.categories.forEach(function(name,i){option(category,i,name);});
if(C>1)option(category,-1,"all categories");
R.models.forEach(function(m,i){option(model,i,m.name);});
function chosen(){return{c:+category.value,m:R.models[+model.value],h:time?+time.value:0,layer:layer?layer.value:"forecast"};}
function mapValues(s){
  if(s.layer==="recent")return R.districts.map(function(_,n){return pick(R.recent,0,n,s.c);});
  if(s.layer==="week")return R.districts.map(function(_,n){var sum=0;for(var h=0;h<H;h++)sum+=pick(s.m.mean,h,n,s.c);return sum;});
  return R.districts.map(function(_,n){return pick(s.m.mean,s.h,n,s.c);});
}
function mapTop(s){
  var top=0,h,n;
  if(s.layer!=="forecast"){mapValues(s).forEach(function(v){top=Math.max(top,v);});return top;}
  for(h=0;h<H;h++)for(n=0;n<N;n++)top=Math.max(top,pick(s.m.mean,h,n,s.c));
  return top;
}
function mapText(s,values){
  return R.districts.map(function(code,n){
    var head="<b>"+R.names[n]+"</b><br>";
    if(s.layer==="recent")return head+shown(values[n])+" per "+R.bin+", mean of the last 28 days";
    if(s.layer==="week")return head+shown(values[n])+" expected in all "+H+" bins";
    var range=s.c>=0?"<br>90 % range "+pick(s.m.low,s.h,n,s.c)+" to "+pick(s.m.high,s.h,n,s.c):"";
    return head+shown(values[n])+" expected"+range+"<br>last 28 days: "+shown(pick(R.recent,0,n,s.c))+" per "+R.bin;
  });
}
function drawMap(){
  if(!R.outlines.length)return;
  var s=chosen(),values=mapValues(s),top=mapTop(s),text=mapText(s,values),lat=0,count=0;
  var traces=R.outlines.map(function(parts,n){
    var x=[],y=[];
    parts.forEach(function(ring,i){if(i){x.push(null);y.push(null);}ring.forEach(function(p){x.push(p[0]);y.push(p[1]);lat+=p[1];count++;});});
    return{type:"scatter",mode:"lines",x:x,y:y,fill:"toself",fillcolor:colour(values[n],top),line:{color:"#ffffff",width:1},hoveron:"fills",hoverinfo:"text",text:text[n],showlegend:false};
  });
  traces.push({type:"scatter",mode:"markers",x:[null],y:[null],showlegend:false,hoverinfo:"skip",
    marker:{color:[0],cmin:0,cmax:top||1,colorscale:scale,showscale:true,colorbar:{title:{text:"expected<br>incidents"},thickness:12,len:.6,outlinewidth:0}}});
  var layout={font:font,margin:{l:8,r:30,t:8,b:8},paper_bgcolor:"#fff",plot_bgcolor:"#fff",dragmode:"pan",hoverlabel:{bgcolor:"#fff",font:{color:ink}},
    xaxis:{visible:false},yaxis:{visible:false,scaleanchor:"x",scaleratio:1/Math.cos(lat/Math.max(count,1)*Math.PI/180)}};
  Plotly.react("map",traces,layout,config);
}
function label(){
  if(!time)return;
  var s=chosen();time.disabled=s.layer!=="forecast";
  timeText.textContent=s.layer==="forecast"?R.bins[s.h]:s.layer==="week"?R.bins[0]+" to "+R.bins[H-1]:"last 28 days";
  time.setAttribute("aria-valuetext",timeText.textContent);
}
function column(values,c){
  return R.testBins.map(function(_,t){var sum=0;for(var k=0;k<C;k++)if(c<0||k===c)sum+=values[t*C+k];return sum;});
}
function drawSeries(){
  if(!R.testBins.length)return;
  var s=chosen(),m=s.m,traces=[];
  if(s.c>=0||C===1){
    traces.push({x:R.testBins,y:column(m.testHigh,s.c),mode:"lines",line:{width:0},hoverinfo:"skip",showlegend:false});
    traces.push({x:R.testBins,y:column(m.testLow,s.c),mode:"lines",line:{width:0},fill:"tonexty",fillcolor:"rgba(11,92,138,.16)",name:"90 % band",hoverinfo:"skip"});
  }
  traces.push({x:R.testBins,y:column(R.testActual,s.c),mode:"lines+markers",name:"recorded",line:{color:ink,width:1},marker:{size:4,color:ink}});
  traces.push({x:R.testBins,y:column(m.testMean,s.c),mode:"lines",name:m.name,line:{color:palette[0],width:2.5}});
  var base=R.models[R.models.length-1];
  if(base!==m)traces.push({x:R.testBins,y:column(base.testMean,s.c),mode:"lines",name:base.name,line:{color:palette[1],width:1.5,dash:"dot"}});
  Plotly.react("series",traces,{font:font,margin:{l:48,r:30,t:8,b:40},paper_bgcolor:"#fff",plot_bgcolor:"#fff",hovermode:"x unified",
    legend:{orientation:"h",y:1.12},xaxis:{gridcolor:"#eef1f4"},yaxis:{title:{text:"incidents per "+R.bin},rangemode:"tozero",gridcolor:"#eef1f4"}},config);
}
function drawCurves(){
  var traces=[];
  R.models.forEach(function(m,i){
    if(!m.curve.length)return;
    traces.push({x:m.curve.map(function(p){return p.epoch;}),y:m.curve.map(function(p){return p.val_nll;}),mode:"lines+markers",name:m.name,line:{color:palette[i%palette.length],width:2},marker:{size:5}});
  });
  var box=el("curves");
  if(!traces.length){box.textContent="No training curves in these runs.";return;}
  Plotly.react("curves",traces,{font:font,margin:{l:64,r:30,t:8,b:44},paper_bgcolor:"#fff",legend:{orientation:"h",y:1.15},
    xaxis:{title:{text:"epoch"},gridcolor:"#eef1f4"},yaxis:{title:{text:"NLL on validation"},gridcolor:"#eef1f4"}},config);
}
function drawPit(){
  var f=((R.evaluation&&R.evaluation.forecasters)||[]).filter(function(x){return!x.baseline||x.name===R.evaluation.reference;});
  var box=el("pit");
  if(!f.length){box.textContent="No evaluation in these runs.";return;}
  var x=["0-.1",".1-.2",".2-.3",".3-.4",".4-.5",".5-.6",".6-.7",".7-.8",".8-.9",".9-1"];
  var traces=f.map(function(m,i){return{type:"scatter",mode:"lines+markers",x:x,y:m.pit.map(function(v){return 10*v;}),name:m.name,line:{color:palette[i%palette.length],width:1.5},marker:{size:5}};});
  Plotly.react("pit",traces,{font:font,margin:{l:52,r:30,t:8,b:44},paper_bgcolor:"#fff",legend:{orientation:"h",y:1.15},
    xaxis:{title:{text:"probability integral transform"},type:"category"},yaxis:{title:{text:"density (1 is right)"},gridcolor:"#eef1f4",range:[.7,1.3]},
    shapes:[{type:"line",xref:"paper",x0:0,x1:1,y0:1,y1:1,line:{color:soft,width:1,dash:"dot"}}]},config);
}
function update(){label();drawMap();drawSeries();}
[category,model,layer].forEach(function(s){if(s)s.addEventListener("change",update);});
if(time){time.max=Math.max(0,H-1);time.addEventListener("input",function(){label();drawMap();});}
update();drawCurves();drawPit();
document.body.dataset.ready="yes";
})();
)js";

}  // namespace precinct::report
