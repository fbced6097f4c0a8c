// Written by scripts/generate-assets from Sources/Core/Assets/Dashboard/. Do not edit.
// swift-format-ignore-file

extension Assets {
    /// The files of `Sources/Core/Assets/Dashboard/`, sorted by path.
    package static let dashboard: [Asset] = [
        Asset(
            path: "Sources/Core/Assets/Dashboard/around.mustache",
            text: #"""
<section>
<h2>Around <time>{{time}}</time>{{#host}} on <a href="/hosts/{{urlHost}}">{{.}}</a>{{/host}}</h2>
<div class="line meta"><span>{{from}} to {{to}}</span>
<a href="{{earlier}}">earlier</a> <a href="{{later}}">later</a> <a href="{{wider}}">wider</a> <a href="{{narrower}}">narrower</a>{{#everywhere}} <a href="{{.}}">all hosts</a>{{/everywhere}}</div>
</section>
<section>
<h2>What happened</h2>
{{#hasItems}}
<ol class="timeline">
{{#items}}
{{#isFirstAfter}}<li class="moment"><span>{{moment}}</span></li>{{/isFirstAfter}}
<li class="{{level}}"><time datetime="{{exact}}">{{time}}</time><span class="badge {{level}}">{{kind}}</span><span class="what">{{#link}}<a href="{{.}}">{{text}}</a>{{/link}}{{^link}}{{text}}{{/link}}</span></li>
{{/items}}
</ol>
{{/hasItems}}
{{^hasItems}}<p class="quiet">No alert, commit, drift or change of a host.</p>{{/hasItems}}
</section>
<section>
<h2>What moved <span class="count">{{moveCount}}</span></h2>
{{#hasMoves}}
<table class="stack moves">
<thead><tr><th>Metric</th><th>Before</th><th>Around</th><th>Change</th><th>How unusual</th></tr></thead>
<tbody>
{{#moves}}
<tr>
<td data-label="Metric"><code>{{name}}</code><div class="meta">{{labels}}</div></td>
<td data-label="Before" class="number">{{before}}</td>
<td data-label="Around" class="number">{{during}}</td>
<td data-label="Change" class="number whole">{{change}}</td>
<td data-label="How unusual" class="unusual">{{{bar}}}<span class="meta number">{{score}}</span></td>
</tr>
{{/moves}}
</tbody>
</table>
<p class="meta">The number says how many of its usual deviations a series was away from its usual value, measured over twice as long before.</p>
{{/hasMoves}}
{{^hasMoves}}<p class="quiet">No single series moved.</p>{{/hasMoves}}
{{#sources}}<p class="quiet">{{.}}</p>{{/sources}}
{{#remarks}}<p class="meta">{{.}}</p>{{/remarks}}
</section>

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/changes.mustache",
            text: #"""
{{#problems}}<div class="problem"><code>{{.}}</code></div>{{/problems}}
{{#changes}}
<div class="change">
<div><strong>{{kind}}/{{name}}</strong>{{#host}} on {{host}}{{/host}} <span class="meta">{{action}} · {{cause}}{{#result}} · {{result}}{{/result}}</span></div>
{{#changedBy}}<div class="meta">changed by {{changedBy}}</div>{{/changedBy}}
{{#error}}<div class="problem">{{error}}</div>{{/error}}
{{#hasFields}}
<table class="fields"><tbody>
{{#fields}}<tr><th><code>{{path}}</code></th><td class="live"><span class="sign">−</span><code>{{live}}</code></td><td class="declared"><span class="sign">+</span><code>{{declared}}</code></td></tr>
{{/fields}}
</tbody></table>
{{/hasFields}}
</div>
{{/changes}}

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/config.mustache",
            text: #"""
<section>
<h2>What runs <span class="count">generation {{generation}}</span></h2>
<div class="meta">digest <code>{{digest}}</code></div>
<table class="stack">
<thead><tr><th>Resource</th><th>Health</th><th>Owner</th><th>Last changed</th><th>Declared at</th></tr></thead>
<tbody>
{{#resources}}
<tr>
<td data-label="Resource"><strong>{{kind}}/{{name}}</strong><details><summary>spec</summary><code class="spec">{{spec}}</code></details></td>
<td data-label="Health"><span class="badge {{class}}">{{health}}</span></td>
<td data-label="Owner" class="whole">{{owner}}</td>
<td data-label="Last changed" class="meta">{{changedBy}}</td>
<td data-label="Declared at" class="meta">{{source}}</td>
</tr>
{{/resources}}
</tbody>
</table>
{{^resources}}<p class="quiet">Nothing is stored yet.</p>{{/resources}}
</section>

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/drift.mustache",
            text: #"""
<section>
<h2>{{heading}}</h2>
{{#reports}}{{> reportSummary}}{{/reports}}
{{^reports}}<p class="quiet">No report yet.</p>{{/reports}}
</section>

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/events.mustache",
            text: #"""
<section>
<h2>Events per day</h2>
<table class="stack">
<thead><tr><th>Source</th>{{#days}}<th>{{day}}</th>{{/days}}<th>All</th><th>Last</th></tr></thead>
<tbody>
{{#sources}}
<tr><td data-label="Source"><strong>{{name}}</strong></td>{{#cells}}<td data-label="{{day}}" class="number">{{count}}</td>{{/cells}}<td data-label="All" class="number">{{total}}</td><td data-label="Last" class="meta">{{last}}</td></tr>
{{/sources}}
</tbody>
</table>
{{^sources}}<p class="quiet">No event in the last two weeks.</p>{{/sources}}
</section>
<section>
<h2>Types</h2>
<table class="stack"><thead><tr><th>Type</th><th>Events</th></tr></thead><tbody>
{{#types}}<tr><td data-label="Type">{{name}}</td><td data-label="Events" class="number">{{count}}</td></tr>
{{/types}}
</tbody></table>
{{^types}}<p class="quiet">None.</p>{{/types}}
</section>
{{#hasDomains}}
<section>
<h2>Domains</h2>
<table class="stack"><thead><tr><th>Domain</th><th>Events</th></tr></thead><tbody>
{{#domains}}<tr><td data-label="Domain">{{name}}</td><td data-label="Events" class="number">{{count}}</td></tr>
{{/domains}}
</tbody></table>
</section>
{{/hasDomains}}
<section>
<h2>Pipelines</h2>
<table class="stack"><thead><tr><th>Pipeline</th><th>Last run</th><th>Documents</th><th>Waiting</th><th>Dead letters</th></tr></thead><tbody>
{{#pipelines}}<tr><td data-label="Pipeline"><strong>{{name}}</strong></td><td data-label="Last run"><span class="badge {{badge}}">{{status}}</span> {{when}}{{#error}}<div class="meta">{{error}}</div>{{/error}}</td><td data-label="Documents">{{counts}}</td><td data-label="Waiting">{{waiting}}</td><td data-label="Dead letters" class="number">{{dead}}</td></tr>
{{/pipelines}}
</tbody></table>
{{^pipelines}}<p class="quiet">No pipeline has run.</p>{{/pipelines}}
</section>
<section>
<h2>Dead letters</h2>
<table class="stack"><thead><tr><th>Document</th><th>Pipeline</th><th>Reason</th><th>Attempts</th><th>Last</th></tr></thead><tbody>
{{#letters}}<tr><td data-label="Document"><code>{{document}}</code></td><td data-label="Pipeline">{{pipeline}}</td><td data-label="Reason">{{reason}}</td><td data-label="Attempts" class="number">{{attempts}}</td><td data-label="Last" class="meta">{{when}}</td></tr>
{{/letters}}
</tbody></table>
{{^letters}}<p class="quiet">None.</p>{{/letters}}
</section>

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/fleet.mustache",
            text: #"""
{{#commit}}
<section class="commit {{outcomeClass}}">
<div class="line">
<span class="badge {{outcomeClass}}">{{outcomeText}}</span>
<span class="subject">{{subject}}</span>
</div>
<div class="meta">commit <code>{{shortId}}</code> by {{author}}, {{committedAgo}}; compared {{checkedAgo}}</div>
{{#hasNotices}}
<ul class="problems">{{#notices}}<li>{{.}}</li>{{/notices}}</ul>
{{/hasNotices}}
{{#hasProblems}}
<ul class="problems">{{#problems}}<li><code>{{.}}</code></li>{{/problems}}</ul>
{{/hasProblems}}
</section>
{{/commit}}
{{^commit}}
<section class="commit muted">
<div class="line"><span class="badge muted">waiting</span><span class="subject">No reconcile run has reported yet</span></div>
<div class="meta">gitops-sync sends its first report when it has compared git with what runs.</div>
</section>
{{/commit}}

<section>
<h2>Alerts <span class="count">{{firingCount}} firing</span></h2>
{{#hasAlerts}}
<table class="stack">
<thead><tr><th>State</th><th>Alert</th><th>Where</th><th>Value</th><th>Since</th><th>Declared by</th></tr></thead>
<tbody>
{{#alerts}}
<tr>
<td data-label="State"><span class="badge {{class}}">{{state}}</span></td>
<td data-label="Alert"><strong>{{rule}}</strong>{{#summary}}<div class="meta">{{summary}}</div>{{/summary}}</td>
<td data-label="Where">{{labels}}</td>
<td data-label="Value" class="number">{{value}}</td>
<td data-label="Since"><a href="{{around}}" title="What else happened then">{{since}}</a></td>
<td data-label="Declared by" class="meta">{{provenance}}</td>
</tr>
{{/alerts}}
</tbody>
</table>
{{/hasAlerts}}
{{^hasAlerts}}<p class="quiet">Nothing is firing.</p>{{/hasAlerts}}
</section>

<section>
<h2>Hosts <span class="count">{{hostCount}}</span></h2>
<div class="hosts">
{{#hosts}}
<article class="host {{status}}">
<h3><a href="/hosts/{{urlName}}">{{name}}</a><span class="badge {{status}}">{{status}}</span></h3>
<div class="meta">{{seen}}{{#agent}} · config {{agent}}{{/agent}}</div>
<dl>
{{#charts}}
<div><dt>{{label}}</dt><dd class="number">{{latest}}</dd><dd class="spark">{{{svg}}}</dd></div>
{{/charts}}
</dl>
</article>
{{/hosts}}
</div>
{{^hosts}}<p class="quiet">No host has reported yet. Start an agent with a token of scope <code>ingest</code>.</p>{{/hosts}}
</section>

<section>
<h2>Drift and changes</h2>
{{#reports}}{{> reportSummary}}{{/reports}}
{{^reports}}<p class="quiet">Nothing has changed yet.</p>{{/reports}}
</section>

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/host.mustache",
            text: #"""
<section>
<h2>{{name}} <span class="badge {{status}}">{{status}}</span></h2>
<div class="meta">{{seen}}{{#agent}} · config {{agent}}{{/agent}}{{#groups}} · {{groups}}{{/groups}} · <a href="{{around}}">around its last sign of life</a> · <a href="/logs?host={{urlName}}">logs</a></div>
<div class="charts">
{{#charts}}
<figure><figcaption>{{label}} <span class="number">{{latest}}</span></figcaption>{{{svg}}}<div class="axis"><span>{{from}}</span><span>now</span></div><code class="query">{{query}}</code></figure>
{{/charts}}
</div>
</section>
<section>
<h2>Collectors</h2>
<table class="stack"><thead><tr><th>Collector</th><th>State</th><th>Digest</th></tr></thead><tbody>
{{#collectors}}<tr><td data-label="Collector">{{name}}</td><td data-label="State"><span class="badge {{class}}">{{state}}</span>{{#error}} {{error}}{{/error}}</td><td data-label="Digest"><code>{{digest}}</code></td></tr>
{{/collectors}}
</tbody></table>
{{^collectors}}<p class="quiet">The agent has not said what it runs.</p>{{/collectors}}
</section>

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/layout.mustache",
            text: #"""
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}} · Plumbline</title>
<link rel="icon" href="/assets/plumb.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/style.css">
{{#isLive}}
<script src="/assets/live.js" defer></script>
<noscript><meta http-equiv="refresh" content="15"></noscript>
{{/isLive}}
</head>
<body>
<header>
<a class="brand" href="/"><img src="/assets/plumb.svg" alt="" width="26" height="26">Plumbline</a>
<nav><a href="/">Fleet</a><a href="/logs">Logs</a><a href="/events">Events</a><a href="/drift">Drift</a><a href="/plans">Plans</a><a href="/around">Around</a><a href="/config">Config</a></nav>
<form method="post" action="/logout"><button>Log out</button></form>
</header>
<main{{#isLive}} id="live"{{/isLive}}>
{{#warning}}<p class="warning" role="alert">{{warning}}</p>{{/warning}}
{{{content}}}
</main>
<footer>As of <time>{{now}}</time>, server {{version}}</footer>
</body>
</html>

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/live.js",
            text: #"""
// Keeps the page fresh without a reload: every five seconds the same page is fetched and its main part replaced. Open
// details stay open, a page in the background rests, and without this script the page reloads by itself.
"use strict";
let edited = false;
// What somebody types into a form must not be taken away.
document.addEventListener("input", () => { edited = true; });
const freshen = async () => {
  if (document.hidden || edited) return;
  try {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const open = [...document.querySelectorAll("details")].map((element) => element.open);
    for (const part of ["main", "footer"]) document.querySelector(part).replaceWith(page.querySelector(part));
    document.querySelectorAll("details").forEach((element, index) => { element.open = open[index] ?? false; });
  } catch { /* The server is away: the next round tries again, and the footer says how old the page is. */ }
};
setInterval(freshen, 5000);

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/login.mustache",
            text: #"""
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in · Plumbline</title>
<link rel="icon" href="/assets/plumb.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/style.css">
</head>
<body class="gate">
<main>
<h1><img src="/assets/plumb.svg" alt="" width="40" height="40"> Plumbline</h1>
<p>{{message}}</p>
<p>Get a one-time link on the machine that runs the platform:</p>
<pre>plumb login</pre>
</main>
</body>
</html>

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/logs.mustache",
            text: #"""
<section>
<h2>Logs <span class="count">{{count}}</span></h2>
<form class="search" method="get" action="/logs">
<label>Text<input name="text" value="{{text}}" placeholder="part of a message"></label>
<label>Host<input name="host" value="{{host}}"></label>
<label>At least<select name="level">{{#levels}}<option value="{{value}}"{{#isSelected}} selected{{/isSelected}}>{{label}}</option>{{/levels}}</select></label>
<label>Source<input name="source" value="{{source}}"></label>
<label>File<input name="path" value="{{path}}" placeholder="/var/log/*"></label>
<label>From<input name="from" value="{{from}}" placeholder="15m or a time"></label>
<label>To<input name="to" value="{{to}}" placeholder="now"></label>
<button>Search</button>
</form>
{{#problem}}<p class="problem">{{problem}}</p>{{/problem}}
{{#hasLines}}
<table class="stack lines">
<thead><tr><th>Time</th><th>Host</th><th>Level</th><th>Message</th></tr></thead>
<tbody>
{{#lines}}
<tr>
<td data-label="Time" class="whole"><time>{{time}}</time></td>
<td data-label="Host" class="whole"><a href="{{hostLink}}">{{host}}</a><div class="meta">{{source}}</div></td>
<td data-label="Level"><span class="badge {{class}}">{{level}}</span></td>
<td data-label="Message"><code class="line-text">{{message}}</code>{{#details}}<details><summary>{{summary}}</summary><code class="spec">{{details}}</code></details>{{/details}}</td>
</tr>
{{/lines}}
</tbody>
</table>
{{/hasLines}}
{{^hasLines}}<p class="quiet">No line was found.</p>{{/hasLines}}
<p class="pages">{{#newest}}<a href="{{newest}}">Newest</a>{{/newest}}{{#older}}<a href="{{older}}">Older</a>{{/older}}</p>
</section>

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/plans.mustache",
            text: #"""
<section>
<h2>Plans of branches</h2>
<p class="meta">What branches would change that are not enforced. They are planned again when they move.</p>
{{#plans}}
<article class="report">
<div class="line">
<span class="badge {{class}}">{{verdict}}</span>
<strong class="subject">{{branch}}</strong>
</div>
<div class="meta">commit <code>{{shortHead}}</code>{{#subject}} “{{subject}}”{{/subject}}{{#author}} by {{author}}{{/author}}, planned {{when}} by {{source}}</div>
{{#error}}<div class="problem">{{error}}</div>{{/error}}
{{#refusals}}<div class="problem">{{.}}</div>{{/refusals}}
{{> changes}}
{{#more}}<div class="meta">and {{more}} more; <code>gitops-sync plan --preview {{branch}}</code> lists all</div>{{/more}}
</article>
{{/plans}}
{{^plans}}<p class="quiet">No branch is planned. <code>previews: ["plan/*"]</code> in gitops-sync's bootstrap config names those that are.</p>{{/plans}}
{{#leftOff}}<p class="quiet">Not planned, because there are too many: {{leftOff}}</p>{{/leftOff}}
</section>

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/plumb.svg",
            text: #"""
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M6 4h20" stroke="#7a8794" stroke-width="2.5" stroke-linecap="round"/><path d="M16 4v13" stroke="#7a8794" stroke-width="1.6"/><path d="M10.5 17h11l-5.5 12z" fill="#d08a1d"/><path d="M16 17h5.5L16 29z" fill="#a96b0e"/></svg>

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/problem.mustache",
            text: #"""
<section>
<h2>{{heading}}</h2>
<p>{{message}}</p>
<p><a href="/">To the fleet</a></p>
</section>

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/reportSummary.mustache",
            text: #"""
<article class="report">
<div class="line">
<span class="badge {{outcomeClass}}">{{outcomeText}}</span>
<a class="subject" href="/drift/{{id}}">{{headline}}</a>
</div>
<div class="meta">{{when}}{{#shortId}}, commit <code>{{shortId}}</code>{{/shortId}}{{#subject}} “{{subject}}”{{/subject}}, {{trigger}}</div>
{{> changes}}
{{#more}}<div class="meta">and {{more}} more, see the whole report</div>{{/more}}
</article>

"""#),
        Asset(
            path: "Sources/Core/Assets/Dashboard/style.css",
            text: #"""
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f5f1, #14171a);
  --paper: light-dark(#ffffff, #1c2125);
  --ink: light-dark(#1d2429, #e6e9eb);
  --soft: light-dark(#5b6770, #9aa6ae);
  --rule: light-dark(#e0ddd4, #2d353b);
  --accent: light-dark(#a96b0e, #e3a53f);
  --good: light-dark(#1f7a4d, #55c08b);
  --warn: light-dark(#a86400, #e9ab3f);
  --bad: light-dark(#b3261e, #f2766d);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
a { color: inherit; text-decoration-color: var(--rule); text-underline-offset: 3px; }
a:hover { text-decoration-color: var(--accent); }
code, pre { font: 0.88em/1.45 ui-monospace, "Liberation Mono", monospace; overflow-wrap: anywhere; }
header { display: flex; align-items: center; gap: 1.5rem; padding: 0.7rem clamp(1rem, 4vw, 2.5rem); background: var(--paper); border-bottom: 1px solid var(--rule); }
header nav { display: flex; gap: 1.1rem; flex: 1; }
header nav a, header .brand { text-decoration: none; }
header nav a:hover { color: var(--accent); }
.brand { display: flex; align-items: center; gap: 0.5rem; font-weight: 650; letter-spacing: -0.01em; }
header button { font: inherit; font-size: 0.85rem; color: var(--soft); background: none; border: 1px solid var(--rule); border-radius: 6px; padding: 0.15rem 0.6rem; cursor: pointer; }
main { max-width: 1180px; margin: 0 auto; padding: 1.2rem clamp(1rem, 4vw, 2.5rem) 2rem; }
footer { max-width: 1180px; margin: 0 auto; padding: 0 clamp(1rem, 4vw, 2.5rem) 2rem; color: var(--soft); font-size: 0.82rem; }
h2 { font-size: 1.02rem; margin: 1.8rem 0 0.7rem; display: flex; align-items: center; gap: 0.6rem; }
h2 .count { font-weight: 400; color: var(--soft); font-size: 0.88rem; }
.meta { color: var(--soft); font-size: 0.85rem; overflow-wrap: anywhere; }
.whole { white-space: nowrap; }
.quiet { color: var(--soft); }
.warning { margin: 0 0 1rem; padding: 0.6rem 1rem; border-left: 4px solid var(--bad); background: var(--paper); color: var(--bad); font-weight: 600; }
.number { font-variant-numeric: tabular-nums; }
.line { display: flex; align-items: baseline; gap: 0.6rem; flex-wrap: wrap; }
.subject { font-weight: 600; }
.badge { display: inline-block; font-size: 0.74rem; font-weight: 600; line-height: 1; padding: 0.28em 0.6em; border-radius: 1em; border: 1px solid currentColor; white-space: nowrap; color: var(--soft); }
.badge.good, .badge.ok { color: var(--good); }
.badge.warn, .badge.stale, .badge.pending { color: var(--warn); }
.badge.bad, .badge.down, .badge.firing { color: var(--bad); }
.commit, .report, .host, figure, table.stack { background: var(--paper); border: 1px solid var(--rule); border-radius: 10px; }
.commit { padding: 0.9rem 1.1rem; border-left: 4px solid var(--soft); }
.commit.good { border-left-color: var(--good); } .commit.warn { border-left-color: var(--warn); } .commit.bad { border-left-color: var(--bad); }
.problems { margin: 0.5rem 0 0; padding-left: 1.1rem; } .problem { color: var(--bad); font-size: 0.88rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
table.stack { border-spacing: 0; overflow: hidden; }
table.stack th { text-align: left; font-size: 0.78rem; font-weight: 600; color: var(--soft); }
table.stack th, table.stack td { padding: 0.5rem 0.8rem; border-bottom: 1px solid var(--rule); vertical-align: top; }
table.stack tbody tr:last-child td { border-bottom: 0; }
.hosts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(270px, 100%), 1fr)); gap: 0.8rem; }
.host { padding: 0.8rem 1rem; border-top: 3px solid var(--soft); }
.host.ok { border-top-color: var(--good); } .host.stale { border-top-color: var(--warn); } .host.down { border-top-color: var(--bad); }
.host h3 { margin: 0; font-size: 1rem; display: flex; justify-content: space-between; align-items: center; gap: 0.5rem; overflow-wrap: anywhere; }
.host dl { margin: 0.6rem 0 0; display: grid; gap: 0.3rem; }
.host dl > div { display: grid; grid-template-columns: 4.6rem 4.4rem 1fr; align-items: center; gap: 0.5rem; }
dt { color: var(--soft); font-size: 0.84rem; } dd { margin: 0; } dd.number { text-align: right; font-size: 0.9rem; }
svg.spark { display: block; width: 100%; height: 26px; } svg.chart { display: block; width: 100%; height: 120px; }
svg .area { fill: var(--accent); opacity: 0.14; } svg .stroke { fill: none; stroke: var(--accent); stroke-width: 1.5; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
svg .mark { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 3; vector-effect: non-scaling-stroke; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr)); gap: 0.8rem; margin-top: 0.9rem; }
figure { margin: 0; padding: 0.8rem 1rem; } figcaption { display: flex; justify-content: space-between; font-weight: 600; margin-bottom: 0.4rem; }
.axis { display: flex; justify-content: space-between; color: var(--soft); font-size: 0.75rem; } .query { display: block; color: var(--soft); font-size: 0.72rem; margin-top: 0.3rem; }
.report { padding: 0.8rem 1.1rem; margin-bottom: 0.7rem; }
.change { margin-top: 0.6rem; padding-left: 0.8rem; border-left: 2px solid var(--rule); }
table.fields { width: auto; margin-top: 0.25rem; font-size: 0.9rem; } table.fields th { font-weight: 400; text-align: left; color: var(--soft); }
table.fields th, table.fields td { padding: 0.08rem 1rem 0.08rem 0; vertical-align: top; }
.fields .live { color: var(--bad); } .fields .declared { color: var(--good); } .sign { margin-right: 0.35em; }
.spec { display: block; max-width: 46rem; white-space: pre-wrap; margin-top: 0.3rem; } summary { color: var(--soft); font-size: 0.82rem; cursor: pointer; }
.gate main { max-width: 26rem; margin: 16vh auto 0; text-align: center; } .gate h1 { display: flex; justify-content: center; align-items: center; gap: 0.6rem; }
.gate pre { background: var(--paper); border: 1px solid var(--rule); border-radius: 8px; padding: 0.7rem; }
.timeline { list-style: none; margin: 0; padding: 0.3rem 0; background: var(--paper); border: 1px solid var(--rule); border-radius: 10px; }
.timeline li { display: grid; grid-template-columns: 5.2rem 5rem 1fr; gap: 0.6rem; align-items: baseline; padding: 0.4rem 1.1rem; }
.timeline time { color: var(--soft); font-variant-numeric: tabular-nums; font-size: 0.88rem; } .timeline .badge { justify-self: start; } .timeline .what { overflow-wrap: anywhere; }
.timeline .moment { display: flex; align-items: center; color: var(--accent); font-size: 0.78rem; padding-block: 0.15rem; } .timeline .moment::before, .timeline .moment::after { content: ""; flex: 1; height: 1px; background: var(--accent); opacity: 0.5; }
.moves .meta { overflow-wrap: anywhere; } .unusual { min-width: 8rem; } svg.strength { display: block; width: 100%; height: 6px; margin: 0.5rem 0 0.1rem; fill: var(--soft); } svg.strength .ground { fill: var(--rule); } svg.strength.warn { fill: var(--warn); } svg.strength.bad { fill: var(--bad); }
form.search { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.2rem, 1fr)); gap: 0.6rem; align-items: end; margin-bottom: 0.9rem; }
form.search label { display: grid; gap: 0.15rem; font-size: 0.78rem; color: var(--soft); min-width: 0; }
form.search label:first-child { grid-column: span 2; }
form.search input, form.search select, form.search button { font: inherit; font-size: 0.92rem; color: var(--ink); background: var(--paper); border: 1px solid var(--rule); border-radius: 6px; padding: 0.35rem 0.55rem; width: 100%; height: 2.3rem; }
form.search button { border-color: var(--accent); color: var(--accent); cursor: pointer; }
table.lines { font-size: 0.86rem; } table.lines td { padding-top: 0.3rem; padding-bottom: 0.3rem; }
.line-text { white-space: pre-wrap; } .pages { display: flex; gap: 1.2rem; }
@media (max-width: 640px) {
  .timeline li { grid-template-columns: 4.6rem 1fr; } .timeline .what { grid-column: 1 / -1; }
  header { flex-wrap: wrap; gap: 0.4rem 1rem; }
  table.stack thead { display: none; }
  table.stack tr { display: block; padding: 0.6rem 0.9rem; border-bottom: 1px solid var(--rule); }
  table.stack td { display: block; position: relative; min-height: 1.5em; padding: 0.12rem 0 0.12rem 6.9rem; border: 0; }
  table.stack td::before { content: attr(data-label); position: absolute; left: 0; color: var(--soft); font-size: 0.8rem; }
  table.fields tr { display: block; margin-bottom: 0.3rem; } table.fields td, table.fields th { display: block; }
}

"""#),
    ]
}
