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
