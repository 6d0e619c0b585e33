// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/page_script.h"

namespace precinct::report {

const char* const kChartScript = R"js(
function frame(k,margin,more){
  var layout={font:{family:'"DejaVu Sans", system-ui, sans-serif',size:12,color:k.ink},margin:margin,paper_bgcolor:k.paper,plot_bgcolor:k.paper,
    dragmode:canHover?"zoom":false,hoverlabel:{bgcolor:k.paper,bordercolor:k.border,font:{color:k.ink}},legend:{orientation:"h",x:0,y:1.02,yanchor:"bottom",bgcolor:"rgba(0,0,0,0)"}};
  if(printing){layout.width=640;layout.autosize=false;}else layout.autosize=true;
  Object.keys(more||{}).forEach(function(key){layout[key]=more[key];});
  return layout;
}
function axis(k,title,more){
  var a={title:{text:title},gridcolor:k.line,linecolor:k.line,zerolinecolor:k.line,automargin:true};
  Object.keys(more||{}).forEach(function(key){a[key]=more[key];});
  return a;
}
var quiet={responsive:true,displaylogo:false,displayModeBar:false,doubleClick:"reset"};
function percent(p){return Math.round(100*p)+" %";}
function drawDistrict(){
  var s=state(),k=colours(),name=s.d<N?R.names[s.d]:"all districts",expected=blockMean(s.m,s.d,s.c),last=K?pastOf(K-1,s.d,s.c):NaN,usual=usualOf(s.d,s.c);
  var text=shown(expected)+" expected in the "+R.block+" "+R.blockLabel+(s.m.band?" (90 % range "+range(s.m,s.m.sumLow,s.m.sumHigh,s.d,s.c)+")":"");
  if(K)text+="; recorded in the last "+R.block+": "+recorded(last)+"; usual, the mean of the last "+K+" such spans: "+shown(usual);
  el("district-text").textContent=name+", "+categoryLabel(s)+": "+text+".";
  var starts=R.pastBlocks.map(function(b){return b.slice(0,10);}),next=R.blockLabel.slice(0,10),error={visible:false};
  var wide=K?.86*(Date.parse(next)-Date.parse(starts[K-1])):0;  // a single bar has no width of its own
  if(s.m.band){
    var row=s.d*(C+1)+s.c;
    error={visible:true,type:"data",symmetric:false,array:[s.m.sumHigh[row]-expected],arrayminus:[expected-s.m.sumLow[row]],color:k.ink,thickness:1.5};
  }
  Plotly.react("district-plot",[
    {type:"bar",name:"recorded",width:wide,x:starts,y:all(K,function(i){var x=pastOf(i,s.d,s.c);return isFinite(x)?x:null;}),marker:{color:k.bar},hovertext:R.pastBlocks,hovertemplate:"%{hovertext}<br>%{y:.3~f} recorded<extra></extra>"},
    {type:"bar",name:"forecast of "+s.m.name+(s.m.band?", 90 % range":""),width:wide||null,x:[next],y:[expected],error_y:error,marker:{color:k.accent},hovertemplate:R.blockLabel+"<br>%{y:.2f} expected<extra></extra>"}],
    frame(k,{l:44,r:30,t:28,b:30},{barmode:"overlay",xaxis:axis(k,"",{type:"date"}),yaxis:axis(k,"incidents per "+R.block,{rangemode:"tozero"})}),quiet);
}
function column(values,c){return all(R.testBins.length,function(t){return values[t*C]===null?null:cell(values,t,c);});}
function banded(values,c){return all(R.testBins.length,function(t){return values[t*(C+1)+c];});}
function drawSeries(){
  var s=state(),k=colours(),m=s.m,traces=[],x=R.testBins,actual=column(R.testActual,s.c),base=R.models[R.models.length-1];
  if(!x.length||!m.testMean.length){el("series").textContent="No forecasts of a test range in these runs.";return;}
  var text="",seen=all(x.length,function(t){return t;}).filter(function(t){return actual[t]!==null;});
  if(m.band){
    var low=banded(m.testLow,s.c),high=banded(m.testHigh,s.c),inside=seen.filter(function(t){return actual[t]>=low[t]&&actual[t]<=high[t];}).length;
    traces.push({x:x,y:high,mode:"lines",line:{width:0},hoverinfo:"skip",showlegend:false});
    traces.push({x:x,y:low,mode:"lines",line:{width:0},fill:"tonexty",fillcolor:k.band,name:"90 % band",hoverinfo:"skip"});
    if(seen.length)text="Inside the 90 % band: "+inside+" of "+seen.length+(seen.length<x.length?" observed":"")+" bins ("+percent(inside/seen.length)+"). ";
  }
  var mean=column(m.testMean,s.c);
  traces.push({x:x,y:actual,mode:"lines+markers",name:"recorded",line:{color:k.ink,width:1},marker:{size:4,color:k.ink}});
  if(base!==m)traces.push({x:x,y:column(base.testMean,s.c),mode:"lines",name:base.name,line:{color:k.palette[1],width:2,dash:"dot"}});
  traces.push({x:x,y:mean,mode:"lines",name:m.name,line:{color:k.accent,width:2.5}});
  function average(list){return seen.reduce(function(sum,t){return sum+list[t];},0)/seen.length;}
  el("series-text").textContent=text+"Mean per "+R.bin+", "+categoryLabel(s)+": "+shown(average(actual))+" recorded, "+shown(average(mean))+" forecast by "+m.name+".";
  Plotly.react("series",traces,frame(k,{l:48,r:30,t:30,b:36},{hovermode:"x unified",xaxis:axis(k,"",{type:"date",hoverformat:R.testBins[0].length>10?"%a %Y-%m-%d %H:%M":"%a %Y-%m-%d"}),
    yaxis:axis(k,"incidents per "+R.bin,{rangemode:"tozero",hoverformat:".1f"})}),quiet);
}
function drawCurves(){
  var k=colours(),traces=[];
  R.models.forEach(function(m,i){
    var colour=k.palette[i%k.palette.length];
    function points(key){return m.curve.filter(function(p){return p[key]!==undefined&&p[key]!==null;});}
    function add(key,name,line,mode){
      var p=points(key);
      if(p.length)traces.push({x:p.map(function(q){return q.epoch;}),y:p.map(function(q){return q[key];}),mode:mode,name:name,line:line,marker:{size:5}});
    }
    add("val_nll",m.name+", validation NLL",{color:colour,width:2},"lines+markers");
    add("train_loss",m.name+", training loss",{color:colour,width:1,dash:"dot"},"lines");
  });
  if(!traces.length){el("curves").textContent="No training curves: baselines are fitted in closed form.";return;}
  Plotly.react("curves",traces,frame(k,{l:56,r:30,t:30,b:40},{xaxis:axis(k,"epoch"),yaxis:axis(k,"loss, nats per cell",{hoverformat:".4f"})}),quiet);
}
function drawPit(){
  var k=colours(),f=R.calibration;
  if(!f.length){el("pit").textContent="No distributions were scored in these runs.";return;}
  var x=all(10,function(i){return(i/10+.05).toFixed(2);}),far=.05;
  f.forEach(function(m){m.pit.forEach(function(v){far=Math.max(far,Math.abs(10*v-1));});});
  var traces=f.map(function(m,i){return{type:"scatter",mode:"lines+markers",x:x,y:m.pit.map(function(v){return 10*v;}),name:m.name,line:{color:k.palette[i%k.palette.length],width:1.5},marker:{size:5}};});
  Plotly.react("pit",traces,frame(k,{l:52,r:30,t:30,b:40},{xaxis:axis(k,"probability integral transform",{range:[0,1]}),
    yaxis:axis(k,"density",{range:[1-1.2*far,1+1.2*far],hoverformat:".3f"}),
    shapes:[{type:"line",xref:"paper",x0:0,x1:1,y0:1,y1:1,line:{color:k.soft,width:1,dash:"dot"}}]}),quiet);
}
function drawAll(){label();drawMap();drawTop();drawDistrict();drawSeries();drawCurves();drawPit();}
if(C>1)option(category,C,"all categories");
R.categories.forEach(function(name,i){option(category,i,name);});
R.models.forEach(function(m,i){option(model,i,m.name);});
model.value=R.first;
option(district,N,"all districts");
R.names.forEach(function(name,i){option(district,i,name);});
if(!K)layer.querySelector("[value=past]").remove();
[category,model].forEach(function(box){box.addEventListener("change",function(){label();drawMap();drawTop();drawDistrict();drawSeries();});});
layer.addEventListener("change",function(){label();drawMap();drawTop();});
district.addEventListener("change",function(){choose(+district.value);});
time.addEventListener("input",function(){moveTo(+time.value);});
el("earlier").addEventListener("click",function(){moveTo(+time.value-1);});
el("later").addEventListener("click",function(){moveTo(+time.value+1);});
window.matchMedia("(prefers-color-scheme:dark)").addEventListener("change",drawAll);
window.addEventListener("beforeprint",function(){printing=true;document.documentElement.dataset.print="yes";drawAll();});
window.addEventListener("afterprint",function(){printing=false;delete document.documentElement.dataset.print;drawAll();});
drawAll();
document.body.dataset.ready="yes";
)js";

}  // namespace precinct::report
