// Numbers as people read them, and elements with text (never markup) inside.

const NO_VALUE = "–";

function whole(n) {
  return Number.isFinite(n) ? (Math.round(n) + 0).toLocaleString("en-US") : NO_VALUE; // no -0
}

function km(n) {
  return Number.isFinite(n) ? `${whole(n)} km` : NO_VALUE;
}

function decimals(n, digits) {
  return Number.isFinite(n) ? n.toFixed(digits) : NO_VALUE;
}

function ms(n, digits = 2) {
  return Number.isFinite(n) ? `${n.toFixed(digits)} ms` : NO_VALUE;
}

// Bundles wait for hours.
function latencyText(n, digits) {
  if (n === null || n < 1e4) return ms(n, digits);
  return n < 6e5 ? `${significant(n / 1e3)} s` : `${significant(n / 6e4)} min`;
}

function delayMs(rangeKm) {
  return (rangeKm / LIGHT_KM_PER_S) * 1000;
}

function bytesText(n) {
  if (n === null) return NO_VALUE;
  if (n < 1000) return `${whole(n)} B`;
  if (n < 1e6) return `${significant(n / 1e3)} kB`;
  return n < 1e9 ? `${significant(n / 1e6)} MB` : `${significant(n / 1e9)} GB`;
}

function gbps(n) {
  if (n === null) return NO_VALUE;
  if (n === 0) return "0";
  return n < 0.001
    ? `${significant(n * 1e6)} kbps`
    : n < 1
      ? `${significant(n * 1e3)} Mbps`
      : `${significant(n)} Gbps`;
}

function significant(n) {
  return n >= 100 ? whole(n) : n >= 10 ? n.toFixed(1) : n.toFixed(2);
}

// A share that is known in steps of 1/255.
function percent(share) {
  return share === null ? NO_VALUE : `${hundredths(share)} %`;
}

function hundredths(share) {
  return share > 0 && share < 0.005 ? "<1" : String(Math.round(share * 100));
}

function partOf(n, all) {
  if (!all) return NO_VALUE;
  const share = (100 * n) / all;
  return share === 100 || share === 0
    ? `${share} %`
    : `${Math.min(99.99, Math.max(0.01, share)).toFixed(2)} %`;
}

function degrees(n, positive, negative) {
  return `${Math.abs(n).toFixed(2)}° ${n < 0 ? negative : positive}`;
}

function plural(n, one, many) {
  return `${whole(n)} ${n === 1 ? one : many || `${one}s`}`;
}

// What is neither delivered nor dropped at the end: bundles may wait in a store.
function onTheWay(bundles) {
  return bundles ? "Stored or on the way" : "In flight";
}

// How many decimals of a second matter in an interval.
function timeDigits(durationS) {
  return durationS <= 100 ? 3 : durationS <= 3600 ? 1 : 0;
}

function utc(milliseconds, digits) {
  const text = new Date(Math.round(milliseconds)).toISOString(); // 2026-03-20T12:00:00.000Z
  return `${text.slice(0, 10)} ${text.slice(11, 19)}${digits > 0 ? text.slice(19, 20 + digits) : ""} UTC`;
}

// An element with properties (class, data-..., aria-..., on...) and children, which are elements or text.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

// A part of the panel that is built anew only when what it is about changes; its live texts are filled again
// each time, so that a button does not vanish under the pointer.
class Card {
  constructor(id) {
    this.root = byId(id);
    this.key = null;
    this.texts = [];
  }

  show(key, build) {
    if (key !== this.key) {
      this.key = key;
      this.texts = [];
      const focused = this.root.contains(document.activeElement) && document.activeElement.dataset.go;
      const live = (text) => {
        const span = document.createElement("span");
        this.texts.push([span, text]);
        return span;
      };
      this.root.replaceChildren(
        ...build(live)
          .flat()
          .filter((child) => child !== null),
      );
      if (focused) this.root.querySelector(`[data-go="${focused}"]`)?.focus();
    }
    this.root.hidden = false;
    for (const [span, text] of this.texts) {
      const now = text();
      if (span.textContent !== now) span.textContent = now;
    }
  }

  hide() {
    this.root.hidden = true;
    this.key = null;
  }
}
