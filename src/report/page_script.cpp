// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/page_script.h"

namespace precinct::report {

// Categories are 0..C-1, and C for all together; districts 0..N-1, and N for all together.
const char* const kPageScript = R"js(
var R=report,N=R.names.length,C=R.categories.length,H=R.bins.length,K=R.pastBlocks.length;
var hasMap=R.outlines.length>0,printing=false,binAt=0,pastAt=Math.max(0,K-1);
var canHover=window.matchMedia("(hover:hover)").matches;
function el(id){return document.getElementById(id);}
var category=el("category"),model=el("model"),layer=el("layer"),time=el("time"),district=el("district");
function option(select,value,text){
  var o=document.createElement("option");
  o.value=value;o.textContent=text;select.appendChild(o);
}
function colours(){
  var style=getComputedStyle(document.documentElement);
  function get(name){return style.getPropertyValue("--"+name).trim();}
  return{ink:get("ink"),soft:get("soft"),line:get("line"),paper:get("paper"),border:get("border"),bar:get("bar"),band:get("band"),accent:get("accent"),
    palette:[get("accent"),get("second"),get("third"),get("fourth"),get("soft")],scale:[0,1,2,3,4,5].map(function(i){return get("s"+i);})};
}
function hex(s){return[1,3,5].map(function(i){return parseInt(s.slice(i,i+2),16);});}
function colourOf(scale,value,top){
  if(!isFinite(value))return"rgba(0,0,0,0)";
  var x=top>0?Math.min(1,Math.max(0,value/top))*(scale.length-1):0,i=Math.min(Math.floor(x),scale.length-2),a=hex(scale[i]),b=hex(scale[i+1]);
  return"rgb("+[0,1,2].map(function(k){return Math.round(a[k]+(b[k]-a[k])*(x-i));}).join(",")+")";
}
function plain(text){return text.replace(/&/g,"&amp;").replace(/</g,"&lt;").replace(/>/g,"&gt;");}
function shown(x){return!isFinite(x)?"not observed":x>=100?x.toFixed(0):x>=10?x.toFixed(1):x.toFixed(2);}
function recorded(x){return!isFinite(x)?"not observed":Math.abs(x-Math.round(x))<.005?x.toFixed(0):x.toFixed(1);}
function cell(values,row,c){ // of values [row][C]; all categories when c === C
  var sum=0,k;
  if(c<C)return values[row*C+c];
  for(k=0;k<C;k++)sum+=values[row*C+k];
  return sum;
}
function pastOf(k,n,c){
  var sum=0,i,x;
  if(n<N){x=cell(R.past,k*N+n,c);return R.past[(k*N+n)*C]===null?NaN:x;}
  for(i=0;i<N;i++){x=pastOf(k,i,c);if(isFinite(x))sum+=x;}
  return sum;
}
function usualOf(n,c){ // mean of the past blocks
  var sum=0,seen=0,k,x;
  for(k=0;k<K;k++){x=pastOf(k,n,c);if(isFinite(x)){sum+=x;seen++;}}
  return seen?sum/seen:NaN;
}
function binMean(m,h,n,c){return cell(m.mean,h*N+n,c);}
function blockMean(m,n,c){
  var sum=0,h,i;
  for(h=0;h<H;h++){if(n<N)sum+=binMean(m,h,n,c);else for(i=0;i<N;i++)sum+=binMean(m,h,i,c);}
  return sum;
}
function range(m,low,high,row,c){return m.band?low[row*(C+1)+c]+" to "+high[row*(C+1)+c]:"";}
function state(){
  return{c:+category.value,m:R.models[+model.value],layer:layer.value,h:binAt,k:pastAt,d:+district.value};
}
function valueOf(s,n){return s.layer==="past"?pastOf(s.k,n,s.c):s.layer==="block"?blockMean(s.m,n,s.c):binMean(s.m,s.h,n,s.c);}
function rangeOf(s,n){
  return s.layer==="past"?"":s.layer==="block"?range(s.m,s.m.sumLow,s.m.sumHigh,n,s.c):range(s.m,s.m.low,s.m.high,s.h*N+n,s.c);
}
function all(count,f){var list=[],i;for(i=0;i<count;i++)list.push(f(i));return list;}
function unit(s){return s.layer==="bin"?R.bin:R.block;}
function timeLabel(s){return s.layer==="bin"?R.bins[s.h]:s.layer==="past"?R.pastBlocks[s.k]:R.blockLabel;}
function categoryLabel(s){return s.c<C?R.categories[s.c]:"all categories";}
// One scale for every position of the slider, so that colours can be compared; the highest hundredth shares the last colour.
function scaleTop(s){
  var steps=s.layer==="past"?K:s.layer==="bin"?H:1,values=[];
  all(steps,function(i){
    var at={c:s.c,m:s.m,layer:s.layer,h:i,k:i};
    all(N,function(n){var x=valueOf(at,n);if(isFinite(x))values.push(x);});
  });
  values.sort(function(a,b){return a-b;});
  if(!values.length)return{top:1,clipped:false};
  var top=values[Math.min(values.length-1,Math.floor(.99*values.length))],most=values[values.length-1];
  if(!(top>0))top=most||1;
  return{top:top,clipped:most>top*1.0001};
}
function hoverText(s,n){
  var text="<b>"+plain(R.names[n])+"</b><br>",value=valueOf(s,n),usual=usualOf(n,s.c);
  if(s.layer==="past")return text+recorded(value)+(isFinite(value)?" recorded":"")+"<br>usual: "+shown(usual)+" per "+R.block;
  text+=shown(value)+" expected per "+unit(s);
  if(s.m.band)text+="<br>90 % range: "+rangeOf(s,n);
  return text+"<br>usual: "+shown(s.layer==="bin"?usual/H:usual)+" per "+unit(s);
}
function ring(n){
  var x=[],y=[];
  R.outlines[n].forEach(function(part,i){
    if(i){x.push(null);y.push(null);}
    part.forEach(function(p){x.push(p[0]);y.push(p[1]);});
  });
  return{x:x,y:y};
}
// Middle latitude, and how much wider than high the map is.
function extent(){
  var xs=[],ys=[],lat;
  R.outlines.forEach(function(parts){parts.forEach(function(part){part.forEach(function(p){xs.push(p[0]);ys.push(p[1]);});});});
  function least(a){return a.reduce(function(m,v){return Math.min(m,v);},Infinity);}
  function most(a){return a.reduce(function(m,v){return Math.max(m,v);},-Infinity);}
  lat=(least(ys)+most(ys))/2;
  return{latitude:lat,aspect:(most(xs)-least(xs))*Math.cos(lat*Math.PI/180)/Math.max(1e-9,most(ys)-least(ys))};
}
var place=hasMap?extent():null,mapReady=false;
function legend(s,scale){
  el("legend-unit").textContent=(s.layer==="past"?"recorded":"expected")+" incidents per "+unit(s)+", "+categoryLabel(s);
  var ticks=el("legend-ticks");
  ticks.textContent="";
  [0,.25,.5,.75,1].forEach(function(p){
    var tick=document.createElement("span");
    tick.textContent=p?shown(p*scale.top)+(p===1&&scale.clipped?" or more":""):"0";
    ticks.appendChild(tick);
  });
}
function drawMap(moved){
  if(!hasMap)return;
  var s=state(),scale=scaleTop(s),k=colours(),fills=all(N,function(n){return colourOf(k.scale,valueOf(s,n),scale.top);}),texts=all(N,function(n){return hoverText(s,n);});
  legend(s,scale);
  if(moved&&mapReady){ // the slider: colours and texts alone
    Plotly.restyle("map",{fillcolor:fills,text:texts},all(N,function(n){return n;}));
    return;
  }
  var wide=printing?640:el("map").clientWidth;
  el("map").style.height=Math.round(Math.max(220,Math.min(560,1.08*wide/place.aspect)))+"px";
  var traces=all(N,function(n){
    var r=ring(n);
    return{type:"scatter",mode:"lines",x:r.x,y:r.y,fill:"toself",fillcolor:fills[n],line:{color:k.border,width:.8},hoveron:"fills",hoverinfo:"text",text:texts[n],showlegend:false};
  });
  var chosen=s.d<N?ring(s.d):{x:[null],y:[null]};
  traces.push({type:"scatter",mode:"lines",x:chosen.x,y:chosen.y,line:{color:k.palette[1],width:3},hoverinfo:"skip",showlegend:false});
  var layout=frame(k,{l:4,r:4,t:4,b:4},{dragmode:canHover?"pan":false,hovermode:"closest",uirevision:"map",showlegend:false});
  layout.xaxis={visible:false};
  layout.yaxis={visible:false,scaleanchor:"x",scaleratio:1/Math.cos(place.latitude*Math.PI/180)};
  Plotly.react("map",traces,layout,{responsive:true,displaylogo:false,displayModeBar:canHover,doubleClick:"reset",
    modeBarButtons:[["zoomIn2d","zoomOut2d","resetScale2d","toImage"]]});
  if(!mapReady)el("map").on("plotly_click",function(e){choose(e.points[0].curveNumber);});
  mapReady=true;
}
function choose(n){if(n>=0&&n<=N){district.value=n;drawMap();drawTop();drawDistrict();}}
function drawTop(){
  var s=state(),rows=all(N,function(n){return n;}).filter(function(n){return isFinite(valueOf(s,n));}),body=el("top").tBodies[0];
  rows.sort(function(a,b){return valueOf(s,b)-valueOf(s,a)||a-b;});
  el("top-title").textContent="Highest 10, "+categoryLabel(s)+", "+timeLabel(s);
  el("top-value").textContent=s.layer==="past"?"recorded":"expected";
  el("top-usual").textContent="usual per "+unit(s);
  el("top-range").hidden=s.layer==="past"||!s.m.band;
  el("top-note").textContent=K?"Usual: the mean of the last "+K+" spans of "+R.block+(s.layer==="bin"&&H>1?", divided by "+H:"")+".":"";
  body.textContent="";
  rows.slice(0,10).forEach(function(n){
    var tr=document.createElement("tr"),th=document.createElement("th"),button=document.createElement("button"),usual=usualOf(n,s.c);
    button.type="button";button.textContent=R.names[n];button.addEventListener("click",function(){choose(n);});
    th.scope="row";th.appendChild(button);tr.appendChild(th);
    if(n===s.d)tr.className="chosen";
    [s.layer==="past"?recorded(valueOf(s,n)):shown(valueOf(s,n)),el("top-range").hidden?null:rangeOf(s,n),shown(s.layer==="bin"?usual/H:usual)].forEach(function(text){
      if(text===null)return;
      var td=document.createElement("td");
      td.textContent=text;tr.appendChild(td);
    });
    body.appendChild(tr);
  });
}
function label(){
  var s=state(),last=s.layer==="bin"?H-1:s.layer==="past"?K-1:0,at=s.layer==="bin"?s.h:s.layer==="past"?s.k:0;
  time.max=Math.max(0,last);time.value=at;
  time.disabled=last<1;
  el("earlier").disabled=at<=0;el("later").disabled=at>=last;
  el("time-text").textContent=timeLabel(s);
  time.setAttribute("aria-valuetext",timeLabel(s));
}
function moveTo(at){
  if(layer.value==="past")pastAt=Math.max(0,Math.min(K-1,at));else binAt=Math.max(0,Math.min(H-1,at));
  label();drawMap(true);drawTop();
}
)js";

}  // namespace precinct::report
