// The search for a node by its name.

const MOST_MATCHES = 12;

// Names that hold what is typed; those that begin with it first.
class Search {
  constructor(app) {
    this.app = app;
    this.input = byId("search");
    this.list = byId("matches");
    this.lower = app.scene.names.map((name) => name.toLowerCase());
    this.found = [];
    this.at = 0;
    this.input.addEventListener("input", () => this.fill());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    this.input.addEventListener("focus", () => this.fill());
  }

  fill() {
    const text = this.input.value.trim().toLowerCase();
    const first = [];
    const later = [];
    for (let i = 0; text && i < this.lower.length && first.length < MOST_MATCHES; i++) {
      const place = this.lower[i].indexOf(text);
      if (place === 0) first.push(i);
      else if (place > 0 && later.length < MOST_MATCHES) later.push(i);
    }
    this.found = first.concat(later).slice(0, MOST_MATCHES);
    this.at = 0;
    this.draw(text !== "");
  }

  draw(open) {
    this.list.hidden = !open;
    this.input.setAttribute("aria-expanded", String(open));
    if (open && this.found.length) this.input.setAttribute("aria-activedescendant", `match-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
    const rows = this.found.map((node, i) =>
      element(
        "li",
        {
          role: "option",
          id: `match-${i}`,
          "aria-selected": String(i === this.at),
          onmousedown: () => this.choose(node),
        },
        this.app.scene.names[node],
      ),
    );
    this.list.replaceChildren(
      ...(rows.length ? rows : [element("li", { class: "quiet" }, "No node has such a name.")]),
    );
  }

  key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const n = this.found.length;
      if (n) this.at = (this.at + (event.key === "ArrowDown" ? 1 : n - 1)) % n;
      this.draw(n > 0);
      event.preventDefault();
    } else if (event.key === "Enter" && this.found.length) {
      this.choose(this.found[this.at]);
    } else if (event.key === "Escape") {
      this.input.value = "";
      this.input.blur();
      this.close();
    } else {
      return;
    }
    event.stopPropagation();
  }

  choose(node) {
    this.input.value = "";
    this.close();
    this.input.blur();
    this.app.select({ node });
    this.app.turnToNode(node);
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }
}
