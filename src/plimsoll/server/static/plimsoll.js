// Keeps a page up to date: reads the server's events and changes what changed, in place, so that focus, open details
// and what somebody types stay. Without it a page is the same and wants reloading.
"use strict";

const FIRST_MS = 1000;
const MOST_MS = 15000;
const SILENT_MS = 20000; // the server says something every five seconds
let wait = FIRST_MS;
let stream = null;

async function listen() {
  if (stream || document.hidden) return;
  const mine = (stream = new AbortController());
  let silence = 0;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => mine.abort(), SILENT_MS);
  };
  try {
    heard();
    const address = "/live?page=" + encodeURIComponent(location.pathname + location.search);
    const answer = await fetch(address, { signal: mine.signal, headers: { accept: "text/event-stream" } });
    if (answer.status === 401) return over();
    if (!answer.ok) {
      const problem = await answer.json();
      say("wait", problem.error.text + " " + problem.error.hint);
      return again(mine);
    }
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ; ) {
      const { value, done } = await reader.read();
      if (done) break;
      heard();
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      for (const event of events) if (follow(event) === "over") return over();
    }
  } catch (problem) {
    if (!(problem instanceof TypeError) && problem.name !== "AbortError") console.error(problem);
  } finally {
    clearTimeout(silence);
  }
  if (stream === mine && !document.hidden) say("bad", "Connection lost. What you see may be out of date; trying again…");
  again(mine);
}

function again(mine) {
  if (stream !== mine) return;
  stream = null;
  setTimeout(listen, wait * (0.75 + Math.random() / 2));
  wait = Math.min(wait * 2, MOST_MS);
}

function follow(event) {
  const name = /^event: (.*)$/m.exec(event);
  const data = /^data: (.*)$/m.exec(event);
  if (wait !== FIRST_MS || !document.documentElement.dataset.live) {
    wait = FIRST_MS;
    document.documentElement.dataset.live = "yes";
    say("", "");
    liveness("This page keeps itself up to date.");
  }
  if (!name) return "";
  const content = JSON.parse(data[1]);
  if (name[1] === "problem") say(content.text ? "bad" : "", content.text);
  if (name[1] === "pieces") for (const [id, html] of Object.entries(content)) change(id, html);
  return name[1];
}

function over() {
  stream = "over";
  liveness("This page is not kept up to date any more.");
  say("bad", "You were logged out, your roles changed, or the server was started anew. ");
  const link = document.createElement("a");
  link.href = location.href;
  link.textContent = "Load the page again";
  document.querySelector("#connection .notice p").append(link);
}

function say(tone, text) {
  const place = document.getElementById("connection");
  place.hidden = !text;
  place.replaceChildren();
  if (!text) return;
  const notice = document.createElement("div");
  notice.className = "notice " + tone;
  const words = document.createElement("p");
  words.textContent = text;
  notice.append(words);
  place.append(notice);
  if (tone === "bad") document.documentElement.dataset.live = "";
}

function liveness(text) {
  const place = document.getElementById("liveness");
  if (place) place.textContent = text;
}

// One piece of the page becomes what the server sent: elements that are still there stay and are only changed.
function change(id, html) {
  const place = document.getElementById(id);
  if (!place) return;
  const wanted = document.createElement("template");
  wanted.innerHTML = html;
  children(place, wanted.content);
}

function children(place, wanted) {
  const keyed = new Map();
  for (const child of place.children) if (child.id) keyed.set(child.id, child);
  let here = place.firstChild;
  for (const next of [...wanted.childNodes]) {
    let same = next.id ? keyed.get(next.id) : null;
    if (!same && here && alike(here, next)) same = here;
    if (!same) {
      place.insertBefore(next, here);
    } else {
      if (same !== here) place.insertBefore(same, here);
      else here = here.nextSibling;
      node(same, next);
    }
  }
  while (here) {
    const gone = here;
    here = here.nextSibling;
    gone.remove();
  }
}

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && (one.id || "") === (other.id || "");
}

function node(one, other) {
  if (one.nodeType !== Node.ELEMENT_NODE) {
    if (one.nodeValue !== other.nodeValue) one.nodeValue = other.nodeValue;
    return;
  }
  for (const { name } of [...one.attributes])
    if (!other.hasAttribute(name) && !(name === "open" && one.nodeName === "DETAILS")) one.removeAttribute(name);
  for (const { name, value } of [...other.attributes])
    if (one.getAttribute(name) !== value && !(name === "open" && one.nodeName === "DETAILS")) one.setAttribute(name, value);
  if (one.nodeName !== "SELECT") children(one, other);
}

// How long ago things were, told anew while the page stands open.
function tick() {
  const now = Date.now();
  for (const span of document.querySelectorAll("[data-ago]")) {
    const seconds = (now - Date.parse(span.closest("time").dateTime)) / 1000;
    const text = ago(seconds);
    if (span.textContent !== text) span.textContent = text;
  }
}

function ago(seconds) {
  if (seconds < 5) return "just now";
  if (seconds >= 172800) return Math.floor(seconds / 86400) + " days ago";
  if (seconds >= 3600) return Math.floor(seconds / 3600) + " h ago";
  if (seconds >= 60) return Math.floor(seconds / 60) + " min ago";
  return Math.floor(seconds) + " s ago";
}

if (document.body.hasAttribute("data-live")) {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && stream instanceof AbortController) {
      const mine = stream;
      stream = null;
      mine.abort();
    } else listen();
  });
  setInterval(tick, 1000);
  listen();
}
