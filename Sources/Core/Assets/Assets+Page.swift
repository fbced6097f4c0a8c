// Written by scripts/generate-assets from Sources/Core/Assets/Page/. Do not edit.
// swift-format-ignore-file

extension Assets {
    /// The files of `Sources/Core/Assets/Page/`, sorted by path.
    package static let page: [Asset] = [
        Asset(
            path: "Sources/Core/Assets/Page/feed.mustache",
            text: #"""
<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<title>{{title}}: incidents</title>
<id>{{id}}</id>
<updated>{{updated}}</updated>
<author><name>{{title}}</name></author>
<link rel="self" type="application/atom+xml" href="{{base}}incidents.atom"/>
<link rel="alternate" type="text/html" href="{{base}}index.html"/>
{{#entries}}
<entry>
<title>{{title}} ({{status}})</title>
<id>urn:plumbline:incident:{{id}}</id>
<updated>{{updated}}</updated>
<published>{{start.exact}}</published>
<link rel="alternate" type="text/html" href="{{base}}history.html#incident-{{id}}"/>
<category term="{{severity}}"/>
<summary>{{when}}{{#detail}} · {{detail}}{{/detail}}</summary>
</entry>
{{/entries}}
</feed>

"""#),
        Asset(
            path: "Sources/Core/Assets/Page/head.mustache",
            text: #"""
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'">
<meta http-equiv="refresh" content="60">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Plumbline {{version}}">
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="page.css">
<link rel="alternate" type="application/atom+xml" title="{{title}}: incidents" href="incidents.atom">

"""#),
        Asset(
            path: "Sources/Core/Assets/Page/history.mustache",
            text: #"""
<!doctype html>
<html lang="en">
<head>
{{> head}}
<title>{{title}}: incidents</title>
</head>
<body>
<header>
<h1><a href="index.html"><img src="icon.svg" alt="" width="34" height="34">{{title}}</a></h1>
<p>Incidents of the last {{incidentDays}} days</p>
</header>
<main>
{{> stale}}
{{#months}}
<section>
<h2>{{name}}</h2>
{{#incidents}}
<article class="incident {{level}}" id="incident-{{id}}">
<h3><a href="#incident-{{id}}">{{title}}</a><span class="badge {{level}}">{{severity}}</span></h3>
<p class="meta">{{when}}{{#detail}} · {{detail}}{{/detail}}</p>
</article>
{{/incidents}}
</section>
{{/months}}
{{^months}}<p class="quiet">There was none.</p>{{/months}}
</main>
<footer>
<p><a href="index.html">Back to the status</a> · as of <time datetime="{{asOf.exact}}">{{asOf.text}}</time> · <a href="incidents.atom">Feed</a></p>
</footer>
</body>
</html>

"""#),
        Asset(
            path: "Sources/Core/Assets/Page/icon.svg",
            text: #"""
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M6 4h20" stroke="#7a8794" stroke-width="2.5" stroke-linecap="round"/><path d="M16 4v13" stroke="#7a8794" stroke-width="1.6"/><path d="M10.5 17h11l-5.5 12z" fill="#d08a1d"/><path d="M16 17h5.5L16 29z" fill="#a96b0e"/></svg>

"""#),
        Asset(
            path: "Sources/Core/Assets/Page/incident.mustache",
            text: #"""
<article class="incident {{level}}">
<h3><a href="history.html#incident-{{id}}">{{title}}</a><span class="badge {{level}}">{{severity}}</span></h3>
<p class="meta">{{when}}{{#detail}} · {{detail}}{{/detail}}</p>
</article>

"""#),
        Asset(
            path: "Sources/Core/Assets/Page/index.mustache",
            text: #"""
<!doctype html>
<html lang="en">
<head>
{{> head}}
<title>{{title}}: {{headline}}</title>
{{#description}}<meta name="description" content="{{description}}">
{{/description}}
</head>
<body>
<header>
<h1><img src="icon.svg" alt="" width="34" height="34">{{title}}</h1>
{{#description}}<p>{{description}}</p>{{/description}}
{{#hasLinks}}<nav>{{#links}}<a href="{{url}}">{{title}}</a>{{/links}}</nav>{{/hasLinks}}
</header>
<main>
{{> stale}}
<section class="banner {{level}}">
<h2><span class="mark {{level}}" aria-hidden="true"></span>{{headline}}</h2>
<p>as of <time datetime="{{asOf.exact}}">{{asOf.text}}</time></p>
</section>
{{#hasOngoing}}
<section class="ongoing">
<h2>Happening now</h2>
{{#ongoing}}{{> incident}}{{/ongoing}}
</section>
{{/hasOngoing}}
{{#groups}}
<section class="group">
{{#name}}<h2>{{name}}</h2>{{/name}}
<div class="card">
{{#components}}
<article class="component">
<div class="line"><h3>{{name}}</h3><span class="state {{level}}"><span class="mark {{level}}" aria-hidden="true"></span>{{state}}</span></div>
{{#about}}<p class="meta">{{about}}</p>{{/about}}
{{{bars}}}
<div class="axis"><span>{{oldest}}</span><span class="rule"></span><span>{{uptime}}</span><span class="rule"></span><span>today</span></div>
</article>
{{/components}}
</div>
</section>
{{/groups}}
<section>
<h2>Past incidents</h2>
{{#recent}}{{> incident}}{{/recent}}
{{^hasRecent}}<p class="quiet">No incident ended in the last {{incidentDays}} days.</p>{{/hasRecent}}
<p class="meta"><a href="history.html">All incidents of the last {{incidentDays}} days</a></p>
</section>
<section class="facts">
{{#hosts}}
<div class="fact">
<h2>Hosts</h2>
<p><span class="mark {{level}}" aria-hidden="true"></span>{{text}}</p>
{{#hasHosts}}<ul class="hosts">{{#hosts}}<li class="{{level}}"><span class="mark {{level}}" aria-hidden="true"></span>{{name}} <span class="meta">{{status}}</span></li>{{/hosts}}</ul>{{/hasHosts}}
</div>
{{/hosts}}
{{#commit}}
<div class="fact">
<h2>Configuration</h2>
<p><span class="mark {{level}}" aria-hidden="true"></span>{{outcome}}</p>
<p class="meta">Commit <code>{{shortId}}</code>{{#subject}} “{{subject}}”{{/subject}}{{#author}} by {{author}}{{/author}}{{#committed}}, <time datetime="{{exact}}">{{text}}</time>{{/committed}}</p>
</div>
{{/commit}}
</section>
</main>
<footer>
<p>Generated from live data as of <time datetime="{{asOf.exact}}">{{asOf.text}}</time>. <a href="incidents.atom">Feed of incidents</a> · <a href="status.json">status.json</a></p>
</footer>
</body>
</html>

"""#),
        Asset(
            path: "Sources/Core/Assets/Page/page.css",
            text: #"""
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f5f1, #14171a);
  --paper: light-dark(#ffffff, #1c2125);
  --ink: light-dark(#1d2429, #e6e9eb);
  --soft: light-dark(#5b6770, #9aa6ae);
  --rule: light-dark(#e0ddd4, #2d353b);
  --good: light-dark(#1f7a4d, #3fa974);
  --warn: light-dark(#b06a00, #d99a2b);
  --bad: light-dark(#b3261e, #e0584e);
  --none: light-dark(#c9ccce, #444d54);
  --on: #ffffff;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: 3px; text-decoration-thickness: 1px; }
header, main, footer { max-width: 860px; margin: 0 auto; padding: 0 clamp(1rem, 4vw, 2rem); }
header { padding-top: clamp(1.5rem, 5vw, 3rem); padding-bottom: 1.2rem; }
header p { margin: 0.35rem 0 0; color: var(--soft); }
header nav { margin-top: 0.7rem; display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; font-size: 0.92rem; }
h1 { margin: 0; font-size: clamp(1.4rem, 4vw, 1.9rem); line-height: 1.2; letter-spacing: -0.02em; }
h1, h1 a { display: flex; align-items: center; gap: 0.6rem; text-decoration: none; }
h2 { font-size: 1.05rem; margin: 2rem 0 0.7rem; letter-spacing: -0.01em; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
.meta, .axis, footer { color: var(--soft); font-size: 0.86rem; }
.quiet { color: var(--soft); }
code { font: 0.92em ui-monospace, "Liberation Mono", monospace; }
.banner { border-radius: 12px; padding: 1.1rem 1.3rem; color: var(--on); background: light-dark(#69757e, #4d5860); display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0.2rem 1.5rem; }
.banner.good { background: light-dark(#1f7a4d, #1d6a45); } .banner.warn { background: light-dark(#a86400, #8a5a12); } .banner.bad { background: light-dark(#b3261e, #962f27); }
.banner h2 { margin: 0; font-size: clamp(1.15rem, 3.4vw, 1.45rem); display: flex; align-items: center; gap: 0.65rem; }
.banner p { margin: 0; font-size: 0.88rem; opacity: 0.92; }
.stale { border: 2px solid var(--warn); border-radius: 12px; background: light-dark(#fff6e0, #33280f); padding: 0.8rem 1.1rem; margin-bottom: 1rem; }
.mark { display: inline-grid; place-items: center; flex: none; width: 1.25em; height: 1.25em; border-radius: 50%; font-size: 0.8em; line-height: 1; font-weight: 700; color: var(--on); background: var(--none); vertical-align: -0.2em; margin-right: 0.4em; }
.mark.good { background: var(--good); } .mark.warn { background: var(--warn); } .mark.bad { background: var(--bad); }
.mark.good::before { content: "✓"; } .mark.warn::before { content: "!"; } .mark.bad::before { content: "✕"; } .mark.none::before { content: "?"; }
.banner h2 .mark { width: 1.5em; height: 1.5em; margin: 0; background: rgb(255 255 255 / 0.22); }
.card { background: var(--paper); border: 1px solid var(--rule); border-radius: 12px; }
.component { padding: 0.95rem 1.2rem 0.8rem; border-bottom: 1px solid var(--rule); }
.component:last-child { border-bottom: 0; }
.component p { margin: 0.1rem 0 0; }
.line { display: flex; justify-content: space-between; gap: 1rem; align-items: baseline; }
.state { display: inline-flex; align-items: center; white-space: nowrap; font-size: 0.9rem; font-weight: 600; color: var(--soft); }
.state.good { color: var(--good); } .state.warn { color: var(--warn); } .state.bad { color: var(--bad); }
svg.bars { display: block; width: 100%; height: 34px; margin: 0.6rem 0 0.3rem; }
svg.bars rect { fill: var(--none); } svg.bars .good { fill: var(--good); } svg.bars .warn { fill: var(--warn); } svg.bars .bad { fill: var(--bad); }
svg.bars rect:hover { opacity: 0.6; }
.axis { display: flex; align-items: center; gap: 0.7rem; font-size: 0.78rem; white-space: nowrap; }
.axis .rule { flex: 1; height: 1px; background: var(--rule); }
.incident { background: var(--paper); border: 1px solid var(--rule); border-left: 4px solid var(--none); border-radius: 10px; padding: 0.75rem 1.1rem; margin-bottom: 0.6rem; }
.incident.warn { border-left-color: var(--warn); } .incident.bad { border-left-color: var(--bad); }
.incident:target { outline: 2px solid var(--warn); outline-offset: 2px; }
.incident h3 { display: flex; justify-content: space-between; gap: 1rem; align-items: baseline; }
.incident h3 a { text-decoration: none; } .incident h3 a:hover { text-decoration: underline; }
.incident p { margin: 0.15rem 0 0; }
.badge { font-size: 0.74rem; font-weight: 600; line-height: 1; padding: 0.28em 0.6em; border-radius: 1em; border: 1px solid currentColor; color: var(--soft); white-space: nowrap; }
.badge.warn { color: var(--warn); } .badge.bad { color: var(--bad); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(280px, 100%), 1fr)); gap: 0 1.5rem; }
.fact p { margin: 0 0 0.3rem; overflow-wrap: anywhere; }
.hosts { list-style: none; margin: 0.4rem 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0.4rem; }
.hosts li { background: var(--paper); border: 1px solid var(--rule); border-radius: 8px; padding: 0.2rem 0.6rem; font-size: 0.9rem; overflow-wrap: anywhere; }
footer { padding-top: 1.5rem; padding-bottom: 2.5rem; }
footer p { border-top: 1px solid var(--rule); padding-top: 1rem; margin: 0; }
@media (max-width: 520px) {
  .axis .rule { display: none; } .axis { justify-content: space-between; gap: 0.5rem; font-size: 0.74rem; }
  .axis span:nth-child(3) { white-space: normal; text-align: center; }
  .component { padding: 0.8rem 0.9rem 0.7rem; } svg.bars { height: 30px; }
}

"""#),
        Asset(
            path: "Sources/Core/Assets/Page/stale.mustache",
            text: #"""
{{#unreachable}}
<section class="stale" role="alert">
<strong>These data may be old.</strong>
They are as of <time datetime="{{asOf.exact}}">{{asOf.text}}</time>; the platform could not be reached at <time datetime="{{exact}}">{{text}}</time>.
</section>
{{/unreachable}}

"""#),
    ]
}
